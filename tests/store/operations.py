# SPDX-License-Identifier: Apache-2.0
"""Random operations on a store, made from a seed: few keys and values, so that operations meet, and odd ones among them.
They look like those of driver.h, with bytes where that has base64."""
import random

PIECES = (b"a", b"b", b"c", b"\0", b"\xff")
LONG_KEYS = (b"a" * 511, b"a" * 512, b"a" * 511 + b"b", b"b" * 600 + b"\0", b"b" * 600 + b"\xff", b"c" * 3000)
VALUES = (b"", b"0", b"1", b"1\0", b"2", b"\xff")
VALUE_MAX = 4096
LEASES = (1, 2, 3, 4, 5, 1 << 62, -7)
NO_LEASE = 99
TTL_LEAST = 100_000  # seconds; nothing expires that is not waited for
TTL_MAX = 9_000_000_000
TXN_OPS_MAX = 128
NESTING_MAX = 3
OPEN_END = b"\0"


class Operations:
    """Makes operations. `revision` and `compacted` are those of the store, kept up to date by the caller, so that the
    revisions asked for lie in the past, in the future, and around the compacted one."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.revision = 1
        self.compacted = 0

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def choose(self, *weighted):
        """One of (weight, function) called."""
        total = sum(weight for weight, _ in weighted)
        draw = self.random.random() * total
        for weight, function in weighted:
            draw -= weight
            if draw < 0:
                return function()
        return weighted[-1][1]()

    # --- parts ---

    def key(self):
        if self.chance(1):
            return b""
        if self.chance(6):
            return self.random.choice(LONG_KEYS)
        return b"".join(self.random.choices(PIECES, k=self.random.choice((1, 1, 2, 2, 3))))

    def value(self):
        return self.choose(
            (65, lambda: self.random.choice(VALUES)),
            (30, lambda: self.random.randbytes(self.random.randrange(64))),
            (5, lambda: self.random.randbytes(self.random.randrange(VALUE_MAX + 1))))

    def span(self, single=40):
        """A key, or [key, range_end): also one that is empty, or turned round."""
        if self.chance(single):
            return {"key": self.key()}
        if self.chance(15):
            return {"key": b"\0", "range_end": OPEN_END}
        key = self.key()
        range_end = self.choose(
            (20, lambda: OPEN_END),
            (45, self.key),
            (20, lambda: key[:-1] + bytes([min(key[-1] + 1, 255)]) if key else b""),
            (10, lambda: key + b"\0"),
            (5, lambda: key))
        return {"key": key, "range_end": range_end}

    def past(self):
        """A revision that there may have been."""
        return self.choose(
            (60, lambda: self.random.randint(max(1, self.revision - 40), self.revision)),
            (10, lambda: self.random.randint(1, self.revision)),
            (15, lambda: max(1, self.compacted + self.random.randint(-1, 1))),
            (10, lambda: self.revision),
            (5, lambda: self.revision + self.random.randint(1, 3)))

    def revision_asked(self):
        if self.chance(70):
            return 0
        # What a revision below 0 means changes with the first compaction, by an accident of etcd's.
        return -1 if self.compacted > 0 and self.chance(3) else self.past()

    def lease(self):
        return self.choose((90, lambda: self.random.choice(LEASES)), (10, lambda: NO_LEASE))

    # --- operations ---

    def range(self):
        operation = {"op": "range", **self.span(), "revision": self.revision_asked()}
        if self.chance(40):
            operation["limit"] = self.random.choice((-1, 1, 1, 2, 3, 5, 10, 100))
        if self.chance(50):
            operation["sort_order"] = self.random.choice(("NONE", "ASCEND", "DESCEND"))
            operation["sort_target"] = self.random.choice(("KEY", "VERSION", "CREATE", "MOD", "VALUE"))
        for flag in ("keys_only", "count_only", "serializable"):
            if self.chance(10):
                operation[flag] = True
        for bound in ("min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"):
            if self.chance(6):
                operation[bound] = self.past()
        return operation

    def put(self):
        operation = {"op": "put", "key": self.key(), "value": self.value()}
        if self.chance(25):
            operation["lease"] = self.lease()
        if self.chance(30):
            operation["prev_kv"] = True
        if self.chance(10):
            operation["ignore_value"] = True
            if self.chance(90):
                del operation["value"]
        if self.chance(10):
            operation["ignore_lease"] = True
            if self.chance(80):
                operation.pop("lease", None)
        return operation

    def delete(self):
        operation = {"op": "delete", **self.span(single=75)}
        if self.chance(40):
            operation["prev_kv"] = True
        return operation

    def compare(self):
        compare = {
            **self.span(single=85),
            "result": self.random.choice(("EQUAL", "GREATER", "LESS", "NOT_EQUAL")),
            "target": self.random.choice(("VERSION", "CREATE", "MOD", "VALUE", "LEASE")),
        }
        if compare["target"] == "VALUE":
            compare["value"] = self.value()
        else:
            compare["number"] = self.choose(
                (30, lambda: 0),
                (30, lambda: self.random.randint(1, 4)),
                (30, self.past),
                (10, self.lease))
        return compare

    def branch(self, depth):
        def one():
            return self.choose((35, self.range), (35, self.put), (15, self.delete),
                               (15 if depth < NESTING_MAX else 0, lambda: self.nested(depth + 1)))

        if self.chance(0.2):
            count = self.random.choice((TXN_OPS_MAX - 1, TXN_OPS_MAX, TXN_OPS_MAX + 1))
            return [{"op": "put", "key": b"n%d" % number} for number in range(count)]
        return [one() for _ in range(self.random.choice((0, 1, 1, 2, 2, 3, 5)))]

    def nested(self, depth=1):
        compares = self.random.choice((0, 1, 1, 1, 2, 3))
        return {"op": "txn", "compare": [self.compare() for _ in range(compares)],
                "success": self.branch(depth), "failure": self.branch(depth)}

    def txn(self):
        operation = self.nested()
        if any(each["op"] == "delete" and each.get("range_end") == OPEN_END for each in parts(operation)):
            # etcd does not see that such a delete takes keys from puts that need them, and dies of it.
            for each in parts(operation):
                each.pop("ignore_value", None)
                each.pop("ignore_lease", None)
        return operation

    def compact(self):
        return {"op": "compact", "revision": self.choose(
            (70, lambda: self.random.randint(self.compacted + 1, max(self.compacted + 1, self.revision))),
            (15, lambda: self.revision),
            (10, lambda: self.compacted if self.compacted > 0 else 1),
            (5, lambda: self.revision + 1))}

    def grant(self):
        ttl = self.choose((95, lambda: self.random.randint(TTL_LEAST, 10 * TTL_LEAST)),
                          (3, lambda: TTL_MAX), (2, lambda: TTL_MAX + 1))
        return {"op": "grant", "lease": self.lease(), "ttl": ttl}

    def revoke(self):
        return {"op": "revoke", "lease": self.lease()}

    def lease_question(self):
        return self.choose(
            (30, lambda: {"op": "keep_alive", "lease": self.lease()}),
            (50, lambda: {"op": "ttl", "lease": self.lease(), "keys": self.chance(70)}),
            (20, lambda: {"op": "leases"}))

    def pipeline(self, compact):
        """Several writes, to be handed in at once. `compact`: there may be compactions among them."""
        def one():
            return self.choose((45, self.put), (15, self.delete), (25, self.txn), (6, self.grant), (4, self.revoke),
                               (5 if compact else 0, self.compact))

        # Reads do not wait for the writes before them.
        return [each for each in (one() for _ in range(self.random.randint(2, 20))) if writes(each)]

    def watch(self):
        operation = {"op": "watch", **self.span(single=35)}
        if not operation["key"]:
            operation["key"] = b"a"  # the store has EMPTY_KEY for that, etcd the first key there can be
        if self.chance(60):
            operation["start_revision"] = self.past()
        for flag, percent in (("prev_kv", 40), ("no_put", 15), ("no_delete", 15)):
            if self.chance(percent):
                operation[flag] = True
        return operation


def writes(operation):
    if operation["op"] == "txn":
        return any(writes(each) for each in parts(operation))
    return operation["op"] != "range"


def parts(operation):
    """The operations within a transaction, those of transactions within it included."""
    for branch in ("success", "failure"):
        for each in operation.get(branch, []):
            yield each
            yield from parts(each)
