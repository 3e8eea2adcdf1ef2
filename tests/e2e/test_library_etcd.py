# SPDX-License-Identifier: Apache-2.0
"""The client of etcd in liblarder, as programs get it, with real etcd and with larderd."""
import re
import select
import socket

import pytest

from cuttable import ANSWER_GARBAGE
from etcdctl import Etcdctl, interrupt
from etcdcluster import PASSWORD, USER, Cluster
from etcdnode import EtcdNode, LarderNode
from librarybuild import DEADLINE, build, end, go_on, installed, run, start
from server import REPOSITORY, kind_under_test, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(kind_under_test() != "larder", reason="it brings its own servers")]


@pytest.fixture(scope="module")
def programs(installed, tmp_path_factory):
    """The programs by their topic, built when they are first asked for."""
    made, where = {}, tmp_path_factory.mktemp("programs")

    def program(topic):
        if topic not in made:
            made[topic] = build(installed, "cc", REPOSITORY / "tests" / "e2e" / f"library_etcd_{topic}.c", where / topic,
                                ["libuv"] if topic in ("loop", "observe") else ())
        return made[topic]

    return program


@pytest.fixture(scope="module", params=["etcd", "larder"])
def node(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("node")
    started = EtcdNode(directory) if request.param == "etcd" else LarderNode(directory)
    yield started
    started.stop()


@pytest.fixture
def etcdctl(node):
    client = Etcdctl(node.port)
    yield client
    client.end()


def test_keys_and_values(installed, programs, node):
    run([programs("kv"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_the_example(installed, node, etcdctl, tmp_path):
    running = start(installed, build(installed, "cc", REPOSITORY / "examples" / "watch.c", tmp_path / "watch"),
                    f"127.0.0.1:{node.port}", "example/")
    assert running.stdout.readline() == "watching\n"
    etcdctl("put", "example/a", "1")
    etcdctl("put", "exam", "2")
    etcdctl("del", "example/a")
    assert [running.stdout.readline() for _ in range(2)] == ["put example/a 1\n", "delete example/a \n"]
    running.kill()
    running.communicate(timeout=DEADLINE)


def test_each_allocation_fails_in_turn(installed, programs, node):
    run([programs("memory"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_tls_and_a_user(installed, programs, tmp_path):
    cluster = Cluster(tmp_path / "cluster", size=1, tls=True, auth=True)
    certificate, key = cluster.certificates.client
    variables = {**installed[1], "LARDER_CA": str(cluster.certificates.authority), "LARDER_CERTIFICATE": str(certificate),
                 "LARDER_KEY": str(key), "LARDER_USER": USER, "LARDER_PASSWORD": PASSWORD}
    url = cluster.url(0)
    run([programs("kv"), url], env=variables)
    cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Three members, whole again after each test."""
    started = Cluster(tmp_path_factory.mktemp("cluster"), fast=True)
    yield started
    started.stop()


@pytest.fixture
def leader_first(cluster):
    """(the leader's place, the endpoints with it at the front). A member that was killed comes back afterwards."""
    leader = cluster.leader()
    yield leader, cluster.endpoints(leader, *(place for place in cluster.members if place != leader))
    for place, member in cluster.members.items():
        if not member.is_alive():
            cluster.restart(place)


def test_operations_that_nobody_waits_for(installed, programs, node):
    run([programs("queue"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_in_a_loop_of_libuv(installed, programs, node):
    run([programs("loop"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_watches(installed, programs, node):
    run([programs("watch"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_a_watch_hears_how_far_it_has_come(installed, programs, tmp_path):
    """By larderd: etcd 3.4.23 may tell progress before events."""
    node = LarderNode(tmp_path / "node", "--watch-progress", "100ms")
    run([programs("watch"), f"127.0.0.1:{node.port}", "progress"], env=installed[1])
    node.stop()


def test_a_watch_outlives_its_member(installed, programs, cluster, leader_first):
    leader, endpoints = leader_first
    running = start(installed, programs("watch"), endpoints, 400)
    assert running.stdout.readline() == "half\n"
    cluster.kill(leader)
    go_on(running)
    end(running)


def test_a_watch_outlives_its_connection(installed, programs, tmp_path):
    cluster = Cluster(tmp_path / "cluster", size=1, client_proxies=True)
    running = start(installed, programs("watch"), cluster.endpoints(0), 400)
    assert running.stdout.readline() == "half\n"
    cluster.turn_clients(0, ANSWER_GARBAGE)
    cluster.free_clients(0)
    go_on(running)
    end(running)
    cluster.stop()


def test_leases(installed, programs, node):
    run([programs("lease"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_a_lease_is_kept_while_its_member_dies(installed, programs, cluster, leader_first):
    leader, endpoints = leader_first
    running = start(installed, programs("lease"), endpoints, "keep")
    assert running.stdout.readline() == "kept\n"
    cluster.kill(leader)
    go_on(running)
    end(running)


def test_a_lease_is_lost_with_the_cluster(installed, programs, tmp_path):
    cluster = Cluster(tmp_path / "cluster", size=1)
    running = start(installed, programs("lease"), cluster.endpoints(0), "lose")
    assert running.stdout.readline() == "kept\n"
    cluster.kill_all()
    go_on(running)
    end(running)
    cluster.stop()


def test_locks_and_elections(installed, programs, node):
    run([programs("lock"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_locks_and_elections_that_nobody_waits_for(installed, programs, node):
    run([programs("lines"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_an_election_in_a_loop_of_libuv(installed, programs, node):
    run([programs("observe"), f"127.0.0.1:{node.port}"], env=installed[1])


def test_an_observer_in_a_loop_does_not_wait_for_a_cluster_that_is_away(installed, programs):
    listener = socket.create_server(("127.0.0.1", 0))  # takes connections, and says nothing
    run([programs("observe"), f"127.0.0.1:{listener.getsockname()[1]}", "away"], env=installed[1])
    listener.close()


def test_a_lock_excludes_while_the_leader_dies(installed, programs, cluster, leader_first):
    leader, endpoints = leader_first
    processes, threads, turns = 3, 2, 15
    running = [start(installed, programs("lock"), endpoints, "count", threads, turns) for _ in range(processes)]
    other = next(place for place in cluster.members if place != leader)
    counter = cluster.etcdctl(other)
    wait_until(lambda: int(counter("get", "counter", "--print-value-only") or 0) >= 5, DEADLINE, "they have begun")
    cluster.kill(leader)
    for each in running:
        end(each)
    assert int(counter("get", "counter", "--print-value-only")) == processes * threads * turns


def test_a_lock_among_other_clients(installed, programs, node, etcdctl):
    """etcdctl waits for us, and we for etcdctl."""
    ours = start(installed, programs("lock"), f"127.0.0.1:{node.port}", "hold", "shared")
    assert ours.stdout.readline() == "held\n"
    theirs = etcdctl.start("lock", "shared")
    keys = lambda: etcdctl("get", "--prefix", "--keys-only", "shared/").split()
    wait_until(lambda: len(keys()) == 2, DEADLINE, "both stand in the line")
    us = keys()[0] if keys()[0] in etcdctl("get", "--prefix", "--keys-only", "--sort-by", "create", "--limit", "1", "shared/") \
        else keys()[1]
    go_on(ours)
    end(ours)
    assert theirs.line().startswith("shared/") and us not in keys()
    ours = start(installed, programs("lock"), f"127.0.0.1:{node.port}", "hold", "shared")
    wait_until(lambda: len(keys()) == 2, DEADLINE, "both stand in the line again")
    interrupt(theirs)
    assert ours.stdout.readline() == "held\n"
    go_on(ours)
    end(ours)


def test_the_lock_of_a_killed_process_goes_with_its_lease(installed, programs, node):
    killed, waiting = [start(installed, programs("lock"), f"127.0.0.1:{node.port}", "hold", "orphan") for _ in range(2)]
    first, _, _ = select.select([killed.stdout, waiting.stdout], [], [], DEADLINE)
    if first[0] is waiting.stdout:
        killed, waiting = waiting, killed
    assert killed.stdout.readline() == "held\n"
    killed.kill()
    killed.communicate(timeout=DEADLINE)
    assert waiting.stdout.readline() == "held\n"
    go_on(waiting)
    end(waiting)


def test_an_election_among_other_clients(installed, programs, node, etcdctl):
    theirs = etcdctl.start("elect", "lock/shared", "their name")
    assert [theirs.line().split("/")[0], theirs.line()] == ["lock", "their name"]
    # A lock of that name is the same line.
    ours = start(installed, programs("lock"), f"127.0.0.1:{node.port}", "hold", "lock/shared")
    interrupt(theirs)
    assert ours.stdout.readline() == "held\n"
    go_on(ours)
    end(ours)


@pytest.mark.parametrize("topic", ["etcd", "near"])
def test_the_man_page_names_every_function(topic):
    header = (REPOSITORY / "include" / "larder" / f"{topic}.h").read_text()
    page = (REPOSITORY / "docs" / "man" / f"larder_{topic}.3").read_text()
    assert set(re.findall(rf"\b(larder_{topic}\w*)\(", header)) - set(re.findall(r"^\.Fn (\w+)", page, re.M)) \
        <= {"larder_etcd_result", "larder_etcd_events", "larder_etcd_lost_fn", "larder_near_value"}
