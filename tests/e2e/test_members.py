# SPDX-License-Identifier: Apache-2.0
"""Nodes of a cluster find each other through the store of the first one, and lose each other again."""
import base64
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from ports import free_port
from server import REPOSITORY, Server, suspend, wait_until

pytestmark = [pytest.mark.larder("memcached has no cluster of nodes"), pytest.mark.slow]

LEASE = 2
PATIENCE = 20
LARDER = os.environ.get("LARDER", str(REPOSITORY / "build" / "larder"))


class Member:
    """One larderd. Its port is chosen before, because it is known by it."""

    def __init__(self, directory, name, store, lease=LEASE):
        self.directory, self.name, self.lease = directory, name, lease
        self.port = free_port()
        self._store = store
        self.start()

    def start(self):
        (self.directory / "port").unlink(missing_ok=True)
        own = ["--listen", f"127.0.0.1:{self.port}", "--advertise", f"127.0.0.1:{self.port}", "--node-id", self.name,
               "--cluster", "test", "--lease", f"{self.lease}s", "--handoff", f"{2 * self.lease}s"]
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

    def fetch(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return answer.read()

    def place_of(self, key):
        return json.loads(self.fetch("/admin/ring?key=" + urllib.parse.quote(key, safe="")))

    def metrics(self):
        """Those of the cluster: {name: value}."""
        lines = [line.split(" ") for line in self.fetch("/metrics").decode().splitlines()]
        return {words[0]: float(words[1]) for words in lines if words[0].startswith(("larder_ring_", "larder_peer_"))}

    def why_not_ready(self):
        """What /readyz says; None: it is ready."""
        try:
            self.fetch("/readyz")
        except urllib.error.HTTPError as error:
            return error.read().decode()
        return None

    def signal(self, number):
        if number == signal.SIGSTOP:
            suspend(self.server.pid)
        else:
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


def test_restarted_node_waits_for_the_record_of_its_life_before(members, tmp_path):
    # Its lease is longer than the slowest build takes to start again.
    node = Member(tmp_path / "d", "d", [f"--store=etcd://127.0.0.1:{members[0].port}"], lease=8)
    try:
        wait_until(lambda: node.is_ready() and members[0].ids() == ["a", "b", "c", "d"], PATIENCE, "it has joined")
        before = {node["id"]: node["incarnation"] for node in members[0].seen()["nodes"]}
        node.kill()
        node.start()
        wait_until(lambda: "a record of this node's name is there" in node.server.stderr(), PATIENCE, "it waits")
        wait_until(lambda: node.is_ready() and members[0].ids() == ["a", "b", "c", "d"], PATIENCE,
                   lambda: node.server.stderr())
        after = {node["id"]: node["incarnation"] for node in members[0].seen()["nodes"]}
        assert after["d"] > before["d"] and after["b"] == before["b"]
    finally:
        node.kill()


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


def larder(node, *words):
    return subprocess.run([LARDER, *words, "--server", f"127.0.0.1:{node.port}"], capture_output=True, text=True, timeout=10)


def test_nodes_agree_on_where_keys_live(members):
    owners = set()
    for number in range(60):
        places = [node.place_of(f"app/key {number}") for node in members]
        assert len({(place["slot"], place["owner"], place["digest"]) for place in places}) == 1
        assert [place["self"] for place in places] == [place["owner"] == node.name for place, node in zip(places, members)]
        assert all(place["group"] == "default" and place["backing"] == "memory" for place in places)
        assert all(place["answer"] == "forward" for place in places if not place["self"])
        assert all(place["answer"] in ("own", "inherit") for place in places if place["self"])
        owners.add(places[0]["owner"])
    assert owners == {"a", "b", "c"}


@pytest.mark.parametrize("query", ["", "?key=", "?key=" + "k" * 251, "?name=k", "?key=a&key=b", "?key=%zz"])
def test_ring_is_asked_for_one_key(members, query):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        members[0].fetch("/admin/ring" + query)
    assert refusal.value.code == 400


def test_previous_owner_is_named_while_it_is_asked(members):
    keys = [f"moves{number}" for number in range(40)]
    before = {key: members[0].place_of(key)["owner"] for key in keys}
    members[2].signal(signal.SIGTERM)
    wait_until(lambda: [n["state"] for n in members[0].seen()["nodes"]][2:] == ["leaving"], PATIENCE, "it leaves")
    for key in keys:
        place = members[0].place_of(key)
        assert place["owner"] != "c" and (before[key] == "c" or place["owner"] == before[key])
        if before[key] == "c" and place["owner"] == "a":
            assert (place["answer"], place["previous"]) == ("inherit", "c")
    assert members[2].server._process.wait(PATIENCE) == 0, members[2].server.stderr()


def test_tool_shows_the_ring(members):
    run = larder(members[1], "ring", "--json")
    assert run.returncode == 0, run.stderr
    ring = json.loads(run.stdout)
    assert [node["id"] for node in ring["nodes"]] == ["a", "b", "c"]
    assert sum(node["slots"] for node in ring["nodes"]) == ring["slots"] == 1 << 18
    table = larder(members[1], "ring").stdout.splitlines()
    assert [line.split()[0] for line in table[-3:]] == ["a", "b", "c"]
    owner = members[0].place_of("k1")["owner"]
    assert f"node {owner}," in larder(members[1], "ring", "--key", "k1").stdout
    assert json.loads(larder(members[2], "ring", "--key", "k1", "--json").stdout)["owner"] == owner


def test_tool_computes_a_ring():
    run = subprocess.run([LARDER, "ring", "simulate", "--nodes", "3", "--keys", "1000", "--json"], capture_output=True,
                         text=True, timeout=20)
    assert run.returncode == 0, run.stderr
    assert sum(node["keys"] for node in json.loads(run.stdout)["members"]) == 1000


def test_metrics_tell_of_the_cluster(members):
    for number in range(30):
        assert ask(members[0], b"set counted%d 0 0 1\r\nx\r\n" % number, b"\r\n") == b"STORED\r\n"
    seen = [node.metrics() for node in members]
    for metrics in seen:
        assert metrics["larder_ring_members"] == 3 and metrics["larder_ring_leaving"] == 0
        assert metrics["larder_ring_member"] == 1 and 0 < metrics["larder_ring_authority_seconds"] <= LEASE
        assert metrics["larder_peer_ejected"] == 0 and metrics["larder_ring_bad_records_total"] == 0
    assert len({metrics["larder_ring_purge_number"] for metrics in seen}) == 1
    forwarded = sum(members[0].place_of(f"counted{number}")["owner"] != "a" for number in range(30))
    assert seen[0]["larder_peer_requests_total"] >= forwarded > 0
    wait_until(lambda: members[1].metrics()["larder_ring_renewals_total"] > seen[1]["larder_ring_renewals_total"], PATIENCE,
               "it renews its lease")


def test_counters_do_not_go_back_when_a_node_goes(members):
    for number in range(30):
        assert ask(members[0], b"set kept%d 0 0 1\r\nx\r\n" % number, b"\r\n") == b"STORED\r\n"
    before = members[0].metrics()
    members[2].kill()
    wait_until(lambda: members[0].metrics()["larder_ring_members"] == 2, PATIENCE, "it is out")
    after = members[0].metrics()
    assert after["larder_ring_changes_total"] > before["larder_ring_changes_total"]
    assert after["larder_peer_requests_total"] >= before["larder_peer_requests_total"] > 0
    # Its links end as each worker learns of the change.
    wait_until(lambda: members[0].metrics()["larder_peer_ejected"] == 0, PATIENCE, "nobody tries to reach it any more")
    assert members[0].metrics()["larder_peer_requests_total"] >= before["larder_peer_requests_total"]


def test_node_without_its_store_is_not_ready(members):
    members[0].signal(signal.SIGSTOP)
    wait_until(lambda: members[1].metrics()["larder_ring_authority_seconds"] == 0, PATIENCE, "it is cut off")
    assert members[1].why_not_ready() is not None
    assert members[1].place_of(own_key(members[1]))["answer"] == "isolated"
    assert larder(members[1], "members").returncode == 1
    members[0].signal(signal.SIGCONT)
    wait_until(lambda: members[1].why_not_ready() is None and members[1].metrics()["larder_ring_authority_seconds"] > 0,
               PATIENCE, lambda: members[1].server.stderr())


def own_key(node):
    return next(key for key in map(str, range(1000)) if node.place_of(key)["self"])


def test_foreign_record_is_counted_and_disturbs_nobody(members):
    before = [node.metrics()["larder_ring_bad_records_total"] for node in members]
    put = json.dumps({"key": base64.b64encode(b"/larder/test/nodes/x").decode(),
                      "value": base64.b64encode(b"nothing").decode()}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{members[0].port}/v3/kv/put", data=put, timeout=5) as answer:
        assert answer.status == 200
    for node, count in zip(members, before):
        wait_until(lambda: node.metrics()["larder_ring_bad_records_total"] > count, PATIENCE, "it is counted")
        assert node.ids() == ["a", "b", "c"] and node.is_ready()


def test_node_alone_tells_of_no_cluster(tmp_path):
    (tmp_path / "alone").mkdir()
    server = Server(tmp_path / "alone", kind="larder")
    try:
        def fetch(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
                return answer.read().decode()
        text = fetch("/metrics")
        assert "larder_uptime_seconds" in text and "larder_ring_" not in text and "larder_peer_" not in text
        assert json.loads(fetch("/admin/ring?key=k")) == {"key": "k", "group": "default", "backing": "memory",
                                                          "cluster": None}
        run = subprocess.run([LARDER, "ring", "--key", "k", "--server", f"127.0.0.1:{server.port}"], capture_output=True,
                             text=True, timeout=10)
        assert run.returncode == 1 and "is alone" in run.stderr
    finally:
        server.stop()
