# SPDX-License-Identifier: Apache-2.0
"""Measures the rows about origins: one load for all who ask, hits beside other caches, hot keys, and a node that dies."""
import concurrent.futures
import contextlib
import http.client
import json
import statistics
import subprocess
import time

from side_by_side.load import check_runs, larder_bench, pair
from side_by_side.near_rows import cpu_us
from side_by_side.origin_caches import GroupcachePeer, NginxCache, Origin, Varnish
from side_by_side.process import BenchError, free_port, run_ticking
from side_by_side.ring_rows import LEASE_SECONDS, NODES, asked, key_of, nodes
from side_by_side.rows import CONNECTIONS, is_met
from side_by_side.server import LARDERD, Server

GROUP = "images/"
CONFIG = '[group "images"]\nbacking = origin\norigin = http://{origin}\n'
VALUE_SIZE = 10 << 10
KEY_SIZE = 10
HIT_KEYS = 1000
COLD_CLIENTS = 1000
COLD_DELAY_MS = 200
COLD_KEYS_LEAST = 3
MS_PER_COLD_KEY = 400  # of a turn
ZIPF_KEYS = 10_000
HOT_WARMUP_MS = 1000  # a key counts as hot after so long at any rate that a load has
DEATH_KEYS = 600
SETTLE_SECONDS = LEASE_SECONDS + 1  # after which no node can know of another ring than this
DEATH_BEYOND_SECONDS = 2
DEATH_SECONDS_MOST = 20 * LEASE_SECONDS
CLIENT_SECONDS = 30


def config(origin):
    return CONFIG.format(origin=origin.address)


# --- loads ---

def ask(row, place, tick, address, keys, *options, prefix=GROUP, connections=CONNECTIONS, key_size=KEY_SIZE):
    run, = larder_bench(place, tick, address, "--protocol", "http", "--key-prefix", prefix, "--key-size", key_size, "--keys",
                        keys, "--value-size", VALUE_SIZE, "--mix", "1:0", "--connections", connections, "--warmup", 0,
                        *options)["runs"]
    check_runs(row, [run])
    return run


def load_all(row, place, tick, address, keys):
    """Each key once."""
    ask(row, place, tick, address, keys, "--distribution", "sequential", "--requests", keys, connections=8)


def measured(processes, load):
    """What load() returns, the figures of one or several runs at a time, made one: with `cpu`, the microseconds of all these
    processes for each request. There is no warm-up in it, because what that costs could not be told apart."""
    before = cpu_us(processes)
    runs = load()
    taken = cpu_us(processes) - before
    requests = sum(run["requests"] for run in runs)
    return {"cpu": taken / requests, "rate": sum(run["requests_per_second"] for run in runs),
            **{name: statistics.median(run["latency_us"][name] for run in runs) for name in ("p50", "p99")}}


def at_once(tick, loads):
    """The loads, functions of a tick, at the same time, each a program of its own."""
    with concurrent.futures.ThreadPoolExecutor(len(loads)) as pool:
        futures = [pool.submit(load, lambda: None) for load in loads]
        while concurrent.futures.wait(futures, timeout=0.2).not_done:
            tick()
        return [future.result() for future in futures]


def compared(row, own, other):
    """The result of a row that is about processor time."""
    def figures(name, unit):
        return pair([turn[name] for turn in own], [turn[name] for turn in other], unit)
    return {**figures("cpu", row.unit), "p50": figures("p50", "us"), "p99": figures("p99", "us"),
            "rate": figures("rate", "requests/s")}


# --- a cold key that many ask for ---

def crowd_program(place):
    """bench/crowd, which Meson builds."""
    build = place.larder.parent
    program = build / "bench" / "crowd" / "crowd"
    if not program.exists():
        done = subprocess.run(["ninja", "-C", str(build), "bench/crowd/crowd"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise BenchError(f"there is no {program}, and ninja does not make it: {done.stdout.decode('utf-8', 'replace')}")
    return program


def measure_cold(row, place, settings, tick):
    keys = max(COLD_KEYS_LEAST, settings.rounds * settings.time_ms // MS_PER_COLD_KEY)
    targets = [f"/{GROUP}cold{number}" for number in range(keys)]
    program = crowd_program(place)
    with Origin(place, COLD_DELAY_MS, VALUE_SIZE) as origin, nodes(place, tick, config(origin)) as group:
        command = ["taskset", "-c", str(place.load_cpu), str(program), str(COLD_CLIENTS),
                   ",".join(node.address for node in group), *targets]
        returncode, out, said = run_ticking(command, tick)
        counts = origin.counts()
    if returncode != 0:
        raise BenchError(f"row {row.number}: {said.decode('utf-8', 'replace').strip()}")
    rounds = [json.loads(line) for line in out.splitlines()]
    if sum(one["answered"] for one in rounds) != keys * COLD_CLIENTS:
        raise BenchError(f"row {row.number}: not all were answered: {out.decode()}")
    own = statistics.median(one["slowest_ms"] for one in rounds)
    loads = [counts.get("/" + target[len(GROUP) + 1:], 0) for target in targets]
    return {"unit": row.unit, "own": own, "met": is_met(row, own) and set(loads) == {1},
            "more": [{"name": f"requests that the origin got for each of {keys} keys, at most", "unit": "requests",
                      "own": max(loads)},
                     {"name": "at least", "unit": "requests", "own": min(loads)},
                     {"name": "the slowest answer of all keys", "unit": "ms", "own": max(one["slowest_ms"] for one in rounds)},
                     {"name": "the first answer, median", "unit": "ms",
                      "own": statistics.median(one["first_ms"] for one in rounds)}]}


# --- hits beside other caches ---

def measure_hits(row, place, settings, tick):
    with Origin(place, 0, VALUE_SIZE) as origin, Server(place, LARDERD, config=config(origin)) as larderd, \
            NginxCache(place, origin) as nginx, Varnish(place, origin, CONNECTIONS) as varnish:
        sides = [(larderd, [larderd]), (nginx, nginx.processes), (varnish, varnish.processes)]
        for server, _ in sides:
            load_all(row, place, tick, server.address, HIT_KEYS)
            ask(row, place, tick, server.address, HIT_KEYS, "--time", f"{settings.warmup_ms}ms")
        before = origin.counts()
        turns = {server.kind: [] for server, _ in sides}
        for _ in range(settings.rounds):
            for server, processes in sides:
                turns[server.kind].append(measured(processes, lambda server=server: [
                    ask(row, place, tick, server.address, HIT_KEYS, "--time", f"{settings.time_ms}ms")]))
        if origin.counts() != before:
            raise BenchError(f"row {row.number}: not all requests were hits")
    own = turns.pop(LARDERD)
    better, other = sorted(turns, key=lambda kind: statistics.median(turn["cpu"] for turn in turns[kind]))
    return {**compared(row, own, turns[better]), "rival": better,
            "more": [{"name": f"against {other}", **compared(row, own, turns[other])}]}


# --- Go's groupcache ---

def spread_zipf(row, place, servers, seed, time_ms):
    """Three loads of Zipf's distribution, one for each node."""
    return [lambda tick, server=server, number=number: ask(
        row, place, tick, server.address, ZIPF_KEYS, "--distribution", "zipf:1.0", "--seed", seed + number, "--time",
        f"{time_ms}ms", connections=CONNECTIONS // NODES) for number, server in enumerate(servers)]


@contextlib.contextmanager
def groupcache_pool(place, origin):
    ports = [free_port() for _ in range(NODES)]
    pool = [f"127.0.0.1:{port}" for port in ports]
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(GroupcachePeer(place, port, pool, origin)) for port in ports]


def measure_zipf(row, place, settings, tick):
    with Origin(place, 0, VALUE_SIZE) as ours, Origin(place, 0, VALUE_SIZE) as theirs, \
            nodes(place, tick, config(ours)) as own_nodes, groupcache_pool(place, theirs) as peers:
        sides = ((own_nodes, []), (peers, []))
        for servers, _ in sides:
            load_all(row, place, tick, servers[0].address, ZIPF_KEYS)
        for number in range(settings.rounds):
            for servers, turns in sides:
                at_once(tick, spread_zipf(row, place, servers, 1000 + number * NODES, settings.warmup_ms))
                turns.append(measured(servers, lambda servers=servers, number=number: at_once(
                    tick, spread_zipf(row, place, servers, 1 + number * NODES, settings.time_ms))))
        loads = [sum(origin.counts().values()) / ZIPF_KEYS for origin in (ours, theirs)]
    return {**compared(row, sides[0][1], sides[1][1]),
            "more": [{"name": "loads of a key, warm-up included", "unit": "loads", "own": loads[0], "other": loads[1]}]}


# --- a hot key ---

def forwarded(group):
    return sum(node.counters("larder_peer_requests_total")[0] for node in group)


def measure_hot(row, place, settings, tick):
    """One key at all nodes; at each node a key of its own; and one key at its owner alone: as many connections in all of them."""
    def loads(load, time_ms):
        return at_once(tick, [lambda tick, node=node, prefix=prefix: ask(
            row, place, tick, node.address, 1, "--time", f"{time_ms}ms", prefix=prefix, key_size=1,
            connections=CONNECTIONS // NODES) for node, prefix in load])

    with Origin(place, 0, VALUE_SIZE) as origin, nodes(place, tick, config(origin)) as group:
        hot = key_of(group, "n1", GROUP + "hot")
        owned = [key_of(group, f"n{number}", GROUP + "own") for number in range(NODES)]
        sides = {"hot": [(node, hot) for node in group], "own": list(zip(group, owned)), "one": [(group[1], owned[1])] * NODES}
        turns, shares = {name: [] for name in sides}, []
        for _ in range(settings.rounds):
            for name, load in sides.items():
                loads(load, max(HOT_WARMUP_MS, settings.warmup_ms))
                before, runs = forwarded(group), []
                turns[name].append(measured(group, lambda: runs.extend(loads(load, settings.time_ms)) or runs))
                if name == "hot":
                    shares.append(100 * (forwarded(group) - before) / sum(run["requests"] for run in runs))
        loaded = sum(origin.counts().values()) / (1 + NODES)
    return {**compared(row, turns["hot"], turns["own"]),
            "more": [{"name": "against all of it for one key at its owner", **compared(row, turns["hot"], turns["one"])},
                     {"name": "requests to other nodes for each 100", "unit": "requests", "own": statistics.median(shares)},
                     {"name": "loads of a key", "unit": "loads", "own": loaded}]}


# --- a node that dies ---

class Reader:
    """One client of one node, on a connection that is kept."""

    def __init__(self, node):
        self.connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=CLIENT_SECONDS)

    def get(self, target):
        """Whether it is answered with the value."""
        try:
            self.connection.request("GET", target)
            answer = self.connection.getresponse()
            return answer.status == 200 and len(answer.read()) == VALUE_SIZE
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return False


def keys_of(group, owner, count):
    """Those of `count` keys that belong to that node."""
    keys = [f"death{number}" for number in range(count)]
    return [key for key in keys if asked(group[0], f"/admin/ring?key={GROUP}{key}")["owner"] == owner]


def let_pass(seconds, tick):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        tick()
        time.sleep(0.1)


def is_out(group):
    """Whether no node that is left lists the dead one."""
    return all("n2" not in node.members() for node in group[:2])


def ask_on(group, keys, origin, tick):
    """Asks for all keys at both nodes that are left, again and again, until the ring has changed and a while beyond. Returns
    what that came to, and the origin's counts when the ring had changed."""
    readers = [Reader(node) for node in group[:2]]
    began, changed, passes, failed = time.monotonic(), None, 0, 0
    while changed is None or time.monotonic() - began < changed + DEATH_BEYOND_SECONDS:
        failed += sum(not reader.get(f"/{GROUP}{key}") for key in keys for reader in readers)
        passes += 1
        tick()
        if changed is None and is_out(group):
            changed, counts = time.monotonic() - began, origin.counts()
        if time.monotonic() - began > DEATH_SECONDS_MOST:
            raise BenchError("the ring does not change")
    return {"asked": passes * len(readers), "failed": failed, "changed": changed}, counts


def measure_death(row, place, settings, tick):
    with Origin(place, 0, VALUE_SIZE) as origin, nodes(place, tick, config(origin)) as group:
        keys = keys_of(group, "n2", DEATH_KEYS)
        first = Reader(group[0])
        for key in keys:
            if not first.get(f"/{GROUP}{key}"):
                raise BenchError(f"row {row.number}: {key} is not answered")
        before = origin.counts()
        if any(before.get(f"/{key}") != 1 for key in keys):
            raise BenchError(f"row {row.number}: keys were loaded more than once before the node was killed")
        let_pass(SETTLE_SECONDS, tick)
        group[2].kill()
        told, changed = ask_on(group, keys, origin, tick)
        after = origin.counts()
    loads = [after[f"/{key}"] - 1 for key in keys]
    late = [after[f"/{key}"] - changed[f"/{key}"] for key in keys]
    return {"unit": row.unit, "own": max(loads), "met": is_met(row, max(loads)) and told["failed"] == 0,
            "more": [{"name": f"the mean of {len(keys)} keys", "unit": "loads", "own": statistics.mean(loads)},
                     {"name": "of them after the ring had changed, the most", "unit": "loads", "own": max(late)},
                     {"name": "times each key was asked for", "unit": "requests", "own": told["asked"]},
                     {"name": "requests that failed", "unit": "requests", "own": told["failed"]},
                     {"name": "until the ring had changed", "unit": "s", "own": told["changed"]}]}


MEASURES = {"origin-cold": measure_cold, "origin-hit": measure_hits, "origin-zipf": measure_zipf, "origin-hot": measure_hot,
            "origin-death": measure_death}
