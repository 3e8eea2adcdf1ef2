# SPDX-License-Identifier: Apache-2.0
"""bench/table: etcd's page about its performance, by `larder bench table`, of three members of etcd and of larderd."""
import argparse
import json
import pathlib

from side_by_side import arguments, conditions, markdown, show
from side_by_side.etcd_cluster import Cluster
from side_by_side.load import larder_bench
from side_by_side.main import read_result
from side_by_side.rivals import ETCD, DataDirectory
from side_by_side.server import LARDERD, Server

CONFIG = '[group "durable"]\nbacking = store\n'
SIDES = {"A": "etcd, three members", "B": "larderd, one node"}
PLOT = arguments.ROOT / "docs" / "plots" / "etcd-table.svg"

EPILOGUE = """
  bench/table                                     on the terminal, about two minutes
  bench/table --json table.json --markdown --plot the same, the section of docs/BENCHMARKS.md and its picture
  bench/table --from table.json --markdown        the section anew, from a result

Exit codes: 0 measured, 1 failed, 2 the arguments make no sense.
"""


def scale_argument(text):
    if not 0 < float(text) <= 1:
        raise ValueError
    return float(text)


scale_argument.__name__ = "fraction"  # argparse names the kind of an argument in its errors


def parse():
    parser = argparse.ArgumentParser(prog="bench/table", epilog=EPILOGUE, description="Measures etcd's published table.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=scale_argument, default=1.0, metavar="FRACTION",
                        help="that part of the keys and requests: to see that it works, not to believe (1)")
    parser.add_argument("--plot", type=pathlib.Path, nargs="?", const=PLOT, metavar="FILE",
                        help="draw it into FILE (docs/plots/etcd-table.svg)")
    arguments.add_output(parser)
    arguments.add_place(parser)
    return parser.parse_args()


def measure(given):
    place = arguments.make_place(given)
    noted = conditions.Conditions(place)
    noted.add_options(memory_mib=1024, threads=1, max_conns=16384)
    noted.add_data(place, rivals=(ETCD,))
    progress = show.Progress(1)
    progress.begin("etcd's table")
    plot = ("--plot", given.plot) if given.plot else ()
    try:
        with DataDirectory(place) as data, Cluster(place, data, pinned=True) as cluster, DataDirectory(place) as own, \
                Server(place, LARDERD, config=CONFIG, extra=("--data-dir", own)) as server:
            report = larder_bench(place, progress.tick, "table", "--endpoints", cluster.endpoints(cluster.leader()),
                                  "--vs", server.address, "--scale", given.scale, *plot)
    finally:
        progress.end()
    return {"conditions": noted.finish(), "report": report}


def memory_text(result):
    memory = result["server_rss_bytes"]
    return " / ".join(f"{each / 2 ** 20:.0f}" for each in memory) + " MiB" if memory else "-"


def cells(row, result, aim, writes):
    latency = result["latency_us"]
    told = [f"{row['keys' if writes else 'requests']:,}", row["key_size"], row["value_size"], row["conns"],
            f"{row['clients']:,}", row[aim], SIDES[result["server"]], f"{result['requests_per_second']:,.0f}",
            f"{latency['mean'] / 1000:.3f} ms"]
    return told + ([memory_text(result)] if writes else [f"{latency[name] / 1000:.3f} ms" for name in ("p50", "p99")])


def lines_of(rows, aim, writes):
    return [cells(row, result, aim, writes) for row in rows for result in row["results"]]


def section(whole):
    """The lines of the document's section."""
    report = whole["report"]
    heading = ("key bytes", "value bytes", "connections", "clients")
    return [
        *markdown.table(("keys", *heading, "target", "server", "writes/s", "mean latency", "RSS of each server"),
                        lines_of(report["writes"], "target", True)), "",
        *markdown.table(("requests", *heading, "consistency", "server", "reads/s", "mean latency", "p50", "p99"),
                        lines_of(report["reads"], "consistency", False)), "",
        *markdown.conditions_text(whole["conditions"], (LARDERD,)),
    ]


def run(given):
    whole = read_result(given.source) if given.source else measure(given)
    print("\n".join(section(whole)))
    if given.json:
        given.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    if given.markdown:
        markdown.replace_section(given.markdown, "etcd-table", section(whole))
    return 0


def main():
    given = parse()
    return arguments.guard(lambda: run(given), "bench/table")
