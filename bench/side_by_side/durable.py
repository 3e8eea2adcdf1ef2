# SPDX-License-Identifier: Apache-2.0
"""Measures the rows about durable groups."""
import os
import statistics
import time

from side_by_side import h2load
from side_by_side.load import compare_runs, larder_bench, pair, spread, timed
from side_by_side.process import BenchError
from side_by_side.rivals import DataDirectory, Etcd
from side_by_side.rows import CONNECTIONS, DURABLE_VALUE_SIZE, ITEMS, KEY_SIZE, KEYS, VALUE_SIZE
from side_by_side.server import LARDERD, Server

CONFIG = '[group "durable"]\nbacking = store\n'
KEY_PREFIX = "durable/"
SYNCS = "larder_store_syncs_total"
PUTS = "larder_store_commit_operations_sum"
WARM_READS = 10  # of each key, by chance
START_ROUNDS_MOST = 3  # each round fills a store


def durable_server(place, data, **options):
    return Server(place, LARDERD, config=CONFIG, extra=("--data-dir", data), **options)


def per_thousand(syncs, puts):
    return 1000 * syncs / puts


def own_puts(row, place, settings, tick):
    """A turn of larderd: keys drawn uniformly out of KEYS, one put after the other on each of the connections."""
    connections = row.in_flight[0] * row.in_flight[1]
    with DataDirectory(place) as data, durable_server(place, data) as server:
        before = server.counters(SYNCS, PUTS)
        run, = larder_bench(place, tick, server.address, "--key-prefix", KEY_PREFIX, "--mix", "0:1", "--connections",
                            connections, "--keys", KEYS, "--key-size", KEY_SIZE, "--value-size", DURABLE_VALUE_SIZE,
                            "--server-pid", server.pid, *timed(settings))["runs"]
        syncs, puts = (now - then for now, then in zip(server.counters(SYNCS, PUTS), before))
    if run["errors"] or puts < run["requests"]:
        raise BenchError(f"row {row.number}: {run['errors']} errors ({run.get('first_error', '')}), {puts:.0f} writes "
                         f"committed for {run['requests']} that were acknowledged")
    return {"rate": run["requests_per_second"], "p50": run["latency_us"]["p50"], "p99": run["latency_us"]["p99"],
            "syncs": per_thousand(syncs, puts)}


def etcd_puts(row, place, settings, tick):
    """A turn of etcd: one key over and over, for h2load has one body."""
    key = (KEY_PREFIX + "0" * KEY_SIZE).encode()
    with DataDirectory(place) as data, Etcd(place, data) as server:
        before = server.counters(Etcd.SYNCS, Etcd.PUTS)
        run = h2load.puts(place, server, key, DURABLE_VALUE_SIZE, *row.in_flight, settings, tick)
        syncs, puts = (now - then for now, then in zip(server.counters(Etcd.SYNCS, Etcd.PUTS), before))
    if puts < run["requests"]:
        raise BenchError(f"row {row.number}: etcd tells of {puts:.0f} puts for {run['requests']} that it acknowledged")
    return {"rate": run["rate"], "p50": run["p50"], "p99": run["p99"], "syncs": per_thousand(syncs, puts)}


def measure_puts(row, place, settings, tick):
    own, other = [], []
    for _ in range(settings.rounds):
        own.append(own_puts(row, place, settings, tick))
        other.append(etcd_puts(row, place, settings, tick))

    def figures(name, unit):
        return pair([turn[name] for turn in own], [turn[name] for turn in other], unit)

    return {**figures("rate", row.unit), "p50": figures("p50", "us"), "p99": figures("p99", "us"),
            "syncs": figures("syncs", "syncs/1,000 puts")}


def measure_groups(row, place, settings, tick, server, keys=KEYS, warm=False):
    """Both groups in one larderd, in turns: the same keys but for the group's name, of one length. `warm`: what was written
    is read before, so that all of it is hits."""
    prefixes = (KEY_PREFIX, "volatil/")
    runs = {prefix: [] for prefix in prefixes}

    def load(prefix, *options):
        return larder_bench(place, tick, server.address, "--key-prefix", prefix, "--keys", keys, "--key-size", KEY_SIZE,
                            "--value-size", VALUE_SIZE, "--connections", CONNECTIONS, "--server-pid", server.pid,
                            *row.load, *options)["runs"][0]

    for prefix in prefixes:
        load(prefix, "--prefill", "--requests", keys, "--warmup", 0)
        if warm:
            load(prefix, "--requests", WARM_READS * keys, "--warmup", 0)
    for _ in range(settings.rounds):
        for prefix in prefixes:
            runs[prefix].append(load(prefix, *timed(settings)))
    return compare_runs(row, *(runs[prefix] for prefix in prefixes))


def measure_cached(row, place, settings, tick):
    config = CONFIG + '[group "volatil"]\nbacking = memory\n'
    with DataDirectory(place) as data, Server(place, LARDERD, config=config, extra=("--data-dir", data)) as server:
        return measure_groups(row, place, settings, tick, server)


def forget_pages(directory):
    """Takes the files out of the page cache, so that the next start reads them from the disk."""
    for path in directory.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def start_seconds(place, data, key, tick):
    """From the exec of larderd until it has answered a get of a key in the store."""
    began = time.monotonic()
    with durable_server(place, data, memory_mib=None) as server:
        larder_bench(place, tick, server.address, "--key-prefix", KEY_PREFIX, "--keys", 1, "--key-size", key,
                     "--connections", 1, "--requests", 1, "--warmup", 0, "--mix", "1:0")
        return time.monotonic() - began, server.resident_settled() / 2 ** 20


def fill(place, data, tick):
    with durable_server(place, data) as server:
        larder_bench(place, tick, server.address, "--key-prefix", KEY_PREFIX, "--keys", ITEMS, "--key-size", KEY_SIZE,
                     "--value-size", VALUE_SIZE, "--connections", CONNECTIONS, "--pipeline", 32, "--prefill", "--mix",
                     "1:0", "--requests", 1, "--warmup", 0)
        keys, = server.counters("larder_store_keys")
    if keys != ITEMS:
        raise BenchError(f"the store holds {keys:.0f} keys instead of {ITEMS}")


def measure_start(row, place, settings, tick):
    cold, warm, resident = [], [], []
    with DataDirectory(place) as data:
        fill(place, data, tick)
        for _ in range(min(settings.rounds, START_ROUNDS_MOST)):
            forget_pages(data)
            seconds, mib = start_seconds(place, data, KEY_SIZE, tick)
            cold.append(seconds)
            resident.append(mib)
            warm.append(start_seconds(place, data, KEY_SIZE, tick)[0])
        size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    return {"unit": row.unit, "own": statistics.median(cold), "range": spread(cold), "warm": statistics.median(warm),
            "resident_mib": statistics.median(resident), "file_mib": size / 2 ** 20}
