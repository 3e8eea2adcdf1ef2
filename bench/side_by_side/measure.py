# SPDX-License-Identifier: Apache-2.0
"""Measures rows. Each function returns a result as it stands in the JSON file."""
from side_by_side import cluster_rows, durable, etcd_api, http_get, library_rows, near_rows, origin_rows, ring_rows, trace_rows
from side_by_side.load import compare_runs, larder_bench, pair, timed
from side_by_side.process import BenchError
from side_by_side.rows import CONNECTIONS, IDLE_CONNECTIONS, ITEMS, KEY_SIZE, KEYS, RATIO, VALUE_SIZE, is_met
from side_by_side.server import LARDERD, MEMCACHED, Server

KINDS = (LARDERD, MEMCACHED)
MEMORY_ROUNDS_MOST = 3  # these figures hardly vary, and each round fills two servers


def judge(row, result):
    figure = result["ratio"]["median"] if row.judged == RATIO else result["own"]
    return {"row": row.number, "what": row.what, "rival": row.rival, "judged": row.judged, "limit": row.limit,
            "met": is_met(row, figure), **result}


def measure_load(row, place, settings, tick):
    with Server(place, LARDERD) as own, Server(place, MEMCACHED) as rival:
        report = larder_bench(
            place, tick, own.address, "--server-pid", own.pid, "--vs", rival.address, "--vs-pid", rival.pid,
            "--connections", CONNECTIONS, "--keys", KEYS, "--key-size", KEY_SIZE, "--value-size", VALUE_SIZE,
            "--prefill", *timed(settings), "--rounds", settings.rounds, *row.load)
    return compare_runs(row, report["runs"], report["rival_runs"])


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


MEASURES = {"load": measure_load, "items": measure_items, "idle": measure_idle, "connections": measure_connections,
            "durable": durable.measure_puts, "cached": durable.measure_cached, "start": durable.measure_start,
            "http": http_get.measure_http, "range": etcd_api.measure_range, "put": etcd_api.measure_put,
            "watch": etcd_api.measure_watch, "watchers": etcd_api.measure_watchers, "keys": etcd_api.measure_keys,
            "client": cluster_rows.measure_client, "through": cluster_rows.measure_through,
            "failover": cluster_rows.measure_failover, **near_rows.MEASURES,
            **ring_rows.MEASURES, **origin_rows.MEASURES, **library_rows.MEASURES, **trace_rows.MEASURES}


def measure(row, place, settings, tick):
    """The result of one row; raises BenchError."""
    return judge(row, MEASURES[row.kind](row, place, settings, tick))
