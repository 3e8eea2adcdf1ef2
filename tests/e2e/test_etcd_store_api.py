# SPDX-License-Identifier: Apache-2.0
"""etcd's API of a node whose store is an etcd cluster: what is not the same as at etcd itself."""
import json
import os
import re
import signal
import urllib.request

import pytest

from etcdctl import Etcdctl
from etcdstore import StoreNode, start_before
from httpwire import GROUPS, ask
from server import suspend, wait_until

pytestmark = [pytest.mark.larder("memcached speaks no gRPC"), pytest.mark.slow]


@pytest.fixture
def etcd_node(tmp_path):
    node = StoreNode(tmp_path / "etcd-node", GROUPS, ask)
    yield node
    node.assert_alive()
    node.stop()


def test_compaction(etcdctl):
    for value in range(3):
        etcdctl("put", "a", value)
    assert etcdctl("compaction", 3) == "compacted revision 3\n"
    assert "required revision has been compacted" in etcdctl.fails("get", "a", "--rev", 2)[1]
    assert etcdctl("get", "a", "--rev", 3) == "a\n1\n"


def test_progress_is_told_on_request(etcdctl):
    """No more than what is proven: the revision of the last event. The cluster may have something for the watch on its way."""
    watch = etcdctl.start("watch", "-i")
    watch.write("watch --rev=2 a\n")
    etcdctl("put", "a", "1")
    assert watch.lines(3) == ["PUT", "a", "1"]
    etcdctl("put", "b", "2")
    watch.write("progress\n")
    assert watch.line() == "progress notify: 3"


def test_it_shows_itself_as_its_cluster(etcd_node, etcdctl):
    """Status and members are the cluster's own, and so are the headers of what the node answers."""
    own, = json.loads(etcdctl("endpoint", "status", "-w", "json"))
    direct = Etcdctl(etcd_node.etcd.client_port)
    theirs, = json.loads(direct("endpoint", "status", "-w", "json"))
    for changing in ("raftIndex", "raftAppliedIndex", "dbSize", "dbSizeInUse"):
        assert own["Status"].pop(changing) > 0 and theirs["Status"].pop(changing) > 0
    assert own["Status"] == theirs["Status"]
    assert etcdctl("member", "list") == direct("member", "list")
    assert json.loads(etcdctl("get", "a", "-w", "json"))["header"] == theirs["Status"]["header"]


def metric(node, name):
    page = urllib.request.urlopen(f"http://127.0.0.1:{node.port}/metrics").read().decode()
    return int(re.search(rf"^{name} (\d+)$", page, re.MULTILINE).group(1))


@pytest.mark.parametrize("later", [False, True])
def test_a_watch_is_not_refused_for_what_was_compacted_before_it(etcd_node, etcdctl, later):
    """Others write to the cluster, so the node may know of a revision only that is compacted already."""
    cluster = Etcdctl(etcd_node.etcd.client_port)
    etcdctl("put", "other", "0")
    for value in range(5):
        cluster("put", "other", value)
    own, = json.loads(cluster("endpoint", "status", "-w", "json"))
    newest = own["Status"]["header"]["revision"]
    cluster("compaction", newest)
    watch = etcdctl.start("watch", "key", *(["--rev", newest + 1] if later else []))
    wait_until(lambda: metric(etcd_node, "larder_store_watchers") == 1, 30, "no watch is open")
    cluster("put", "key", "1")
    assert watch.lines(3) == ["PUT", "key", "1"]


def test_a_watch_of_the_past_misses_nothing_for_one_from_now_on(etcd_node, tmp_path):
    """Both of one key, opened while the cluster does not answer: where "now" is must not be taken for the other's past."""
    cluster = Etcdctl(etcd_node.etcd.client_port)
    cluster("put", "key", "1")
    suspend(etcd_node.etcd.pid)
    node = start_before(etcd_node.etcd.client_port, tmp_path / "second", GROUPS, threads=1)
    etcdctl = Etcdctl(node.port)
    try:
        etcdctl.start("watch", "key")
        wait_until(lambda: metric(node, "larder_connections") >= 2, 30, "the first has not come")
        past = etcdctl.start("watch", "key", "--rev", 2)
        wait_until(lambda: metric(node, "larder_connections") >= 3, 30, "the second has not come")
        os.kill(etcd_node.etcd.pid, signal.SIGCONT)
        assert past.lines(3) == ["PUT", "key", "1"]
    finally:
        os.kill(etcd_node.etcd.pid, signal.SIGCONT)
        etcdctl.end()
        node.stop()
