# SPDX-License-Identifier: Apache-2.0
"""Writes results into marked sections of a document."""
from side_by_side import conditions
from side_by_side.process import BenchError
from side_by_side.server import LARDERD, MEMCACHED
from side_by_side.show import details, figure, limit_of, number, ratio_of, summary


def table(heading, rows):
    lines = ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def conditions_text(told, kinds=(LARDERD, MEMCACHED)):
    lines = ["Conditions:", ""] + [f"- {name}: {text}" for name, text in conditions.lines(told, kinds)]
    if told["load_average"] > conditions.BUSY_LOAD:
        lines += ["", f"**{conditions.warning(told)}**"]
    return lines


def verdict(met):
    return "met" if met else "**missed**"


def cells(result):
    """A row of the main tables."""
    rival = f"{result['rival']}: {figure(result, 'other')}" if result["rival"] else ""
    return (result["row"], result["what"], figure(result, "own"), rival, ratio_of(result), limit_of(result),
            verdict(result["met"]))


def detail_cells(result, name):
    part = result[name]
    return (result["row"], name, number(part["own"]), number(part["other"]), ratio_of(part))


def more_lines(results):
    """What rows without a table of their own tell beside their figure."""
    for result in results:
        told = [f"{name} {figure(part, 'own')}" + (f", {figure(part, 'other')}" if "other" in part else "")
                + (f" (ratio {ratio_of(part)})" if "ratio" in part else "")
                for name, part, _ in details(result) if name not in ("p50", "p99", "rate", "syncs", "cpu")]
        if told:
            yield f"- Row {result['row']}: " + "; ".join(told) + "."


def side_by_side(told, results):
    """The lines of the section."""
    def having(name):
        return [result for result in results if name in result]

    heading = ("row", "", LARDERD, "rival", "ratio (range)")
    latency = [(*detail_cells(result, name), verdict(result[name]["met"]) if "met" in result[name] else "")
               for result in having("p50") for name in ("p50", "p99")]
    return [
        summary(results) + ".", "",
        *table(("row", "what", LARDERD, "rival", "ratio (range)", "asked", ""), map(cells, results)), "",
        *more_lines(results), "",
        "Latency in microseconds, which shall be no worse than memcached's (a ratio of 1 or less):", "",
        *table((*heading, ""), latency), "",
        "Requests a second, with one core for the server and one for the load:", "",
        *table(heading, [detail_cells(result, "rate") for result in having("rate")]), "",
        "The server's own processor time for a request by gRPC, in microseconds:", "",
        *table(heading, [detail_cells(result, "cpu") for result in having("cpu")]), "",
        "System calls that wait for the disk, for 1,000 puts:", "",
        *table(heading, [detail_cells(result, "syncs") for result in having("syncs")]), "",
        *conditions_text(told),
    ]


def replace_section(path, name, lines):
    """Puts the lines between <!-- name --> and <!-- /name --> of the document; raises BenchError without both."""
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    text = path.read_text(encoding="utf-8")
    if text.count(opening) != 1 or text.count(closing) != 1 or text.index(opening) > text.index(closing):
        raise BenchError(f"{path} has no section between {opening} and {closing}")
    before, rest = text.split(opening)
    after = rest.split(closing)[1]
    path.write_text(before + opening + "\n" + "\n".join(lines) + "\n" + closing + after, encoding="utf-8")
