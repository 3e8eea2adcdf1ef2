# SPDX-License-Identifier: Apache-2.0
"""Whether a history of single keys is linearizable, judged by what clients saw alone.

After Wing and Gong ("Testing and verifying concurrent objects", 1993) and Lowe ("Testing for linearizability", 2017): the
operations of a key (keys are judged apart, which is enough: Herlihy and Wing's locality) are gone through by time, with the
set of all states the register can be in. An operation is put into the order at the latest when it ends, and others that are
under way only if that one needs them.

What keeps the set small, without leaving out an order that could matter:
 - What only looks (reads, refused conditions) is put in order as soon as a state agrees with it: that costs no other order.
 - What may never have been done is put in order only if the next one in it sees its effect. Of several that nobody can tell
   apart (deletes, values that nobody has seen), the first is as good as another.
 - Of two configurations that differ only in this, the one that has used fewer of those, or has answered more of the others, can
   do whatever the other one can.

An operation of unknown outcome may take effect at any time after its begin, or never; a refused one never does."""
import collections

from history import CAS, DELETE, MISMATCH, OK, READ, REFUSED, UNKNOWN, Violation

MAX_CONFIGURATIONS = 20000
EXCERPT = 16  # operations before the one that cannot be
FOREVER = float("inf")
UNSEEN = "a value that nobody has seen"


class TooHard(Exception):
    """There are too many orders to try. It is no verdict."""


class _Step:
    """An operation as a change of the register. `needs(state)`: whether it can be done then with that outcome."""

    __slots__ = ("op", "begin", "end", "mutates", "unknown", "needs", "after", "likeness")

    def __init__(self, op, seen):
        self.op = op
        self.begin = op.begin
        self.unknown = op.outcome == UNKNOWN
        self.end = FOREVER if self.unknown else op.end
        # A delete that found nothing has only looked.
        self.mutates = op.kind != READ and op.outcome != MISMATCH and not (op.kind == DELETE and op.existed is False)
        self.after = None if op.kind == DELETE else op.value if op.value in seen else UNSEEN
        self.needs = _condition(op)
        self.likeness = self.after, op.kind == CAS, op.expected


def _condition(op):
    value, expected = op.value, op.expected
    if op.kind == READ:
        return lambda state: state == value
    if op.kind == CAS:
        if op.outcome == MISMATCH:
            if op.existed is False:
                return lambda state: state is None
            return lambda state: state != expected and not (op.existed and state is None)
        return lambda state: state == expected
    if op.existed is None:
        return None  # always
    if op.existed:
        return lambda state: state is not None
    return lambda state: state is None


def _steps(ops):
    """Those that can matter, by begin."""
    seen = {op.value for op in ops if op.kind == READ} | {op.expected for op in ops if op.kind == CAS}
    steps = [_Step(op, seen) for op in ops if op.outcome != REFUSED and not (op.kind == READ and op.outcome != OK)]
    steps.sort(key=lambda step: (step.begin, step.end))
    return steps


class _Register:
    """The configurations: state -> set of (done, gone). `done`: steps under way that are in the order already. `gone`: those
    of unknown outcome that are. Both are sets of steps."""

    def __init__(self, initial):
        self.configurations = {(initial, frozenset(), frozenset())}
        self.lookers = []   # under way, each by its begin
        self.changers = []  # under way, of known outcome
        self.doubtful = []  # of unknown outcome, since their begin

    def begin(self, step):
        (self.doubtful if step.unknown else self.changers if step.mutates else self.lookers).append(step)
        if not step.mutates:
            self.configurations = self._pruned({self._looked(*each) for each in self.configurations})

    def _looked(self, state, done, gone):
        seen = [step for step in self.lookers if step not in done and step.needs(state)]
        return (state, done.union(seen), gone) if seen else (state, done, gone)

    def end(self, step):
        """It must be in the order by now. Returns whether that can be."""
        found = set()
        for state, done, gone in self.configurations:
            if step in done:
                found.add((state, done - {step}, gone))
            else:
                self._search(step, state, done, gone, found)
            if len(found) > MAX_CONFIGURATIONS:
                raise TooHard(f"key {step.op.key}: more than {MAX_CONFIGURATIONS} configurations")
        (self.changers if step.mutates else self.lookers).remove(step)
        if found:
            self.configurations = self._pruned(found)
            self._forget()
        return bool(found)

    def _forget(self):
        """What all configurations have used is of no use to any more."""
        used = frozenset.intersection(*(gone for _, _, gone in self.configurations))
        if used:
            self.doubtful = [step for step in self.doubtful if step not in used]
            self.configurations = {(state, done, gone - used) for state, done, gone in self.configurations}

    def _search(self, step, state, done, gone, found):
        """All orders of what is under way that end with `step`, each followed by what looks."""
        seen = set()
        todo = [(state, done, gone, False)]
        while todo:
            each = todo.pop()
            if each in seen:
                continue
            seen.add(each)
            if len(seen) > MAX_CONFIGURATIONS:
                raise TooHard(f"key {step.op.key}: more than {MAX_CONFIGURATIONS} orders")
            state, done, gone, owed = each
            if step in done:
                found.add((state, done - {step}, gone))
                continue
            if step.mutates and (step.needs is None or step.needs(state)) and not (owed and step.needs is None):
                after, looked, _ = self._looked(step.after, done, gone)
                found.add((after, looked, gone))
            for other in self.changers:
                if other is not step and other not in done and (other.needs is None or other.needs(state)):
                    if not (owed and other.needs is None):
                        todo.append((*self._looked(other.after, done | {other}, gone), False))
            self._try_doubtful(step, state, done, gone, owed, todo)

    def _try_doubtful(self, step, state, done, gone, owed, todo):
        tried = set()
        for other in self.doubtful:
            if other in gone or other.after == state or other.likeness in tried:
                continue
            if not other.needs(state) if other.needs is not None else owed:
                continue
            tried.add(other.likeness)
            after, looked, used = self._looked(other.after, done, gone | {other})
            if looked != done:
                todo.append((after, looked, used, False))
            elif self._is_wanted(step, after, done, used):
                todo.append((after, looked, used, True))

    def _is_wanted(self, step, state, done, gone):
        """Whether something under way asks for just that state: else nobody would see it."""
        return any(other.needs is not None and other.needs(state)
                   for group in ((step,), self.changers, self.doubtful) for other in group
                   if other not in done and other not in gone and other.mutates)

    @staticmethod
    def _pruned(configurations):
        if len(configurations) < 2:
            return configurations
        by_state = collections.defaultdict(list)
        for each in configurations:
            by_state[each[0]].append(each)
        kept = set()
        for alike in by_state.values():
            # A looker that is done is no burden, a changer that is done might be wanted later: those must agree.
            alike.sort(key=lambda each: (len(each[2]), -len(each[1])))
            best = []
            for each in alike:
                if not any(_dominates(one, each) for one in best):
                    best.append(each)
            kept.update(best)
        return kept


def _dominates(one, other):
    if not (one[2] <= other[2] and one[1] >= other[1]):
        return False
    return all(not step.mutates for step in one[1] - other[1])


def check_key(ops, initial=None):
    """None, or the Violation. `ops`: all of one key. `initial`: its value before all of them."""
    steps = _steps(ops)
    events = sorted([(step.begin, 0, number) for number, step in enumerate(steps)] +
                    [(step.end, 1, number) for number, step in enumerate(steps) if step.end != FOREVER])
    register = _Register(initial)
    for _, ends, number in events:
        if not ends:
            register.begin(steps[number])
        elif not register.end(steps[number]):
            return Violation(f"no order explains this answer (key {steps[number].op.key})",
                             tuple(_excerpt(steps, steps[number], register.configurations)))
    return None


def _excerpt(steps, bad, configurations):
    """The last ones before it, those that wrote what is seen in it, and what the register could be."""
    wanted = {bad.op.value, bad.op.expected} | {state for state, _, _ in configurations}
    wanted.discard(None)
    writers = [step.op for step in steps if step.mutates and step.after in wanted]
    before = [step.op for step in steps if step.begin <= bad.end and step is not bad][-EXCERPT:]
    chosen = {id(op): op for op in [*writers, *before, bad.op]}
    return chosen.values()


def check(ops, initial=None):
    """All Violations of a history of many keys. `initial`: key -> value."""
    by_key = collections.defaultdict(list)
    for op in ops:
        by_key[op.key].append(op)
    found = (check_key(of_key, (initial or {}).get(key)) for key, of_key in by_key.items())
    return [violation for violation in found if violation]
