# SPDX-License-Identifier: Apache-2.0
"""Measures the rows about nodes that share their keys: what the way by another node costs, how keys spread, how soon a dead
node is out."""
import contextlib
import json
import statistics
import time
import urllib.request

from side_by_side.load import check_runs, larder_bench, pair, timed
from side_by_side.near_rows import cpu_us
from side_by_side.process import BenchError, free_port, run_ticking
from side_by_side.rivals import DataDirectory
from side_by_side.rows import VALUE_SIZE
from side_by_side.server import LARDERD, Server

NODES = 3
LEASE_SECONDS = 5
JOIN_SECONDS = 30
KEYS_OF_A_GET = 100
KILLS = 3
SIMULATED_NODES = 10
SIMULATED_KEYS = 10_000_000


def asked(node, path):
    with urllib.request.urlopen(f"http://{node.address}{path}", timeout=5) as answer:
        return json.load(answer)


class Node(Server):
    """One of a cluster; `store` are the options that say where the store is."""

    def __init__(self, place, name, store, config=None):
        own = f"127.0.0.1:{free_port()}"
        super().__init__(place, LARDERD, config=config,
                         extra=("--cluster", "bench", "--node-id", name, "--listen", own, "--advertise", own, "--lease",
                                f"{LEASE_SECONDS}s", "--drain-timeout", "1s", *store))

    def members(self):
        return [node["id"] for node in asked(self, "/admin/members")["nodes"]]


def wait_for(condition, seconds, what, tick=lambda: None):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise BenchError(f"not within {seconds} s: {what}")
        tick()
        time.sleep(0.01)


@contextlib.contextmanager
def nodes(place, tick, config=None):
    """Three of them; the first keeps the store."""
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(DataDirectory(place))
        group = [stack.enter_context(Node(place, "n0", ("--data-dir", str(data / "store")), config))]
        store = ("--store", f"etcd://{group[0].address}", "--store-follow-members", "no")
        group += [stack.enter_context(Node(place, f"n{i}", store, config)) for i in range(1, NODES)]
        for node in group:
            wait_for(lambda node=node: len(node.members()) == NODES, JOIN_SECONDS, "three nodes see each other", tick)
        yield group


def key_of(group, owner, before="k"):
    """A prefix, with which the only key of `larder bench --keys 1` belongs to that node."""
    for number in range(1000):
        prefix = f"{before}{number}-"
        if asked(group[0], f"/admin/ring?key={prefix}0")["owner"] == owner:
            return prefix
    raise BenchError(f"no key belongs to {owner}")


def measure_way(row, place, settings, tick):
    """By a node that does not own the key, and by the owner itself, in turns; the processor time of both together."""
    with nodes(place, tick) as group:
        owner, other = group[1], group[2]
        load = ("--keys", 1, "--key-size", 1, "--key-prefix", key_of(group, "n1"), "--value-size", VALUE_SIZE, "--prefill",
                "--mix", "1:0", "--connections", row.in_flight[0], "--pipeline", row.in_flight[1])

        def run(address):
            before = cpu_us((owner, other))
            figures, = larder_bench(place, tick, address, *load, *timed(settings))["runs"]
            check_runs(row, [figures])
            # The warm-up's requests are in it as well, on both sides, so the ratio holds.
            return {**figures, "cpu": (cpu_us((owner, other)) - before) / figures["requests"]}

        for node in (other, owner):
            run(node.address)
        own, direct = [], []
        for _ in range(settings.rounds):
            own.append(run(other.address))
            direct.append(run(owner.address))
    figures = {"cpu": pair([one["cpu"] for one in own], [one["cpu"] for one in direct], "us CPU/request"),
               "p50": pair([one["latency_us"]["p50"] for one in own], [one["latency_us"]["p50"] for one in direct], "us"),
               "p99": pair([one["latency_us"]["p99"] for one in own], [one["latency_us"]["p99"] for one in direct], "us")}
    main = {"us": "p50", "us CPU/request": "cpu"}[row.unit]
    return {**figures[main], **{name: figure for name, figure in figures.items() if name != main}}


def measure_many(row, place, settings, tick):
    """One get of many keys by a node of three, and by a node alone."""
    load = ("--keys", 10_000, "--value-size", VALUE_SIZE, "--prefill", "--mix", "1:0", "--connections", 1, "--keys-per-get",
            KEYS_OF_A_GET, *timed(settings))
    own, alone = [], []
    with nodes(place, tick) as group, Server(place, LARDERD) as single:
        for _ in range(settings.rounds):
            for figures, server in ((own, group[1]), (alone, single)):
                run, = larder_bench(place, tick, server.address, *load)["runs"]
                check_runs(row, [run])
                figures.append(run["latency_us"]["p50"])
    return pair(own, alone, row.unit)


def simulated(place, tick):
    command = [str(place.larder), "ring", "simulate", "--nodes", str(SIMULATED_NODES), "--keys", str(SIMULATED_KEYS), "--json"]
    returncode, out, said = run_ticking(command, tick)
    if returncode != 0:
        raise BenchError(f"larder ring simulate failed: {said.decode('utf-8', 'replace').strip()}")
    return json.loads(out)


def measure_fullest(row, place, settings, tick):
    told = simulated(place, tick)
    return {"unit": row.unit, "own": max(member["of_mean"] for member in told["members"])}


def measure_moved(row, place, settings, tick):
    told = simulated(place, tick)
    return {"unit": row.unit, "own": max(told[change]["of_share"] for change in ("come", "go"))}


def measure_death(row, place, settings, tick):
    """From SIGKILL until no other node lists it, the longest of a few."""
    late = []
    for _ in range(KILLS):
        with nodes(place, tick) as group:
            began = time.monotonic()
            group[2].kill()
            for node in group[:2]:
                wait_for(lambda node=node: "n2" not in node.members(), 4 * LEASE_SECONDS, "the dead node is out", tick)
            late.append(time.monotonic() - began)
    return {"unit": row.unit, "own": max(late), "p50_s": statistics.median(late)}


MEASURES = {"ring-way": measure_way, "ring-many": measure_many, "ring-fullest": measure_fullest, "ring-moved": measure_moved,
            "ring-death": measure_death}
