# SPDX-License-Identifier: Apache-2.0
"""A real etcd and the server under test, which are asked the same by gRPC and must answer the same."""
import collections

from etcdclient import Client, Refusal, Stream, answer_to
from etcdnode import EtcdNode, start_node_under_test
from etcdproto import message
from grpcform import as_json, equal, event_of, request_of, watch_request_of, without_ids
from pair import shorten
from reader import Ended

# Nothing is compacted but by us, and nothing waits for the disk: the test of crashes does.
ARGUMENTS = ("--store-history", "0", "--store-sync", "no")
PROGRESS = -1  # the watch that an answer to a progress request names


def _show(answer):
    if hasattr(answer, "DESCRIPTOR"):
        return shorten(as_json(answer))
    return str(answer) if isinstance(answer, Refusal) else shorten(answer)


class Side:
    """One of the two: its server, a connection, a stream that keeps leases alive and one of watches."""

    def __init__(self, node):
        self.node = node
        self.connect()

    def connect(self):
        self.client = Client(self.node.port)
        self.keep_alive = Stream(self.client, "Lease", "LeaseKeepAlive")
        self.watches = Stream(self.client, "Watch", "Watch")
        self._waiting = collections.defaultdict(collections.deque)

    def disconnect(self):
        self.keep_alive.close()
        self.watches.close()
        self.client.close()

    def restart(self):
        self.disconnect()
        self.node.kill()
        self.node.start()
        self.connect()

    def start(self, op, request):
        """Returns a function that gives the answer."""
        if op["op"] == "lease_keep_alive":
            self.keep_alive.send(request)
            return self.keep_alive.read
        call = self.client.start(request)
        return lambda: answer_to(call)

    def read_watch(self, number):
        """The next message of one of the watches that share the stream."""
        waiting = self._waiting[number]
        while not waiting:
            try:
                answer = self.watches.read()
            except (Ended, TimeoutError) as error:
                others = {other: len(messages) for other, messages in self._waiting.items() if messages}
                raise AssertionError(f"nothing for watch {number}: {error!r} {self.watches.refusal}; there are messages of "
                                     f"{others}; {self.node.log()}") from None
            self._waiting[answer.watch_id].append(answer)
        return waiting.popleft()


class Pair:
    """Both, empty. `statuses` counts how operations ended, `kinds` those that went well."""

    def __init__(self, where, seed):
        self.seed = seed
        self.number = 0
        self.revision = 1
        self.restarts = 0
        self.statuses = collections.Counter()
        self.kinds = collections.Counter()
        self.sides = []
        for name, start in (("reference", EtcdNode), ("tested", start_node_under_test)):
            arguments = ARGUMENTS if name == "tested" else ()
            self.sides.append(Side(start(where / name, *arguments)))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for side in self.sides:
            side.disconnect()
            side.node.stop() if kind is None else side.node.kill()

    def restart(self):
        """Both. There must be no watches."""
        self.restarts += 1
        for side in self.sides:
            side.restart()

    def fail(self, op, expected, got):
        raise AssertionError(f"seed {self.seed}, operation {self.number}, revision {self.revision}: {shorten(op)}\n"
                             f"etcd {_show(expected)}\ngot  {_show(got)}")

    def ask(self, op):
        """Returns etcd's answer, or its refusal, once both said the same."""
        self.number += 1
        request = request_of(op)
        expected, got = (answer() for answer in [side.start(op, request) for side in self.sides])
        # A start renews all leases, in an order of its own.
        if op["op"] == "lease_list" and self.restarts > 0:
            for answer in (expected, got):
                answer.leases.sort(key=lambda lease: lease.ID)
        if not equal(op, expected, got):
            self.fail(op, expected, got)
        self.statuses[expected.text if isinstance(expected, Refusal) else "OK"] += 1
        if not isinstance(expected, Refusal):
            self.kinds[op["op"]] += 1
            self.revision = expected.header.revision
        return expected

    def hash(self, revision):
        """What both hold at a revision has the same hash. Returns whether there is one."""
        request = message("HashKVRequest")(revision=revision)
        expected, got = (side.client.ask(request) for side in self.sides)
        if not equal({"op": "hash_kv"}, expected, got):
            self.fail({"op": "hash_kv", "revision": revision}, expected, got)
        return not isinstance(expected, Refusal)

    def watch_both(self, request, number):
        """Sends a request on the watch streams; both sides must answer the same for that watch, which is returned."""
        for side in self.sides:
            side.watches.send(request)
        return self.read_both(request, number)

    def read_both(self, about, number):
        expected, got = (without_ids(side.read_watch(number)) for side in self.sides)
        if expected != got:
            self.fail({"watch": number, "about": as_json(about)}, expected, got)
        return expected

    def progress(self):
        """What both say when all events were handed out."""
        request = message("WatchRequest")(progress_request={})
        answer = self.watch_both(request, PROGRESS)
        assert answer.header.revision == self.revision and not answer.events, answer


class WatchPair:
    """The same watch on both sides. `number`: what both call it. `compacted`: the revision up to which there was a
    compaction when it was opened."""

    def __init__(self, pair, watch, compacted):
        self.pair = pair
        self.watch = watch
        self.number = watch["id"]
        self.compacted = compacted
        self.count = 0  # of events so far
        self.request = watch_request_of(watch)
        created = pair.watch_both(self.request, self.number)
        if not created.created or created.canceled:
            pair.fail(watch, created, created)

    def await_compacted(self):
        """Both must say that what it wants is compacted away; that ends it."""
        answer = self.pair.read_both(self.request, self.number)
        if not answer.canceled or not answer.compact_revision:
            self.pair.fail(self.watch, answer, answer)

    def close(self):
        request = message("WatchRequest")(cancel_request={"watch_id": self.number})
        answer = self.pair.watch_both(request, self.number)
        if not answer.canceled:
            self.pair.fail(self.watch, answer, answer)

    def marks(self):
        """Operations of which one is an event to this watch."""
        key = self.watch["key"]
        return [{"op": "put", "key": key, "value": b"mark"}, {"op": "delete", "key": key}]

    def await_mark(self, answers):
        """Reads both sides up to the events of marks(), answered by `answers`, which must be the same events."""
        left_out = self.watch["no_put"], self.watch["no_delete"]
        last = max((answer.header.revision for answer, out in zip(answers, left_out)
                    if not out and answer.header.revision >= self.watch["start_revision"]), default=0)
        expected, got = ([event for event in events if not self._is_doubtful(event)] for events in self._read_both(last))
        if expected != got:
            self._fail_at_difference(expected, got)
        self.count += len(expected)

    def _read_both(self, last):
        """Until both have handed out an event of revision `last`, and as far as the other: one message may tell of more
        revisions than another."""
        events = [], []
        newest = 0
        while newest < last:
            newest = last
            for side, of_side in zip(self.pair.sides, events):
                self._read(side, of_side, newest)
                last = max(last, of_side[-1]["kv"]["mod_revision"])
        return events

    def _read(self, side, events, last):
        whole = True
        while not whole or not events or events[-1]["kv"]["mod_revision"] < last:
            answer = side.read_watch(self.number)
            if answer.canceled or answer.created or not answer.events:
                self.pair.fail(self.watch, "events", answer)
            if answer.header.revision < answer.events[-1].kv.mod_revision:
                self.pair.fail(self.watch, "a revision that is not older than its events", answer)
            events += [event_of(event) for event in answer.events]
            whole = not answer.fragment

    def _is_doubtful(self, event):
        """Deletions at exactly the revision up to which was compacted: etcd 3.4 loses them (etcd#19179), as soon as it
        comes to it; newer ones keep them."""
        return event["type"] == "DELETE" and event["kv"]["mod_revision"] == self.compacted

    def _fail_at_difference(self, expected, got):
        alike = [one == other for one, other in zip(expected, got)]
        at = alike.index(False) if False in alike else len(alike)
        self.pair.fail({**self.watch, "first difference": at, "events": len(expected)},
                       expected[max(0, at - 1):at + 3], got[max(0, at - 1):at + 3])
