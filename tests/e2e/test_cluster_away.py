# SPDX-License-Identifier: Apache-2.0
"""A node whose etcd cluster is not there: at its start, later, or not the same one any more."""
import pytest

from clusternode import DEADLINE, PREFIX, SHORT_TIMES
from cuttable import ANSWER_GARBAGE, HANG, RESET
from httpwire import ask
from server import wait_until
from test_http_watch import Watch

pytestmark = [pytest.mark.larder("it starts clusters of etcd itself"), pytest.mark.slow]


def assert_without_store(node):
    """Memory groups work; store groups say that nothing was done, before a client would have given up."""
    assert ask(node, "PUT", "/mem/a", b"x").status in (201, 204) and ask(node, "GET", "/mem/a").body == b"x"
    read = ask(node, "GET", "/config/a", headers={"Larder-Freshness": "linearizable"})
    for answer in (read, node.put("a", b"other")):  # the write is not sent any more after that
        assert answer.status == 503 and "cannot be reached" in answer.json["message"], answer.body


def next_put(watch):
    """Its key. Signs of life do not count as one."""
    watch.set_deadline(DEADLINE / 3)
    kind, _, data = watch.next()
    while kind == "progress":
        kind, _, data = watch.next()
    assert kind == "put"
    return data["key"]


def test_no_etcd_at_the_start(start_cluster, start_cluster_node):
    cluster = start_cluster(started=False)
    node = start_cluster_node(cluster, times=SHORT_TIMES)
    why = node.wait_not_ready()
    for place in cluster.members:
        assert cluster.url(place) in why
    assert_without_store(node)
    node.wait_not_ready("connection refused")
    cluster.start()
    node.wait_ready()
    assert node.put("a", b"1").status == 201 and node.get("a").body == b"1"
    assert cluster.etcdctl()("get", f"{PREFIX}a", "--print-value-only") == "1\n"


def test_all_members_go_and_come_back(start_cluster, start_cluster_node):
    cluster = start_cluster()
    node = start_cluster_node(cluster, times=SHORT_TIMES)
    node.wait_ready()
    with Watch(node, "/config?watch&prefix=") as watch:
        assert node.put("a", b"1").status == 201
        assert next_put(watch) == "config/a"
        cluster.kill_all()
        node.wait_not_ready("connection refused")
        assert_without_store(node)
        cluster.start()
        node.wait_ready()
        # Elections may go on for a while where the machine is busy.
        wait_until(lambda: node.get("a").body == b"1", DEADLINE, lambda: node.stderr())
        wait_until(lambda: node.put("b", b"2").status == 201, DEADLINE, lambda: node.stderr())
        assert next_put(watch) == "config/b"


def test_another_cluster_at_the_same_addresses(start_cluster, start_cluster_node):
    """What was read there means nothing in another one: the node says so, and does not use it."""
    cluster = start_cluster(size=1)
    node = start_cluster_node(cluster, times=SHORT_TIMES)
    node.wait_ready()
    assert node.put("a", b"1").status == 201
    cluster.start_anew()
    node.wait_not_ready("another cluster")
    assert node.get("a").status == node.put("a", b"2").status == 503
    assert cluster.count_keys(0, "") == 0
    node.stop()
    again = start_cluster_node(cluster)
    again.wait_ready()
    assert again.get("a").status == 404 and again.put("a", b"2").status == 201


def test_a_member_answers_garbage(start_cluster, start_cluster_node):
    cluster = start_cluster(size=1, client_proxies=True)
    node = start_cluster_node(cluster, times=SHORT_TIMES)
    node.wait_ready()
    assert node.put("a", b"1").status == 201
    for mode in (ANSWER_GARBAGE, RESET, HANG):
        cluster.turn_clients(0, mode)
        assert_without_store(node)
        node.wait_not_ready()
        cluster.free_clients(0)
        node.wait_ready()
        wait_until(lambda: node.get("a").body == b"1", DEADLINE, lambda: node.stderr())


@pytest.mark.long
def test_one_of_three_answers_garbage(start_cluster, start_cluster_node):
    """It is left for one that makes sense, and nobody is told of it."""
    cluster = start_cluster(client_proxies=True)
    node = start_cluster_node(cluster)
    node.wait_ready()
    assert node.put("a", b"1").status == 201
    for mode in (ANSWER_GARBAGE, HANG, RESET):
        place = node.member_in_use(cluster)
        cluster.turn_clients(place, mode)
        assert node.get("a").body == b"1"
        node.wait_left(cluster, place)
        cluster.free_clients(place)
    node.wait_metric("larder_store_failovers_total", lambda count: count >= 3)
