#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the miss ratios that `missratio --json` writes.

usage: missratio --json TRACE.csv.gz | plot.py [--format svg] DIRECTORY

Writes missratio-zipf and, if the trace is among the runs, missratio-trace into DIRECTORY.
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

# name -> label, colour, line style, marker, width; also the order of the legend
LOOKS = {
    "fifo": ("FIFO", "#b0b0b0", ":", "", 1.4),
    "lru": ("LRU", "#d95f02", "-", "s", 1.8),
    "clock": ("CLOCK", "#8c6d31", "--", "", 1.4),
    "sieve": ("SIEVE", "#7570b3", "-", "^", 1.4),
    "s3fifo": ("S3-FIFO as published", "#66a61e", "--", "v", 1.4),
    "larder": ("S3-FIFO by segments, adaptive (simulated)", "#1f78b4", ":", "", 1.8),
    "table": ("Larder's table (its budget pays all overhead)", "#0b3c7d", "-", "o", 2.6),
    "belady": ("clairvoyant (Belady)", "#000000", "-.", "", 1.6),
    "belady-size": ("clairvoyant by size", "#888888", "-.", "", 1.6),
}


def read_runs(lines):
    """load -> policy -> runs ordered by cache size"""
    loads = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in lines:
        run = json.loads(line)
        loads[run["load"]][run["policy"]].append(run)
    for policies in loads.values():
        for runs in policies.values():
            runs.sort(key=lambda run: run["percent"])
    return loads


def draw(axes, policies, value, title):
    for name, (label, colour, style, marker, width) in LOOKS.items():
        if name in policies:
            runs = policies[name]
            axes.plot([run["percent"] for run in runs], [100 * run[value] for run in runs], label=label, color=colour,
                      linestyle=style, marker=marker, markersize=4.5, linewidth=width, zorder=2 + width)
    axes.set_title(title, fontsize=10)
    axes.grid(True, alpha=0.3)


def mark_sizes(axes, policies, log):
    sizes = sorted({run["percent"] for runs in policies.values() for run in runs})
    if log:
        axes.set_xscale("log")
    axes.set_xticks(sizes if log else [size for size in sizes if size >= 5])
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(lambda size, _: f"{size:g}")


def finish(figure, axes, title, path):
    handles = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    figure.suptitle(title, fontsize=12)
    figure.legend(handles.values(), handles.keys(), loc="lower center", ncol=4, fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0.11 if len(axes) < 4 else 0.07, 1, 0.99))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
    plt.close(figure)
    print(path)


def plot_trace(loads, path):
    panels = [("trace", "object_miss_ratio", "every object counts 1: requests missed"),
              ("trace-bytes", "object_miss_ratio", "real sizes: requests missed"),
              ("trace-bytes", "byte_miss_ratio", "real sizes: bytes missed")]
    figure, axes = plt.subplots(1, 3, figsize=(13, 5.2))
    for one, (load, value, title) in zip(axes, panels):
        draw(one, loads[load], value, title)
        mark_sizes(one, loads[load], log=False)
        one.set_xlabel("cache size, % of the footprint")
    axes[0].set_ylabel("miss ratio, %")
    finish(figure, axes, "Block trace of one virtual machine, one week: lower is better", path)


def plot_zipf(loads, names, path):
    plain = [name for name in names if "+" not in name]
    figure, grid = plt.subplots(2, len(plain), figsize=(13, 8), squeeze=False)
    for column, name in enumerate(plain):
        for row, load in enumerate((name, name + "+scan")):
            axes = grid[row][column]
            alpha = float(name.removeprefix("zipf:"))
            draw(axes, loads[load], "object_miss_ratio", f"Zipf {alpha:.1f}" + (", with scans" if row else ""))
            mark_sizes(axes, loads[load], log=True)
            if row:
                axes.set_xlabel("cache size, % of 100,000 objects")
        grid[0][0].set_ylabel("miss ratio, %")
        grid[1][0].set_ylabel("miss ratio, %")
    finish(figure, list(grid.flat), "Zipf loads: lower is better", path)


def main():
    parser = argparse.ArgumentParser(description="Draws what `missratio --json` writes to standard input.")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--format", default="svg", choices=("svg", "png"))
    arguments = parser.parse_args()
    loads = read_runs(sys.stdin)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    zipf = [name for name in loads if name.startswith("zipf:")]
    if zipf:
        plot_zipf(loads, zipf, arguments.directory / f"missratio-zipf.{arguments.format}")
    if "trace" in loads and "trace-bytes" in loads:
        plot_trace(loads, arguments.directory / f"missratio-trace.{arguments.format}")
    if not loads:
        sys.exit("nothing to draw: pipe the output of `missratio --json` in")


if __name__ == "__main__":
    main()
