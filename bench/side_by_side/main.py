# SPDX-License-Identifier: Apache-2.0
"""bench/run: larderd beside memcached, etcd, nginx and other servers."""
import argparse
import dataclasses
import json
import sys

from side_by_side import arguments, conditions, markdown, show
from side_by_side.measure import measure
from side_by_side.process import BenchError
from side_by_side.rows import ROWS

EPILOGUE = """
Servers run pinned to one processor, the load to another, with one thread and 1 GiB where that can be said; rows are
measured in turns (larderd, its rival, larderd ...), and a ratio is larderd's figure divided by the rival's in the same
turn. A good figure needs a machine that does nothing else, and for durable rows a disk.

  bench/run                                  everything, about fifteen minutes
  bench/run --rows 1,3 --rounds 9            two rows, more turns
  bench/run --json result.json --markdown    everything, and the section of docs/BENCHMARKS.md
  bench/run --from result.json --markdown    the section anew, from a result

Exit codes: 0 measured (whether rows are met or not), 1 failed, 2 the arguments make no sense.
"""


@dataclasses.dataclass(frozen=True)
class Settings:
    rounds: int
    time_ms: int
    warmup_ms: int


def rows_argument(text):
    numbers = [int(word) for word in text.split(",")]
    known = {row.number: row for row in ROWS}
    if not set(numbers) <= set(known):
        raise ValueError
    return [row for row in ROWS if row.number in numbers]


def count_argument(text):
    if int(text) < 1:
        raise ValueError
    return int(text)


def seconds_argument(text):
    if not 0.01 <= float(text) <= 3600:
        raise ValueError
    return float(text)


# argparse names the kind of an argument in its errors.
rows_argument.__name__ = "list of rows"
count_argument.__name__ = "count"
seconds_argument.__name__ = "time"


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description="Compares larderd with memcached, etcd, nginx and others.",
                                     epilog=EPILOGUE, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=rows_argument, default=list(ROWS), metavar="N[,N...]", help="only these rows")
    parser.add_argument("--rounds", type=count_argument, metavar="N", help="turns of both servers (5)")
    parser.add_argument("--time", type=seconds_argument, metavar="S", help="seconds of load in each turn (2)")
    parser.add_argument("--quick", action="store_true", help="short turns: to see that it works, not to believe")
    arguments.add_output(parser)
    arguments.add_place(parser)
    given = parser.parse_args()
    if given.markdown and (given.quick or len(given.rows) < len(ROWS)):
        parser.error("--markdown takes a result of all rows and of full turns")
    return given


def make_settings(given):
    rounds, seconds, warmup_ms = (2, 0.3, 100) if given.quick else (5, 2.0, 500)
    return Settings(given.rounds or rounds, round(1000 * (given.time or seconds)), warmup_ms)


def measure_rows(rows, place, settings):
    progress = show.Progress(len(rows))
    results, failed = [], []
    show.print_heading()
    for row in rows:
        progress.begin(row.what)
        try:
            results.append(measure(row, place, settings, progress.tick))
        except BenchError as error:  # what the other rows say is worth having
            failed.append(f"row {row.number}: {error}")
            print(f"bench/run: {failed[-1]}", file=sys.stderr)
            continue
        finally:
            progress.end()
        show.print_result(results[-1])
    return results, failed


def run_all(given):
    place = arguments.make_place(given)
    settings = make_settings(given)
    noted = conditions.Conditions(place)
    noted.add_options(memory_mib=1024, threads=1, max_conns=16384)
    noted.add_data(place)
    noted.told.update(dataclasses.asdict(settings))
    for name, text in conditions.lines(noted.told):
        print(f"{name}: {text}")
    print()
    if noted.is_busy:
        print("warning: " + conditions.warning(noted.told) + "\n", file=sys.stderr)
    results, failed = measure_rows(given.rows, place, settings)
    told = noted.finish()
    show.print_summary(results)
    print(*[f"{name}: {text}" for name, text in conditions.lines(told) if name == "over the run"], sep="\n")
    return {"conditions": told, "quick": given.quick, "rows": results}, failed


def read_result(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: {error}") from error


def run(given):
    if given.source:
        whole = read_result(given.source)
        show.print_heading()
        for result in whole["rows"]:
            show.print_result(result)
        failed = []
    else:
        whole, failed = run_all(given)
    if given.json:
        given.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    if failed:
        raise BenchError("not measured: " + "; ".join(failed))
    if given.markdown:
        if whole["quick"] or len(whole["rows"]) < len(ROWS):
            raise BenchError("--markdown takes a result of all rows and of full turns")
        markdown.replace_section(given.markdown, "side-by-side",
                                 markdown.side_by_side(whole["conditions"], whole["rows"]))
    return 0


def main():
    given = parse()
    return arguments.guard(lambda: run(given), "bench/run")
