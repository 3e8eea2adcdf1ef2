# SPDX-License-Identifier: Apache-2.0
"""A deletion at the very revision up to which is compacted, while a node's watch is away: etcd does not tell of it to a watch
that begins there (etcd issue 19179)."""
import pytest

from cuttable import PASS, RESET
from httpwire import ask
from server import wait_until
from world import RelayedWorld

pytestmark = pytest.mark.larder("it starts a cluster of etcd itself")

DEADLINE = 30


class Address:
    def __init__(self, node):
        self.host, self.port = node.address


@pytest.fixture
def world(tmp_path):
    made = RelayedWorld(tmp_path, 1, mirrors=True)
    yield made
    made.stop()


def metric(node, series):
    lines = ask(Address(node), "GET", "/metrics").body.decode().splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(series))


@pytest.mark.parametrize("group", ["lin", "mir"])
def test_it_is_not_lost(world, group):
    node, cluster = world.nodes["n0"], world.cluster
    one = Address(node)
    wait_until(lambda: metric(node, "larder_near_watching") == 1, DEADLINE, node.log)
    assert ask(one, "PUT", f"/{group}/k", b"old").status == 201
    wait_until(lambda: metric(node, "larder_near_applied_revision") == cluster.revision(0), DEADLINE, "it is applied")
    assert ask(one, "GET", f"/{group}/k?use_cache=false").body == b"old"

    world.hold_watch("n0")
    key = f"{group}/k"
    cluster.etcdctl()("del", key)
    revision = cluster.wait_same_revision()
    for place in cluster.members:
        cluster.compact(place, revision)
    for place in cluster.members:
        cluster.turn_clients(place, RESET)
    world.release_watch("n0")
    for place in cluster.members:
        cluster.turn_clients(place, PASS)
    wait_until(lambda: metric(node, "larder_near_watching") == 1, DEADLINE, node.log)

    cluster.etcdctl()("put", f"{group}/other", "x")
    wait_until(lambda: metric(node, "larder_near_applied_revision") > revision, DEADLINE, node.log)
    assert ask(one, "GET", f"/{group}/k?use_cache=false").status == 404
    assert metric(node, "larder_near_audit_differences_total") == 0
