# SPDX-License-Identifier: Apache-2.0
"""Watches on both stores, which must tell the same."""
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


class Watch:
    """One watch on both. `number` is the driver's, `compacted` the compacted revision when it began; `max_bytes` is how
    much ours is asked for at a time."""

    def __init__(self, driver, etcd, operation, number, compacted, max_bytes):
        self.operation = operation
        self.number = number
        self._driver = driver
        self._version = etcd.version
        self._max_bytes = max_bytes
        self._begins_at_compacted = operation.get("start_revision", 0) == compacted > 0
        self._events = []
        self._compacted = None
        self._told_up_to = 0
        self._theirs = etcd.watch(operation)
        until(lambda: self._theirs.take() or self._theirs.created, lambda: f"etcd begins {operation}")
        created = dict(self._theirs.created)
        if self._is_empty_range():
            assert created["status"] == "EMPTY_RANGE", operation
            created["status"] = "OK"
        ours = driver.call({**operation, "watch": number})
        assert ours == created, f"{operation}: ours {ours}, etcd's {created}"
        self.drain()

    def _is_empty_range(self):
        """etcd refuses to watch a range that can have no keys; ours tells nothing of it."""
        range_end = self.operation.get("range_end", b"")
        return range_end not in (b"", b"\0") and range_end <= self.operation["key"]

    def drain(self):
        """Takes what our store has to tell: whole revisions, in order."""
        while self._compacted is None:
            batch = self._driver.call({"op": "next", "watch": self.number, "max_bytes": self._max_bytes})
            if batch["status"] == "COMPACTED":
                self._compacted = batch["compact_revision"]
                return
            assert batch["status"] == "OK", f"{self.operation}: {batch}"
            assert batch["revision"] >= self._told_up_to, f"{self.operation}: back from {self._told_up_to}: {batch}"
            for event in batch["events"]:
                assert self._told_up_to < event.kv.mod <= batch["revision"], \
                    f"{self.operation}: {event} after {self._told_up_to}, up to {batch['revision']}"
            self._events += batch["events"]
            self._told_up_to = batch["revision"]
            if not batch["more"]:
                return

    def _expected(self):
        """What etcd is to tell of the events that ours told. Of a watch that begins at exactly the compacted revision,
        etcd before 3.4.36 loses deletions of that very revision, which ours and later etcds keep; and what a transaction
        did to a key that it then changed once more is compacted away, by etcd before it answers and by ours soon
        after."""
        if not self._begins_at_compacted:
            return self._events
        first = self.operation["start_revision"]
        expected = []
        for place, event in enumerate(self._events):
            again = any(later.kv.mod == first and later.kv.key == event.kv.key for later in self._events[place + 1:])
            lost = again or (event.type == "DELETE" and self._version < KEEPS_DELETE_AT_COMPACTED)
            if event.kv.mod != first or not lost:
                expected.append(event)
        return expected

    def etcd_told_enough(self):
        self._theirs.take()
        return self._is_empty_range() or (
            len(self._theirs.events) >= len(self._expected())
            and (self._compacted is None or self._theirs.compacted is not None))

    def told(self):
        theirs = self._theirs
        return (f"{self.operation}: ours {len(self._expected())} events, compacted {self._compacted}, etcd's "
                f"{len(theirs.events)} and {theirs.compacted}; the last: {short(self._events[-3:])} "
                f"{short(theirs.events[-3:])}")

    def difference(self):
        """Compares everything so far; None if it is the same."""
        if self._is_empty_range():
            return difference([], self._events, "events")
        found = difference(self._compacted, self._theirs.compacted, "the compacted revision")
        found = found or difference(self._expected(), self._theirs.events, "events")
        return found and f"{short(self.operation)}: {found}"

    def last_words(self):
        """Operations that it must tell of: once etcd has told of these, it will not tell more of what was before."""
        return [{"op": "put", "key": self.operation["key"]}, {"op": "delete", "key": self.operation["key"]}]

    def close(self):
        self._theirs.close()
        assert self._driver.call({"op": "close", "watch": self.number})["status"] == "OK"


def settle(etcd, watches):
    """Waits until etcd has told as much as ours, and has nothing of the past left to go through."""
    for watch in watches:
        watch.drain()
    until(lambda: etcd.metric("etcd_debugging_mvcc_slow_watcher_total") == 0, lambda: "etcd catches up")
    for watch in watches:
        until(watch.etcd_told_enough, lambda: f"etcd tells as much as ours: {watch.told()}")
