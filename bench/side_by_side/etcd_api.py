# SPDX-License-Identifier: Apache-2.0
"""Measures the rows about etcd's API: the same load by gRPC on larderd, a single-member etcd, and etcd's proxy."""
import contextlib
import statistics

from side_by_side.load import larder_bench, pair
from side_by_side.process import BenchError
from side_by_side.rivals import ETCD, ETCD_PROXY, DataDirectory, Etcd, EtcdProxy
from side_by_side.rows import DURABLE_VALUE_SIZE, KEYS
from side_by_side.server import LARDERD, Server

CONFIG = '[group "durable"]\nbacking = store\n'
KEY = "0" * 8  # the first key that `larder bench put` puts
RANGED = ("--key-size", len(KEY), "--val-size", DURABLE_VALUE_SIZE)
WATCHERS = 100_000
WATCH_STREAMS = 100
WATCH_RATE = 100  # puts a second
WATCH_PUTS_LEAST = 20
HOLD = "3s"
MEMORY_ROUNDS_MOST = 3  # these figures hardly vary, and each round fills two servers


@contextlib.contextmanager
def larderd(place):
    """A node alone, with one thread, as a small etcd."""
    with DataDirectory(place) as data, Server(place, LARDERD, config=CONFIG, extra=(
            "--data-dir", data, "--max-watchers", 2 * WATCHERS)) as server:
        yield server


@contextlib.contextmanager
def etcd(place):
    with DataDirectory(place) as data, Etcd(place, data) as server:
        yield server


@contextlib.contextmanager
def proxy(place):
    """The proxy, and the etcd behind it; what is measured is the proxy alone."""
    with etcd(place) as behind, EtcdProxy(place, behind) as server:
        yield server


STARTS = {LARDERD: larderd, ETCD: etcd, ETCD_PROXY: proxy}


def timed(settings):
    return "--warmup", f"{settings.warmup_ms}ms", "--duration", f"{settings.time_ms}ms"


def spread_over(row):
    """The options for what a row has in flight, as connections and requests on each."""
    connections, on_each = row.in_flight
    return "--conns", connections, "--clients", connections * on_each


def bench(place, tick, kind, server, *options):
    return larder_bench(place, tick, kind, *options, "--endpoints", server.address, "--server-pid", server.pid)


def check(row, runs):
    """A figure is only one if the server did what was asked."""
    for run in runs:
        if run["errors"] or run["wrong"] or run.get("keys", run["requests"]) != run["requests"]:
            raise BenchError(f"row {row.number}: {run['errors']} errors ({run.get('first_error', '')}), {run['wrong']} "
                             f"wrong answers ({run.get('first_wrong', '')}), {run.get('keys')} keys")
        if run.get("events_expected", run["requests"]) != run["requests"]:
            raise BenchError(f"row {row.number}: {run['requests']} of {run['events_expected']} events")


def compare(row, runs, rivals, figure):
    """The result of a row whose figure is `figure` of each run."""
    check(row, runs + rivals)

    def figures(take, unit):
        return pair([take(run) for run in runs], [take(run) for run in rivals], unit)

    result = figures(lambda run: run[figure], row.unit)
    for name in ("p50", "p99"):
        result[name] = figures(lambda run, name=name: run["latency_us"][name], "us")
    if figure == "requests_per_second":
        result["cpu"] = figures(lambda run: run["server_cpu_us_per_request"], "us CPU/request")
    else:
        result["rate"] = figures(lambda run: run["requests_per_second"], "requests/s")
    return result


def in_turns(place, tick, row, settings, kind, *options, fill=()):
    """Both servers run, each in its turn under load; `fill` are the options of puts before. (larderd's runs, the
    rival's)"""
    with STARTS[LARDERD](place) as own, STARTS[row.rival](place) as rival:
        for server in (own, rival) if fill else ():
            check(row, bench(place, tick, "put", server, *fill)["runs"])
        report = bench(place, tick, kind, own, *options, "--vs", rival.address, "--vs-pid", rival.pid, "--rounds",
                       settings.rounds)
    return report["runs"], report["rival_runs"]


def measure_range(row, place, settings, tick):
    """CPU a request, or for one in flight the rate."""
    runs = in_turns(place, tick, row, settings, "range", KEY, *row.load, *spread_over(row), *timed(settings),
                    fill=(*RANGED, "--total", 1))
    return compare(row, *runs, "requests_per_second" if row.more else "server_cpu_us_per_request")


def measure_put(row, place, settings, tick):
    runs = in_turns(place, tick, row, settings, "put", *RANGED, "--key-space-size", KEYS, *spread_over(row),
                    *timed(settings))
    return compare(row, *runs, "requests_per_second")


def measure_watch(row, place, settings, tick):
    """Events are the requests of such a run; its CPU is that of the puts too."""
    connections, watchers = row.in_flight
    puts = max(WATCH_PUTS_LEAST, WATCH_RATE * settings.time_ms // 1000)
    runs = in_turns(place, tick, row, settings, "watch", "--conns", connections, "--streams", connections,
                    "--watch-per-stream", watchers, "--put-rate", WATCH_RATE, "--put-total", puts)
    return compare(row, *runs, "server_cpu_us_per_request")


def fresh_turns(row, place, settings, measure):
    """measure(server) for fresh servers in turns: {kind: figures}"""
    figures = {kind: [] for kind in (LARDERD, row.rival)}
    for _ in range(min(settings.rounds, MEMORY_ROUNDS_MOST)):
        for kind, told in figures.items():
            with STARTS[kind](place) as server:
                told.append(measure(server))
    return figures[LARDERD], figures[row.rival]


def measure_watchers(row, place, settings, tick):
    def watch(server):
        run, = bench(place, tick, "watch", server, "--conns", 10, "--streams", WATCH_STREAMS, "--watch-per-stream",
                     WATCHERS // WATCH_STREAMS, "--watched-key-total", WATCHERS, "--put-total", 0, "--hold",
                     HOLD)["runs"]
        return run["resident_bytes_per_watcher"]

    return pair(*fresh_turns(row, place, settings, watch), row.unit)


def measure_keys(row, place, settings, tick):
    """Memory after so many keys were put once each, with many in flight."""
    def put(server):
        run, = bench(place, tick, "put", server, *RANGED, "--key-space-size", KEYS, "--sequential-keys", "--total",
                     KEYS, *spread_over(row))["runs"]
        check(row, [run])
        return run["memory_after"]

    own, other = fresh_turns(row, place, settings, put)

    def figures(name):
        return pair(*([memory[name] / 2 ** 20 for memory in side] for side in (own, other)), row.unit)

    return {**figures("anonymous_bytes"),
            "file": {"unit": row.unit, **{name: statistics.median(memory["file_bytes"] / 2 ** 20 for memory in side)
                                          for name, side in (("own", own), ("other", other))}}}
