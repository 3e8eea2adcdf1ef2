# SPDX-License-Identifier: Apache-2.0
"""etcdctl watches. It does not say when a watch stands: those that wait for what is to come start at a revision that is
to come, so nothing is missed."""
import pytest

from etcdctl import without_ids

pytestmark = [pytest.mark.larder("memcached does not speak gRPC"), pytest.mark.slow]

HEADER = '"Header":{"cluster_id":0,"member_id":0,"revision":%d,"raft_term":0}'


def test_what_was_and_what_comes(etcdctl):
    etcdctl("put", "a", "1")
    watch = etcdctl.start("watch", "a", "--rev=1")
    assert watch.lines(3) == ["PUT", "a", "1"]
    etcdctl("put", "b", "not mine")
    etcdctl("put", "a", "2")
    assert watch.lines(3) == ["PUT", "a", "2"]
    etcdctl("del", "a")
    assert watch.lines(3) == ["DELETE", "a", ""]


def test_from_a_revision_to_come(etcdctl):
    watch = etcdctl.start("watch", "a", "--rev=4")
    for value in "123":
        etcdctl("put", "a", value)
    assert watch.lines(3) == ["PUT", "a", "3"]


def test_prefix_and_range(etcdctl):
    prefix = etcdctl.start("watch", "a", "--prefix", "--rev=2")
    part = etcdctl.start("watch", "b", "d", "--rev=2")
    for key in ("a", "ab", "b", "c", "d"):
        etcdctl("put", key, "1")
    etcdctl("del", "", "--prefix")
    assert prefix.lines(6) == ["PUT", "a", "1", "PUT", "ab", "1"]
    assert prefix.lines(6) == ["DELETE", "a", "", "DELETE", "ab", ""]
    assert part.lines(6) == ["PUT", "b", "1", "PUT", "c", "1"]
    assert part.lines(6) == ["DELETE", "b", "", "DELETE", "c", ""]


def test_what_was_before(etcdctl):
    watch = etcdctl.start("watch", "a", "--prev-kv", "--rev=2")
    etcdctl("put", "a", "1")
    assert watch.lines(3) == ["PUT", "a", "1"]
    etcdctl("put", "a", "2")
    assert watch.lines(5) == ["PUT", "a", "1", "a", "2"]
    etcdctl("del", "a")
    assert watch.lines(5) == ["DELETE", "a", "2", "a", ""]


def test_several_on_one_connection(etcdctl):
    watch = etcdctl.start("watch", "-i")
    watch.write("watch --rev=2 a\n")
    etcdctl("put", "a", "1")
    assert watch.lines(3) == ["PUT", "a", "1"]
    watch.write("watch --rev=2 --prefix b\n")
    etcdctl("put", "bb", "2")
    assert watch.lines(3) == ["PUT", "bb", "2"]
    etcdctl("put", "a", "3")
    assert watch.lines(3) == ["PUT", "a", "3"]
    etcdctl("txn", stdin="\nput bc 4\n\n\n")
    assert watch.lines(3) == ["PUT", "bc", "4"]


def test_progress_is_told_on_request(etcdctl):
    watch = etcdctl.start("watch", "-i")
    watch.write("watch --rev=2 a\n")
    etcdctl("put", "a", "1")
    assert watch.lines(3) == ["PUT", "a", "1"]
    etcdctl("put", "other", "1")
    watch.write("progress\n")
    assert watch.line() == "progress notify: 3"


def test_compacted(etcdctl):
    for value in "1234":
        etcdctl("put", "a", value)
    etcdctl("compaction", 4)
    watch = etcdctl.start("watch", "a", "--rev=2")
    assert watch.error_line() == "watch was canceled (etcdserver: mvcc: required revision has been compacted)"
    assert watch.wait() == (5, "", "Error: watch is canceled by the server\n")
    watch = etcdctl.start("watch", "a", "--rev=4")
    assert watch.lines(6) == ["PUT", "a", "3", "PUT", "a", "4"]


def test_a_command_for_each_event(etcdctl):
    watch = etcdctl.start("watch", "a", "--rev=2", "--", "sh", "-c",
                          "echo $ETCD_WATCH_REVISION $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE")
    etcdctl("put", "a", "1")
    assert watch.lines(4) == ["PUT", "a", "1", '2 "PUT" "a" "1"']


def test_as_json(etcdctl):
    watch = etcdctl.start("watch", "a", "--rev=2", "-w", "json")
    etcdctl("put", "a", "1")
    assert without_ids(watch.line()) == (
        "{" + HEADER % 2 + ',"Events":[{"kv":{"key":"YQ==","create_revision":2,"mod_revision":2,"version":1,'
        '"value":"MQ=="}}],"CompactRevision":0,"Canceled":false,"Created":false}')
    etcdctl("del", "a")
    assert without_ids(watch.line()) == (
        "{" + HEADER % 3 + ',"Events":[{"type":1,"kv":{"key":"YQ==","mod_revision":3}}],"CompactRevision":0,'
        '"Canceled":false,"Created":false}')


def test_one_revision_is_one_answer(etcdctl):
    watch = etcdctl.start("watch", "", "--prefix", "--rev=2", "-w", "fields")
    etcdctl("txn", stdin="\nput a 1\nput b 2\n\n\n")
    event = ('"Type" : PUT\n"Key" : "%s"\n"CreateRevision" : 2\n"ModRevision" : 2\n"Version" : 1\n"Value" : "%s"\n'
             '"Lease" : 0\n')
    expected = '"ClusterID" : 0\n"MemberID" : 0\n"Revision" : 2\n"RaftTerm" : 0\n' + event % ("a", 1) + event % ("b", 2)
    assert without_ids("".join(f"{line}\n" for line in watch.lines(expected.count("\n")))) == expected


def test_a_watcher_sees_a_lease_end(etcdctl):
    lease = etcdctl("lease", "grant", 1000).split()[1]
    etcdctl("put", "a", "1", f"--lease={lease}")
    watch = etcdctl.start("watch", "a", "--rev=3")
    etcdctl("lease", "revoke", lease)
    assert watch.lines(3) == ["DELETE", "a", ""]
