# SPDX-License-Identifier: Apache-2.0
"""Writes results into marked sections of a document."""
from side_by_side import conditions
from side_by_side.server import LARDERD, MEMCACHED, BenchError
from side_by_side.show import limit_of, number, range_text, summary


def table(heading, rows):
    lines = ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def conditions_text(told):
    lines = ["Conditions:", ""] + [f"- {name}: {text}" for name, text in conditions.lines(told)]
    if told["load_average"] > conditions.BUSY_LOAD:
        lines += ["", f"**{conditions.warning(told)}**"]
    return lines


def verdict(met):
    return "met" if met else "**missed**"


def side_by_side(told, results):
    """The lines of the section."""
    main = [(result["row"], result["what"], f"{number(result[LARDERD])} {result['unit']}", number(result[MEMCACHED]),
             range_text(result["ratio"]), limit_of(result), verdict(result["met"])) for result in results]
    latency = [(result["row"], name, number(part[LARDERD]), number(part[MEMCACHED]), range_text(part["ratio"]),
                verdict(part["met"])) for result in results for name in ("p50", "p99")
               for part in [result.get(name)] if part]
    rate = [(result["row"], number(result["rate"][LARDERD]), number(result["rate"][MEMCACHED]),
             range_text(result["rate"]["ratio"])) for result in results if "rate" in result]
    return [
        summary(results) + ".", "",
        *table(("row", "what", LARDERD, MEMCACHED, "ratio (range)", "at least", ""), main), "",
        "Latency in microseconds, which shall be no worse than memcached's (a ratio of 1 or less):", "",
        *table(("row", "", LARDERD, MEMCACHED, "ratio (range)", ""), latency), "",
        "Requests a second, with one core for the server and one for the load:", "",
        *table(("row", LARDERD, MEMCACHED, "ratio (range)"), rate), "",
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
