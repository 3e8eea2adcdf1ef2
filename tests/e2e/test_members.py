# SPDX-License-Identifier: Apache-2.0
"""Nodes of a cluster find each other through the store of the first one, and lose each other again."""
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from etcd import free_ports
from server import REPOSITORY, Server, wait_until

LEASE = 2
PATIENCE = 20
LARDER = os.environ.get("LARDER", str(REPOSITORY / "build" / "larder"))


class Member:
    """One larderd. Its port is chosen before, because it is known by it."""

    def __init__(self, directory, name, store):
        self.directory, self.name = directory, name
        self.port, = free_ports(1)
        self._store = store
        self.start()

    def start(self):
        (self.directory / "port").unlink(missing_ok=True)
        own = ["--listen", f"127.0.0.1:{self.port}", "--advertise", f"127.0.0.1:{self.port}", "--node-id", self.name,
               "--cluster", "test", "--lease", f"{LEASE}s", "--handoff", "4s"]
        self.server = Server(self.directory, kind="larder", extra=[*self._store, *own])
        self.port = self.ports()[-1]

    def ports(self):
        return [int(line.rsplit(":", 1)[1]) for line in (self.directory / "port").read_text().split()]

    def seen(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/admin/members", timeout=5) as answer:
            return json.load(answer)

    def ids(self):
        return [node["id"] for node in self.seen().get("nodes", [])]

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def signal(self, number):
        os.kill(self.server.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.server._process.wait()


@pytest.fixture
def members(tmp_path):
    """The first has the store, and the other two use it."""
    first = Member(tmp_path / "a", "a", ["--data-dir", str(tmp_path / "data")])
    nodes = [first] + [Member(tmp_path / name, name, ["--store", f"etcd://127.0.0.1:{first.port}"])
                       for name in ("b", "c")]
    wait_until(lambda: all(node.is_ready() and node.ids() == ["a", "b", "c"] for node in nodes), PATIENCE,
               lambda: [node.server.stderr() for node in nodes])
    yield nodes
    for node in reversed(nodes):
        if node.server._process.poll() is None:
            node.signal(signal.SIGCONT)
            node.server._process.kill()
            node.server._process.wait()


def test_members_see_each_other(members):
    digests = {node.seen()["digest"] for node in members}
    assert len(digests) == 1
    shares = [node["share"] for node in members[1].seen()["nodes"]]
    assert abs(sum(shares) - 1) < 1e-4 and min(shares) > 0.3
    run = subprocess.run([LARDER, "members", "--server", f"127.0.0.1:{members[2].port}", "--json"], capture_output=True,
                         text=True, timeout=10)
    assert run.returncode == 0, run.stderr
    assert [node["state"] for node in json.loads(run.stdout)["nodes"]] == ["serving"] * 3


def test_killed_node_is_out_within_the_lease(members):
    began = time.monotonic()
    members[2].kill()
    wait_until(lambda: all(node.ids() == ["a", "b"] for node in members[:2]), PATIENCE, "it is out")
    assert time.monotonic() - began < LEASE + 1.5


def test_restarted_node_waits_for_the_record_of_its_life_before(members):
    before = {node["id"]: node["incarnation"] for node in members[0].seen()["nodes"]}
    members[2].kill()
    members[2].start()
    wait_until(lambda: members[2].is_ready() and members[0].ids() == ["a", "b", "c"], PATIENCE,
               lambda: members[2].server.stderr())
    after = {node["id"]: node["incarnation"] for node in members[0].seen()["nodes"]}
    assert after["c"] > before["c"] and after["b"] == before["b"]
    assert "a record of this node's name is there" in members[2].server.stderr()


def ask(node, line, end):
    with socket.create_connection(("127.0.0.1", node.port), timeout=5) as client:
        client.sendall(line)
        heard = b""
        while not heard.endswith(end):
            piece = client.recv(4096)
            assert piece, heard
            heard += piece
        return heard


def test_value_is_found_by_way_of_any_node(members):
    for number in range(30):
        key = b"key%d" % number
        assert ask(members[number % 3], b"set %s 0 0 2\r\nab\r\n" % key, b"\r\n") == b"STORED\r\n"
        for node in members:
            assert ask(node, b"get %s\r\n" % key, b"END\r\n") == b"VALUE %s 0 2\r\nab\r\nEND\r\n" % key


def test_name_is_taken_once(members, tmp_path):
    other = Member(tmp_path / "other", "b", ["--store", f"etcd://127.0.0.1:{members[0].port}"])
    try:
        wait_until(lambda: "a record of this node's name is there" in other.server.stderr(), PATIENCE, "it waits")
        assert not other.is_ready()
        assert not other.seen()["member"] and members[1].seen()["member"]
        assert members[1].is_ready()
    finally:
        other.kill()


def test_paused_node_is_out_and_begins_anew(members):
    members[1].signal(signal.SIGSTOP)
    wait_until(lambda: members[0].ids() == ["a", "c"], PATIENCE, "it is out")
    members[1].signal(signal.SIGCONT)
    wait_until(lambda: members[1].is_ready() and members[0].ids() == ["a", "b", "c"], PATIENCE,
               lambda: members[1].server.stderr())
    assert "begun anew" in members[1].server.stderr() or "record of this node is gone" in members[1].server.stderr() or \
        "has run out" in members[1].server.stderr()


def test_leaving_node_says_so_and_serves_meanwhile(members):
    members[2].signal(signal.SIGTERM)
    wait_until(lambda: [n["state"] for n in members[0].seen()["nodes"]] == ["serving", "serving", "leaving"], PATIENCE,
               "it says that it leaves")
    assert members[2].seen()["nodes"][2]["share"] == 0
    wait_until(lambda: members[0].ids() == ["a", "b"], PATIENCE, "it is out")
    assert members[2].server._process.wait(PATIENCE) == 0, members[2].server.stderr()
