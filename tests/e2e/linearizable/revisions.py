# SPDX-License-Identifier: Apache-2.0
"""Whether a history agrees with what the cluster itself says has happened: the revisions of a watch.

With the order of writes known, the question is easy and can be answered exactly, over all keys together: a value was
current from its revision up to the one before the key's next change. Every operation gets the lowest point (a revision)
that its answer and all that ended before it began allow; it is wrong if the key had changed by then. The lowest point
is the right one to take, because points only ever push later ones up.

A read of another freshness is pushed by less: one that may be T old by what had ended T before its begin; and every
read by what the same node has shown of the same key before, or has acknowledged."""
import bisect
import collections
from dataclasses import dataclass

from history import (CACHED, CAS, DELETE, LINEARIZABLE, MISMATCH, OK, RANGE, READ, REFUSED, SERIALIZABLE, STALE,
                     UNKNOWN, WRITE, Violation)

NEVER = float("inf")
# A cached answer may be as old as the group's stale-limit, which has this default.
STALE_LIMIT = 5_000_000_000


@dataclass(frozen=True)
class Change:
    """`value` None: the key was deleted."""

    revision: int
    key: str
    value: object


class Log:
    """All changes there were, in order. Revisions of which there is none changed no key of ours."""

    def __init__(self, changes):
        self.changes = list(changes)
        self.of_key = collections.defaultdict(list)
        self.writes = collections.defaultdict(list)  # value -> changes that wrote it
        self.at = collections.defaultdict(list)
        for change in self.changes:
            self.of_key[change.key].append(change)
            self.at[change.revision].append(change)
            if change.value is not None:
                self.writes[change.value].append(change)
        self._revisions = {key: [change.revision for change in of_key] for key, of_key in self.of_key.items()}

    def span(self, key, revision):
        """Since when the key has been what it is as of a revision, until when, and what: [first, next), value."""
        revisions = self._revisions.get(key, [])
        place = bisect.bisect_right(revisions, revision)
        end = revisions[place] if place < len(revisions) else NEVER
        if place == 0:
            return 0, end, None
        return revisions[place - 1], end, self.of_key[key][place - 1].value

    def next_with(self, key, revision, condition):
        """The lowest point at or after a revision at which condition(value) holds of the key; None: there is none."""
        point = revision
        while True:
            _, end, value = self.span(key, point)
            if condition(value):
                return point
            if end == NEVER:
                return None
            point = end

    def snapshot(self, revision, first, last):
        """What was in [first, last) as of a revision: key -> (value, mod_revision)."""
        keys = sorted(self.of_key)
        found = {}
        for key in keys[bisect.bisect_left(keys, first):bisect.bisect_left(keys, last)]:
            since, _, value = self.span(key, revision)
            if value is not None:
                found[key] = value, since
        return found


class _Floor:
    """The highest point of all that ended before a time."""

    def __init__(self):
        self._ends, self._points = [], []

    def add(self, end, point, op):
        """In the order of `end`."""
        if not self._points or point > self._points[-1][0]:
            self._ends.append(end)
            self._points.append((point, op))

    def before(self, time):
        place = bisect.bisect_left(self._ends, time)
        return self._points[place - 1] if place else (0, None)


class _Judge:
    def __init__(self, log, stale_limit):
        self.log = log
        self.stale_limit = stale_limit
        self.everywhere = _Floor()
        self.on_node = collections.defaultdict(_Floor)  # (node, key)
        self.found = []

    def run(self, ops):
        """By begin; those that have ended by then have pushed their floors."""
        ops = sorted(ops, key=lambda op: op.begin)
        points = {}
        events = sorted([(op.begin, 1, number) for number, op in enumerate(ops)] +
                        [(op.end, 0, number) for number, op in enumerate(ops) if op.outcome in (OK, MISMATCH)])
        for _, begins, number in events:
            op = ops[number]
            if begins:
                points[number] = self._place(op)
            elif points.get(number) is not None:
                self._push(op, points[number])

    def _push(self, op, point):
        if op.freshness == LINEARIZABLE or op.kind not in (READ, RANGE):
            self.everywhere.add(op.end, point, op)
        if op.kind != RANGE and op.freshness != SERIALIZABLE:
            # What was seen, not the point: a value is not known to be current for longer because others have moved on.
            self.on_node[op.node, op.key].add(op.end, self.log.span(op.key, point)[0], op)

    def _fail(self, op, what, *others):
        near = [other for other in others if other is not None]
        self.found.append(Violation(what, (*near, op)))

    def _floor(self, op):
        """The point that it may not be below, and whose."""
        time = op.begin
        if op.kind in (READ, RANGE):
            if op.freshness == STALE:
                time -= op.max_stale
            elif op.freshness == CACHED:
                time -= self.stale_limit
            elif op.freshness == SERIALIZABLE:
                return 0, None
        floor = self.everywhere.before(time)
        if op.kind == READ:
            floor = max(floor, self.on_node[op.node, op.key].before(op.begin), key=lambda each: each[0])
        return floor

    def _place(self, op):
        """Its point; None: it has none, or is wrong."""
        if op.kind == RANGE:
            return self._place_range(op)
        if op.kind == READ:
            return self._place_read(op) if op.outcome == OK else None
        if op.outcome == MISMATCH:
            return self._place_looker(op, lambda value: _mismatches(op, value))
        if op.kind == DELETE and op.existed is False and op.outcome == OK:
            return self._place_looker(op, lambda value: value is None)
        return self._place_change(op)

    def _place_read(self, op):
        floor, other = self._floor(op)
        if op.value is not None:
            writes = self.log.writes.get(op.value, [])
            if not any(write.key == op.key for write in writes):
                return self._fail(op, f"{op.key} was read as {op.value}, which it never was")
            write = writes[0]
            if op.revision not in (0, write.revision):
                return self._fail(op, f"{op.value} was said to be of revision {op.revision}, and is of {write.revision}")
        if op.header and op.freshness != SERIALIZABLE:
            since, end, value = self.log.span(op.key, op.header)
            if value != op.value:
                return self._fail(op, f"as of revision {op.header} {op.key} was {value} (of {since})")
            floor = max(floor, op.header) if op.freshness == LINEARIZABLE and end > floor else floor
        return self._place_looker(op, lambda value: value == op.value, floor, other)

    def _place_looker(self, op, condition, floor=None, other=None):
        if floor is None:
            floor, other = self._floor(op)
        point = self.log.next_with(op.key, floor, condition)
        if point is None:
            since, _, value = self.log.span(op.key, floor)
            return self._fail(op, f"{op.key} was {value} as of revision {since} before this began, and never again what "
                                  "this saw", other, *self._writer(value))
        return point

    def _writer(self, value):
        return [self.writers[value]] if value in self.writers else []

    def _place_change(self, op):
        if op.kind == DELETE:
            return self._place_delete(op)
        changes = [change for change in self.log.writes.get(op.value, []) if change.key == op.key]
        if len(changes) > 1:
            return self._fail(op, f"it was done {len(changes)} times, at {[change.revision for change in changes]}")
        if op.outcome == REFUSED:
            return self._fail(op, f"it was said not to be done, and was at {changes[0].revision}") if changes else None
        if op.outcome == UNKNOWN:
            return None
        if not changes:
            return self._fail(op, "it was acknowledged, and never happened")
        revision = changes[0].revision
        if op.revision not in (0, revision):
            return self._fail(op, f"it was told revision {op.revision}, and has {revision}")
        before = self.log.span(op.key, revision - 1)[2]
        if op.kind == CAS and before != op.expected:
            return self._fail(op, f"at {revision} it came upon {before}", *self._writer(before))
        if op.existed is not None and op.existed != (before is not None):
            return self._fail(op, f"at {revision} it came upon {before}, and said otherwise")
        return self._above(op, revision)

    def _place_delete(self, op):
        if op.outcome != OK:
            return None
        if op.revision:
            if not any(change.key == op.key and change.value is None for change in self.log.at[op.revision]):
                return self._fail(op, f"it was told revision {op.revision}, where nothing like that happened")
            return self._above(op, op.revision)
        # Which of the deletes is its own is not known: the first that can be, and that it can do no harm to take.
        floor, other = self._floor(op)
        for change in self.log.of_key.get(op.key, []):
            if change.revision > floor and change.value is None:
                return change.revision
        return self._fail(op, "it was acknowledged, and did not happen after it began", other)

    def _above(self, op, revision):
        floor, other = self._floor(op)
        if revision <= floor:
            return self._fail(op, f"its revision {revision} is not above {floor}, which had ended before it began", other)
        return revision

    def _place_range(self, op):
        if op.outcome != OK:
            return None
        first, last = op.key.split("\0")
        expected = self.log.snapshot(op.header, first, last)
        got = {key: (value, revision) for key, value, revision in op.value}
        if got != expected:
            odd = [f"{key}: {got.get(key)}, expected {expected.get(key)}" for key in sorted({*got, *expected})
                   if got.get(key) != expected.get(key)]
            return self._fail(op, f"as of revision {op.header} something else was there: {'; '.join(odd[:3])}")
        floor, other = self._floor(op)
        if op.header < floor:
            # Nothing of the range may have changed since: then it is as good as of `floor`.
            if self.log.snapshot(floor, first, last) != expected:
                return self._fail(op, f"it is of revision {op.header}, and {floor} had ended before it began", other)
        return max(floor, op.header)


def _mismatches(op, value):
    if op.existed is not None and op.existed != (value is not None):
        return False
    return value != op.expected


def check(ops, log, stale_limit=STALE_LIMIT):
    """All Violations, of all keys. `log`: everything that changed since before the first operation."""
    judge = _Judge(log, stale_limit)
    judge.writers = {op.value: op for op in ops if op.kind in (WRITE, CAS) and op.value is not None}
    judge.run(ops)
    _check_future(ops, judge)
    return judge.found


def _check_future(ops, judge):
    """Nothing can be seen before the operation that wrote it has begun."""
    for op in ops:
        if op.kind == READ and op.outcome == OK and op.value in judge.writers:
            writer = judge.writers[op.value]
            if writer.begin > op.end:
                judge.found.append(Violation("it was read before the operation that wrote it began", (op, writer)))
