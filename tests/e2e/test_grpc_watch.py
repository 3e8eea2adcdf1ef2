# SPDX-License-Identifier: Apache-2.0
"""Watches by gRPC's own client, several on a stream: who is told of what, in which order, and how a watch ends."""
import threading

import pytest

from etcdclient import Client, Stream
from etcdnode import EtcdNode, start_node_under_test
from etcdproto import message
from reader import Ended
from server import kind_under_test

pytestmark = pytest.mark.larder("memcached speaks no gRPC")

IS_ETCD = kind_under_test() == "etcd"
PUT, DELETE, TXN, COMPACT, WATCH = (message(name) for name in (
    "PutRequest", "DeleteRangeRequest", "TxnRequest", "CompactionRequest", "WatchRequest"))
PUT_EVENT, DELETE_EVENT = 0, 1
NO_PUT, NO_DELETE = 0, 1
ALL_STREAM = -1  # the watch that an answer to a request for progress names
MESSAGE_LIMIT = 2 << 20  # what etcd's clients take by default
PROGRESS_PERIOD = "200ms"


class Watches:
    """A stream of watches."""

    def __init__(self, client):
        self.stream = Stream(client, "Watch", "Watch")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def read(self):
        try:
            return self.stream.read()
        except Ended:
            raise AssertionError(f"the stream has ended: {self.stream.refusal}") from None

    def ask(self, key, range_end=b"", **options):
        """What the server says to a new watch."""
        self.stream.send(WATCH(create_request={"key": key, "range_end": range_end, **options}))
        return self.read()

    def open(self, key, range_end=b"", **options):
        """The number of a new watch."""
        answer = self.ask(key, range_end, **options)
        assert (answer.created, answer.canceled, len(answer.events)) == (True, False, 0), answer
        return answer.watch_id

    def cancel(self, number):
        self.stream.send(WATCH(cancel_request={"watch_id": number}))

    def ask_progress(self):
        self.stream.send(WATCH(progress_request={}))

    def read_events(self, count):
        """Of all watches, until there are `count`: (watch, type, key, value, revision)."""
        seen = []
        while len(seen) < count:
            answer = self.read()
            assert answer.events and not answer.canceled, answer
            seen += [(answer.watch_id, event.type, event.kv.key, event.kv.value, event.kv.mod_revision)
                     for event in answer.events]
        return seen


@pytest.fixture
def client(etcd_node):
    with Client(etcd_node.port) as opened:
        yield opened


@pytest.fixture
def watches(client):
    with Watches(client) as opened:
        yield opened


def put(client, key, value=b""):
    return client.do(PUT(key=key, value=value)).header.revision


# --- numbers ---

def test_several_on_one_stream(client, watches):
    assert watches.open(b"a", watch_id=7) == 7
    assert watches.open(b"a", b"c", watch_id=4) == 4
    given = watches.open(b"b")
    assert given not in (7, 4)
    put(client, b"a", b"1")
    put(client, b"b", b"2")
    put(client, b"c", b"3")
    put(client, b"a", b"4")
    seen = watches.read_events(6)
    assert [event for event in seen if event[0] == 7] == [(7, PUT_EVENT, b"a", b"1", 2), (7, PUT_EVENT, b"a", b"4", 5)]
    assert [event for event in seen if event[0] == 4] == [
        (4, PUT_EVENT, b"a", b"1", 2), (4, PUT_EVENT, b"b", b"2", 3), (4, PUT_EVENT, b"a", b"4", 5)]
    assert [event for event in seen if event[0] == given] == [(given, PUT_EVENT, b"b", b"2", 3)]


@pytest.mark.parametrize("options, reason", [
    ({"key": b"a", "watch_id": 7}, "mvcc: duplicate watch ID provided on the WatchStream"),
    ({"key": b"b", "range_end": b"a"}, "mvcc: watcher range is empty"),
    ({"key": b"a", "range_end": b"a"}, "mvcc: watcher range is empty"),
])
def test_refused(client, watches, options, reason):
    assert watches.open(b"a", watch_id=7) == 7
    answer = watches.ask(**options)
    assert (answer.created, answer.canceled, answer.watch_id) == (True, True, -1)
    assert answer.cancel_reason == reason
    put(client, b"a", b"1")
    assert watches.read_events(1) == [(7, PUT_EVENT, b"a", b"1", 2)]


def test_streams_have_numbers_of_their_own(client, watches):
    with Watches(client) as others:
        assert watches.open(b"a", watch_id=7) == 7
        assert others.open(b"b", watch_id=7) == 7
        put(client, b"a", b"1")
        put(client, b"b", b"2")
        assert watches.read_events(1) == [(7, PUT_EVENT, b"a", b"1", 2)]
        assert others.read_events(1) == [(7, PUT_EVENT, b"b", b"2", 3)]


# --- what is told ---

def test_what_was_before(client, watches):
    watches.open(b"a", watch_id=1, prev_kv=True)
    put(client, b"a", b"1")
    put(client, b"a", b"2")
    client.do(DELETE(key=b"a"))
    events = [watches.read().events[0] for _ in range(3)]
    assert not events[0].HasField("prev_kv")
    before = [(event.prev_kv.key, event.prev_kv.value, event.prev_kv.mod_revision, event.prev_kv.version)
              for event in events[1:]]
    assert before == [(b"a", b"1", 2, 1), (b"a", b"2", 3, 2)]
    assert (events[2].type, events[2].kv.value, events[2].kv.mod_revision, events[2].kv.create_revision) == (
        DELETE_EVENT, b"", 4, 0)


def test_filters(client, watches):
    watches.open(b"a", watch_id=1, filters=[NO_PUT])
    watches.open(b"a", watch_id=2, filters=[NO_DELETE])
    watches.open(b"a", watch_id=3, filters=[NO_DELETE, NO_PUT])
    watches.open(b"b", watch_id=4)
    for _ in range(2):
        put(client, b"a", b"x")
        client.do(DELETE(key=b"a"))
    put(client, b"b", b"last")
    seen = sorted(watches.read_events(5))
    assert seen == [(1, DELETE_EVENT, b"a", b"", 3), (1, DELETE_EVENT, b"a", b"", 5), (2, PUT_EVENT, b"a", b"x", 2),
                    (2, PUT_EVENT, b"a", b"x", 4), (4, PUT_EVENT, b"b", b"last", 6)]


def test_from_the_past_and_the_future(client, watches):
    for value in (b"1", b"2", b"3"):
        put(client, b"a", value)
    watches.open(b"a", watch_id=1, start_revision=3)
    assert watches.read_events(2) == [(1, PUT_EVENT, b"a", b"2", 3), (1, PUT_EVENT, b"a", b"3", 4)]
    watches.open(b"a", watch_id=2, start_revision=6)
    put(client, b"a", b"4")
    put(client, b"a", b"5")
    assert sorted(watches.read_events(3)) == [
        (1, PUT_EVENT, b"a", b"4", 5), (1, PUT_EVENT, b"a", b"5", 6), (2, PUT_EVENT, b"a", b"5", 6)]


def test_who_wants_the_future_keeps_nothing_from_others(client, watches):
    """Watches of the same key share what is read of the store, but not where they begin."""
    watches.open(b"a", watch_id=1, start_revision=1000)
    watches.open(b"a", watch_id=2)
    watches.open(b"a", watch_id=3, start_revision=3)
    put(client, b"a", b"1")
    put(client, b"a", b"2")
    assert sorted(watches.read_events(3)) == [
        (2, PUT_EVENT, b"a", b"1", 2), (2, PUT_EVENT, b"a", b"2", 3), (3, PUT_EVENT, b"a", b"2", 3)]


def test_a_revision_is_never_torn(client, watches):
    """All that a transaction did comes in one message."""
    watches.open(b"", b"\0", watch_id=1)
    for number in range(20):
        client.do(TXN(success=[{"request_put": {"key": b"%d/%d" % (number, one)}} for one in range(number + 1)]))
        answer = watches.read()
        assert [event.kv.mod_revision for event in answer.events] == [number + 2] * (number + 1)
        assert answer.header.revision == number + 2


def test_a_revision_that_is_too_large_for_a_message(client, watches):
    keys = [b"big/%03d" % number for number in range(100)]
    for fill in (b"1", b"2"):
        client.do(TXN(success=[{"request_put": {"key": key, "value": fill * 14_000}} for key in keys]))
    want = {"key": b"big/", "range_end": b"big0", "start_revision": 3, "prev_kv": True}
    watches.open(**want, watch_id=1)
    whole = watches.read()
    assert not whole.fragment and [event.kv.key for event in whole.events] == keys
    assert whole.ByteSize() > MESSAGE_LIMIT

    watches.open(**want, watch_id=2, fragment=True)
    parts = [watches.read()]
    while parts[-1].fragment:
        parts.append(watches.read())
    assert len(parts) > 1 and all(part.ByteSize() <= MESSAGE_LIMIT for part in parts)
    assert all(part.watch_id == 2 and part.header.revision == 3 for part in parts)
    assert [event for part in parts for event in part.events] == list(whole.events)


# --- the end of a watch ---

def test_cancel(client, watches):
    watches.open(b"a", watch_id=1)
    watches.open(b"a", watch_id=2)
    watches.cancel(1)
    answer = watches.read()
    assert (answer.watch_id, answer.canceled, answer.created, answer.compact_revision) == (1, True, False, 0)
    for unknown in (1, 4711):
        watches.cancel(unknown)  # no answer
    put(client, b"a", b"1")
    assert watches.read_events(1) == [(2, PUT_EVENT, b"a", b"1", 2)]
    assert watches.open(b"a", watch_id=1) == 1


def test_compacted(client, watches):
    for value in (b"1", b"2", b"3"):
        put(client, b"a", value)
    client.do(COMPACT(revision=3))
    watches.open(b"a", watch_id=1, start_revision=2)
    answer = watches.read()
    assert (answer.watch_id, answer.canceled, answer.compact_revision, len(answer.events)) == (1, True, 3, 0)
    # Neither the stream nor its other watches end.
    watches.open(b"a", watch_id=2, start_revision=4)
    assert watches.read_events(1) == [(2, PUT_EVENT, b"a", b"3", 4)]


# --- progress ---

def test_progress_on_request(client, watches):
    watches.open(b"a", watch_id=1)
    watches.open(b"b", watch_id=2)
    put(client, b"other")
    watches.ask_progress()
    answer = watches.read()
    assert (answer.watch_id, answer.header.revision, len(answer.events)) == (ALL_STREAM, 2, 0)
    assert not answer.created and not answer.canceled


def read_with_progress(watches, last):
    """Reads the events of the watches 1 to 3 up to revision `last` and asks for progress all the time. Returns the
    revisions that were told; none may be beyond the events before it."""
    newest = dict.fromkeys((1, 2, 3), 1)
    told, asked = [], 0
    while min(newest.values()) < last or len(told) < asked:
        if min(newest.values()) < last:
            watches.ask_progress()
            asked += 1
        answer = watches.read()
        if answer.events:
            revisions = [event.kv.mod_revision for event in answer.events]
            assert revisions == list(range(newest[answer.watch_id] + 1, revisions[-1] + 1))
            assert revisions[0] > max(told, default=0), "an event after progress beyond it"
            newest[answer.watch_id] = revisions[-1]
        else:
            assert answer.watch_id == ALL_STREAM
            told.append(answer.header.revision)
            assert min(newest.values()) >= told[-1], "progress beyond what was told"
    return told


@pytest.mark.skipif(IS_ETCD, reason="etcd tells it too early before 3.4.25 (etcd#15220)")
def test_progress_is_no_lie(client, etcd_node, watches):
    """Who is told of a revision has all events up to it, whatever is written meanwhile."""
    puts = 600
    for number in (1, 2, 3):
        watches.open(b"k/", b"k0", watch_id=number)
    watches.open(b"slow/", b"slow0", watch_id=4, start_revision=2)

    def write():
        with Client(etcd_node.port) as writer:
            for number in range(puts):
                put(writer, b"k/%d" % (number % 7), b"x" * 500)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        told = read_with_progress(watches, puts + 1)
    finally:
        writing.join()
    assert told == sorted(told) and told
    watches.ask_progress()
    assert watches.read().header.revision == puts + 1


@pytest.fixture
def notifying(tmp_path):
    """A server that tells of progress often."""
    if IS_ETCD:
        node = EtcdNode(tmp_path / "node", "--experimental-watch-progress-notify-interval", PROGRESS_PERIOD)
    else:
        node = start_node_under_test(tmp_path / "node", "--watch-progress", PROGRESS_PERIOD)
    yield node
    node.assert_alive()
    node.stop()


def test_progress_by_itself(notifying):
    with Client(notifying.port) as client, Watches(client) as watches:
        watches.open(b"a", watch_id=1, progress_notify=True)
        watches.open(b"a", watch_id=2)
        for revision in (2, 3):
            put(client, b"other")
            answer = watches.read()
            while answer.header.revision < revision:  # it was on its way
                answer = watches.read()
            assert (answer.watch_id, len(answer.events), answer.created, answer.canceled) == (1, 0, False, False)
        put(client, b"a", b"1")
        told = set()
        while told != {1, 2}:
            answer = watches.read()
            assert answer.header.revision <= 4 and (answer.events or answer.watch_id == 1)
            told |= {answer.watch_id} if answer.events else set()
