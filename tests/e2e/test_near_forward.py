# SPDX-License-Identifier: Apache-2.0
"""What a node in front of a cluster of three leaves to that cluster: members, users, alarms, checksums, snapshots."""
import base64
import hashlib
import http.client
import json
import urllib.request

import pytest

from clusternode import ClusterNode
from etcdctl import Etcdctl
from nearcluster import NearNode
from server import wait_until

pytestmark = [pytest.mark.larder("memcached speaks no gRPC"), pytest.mark.slow]

DEADLINE = 60
MIB = 1 << 20
SLOW_MOST = 48 * 1024  # KiB that a node may grow by for a client that does not read


@pytest.fixture(scope="module")
def near(tmp_path_factory):
    """A node in front of a cluster for all tests here."""
    running = NearNode(tmp_path_factory.mktemp("near"), shows_itself=False)
    yield running
    running.assert_alive()
    running.stop()


@pytest.fixture
def node_ctl(near):
    client = Etcdctl(near.port)
    yield client
    client.end()


def in_use(near):
    """etcdctl against the member that the node uses."""
    return near.cluster.etcdctl(near.server.member_in_use(near.cluster))


def post(near, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{near.port}/v3/{path}", json.dumps(body or {}).encode())
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        return json.load(answer)


def test_the_members_are_the_clusters(near, node_ctl):
    assert node_ctl("member", "list") == near.cluster.etcdctl()("member", "list")


def test_the_header_is_the_clusters(near, node_ctl):
    node_ctl("put", "a", "1")
    told = json.loads(node_ctl("get", "a", "-w", "json"))["header"]
    theirs = json.loads(near.cluster.etcdctl()("get", "a", "-w", "json"))["header"]
    ids = {near.cluster.member_id(place) for place in near.cluster.members}
    assert told.pop("member_id") in ids and theirs.pop("member_id") in ids
    assert told == theirs


def test_members_come_and_go(near, node_ctl):
    """A learner that never starts: the others are enough."""
    added = json.loads(node_ctl("member", "add", "other", "--learner", "--peer-urls", "http://127.0.0.1:1", "-w", "json"))
    id = f"{added['member']['ID']:x}"
    assert id in near.cluster.etcdctl()("member", "list")
    assert node_ctl.fails("member", "promote", id)[1] == (
        "etcdserver: can only promote a learner member which is in sync with leader")
    assert node_ctl("member", "update", id, "--peer-urls", "http://127.0.0.1:2").startswith(f"Member {id:>16} updated")
    assert node_ctl("member", "remove", id).startswith(f"Member {id:>16} removed")
    assert node_ctl.fails("member", "remove", id) == (1, "etcdserver: member not found")


def test_alarms(near, node_ctl):
    id = str(near.cluster.member_id(0))
    raised = post(near, "maintenance/alarm", {"action": "ACTIVATE", "memberID": id, "alarm": "NOSPACE"})
    assert raised["alarms"] == [{"memberID": id, "alarm": "NOSPACE"}]
    assert node_ctl.fails("put", "a", "1")[1] == "etcdserver: mvcc: database space exceeded"
    assert node_ctl("alarm", "list") == f"memberID:{id} alarm:NOSPACE \n" == near.cluster.etcdctl()("alarm", "list")
    assert node_ctl("alarm", "disarm") == f"memberID:{id} alarm:NOSPACE \n"
    assert node_ctl("put", "a", "1") == "OK\n"


def test_checksums_status_and_defragment(near, node_ctl):
    direct = in_use(near)
    hashed = [json.loads(client("endpoint", "hashkv", "-w", "json"))[0]["HashKV"] for client in (node_ctl, direct)]
    assert hashed[0]["hash"] == hashed[1]["hash"]
    told = json.loads(node_ctl("endpoint", "status", "-w", "json"))[0]["Status"]
    assert told["leader"] in {near.cluster.member_id(place) for place in near.cluster.members}
    assert node_ctl("defrag").startswith("Finished defragmenting")


def test_the_lead_moves(near):
    leader = near.cluster.wait_leader()
    target = near.cluster.follower()
    wait_until(lambda: near.server.cluster().get(f"member:{near.server.member_in_use(near.cluster)}:leader") is not None,
               DEADLINE, "the node knows who leads")
    post(near, "maintenance/transfer-leadership", {"targetID": str(near.cluster.member_id(target))})
    wait_until(lambda: near.cluster.leader() not in (None, leader), DEADLINE, "another leads")


def blob_of(line):
    return base64.b64decode(json.loads(line)["result"].get("blob", ""))


def test_a_snapshot_is_the_members_own(near, node_ctl, tmp_path):
    for number in range(8):
        node_ctl("put", f"big{number}", stdin="x" * 1000000)
    files = tmp_path / "ours", tmp_path / "theirs"
    node_ctl.run("snapshot", "save", files[0])
    in_use(near).run("snapshot", "save", files[1])
    saved = files[0].read_bytes()
    assert len(saved) > 8 * 1000000 and hashlib.sha256(saved[:-32]).digest() == saved[-32:]
    ours, theirs = (node_ctl("snapshot", "status", file) for file in files)
    assert ours == theirs


@pytest.mark.long
def test_a_slow_reader_of_a_snapshot_costs_no_memory(near, node_ctl):
    for number in range(70):
        node_ctl("put", f"huge{number}", stdin="y" * MIB)
    before = near.server.resident_kib()
    connection = http.client.HTTPConnection("127.0.0.1", near.port, timeout=DEADLINE)
    connection.request("POST", "/v3/maintenance/snapshot", b"{}", {"Content-Type": "application/json"})
    answer = connection.getresponse()
    hashed, count, held = hashlib.sha256(), 0, b""
    for line in answer:
        piece = blob_of(line)
        count += len(piece)
        held += piece
        hashed.update(held[:-32])
        held = held[-32:]
        assert near.server.resident_kib() - before < SLOW_MOST
    connection.close()
    assert count > 70 * MIB and hashed.digest() == held


def test_one_that_leaves_a_snapshot_in_the_middle(near, node_ctl):
    connection = http.client.HTTPConnection("127.0.0.1", near.port, timeout=DEADLINE)
    connection.request("POST", "/v3/maintenance/snapshot", b"{}", {"Content-Type": "application/json"})
    assert connection.getresponse().readline()
    connection.close()
    assert node_ctl("put", "a", "2") == "OK\n"


def test_clients_that_ask_where_the_members_are_stay_here_if_the_operator_says_so(near, tmp_path):
    """The members are as they are, but for their addresses."""
    node = ClusterNode(tmp_path / "other", near.cluster, extra=["--advertise-client-urls", "http://here:1"])
    try:
        node.wait_ready()
        members = json.loads(Etcdctl(node.port)("member", "list", "-w", "json"))["members"]
        theirs = json.loads(near.cluster.etcdctl()("member", "list", "-w", "json"))["members"]
        assert [member.pop("clientURLs") for member in members] == [["http://here:1"]] * 3
        for member in theirs:
            member.pop("clientURLs")
        assert members == theirs
    finally:
        node.stop()
