# SPDX-License-Identifier: Apache-2.0
"""Watches on both stores that must tell the same."""
import time

from comparison import difference, short

DEADLINE = 60
# From here on etcd keeps a deletion that happened at exactly the compacted revision (etcd#19251).
KEEPS_DELETE_AT_COMPACTED = (3, 4, 36)


def until(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE} s: {what()}"
        time.sleep(0.005)


class Watched:
    """One watch. `compacted` is the compacted revision when it began."""

    def __init__(self, operation, number, compacted):
        self.operation = operation
        self.number = number  # of the driver
        self.events = []
        self.compacted = None
        self.told_up_to = 0
        self._begins_at_compacted = operation.get("start_revision", 0) == compacted > 0

    def drain(self, driver, max_bytes):
        """Takes what our store has to tell."""
        while self.compacted is None:
            batch = driver.call({"op": "next", "watch": self.number, "max_bytes": max_bytes})
            if batch["status"] == "COMPACTED":
                self.compacted = batch["compact_revision"]
                return
            assert batch["status"] == "OK", batch
            assert batch["revision"] >= self.told_up_to
            for event in batch["events"]:
                assert self.told_up_to < event.kv.mod <= batch["revision"], f"{event} after {self.told_up_to}"
            self.events += batch["events"]
            self.told_up_to = batch["revision"]
            if not batch["more"]:
                return

    def is_empty_range(self):
        """etcd refuses to watch a range that can have no keys; ours tells nothing of it."""
        range_end = self.operation.get("range_end", b"")
        return range_end not in (b"", b"\0") and range_end <= self.operation["key"]

    def expected(self, version):
        """What etcd is to tell of the events that ours told. Of a watch that begins at exactly the compacted revision,
        etcd before 3.4.36 loses deletions of that very revision, which ours and later etcds keep; and what a transaction
        did to a key that it changed once more is compacted away, by etcd before it answers and by ours soon after."""
        if not self._begins_at_compacted:
            return self.events
        first = self.operation["start_revision"]
        kept = []
        for place, event in enumerate(self.events):
            again = any(later.kv.mod == first and later.kv.key == event.kv.key for later in self.events[place + 1:])
            lost = again or (event.type == "DELETE" and version < KEEPS_DELETE_AT_COMPACTED)
            if event.kv.mod != first or not lost:
                kept.append(event)
        return kept


class Session:
    """Some watches that began together; in etcd they share a stream."""

    def __init__(self, driver, etcd, operations, numbers, compacted, max_bytes):
        self.numbers = numbers
        self._driver = driver
        self._etcd = etcd
        self._max_bytes = max_bytes
        self._watched = [Watched(operation, number, compacted) for operation, number in zip(operations, numbers)]
        self._stream = etcd.watch(operations)
        until(lambda: self._stream.take() or len(self._stream.created) == len(operations),
              lambda: f"etcd begins to watch {operations}")
        for watched, created in zip(self._watched, self._stream.created):
            ours = driver.call({**watched.operation, "watch": watched.number})
            if watched.is_empty_range():
                assert created["status"] == "EMPTY_RANGE", watched.operation
                created["status"] = "OK"
            assert ours == created, f"{watched.operation}: ours {ours}, etcd's {created}"
        self.drain()

    def drain(self):
        for watched in self._watched:
            watched.drain(self._driver, self._max_bytes)

    def settle(self):
        """Waits until etcd has told as much as ours, and has nothing of the past left to go through."""
        self.drain()
        until(lambda: self._etcd.metric("etcd_debugging_mvcc_slow_watcher_total") == 0, lambda: "etcd catches up")
        until(self._told_enough, self._told)

    def _told_enough(self):
        self._stream.take()
        return all(
            watched.is_empty_range() or (
                len(self._stream.events[place]) >= len(watched.expected(self._etcd.version))
                and (watched.compacted is None or place in self._stream.compacted))
            for place, watched in enumerate(self._watched, 1))

    def _told(self):
        return "etcd tells of all that ours told\n" + "\n".join(
            f"{watched.operation}: {len(watched.expected(self._etcd.version))} events and {watched.compacted} ours, "
            f"{len(self._stream.events[place])} and {self._stream.compacted.get(place)} etcd's: "
            f"{short(watched.events[-3:])} {short(self._stream.events[place][-3:])}"
            for place, watched in enumerate(self._watched, 1))

    def difference(self):
        """Compares everything so far; None if it is the same."""
        for place, watched in enumerate(self._watched, 1):
            found = difference(watched.compacted, self._stream.compacted.get(place), "the compacted revision")
            found = found or difference(
                [tuple(event) for event in watched.expected(self._etcd.version)],
                [tuple(event) for event in self._stream.events[place]], "events")
            if found:
                return f"{watched.operation}: {found}"
        return None

    def close(self):
        self._stream.close()
        for watched in self._watched:
            assert self._driver.call({"op": "close", "watch": watched.number})["status"] == "OK"
