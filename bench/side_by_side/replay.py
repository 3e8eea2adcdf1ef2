# SPDX-License-Identifier: Apache-2.0
"""bench/replay: a recorded trace against both servers with equal memory, and what each missed."""
import argparse
import json
import pathlib

from side_by_side import arguments, conditions, markdown, show
from side_by_side.main import read_result
from side_by_side.load import larder_bench
from side_by_side.measure import KINDS
from side_by_side.process import BenchError
from side_by_side.server import LARDERD, MEMCACHED, Server

MEMORY_MIB = (64, 128, 256, 384, 512, 768, 1024)
COLUMNS = "{:>10}  {:<10}{:>12}{:>12}{:>14}{:>14}{:>14}"
HEADING = ("memory", "server", "gets missed", "bytes", "resident MiB", "requests/s", "us CPU")
WHATS = ("missed", "bytes missed", "resident MiB", "us CPU/request")

EPILOGUE = """
One connection replays the trace in its order: a read is a get, and a set when it missed; a write is a set. What is
counted are the gets, and the bytes that they asked for.

  bench/replay week.csv.gz --json replay.json --markdown
  bench/replay --from replay.json --markdown

Exit codes: 0 measured, 1 failed, 2 the arguments make no sense.
"""


def memory_argument(text):
    sizes = [int(word) for word in text.split(",")]
    if min(sizes) < 1:
        raise ValueError
    return sizes


memory_argument.__name__ = "list of MiB"


def parse():
    parser = argparse.ArgumentParser(prog="bench/replay", epilog=EPILOGUE,
                                     description="Replays a trace against larderd and memcached with equal memory.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", nargs="?", type=pathlib.Path, metavar="TRACE",
                        help=".csv or .csv.gz with the columns version,time,op,size,lbn")
    parser.add_argument("--memory", type=memory_argument, default=list(MEMORY_MIB), metavar="MIB[,MIB...]",
                        help=f"the memory given to both ({','.join(map(str, MEMORY_MIB))})")
    arguments.add_output(parser)
    arguments.add_place(parser)
    given = parser.parse_args()
    if (given.trace is None) == (given.source is None):
        parser.error("name either a TRACE or a result with --from")
    return given


def replay(place, kind, trace, memory_mib, tick):
    with Server(place, kind, memory_mib=memory_mib) as server:
        run, = larder_bench(place, tick, server.address, "--server-pid", server.pid, "--trace", trace,
                            "--connections", 1)["runs"]
    if run["errors"] or run["wrong_sizes"]:
        raise BenchError(f"{kind}: {run['errors']} errors, {run['wrong_sizes']} values of a wrong size")
    return {"kind": kind, "memory_mib": memory_mib, "gets": run["gets"], "sets": run["sets"],
            "miss_ratio": run["miss_ratio"], "byte_miss_ratio": run["byte_miss_ratio"],
            "resident_bytes": run["server_resident_bytes"], "requests_per_second": run["requests_per_second"],
            "server_cpu_us_per_request": run["server_cpu_us_per_request"]}


def cells(result):
    return (f"{result['memory_mib']} MiB", result["kind"], f"{100 * result['miss_ratio']:.2f} %",
            f"{100 * result['byte_miss_ratio']:.2f} %", f"{result['resident_bytes'] / 2 ** 20:.0f}",
            show.number(result["requests_per_second"]), show.number(result["server_cpu_us_per_request"]))


def replay_all(given):
    place = arguments.make_place(given)
    noted = conditions.Conditions(place)
    noted.add_options(memory_mib="N", threads=1, max_conns=16384)
    progress = show.Progress(len(given.memory) * len(KINDS))
    results = []
    print(COLUMNS.format(*HEADING), flush=True)
    for memory_mib in given.memory:
        for kind in KINDS:
            progress.begin(f"{memory_mib} MiB, {kind}")
            try:
                results.append(replay(place, kind, given.trace.resolve(), memory_mib, progress.tick))
            finally:
                progress.end()
            print(COLUMNS.format(*cells(results[-1])), flush=True)
    return {"conditions": noted.finish(), "replays": results}


def section(whole):
    """The lines of the document's section."""
    by_memory = {}
    for result in whole["replays"]:
        by_memory.setdefault(result["memory_mib"], {})[result["kind"]] = result
    rows = [(f"{memory} MiB",
             *[f"{100 * both[kind][name]:.2f}" for name in ("miss_ratio", "byte_miss_ratio") for kind in KINDS],
             *[f"{both[kind]['resident_bytes'] / 2 ** 20:.0f}" for kind in KINDS],
             *[f"{both[kind]['server_cpu_us_per_request']:.1f}" for kind in KINDS])
            for memory, both in by_memory.items()]
    first = whole["replays"][0]
    return [
        f"{first['gets']:,} gets; misses are in % of them, and in % of the bytes that they asked for.", "",
        *markdown.table(("memory", *[f"{what}, {kind}" for what in WHATS
                                     for kind in (LARDERD, MEMCACHED)]), rows), "",
        *markdown.conditions_text(whole["conditions"]),
    ]


def run(given):
    whole = read_result(given.source) if given.source else replay_all(given)
    if given.json:
        given.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    if given.markdown:
        markdown.replace_section(given.markdown, "replay", section(whole))
    return 0


def main():
    given = parse()
    return arguments.guard(lambda: run(given), "bench/replay")
