# SPDX-License-Identifier: Apache-2.0
"""Patroni with two PostgreSQL servers that keep their state in the server under test: replication, fail-over, a leader that
comes back as a replica, and a restart of what they keep their state in."""
import shutil
import tempfile

import pytest

from etcdclient import Client
from etcdnode import start_node_under_test
from etcdproto import message
from patroninode import DEADLINE, SCOPE, PatroniNode, own
from server import wait_until

pytestmark = [pytest.mark.larder("memcached is no store for Patroni"), pytest.mark.slow]

PREFIX = f"/service/{SCOPE}/".encode()


class Cluster:
    """Two nodes and the server between them."""

    def __init__(self, directory, dcs):
        self.dcs = dcs
        self.nodes = []
        self.directory = directory

    def start(self):
        for name in ("first", "second"):
            self.nodes.append(PatroniNode(self.directory, name, self.dcs.port))

    def text(self):
        return "\n".join([self.dcs.log(), *(f"--- {node.name}\n{node.log()}" for node in self.nodes)])

    def wait(self, condition, what):
        return wait_until(condition, DEADLINE, lambda: f"{what}\n{self.text()}")

    def leader(self, among=None):
        return next((node for node in among or self.nodes if node.is_leader()), None)

    def await_leader(self, among=None):
        return self.wait(lambda: self.leader(among), "a leader")

    def await_whole(self):
        """Until one leads and the other follows it. Returns both."""
        leader = self.await_leader()
        other, = (node for node in self.nodes if node is not leader)
        self.wait(other.is_replica, f"{other.name} is a replica")
        self.wait(lambda: leader.query("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"), "replication")
        return leader, other

    def write(self, leader, value):
        self.wait(lambda: leader.query("INSERT INTO t VALUES (%s)", value) is not None, f"{leader.name} takes a write")

    def await_rows(self, node, rows):
        self.wait(lambda: node.query("SELECT v FROM t ORDER BY v") == [(row,) for row in rows],
                  lambda: f"{node.name} has {rows}")

    def kept(self):
        """What Patroni keeps that does not change by itself."""
        with Client(self.dcs.port) as client:
            kvs = client.do(message("RangeRequest")(key=PREFIX, range_end=PREFIX[:-1] + b"0")).kvs
            return {kv.key: kv.value for kv in kvs if kv.key.rsplit(b"/", 1)[1] in (b"config", b"initialize")}

    def stop(self):
        for node in self.nodes:
            node.stop()


@pytest.fixture
def cluster(tmp_path):
    # Not below tmp_path, which nobody but us may enter, and PostgreSQL is not us.
    directory = tempfile.mkdtemp(prefix="larder-patroni-")
    own(directory)
    dcs = start_node_under_test(tmp_path / "dcs")
    cluster = Cluster(directory, dcs)
    try:
        cluster.start()
        yield cluster
    finally:
        try:
            cluster.stop()
        finally:
            dcs.stop()
            shutil.rmtree(directory)


def roles(cluster):
    """Of all members, as any of them sees it."""
    members = cluster.nodes[0].members()
    assert set(members) == {"first", "second"}
    return sorted(member["Role"] for member in members.values())


def test_patroni(cluster):
    # Two servers become one cluster.
    leader, replica = cluster.await_whole()
    assert leader.query("CREATE TABLE t (v int)") == []
    cluster.write(leader, 1)
    cluster.await_rows(replica, [1])
    assert replica.query("INSERT INTO t VALUES (0)") is None
    assert roles(cluster) == ["Leader", "Replica"]

    # The leader dies, and is back after another one leads.
    leader.kill()
    assert cluster.await_leader([replica]) is replica
    cluster.write(replica, 2)
    leader.start()
    leader, replica = cluster.await_whole()
    cluster.await_rows(replica, [1, 2])
    assert roles(cluster) == ["Leader", "Replica"]

    # What both keep their state in dies, and is back.
    kept = cluster.kept()
    assert len(kept) == 2
    cluster.dcs.kill()
    cluster.dcs.start()
    leader, replica = cluster.await_whole()
    cluster.write(leader, 3)
    cluster.await_rows(leader, [1, 2, 3])
    cluster.await_rows(replica, [1, 2, 3])
    assert cluster.kept() == kept

    # And it still notices that a leader is gone.
    leader.kill()
    assert cluster.await_leader([replica]) is replica
    cluster.write(replica, 4)
    leader.start()
    leader, replica = cluster.await_whole()
    cluster.await_rows(replica, [1, 2, 3, 4])
    assert roles(cluster) == ["Leader", "Replica"]
