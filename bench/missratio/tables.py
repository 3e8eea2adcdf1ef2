#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the miss ratios of `missratio --json` as tables into the section miss-ratios of a document.

usage: missratio --json TRACE.csv.gz | tables.py docs/BENCHMARKS.md
"""
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from plot import LOOKS, read_runs  # noqa: E402
from side_by_side.markdown import replace_section, table  # noqa: E402

VALUES = {"object_miss_ratio": "requests", "byte_miss_ratio": "bytes"}


def title(load, value):
    if load.startswith("zipf:"):
        return load.replace("zipf:", "Zipf ").replace("+scan", " with scans") + ", requests missed"
    if load == "trace":
        return "The trace, every object counts 1, requests missed"
    return f"The trace with its sizes, {VALUES[value]} missed"


def section(load, policies, value):
    sizes = [f"{run['percent']:g} %" for run in next(iter(policies.values()))]
    rows = [[LOOKS[name][0], *[f"{100 * run[value]:.2f}" for run in policies[name]]]
            for name in LOOKS if name in policies]
    return [f"{title(load, value)}, in %, by cache size:", "", *table(["policy", *sizes], rows), ""]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lines = []
    for load, policies in read_runs(sys.stdin).items():
        for value in VALUES if load == "trace-bytes" else ["object_miss_ratio"]:
            lines += section(load, policies, value)
    if not lines:
        sys.exit("nothing to write: pipe the output of `missratio --json` in")
    replace_section(pathlib.Path(sys.argv[1]), "miss-ratios", lines[:-1])


if __name__ == "__main__":
    main()
