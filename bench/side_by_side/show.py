# SPDX-License-Identifier: Apache-2.0
"""Results as a table on the terminal, and a line that tells how far the run is."""
import sys
import time

from side_by_side.rows import ROWS, VALUE, limit_text
from side_by_side.server import LARDERD

COLUMNS = "{:<4}{:<64}{:>24}{:>24}  {:<21}{:<22}{:<18}{}"


class Progress:
    """A line that is written over on a terminal, and one line a row elsewhere; on standard error."""

    def __init__(self, total):
        self._total = total
        self._live = sys.stderr.isatty()
        self._done = 0
        self._text = ""
        self._since = 0.0

    def begin(self, text):
        self._done += 1
        self._text = f"[{self._done}/{self._total}] {text}"
        self._since = time.monotonic()
        if self._live:
            self.tick()
        else:
            print(self._text, file=sys.stderr, flush=True)

    def tick(self):
        if self._live:
            print(f"\r\033[K{self._text} ... {time.monotonic() - self._since:.0f} s", end="", file=sys.stderr,
                  flush=True)

    def end(self):
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def range_text(ratio):
    return f"{ratio['median']:.3f} ({ratio['min']:.3f}-{ratio['max']:.3f})"


def verdict(met):
    return "met" if met else "MISSED"


def limit_of(result):
    return limit_text(next(row for row in ROWS if row.number == result["row"]))


def figure(part, name):
    unit = part["unit"].replace("us CPU/request", "us CPU")
    return f"{number(part[name])} {unit}" if name in part else ""


def ratio_of(part):
    return range_text(part["ratio"]) if "ratio" in part else ""


def details(result):
    """What is told of a row beside the figure that it is judged by: (name, part, limit)."""
    for name in ("p50", "p99", "rate", "syncs", "cpu"):
        if name in result:
            yield name, result[name], "up to 1" if "met" in result[name] else ""
    if "tuned" in result:
        yield "nginx keeps files open", result["tuned"], ""
    if "file" in result:
        yield "memory of files", result["file"], ""
    if "h2load" in result:
        yield "against h2load", result["h2load"], ""
    if "single" in result:
        yield "a single member", result["single"], ""
    if "one_by_one" in result:
        yield "one operation after the other", result["one_by_one"], ""
    if "max_ms" in result:
        yield f"median of {result['samples']}", {"unit": "ms", "own": result["p50_ms"]}, ""
        yield "the longest", {"unit": "ms", "own": result["max_ms"]}, ""
    if "load_seconds" in result:
        yield "loading them", {"unit": "s", "own": result["load_seconds"]}, ""
    if "median_gap" in result:
        yield f"median of {result['kills']} kills", {"unit": "ms", "own": result["median_gap"]}, ""
    if "warm" in result:
        yield "file in the page cache", {"unit": "s", "own": result["warm"]}, ""
        yield "resident memory then", {"unit": "MiB", "own": result["resident_mib"]}, ""
        yield "files", {"unit": "MiB", "own": result["file_mib"]}, ""
    for part in result.get("more", ()):
        yield part["name"], part, ""


def rows_of(result):
    """The lines of the table for one result."""
    yield (result["row"], result["what"], figure(result, "own"), figure(result, "other"), result["rival"] or "",
           ratio_of(result), limit_of(result), verdict(result["met"]))
    for name, part, limit in details(result):
        yield ("", "  " + name, figure(part, "own"), figure(part, "other"), "", ratio_of(part), limit,
               verdict(part["met"]) if limit else "")


def print_heading():
    print(COLUMNS.format("row", "what", LARDERD, "rival", "", "ratio (range)", "asked", "").rstrip(), flush=True)


def print_result(result):
    for row in rows_of(result):
        print(COLUMNS.format(*row).rstrip(), flush=True)


def summary(results):
    """What is met and what is not, in one sentence."""
    missed = [f"{result['row']}" for result in results if not result["met"]]
    worse = [f"row {result['row']} {name}" for result in results for name in ("p50", "p99")
             if name in result and not result[name].get("met", True)]
    return (f"{len(results) - len(missed)} of {len(results)} rows met"
            + (f"; MISSED: row {', '.join(missed)}" if missed else "")
            + (f"; latency worse than memcached's: {', '.join(worse)}" if worse else ""))


def print_summary(results):
    print("\n" + summary(results))
    if any(result["judged"] == VALUE for result in results):
        print("rows with a unit under 'asked' judge larderd's own figure, the others the median ratio")
