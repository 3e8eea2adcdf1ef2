# SPDX-License-Identifier: Apache-2.0
"""etcdctl looks at the node and its one member, and keeps it in order."""
import hashlib
import json
import re

import pytest

from etcdctl import Etcdctl
from etcdnode import start_node_under_test
from server import kind_under_test, wait_until

pytestmark = [pytest.mark.larder("memcached does not speak gRPC"), pytest.mark.slow]

DEADLINE = 60
IS_ETCD = kind_under_test() == "etcd"
ALONE = (1, "rpc error: code = Unimplemented desc = larder: the members of a node that stands alone cannot be changed")


def status(etcdctl):
    answer, = json.loads(etcdctl("endpoint", "status", "-w", "json"))
    assert answer["Endpoint"] == etcdctl.endpoint
    return answer["Status"]


def test_status(etcdctl):
    etcdctl("put", "a", "1")
    told = status(etcdctl)
    assert re.fullmatch(r"3\.4\.\d+", told["version"])
    assert told["leader"] == told["header"]["member_id"] != 0
    assert told["header"]["revision"] == 2 and told["header"]["raft_term"] == told["raftTerm"] > 0
    assert told["raftIndex"] >= told["raftAppliedIndex"] > 0
    assert told["dbSize"] >= told["dbSizeInUse"] > 0
    assert sorted(told) == ["dbSize", "dbSizeInUse", "header", "leader", "raftAppliedIndex", "raftIndex", "raftTerm",
                            "version"]


def same_status(etcdctl):
    """The words of a line and the rows of a table; None: the file grew between them, as it does while a store begins."""
    words = etcdctl("endpoint", "status").rstrip("\n").split(", ")
    lines = etcdctl("endpoint", "status", "-w", "table").splitlines()
    table = [[word.strip() for word in line.split("|")[1:-1]] for line in lines]
    return (words, table) if table[3] == words else None


def test_status_as_text(etcdctl):
    told = status(etcdctl)
    words, table = wait_until(lambda: same_status(etcdctl), DEADLINE, "the same is told twice")
    assert words[:3] == [etcdctl.endpoint, f"{told['leader']:x}", told["version"]]
    assert words[4:6] == ["true", "false"] and words[6:] == [
        str(told["raftTerm"]), str(told["raftIndex"]), str(told["raftAppliedIndex"]), ""]
    assert table[1] == ["ENDPOINT", "ID", "VERSION", "DB SIZE", "IS LEADER", "IS LEARNER", "RAFT TERM", "RAFT INDEX",
                        "RAFT APPLIED INDEX", "ERRORS"]


def test_the_index_grows_with_every_write(etcdctl):
    before = status(etcdctl)["raftIndex"]
    etcdctl("put", "a", "1")
    etcdctl("put", "a", "2")
    assert status(etcdctl)["raftIndex"] >= before + 2


def test_health(etcdctl):
    done = etcdctl.run("endpoint", "health")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(rf"{etcdctl.endpoint} is healthy: successfully committed proposal: took = \S+\n", done.stderr)
    answer, = json.loads(etcdctl("endpoint", "health", "-w", "json"))
    assert answer.pop("took") and answer == {"endpoint": etcdctl.endpoint, "health": True}


def test_hashes_are_those_of_etcd(etcdctl):
    """They follow from the keys and their revisions alone, so they are known."""
    hashed = '[{"Endpoint":"%s","HashKV":{"header":{"cluster_id":0,"member_id":0,"revision":%d,"raft_term":0},' \
        '"hash":%d,"compact_revision":%d}}]\n'
    assert etcdctl("endpoint", "hashkv") == f"{etcdctl.endpoint}, 1084519789\n"
    etcdctl("put", "a", "b")
    assert etcdctl("endpoint", "hashkv") == f"{etcdctl.endpoint}, 3628877040\n"
    etcdctl("put", "a", "c")
    assert etcdctl.plain("endpoint", "hashkv", "-w", "json") == hashed % (etcdctl.endpoint, 3, 2695939337, -1)
    assert etcdctl("endpoint", "hashkv", "--rev=2") == f"{etcdctl.endpoint}, 3628877040\n"
    table = etcdctl("endpoint", "hashkv", "-w", "table").splitlines()
    assert [word.strip() for word in table[3].split("|")[1:-1]] == [etcdctl.endpoint, "2695939337"]
    etcdctl("compaction", 3, "--physical")
    assert json.loads(etcdctl("endpoint", "hashkv", "-w", "json"))[0]["HashKV"]["compact_revision"] == 3
    assert etcdctl.fails("endpoint", "hashkv", "--rev=2") == (
        1, "etcdserver: mvcc: required revision has been compacted")
    assert etcdctl.fails("endpoint", "hashkv", "--rev=9") == (
        1, "etcdserver: mvcc: required revision is a future revision")


def test_the_one_member(etcdctl):
    answer = json.loads(etcdctl("member", "list", "-w", "json"))
    member, = answer["members"]
    assert member["ID"] == answer["header"]["member_id"] == status(etcdctl)["leader"]
    assert f"http://{etcdctl.endpoint}" in member["clientURLs"]
    words = etcdctl("member", "list").rstrip("\n").split(", ")
    assert words == [f"{member['ID']:x}", "started", member["name"], ",".join(member.get("peerURLs", [])),
                     ",".join(member["clientURLs"]), "false"]
    assert words[2], "it has a name"


@pytest.mark.skipif(IS_ETCD, reason="a real etcd really has members")
@pytest.mark.parametrize("words", [
    ("member", "add", "other", "--peer-urls=http://127.0.0.1:1"), ("member", "remove", "1"), ("member", "promote", "1"),
    ("member", "update", "1", "--peer-urls=http://127.0.0.1:1"), ("move-leader", "1"),
])
def test_the_members_cannot_be_changed(etcdctl, words):
    assert etcdctl.fails(*words) == ALONE
    assert etcdctl("put", "a", "1") == "OK\n"


def test_alarms(etcdctl):
    assert etcdctl("alarm", "list") == ""
    assert etcdctl("alarm", "disarm") == ""


def test_defrag(etcdctl):
    for number in range(20):
        etcdctl("put", "a", stdin=str(number) * 10000)
    etcdctl("compaction", 21, "--physical")
    assert etcdctl("defrag") == f"Finished defragmenting etcd member[{etcdctl.endpoint}]\n"
    assert etcdctl("get", "a", "--print-value-only") == "19" * 10000 + "\n"


def test_a_snapshot_ends_with_its_checksum(etcdctl, tmp_path):
    for number in range(50):
        etcdctl("put", f"key{number}", stdin="x" * 5000)
    file = tmp_path / "saved"
    done = etcdctl.run("snapshot", "save", file)
    assert (done.returncode, done.stdout) == (0, f"Snapshot saved at {file}\n"), done.stderr
    saved = file.read_bytes()
    assert hashlib.sha256(saved[:-32]).digest() == saved[-32:]
    assert len(saved) > 5000


@pytest.fixture
def other(tmp_path):
    node = start_node_under_test(tmp_path / "other-node")
    client = Etcdctl(node.port)
    yield client
    client.end()
    node.assert_alive()
    node.stop()


def test_a_mirror_of_all(etcdctl, other):
    for key, value in (("a", "1"), ("b", "2")):
        etcdctl("put", key, value)
    etcdctl.start("make-mirror", other.endpoint)
    wait_until(lambda: other("get", "", "--prefix") == "a\n1\nb\n2\n", DEADLINE, "what was there is copied")
    etcdctl("put", "c", "3")
    etcdctl("del", "a")
    etcdctl("txn", stdin="\nput d 4\nput e 5\n\n\n")
    wait_until(lambda: other("get", "", "--prefix") == "b\n2\nc\n3\nd\n4\ne\n5\n", DEADLINE, "what comes is copied")


def test_a_mirror_of_a_prefix_elsewhere(etcdctl, other):
    etcdctl("put", "x/a", "1")
    etcdctl("put", "y", "2")
    etcdctl.start("make-mirror", "--prefix=x/", "--dest-prefix=z/", other.endpoint)
    wait_until(lambda: other("get", "", "--prefix") == "z/a\n1\n", DEADLINE, "what was there is copied")
    etcdctl("put", "x/b", "3")
    etcdctl("put", "y", "4")
    wait_until(lambda: other("get", "", "--prefix") == "z/a\n1\nz/b\n3\n", DEADLINE, "what comes is copied")


@pytest.mark.long
def test_check_perf(etcdctl):
    """A minute of load. How fast it was is not asked here: only that all of it was answered, and cleaned up."""
    running = etcdctl.start("check", "perf", "--load=s", "--auto-compact")
    code, out, err = running.wait(180)
    assert "error" not in (out + err).lower().replace("errors", ""), out + err
    assert code in (0, 1) and re.search("PASS: Throughput is|FAIL: Throughput too low", out), (code, out, err)
    assert etcdctl("get", "/etcdctl-check-perf/", "--prefix", "--keys-only") == ""
