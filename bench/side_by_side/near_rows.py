# SPDX-License-Identifier: Apache-2.0
"""Measures the rows about a node in front of three members of etcd: what it answers from memory, beside the members alone."""
import contextlib
import os
import pathlib
import re
import socket
import statistics
import time

from side_by_side.durable import measure_groups
from side_by_side.etcd_api import KEY, RANGED, WATCH_PUTS_LEAST, WATCH_RATE, check, spread_over, timed
from side_by_side.etcd_cluster import Cluster
from side_by_side.load import larder_bench, pair
from side_by_side.process import BenchError
from side_by_side.rivals import ETCD_PROXY, DataDirectory, EtcdProxy
from side_by_side.rows import ITEMS, KEY_SIZE, KEYS, VALUE_SIZE
from side_by_side.scenario import simulate, simulate_on
from side_by_side.server import LARDERD, Server

CACHED = '[group "durable"]\nbacking = store\n[group "volatil"]\nbacking = memory\n'
KEPT = '[group "kept"]\nbacking = store\nprefix = "0"\n'  # the keys of `larder bench` by gRPC begin so
MIRRORED = KEPT + "mirror = yes\n"
CACHED_KEYS = 10_000  # few enough to read each before it is measured
SEEN_SAMPLES = 1000
SEEN_SECONDS = 5
SETTLE_SECONDS = 600
SIMULATED_PER_SECOND = 1000  # operations of a turn
FILL_IN_FLIGHT = ("--conns", 10, "--clients", 1000)


@contextlib.contextmanager
def members(place, pinned=True):
    with DataDirectory(place) as data, Cluster(place, data, pinned=pinned) as cluster:
        yield cluster


def node(place, cluster, config, *more, memory_mib=1024, pinned=True):
    """A node whose store these members are; the leader is asked, so that both sides ask the same one."""
    return Server(place, LARDERD, config=config, memory_mib=memory_mib, pinned=pinned,
                  extra=("--store", f"etcd://{cluster.endpoints(cluster.leader())}", "--store-follow-members", "no",
                         *more))


# --- processor time of several processes ---

def cpu_us(processes):
    """What they have used so far; their threads that are still there and those that have ended."""
    ticks = 0
    for process in processes:
        words = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(words[11]) + int(words[12])
    return 1e6 * ticks / os.sysconf("SC_CLK_TCK")


def loaded(row, place, tick, processes, kind, address, *options):
    """One run of `larder bench`, with `cpu`: microseconds of all these processes for each request. There is no warm-up in
    it, because what that costs could not be told apart."""
    before = cpu_us(processes)
    run, = larder_bench(place, tick, kind, *options, "--endpoints", address)["runs"]
    check(row, [run])
    return {**run, "cpu": (cpu_us(processes) - before) / run["requests"]}


def in_turns(row, place, settings, sides, run):
    """run(address, processes) of both sides in turns: own figures, the other's."""
    own, other = [], []
    for _ in range(settings.rounds):
        for figures, side in zip((own, other), sides):
            figures.append(run(*side))
    return own, other


def compared(own, other, name, unit):
    return pair([run[name] for run in own], [run[name] for run in other], unit)


def latency(own, other, name):
    return pair([run["latency_us"][name] for run in own], [run["latency_us"][name] for run in other], "us")


@contextlib.contextmanager
def node_and_members(place, config, *more):
    """(the node's side, the members' side), each as (address, processes)."""
    with members(place) as cluster, node(place, cluster, config, *more) as server:
        etcds = list(cluster.members.values())
        yield (server.address, [server, *etcds]), (cluster.endpoints(cluster.leader()).split(",")[0], etcds)


# --- the rows ---

def measure_cached(row, place, settings, tick):
    with members(place) as cluster, node(place, cluster, CACHED) as server:
        return measure_groups(row, place, settings, tick, server, CACHED_KEYS, warm=True)


def measure_reads(row, place, settings, tick):
    """CPU, rate or latency of linearizable reads, by the row's unit."""
    def run(address, processes):
        return loaded(row, place, tick, processes, "range", address, KEY, *row.load, *spread_over(row), "--warmup", "0s",
                      "--duration", f"{settings.time_ms}ms")

    with node_and_members(place, KEPT) as sides:
        check(row, larder_bench(place, tick, "put", "--endpoints", sides[1][0], *RANGED, "--total", 1)["runs"])
        for side in sides:
            run(*side)
        own, other = in_turns(row, place, settings, sides, run)
    figures = {"cpu": compared(own, other, "cpu", "us CPU/request"),
               "rate": compared(own, other, "requests_per_second", "requests/s"), "p50": latency(own, other, "p50"),
               "p99": latency(own, other, "p99")}
    main = {"us CPU/request": "cpu", "requests/s": "rate", "us": "p50"}[row.unit]
    return {**figures[main], **{name: figure for name, figure in figures.items() if name != main}}


def measure_puts(row, place, settings, tick):
    def run(address, processes):
        return loaded(row, place, tick, processes, "put", address, *RANGED, "--key-space-size", KEYS, *spread_over(row),
                      "--warmup", "0s", "--duration", f"{settings.time_ms}ms")

    with node_and_members(place, KEPT) as sides:
        for side in sides:
            run(*side)
        own, other = in_turns(row, place, settings, sides, run)
    return {**compared(own, other, "requests_per_second", row.unit), "cpu": compared(own, other, "cpu", "us CPU/request"),
            "p50": latency(own, other, "p50"), "p99": latency(own, other, "p99")}


def measure_watch(row, place, settings, tick):
    """Events are the requests of such a run; the CPU of the puts is in it, on both sides."""
    connections, watchers = row.in_flight
    puts = max(WATCH_PUTS_LEAST, WATCH_RATE * settings.time_ms // 1000)

    def run(address, processes):
        return loaded(row, place, tick, processes, "watch", address, "--conns", connections, "--streams", connections,
                      "--watch-per-stream", watchers, "--put-rate", WATCH_RATE, "--put-total", puts)

    with node_and_members(place, KEPT) as sides, contextlib.ExitStack() as stack:
        if row.rival == ETCD_PROXY:
            proxy = stack.enter_context(EtcdProxy(place, Endpoint(sides[1][0])))
            sides = sides[0], (proxy.address, [proxy, *sides[1][1]])
        own, other = in_turns(row, place, settings, sides, run)
    return {**compared(own, other, "cpu", row.unit), "p50": latency(own, other, "p50"), "p99": latency(own, other, "p99")}


class Endpoint:
    """What the proxy needs of what it stands before."""

    def __init__(self, address):
        self.address = address
        self.url = f"http://{address}"


# --- seen on another node ---

class Wire:
    """One connection by memcached's protocol."""

    def __init__(self, server):
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=SEEN_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._replies.close()
        self._socket.close()

    def set(self, key, value):
        self._socket.sendall(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value))
        reply = self._replies.readline()
        if reply != b"STORED\r\n":
            raise BenchError(f"a set was answered with {reply!r}")

    def get(self, key):
        self._socket.sendall(b"get %s\r\n" % key)
        line = self._replies.readline()
        if line == b"END\r\n":
            return None
        value = self._replies.read(int(line.split()[3]) + 2)[:-2]
        self._replies.readline()
        return value


def measure_seen(row, place, settings, tick):
    """Milliseconds from the answer to a put by one node until a reader of another, which asks all the time, sees it."""
    count = max(50, SEEN_SAMPLES * settings.time_ms // 2000)
    late = []
    with members(place, pinned=False) as cluster, node(place, cluster, CACHED, pinned=False) as first, \
            node(place, cluster, CACHED, pinned=False) as second, Wire(first) as writer, Wire(second) as reader:
        for number in range(count):
            tick()
            value = b"%d" % number
            writer.set(b"durable/seen", value)
            began = time.monotonic()
            while reader.get(b"durable/seen") != value:
                if time.monotonic() > began + SEEN_SECONDS:
                    raise BenchError(f"row {row.number}: a put is not seen after {SEEN_SECONDS} s")
            late.append(1000 * (time.monotonic() - began))
            time.sleep(0.001)  # so that a put does not follow at once, as it would in no program
    late.sort()
    return {"unit": row.unit, "own": late[int(0.99 * len(late))], "p50_ms": statistics.median(late), "max_ms": late[-1],
            "samples": len(late)}


# --- mirrored keys ---

def anonymous(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(re.search(r"^RssAnon:\s+(\d+) kB$", text, re.M)[1])


def is_mirrored(server):
    """Before the node has reached the cluster it tells nothing of mirrors."""
    try:
        return server.counters('larder_near_mirrors{state="loaded"}') == [1]
    except BenchError:
        return False


def mirrored_bytes(row, place, cluster, tick):
    """(bytes for each key, seconds of the load)"""
    with node(place, cluster, KEPT, memory_mib=None, pinned=False) as bare:
        empty = anonymous(bare)
    with node(place, cluster, MIRRORED, memory_mib=None, pinned=False) as server:
        end = time.monotonic() + SETTLE_SECONDS
        while not is_mirrored(server):
            if time.monotonic() > end:
                raise BenchError(f"row {row.number}: the mirror is not loaded after {SETTLE_SECONDS} s")
            tick()
            time.sleep(0.05)
        keys, seconds = server.counters('larder_near_keys{kind="mirrored"}', "larder_near_mirror_load_seconds")
        if keys < ITEMS:
            raise BenchError(f"row {row.number}: {keys:.0f} keys are mirrored instead of {ITEMS}")
        return (anonymous(server) - empty) / ITEMS, seconds


def memory_bytes(place, tick):
    """Bytes for each entry of a memory group with such keys and values."""
    with Server(place, LARDERD, memory_mib=1024) as server:
        empty = anonymous(server)
        larder_bench(place, tick, server.address, "--keys", ITEMS, "--key-size", KEY_SIZE, "--value-size", VALUE_SIZE,
                     "--connections", 50, "--pipeline", 32, "--prefill", "--mix", "1:0", "--requests", 1, "--warmup", 0)
        return (anonymous(server) - empty) / ITEMS


def measure_mirror(row, place, settings, tick):
    with members(place, pinned=False) as cluster, node(place, cluster, KEPT, pinned=False) as filler:
        check(row, larder_bench(place, tick, "put", "--endpoints", filler.address, "--key-size", KEY_SIZE, "--val-size",
                                VALUE_SIZE, "--key-space-size", ITEMS, "--sequential-keys", "--total", ITEMS,
                                *FILL_IN_FLIGHT)["runs"])
        own, seconds = mirrored_bytes(row, place, cluster, tick)
    return {**pair([own], [memory_bytes(place, tick)], row.unit), "load_seconds": seconds}


# --- the experiment of the dying leader, without its death ---

class Scenario:
    """Which operations."""

    seed = 123

    def __init__(self, settings):
        self.iterations = SIMULATED_PER_SECOND * settings.time_ms // 1000 * 5


def simulated(place, settings, tick, clients):
    """Operations a second through a node, and directly, each on members of its own: the same operations."""
    scenario = Scenario(settings)
    own, other = [], []
    for _ in range(min(settings.rounds, 3)):
        with members(place, pinned=False) as cluster, node(place, cluster, "", pinned=False) as server:
            own.append(simulate_on(place, scenario, server.address, clients, tick, "--fixed-endpoints"))
        other.append(simulate(place, scenario, clients, tick))
    return pair(*([run["operations_per_second"] for run in side] for side in (own, other)), "operations/s")


def measure_simulate(row, place, settings, tick):
    return {**simulated(place, settings, tick, row.in_flight[0]), "one_by_one": simulated(place, settings, tick, 1)}


MEASURES = {"near-cached": measure_cached, "near-range": measure_reads, "near-put": measure_puts,
            "near-watch": measure_watch, "near-seen": measure_seen, "near-mirror": measure_mirror,
            "near-simulate": measure_simulate}
