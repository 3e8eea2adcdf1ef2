# SPDX-License-Identifier: Apache-2.0
"""Whether a history of single keys is linearizable, judged by what clients saw alone.

After Wing and Gong ("Testing and verifying concurrent objects", 1993) and Lowe ("Testing for linearizability", 2017):
the operations of a key (keys are judged apart, which is enough: Herlihy and Wing's locality) are gone through by time,
with the set of all states the register can be in. An operation is put into the order at the latest when it ends, and
others that are under way only if that one needs them.

What keeps the set small, without leaving out an order that could matter:
 - What only looks (reads, refused conditions) is put in order as soon as a state agrees with it: that costs no other order.
 - What may never have been done is put in order only if that lets something be explained that could not be before. Of several
   that nobody can tell apart (deletes, values that nobody has seen), the first is as good as another.
 - So is a plain write whose outcome is known. That it may have been overwritten at once, unseen, is remembered of it whenever
   there is another change to hide it: from then on it may end without a trace, or take effect still.
 - Of two configurations of the same state the one is left out that can do nothing which the other cannot.

An operation of unknown outcome may take effect at any time after its begin, or never; a refused one never does."""
import collections

from history import CAS, DELETE, MISMATCH, OK, READ, REFUSED, UNKNOWN, WRITE, Violation

MAX_CONFIGURATIONS = 20000
EXCERPT = 16  # operations before the one that cannot be
FOREVER = float("inf")
UNSEEN = "a value that nobody has seen"


class TooHard(Exception):
    """There are too many orders to try. It is no verdict."""


class _Step:
    """An operation as a change of the register. `needs(state)`: whether it can be done then with that outcome."""

    __slots__ = ("op", "begin", "end", "mutates", "unknown", "needs", "after", "likeness", "plain",
                 "hides")

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
        # Any number of plain writes can be hidden by one change that hides.
        self.plain = op.kind == WRITE and op.existed is not False and not self.unknown
        self.hides = op.kind in (WRITE, DELETE) and op.existed is not False

    def is_free_for(self, state):
        return self.needs is None or self.needs(state)


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
    """The configurations, each (state, done, gone, hidden), the last three being sets of steps. `done`: those under way
    that are in the order already. `gone`: those of unknown outcome that are. `hidden`: plain writes that may be, or
    not."""

    def __init__(self, initial):
        nothing = frozenset()
        self.configurations = {(initial, nothing, nothing, nothing)}
        self.lookers = []   # under way, each by its begin
        self.changers = []  # under way, of known outcome
        self.doubtful = {}  # of unknown outcome, since their begin; by likeness

    def begin(self, step):
        if step.unknown:
            self.doubtful.setdefault(step.likeness, []).append(step)
        else:
            (self.changers if step.mutates else self.lookers).append(step)
        if not step.mutates:
            self.configurations = _pruned({(state, self._looked(state, done), gone, hidden)
                                           for state, done, gone, hidden in self.configurations})

    def _looked(self, state, done):
        seen = [step for step in self.lookers if step not in done and step.needs(state)]
        return done.union(seen) if seen else done

    def end(self, step):
        """It must be in the order by now. Returns whether that can be."""
        found = set()
        for state, done, gone, hidden in self.configurations:
            if step in done:
                found.add((state, done - {step}, gone, hidden))
                continue
            if step in hidden:
                found.add((state, done, gone, hidden - {step}))
            self._search(step, state, done, gone, hidden, found)
            if len(found) > MAX_CONFIGURATIONS:
                raise TooHard(f"key {step.op.key}: more than {MAX_CONFIGURATIONS} configurations")
        (self.changers if step.mutates else self.lookers).remove(step)
        if found:
            self.configurations = _pruned(found)
            self._forget()
        return bool(found)

    def _forget(self):
        """What all configurations have used is of no use to any more."""
        used = frozenset.intersection(*(gone for _, _, gone, _ in self.configurations))
        if used:
            left = {likeness: [step for step in alike if step not in used] for likeness, alike in self.doubtful.items()}
            self.doubtful = {likeness: alike for likeness, alike in left.items() if alike}
            self.configurations = {(state, done, gone - used, hidden) for state, done, gone, hidden in self.configurations}

    def _search(self, step, state, done, gone, hidden, found):
        """All orders of what is under way that end with `step`, or explain it."""
        seen = set()
        # `owing`: the state before something was put in order that nobody has seen yet; None: nothing was.
        todo = [(state, done, gone, hidden, _NOTHING)]
        while todo:
            each = todo.pop()
            if each in seen:
                continue
            seen.add(each)
            if len(seen) > MAX_CONFIGURATIONS:
                raise TooHard(f"key {step.op.key}: more than {MAX_CONFIGURATIONS} orders")
            state, done, gone, hidden, owing = each
            if step in done:
                found.add((state, done - {step}, gone, hidden))
                continue
            if step.mutates and self._may(step, state, owing):
                after, looked, gone_after, hidden_after = self._put(step, state, done, gone, hidden)
                found.add((after, looked - {step}, gone_after, hidden_after))
            self._try(step, each, todo)

    def _put(self, step, state, done, gone, hidden):
        """The configuration after it."""
        if step.hides:
            hidden = hidden.union(other for other in self.changers
                                  if other.plain and other not in done and other.is_free_for(state))
        if step.unknown:
            gone = gone | {step}
        else:
            done = done | {step}
        return step.after, self._looked(step.after, done), gone, hidden - {step}

    def _may(self, step, state, owing):
        """Whether it can come next. If the last one owes it its place, that one must have made it possible, or possible
        to hide something by it."""
        if not step.is_free_for(state):
            return False
        if owing is _NOTHING or not step.is_free_for(owing):
            return True
        return step.hides and any(other.plain and other.is_free_for(state) and not other.is_free_for(owing)
                                  for other in self.changers)

    def _try(self, step, each, todo):
        """What may come before `step`."""
        state, done, gone, hidden, owing = each
        for other in self.changers:
            if other is not step and other not in done and self._may(other, state, owing):
                after = self._put(other, state, done, gone, hidden)
                if not other.plain:
                    todo.append((*after, _NOTHING))
                elif len(after[1]) > len(done) + 1:
                    todo.append((*after, _NOTHING))
                elif self._enables(step, state, after):
                    todo.append((*after, state))
        for other in self._doubtful_left(gone):
            if not self._may(other, state, owing):
                continue
            after = self._put(other, state, done, gone, hidden)
            if other.after == state:
                # A delete of what is not there: it may have been there for a moment.
                if len(after[3]) > len(hidden):
                    todo.append((*after, _NOTHING))
            elif len(after[1]) > len(done):
                todo.append((*after, _NOTHING))
            elif self._enables(step, state, after):
                todo.append((*after, state))

    def _doubtful_left(self, gone):
        """Of those that are alike the first."""
        for alike in self.doubtful.values():
            first = next((step for step in alike if step not in gone), None)
            if first is not None:
                yield first

    def _enables(self, step, before, after):
        """Whether something under way can be put in order now that could not be before."""
        state, done, gone, _ = after
        return any(other.needs is not None and other.needs(state) and not other.needs(before)
                   for group in ((step,), self.changers, self._doubtful_left(gone)) for other in group
                   if other.mutates and other not in done)


_NOTHING = object()


def _pruned(configurations):
    if len(configurations) < 2:
        return configurations
    by_state = collections.defaultdict(list)
    for each in configurations:
        by_state[each[0]].append(each)
    kept = set()
    for alike in by_state.values():
        alike.sort(key=lambda each: (len(each[2]), -len(each[1]) - len(each[3])))
        best = []
        for each in alike:
            if not any(_dominates(one, each) for one in best):
                best.append(each)
        kept.update(best)
    return kept


def _dominates(one, other):
    """Lookers had better be done, and plain writes hidden; other changers may be wanted for later."""
    if not (one[2] <= other[2] and one[3] >= other[3] and one[1] | one[3] >= other[1]):
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
    wanted = {bad.op.value, bad.op.expected} | {state for state, _, _, _ in configurations}
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
