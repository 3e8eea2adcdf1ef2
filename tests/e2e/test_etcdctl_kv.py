# SPDX-License-Identifier: Apache-2.0
"""etcdctl reads, writes, deletes and compacts. Each test has a server of its own, so that revisions are known."""
import base64
import json

import pytest

from etcdctl import without_ids

pytestmark = [pytest.mark.larder("memcached does not speak gRPC"), pytest.mark.slow]

COMPACTED = (1, "etcdserver: mvcc: required revision has been compacted")
FUTURE = (1, "etcdserver: mvcc: required revision is a future revision")
HEADER = '"header":{"cluster_id":0,"member_id":0,"revision":%d,"raft_term":0}'
FIELDS = '"ClusterID" : 0\n"MemberID" : 0\n"Revision" : %d\n"RaftTerm" : 0\n'


@pytest.fixture
def filled(etcdctl):
    """c=1 (2), a=3 (3), b=2 (4), d=9 (5), a=4 (6): key, value, revision."""
    for key, value in ("c1", "a3", "b2", "d9", "a4"):
        assert etcdctl("put", key, value) == "OK\n"
    return etcdctl


def lines(text):
    return text.splitlines()


def test_put_and_get(etcdctl):
    assert etcdctl("get", "a") == ""
    assert etcdctl("put", "a", "hello") == "OK\n"
    assert etcdctl("get", "a") == "a\nhello\n"
    assert etcdctl("get", "a", "--print-value-only") == "hello\n"
    assert etcdctl("get", "a", "--consistency=s") == "a\nhello\n"
    assert etcdctl("get", "a", "--hex") == "\\x61\n\\x68\\x65\\x6c\\x6c\\x6f\n"


def test_put_takes_the_value_from_stdin(etcdctl):
    assert etcdctl("put", "a", stdin="two\nlines") == "OK\n"
    assert etcdctl("get", "a") == "a\ntwo\nlines\n"


def test_empty_values_and_odd_keys(etcdctl):
    for key in ("", " ", "/", "a/b", "é", "\n", "x" * 5000):
        if key:
            assert etcdctl("put", "--", key, "") == "OK\n"
            assert etcdctl("get", "--", key) == f"{key}\n\n"
    assert etcdctl.fails("put", "", "x") == (1, "etcdserver: key is not provided")


def test_get_prefix_from_key_and_range(filled):
    filled("put", "ab", "5")
    assert filled("get", "a", "--prefix") == "a\n4\nab\n5\n"
    assert filled("get", "", "--prefix") == "a\n4\nab\n5\nb\n2\nc\n1\nd\n9\n"
    assert filled("get", "b", "--from-key") == "b\n2\nc\n1\nd\n9\n"
    assert filled("get", "", "--from-key", "--keys-only") == "a\n\nab\n\nb\n\nc\n\nd\n\n"
    assert filled("get", "a", "c") == "a\n4\nab\n5\nb\n2\n"
    assert filled("get", "d", "a") == ""
    assert filled.fails("get", "a", "b", "--prefix")[0] == 128


def test_get_limits_and_counts(filled):
    assert filled("get", "", "--prefix", "--limit=2") == "a\n4\nb\n2\n"
    assert filled("get", "", "--prefix", "--limit=1", "--order=DESCEND") == "d\n9\n"
    assert json.loads(filled("get", "", "--prefix", "--limit=3", "-w", "json"))["more"] is True
    assert filled.plain("get", "", "--prefix", "--limit=1", "--keys-only", "-w", "fields") == FIELDS % 6 + (
        '"Key" : "a"\n"CreateRevision" : 3\n"ModRevision" : 6\n"Version" : 2\n"Value" : ""\n"Lease" : 0\n'
        '"More" : true\n"Count" : 4\n')


@pytest.mark.parametrize("order, target, keys", [
    ("ASCEND", "KEY", "abcd"), ("DESCEND", "KEY", "dcba"), ("ASCEND", "CREATE", "cabd"), ("DESCEND", "CREATE", "dbac"),
    ("ASCEND", "MODIFY", "cbda"), ("DESCEND", "MODIFY", "adbc"), ("ASCEND", "VALUE", "cbad"),
    ("DESCEND", "VALUE", "dabc"), ("ASCEND", "VERSION", "bcda"), ("DESCEND", "VERSION", "abcd"),
])
def test_get_sorts(filled, order, target, keys):
    got = lines(filled("get", "", "--prefix", f"--order={order}", f"--sort-by={target}", "--keys-only"))[::2]
    if target == "VERSION":  # three of them are as old; their order among each other is nobody's promise
        assert (got.index("a"), sorted(got)) == (keys.index("a"), list("abcd"))
    else:
        assert got == list(keys)


def test_get_of_the_past(filled):
    assert filled("get", "a", "--rev=3") == "a\n3\n"
    assert filled("get", "a", "--rev=2") == ""
    assert filled("get", "", "--prefix", "--rev=4") == "a\n3\nb\n2\nc\n1\n"
    assert filled.fails("get", "a", "--rev=7") == FUTURE
    assert filled("compaction", 4) == "compacted revision 4\n"
    assert filled("get", "a", "--rev=4") == "a\n3\n"
    assert filled.fails("get", "a", "--rev=3") == COMPACTED


def test_get_as_json(filled):
    assert filled.plain("get", "a", "-w", "json") == (
        "{" + HEADER % 6 + ',"kvs":[{"key":"YQ==","create_revision":3,"mod_revision":6,"version":2,"value":"NA=="}],'
        '"count":1}\n')
    assert filled.plain("get", "nothing", "-w", "json") == "{" + HEADER % 6 + "}\n"


def test_get_as_fields(filled):
    assert filled.plain("get", "a", "-w", "fields") == FIELDS % 6 + (
        '"Key" : "a"\n"CreateRevision" : 3\n"ModRevision" : 6\n"Version" : 2\n"Value" : "4"\n"Lease" : 0\n'
        '"More" : false\n"Count" : 1\n')


def test_put_tells_what_was_there(etcdctl):
    assert etcdctl("put", "a", "1", "--prev-kv") == "OK\n"
    assert etcdctl("put", "a", "2", "--prev-kv") == "OK\na\n1\n"
    assert etcdctl.plain("put", "a", "3", "--prev-kv", "-w", "json") == (
        "{" + HEADER % 4 + ',"prev_kv":{"key":"YQ==","create_revision":2,"mod_revision":3,"version":2,'
        '"value":"Mg=="}}\n')
    assert etcdctl.plain("put", "b", "3", "-w", "json") == "{" + HEADER % 5 + "}\n"


def test_put_keeps_value_or_lease(etcdctl):
    assert etcdctl.fails("put", "a", "--ignore-value") == (1, "etcdserver: key not found")
    assert etcdctl.fails("put", "a", "1", "--ignore-lease") == (1, "etcdserver: key not found")
    lease = etcdctl("lease", "grant", 1000).split()[1]
    etcdctl("put", "a", "1", f"--lease={lease}")
    assert etcdctl("put", "a", "2", "--ignore-lease") == "OK\n"
    kept = json.loads(etcdctl("get", "a", "-w", "json"))["kvs"][0]
    assert (base64.b64decode(kept["value"]), kept["lease"]) == (b"2", int(lease, 16))
    assert etcdctl("put", "a", "--ignore-value") == "OK\n"
    kept = json.loads(etcdctl("get", "a", "-w", "json"))["kvs"][0]
    assert (base64.b64decode(kept["value"]), kept.get("lease"), kept["version"]) == (b"2", None, 3)
    assert etcdctl.fails("put", "a", "1", "--lease=7") == (1, "etcdserver: requested lease not found")


def test_del(filled):
    assert filled("del", "nothing") == "0\n"
    assert filled("del", "a") == "1\n"
    assert filled("del", "b", "--prev-kv") == "1\nb\n2\n"
    assert filled("get", "", "--prefix") == "c\n1\nd\n9\n"
    filled("put", "cc", "8")
    assert filled("del", "c", "--prefix", "--prev-kv") == "2\nc\n1\ncc\n8\n"
    for key in "ab":
        filled("put", key, "1")
    assert filled("del", "b", "--from-key") == "2\n"
    assert filled("get", "", "--prefix") == "a\n1\n"
    assert filled("del", "a", "b") == "1\n"
    assert filled("get", "", "--prefix") == ""


def test_del_as_json(filled):
    assert filled.plain("del", "a", "--prev-kv", "-w", "json") == (
        "{" + HEADER % 7 + ',"deleted":1,"prev_kvs":[{"key":"YQ==","create_revision":3,"mod_revision":6,"version":2,'
        '"value":"NA=="}]}\n')
    assert filled.plain("del", "a", "-w", "json") == "{" + HEADER % 7 + "}\n"
    assert without_ids(filled("del", "b", "-w", "fields")) == FIELDS % 8 + '"Deleted" : 1\n'


def test_a_key_that_comes_back_starts_anew(etcdctl):
    etcdctl("put", "a", "1")
    etcdctl("del", "a")
    etcdctl("put", "a", "2")
    again = json.loads(etcdctl("get", "a", "-w", "json"))["kvs"][0]
    assert (again["create_revision"], again["mod_revision"], again["version"]) == (4, 4, 1)


def test_compaction(filled):
    assert filled.fails("compaction", 7) == FUTURE
    assert filled("compaction", 5) == "compacted revision 5\n"
    assert filled.fails("compaction", 5) == COMPACTED
    assert filled("compaction", 6, "--physical") == "compacted revision 6\n"
    assert filled.fails("get", "a", "--rev=5") == COMPACTED
    assert filled("get", "", "--prefix") == "a\n4\nb\n2\nc\n1\nd\n9\n"
    assert filled("defrag") == f"Finished defragmenting etcd member[{filled.endpoint}]\n"
    assert filled("get", "", "--prefix") == "a\n4\nb\n2\nc\n1\nd\n9\n"


def test_a_request_that_is_too_large(etcdctl):
    code, text = etcdctl.fails("put", "a", stdin="x" * (1600 * 1024))
    assert (code, text) == (1, "etcdserver: request is too large")
    assert etcdctl("put", "a", stdin="x" * (1400 * 1024)) == "OK\n"
    assert etcdctl("get", "a", "--print-value-only") == "x" * (1400 * 1024) + "\n"


def test_ids_are_the_same_in_every_answer(etcdctl):
    asked = [("put", "a", "1"), ("get", "a"), ("del", "a"), ("lease", "list"), ("member", "list")]
    answers = [json.loads(etcdctl(*words, "-w", "json")) for words in asked]
    headers = [answer.get("header", answer) for answer in answers]
    ids = {(header["cluster_id"], header["member_id"]) for header in headers}
    assert len(ids) == 1 and all(ids.pop())


def test_answers_larger_than_a_message_is_by_default(etcdctl):
    """etcdctl takes answers of any size; grpc's own limit of 4 MiB is not the server's."""
    for key in "abcde":
        etcdctl("put", key, stdin=key * (1 << 20))
    assert etcdctl("get", "", "--prefix") == "".join(f"{key}\n{key * (1 << 20)}\n" for key in "abcde")
