# SPDX-License-Identifier: Apache-2.0
"""bench/service: the load test of a near-cache service, `larder bench config`, on a durable group of one node."""
import argparse
import json

from side_by_side import arguments, conditions, markdown, show
from side_by_side.load import larder_bench
from side_by_side.main import read_result, seconds_argument
from side_by_side.process import BenchError
from side_by_side.rivals import DataDirectory
from side_by_side.server import LARDERD, Server

CONFIG = '[group "config"]\nbacking = store\n'
CONNECTIONS = 50
PERCENTILES = ("50", "66", "75", "80", "90", "95", "98", "99", "99.9", "99.99", "100")

EPILOGUE = """
  bench/service --json service.json --markdown
  bench/service --from service.json --markdown

Exit codes: 0 measured, 1 failed, or an answer was stale, 2 the arguments make no sense.
"""


def parse():
    parser = argparse.ArgumentParser(prog="bench/service", epilog=EPILOGUE,
                                     description="Runs the load test of a near-cache service against larderd.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time", type=seconds_argument, default=10.0, metavar="S", help="seconds of load (10)")
    arguments.add_output(parser)
    arguments.add_place(parser)
    return parser.parse_args()


def measure(given):
    place = arguments.make_place(given)
    noted = conditions.Conditions(place)
    noted.add_options(memory_mib=1024, threads=1, max_conns=16384)
    noted.add_data(place, rivals=())
    progress = show.Progress(1)
    progress.begin("the load test of a near-cache service")
    try:
        with DataDirectory(place) as data, Server(place, LARDERD, config=CONFIG, extra=("--data-dir", data)) as server:
            report = larder_bench(place, progress.tick, "config", "--server", server.address, "--connections",
                                  CONNECTIONS, "--time", f"{round(1000 * given.time)}ms")
    finally:
        progress.end()
    return {"conditions": noted.finish(), "report": report}


def milliseconds(microseconds):
    return f"{microseconds / 1000:.3f}"


def route_cells(name, route):
    latency = route["latency_us"]
    return (name, f"{route['requests']:,}", route["fails"], route.get("stale", ""),
            *(milliseconds(latency[which]) for which in ("p50", "p90", "mean", "min", "p100")),
            f"{route['body_bytes']:.1f}", show.number(route["requests_per_second"]))


def section(whole):
    """The lines of the document's section."""
    report = whole["report"]
    routes = report["routes"]
    return [
        f"{report['checked']:,} answers checked, {report['stale']} stale, {report['foreign']} foreign. Times are in "
        "milliseconds.", "",
        *markdown.table(("route", "requests", "fails", "stale", "median", "90 %", "mean", "min", "max", "bytes",
                         "requests/s"), [route_cells(name, route) for name, route in routes.items()]), "",
        *markdown.table(("route", *[f"{percentile} %" for percentile in PERCENTILES]),
                        [(name, *[milliseconds(route["latency_us"]["p" + percentile]) for percentile in PERCENTILES])
                         for name, route in routes.items()]), "",
        *markdown.conditions_text(whole["conditions"], (LARDERD,)),
    ]


def run(given):
    whole = read_result(given.source) if given.source else measure(given)
    print("\n".join(section(whole)))
    if given.json:
        given.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    if given.markdown:
        markdown.replace_section(given.markdown, "service", section(whole))
    return 0


def main():
    given = parse()
    return arguments.guard(lambda: run(given), "bench/service")
