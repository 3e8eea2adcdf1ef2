# SPDX-License-Identifier: Apache-2.0
"""A real etcd and the store under test, which are asked the same and must answer the same."""
import json

from differences import normalise, same
from driver import Driver, pack
from etcd import Etcd, Gateway, Stream
from gateway import answer_of, event_of, request_of, watch_request_of
from operations import writes

SHOWN = 6000
SHOWN_TEXT = 48
# Bytes: at each start another, for what was written is read in other places before and after a checkpoint.
CHECKPOINTS = (10 << 10, 1, 2 << 20, 100 << 10)
# etcd hands out a watch that begins in the past at its next turn, every 100 ms.
WATCH_DEADLINE = 60


def _abbreviate(thing):
    if isinstance(thing, str) and len(thing) > SHOWN_TEXT:
        return f"{thing[:SHOWN_TEXT]}..{len(thing)} characters"
    if isinstance(thing, dict):
        return {name: _abbreviate(member) for name, member in thing.items()}
    return [_abbreviate(member) for member in thing] if isinstance(thing, list) else thing


def shorten(thing):
    text = json.dumps(_abbreviate(pack(thing)))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... {len(text)} characters"


class Pair:
    """Both, empty. `where` is a directory for their files. `statuses` counts how operations ended, `kinds` those that
    went well."""

    def __init__(self, where, seed):
        self.seed = seed
        self.where = where
        self.number = 0
        self.revision = 1
        self.restarts = 0
        self.statuses = {}
        self.kinds = {}
        self.etcd = Etcd(where / "etcd")
        self.gateway = Gateway(self.etcd.client_port)
        self.driver = self._start_driver()

    def _start_driver(self):
        checkpoint = CHECKPOINTS[self.restarts % len(CHECKPOINTS)]
        return Driver(self.where / "store", "--no-sync", "--observe", "--checkpoint", str(checkpoint))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.gateway.close()
        self.etcd.stop()
        self.driver.__exit__(kind)

    def restart_driver(self):
        """Opens the store anew. There must be no watches."""
        self.driver.close()
        self.restarts += 1
        self.driver = self._start_driver()
        assert self.driver.opened.get("revision") == self.revision, self.driver.opened

    def fail(self, op, expected, got):
        raise AssertionError(f"seed {self.seed}, operation {self.number}, revision {self.revision}: {shorten(op)}\n"
                             f"etcd {shorten(expected)}\ngot  {shorten(got)}")

    # --- operations ---

    def run(self, groups):
        """Runs groups of operations one after the other. The store gets the operations of a group at once, so that they may
        share a commit: a group of more than one is of writes only. Returns etcd's answers, all in one list."""
        ops = [op for group in groups for op in group]
        assert all(len(group) == 1 or all(map(writes, group)) for group in groups)
        self.gateway.write([request_of(op) for op in ops])
        self.driver.write([{"op": "batch", "ops": group} if len(group) > 1 else group[0] for group in groups])
        answers = []
        for group in groups:
            got = self.driver.read()
            for op, one in zip(group, got["answers"] if len(group) > 1 else [got]):
                answers.append(self._compare(op, answer_of(op, self.gateway.read()), one))
        return answers

    def _compare(self, op, expected, got):
        self.number += 1
        # A start renews all leases, in an order of its own.
        if op["op"] == "lease_list" and self.restarts > 0:
            expected["ids"].sort()
            got["ids"].sort()
        if not same(op, expected, normalise(got)):
            self.fail(op, expected, got)
        self.statuses[expected["status"]] = self.statuses.get(expected["status"], 0) + 1
        if expected["status"] == "OK":
            self.kinds[op["op"]] = self.kinds.get(op["op"], 0) + 1
            self.revision = expected["revision"]
        return expected


    def compare_hash(self, revision):
        """Both sides must have the same hash of what there was at a revision. Returns how it went."""
        expected = self.etcd.hash_kv(revision)
        got = self.driver.ask("hash_kv", revision=revision)
        if self.restarts > 0 and expected.get("compact_revision") == 0:
            expected["compact_revision"] = -1  # a start forgets it, for it has no consequence
        if expected != {name: got[name] for name in expected}:
            self.fail({"op": "hash_kv", "revision": revision}, expected, got)
        return expected["status"]


class WatchPair:
    """The same watch on both sides. `number` is the driver's for it, `compacted` the revision up to which
    there was a compaction when it was opened. `ended`: it was compacted away."""

    def __init__(self, pair, number, watch, compacted):
        self.pair = pair
        self.compacted = compacted
        self.number = number
        self.watch = watch
        self.ended = False
        self.count = 0  # of events so far
        self.stream = Stream(pair.etcd.client_port, "watch", watch_request_of(watch))
        opened = pair.driver.ask("watch_open", watch=number, **watch)
        created = self.stream.read(WATCH_DEADLINE)["result"]
        expected = {"status": "OK", "revision": int(created["header"]["revision"])}
        if opened != expected or not created.get("created"):
            pair.fail({"op": "watch_open", **watch}, created, opened)

    def close(self):
        self.stream.close()
        self.pair.driver.ask("watch_close", watch=self.number)

    def marks(self):
        """Operations of which one is an event to this watch."""
        key = self.watch["key"]
        return [{"op": "put", "key": key, "value": b"mark"}, {"op": "delete", "key": key}]

    def await_mark(self, answers, max_bytes):
        """Reads both sides up to now, and at least until the events of marks(), answered by `answers`. Returns the
        events."""
        driver = self.pair.driver
        left_out = self.watch["no_put"], self.watch["no_delete"]
        marks = [answer["revision"] for answer, out in zip(answers, left_out)
                 if not out and answer["revision"] >= self.watch["start_revision"]]
        if marks and not driver.ask("watch_wait", watch=self.number)["woken"]:
            self.pair.fail({"op": "watch_wait", **self.watch}, "woken", "not woken")
        until = self.pair.revision
        got = driver.ask("watch_next", watch=self.number, until=until, max_bytes=max_bytes)
        got["events"] = self._without_doubtful(got["events"])
        last = max(marks + [event["kv"]["mod_revision"] for event in got["events"]], default=0)
        expected = self._without_doubtful(self.read_etcd(last))
        if got["events"] != expected or got["status"] != "OK" or got["revision"] != until:
            self._fail_at_difference(expected, got)
        self.count += len(expected)
        return expected

    def _without_doubtful(self, events):
        """Without deletions at exactly the revision up to which was compacted: etcd 3.4 loses them (etcd#19179), as soon as
        it comes to it; newer ones keep them."""
        return [event for event in events if event["type"] != "DELETE" or event["kv"]["mod_revision"] != self.compacted]

    def read_etcd(self, last):
        """The events until one of the revision `last` is among them."""
        events = []
        try:
            while last > 0 and (not events or events[-1]["kv"]["mod_revision"] < last):
                events += [event_of(event) for event in self.stream.read(WATCH_DEADLINE)["result"]["events"]]
        except TimeoutError:
            events.append({"type": "nothing more came"})
        return events

    def _fail_at_difference(self, expected, got):
        events = got.pop("events")
        same_events = [one == other for one, other in zip(expected, events)]
        at = same_events.index(False) if False in same_events else len(same_events)
        self.pair.fail({"op": "watch_next", **self.watch, "first difference": at, "compare": len(expected)},
                       expected[max(0, at - 1):at + 3], {**got, "events": events[max(0, at - 1):at + 3]})

    def await_compacted(self):
        """Both sides must say that the watch is compacted away."""
        message = self.stream.read(WATCH_DEADLINE)["result"]
        expected = {"status": "COMPACTED" if message.get("canceled") else message,
                    "compact_revision": int(message.get("compact_revision", 0)), "events": []}
        got = self.pair.driver.ask("watch_next", watch=self.number)
        if {name: got[name] for name in expected} != expected:
            self.pair.fail({"op": "watch_next", **self.watch}, expected, got)
        self.ended = True
