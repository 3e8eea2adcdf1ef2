# SPDX-License-Identifier: Apache-2.0
"""larder bench client: load through the client that fails over, against real clusters."""
import json
import os
import subprocess

import pytest

from etcdcluster import PASSWORD, USER, Cluster
from nearnode import ranges_asked
from ports import free_port
from server import larderd_path, wait_until
from test_bench_etcd import DEADLINE, READY_DEADLINE

pytestmark = [pytest.mark.larder("it starts servers of etcd's API itself"), pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    running = Cluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture
def start_cluster(tmp_path):
    running = []

    def start(**options):
        running.append(Cluster(tmp_path / f"cluster{len(running)}", **options))
        return running[-1]
    yield start
    for each in running:
        each.stop()


def command(*arguments):
    larder = os.environ.get("LARDER", larderd_path().parent / "larder")
    return [str(larder), "bench", "client", *map(str, arguments)]


def client(*arguments):
    return subprocess.run(command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=DEADLINE, check=False)


def report(*arguments, code=0):
    done = client(*arguments, "--json")
    assert done.returncode == code, (done.stderr, done.stdout)
    return json.loads(done.stdout)


def start(*arguments):
    return subprocess.Popen(command(*arguments, "--json"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def endpoints_from(cluster, first):
    return cluster.endpoints(first, *[place for place in cluster.members if place != first])


@pytest.mark.parametrize("clients", [1, 20])
def test_every_put_is_in_the_cluster_and_is_read(cluster, clients):
    prefix = f"put{clients}/"
    before = cluster.wait_same_revision()
    keys = ("--endpoints", cluster.endpoints(), "--key-prefix", prefix, "--key-space-size", 10, "--clients", clients)
    put = report("put", *keys, "--total", 300, "--val-size", 40)
    # One more, the first, is not counted: it waits for the connection.
    assert put["requests"] == 300 and put["statuses"] == {"OK": 300} and put["errors"] == put["wrong"] == 0
    assert cluster.wait_same_revision() == before + 301
    assert [cluster.count_keys(place, prefix) for place in cluster.members] == [10] * 3
    assert cluster.etcdctl()("get", prefix + "00000003", "--print-value-only") == "v" * 40 + "\n"
    for consistency in "ls":
        read = report("range", *keys, "--total", 100, "--val-size", 40, "--consistency", consistency)
        assert (read["requests"], read["errors"], read["wrong"]) == (100, 0, 0)
        assert read["client_cpu_us_per_request"] > 0
        latency = read["latency_us"]
        assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]
        assert read["longest_gap_ms"] * 1000 >= latency["p50"] / clients
    assert report("range", *keys, "--total", 100, "--val-size", 41, code=1)["wrong"] == 100


def test_people_get_a_report(cluster):
    done = client("put", "--endpoints", "http://" + cluster.endpoints(), "--total", 50)
    assert (done.returncode, done.stderr) == (0, b"")
    for word in (b"put, 1 in flight", b"50 in ", b"us of CPU per request", b"longest gap", b"fail-overs  0"):
        assert word in done.stdout


def test_a_follower_in_use_is_killed(start_cluster):
    """Nothing is lost, and the gap is told; how long it is, bench/run measures."""
    cluster = start_cluster(fast=True)
    follower = cluster.follower()
    assert client("put", "--endpoints", cluster.endpoints(), "--total", 1).returncode == 0
    process = start("range", "--endpoints", endpoints_from(cluster, follower), "--duration", "3s", "--timeout", "20s")
    wait_until(lambda: ranges_asked(cluster) >= 10, READY_DEADLINE, "it is measured")
    cluster.kill(follower)
    out, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, (out, said)
    run = json.loads(out)
    assert run["errors"] == run["wrong"] == 0 and run["seconds"] >= 3
    assert run["failovers"]["count"] >= 1 and run["failovers"]["longest_ms"] <= run["longest_gap_ms"]



def test_all_members_are_killed(start_cluster):
    """Puts that may have been done or not, one at each member at most, are told apart from those that were not."""
    cluster = start_cluster(fast=True)
    process = start("put", "--endpoints", cluster.endpoints(), "--duration", "2s", "--timeout", "500ms", "--key-prefix",
                    "k/")
    wait_until(lambda: cluster.count_keys(0, "k/"), READY_DEADLINE, "puts arrive")
    cluster.kill_all()
    out, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1, said
    run = json.loads(out)
    assert run["errors"] == sum(count for name, count in run["statuses"].items() if name != "OK") > 0
    assert set(run["statuses"]) <= {"OK", "UNKNOWN", "UNAVAILABLE"} and run["statuses"].get("UNKNOWN", 0) <= 3
    assert run["longest_gap_ms"] >= 500


def test_tls_and_a_user(start_cluster):
    cluster = start_cluster(tls=True, auth=True, prefix="mine/")
    certificate, key = cluster.certificates.client
    endpoints = ",".join(cluster.url(place) for place in cluster.members)
    trusted = ("--endpoints", endpoints, "--cacert", cluster.certificates.authority, "--cert", certificate, "--key", key)
    user = ("--user", f"{USER}:{PASSWORD}")
    assert report("put", *trusted, *user, "--key-prefix", "mine/", "--total", 20)["errors"] == 0
    done = client("put", *trusted, *user, "--key-prefix", "theirs/", "--total", 20)
    assert done.returncode == 1 and b"refuses the user" in done.stderr
    done = client("put", "--endpoints", endpoints, *user, "--key-prefix", "mine/", "--total", 20, "--timeout", "1s")
    assert (done.returncode, done.stdout) == (1, b"") and b"the first request failed" in done.stderr


def test_nobody_listens():
    port = free_port()
    done = client("put", "--endpoints", f"127.0.0.1:{port}", "--timeout", "300ms")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"the first request failed: the cluster cannot be reached" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("word",), ("put", "word"), ("put", "--endpoints", ""),
                                       ("put", "--endpoints", "a,,b"), ("range", "--consistency", "x"),
                                       ("put", "--user", "x"), ("put", "--cert", "/x"), ("put", "--clients", "0"),
                                       ("put", "--key-size", "2", "--key-space-size", "1000")])
def test_arguments_that_make_no_sense(arguments):
    done = client(*arguments)
    assert (done.returncode, done.stdout) == (2, b"") and done.stderr.startswith(b"larder bench client: ")


def test_a_certificate_that_is_not_there():
    done = client("put", "--endpoints", "https://127.0.0.1:1", "--cacert", "/nowhere/ca.pem")
    assert done.returncode == 1 and b"/nowhere/ca.pem" in done.stderr


def test_it_explains_itself():
    for arguments in (("--help",), ("put", "--help")):
        done = client(*arguments)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.split(b"examples:\n")[1].count(b"  larder bench client ") == 2
