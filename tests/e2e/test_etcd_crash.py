# SPDX-License-Identifier: Apache-2.0
"""kill -9 while many write by gRPC: what was acknowledged is there after the next start, and revisions go on from there."""
import os
import random
import threading

import pytest

from etcdclient import Client, Refusal, Stream
from etcdnode import start_node_under_test
from etcdproto import message
from reader import Ended

pytestmark = pytest.mark.larder("memcached keeps nothing on disk")

LIVES = int(os.environ.get("E2E_CRASH_LIVES", "4"))
WRITERS = 6
KEYS = 20  # of each writer
ANSWERS = 60  # at least so many acknowledged writes in a life
TTL = 10**6
DEADLINE = 60
LOST = ("UNAVAILABLE", "UNKNOWN", "CANCELLED")  # what a call says whose server has died


class Writer:
    """Writes to keys and leases of its own, one after the other, on a connection of its own. `keys`: the values that were
    acknowledged last (None: deleted); `pending`: what the last write, which may have been or not, makes of some of them.
    `leases`: the ids that were granted, not those of `revoked`. `newest`: the highest revision in an answer."""

    def __init__(self, number, seed):
        self.number = number
        self.random = random.Random(seed)
        self.keys = {}
        self.pending = {}
        self.leases = set()
        self.pending_leases = set()
        self.written = 0
        self.newest = 0
        self.failure = None

    def run(self, port, counted):
        """Until the server is gone."""
        with Client(port) as client:
            try:
                while self.write(client):
                    counted()
            except Exception as error:  # of a thread that nobody would hear of
                self.failure = error
                raise

    # --- one write ---

    def write(self, client):
        """Whether it was acknowledged; if not, the server has ended."""
        self.written += 1
        kind = self.random.random()
        if kind < 0.1:
            return self.lease(client)
        names = self.random.sample(range(KEYS), self.random.choice((1, 1, 1, 2, 8)))
        value = None if kind < 0.25 else b"%d/" % self.written + b"v" * self.random.choice((0, 10, 1000, 20_000))
        self.pending = {self.key(name): value for name in names}
        if not self.acknowledged(client.ask(self.request(value))):
            return False
        self.keys.update(self.pending)
        self.pending = {}
        return True

    def key(self, name):
        return b"%d/%d" % (self.number, name)

    def request(self, value):
        ops = [{"request_put": {"key": key, "value": value}} if value is not None else
               {"request_delete_range": {"key": key}} for key in self.pending]
        if len(ops) > 1:
            return message("TxnRequest")(success=ops)
        (kind, fields), = ops[0].items()
        return message({"request_put": "PutRequest", "request_delete_range": "DeleteRangeRequest"}[kind])(**fields)

    def lease(self, client):
        """Grants one, or revokes one."""
        granted = sorted(self.leases)
        if len(granted) > 5:
            lease = self.random.choice(granted)
            request = message("LeaseRevokeRequest")(ID=lease)
        else:
            lease = self.number * 10**6 + self.written
            request = message("LeaseGrantRequest")(ID=lease, TTL=TTL)
        self.pending_leases = {lease}
        if not self.acknowledged(client.ask(request)):
            return False
        self.leases ^= self.pending_leases
        self.pending_leases = set()
        return True

    def acknowledged(self, answer):
        if isinstance(answer, Refusal):
            assert answer.code in LOST, answer
            return False
        revision = answer.header.revision
        assert revision >= self.newest, f"revision {revision} after {self.newest}"
        self.newest = revision
        return True

    # --- after the start ---

    def check(self, kvs, leases):
        """What is there must be what was acknowledged, or, wholly, what the write that nobody answered makes of it. That
        is then taken for granted."""
        there = {key: value for key, value in kvs.items() if key.startswith(b"%d/" % self.number)}
        outcomes = [{key: value for key, value in {**self.keys, **more}.items() if value is not None}
                    for more in ({}, self.pending)]
        assert there in outcomes, f"writer {self.number} misses what was acknowledged: {differences(outcomes[0], there)}"
        self.keys = there
        self.pending = {}
        mine = {lease for lease in leases if lease // 10**6 == self.number}
        assert mine in (self.leases, self.leases ^ self.pending_leases), f"{mine} is there, not {self.leases}"
        self.leases = mine
        self.pending_leases = set()


def differences(expected, there):
    return {key: (expected.get(key, b"")[:20], there.get(key, b"")[:20]) for key in sorted({*expected, *there})
            if expected.get(key) != there.get(key)}


class Counter:
    """Wakes up whoever waits for so many acknowledged writes."""

    def __init__(self, enough):
        self.left = enough
        self.lock = threading.Lock()
        self.reached = threading.Event()

    def __call__(self):
        with self.lock:
            self.left -= 1
            if self.left <= 0:
                self.reached.set()


def live_until_killed(node, writers, count):
    counter = Counter(count)
    threads = [threading.Thread(target=writer.run, args=(node.port, counter)) for writer in writers]
    for thread in threads:
        thread.start()
    reached = counter.reached.wait(DEADLINE)
    node.kill()
    for thread in threads:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in threads)
    assert not any(writer.failure for writer in writers), [writer.failure for writer in writers]
    assert reached, "the server took too few writes"


def read_all(client):
    everything = client.do(message("RangeRequest")(key=b"\0", range_end=b"\0"))
    leases = client.do(message("LeaseLeasesRequest")())
    return everything, {kv.key: kv.value for kv in everything.kvs}, {lease.ID for lease in leases.leases}


def check(node, writers):
    """Returns the revision that is the newest now."""
    with Client(node.port) as client:
        everything, kvs, leases = read_all(client)
        newest = everything.header.revision
        assert newest >= max(writer.newest for writer in writers), "revisions go back"
        assert all(kv.mod_revision <= newest and kv.create_revision <= kv.mod_revision for kv in everything.kvs)
        for writer in writers:
            writer.check(kvs, leases)
            writer.newest = newest
        put = client.do(message("PutRequest")(key=b"after", value=b"%d" % newest))
        assert put.header.revision == newest + 1
        return newest + 1


@pytest.mark.parametrize("seed", [1])
def test_nothing_acknowledged_is_lost(tmp_path, seed):
    node = start_node_under_test(tmp_path / "node")
    try:
        chance = random.Random(seed)
        writers = [Writer(number, chance.random()) for number in range(1, WRITERS + 1)]
        for _ in range(LIVES):
            live_until_killed(node, writers, chance.randint(ANSWERS, 10 * ANSWERS))
            node.start()
            check(node, writers)
    finally:
        node.stop()


def test_a_watch_goes_on_after_the_crash(tmp_path):
    """From the revision after the last one seen: no event is missing, none comes twice."""
    node = start_node_under_test(tmp_path / "node")
    try:
        chance = random.Random(7)
        writers = [Writer(number, chance.random()) for number in range(1, WRITERS + 1)]
        seen = []
        start = 2
        for _ in range(2):
            with Client(node.port) as client:
                stream = Stream(client, "Watch", "Watch")
                create = {"key": b"\0", "range_end": b"\0", "start_revision": start}
                stream.send(message("WatchRequest")(create_request=create))
                assert stream.read().created
                live_until_killed(node, writers, ANSWERS * 3)
                seen += events_until_the_end(stream)
                stream.close()
            start = seen[-1][0] + 1
            node.start()
            check(node, writers)
        with Client(node.port) as client:
            _, kvs, _ = read_all(client)
            stream = Stream(client, "Watch", "Watch")
            create = {"key": b"\0", "range_end": b"\0", "start_revision": start}
            stream.send(message("WatchRequest")(create_request=create))
            assert stream.read().created
            newest = client.do(message("PutRequest")(key=b"last", value=b"")).header.revision
            while seen[-1][0] < newest:
                seen += events_of(stream.read())
            stream.close()
        revisions = [revision for revision, _, _ in seen]
        assert revisions == sorted(revisions) and len(set(seen)) == len(seen)
        assert set(revisions) == set(range(2, newest + 1))
        assert replay(seen[:-1]) == kvs
    finally:
        node.stop()


def events_until_the_end(stream):
    events = []
    try:
        while True:
            events += events_of(stream.read())
    except Ended:
        return events


def events_of(answer):
    return [(event.kv.mod_revision, event.kv.key, None if event.type else event.kv.value) for event in answer.events]


def replay(events):
    kvs = {}
    for _, key, value in events:
        kvs.pop(key, None)
        if value is not None:
            kvs[key] = value
    return kvs
