# SPDX-License-Identifier: Apache-2.0
"""Rows about liblarder: what calls of it cost a program, beside another client library."""
import contextlib
import json
import statistics
import subprocess

from side_by_side.load import pair
from side_by_side.process import BenchError, run_ticking
from side_by_side.rivals import DataDirectory, Etcd, Nginx
from side_by_side.server import MEMCACHED, Server

LARDER, LIBMEMCACHED = "calls_larder", "calls_libmemcached"
MANY_KEYS = 100
MANY_SERVERS = 4
NEAR_KEYS = 1000
READS_OF_MS = 5000  # of the near cache, for each millisecond of a turn
# Takes what is posted to it, and says that all is well.
COLLECTOR_SERVER = """
        client_max_body_size 64m;
        location / { return 200; }
"""


def program(place, name, directory="calls"):
    """One of bench/`directory`, which Meson builds."""
    build = place.larder.parent
    path = build / "bench" / directory / name
    done = subprocess.run(["ninja", "-C", str(build), f"bench/{directory}/{name}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0 and not path.exists():
        raise BenchError(f"ninja does not make {path}; `scripts/setup bench` installs what it needs, and "
                         f"`meson setup --reconfigure {build}` finds it: {done.stdout.decode('utf-8', 'replace')}")
    return path


def turn(place, path, servers, keys, settings, tick, environment=()):
    command = ["env", *environment, "taskset", "-c", str(place.load_cpu), str(path), ",".join(server.address for server in servers), str(keys),
               str(settings.warmup_ms), str(settings.time_ms)]
    returncode, out, said = run_ticking(command, tick)
    if returncode != 0:
        raise BenchError(f"{path.name} failed: {said.decode('utf-8', 'replace').strip()}")
    return json.loads(out)


def compare(row, place, settings, tick, keys, server_count, judged):
    """Turns of both libraries against the same servers. `judged`: which of wall_us and cpu_us is the row's figure."""
    programs = [program(place, name) for name in (LARDER, LIBMEMCACHED)]
    figures = {name: ([], []) for name in ("wall_us", "cpu_us")}
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(place, MEMCACHED)) for _ in range(server_count)]
        for _ in range(settings.rounds):
            for side, path in enumerate(programs):
                told = turn(place, path, servers, keys, settings, tick)
                for name, sides in figures.items():
                    sides[side].append(told[name] / told["calls"])
    beside = [{"name": "elapsed" if name == "wall_us" else "processor time of the program",
               **pair(*sides, "us" if name == "wall_us" else "us CPU")}
              for name, sides in figures.items() if name != judged]
    return {**pair(*figures[judged], row.unit), "more": beside}


def measure_get(row, place, settings, tick):
    return compare(row, place, settings, tick, 1, 1, "cpu_us")


def measure_many(row, place, settings, tick):
    return compare(row, place, settings, tick, MANY_KEYS, MANY_SERVERS, "wall_us")


def measure_traced(row, place, settings, tick):
    """The rival is the same program that tells nobody."""
    path = program(place, LARDER)
    sides = ([], [])
    with Server(place, MEMCACHED) as server, Nginx(place, None, False, server=COLLECTOR_SERVER) as collector:
        told_of = ("CALLS_TRACED=1", f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{collector.address}", "OTEL_TRACES_SAMPLER=always_on")
        for _ in range(settings.rounds):
            for side, environment in enumerate((told_of, ())):
                told = turn(place, path, [server], 1, settings, tick, environment)
                sides[side].append(told["cpu_us"] / told["calls"])
    return pair(*sides, row.unit)


def measure_near(row, place, settings, tick):
    path = program(place, "near", "near")
    with DataDirectory(place) as data, Etcd(place, data / "etcd") as etcd:
        command = ["taskset", "-c", str(place.load_cpu), str(path), etcd.address, str(NEAR_KEYS),
                   str(READS_OF_MS * settings.time_ms)]
        returncode, out, said = run_ticking(command, tick)
    told = [json.loads(line) for line in out.splitlines()]
    if returncode != 0 or not told or not all(one["right"] for one in told):
        raise BenchError(f"{path.name} failed: {(said or out).decode('utf-8', 'replace').strip()}")

    def median(freshness, name):
        return statistics.median(one[name] for one in told if one["freshness"] == freshness)
    return {"unit": row.unit, "own": median("cached", "elapsed_ns"),
            "more": [{"name": "of the thread's processor time", "unit": "ns", "own": median("cached", "cpu_ns")},
                     {"name": "the same with max_stale = 5 s, elapsed", "unit": "ns", "own": median("max_stale", "elapsed_ns")},
                     {"name": "reads that memory alone could not answer", "unit": "reads",
                      "own": sum(one["elsewhere"] for one in told)}]}


MEASURES = {"library-near": measure_near, "library-traced": measure_traced, "library-get": measure_get, "library-many": measure_many}
