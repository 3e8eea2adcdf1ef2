# SPDX-License-Identifier: Apache-2.0
"""Memory groups that nodes share, in weather that other tests have not: a store that is away while nodes come and go, a split in
which a node still believes that it has its keys, a wall clock that jumps."""
import glob
import os
import signal
from email.utils import parsedate_to_datetime

import pytest

from cuttable import HANG, PASS, Network
from etcd import Etcd
from httpwire import ask
from ports import free_port
from server import kind_under_test, suspend, wait_until
from sharednodes import DEADLINE, LEASE, SharedNodes, fill, names_of, read
from wire import Connection

pytestmark = [pytest.mark.skipif(kind_under_test() != "larder", reason="only larderd has a cluster of nodes"), pytest.mark.slow]

NAMES = names_of(200)
MINUTE, HOUR = 60, 3600


class Outside:
    """A store of its own, which can be held up."""

    def __init__(self, directory):
        self.etcd = Etcd(directory)
        self.url = f"etcd://127.0.0.1:{self.etcd.client_port}"

    def pause(self):
        suspend(self.etcd.pid)

    def resume(self):
        os.kill(self.etcd.pid, signal.SIGCONT)


@pytest.fixture
def outside(tmp_path):
    store = Outside(tmp_path / "etcd")
    yield store
    store.resume()
    store.etcd.stop()


@pytest.fixture
def network():
    made = Network()
    yield made
    made.close()


@pytest.fixture
def start_nodes(tmp_path):
    running = []

    def start(**options):
        running.append(SharedNodes(tmp_path / "nodes", **options))
        return running[-1]
    yield start
    for nodes in running:
        nodes.kill()


def members_of(node):
    return [member["id"] for member in ask(node, "GET", "/admin/members").json["nodes"]]


def clock_of(node):
    return parsedate_to_datetime(ask(node, "GET", "/healthz").headers["date"]).timestamp()


def refuses_writes(node):
    with Connection(node, deadline=DEADLINE) as connection:
        return connection.ask(b"set probe 0 0 1\r\nx\r\n").startswith(b"SERVER_ERROR")


def answers_of(node):
    with Connection(node, deadline=DEADLINE) as connection:
        return [connection.ask(b"get %s\r\n" % name) for name in NAMES]


def is_nothing_old(nodes, mark):
    """Each key has what was written last, or is lost."""
    for node in nodes:
        assert all(value == name + mark for name, value in read(node, NAMES).items())
    return True


def test_a_store_that_is_away_while_nodes_come_and_go(start_nodes, outside):
    """No node goes on by what it believed before: it could not hear what came of the others."""
    nodes = start_nodes(store=outside.url)
    first, second, third = nodes.nodes
    assert fill(first, NAMES) == []
    outside.pause()
    try:
        for node in (first, second):
            wait_until(lambda node=node: refuses_writes(node), DEADLINE, f"{node.name} is isolated")
        nodes.nodes.remove(third)
        third.kill()
        late = nodes.add()
        assert ask(late, "GET", "/readyz").status != 200
        assert refuses_writes(late)
    finally:
        outside.resume()
    for node in (first, second, late):
        wait_until(lambda node=node: members_of(node) == ["n0", "n1", "n3"], DEADLINE, f"{node.name} sees who is there")
    nodes.settle()
    assert is_nothing_old(nodes.nodes, b"x")
    assert fill(late, NAMES, b"y") == []
    assert is_nothing_old(nodes.nodes, b"y")


def test_a_node_that_is_cut_off_from_the_store_alone(start_nodes, outside, network):
    """It believes in its keys, the others have taken them over, and clients reach all of them."""
    port = free_port()
    way = network.proxy("store", port, outside.etcd.client_port)
    nodes = start_nodes(count=2, store=outside.url, extra=["--store-follow-members", "no"])
    cut = nodes.add(store=f"etcd://127.0.0.1:{port}")
    nodes.settle()
    assert fill(nodes.nodes[0], NAMES) == []
    network.turn(way, HANG)
    try:
        wait_until(lambda: members_of(nodes.nodes[0]) == ["n0", "n1"], DEADLINE, "the others take over")
        assert refuses_writes(cut) and fill(nodes.nodes[1], NAMES, b"y") == []
        assert is_nothing_old(nodes.nodes[:2], b"y")
        assert all(b"cut off" in answer for answer in answers_of(cut))
    finally:
        network.turn(way, PASS)
    wait_until(lambda: members_of(nodes.nodes[0]) == ["n0", "n1", "n2"], DEADLINE, "it is back")
    nodes.settle()
    assert is_nothing_old(nodes.nodes, b"y")


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_wall_clock_that_jumps(start_nodes, monkeypatch, tmp_path, jump):
    """Leases, authority and the lives of entries go by the monotonic clock."""
    library, = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    for name, value in {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
                        "FAKETIME_DONT_FAKE_MONOTONIC": "1"}.items():
        monkeypatch.setenv(name, value)
    nodes = start_nodes(count=2)
    monkeypatch.undo()
    nodes.add()  # its clock is right
    nodes.settle()
    with Connection(nodes.nodes[0], deadline=DEADLINE) as connection:
        said = b"".join(b"set %s 0 600 1\r\nx\r\n" % name for name in NAMES)
        assert connection.ask(said) == b"STORED\r\n" * len(NAMES)
    offset.write_text(f"{jump:+d}\n")
    wait_until(lambda: abs(clock_of(nodes.nodes[0]) - clock_of(nodes.nodes[2]) - jump) < MINUTE, DEADLINE, "its clock jumps")
    for _ in range(3):
        wait_until(lambda: members_of(nodes.nodes[2]) == ["n0", "n1", "n2"], LEASE, "all are members, as before")
        for node in nodes.nodes:
            assert read(node, NAMES) == {name: b"x" for name in NAMES}
    assert fill(nodes.nodes[2], NAMES, b"y") == []
    assert is_nothing_old(nodes.nodes, b"y")
