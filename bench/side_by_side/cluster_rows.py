# SPDX-License-Identifier: Apache-2.0
"""Measures the rows about a real etcd cluster as the store: the client that fails over, and a node in front of it."""
import json
import resource
import statistics
import subprocess
import time

from side_by_side.etcd_api import KEY, RANGED, check, etcd, timed
from side_by_side.etcd_cluster import Cluster
from side_by_side.golang import built
from side_by_side.h2load import put_body, range_body
from side_by_side.load import larder_bench, pair
from side_by_side.process import BenchError, run_ticking
from side_by_side.rivals import DataDirectory, need
from side_by_side.rows import DURABLE_VALUE_SIZE
from side_by_side.server import LARDERD, Server

REQUESTS_PER_SECOND = 2500  # of a turn: for so many a turn takes about its time
KILLS = 10
KILLS_LEAST = 2
KILL_AFTER_S = 1.0
RUN_MS = 2500
SINGLE_ROUNDS_MOST = 3  # only told beside the figure


# --- our client and etcd's Go client ---

def go_program(place):
    return built(place, "etcd_go", "golang-etcd-server-dev")


def count_of(settings):
    return max(100, REQUESTS_PER_SECOND * settings.time_ms // 1000)


def own_client(row, place, server, settings, tick):
    run = larder_bench(place, tick, "client", row.load[0], "--endpoints", server.address, "--total", count_of(settings),
                       "--key-size", len(KEY), "--val-size", DURABLE_VALUE_SIZE)
    check(row, [run])
    return {"cpu": run["client_cpu_us_per_request"], "rate": run["requests_per_second"],
            "p50": run["latency_us"]["p50"], "p99": run["latency_us"]["p99"]}


def go_client(row, place, server, settings, tick):
    command = ["taskset", "-c", str(place.load_cpu), str(go_program(place)), "-endpoints", server.address, "-op",
               row.load[0], "-total", str(count_of(settings)), "-key", KEY, "-value-size", str(DURABLE_VALUE_SIZE)]
    returncode, out, said = run_ticking(command, tick)
    if returncode != 0:
        raise BenchError(f"row {row.number}: etcd's Go client: {(said or out).decode('utf-8', 'replace').strip()}")
    run = json.loads(out)
    check(row, [run])
    return {"cpu": run["client_cpu_us_per_request"], "rate": run["requests_per_second"], "p50": run["latency_p50_us"],
            "p99": run["latency_p99_us"]}


def children_cpu_us():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e6 * (usage.ru_utime + usage.ru_stime)


def h2load_cpu(row, place, server, settings, tick):
    """h2load knows nothing of gRPC but the bytes it was given: the least that a client can do. Its start is counted."""
    body = server.directory / "body"
    key = KEY.encode()
    body.write_bytes(put_body(key, b"v" * DURABLE_VALUE_SIZE) if row.load[0] == "put" else range_body(key))
    method = {"put": "Put", "range": "Range"}[row.load[0]]
    count = count_of(settings)
    before = children_cpu_us()
    returncode, out, said = run_ticking(
        ["taskset", "-c", str(place.load_cpu), need("h2load", "nghttp2-client"), "-n", str(count), "-c", "1", "-m", "1",
         "-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"{server.url}/etcdserverpb.KV/{method}"], tick)
    if returncode != 0 or f"{count} succeeded, 0 failed, 0 errored, 0 timeout" not in out.decode():
        raise BenchError(f"row {row.number}: h2load: {out.decode()} {said.decode()}")
    return (children_cpu_us() - before) / count


def measure_client(row, place, settings, tick):
    own, go, bare = [], [], []
    go_program(place)
    with etcd(place) as server:
        check(row, larder_bench(place, tick, "put", "--endpoints", server.address, *RANGED, "--total", 1)["runs"])
        for _ in range(settings.rounds):
            own.append(own_client(row, place, server, settings, tick))
            go.append(go_client(row, place, server, settings, tick))
            bare.append(h2load_cpu(row, place, server, settings, tick))

    def figures(name, unit):
        return pair([turn[name] for turn in own], [turn[name] for turn in go], unit)

    return {**figures("cpu", row.unit), "rate": figures("rate", "requests/s"), "p50": figures("p50", "us"),
            "p99": figures("p99", "us"), "h2load": pair([turn["cpu"] for turn in own], bare, row.unit)}


# --- a node in front of etcd ---

def put_through(row, place, settings, tick, endpoints, rounds):
    """The same load on a node whose store these members are, and on the first of them itself: (runs, rivals)."""
    with Server(place, LARDERD, extra=("--store", f"etcd://{endpoints}")) as node:
        report = larder_bench(place, tick, "put", *RANGED, "--endpoints", node.address, "--server-pid", node.pid, "--vs",
                              endpoints, "--rounds", rounds, *timed(settings))
    check(row, report["runs"] + report["rival_runs"])
    return report["runs"], report["rival_runs"]


def latencies(runs, rivals, name):
    return pair(*([run["latency_us"][name] for run in side] for side in (runs, rivals)), "us")


def measure_through(row, place, settings, tick):
    """The figure is of a cluster of three members, of which the leader is asked; a single member is told beside it."""
    with DataDirectory(place) as data, Cluster(place, data, pinned=True) as cluster:
        runs, rivals = put_through(row, place, settings, tick, cluster.endpoints(cluster.leader()),
                                   settings.rounds)
    with etcd(place) as alone:
        single = put_through(row, place, settings, tick, alone.address, min(settings.rounds, SINGLE_ROUNDS_MOST))
    return {**latencies(runs, rivals, "p50"), "p99": latencies(runs, rivals, "p99"),
            "p50": latencies(runs, rivals, "p50"), "single": latencies(*single, "p50"),
            "rate": pair(*([run["requests_per_second"] for run in side] for side in (runs, rivals)), "requests/s"),
            "cpu": pair(*([run["server_cpu_us_per_request"] for run in side] for side in (runs, rivals)),
                        "us CPU/request")}


# --- a member that is killed ---

def kill_one(row, place, cluster, tick):
    """Milliseconds from a follower's end, while it is in use, to the first answer by another one."""
    leader = cluster.leader()
    victim = next(name for name in cluster.members if name != leader)
    command = [str(place.larder), "bench", "client", "range", "--endpoints", cluster.endpoints(victim), "--duration",
               f"{RUN_MS}ms", "--key-size", str(len(KEY)), "--val-size", str(DURABLE_VALUE_SIZE), "--json", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as load:
        try:
            time.sleep(KILL_AFTER_S)
            cluster.kill(victim)
            out, said = load.communicate(timeout=60)
        except BaseException:
            load.kill()
            raise
    tick()
    if load.returncode != 0:
        raise BenchError(f"row {row.number}: {(said or out).decode('utf-8', 'replace').strip()}")
    run = json.loads(out)
    if run["failovers"]["count"] == 0:
        raise BenchError(f"row {row.number}: the member that was killed was not in use")
    cluster.restart(victim)
    cluster.members[victim].wait_until_ready()
    return run["longest_gap_ms"]


def measure_failover(row, place, settings, tick):
    kills = max(KILLS_LEAST, KILLS * settings.time_ms // 2000)
    with DataDirectory(place) as data, Cluster(place, data) as cluster:
        endpoints = cluster.endpoints(cluster.leader())
        check(row, larder_bench(place, tick, "put", "--endpoints", endpoints, *RANGED, "--total", 1)["runs"])
        gaps = [kill_one(row, place, cluster, tick) for _ in range(min(kills, KILLS))]
    return {"unit": row.unit, "own": max(gaps), "median_gap": statistics.median(gaps), "kills": len(gaps)}
