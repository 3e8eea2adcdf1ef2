# SPDX-License-Identifier: Apache-2.0
"""Watches as a stock gRPC client opens them: many on a stream, what they say and in which order."""
import pytest

from etcdclient import Client, Stream
from etcdnode import EtcdNode, LarderNode
from etcdproto import message
from server import kind_under_test

pytestmark = pytest.mark.larder("memcached does not speak gRPC")

CREATE, CANCEL, PROGRESS = (message(name) for name in (
    "WatchCreateRequest", "WatchCancelRequest", "WatchProgressRequest"))
REQUEST = message("WatchRequest")
NO_PUT, NO_DELETE = 0, 1
ANY = -1


@pytest.fixture
def client(etcd_node):
    with Client(etcd_node.port) as opened:
        yield opened


class Watching:
    """One stream of watches."""

    def __init__(self, client):
        self.stream = Stream(client, "Watch", "Watch")
        self.read = self.stream.read

    def create(self, **fields):
        """Its answer, which comes before its events."""
        self.stream.send(REQUEST(create_request=CREATE(**fields)))
        answer = self.read()
        assert answer.created and not answer.events
        return answer

    def cancel(self, watch_id):
        self.stream.send(REQUEST(cancel_request=CANCEL(watch_id=watch_id)))

    def ask_progress(self):
        self.stream.send(REQUEST(progress_request=PROGRESS()))

    def events(self, count):
        """(id, type, key, value, revision) of so many events."""
        found = []
        while len(found) < count:
            answer = self.read()
            assert answer.events and not (answer.created or answer.canceled), answer
            found += [(answer.watch_id, event.type, event.kv.key, event.kv.value, event.kv.mod_revision)
                      for event in answer.events]
        assert len(found) == count, found
        return found


@pytest.fixture
def watching(client):
    opened = Watching(client)
    yield opened
    opened.stream.close()


def put(client, key, value=b"1", **fields):
    return client.do(message("PutRequest")(key=key, value=value, **fields)).header.revision


def delete(client, key, **fields):
    return client.do(message("DeleteRangeRequest")(key=key, **fields)).header.revision


def test_several_on_a_stream(client, watching):
    first = watching.create(key=b"a")
    second = watching.create(key=b"a", range_end=b"c")
    assert (first.watch_id, second.watch_id) == (0, 1) and first.header.revision == 1
    assert put(client, b"a") == 2
    assert sorted(watching.events(2)) == [(0, 0, b"a", b"1", 2), (1, 0, b"a", b"1", 2)]
    put(client, b"b")
    assert watching.events(1) == [(1, 0, b"b", b"1", 3)]


def test_ids_of_the_clients_choice(client, watching):
    assert watching.create(key=b"a", watch_id=7).watch_id == 7
    assert watching.create(key=b"b").watch_id == 0
    assert watching.create(key=b"c").watch_id == 1
    taken = watching.stream
    taken.send(REQUEST(create_request=CREATE(key=b"d", watch_id=7)))
    answer = watching.read()
    assert (answer.watch_id, answer.created, answer.canceled, answer.cancel_reason) == (
        -1, True, True, "mvcc: duplicate watch ID provided on the WatchStream")
    put(client, b"a")
    assert watching.events(1) == [(7, 0, b"a", b"1", 2)]
    watching.cancel(7)
    assert watching.read().canceled
    assert watching.create(key=b"e", watch_id=7).watch_id == 7


def test_the_past_and_the_future(client, watching):
    for value in (b"1", b"2", b"3"):
        put(client, b"a", value)
    past = watching.create(key=b"a", start_revision=3)
    assert watching.events(2) == [(past.watch_id, 0, b"a", b"2", 3), (past.watch_id, 0, b"a", b"3", 4)]
    future = watching.create(key=b"b", start_revision=7)
    put(client, b"b", b"5")
    put(client, b"b", b"6")
    put(client, b"b", b"7")
    assert watching.events(1) == [(future.watch_id, 0, b"b", b"7", 7)]


def test_what_was_before(client, watching):
    put(client, b"a", b"old")
    watching.create(key=b"a", prev_kv=True)
    put(client, b"a", b"new")
    event, = watching.read().events
    assert (event.kv.value, event.prev_kv.value, event.prev_kv.mod_revision) == (b"new", b"old", 2)
    delete(client, b"a")
    event, = watching.read().events
    assert (event.type, event.kv.key, event.kv.mod_revision, event.prev_kv.value) == (1, b"a", 4, b"new")
    assert event.kv.create_revision == event.kv.version == 0


def test_filters(client, watching):
    puts = watching.create(key=b"a", filters=[NO_DELETE]).watch_id
    deletes = watching.create(key=b"a", filters=[NO_PUT]).watch_id
    none = watching.create(key=b"a", filters=[NO_PUT, NO_DELETE]).watch_id
    put(client, b"a")
    delete(client, b"a")
    assert watching.events(2) == [(puts, 0, b"a", b"1", 2), (deletes, 1, b"a", b"", 3)]
    watching.cancel(none)
    answer = watching.read()
    assert (answer.watch_id, answer.canceled) == (none, True)


def test_prefixes_and_everything(client, watching):
    everything = watching.create(key=b"\0", range_end=b"\0").watch_id
    tail = watching.create(key=b"m", range_end=b"\0").watch_id
    put(client, b"a")
    put(client, b"z")
    assert sorted(watching.events(3)) == [
        (everything, 0, b"a", b"1", 2), (everything, 0, b"z", b"1", 3), (tail, 0, b"z", b"1", 3)]


def test_no_key_is_the_lowest_key(client, watching):
    watching.create(key=b"")
    watching.create(key=b"", range_end=b"b")
    put(client, b"\0")
    put(client, b"a")
    assert sorted(watching.events(3)) == [(0, 0, b"\0", b"1", 2), (1, 0, b"\0", b"1", 2), (1, 0, b"a", b"1", 3)]


def test_a_range_that_is_none(client, watching):
    watching.stream.send(REQUEST(create_request=CREATE(key=b"b", range_end=b"a")))
    answer = watching.read()
    assert (answer.watch_id, answer.created, answer.canceled) == (-1, True, True)
    assert answer.cancel_reason == "mvcc: watcher range is empty"


def test_cancelling(client, watching):
    kept = watching.create(key=b"a").watch_id
    gone = watching.create(key=b"a").watch_id
    watching.cancel(gone)
    answer = watching.read()
    assert (answer.watch_id, answer.canceled, answer.cancel_reason, answer.compact_revision) == (gone, True, "", 0)
    watching.cancel(99)  # there is none: not a word
    put(client, b"a")
    assert watching.events(1) == [(kept, 0, b"a", b"1", 2)]


def test_compacted(client, watching):
    for value in (b"1", b"2", b"3", b"4"):
        put(client, b"a", value)
    client.do(message("CompactionRequest")(revision=4))
    watch = watching.create(key=b"a", start_revision=2)
    answer = watching.read()
    assert (answer.watch_id, answer.canceled, answer.compact_revision) == (watch.watch_id, True, 4)
    other = watching.create(key=b"a", start_revision=4).watch_id
    assert [event[3] for event in watching.events(2)] == [b"3", b"4"]
    assert other != watch.watch_id


def test_all_of_a_revision_in_one_answer(client, watching):
    watching.create(key=b"a", range_end=b"z")
    client.do(message("TxnRequest")(success=[{"request_put": {"key": b"k%d" % i, "value": b"1"}} for i in range(100)]))
    answer = watching.read()
    assert len(answer.events) == 100 and {event.kv.mod_revision for event in answer.events} == {2}
    assert answer.header.revision == 2


def test_progress_on_request_comes_behind_the_events(client, watching):
    watching.create(key=b"a")
    revision = 1
    for _ in range(20):
        revision = put(client, b"a")
        event = watching.events(1)
        assert event[0][4] == revision
        watching.ask_progress()
        answer = watching.read()
        assert (answer.watch_id, len(answer.events), answer.header.revision) == (ANY, 0, revision)
    put(client, b"b")
    watching.ask_progress()
    assert watching.read().header.revision == revision + 1


def test_progress_is_told_when_nothing_happens(tmp_path):
    if kind_under_test() == "etcd":
        node = EtcdNode(tmp_path / "node", "--experimental-watch-progress-notify-interval", "200ms")
    else:
        node = LarderNode(tmp_path / "node", "--watch-progress", "200ms")
    with Client(node.port) as client:
        watching = Watching(client)
        told = watching.create(key=b"a", progress_notify=True).watch_id
        silent = watching.create(key=b"b").watch_id
        put(client, b"other")
        for _ in range(2):
            # The first may have been made before the put.
            answer = watching.read()
            assert (answer.watch_id, len(answer.events)) == (told, 0)
        assert answer.header.revision == 2
        put(client, b"b")
        answer = watching.read()
        while answer.watch_id == told:
            assert not answer.events
            answer = watching.read()
        assert (answer.watch_id, answer.events[0].kv.key) == (silent, b"b")
        watching.stream.close()
    node.stop()


def test_fragments(client, watching):
    """An answer that would be larger than a message may be comes in parts; only the last is not marked."""
    for number in range(4):
        put(client, b"k%d" % number, bytes([number]) * (1 << 20))
    watching.create(key=b"k", range_end=b"l", start_revision=2, fragment=True)
    parts = []
    while not parts or parts[-1].fragment or sum(len(part.events) for part in parts) < 4:
        parts.append(watching.read())
    events = [event for part in parts for event in part.events]
    assert [event.kv.key for event in events] == [b"k0", b"k1", b"k2", b"k3"]
    assert [event.kv.value for event in events] == [bytes([number]) * (1 << 20) for number in range(4)]
    assert len(parts) > 1 and not parts[-1].fragment


def test_a_stream_ends_with_its_client(etcd_node):
    with Client(etcd_node.port) as one, Client(etcd_node.port) as other:
        streams = [Watching(one) for _ in range(5)]
        for stream in streams:
            stream.create(key=b"a")
        for stream in streams[1:]:
            stream.stream.close()
        assert put(other, b"a") == 2
        assert streams[0].events(1) == [(0, 0, b"a", b"1", 2)]
        streams[0].stream.close()


def test_many_watchers(client):
    """A hundred on each of ten streams: each hears all, in order."""
    streams = [Watching(client) for _ in range(10)]
    for stream in streams:
        for number in range(100):
            assert stream.create(key=b"k%d" % (number % 10)).watch_id == number
    for round_ in range(3):
        for number in range(10):
            put(client, b"k%d" % number, b"%d" % round_)
    for stream in streams:
        heard = {}
        for watch, _, key, value, _ in stream.events(300):
            assert key == b"k%d" % (watch % 10)
            heard.setdefault(watch, []).append(value)
        assert heard == {watch: [b"0", b"1", b"2"] for watch in range(100)}
        stream.stream.close()
