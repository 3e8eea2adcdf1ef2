# SPDX-License-Identifier: Apache-2.0
"""Made-up histories: of clients of a register that is right, and the same with one fault planted."""
import random

from history import CAS, DELETE, MISMATCH, OK, READ, REFUSED, UNKNOWN, WRITE, Op
from revisions import Change

LENGTH = 1000       # of an operation, at most; its outcome may take effect this much later if it is unknown, times ten
CLIENTS = 12
UNKNOWN_SHARE, REFUSED_SHARE = 0.02, 0.01


class _World:
    def __init__(self, seed, keys):
        self.random = random.Random(seed)
        self.keys = [f"k{number}" for number in range(keys)]
        self.values = {}
        self.changes = []
        self.revision = 1
        self.count = 0
        self.due = []  # (time, order, op, how it ends)

    def change(self, key, value):
        self.revision += 1
        self.values[key] = value
        self.changes.append(Change(self.revision, key, value))
        return self.revision

    def apply(self, op):
        """The one moment at which it happens."""
        before = self.values.get(op.key)
        op.header = self.revision
        if op.kind == READ:
            op.value = before
            return
        if op.kind == CAS and before != op.expected:
            op.outcome = MISMATCH if op.outcome == OK else op.outcome
            return
        if op.kind == DELETE:
            op.existed = before is not None
            if op.existed:
                op.revision = self.change(op.key, None)
        else:
            op.revision = self.change(op.key, op.value)
            op.existed = before is not None if op.kind == WRITE else None
        if op.outcome == UNKNOWN:
            op.existed, op.revision = None, 0


def history(seed, count, keys=3):
    """(operations, changes). Clients are told revisions."""
    world = _World(seed, keys)
    draw = world.random
    ops, moments = [], []
    free = [0] * CLIENTS
    seen = {}
    for number in range(count):
        client = min(range(CLIENTS), key=lambda each: free[each])
        begin = free[client] + draw.randrange(LENGTH)
        end = begin + 1 + draw.randrange(LENGTH)
        free[client] = end + 1
        kind = draw.choices([READ, WRITE, CAS, DELETE], [6, 2, 1, 1])[0]
        op = Op(client, kind, draw.choice(world.keys), begin, end, node=f"n{client % 3}.1")
        if kind in (WRITE, CAS):
            op.value = f"v{number}"
        chance = draw.random()
        moment = draw.randint(begin, end)
        if kind != READ and chance < REFUSED_SHARE:
            op.outcome = REFUSED
            moment = None
        elif kind != READ and chance < REFUSED_SHARE + UNKNOWN_SHARE:
            op.outcome = UNKNOWN
            moment = draw.choice([None, begin + draw.randrange(10 * LENGTH)])
        ops.append(op)
        if moment is not None:
            moments.append((moment, number))
    for _, number in sorted(moments):
        op = ops[number]
        if op.kind == CAS:
            # What it had read last, more or less.
            op.expected = draw.choice([world.values.get(op.key), seen.get(op.key)])
        world.apply(op)
        seen[op.key] = draw.choice([seen.get(op.key), world.values.get(op.key)])
    return ops, world.changes


def _reads(ops, draw):
    reads = [op for op in ops if op.kind == READ]
    draw.shuffle(reads)
    return reads


def plant_stale(ops, changes, draw):
    """A read sees what was overwritten, by a write that somebody knew to be over before it began."""
    for read in _reads(ops, draw):
        known = [op for op in ops if op.key == read.key and op.kind in (WRITE, CAS) and op.outcome == OK
                 and op.end < read.begin]
        known.sort(key=lambda op: op.revision)
        # The older one ended before the newer one began: no other order.
        for newer in reversed(known):
            older = [op for op in known if op.end < newer.begin]
            if older:
                read.value, read.header, read.revision = older[-1].value, 0, 0
                return read
    return None


def plant_unwritten(ops, changes, draw):
    read = _reads(ops, draw)[0]
    read.value, read.header = "nobody's", 0
    return read


def plant_back(ops, changes, draw):
    """Of two reads of a client, one after the other, the second sees the older value."""
    by_client = {}
    for op in sorted(ops, key=lambda op: op.begin):
        if op.kind != READ:
            continue
        before = by_client.get((op.client, op.key))
        if before and before.value and op.value and before.value != op.value:
            before.value, op.value = op.value, before.value
            before.header = op.header = 0
            return op
        by_client[op.client, op.key] = op
    return None


def plant_lost(ops, changes, draw):
    """A write is acknowledged and never happens: the key stays what it was, and is read as that by all later ones."""
    for write in sorted((op for op in ops if op.kind == WRITE and op.outcome == OK), key=lambda op: -op.begin):
        readers = [op for op in ops if op.kind == READ and op.value == write.value and op.begin > write.end]
        place = next(place for place, change in enumerate(changes) if change.value == write.value)
        before = [change for change in changes[:place] if change.key == write.key]
        # What was there before must have been written before, or the order could be the other one.
        if readers and before and any(op.value == before[-1].value and op.kind in (WRITE, CAS) and op.outcome == OK
                                      and op.end < write.begin for op in ops):
            for op in ops:
                if op.kind == READ and op.value == write.value:
                    op.value = before[-1].value
                    op.header = 0
            for op in ops:
                if op.expected == write.value:
                    op.expected = before[-1].value
            del changes[place]
            return write
    return None


PLANTS = {"stale": plant_stale, "unwritten": plant_unwritten, "back": plant_back, "lost": plant_lost}
