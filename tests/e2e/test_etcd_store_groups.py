# SPDX-License-Identifier: Apache-2.0
"""Groups that are kept in an etcd cluster, by memcached's protocol and by HTTP: the answers are those of groups on disk."""
import contextlib
import json
import os
import random
import signal

import pytest

import test_store_groups
from etcd import Etcd
from etcdctl import Etcdctl
from etcdstore import StoreNode, await_ready, start_before
from httpwire import GROUPS, ask
from server import suspend, wait_until
from test_http_values import (  # noqa: F401
    path, test_an_empty_value_is_a_value, test_conditional_reads, test_conditional_writes, test_freshness_can_be_asked_for,
    test_keys_are_opaque_bytes, test_long_keys, test_lives, test_no_update_is_lost, test_one_creates_of_many,
    test_the_life_of_a_value, test_writes_of_one_protocol_are_seen_by_the_other)
from test_http_watch import (  # noqa: F401
    Watch, test_a_client_that_comes_back, test_changes_of_one_key, test_changes_under_a_prefix_by_any_protocol,
    test_many_watchers_see_the_same, test_of_one_revision_only_the_last_event_has_the_id)
from test_store_groups import (  # noqa: F401
    durable, talk_durably, test_a_client_that_leaves_at_once_is_no_trouble, test_a_key_ends_when_its_lease_does,
    test_every_text_command, test_larders_own_keys_are_refused, test_pymemcache,
    test_quit_comes_after_the_answers)
from wire import Connection

pytestmark = [pytest.mark.larder("memcached keeps nothing in a cluster"), pytest.mark.slow]
DEADLINE = 30


@pytest.fixture(scope="module")
def cluster_node(tmp_path_factory):
    node = StoreNode(tmp_path_factory.mktemp("store-node"), test_store_groups.CONFIG + GROUPS, ask)
    yield node
    node.assert_alive()
    node.stop()


class Both:
    """To the tests of HTTP a server, to those of memcached a node. `oldest`: seconds, stale-limit, that an answer may be old."""

    oldest = 5

    def __init__(self, running):
        self.server = running.server
        self.host, self.port, self.pid = self.server.host, self.server.port, self.server.pid

    def assert_alive(self):
        self.server.assert_alive()


@pytest.fixture
def node(cluster_node):
    Etcdctl(cluster_node.etcd.client_port)("del", "", "--prefix")
    return Both(cluster_node)


def next_change(watch):
    """The next event but for those that tell of progress alone."""
    while (found := watch.next())[0] == "progress":
        pass
    return found


def test_what_is_written_lies_in_the_cluster(cluster_node, node):
    etcdctl = Etcdctl(cluster_node.etcd.client_port)
    with Connection(node.server) as connection:
        assert connection.ask(b"set d/a 0 0 1\r\nx\r\n") == b"STORED\r\n"
        assert etcdctl("get", "d/a") == "d/a\nx\n"
        etcdctl("put", "d/a", "y")
        assert connection.ask(b"get d/a\r\n") == b"VALUE d/a 0 1\r\ny\r\nEND\r\n", "no copy is older than the cluster"


def test_what_was_read_is_at_hand(node):
    ask(node, "PUT", "/config/a", b"1")
    ask(node, "GET", "/config/a")
    for freshness, how in (("cached", "hit"), ("max_stale=1h", "hit"), ("linearizable", "fwd=request; detail=proof")):
        answer = ask(node, "GET", "/config/a", headers={"Larder-Freshness": freshness})
        assert answer.headers["Cache-Status"] == f"larder; {how}" and answer.body == b"1"


def test_pipelined_writes_keep_their_order(node):
    """Many of few keys, handed in without waiting: of each key the last one counts."""
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    last = {}
    text = b""
    for number in range(3000):
        key = chance.randrange(20)
        last[key] = number
        text += b"set d/%d 0 0 %d\r\n%d\r\n" % (key, len(str(number)), number)
    with Connection(node.server) as connection:
        connection.send(text)
        assert connection.read_lines(3000) == b"STORED\r\n" * 3000
        for key, number in last.items():
            assert connection.ask(b"get d/%d\r\n" % key).split(b"\r\n")[1] == str(number).encode(), f"seed {seed}"


def test_a_listing(node):
    for number in range(25):
        ask(node, "PUT", f"/config/list/{number:02}", b"%d" % number)
    first = ask(node, "GET", "/config/?prefix=list/&limit=10&values").json
    assert [entry["value"] for entry in first["items"]] == [str(number) for number in range(10)]


def test_many_watches_of_etcds_api_and_http(node, cluster_node):
    """All of them see a change that somebody else makes in the cluster."""
    with contextlib.ExitStack() as stack:
        watches = [stack.enter_context(Watch(node, f"/config/many/{number}?watch")) for number in range(20)]
        etcdctl = Etcdctl(node.port)
        stack.callback(etcdctl.end)
        start = ask(node, "PUT", "/config/other", b"").revision
        other = etcdctl.start("watch", "--prefix", "config/many/", "--rev", start)
        for number in range(20):
            Etcdctl(cluster_node.etcd.client_port)("put", f"config/many/{number}", number)
        for number, watch in enumerate(watches):
            assert next_change(watch)[2]["value"] == str(number)
        assert other.lines(3) == ["PUT", "config/many/0", "0"]


# --- bad weather; the cluster fixture has more of it ---


@pytest.fixture
def etcd(tmp_path):
    etcd = Etcd(tmp_path / "etcd")
    yield etcd
    etcd.stop()


@pytest.fixture
def start_node_before(tmp_path):
    running = []

    def start(port, *arguments):
        running.append(start_before(port, tmp_path / f"node{len(running)}", GROUPS, *arguments))
        return running[-1]
    yield start
    for each in running:
        each.stop()


def metric(server, name):
    line, = [line for line in ask(server, "GET", "/metrics").body.decode().splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])


@pytest.mark.long
def test_no_etcd_at_the_start(etcd, start_node_before):
    etcd.stop()
    node = start_node_before(etcd.client_port, "--store-timeout", "500ms", "--store-attempt-timeout", "200ms")
    wait_until(lambda: b"connection refused" in ask(node, "GET", "/readyz").body, DEADLINE, "/readyz says why")
    ready = ask(node, "GET", "/readyz")
    assert ready.status == 503 and f"http://127.0.0.1:{etcd.client_port}".encode() in ready.body
    assert ask(node, "GET", "/healthz").status == 200 and ask(node, "GET", "/health").status == 503
    with Connection(node) as connection:
        assert connection.ask(b"set mem/a 0 0 1\r\nx\r\n") == b"STORED\r\n"
        assert connection.ask(b"set config/a 0 0 1\r\nx\r\n") == \
            b"SERVER_ERROR the etcd cluster cannot be reached, nothing was done\r\n"
    assert ask(node, "GET", "/config/a").status == 503
    assert metric(node, "larder_store_up") == 0
    assert "etcd cluster cannot be reached, nothing was done" in Etcdctl(node.port).run("put", "a", "b").stderr
    etcd.start()
    await_ready(node, ask)
    assert ask(node, "PUT", "/config/a", b"1").status == 201
    wait_until(lambda: metric(node, "larder_store_up") == 1, DEADLINE, "the metric says so")


def test_a_watch_that_begins_without_etcd(etcd, start_node_before):
    etcd.stop()
    node = start_node_before(etcd.client_port)
    with Watch(node, "/config/a?watch") as watch:
        assert watch.status == 200
        etcd.start()
        await_ready(node, ask)
        wait_until(lambda: Etcdctl(etcd.client_port)("put", "config/a", "x") == "OK\n", DEADLINE, "it is put")
        assert next_change(watch)[0] == "put"


def test_etcd_goes_and_comes_back(etcd, start_node_before):
    node = start_node_before(etcd.client_port, "--store-timeout", "1s", "--store-attempt-timeout", "500ms")
    await_ready(node, ask)
    ask(node, "PUT", "/config/a", b"1")
    with Watch(node, "/config/a?watch") as watch:
        etcd.stop()
        wait_until(lambda: ask(node, "GET", "/readyz").status == 503, DEADLINE, "the node has noticed")
        assert ask(node, "GET", "/config/a").status == 503
        etcd.start()
        await_ready(node, ask)
        assert ask(node, "GET", "/config/a").body == b"1"
        ask(node, "PUT", "/config/a", b"2")
        event, _, data = next_change(watch)
        assert event == "put" and data["value"] == "2"


def test_a_lost_answer_is_unknown(etcd, start_node_before):
    """A member that is stopped has the write, and may do it when it goes on. Reads are no such thing, and are asked again."""
    node = start_node_before(etcd.client_port, "--store-timeout", "1s", "--store-attempt-timeout", "500ms")
    await_ready(node, ask)
    assert ask(node, "PUT", "/config/a", b"1").status == 201
    suspend(etcd.pid)
    try:
        lost = ask(node, "PUT", "/config/a", b"2")
        assert lost.status == 504 and "may have been done or not" in lost.json["message"]
        assert ask(node, "GET", "/config/a").status == 503
    finally:
        os.kill(etcd.pid, signal.SIGCONT)
    await_ready(node, ask)
    wait_until(lambda: metric(node, "larder_store_unknown_total") == 1, DEADLINE, "it is counted")
    text = ask(node, "GET", "/metrics").body.decode()
    assert 'larder_requests_total{protocol="http",command="set",group="config",result="unknown"} 1\n' in text
    assert 'larder_store_request_duration_seconds_count{rpc="Txn",result="unknown"} 1\n' in text


def test_metrics_tell_of_the_cluster(etcd, start_node_before):
    node = start_node_before(etcd.client_port)
    await_ready(node, ask)
    ask(node, "PUT", "/config/a", b"1")
    labels = f'{{endpoint="http://127.0.0.1:{etcd.client_port}",name="test"}}'
    seen = 'larder_store_request_duration_seconds_count{rpc="Txn",result="ok"} 1\n'
    wait_until(lambda: seen in ask(node, "GET", "/metrics").body.decode(), DEADLINE, "the request is counted")
    text = ask(node, "GET", "/metrics").body.decode()
    for name in ("up", "in_use", "leader"):
        assert f"larder_store_endpoint_{name}{labels} 1\n" in text
    assert "larder_store_file_bytes" not in text and "larder_store_commits_total" not in text
    assert metric(node, "larder_store_failovers_total") == 0
    groups = json.loads(ask(node, "GET", "/admin/groups").body)
    assert groups["store"]["revision"] == 2
