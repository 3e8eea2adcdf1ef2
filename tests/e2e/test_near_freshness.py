# SPDX-License-Identifier: Apache-2.0
"""How fresh reads of store groups are in front of an etcd cluster that others write to: linearizable, max_stale, cached; and
what they are when the cluster says nothing any more."""
import base64
import json
import os
import signal
import time

import pytest

from httpwire import ask
from server import suspend, wait_until
from wire import Connection

pytestmark = [pytest.mark.larder("it starts clusters of etcd itself"), pytest.mark.slow]

STALE_LIMIT = 2
MAX_STALE = 0.3
ROUNDS = 60
DEADLINE = 30
GROUPS = f"""
[group "lin"]
backing = store
prefix = l/
freshness = linearizable
[group "some"]
backing = store
prefix = s/
freshness = max_stale={int(MAX_STALE * 1000)}ms
[group "cached"]
backing = store
prefix = c/
stale-limit = {STALE_LIMIT}s
[group "mirrored"]
backing = store
prefix = m/
mirror = yes
stale-limit = {STALE_LIMIT}s
"""
PREFIXES = {"lin": "l/", "some": "s/", "cached": "c/", "mirrored": "m/"}
OLD = "older than this read allows"
MEMCACHED_OLD = b"SERVER_ERROR the etcd cluster cannot be reached, and nothing here is fresh enough\r\n"


def text(data):
    return base64.b64encode(data.encode()).decode()


class Other:
    """Another client of the cluster, who never comes by the node."""

    def __init__(self, cluster):
        self._cluster = cluster

    def put(self, group, key, value):
        """Returns the revision."""
        body = {"key": text(PREFIXES[group] + key), "value": text(str(value))}
        answer = self._cluster._http(0, "/v3/kv/put", json.dumps(body).encode())
        return int(answer["header"]["revision"])

    def delete(self, group, key):
        body = {"key": text(PREFIXES[group] + key)}
        return int(self._cluster._http(0, "/v3/kv/deleterange", json.dumps(body).encode())["header"]["revision"])


@pytest.fixture
def cluster(start_cluster):
    return start_cluster(size=1)


@pytest.fixture
def other(cluster):
    return Other(cluster)


@pytest.fixture
def node(cluster, start_cluster_node):
    started = start_cluster_node(cluster, config=GROUPS, times=["--store-timeout", "1s", "--store-attempt-timeout", "400ms"])
    started.wait_ready()
    started.wait_metric("larder_near_watching", lambda value: value == 1)
    return started


@pytest.fixture
def memcached(node):
    with Connection(node) as opened:
        yield opened


def get(memcached, key):
    """The value by memcached, or what was said instead."""
    memcached.send(b"get %s\r\n" % key.encode())
    said = memcached.read_until(lambda seen: len(seen) if seen.endswith((b"END\r\n", b"fresh enough\r\n")) else 0, "an answer")
    return int(said.split(b"\r\n")[1]) if said.startswith(b"VALUE") else said


def test_a_linearizable_read_sees_what_others_have_written(node, other, memcached):
    before = node.metrics()
    for value in range(ROUNDS):
        other.put("lin", "a", value)
        assert get(memcached, "lin/a") == value
        other.put("cached", "a", value)
        answer = ask(node, "GET", "/cached/a?use_cache=false")
        assert int(answer.body) == value and answer.headers["Age"] == "0"
        assert answer.headers["Cache-Status"].startswith("larder; fwd=")
    other.delete("lin", "a")
    assert get(memcached, "lin/a") == b"END\r\n"
    after = node.metrics()
    grown = after["larder_near_round_reads_total"] - before.get("larder_near_round_reads_total", 0)
    assert grown > ROUNDS, "once the keys are known they are answered from memory"
    assert answer.headers["Cache-Status"] == "larder; fwd=request; detail=proof"


def test_a_list_may_be_linearizable_too(node, other):
    wait_until(lambda: node.metrics()['larder_near_mirrors{state="loaded"}'] == 1, DEADLINE, "the mirror is loaded")
    for value in range(ROUNDS):
        revision = other.put("mirrored", f"{value % 7}", value)
        answer = ask(node, "GET", "/mirrored/?prefix=&values&use_cache=false")
        assert max(int(item["value"]) for item in answer.json["items"]) == value
        assert answer.json["revision"] >= revision and answer.headers["Age"] == "0"
    assert answer.headers["Cache-Status"] == "larder; fwd=request; detail=proof"
    wait_until(lambda: ask(node, "GET", "/mirrored/?prefix=").headers["Cache-Status"] == "larder; hit", DEADLINE, "a hit")


def test_a_read_is_at_most_so_old(node, other, memcached):
    """Of a read that begins so long after a write was acknowledged, the write is in the answer."""
    for value in range(10):
        other.put("some", "a", value)
        written = time.monotonic()
        while (begun := time.monotonic()) < written + 2 * MAX_STALE:
            seen = get(memcached, "some/a")
            assert seen == value or begun < written + MAX_STALE
    answer = ask(node, "GET", "/some/a")
    assert int(answer.headers["Age"]) <= 1


def test_a_cached_read_follows_and_never_goes_back(node, other, memcached):
    last = -1
    for value in range(ROUNDS):
        other.put("cached", "a", value)
        seen = get(memcached, "cached/a")
        assert last <= seen <= value
        last = seen
    wait_until(lambda: get(memcached, "cached/a") == ROUNDS - 1, DEADLINE, "the last value")
    answer = ask(node, "GET", "/cached/a")
    assert answer.headers["Cache-Status"] == "larder; hit" and int(answer.headers["Age"]) <= STALE_LIMIT


def test_own_writes_are_seen_at_once_by_every_protocol(node, memcached):
    for value in range(ROUNDS):
        assert ask(node, "PUT", "/cached/a", b"%d" % value).status in (201, 204)
        assert get(memcached, "cached/a") == value
        assert memcached.ask(b"set cached/a 0 0 2\r\n-1\r\n") == b"STORED\r\n"
        assert ask(node, "GET", "/cached/a").body == b"-1"


def test_a_revision_is_waited_for(node, other):
    for value in range(ROUNDS):
        revision = other.put("cached", "a", value)
        answer = ask(node, "GET", f"/cached/a?min_rev={revision}")
        assert int(answer.body) == value and int(answer.headers["X-Larder-Revision"]) >= revision
        revision = other.delete("cached", "a")
        assert ask(node, "GET", f"/cached/a?min_rev={revision}").status == 404
    assert ask(node, "GET", f"/cached/a?min_rev={revision + 1000}").status == 412
    assert ask(node, "GET", f"/cached/?prefix=&min_rev={revision + 1000}").status == 412


def test_an_audit_in_front_of_a_cluster(node, other, memcached):
    for key in range(300):
        other.put("cached", f"{key}", key)
        assert get(memcached, f"cached/{key}") == key
    wait_until(lambda: ask(node, "GET", "/cached/0").headers["Cache-Status"] == "larder; hit", DEADLINE, "a copy")
    answer = ask(node, "POST", "/admin/audit", b"")
    assert answer.status == 200, answer.body
    assert answer.json["differences"] == 0 and answer.json["compared"] >= 300
    assert node.metrics()["larder_audit_compared_total"] > 0


def pause(cluster):
    for place in cluster.members:
        cluster.suspend(place)
    return time.monotonic()


def go_on(cluster):
    for place in cluster.members:
        cluster.resume(place)


def test_a_cluster_that_says_nothing(start_cluster, start_cluster_node):
    """What is cached is served until it may be older than stale-limit; from then on reads are errors, never silently old."""
    cluster = start_cluster()
    node = start_cluster_node(cluster, config=GROUPS, times=["--store-timeout", "1s", "--store-attempt-timeout", "400ms"])
    node.wait_ready()
    other = Other(cluster)
    with Connection(node) as memcached:
        for group in PREFIXES:
            other.put(group, "a", 1)
            wait_until(lambda: get(memcached, f"{group}/a") == 1, DEADLINE, f"{group}/a is there")
        wait_until(lambda: ask(node, "GET", "/cached/a").headers["Cache-Status"] == "larder; hit", DEADLINE, "a copy")
        paused = pause(cluster)
        served = 0
        while True:
            begun = time.monotonic()
            answer = ask(node, "GET", "/cached/a")
            if answer.status != 200:
                break
            assert begun < paused + STALE_LIMIT, "no proof can have begun after the pause"
            assert int(answer.headers["Age"]) <= STALE_LIMIT and answer.headers["Cache-Status"] == "larder; hit"
            served += 1
        assert served > 0
        assert answer.status == 503 and OLD in answer.json["message"]
        assert get(memcached, "cached/a") == MEMCACHED_OLD
        assert get(memcached, "some/a") == MEMCACHED_OLD
        assert get(memcached, "lin/a") == MEMCACHED_OLD
        for target in ("/lin/a", "/cached/a?use_cache=false", "/some/a?max_stale=1s", "/mirrored/a", "/mirrored/?prefix="):
            answer = ask(node, "GET", target)
            assert answer.status == 503 and OLD in answer.json["message"], target
        assert int(ask(node, "GET", "/cached/a?max_stale=1h").body) == 1, "whoever takes what is that old gets it"
        assert ask(node, "POST", "/admin/audit", b"").status == 503
        go_on(cluster)
        for group in PREFIXES:
            wait_until(lambda: get(memcached, f"{group}/a") == 1, DEADLINE, f"{group}/a is there again")
        cluster.wait_healthy()
        other.put("lin", "a", 2)
        wait_until(lambda: get(memcached, "lin/a") == 2, DEADLINE, "all is well again")


def test_a_node_that_was_paused_does_not_believe_its_old_proof(node, other, memcached):
    """What it proved is as old as it slept; a request that has come meanwhile is answered by that."""
    for value in range(5):
        other.put("some", "a", value)
        assert wait_until(lambda: get(memcached, "some/a") == value, DEADLINE, "the value")
        suspend(node.pid)
        other.put("some", "a", value + 1000)
        memcached.send(b"get some/a\r\n")
        time.sleep(2 * MAX_STALE)
        os.kill(node.pid, signal.SIGCONT)
        said = memcached.read_until(lambda seen: len(seen) if seen.endswith(b"END\r\n") else 0, "an answer")
        # The request came when the write was young: to either it may be true. One that comes now sees it.
        assert int(said.split(b"\r\n")[1]) in (value, value + 1000)
        assert get(memcached, "some/a") == value + 1000
