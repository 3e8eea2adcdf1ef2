#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws what `ring` writes.

usage: ring | plot.py [--format svg] DIRECTORY

Writes ring-balance and ring-cost into DIRECTORY.
"""
import argparse
import collections
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "larder"  # the same data gives the same file
import matplotlib.pyplot as plt  # noqa: E402

# (algorithm, parameter) -> label, colour, line style, marker, width; also the order of the legend
LOOKS = {
    ("ketama", 100): ("ketama, 100 points", "#fdae6b", ":", "", 1.4),
    ("ketama", 160): ("ketama, 160 points", "#d95f02", "-", "s", 1.8),
    ("ketama", 1000): ("ketama, 1,000 points", "#8c6d31", "--", "", 1.4),
    ("jump", 0): ("jump hash", "#b0b0b0", "-", "", 1.4),
    ("maglev", 65537): ("Maglev, 65,537 entries", "#b2df8a", "--", "v", 1.4),
    ("maglev", 655373): ("Maglev, 655,373 entries", "#66a61e", "-", "v", 1.4),
    ("multiprobe", 21): ("multi-probe, 21 probes", "#7570b3", "-", "^", 1.4),
    ("rendezvous", 0): ("rendezvous", "#000000", "-.", "", 1.6),
    ("slots", 14): ("rendezvous of 2^14 slots", "#9ecae1", ":", "", 1.4),
    ("slots", 16): ("rendezvous of 2^16 slots", "#4292c6", "--", "", 1.4),
    ("larder", 18): ("Larder: rendezvous of 2^18 slots", "#0b3c7d", "-", "o", 2.6),
    ("slots", 20): ("rendezvous of 2^20 slots", "#1f78b4", "-.", "", 1.4),
}


def read_runs(lines):
    """(algorithm, parameter) -> its runs, ordered by the number of nodes"""
    algorithms = collections.defaultdict(list)
    for line in lines:
        run = json.loads(line)
        algorithms[run["algorithm"], run["parameter"]].append(run)
    for runs in algorithms.values():
        runs.sort(key=lambda run: run["nodes"])
    return algorithms


def draw(axes, algorithms, value, title, unit, log=False):
    for key, (label, colour, style, marker, width) in LOOKS.items():
        if key in algorithms:
            runs = algorithms[key]
            axes.plot([run["nodes"] for run in runs], [value(run) for run in runs], label=label, color=colour,
                      linestyle=style, marker=marker, markersize=4.5, linewidth=width, zorder=2 + width)
    sizes = sorted({run["nodes"] for runs in algorithms.values() for run in runs})
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("nodes")
    axes.set_ylabel(unit)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_xticks([], minor=True)
    axes.grid(True, alpha=0.3)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda number, _: f"{number:g}")


def finish(figure, axes, title, path):
    handles = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    figure.suptitle(title, fontsize=12)
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncol=4, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.15, 1, 0.99))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
    plt.close(figure)
    print(path)


def plot_balance(algorithms, path):
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.4))
    draw(axes[0], algorithms, lambda run: run["fullest"]["mean"], "the fullest node", "times the mean")
    axes[0].set_ylim(0.98, 1.6)
    draw(axes[1], algorithms, lambda run: run["emptiest"]["mean"], "the emptiest node", "times the mean")
    axes[1].set_ylim(0.4, 1.02)
    draw(axes[2], algorithms, lambda run: max(run["come"]["mean"], run["go"]["mean"]),
         "keys that move when a node comes or goes", "times the node's fair share", log=True)
    finish(figure, axes, "How even, and how still: closer to 1 is better", path)


def plot_cost(algorithms, path):
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.4))
    draw(axes[0], algorithms, lambda run: run["look_up_ns"], "look-up, one waiting for the other", "ns", log=True)
    draw(axes[1], algorithms, lambda run: run["cold_pipelined_ns"], "look-ups of known keys, caches cold", "ns", log=True)
    draw(axes[2], algorithms, lambda run: run["change_ms"]["least"], "after a node has come or gone", "ms", log=True)
    finish(figure, axes, "What it costs: lower is better", path)


def main():
    parser = argparse.ArgumentParser(description="Draws what `ring` writes to standard input.")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--format", default="svg", choices=("svg", "png"))
    arguments = parser.parse_args()
    algorithms = read_runs(sys.stdin)
    if not algorithms:
        sys.exit("nothing to draw: pipe the output of `ring` in")
    arguments.directory.mkdir(parents=True, exist_ok=True)
    plot_balance(algorithms, arguments.directory / f"ring-balance.{arguments.format}")
    plot_cost(algorithms, arguments.directory / f"ring-cost.{arguments.format}")


if __name__ == "__main__":
    main()
