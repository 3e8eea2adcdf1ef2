# SPDX-License-Identifier: Apache-2.0
"""Reads in front of a real cluster are answered from memory, and are true."""
import contextlib

import pytest

from clusternode import DEADLINE
from cuttable import REFUSE
from etcdclient import Stream
from etcdcluster import PASSWORD, USER, Cluster
from etcdproto import message
from httpwire import ask
from nearnode import COMPARE, GROUPS, OP, PUT, QUIET, RANGE, TXN, NearNode, member_metric, ranges_asked, txns_asked
from server import Server, wait_until
from wire import Connection

pytestmark = [pytest.mark.larder("memcached keeps nothing in a cluster"), pytest.mark.slow]
CREATE, WATCH = message("WatchCreateRequest"), message("WatchRequest")
AT_ONCE = 200
LINEARIZABLE = {"Larder-Freshness": "linearizable"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("near-cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def shared_node(cluster, tmp_path_factory):
    node = NearNode(tmp_path_factory.mktemp("near-node"), cluster)
    node.wait_watching()
    node.wait_mirrored()
    yield node
    node.stop()


@pytest.fixture
def node(shared_node):
    shared_node.delete(b"\0", b"\0")
    return shared_node


@pytest.fixture
def start_node(cluster, tmp_path):
    """Starts further nodes in front of the same cluster, or of another one."""
    with contextlib.ExitStack() as stack:
        def start(before=cluster, extra=(), quiet=QUIET, **options):
            started = NearNode(tmp_path / f"node{len(list(tmp_path.iterdir()))}", before, extra=[*quiet, *extra],
                               **options)
            stack.callback(started.stop)
            started.wait_watching()
            return started
        yield start


# --- what was read is known ---


@pytest.mark.parametrize("fields", [{}, {"serializable": True}], ids=["linearizable", "serializable"])
def test_a_key_is_asked_for_once(node, cluster, fields):
    node.write(b"larder/a", b"1")
    assert node.range(b"larder/a", **fields) == {b"larder/a": b"1"}
    before = node.near()
    asked = ranges_asked(cluster)
    for _ in range(20):
        assert node.range(b"larder/a", **fields) == {b"larder/a": b"1"}
    changes = node.changes(before)
    assert (changes["memory"], changes["fallbacks"], changes["flights"]) == (20, 0, 0)
    only_rounds(node, cluster, before, asked)


@pytest.mark.parametrize("fields", [{}, {"serializable": True}], ids=["linearizable", "serializable"])
def test_an_absent_key_is_asked_for_once(node, fields):
    assert node.range(b"larder/absent", **fields) == {}
    before = node.near()
    for _ in range(20):
        assert node.range(b"larder/absent", **fields) == {}
    changes = node.changes(before)
    assert (changes["memory"], changes["fallbacks"]) == (20, 0)
    node.write(b"larder/absent", b"now")
    assert node.range(b"larder/absent", **fields) == {b"larder/absent": b"now"}


def only_rounds(node, cluster, before, asked):
    """The cluster was asked for rounds and nothing else. A round under way is counted here before it is there."""
    wait_until(lambda: ranges_asked(cluster) - asked == node.changes(before)["rounds"], 5, "ranges are rounds")


def test_reads_at_once_share_a_round(node, cluster):
    keys = [b"larder/%d" % number for number in range(AT_ONCE)]
    for key in keys:
        node.write(key, b"of " + key)
        node.range(key)
    before = node.near()
    asked = ranges_asked(cluster)
    for key, answer in zip(keys, node.all_at_once([RANGE(key=key) for key in keys])):
        assert [kv.value for kv in answer.kvs] == [b"of " + key]
    changes = node.changes(before)
    assert (changes["round_reads"], changes["fallbacks"]) == (AT_ONCE, 0)
    assert ranges_asked(cluster) - asked < AT_ONCE / 2, "a round is shared"


def test_many_misses_of_one_key_are_one_question(node, cluster):
    cluster.etcdctl()("put", "larder/cold", "x")
    before = node.near()
    for answer in node.all_at_once([RANGE(key=b"larder/cold")] * AT_ONCE):
        assert [kv.value for kv in answer.kvs] == [b"x"]
    assert node.changes(before)["flights"] == 1


@pytest.mark.parametrize("key", [b"apart/a", b"elsewhere/a"], ids=["near = no", "no group"])
def test_what_is_not_kept_is_asked_for_each_time(node, key):
    node.write(key, b"1")
    before = node.fallbacks("not_kept")
    for _ in range(3):
        assert node.range(key) == {key: b"1"}
    assert node.fallbacks("not_kept") - before == 3


def test_nor_is_a_copy_kept_of_it(node):
    with Connection(node) as connection:
        assert connection.ask(b"set apart/a 0 0 1\r\n1\r\n") == b"STORED\r\n"
        before = node.fallbacks("not_kept")
        for _ in range(3):
            assert connection.ask(b"get apart/a\r\n") == b"VALUE apart/a 0 1\r\n1\r\nEND\r\n"
        assert node.fallbacks("not_kept") - before == 3


def test_by_memcached_and_http(node, cluster):
    """Copies in the table go along with what the cluster tells."""
    with Connection(node) as connection:
        assert connection.ask(b"set config/a 0 0 1\r\n1\r\n") == b"STORED\r\n"
        for _ in range(5):
            assert connection.ask(b"get config/a\r\n") == b"VALUE config/a 0 1\r\n1\r\nEND\r\n"
        asked = ranges_asked(cluster)
        before = node.near()
        for _ in range(20):
            assert connection.ask(b"get config/a\r\n") == b"VALUE config/a 0 1\r\n1\r\nEND\r\n"
            assert node.get("a").body == b"1"
        assert node.changes(before)["fallbacks"] == 0
        only_rounds(node, cluster, before, asked)
        cluster.etcdctl()("put", "larder/a", "2")
        assert ask(node, "GET", "/config/a", headers=LINEARIZABLE).body == b"2"
        assert connection.ask(b"get config/a\r\n") == b"VALUE config/a 0 1\r\n2\r\nEND\r\n", "it does not go back"


# --- writes are seen ---


def test_own_writes_are_seen_at_once(node):
    """By reads that need no proof: each from another thread, and another protocol."""
    for number in range(100):
        value = b"%d" % number
        node.write(b"larder/own", value)
        assert node.range(b"larder/own", serializable=True) == {b"larder/own": value}
        assert node.get("own").body == value
    node.delete(b"larder/own")
    assert node.range(b"larder/own", serializable=True) == {}
    assert node.get("own").status == 404


def test_writes_of_another_node_are_seen(node, start_node):
    other = start_node()
    for number in range(50):
        value = b"%d" % number
        revision = other.write(b"larder/shared", value)
        answer = node.client.do(RANGE(key=b"larder/shared"))
        assert answer.kvs[0].value == value and answer.header.revision >= revision
        assert node.range(b"larder/shared", serializable=True) == {b"larder/shared": value}, "nor does it go back"


def test_a_transaction_is_seen(node):
    node.write(b"larder/t", b"1")
    node.range(b"larder/t")
    compare = COMPARE(key=b"larder/t", target=COMPARE.VALUE, result=COMPARE.EQUAL, value=b"1")
    swap = [OP(request_put=PUT(key=b"larder/t", value=b"2")), OP(request_put=PUT(key=b"elsewhere/t", value=b"2"))]
    assert node.client.do(TXN(compare=[compare], success=swap)).succeeded
    assert node.range(b"larder/t", serializable=True) == {b"larder/t": b"2"}
    assert not node.client.do(TXN(compare=[compare], success=swap)).succeeded


# --- mirrors ---


def test_ranges_of_a_mirror(node, cluster):
    for number in range(20):
        node.write(b"mirror/%02d" % number, b"x")
    before = node.near()
    asked = ranges_asked(cluster)
    everything = {"range_end": b"mirror0"}
    assert list(node.range(b"mirror/", **everything)) == [b"mirror/%02d" % number for number in range(20)]
    answer = node.client.do(RANGE(key=b"mirror/05", limit=3, sort_order=RANGE.DESCEND, **everything))
    assert [kv.key for kv in answer.kvs] == [b"mirror/19", b"mirror/18", b"mirror/17"]
    assert (answer.count, answer.more) == (15, True)
    assert node.client.do(RANGE(key=b"mirror/", count_only=True, serializable=True, **everything)).count == 20
    assert node.range(b"mirror/none") == {}
    assert node.changes(before)["fallbacks"] == 0
    only_rounds(node, cluster, before, asked)
    cluster.etcdctl()("del", "mirror/03")
    cluster.etcdctl()("put", "mirror/20", "y")
    assert len(node.range(b"mirror/", **everything)) == 20 and b"mirror/20" in node.range(b"mirror/", **everything)


def test_a_mirror_finds_what_was_there_before(cluster, start_node, node):
    for number in range(1100):
        node.write(b"mirror/many/%04d" % number, b"x" * 100)
    other = start_node()
    other.wait_mirrored()
    before = other.near()
    assert other.client.do(RANGE(key=b"mirror/", range_end=b"mirror0", count_only=True)).count == 1100
    assert other.range(b"mirror/many/1034") == {b"mirror/many/1034": b"x" * 100}
    assert other.changes(before)["fallbacks"] == 0
    assert other.metrics()['larder_near_keys{kind="mirrored"}'] == 1100


def test_a_range_of_what_is_not_mirrored_asks_the_cluster(node):
    node.write(b"larder/1", b"x")
    before = node.fallbacks("range")
    assert node.range(b"larder/", range_end=b"larder0") == {b"larder/1": b"x"}
    assert node.fallbacks("range") - before == 1


# --- watches ---


def test_watches_share_one_of_the_cluster(node, cluster):
    """Those of etcd's API and of HTTP; each sees everything."""
    wait_until(lambda: member_metric(cluster, "etcd_debugging_mvcc_watcher_total") == 1, DEADLINE,
               "nobody watches but the node")
    node.range(b"larder/1")  # now the node knows of all that was before: watches from now on do not tell of it
    streams = [Stream(node.client, "Watch", "Watch") for _ in range(5)]
    for stream in streams:
        for number in range(10):
            stream.send(WATCH(create_request=CREATE(key=b"larder/%d" % number)))
    for stream in streams:
        assert all(stream.read().created for _ in range(10))
    assert member_metric(cluster, "etcd_debugging_mvcc_watcher_total") == 1
    assert node.metrics()['larder_near_watchers{kind="own"}'] == 0
    for number in range(10):
        cluster.etcdctl()("put", f"larder/{number}", "x")
    for stream in streams:
        keys = [event.kv.key for _ in range(10) for event in stream.read().events]
        assert sorted(keys) == [b"larder/%d" % number for number in range(10)]
        stream.close()


def test_previous_values_cost_one_watch_as_well(node, cluster):
    """They are asked for once somebody wants them: that one has a watch of its own until the shared one brings them."""
    def watching(own):
        return (member_metric(cluster, "etcd_debugging_mvcc_watcher_total") == 1
                and node.metrics()['larder_near_watchers{kind="own"}'] == own)

    node.write(b"larder/1", b"first")
    node.range(b"larder/1")
    streams = [Stream(node.client, "Watch", "Watch") for _ in range(5)]
    for stream in streams:
        stream.send(WATCH(create_request=CREATE(key=b"larder/1", prev_kv=True)))
        assert stream.read().created
    wait_until(lambda: watching(0), DEADLINE, "all of them are fed by the node's watch")
    for value, previous in ((b"second", b"first"), (b"third", b"second")):
        node.write(b"larder/1", value)
        for stream in streams:
            event, = stream.read().events
            assert (event.kv.value, event.prev_kv.value) == (value, previous)
    for stream in streams:
        stream.close()


# --- it is compared with the truth ---


def test_a_comparison_finds_nothing(cluster, start_node):
    node = start_node(extra=["--audit-pause", "10ms"], quiet=[])
    node.wait_mirrored()
    for number in range(300):
        node.write(b"mirror/%d" % number, b"x")
        node.write(b"larder/%d" % number, b"x")
        node.range(b"larder/%d" % number)
    node.wait_metric("larder_near_audit_compared_total", lambda value: value >= 600)
    assert node.metrics()["larder_near_audit_differences_total"] == 0


# --- other ways to watch ---


@pytest.fixture
def groups_node(start_node):
    node = start_node(extra=["--store-watch", "groups"])
    node.wait_watched("groups", "question")
    return node


def test_the_groups_can_be_watched_one_by_one(groups_node, cluster):
    """Then a batch of reads is one transaction."""
    keys = [b"larder/%d" % number for number in range(AT_ONCE)]
    for key in keys:
        groups_node.write(key, b"of " + key)
    cluster.etcdctl()("put", "elsewhere", "so that no watch is as far as the cluster")
    asked = txns_asked(cluster)
    for key, answer in zip(keys, groups_node.all_at_once([RANGE(key=key) for key in keys])):
        assert [kv.value for kv in answer.kvs] == [b"of " + key]
    assert 0 < txns_asked(cluster) - asked < AT_ONCE / 2
    cluster.etcdctl()("put", "larder/1", "anew")
    assert groups_node.range(b"larder/1") == {b"larder/1": b"anew"}
    assert groups_node.metrics()["larder_near_audit_differences_total"] == 0


def test_progress_of_this_version_is_not_believed(start_node, cluster):
    """It would say so before the events are there (etcd#15220): with the first read that needs it the node gives it up."""
    node = start_node(extra=["--store-watch", "groups", "--store-progress", "yes"])
    assert not cluster.status(0)["version"].startswith("3.6."), "a version whose progress is true: test it"
    def read():
        cluster.etcdctl()("put", "elsewhere", "so that a watch of a group is behind")
        assert node.range(b"larder/none") == {}
        return node.watched() == ("groups", "question")
    wait_until(read, DEADLINE, lambda: f"{node.watched()}; {node.stderr()}")


def test_a_write_of_several_groups_is_seen(groups_node):
    for number in range(20):
        value = b"%d" % number
        puts = [OP(request_put=PUT(key=key, value=value)) for key in (b"larder/x", b"mirror/x", b"elsewhere/x")]
        assert groups_node.client.do(TXN(success=puts)).succeeded
        assert groups_node.range(b"larder/x", serializable=True) == {b"larder/x": value}
        assert groups_node.range(b"mirror/x", serializable=True) == {b"mirror/x": value}


def test_who_may_not_watch_everything_watches_the_groups(tmp_path, start_node):
    cluster = Cluster(tmp_path / "auth", size=1, auth=True, prefix="larder/")
    try:
        (tmp_path / "password").write_text(PASSWORD + "\n")
        config = GROUPS[:GROUPS.index('[group "mirror"]')]
        node = start_node(cluster, extra=["--store-user", USER, "--store-password-file", str(tmp_path / "password")],
                          config=config)
        node.wait_watched("groups", "question")
        node.put("a", b"1")
        assert node.get("a").body == b"1"
        cluster.etcdctl()("put", "larder/a", "2")
        assert ask(node, "GET", "/config/a", headers=LINEARIZABLE).body == b"2"
        node.wait_metric("larder_near_upstream_watches", lambda value: value == 1)
        node.stop()
    finally:
        cluster.stop()


def test_a_restored_backup_begins_anew(tmp_path, start_node):
    """Revisions go back; what was known is forgotten, and watches begin anew as well."""
    cluster = Cluster(tmp_path / "restored", size=1)
    try:
        node = start_node(cluster)
        node.wait_mirrored()
        for number in range(5):
            node.write(b"mirror/%d" % number, b"old")
        node.write(b"larder/a", b"old")
        assert cluster.etcdctl().run("snapshot", "save", tmp_path / "snapshot").returncode == 0
        for number in range(20):
            node.write(b"mirror/%d" % number, b"new")
        node.write(b"larder/a", b"new")
        with Connection(node) as connection:
            assert connection.ask(b"get config/a\r\n") == b"VALUE config/a 0 3\r\nnew\r\nEND\r\n"
            cluster.restore(0, tmp_path / "snapshot")
            node.wait_metric("larder_near_resets_total", lambda value: value >= 1)
            node.wait_watching()
            node.wait_mirrored()
            assert node.range(b"mirror/", range_end=b"mirror0") == {b"mirror/%d" % number: b"old" for number in range(5)}
            assert node.range(b"larder/a", serializable=True) == {b"larder/a": b"old"}
            assert connection.ask(b"get config/a\r\n") == b"VALUE config/a 0 3\r\nold\r\nEND\r\n"
            node.write(b"larder/a", b"newer")
            assert connection.ask(b"get config/a\r\n") == b"VALUE config/a 0 5\r\nnewer\r\nEND\r\n"
        node.stop()
    finally:
        cluster.stop()


def watch_from(node, key, revision):
    stream = Stream(node.client, "Watch", "Watch")
    stream.send(WATCH(create_request=CREATE(key=key, start_revision=revision)))
    assert stream.read().created
    return stream


def test_a_compaction_while_the_watch_is_lost_ends_only_who_has_lost_something(tmp_path, start_node):
    """Revisions have not gone back, so what watchers were told is true."""
    cluster = Cluster(tmp_path / "compacted", size=1, client_proxies=True)
    try:
        node = start_node(cluster)
        node.wait_mirrored()
        last = node.write(b"larder/a", b"0")
        assert node.range(b"larder/a", serializable=True) == {b"larder/a": b"0"}
        missing = watch_from(node, b"larder/a", last + 1)
        later = watch_from(node, b"larder/a", last + 21)
        cluster.turn_clients(0, REFUSE)
        for number in range(1, 21):
            cluster.etcdctl()("put", "larder/a", str(number))
        cluster.compact(0, last + 15)
        cluster.free_clients(0)
        node.wait_metric("larder_near_resets_total", lambda value: value >= 1)
        ended = missing.read()
        assert ended.canceled and ended.compact_revision == last + 15
        node.wait_watching()
        for number in range(21, 24):
            cluster.etcdctl()("put", "larder/a", str(number))
        seen = []
        while len(seen) < 3:
            answer = later.read()
            assert not answer.canceled
            seen += [event.kv.value for event in answer.events]
        assert seen == [b"21", b"22", b"23"]
        assert node.range(b"larder/a", serializable=True) == {b"larder/a": b"23"}
        missing.close()
        later.close()
        node.stop()
    finally:
        cluster.stop()


class OneNode:
    """A larderd that keeps its store itself, in the place of a cluster."""

    def __init__(self, directory):
        self.server = Server(directory, kind="larder", extra=["--data-dir", str(directory / "data")])

    def store_url(self):
        return f"etcd://127.0.0.1:{self.server.port}"


@pytest.mark.parametrize("watch", [["all", "events"], ["groups", "progress"]])
def test_in_front_of_a_larderd(tmp_path, start_node, watch):
    """Whose version is one whose progress is true."""
    below = OneNode(tmp_path / "below")
    try:
        progress = ["--store-progress", "yes"] if watch[0] == "groups" else []
        node = start_node(below, extra=["--store-watch", watch[0], *progress])
        node.wait_watched(*watch)
        node.wait_mirrored()
        direct = NearClient(below.server.port)
        for number in range(20):
            value = b"%d" % number
            direct.write(b"larder/a", value)
            direct.write(b"elsewhere/a", value)
            assert node.range(b"larder/a") == {b"larder/a": value}
        before = node.near()
        for _ in range(10):
            assert node.range(b"larder/a") == {b"larder/a": b"19"}
            direct.write(b"elsewhere/a", b"so that only progress tells")
            assert node.range(b"mirror/", range_end=b"mirror0") == {}
        changes = node.changes(before)
        assert (changes["fallbacks"], changes["memory"]) == (0, 20)
        direct.close()
        node.stop()
    finally:
        below.server.stop()


class NearClient:
    """Past the node."""

    def __init__(self, port):
        from etcdclient import Client
        self._client = Client(port)

    def write(self, key, value):
        self._client.do(PUT(key=key, value=value))

    def close(self):
        self._client.close()
