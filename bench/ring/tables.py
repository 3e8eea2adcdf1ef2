#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what `ring` measures as tables into the section ring of a document.

usage: ring | tables.py docs/RING.md
"""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from plot import LOOKS, read_runs  # noqa: E402
from side_by_side.markdown import replace_section, table  # noqa: E402


def three(number):
    """Three digits that count."""
    return f"{number:.0f}" if number >= 99.5 else f"{number:.3g}"


def memory(size):
    return f"{size / 1024:,.0f} KiB" if size >= 1024 else "< 1 KiB"


# title, what is shown of a run, of how many nodes (None: all)
SECTIONS = [
    ("The fullest node, times the mean: over ten sets of names, and the worst of them",
     lambda run: f"{run['fullest']['mean']:.3f} ({run['fullest']['most']:.3f})", None),
    ("The emptiest node, times the mean: likewise",
     lambda run: f"{run['emptiest']['mean']:.3f} ({run['emptiest']['least']:.3f})", None),
    ("Keys that move when one node more is there, times its fair share: likewise",
     lambda run: f"{run['come']['mean']:.3f} ({run['come']['most']:.3f})", None),
    ("Keys that move when a node is gone, times its fair share: likewise",
     lambda run: f"{run['go']['mean']:.3f} ({run['go']['most']:.3f})", None),
    ("Of the keys that move, how many go from one node that stays to another, in % (come, go)",
     lambda run: f"{100 * run['come_needless']['mean']:.1f}, {100 * run['go_needless']['mean']:.1f}", None),
    ("Look-up in ns, with the hash of the key: warm, each waiting for the one before; cold likewise; cold, of known keys",
     lambda run: f"{three(run['look_up_ns'])}; {three(run['cold_ns'])}; {three(run['cold_pipelined_ns'])}",
     (10, 100, 1000)),
    ("Making it in ms: from nothing; after one node has come or gone",
     lambda run: f"{three(run['build_ms']['least'])}; {three(run['change_ms']['least'])}", (10, 100, 1000)),
    ("Memory", lambda run: memory(run["memory"]), (10, 100, 1000)),
]


def section(algorithms, title, shown, sizes):
    sizes = sizes or sorted({run["nodes"] for runs in algorithms.values() for run in runs})
    rows = []
    for key in (key for key in LOOKS if key in algorithms):
        cells = {run["nodes"]: shown(run) for run in algorithms[key]}
        rows.append([LOOKS[key][0], *[cells.get(size, "") for size in sizes]])
    return [f"{title}:", "", *table(["nodes", *[f"{size:,}" for size in sizes]], rows), ""]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    algorithms = read_runs(sys.stdin)
    if not algorithms:
        sys.exit("nothing to write: pipe the output of `ring` in")
    lines = [line for title, shown, sizes in SECTIONS for line in section(algorithms, title, shown, sizes)]
    run = next(iter(algorithms.values()))[0]
    lines += [f"The hash of the key and the loop around it alone take {three(run['hash_ns'])} ns; a load from a table of 512 KiB "
              f"that no cache has, when the next one waits for it, takes {three(run['memory_ns'])} ns on this machine."]
    replace_section(pathlib.Path(sys.argv[1]), "ring", lines)


if __name__ == "__main__":
    main()
