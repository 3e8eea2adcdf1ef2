# SPDX-License-Identifier: Apache-2.0
"""Measures rows. Each function returns a result as it stands in the JSON file."""
import json
import statistics
import subprocess

from side_by_side.rows import CONNECTIONS, IDLE_CONNECTIONS, ITEMS, KEY_SIZE, KEYS, RATIO, VALUE_SIZE, is_met
from side_by_side.server import LARDERD, MEMCACHED, BenchError, Server

KINDS = (LARDERD, MEMCACHED)
MEMORY_ROUNDS_MOST = 3  # these figures hardly vary, and each round fills two servers


def larder_bench(place, tick, *options):
    """Runs `larder bench` and returns its JSON; calls tick() now and then meanwhile."""
    command = [str(place.larder), "bench", *map(str, options), "--pin", str(place.load_cpu), "--json", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            while True:
                try:
                    out, said = process.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    tick()
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise BenchError(f"larder bench failed: {said.decode('utf-8', 'replace').strip()}")
    return json.loads(out)


def spread(ratios):
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


def pair(own, rival, unit):
    """Figures of both servers, round by round, and their ratios."""
    return {"unit": unit, LARDERD: statistics.median(own), MEMCACHED: statistics.median(rival),
            "ratio": spread([a / b for a, b in zip(own, rival)])}


def judge(row, result):
    figure = result["ratio"]["median"] if row.judged == RATIO else result[LARDERD]
    return {"row": row.number, "what": row.what, "judged": row.judged, "most": row.most, "met": is_met(row, figure),
            **result}


def check_runs(row, runs):
    """A figure is only one if the server did what was asked."""
    for run in runs:
        if run["errors"] or run["wrong_sizes"] or run["misses"]:
            raise BenchError(f"row {row.number}: {run['errors']} errors, {run['misses']} misses, "
                             f"{run['wrong_sizes']} values of a wrong size")


def measure_load(row, place, settings, tick):
    with Server(place, LARDERD) as own, Server(place, MEMCACHED) as rival:
        report = larder_bench(
            place, tick, own.address, "--server-pid", own.pid, "--vs", rival.address, "--vs-pid", rival.pid,
            "--connections", CONNECTIONS, "--keys", KEYS, "--key-size", KEY_SIZE, "--value-size", VALUE_SIZE,
            "--prefill", "--warmup", f"{settings.warmup_ms}ms", "--time", f"{settings.time_ms}ms",
            "--rounds", settings.rounds, *row.load)
    runs, rivals = report["runs"], report["rival_runs"]
    check_runs(row, runs + rivals)

    def figures(take, unit):
        return pair([take(run) for run in runs], [take(run) for run in rivals], unit)

    latencies = {name: figures(lambda run, name=name: run["latency_us"][name], "us") for name in ("p50", "p99")}
    for latency in latencies.values():
        latency["met"] = latency["ratio"]["median"] <= 1
    return {**figures(lambda run: run["server_cpu_us_per_request"], row.unit), **latencies,
            "rate": figures(lambda run: run["requests_per_second"], "requests/s"),
            "load_cpu": figures(lambda run: run["client_cpu_us_per_request"], row.unit)}


def bytes_per_item(place, kind, tick):
    with Server(place, kind) as server:
        before = server.resident_settled()
        larder_bench(place, tick, server.address, "--keys", ITEMS, "--key-size", KEY_SIZE, "--value-size", VALUE_SIZE,
                     "--connections", 1, "--pipeline", 32, "--prefill", "--mix", "1:0", "--requests", 1, "--warmup", 0)
        items = int(server.stats()["curr_items"])
        if items != ITEMS:
            raise BenchError(f"{kind} holds {items} items instead of {ITEMS}")
        return (server.resident_settled() - before) / ITEMS


def measure_items(row, place, settings, tick):
    figures = in_turns(settings, lambda kind: bytes_per_item(place, kind, tick))
    return pair(figures[LARDERD], figures[MEMCACHED], row.unit)


def idle_mib(place, kind):
    with Server(place, kind, memory_mib=None, threads=None, max_conns=None, pinned=False) as server:
        return server.resident_settled() / 2 ** 20


def measure_idle(row, place, settings, tick):
    tick()
    figures = in_turns(settings, lambda kind: idle_mib(place, kind))
    return pair(figures[LARDERD], figures[MEMCACHED], row.unit)


def bytes_per_connection(place, kind, tick):
    with Server(place, kind) as server:
        idle = larder_bench(place, tick, server.address, "--server-pid", server.pid, "--idle-connections",
                            IDLE_CONNECTIONS, "--connections", 1, "--requests", 1, "--warmup", 0)["idle"]
    if idle["connections"] != IDLE_CONNECTIONS or idle["unserved"]:
        raise BenchError(f"{kind}: {idle['unserved']} of {idle['connections']} idle connections were not served")
    return idle["bytes_per_connection"]


def measure_connections(row, place, settings, tick):
    figures = in_turns(settings, lambda kind: bytes_per_connection(place, kind, tick))
    return pair(figures[LARDERD], figures[MEMCACHED], row.unit)


def in_turns(settings, measure):
    figures = {kind: [] for kind in KINDS}
    for _ in range(min(settings.rounds, MEMORY_ROUNDS_MOST)):
        for kind in KINDS:
            figures[kind].append(measure(kind))
    return figures


MEASURES = {"load": measure_load, "items": measure_items, "idle": measure_idle, "connections": measure_connections}


def measure(row, place, settings, tick):
    """The result of one row; raises BenchError."""
    return judge(row, MEASURES[row.kind](row, place, settings, tick))
