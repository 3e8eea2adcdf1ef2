# SPDX-License-Identifier: Apache-2.0
"""bench/simulate: `larder simulate` on three members of etcd, and the same operations on MariaDB."""
import argparse
import json
import statistics
import subprocess
import tempfile

from side_by_side import arguments, conditions, mariadb, markdown, show
from side_by_side.etcd_cluster import SIZE, Cluster
from side_by_side.load import pair
from side_by_side.main import count_argument, read_result
from side_by_side.mariadb import MARIADB, MariaDB, Script
from side_by_side.process import BenchError, run_ticking
from side_by_side.rivals import ETCD, DataDirectory
from side_by_side.scenario import command, simulate, take_report

ASKED = 2
MANY = 100
KILL_PERCENT = 12
ALONE, BOTH, CONNECTION = "one operation after the other", f"{MANY} operations in flight", "one connection each"
NOTES = {
    ALONE: "one client on both sides, which waits for each answer before it asks again",
    BOTH: f"{MANY} operations in flight on both sides: over one connection of `larder simulate`, and as {MANY} "
          f"connections to {MARIADB}",
    CONNECTION: f"a connection of gRPC, which carries {MANY} operations at a time, beside one of {MARIADB}, which "
                "carries one",
}

EPILOGUE = f"""
Each turn starts three members of etcd, and then a {MARIADB}, in fresh directories on the disk, with their own defaults, so
a write is on the disk before it is answered, and free to use all processors. The operations are those of `larder simulate
--dump`: the same on both sides, in the same order for each device.

  bench/simulate                                   five turns, about ten minutes
  bench/simulate --json simulate.json --markdown   and the section of docs/BENCHMARKS.md
  bench/simulate --iterations 10000 --rounds 1     does it work? Not for figures

Exit codes: 0 measured, 1 failed, or an answer was wrong, 2 the arguments make no sense.
"""


def parse():
    parser = argparse.ArgumentParser(prog="bench/simulate", epilog=EPILOGUE,
                                     description=f"Runs the experiment of the dying leader, and its operations on "
                                                 f"{MARIADB}.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=count_argument, default=100_000, metavar="N", help="operations (100000)")
    parser.add_argument("--seed", type=count_argument, default=123, metavar="N", help="of the scenario (123)")
    parser.add_argument("--rounds", type=count_argument, default=5, metavar="N", help="turns of both (5)")
    arguments.add_output(parser)
    arguments.add_place(parser)
    return parser.parse_args()


# --- larder simulate ---

def plan(place, given):
    return take_report(*run_ticking(command(place, given, "--plan"), lambda: None))


def operations(place, given):
    """What --dump tells, as (kind, device, ip)."""
    done = subprocess.run([word for word in command(place, given, "--dump", "-")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise BenchError("larder simulate --dump failed")
    return [line.split() for line in done.stdout.decode().splitlines()]


def simulate_death(place, given, tick):
    """The leader, which is the member in use, is killed on the way, and started again when the others are counted."""
    with DataDirectory(place) as data, Cluster(place, data) as cluster, tempfile.TemporaryFile() as out:
        leader = cluster.leader()
        with subprocess.Popen(command(place, given, "--endpoints", cluster.endpoints(leader), "--json-progress"),
                              stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE) as process:
            try:
                said = watch(process.stderr, cluster, leader, tick)
                process.wait()
            except BaseException:
                process.kill()
                raise
        out.seek(0)
        return take_report(process.returncode, out.read(), said)


def watch(lines, cluster, leader, tick):
    """Follows the progress to its end; returns what was no progress."""
    said, killed, counted = b"", False, 0
    for line in lines:
        tick()
        if not line.startswith(b"{"):
            said += line
            continue
        event = json.loads(line)
        if not killed and event["event"] == "progress" and event["done"] >= event["total"] * KILL_PERCENT / 100:
            cluster.kill(leader)
            killed = True
        counted += event["event"] == "counted"
        if killed and counted == SIZE - 1 and event["event"] == "counted":
            cluster.restart(leader)
    return said


def rival(place, given, script, tick):
    with DataDirectory(place) as data, MariaDB(place, data) as server:
        server.wait_until_ready()
        return {**mariadb.measure(server, script, given.iterations, tick), "settings": server.settings()}


# --- all of it ---

def check(expected, report, run):
    """A figure is only one if everything is there."""
    keys = {member["keys"] for member in report["members"]}
    if not report["good"] or keys != {expected["keys"]}:
        raise BenchError(f"larder simulate: {report['wrong']} wrong answers, keys {keys}")
    if run and (run["wrong"] or run["keys"] != expected["keys"]):
        raise BenchError(f"{MARIADB}: {run['wrong']} wrong answers, {run['keys']} keys")


def turn(place, given, expected, scripts, progress):
    """One round of everything."""
    def step(text, run, *more):
        progress.begin(text)
        try:
            return run(place, given, *more, progress.tick)
        finally:
            progress.end()

    taken = {}
    for clients, script in scripts.items():
        report = step(f"{SIZE} members of etcd, {clients} in flight", simulate, clients)
        other = step(f"{MARIADB}, {clients} connections", rival, script)
        check(expected, report, other)
        taken[clients] = {"own": report, "other": other}
    death = step("the leader dies", simulate_death)
    check(expected, death, None)
    return {"runs": taken, "death": death}


def rates(rounds, clients, side):
    return [each["runs"][clients][side]["operations_per_second"] for each in rounds]


def judge(what, own, other):
    part = pair(own, other, "operations/s")
    return {"what": what, "met": part["ratio"]["median"] >= ASKED, **part}


def summarise(rounds):
    return [judge(ALONE, rates(rounds, 1, "own"), rates(rounds, 1, "other")),
            judge(BOTH, rates(rounds, MANY, "own"), rates(rounds, MANY, "other")),
            judge(CONNECTION, rates(rounds, MANY, "own"), rates(rounds, 1, "other"))]


def measure(given):
    place = arguments.make_place(given)
    noted = conditions.Conditions(place)
    noted.add_data(place, rivals=(ETCD, "mariadbd"))
    noted.told["processors"] = "all, for servers and clients"
    expected = plan(place, given)
    progress = show.Progress(given.rounds * 5)
    with DataDirectory(place) as directory:
        script = operations(place, given)
        scripts = {clients: Script(script, directory, clients) for clients in (1, MANY)}
        rounds = [turn(place, given, expected, scripts, progress) for _ in range(given.rounds)]
    return {"conditions": noted.finish(), "plan": expected, "ways": summarise(rounds), "rounds": rounds}


# --- the section ---

def way_cells(way):
    return (way["what"], f"{show.number(way['own'])} /s", f"{show.number(way['other'])} /s",
            show.range_text(way["ratio"]), f"{ASKED} or more", markdown.verdict(way["met"]))


def first(of, *names):
    for name in names:
        of = of[name]
    return of


def median_of(reports, *names):
    return statistics.median(first(report, *names) for report in reports)


def latency_rows(whole):
    for clients in ("1", str(MANY)):
        reports = [each["runs"][clients]["own"] for each in whole["rounds"]]
        for kind in ("CREATE", "RETRIEVE", "DELETE"):
            yield (clients, kind, *[f"{median_of(reports, 'latency_ms', kind, name):.3f}"
                                    for name in ("mean", "p50", "p90", "p99", "p99.9", "max")])


def death_rows(whole):
    for number, each in enumerate(whole["rounds"]):
        report, weather = each["death"], each["death"]["weather"]
        yield (number + 1, f"{report['seconds']:.1f}", show.number(report["operations_per_second"]),
               weather["failovers"], f"{weather['failover_max_ms']:.0f}", weather["retries"], weather["repeated"],
               weather["unknown"], report["wrong"], ", ".join(f"{member['keys']:,}" for member in report["members"]))


def section(whole):
    """The lines of the document's section."""
    expected, rounds = whole["plan"], whole["rounds"]
    settings = rounds[0]["runs"]["1"]["other"]["settings"]
    cpu = median_of([each["runs"]["1"]["own"] for each in rounds], "cpu_us_per_operation")
    return [
        f"{expected['iterations']:,} operations of seed {expected['seed']}: {expected['create']:,} CREATE, "
        f"{expected['retrieve']:,} RETRIEVE, {expected['delete']:,} DELETE. {expected['keys']:,} keys are expected at "
        f"the end; in every turn so many were on each of the {SIZE} members, and in {MARIADB}, and no answer was wrong.",
        "",
        *markdown.table(("way", f"`larder simulate`, {SIZE} members", MARIADB, "ratio (range)", "asked", ""),
                        map(way_cells, whole["ways"])), "",
        *[f"- {what}: {note}." for what, note in NOTES.items()], "",
        f"The tool itself took {cpu:.1f} µs of processor time for an operation, one after the other. Latency in "
        "milliseconds, the median of the turns:", "",
        *markdown.table(("in flight", "operation", "mean", "50 %", "90 %", "99 %", "99.9 %", "max"),
                        latency_rows(whole)), "",
        f"The leader, which is the member in use, is killed at {KILL_PERCENT} %, one operation in flight, and started "
        "again when the others have been counted. A fail-over is from the first trouble to the first answer of the "
        "next member, so the election is in it:", "",
        *markdown.table(("turn", "seconds", "operations/s", "fail-overs", "the longest, ms", "sent again", "done again",
                         "unknown", "wrong", "keys on each member"), death_rows(whole)), "",
        f"{MARIADB}'s settings, its own defaults: "
        + ", ".join(f"{name} {value}" for name, value in settings.items() if name != "version") + ".", "",
        *markdown.conditions_text(whole["conditions"], ()),
    ]


def run(given):
    # Once through JSON, so that a result is the same whether it was measured now or is read.
    whole = read_result(given.source) if given.source else json.loads(json.dumps(measure(given)))
    print("\n".join(section(whole)))
    if given.json:
        given.json.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    if given.markdown:
        markdown.replace_section(given.markdown, "simulate", section(whole))
    return 0


def main():
    given = parse()
    return arguments.guard(lambda: run(given), "bench/simulate")
