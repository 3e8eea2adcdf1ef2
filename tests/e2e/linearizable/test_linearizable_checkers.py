# SPDX-License-Identifier: Apache-2.0
"""The checkers of histories are judged first: a checker that finds nothing proves nothing."""
import random

import pytest

import checker
import revisions
from history import (CACHED, CAS, DELETE, MISMATCH, OK, READ, RANGE, REFUSED, SERIALIZABLE, STALE, UNKNOWN, WRITE, Op, dump,
                     load, show)
from madeup import PLANTS, history
from revisions import Change, Log

MANY = 50_000


def op(kind, begin, end, value=None, **more):
    return Op(more.pop("client", 0), kind, more.pop("key", "k"), begin, end, value=value, **more)


def unknown(kind, begin, value=None, **more):
    return op(kind, begin, begin + 1, value, outcome=UNKNOWN, **more)


GOOD = {
    "nothing": [],
    "absent at first": [op(READ, 0, 1)],
    "one after the other": [op(WRITE, 0, 1, "a"), op(READ, 2, 3, "a"), op(DELETE, 4, 5, existed=True), op(READ, 6, 7)],
    "during a write the old or the new": [
        op(WRITE, 0, 1, "a"), op(WRITE, 2, 9, "b"), op(READ, 3, 4, "a"), op(READ, 5, 6, "b"), op(READ, 7, 8, "b")],
    "concurrent writes in either order": [op(WRITE, 0, 9, "a"), op(WRITE, 0, 9, "b"), op(READ, 10, 11, "a")],
    "hidden between": [op(WRITE, 0, 9, "a"), op(WRITE, 0, 9, "b"), op(READ, 3, 4, "a"), op(READ, 10, 11, "b")],
    "a write that takes effect after all others": [
        unknown(WRITE, 0, "u"), op(WRITE, 2, 3, "a"), op(READ, 4, 5, "a"), op(READ, 100, 101, "u")],
    "a write that never does": [unknown(WRITE, 0, "u"), op(READ, 4, 5)],
    "a delete that takes effect later": [op(WRITE, 0, 1, "a"), unknown(DELETE, 2), op(READ, 4, 5, "a"), op(READ, 9, 10)],
    "two deletes that do": [
        op(WRITE, 0, 1, "a"), unknown(DELETE, 2), unknown(DELETE, 2), op(READ, 9, 10), op(WRITE, 11, 12, "b"),
        op(READ, 13, 14)],
    "a refused write": [op(WRITE, 0, 1, "a", outcome=REFUSED), op(READ, 2, 3)],
    "a cas": [op(WRITE, 0, 1, "a"), op(CAS, 2, 3, "b", expected="a"), op(READ, 4, 5, "b")],
    "a cas that comes too late": [
        op(WRITE, 0, 1, "a"), op(WRITE, 2, 3, "b"), op(CAS, 4, 5, "c", expected="a", outcome=MISMATCH), op(READ, 6, 7, "b")],
    "a cas that meets one in doubt": [
        op(WRITE, 0, 1, "a"), unknown(WRITE, 2, "u"), op(CAS, 4, 5, "c", expected="a", outcome=MISMATCH)],
    "a cas in doubt on a write in doubt": [
        unknown(WRITE, 0, "u"), unknown(CAS, 2, "v", expected="u"), op(READ, 4, 5, "v")],
    "created once": [
        op(CAS, 0, 9, "a", expected=None), op(CAS, 0, 9, "b", expected=None, outcome=MISMATCH), op(READ, 10, 11, "a")],
    "a write that is told what it came upon": [
        op(WRITE, 0, 1, "a", existed=False), op(WRITE, 2, 3, "b", existed=True), op(DELETE, 4, 5, existed=True),
        op(DELETE, 6, 7, existed=False)],
}
BAD = {
    "a stale read": [op(WRITE, 0, 1, "a"), op(WRITE, 2, 3, "b"), op(READ, 4, 5, "a")],
    "a value nobody wrote": [op(READ, 0, 1, "a")],
    "a value of the future": [op(READ, 0, 1, "a"), op(WRITE, 2, 3, "a")],
    "an absence of the past": [op(WRITE, 0, 1, "a"), op(READ, 2, 3)],
    "reads that go back": [op(WRITE, 0, 1, "a"), op(WRITE, 2, 9, "b"), op(READ, 3, 4, "b"), op(READ, 5, 6, "a")],
    "two clients see two orders": [
        op(WRITE, 0, 20, "a"), op(WRITE, 0, 20, "b"), op(READ, 1, 2, "a"), op(READ, 3, 4, "b"), op(READ, 5, 6, "a")],
    "a lost update": [
        op(WRITE, 0, 1, "a"), op(CAS, 2, 9, "b", expected="a"), op(CAS, 2, 9, "c", expected="a")],
    "created twice": [op(CAS, 0, 9, "a", expected=None), op(CAS, 0, 9, "b", expected=None)],
    "a cas on what it is not": [op(WRITE, 0, 1, "a"), op(CAS, 2, 3, "b", expected="x")],
    "a cas that was refused for nothing": [op(WRITE, 0, 1, "a"), op(CAS, 2, 3, "b", expected="a", outcome=MISMATCH)],
    "a refused write that is seen": [op(WRITE, 0, 1, "a", outcome=REFUSED), op(READ, 2, 3, "a")],
    "a write in doubt that takes effect twice": [
        unknown(WRITE, 0, "u"), op(READ, 2, 3, "u"), op(WRITE, 4, 5, "a"), op(READ, 6, 7, "a"), op(READ, 8, 9, "u")],
    "a write in doubt before it began": [op(READ, 0, 1, "u"), unknown(WRITE, 2, "u")],
    "a write that is told wrongly": [op(WRITE, 0, 1, "a"), op(WRITE, 2, 3, "b", existed=False)],
    "a delete that found what was not there": [op(DELETE, 0, 1, existed=True)],
    "one delete in doubt takes effect twice": [
        op(WRITE, 0, 1, "a"), unknown(DELETE, 2), op(READ, 4, 5), op(WRITE, 6, 7, "b"), op(READ, 8, 9)],
}


@pytest.mark.parametrize("name", GOOD)
def test_good_ones_are_good(name):
    assert checker.check(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_bad_ones_are_bad(name):
    violation, = checker.check(BAD[name])
    assert "k" in violation.what and show(violation.ops)


def test_keys_are_judged_apart():
    both = [op(WRITE, 0, 1, "a", key="x"), op(WRITE, 0, 1, "b", key="y"), op(READ, 2, 3, "a", key="x"),
            op(READ, 2, 3, "b", key="y")]
    assert checker.check(both) == []


def test_what_was_there_before():
    assert checker.check([op(READ, 0, 1, "a")], {"k": "a"}) == []
    assert len(checker.check([op(READ, 0, 1)], {"k": "a"})) == 1


@pytest.mark.parametrize("seed", range(40))
def test_made_up_histories_are_good(seed):
    ops, changes = history(seed, 400)
    assert checker.check(ops) == []
    assert revisions.check(ops, Log(changes)) == []


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("seed", range(15))
def test_a_planted_fault_is_found(plant, seed):
    ops, changes = history(seed, 400)
    assert PLANTS[plant](ops, changes, random.Random(seed)) is not None
    assert checker.check(ops) != []
    assert revisions.check(ops, Log(changes)) != []


def test_files_keep_histories(tmp_path):
    ops, _ = history(1, 100)
    (tmp_path / "history").write_text("".join(dump(each) + "\n" for each in ops))
    assert load(tmp_path / "history") == ops


# --- against the plain definition ---

def _applies(one, state):
    """The state after it, or False."""
    if one.kind == READ:
        return state if state == one.value else False
    if one.kind == CAS:
        if one.outcome == MISMATCH:
            return state if state != one.expected else False
        return one.value if state == one.expected else False
    if one.existed is not None and one.existed != (state is not None):
        return False
    return None if one.kind == DELETE else one.value


def has_an_order(ops, state=None):
    """Tries all of them."""
    if all(one.outcome == UNKNOWN for one in ops):
        return True
    for one in ops:
        others = [other for other in ops if other is not one]
        if any(other.outcome != UNKNOWN and other.end < one.begin for other in others):
            continue
        after = _applies(one, state)
        if after is not False and has_an_order(others, after):
            return True
    return False


def tiny(draw):
    values = ["a", "b", "c", "d"][:draw.randint(1, 4)]
    ops = []
    for value in values:
        kind = draw.choice([WRITE, WRITE, CAS])
        begin = draw.randrange(12)
        ops.append(op(kind, begin, begin + draw.randrange(1, 9), value, outcome=draw.choice([OK, OK, UNKNOWN])))
        if kind == CAS:
            ops[-1].expected = draw.choice([None, *values])
            ops[-1].outcome = draw.choice([OK, MISMATCH, UNKNOWN])
        elif ops[-1].outcome == OK:
            ops[-1].existed = draw.choice([None, None, True, False])
    for _ in range(draw.randint(0, 2)):
        begin = draw.randrange(12)
        ops.append(op(DELETE, begin, begin + draw.randrange(1, 9), outcome=draw.choice([OK, UNKNOWN])))
        if ops[-1].outcome == OK:
            ops[-1].existed = draw.choice([None, True, False])
    for _ in range(draw.randint(0, 3)):
        begin = draw.randrange(12)
        ops.append(op(READ, begin, begin + draw.randrange(1, 5), draw.choice([None, *values])))
    return ops


@pytest.mark.parametrize("seed", range(4))
def test_all_orders_tried_say_the_same(seed):
    draw = random.Random(seed)
    verdicts = []
    for _ in range(3000):
        ops = tiny(draw)
        verdicts.append(has_an_order(ops))
        assert (checker.check(ops) == []) == verdicts[-1], show(ops)
    assert 500 < sum(verdicts) < 2500


def test_many_operations():
    ops, changes = history(1, MANY, keys=24)
    assert checker.check(ops) == []
    assert revisions.check(ops, Log(changes)) == []


# --- what only the cluster's revisions can tell ---

T = 1000
WRITTEN = [Change(2, "k", "a"), Change(3, "k", "b"), Change(4, "j", "x"), Change(5, "k", None)]
WRITES = [
    op(WRITE, 0, 10, "a", revision=2, node="n0"), op(WRITE, 20, 30, "b", revision=3, node="n0"),
    op(WRITE, 40, 50, "x", key="j", revision=4, node="n0"), op(DELETE, 60, 70, existed=True, revision=5, node="n0")]


def read(begin, value, **more):
    return op(READ, begin, begin + 1, value, node=more.pop("node", "n1"), **more)


def everything(begin, *kvs, header):
    return op(RANGE, begin, begin + 1, list(kvs), key="a\0z", header=header, node="n1")


RIGHT = {
    "old enough": [read(25 + T, "a", freshness=STALE, max_stale=T)],
    "cached": [read(200, "a", freshness=CACHED)],
    "old on one node, newer on another": [read(200, "b", freshness=CACHED), read(210, "a", freshness=CACHED, node="n2")],
    "any age": [read(200, "a", freshness=SERIALIZABLE)],
    "as of another revision, where it was the same": [read(80, None, header=5)],
    "a range": [everything(80, ("j", "x", 4), header=5)],
    "a range while it changes": [everything(35, ("k", "b", 3), header=3), everything(45, ("j", "x", 4), ("k", "b", 3), header=4)],
}
WRONG = {
    "too old": [read(32 + T, "a", freshness=STALE, max_stale=T)],
    "older than the node's own writes": [read(200, "b", freshness=CACHED, node="n0")],
    "going back on one node": [read(200, "b", freshness=CACHED), read(210, "a", freshness=CACHED)],
    "past the limit of what is cached": [read(80 + revisions.STALE_LIMIT, "b", freshness=CACHED)],
    "never written, at any age": [read(200, "c", freshness=SERIALIZABLE)],
    "of another revision": [read(25, "b", revision=4)],
    "not what it was as of that revision": [read(35, "b", header=4), read(80, "b", header=5, freshness=CACHED)],
    "a range of two moments": [everything(80, ("k", "a", 2), ("j", "x", 4), header=4)],
    "a range of the past": [everything(80, ("k", "b", 3), header=3)],
    "two keys in an order of their own": [read(55, "x", key="j"), read(56, "a")],
    "told another revision": [op(WRITE, 80, 90, "y", key="i", revision=8)],
    "acknowledged, and never done": [op(WRITE, 80, 90, "never", key="i")],
    "done twice": [op(WRITE, 80, 90, "z", key="i")],
    "refused, and done": [op(WRITE, 80, 90, "r", key="i", outcome=REFUSED)],
}
LATER = [Change(6, "i", "z"), Change(7, "i", "y"), Change(8, "i", "z"), Change(9, "i", "r")]


@pytest.mark.parametrize("name", RIGHT)
def test_revisions_agree(name):
    assert revisions.check(WRITES + RIGHT[name], Log(WRITTEN)) == []


@pytest.mark.parametrize("name", WRONG)
def test_revisions_disagree(name):
    assert revisions.check(WRITES + WRONG[name], Log(WRITTEN + LATER)) != []
