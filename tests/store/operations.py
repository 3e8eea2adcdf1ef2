# SPDX-License-Identifier: Apache-2.0
"""Random operations of the store, in the driver's form, from a seed. There are few keys, so that operations meet."""
import random

LONG = b"long/" + b"l" * 506  # LMDB's keys end here, etcd's do not
SPECIAL_KEYS = [
    b"\x00", b"\x00\x00", b"\xff", b"\xff\xff", b"a\x00", b"a\xff", b"a\xff\xff", LONG, LONG + b"\x00", LONG + b"a",
    LONG + b"b", LONG + b"l" * 200, b"huge/" + b"h" * 5000,
]
ALPHABET = b"\x00ab\xff"
VALUES = [b"", b"a", b"b", b"\x00", b"aa", b"same", b"same", b"\xff\xfe"]
LEASES = [1, 2, 3, 4, 5, 77, -5, 2**62, 2**63 - 1]
# Far enough from each other that their order by what remains is the same everywhere.
TTLS = [10000, 20000, 40000, 80000, 10**9, 9 * 10**9]
TXN_DEPTH = 3


def prefix_end(key):
    """Behind all keys that begin with `key`; every key from there on, if there is no such end."""
    stripped = key.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\x00"


def writes(op):
    """Whether an operation is one that the store's writer runs."""
    if op["op"] == "txn":
        return any(writes(one) for one in op["success"] + op["failure"])
    return op["op"] in ("put", "delete", "lease_grant", "lease_revoke", "compact")


def tree(op):
    """An operation and those within it."""
    yield op
    for one in op.get("success", []) + op.get("failure", []):
        yield from tree(one)


def spare_etcd(txn):
    """etcd 3.4 does not see that an open end deletes a key that the same transaction puts. If the put then asks for
    something of the old key to be kept, etcd panics."""
    if any(op["op"] == "delete" and op.get("range_end") == b"\x00" for op in tree(txn)):
        for op in tree(txn):
            op.pop("ignore_value", None)
            op.pop("ignore_lease", None)
    return txn


class Operations:
    """Makes operations. `revision` and `compacted` are what is known of the store; the user keeps them true."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.revision = 1
        self.compacted = 0

    def chance(self, percent):
        return self.random.random() * 100 < percent

    # --- the parts ---

    def key(self):
        if self.chance(1):
            return b""
        if self.chance(20):
            return self.random.choice(SPECIAL_KEYS)
        return bytes(self.random.choices(ALPHABET, k=self.random.choice((1, 2, 2, 3))))

    def span(self):
        kind = self.random.choices(("single", "prefix", "open", "all", "pair", "wrong", "just"),
                                   (40, 15, 8, 5, 20, 5, 7))[0]
        key = self.key()
        if kind == "single":
            return {"key": key} if self.chance(50) else {"key": key, "range_end": b""}
        if kind == "all":
            return {"key": b"\x00", "range_end": b"\x00"}
        if kind == "pair":
            low, high = sorted((key, self.key()))
            return {"key": low, "range_end": high}
        if kind == "wrong":
            return {"key": max(key, b"b"), "range_end": min(key, b"a")}
        ends = {"prefix": prefix_end(key), "open": b"\x00", "just": key + b"\x00"}
        return {"key": key, "range_end": ends[kind]}

    def value(self):
        if self.chance(70):
            return self.random.choice(VALUES)
        return self.random.randbytes(self.random.choice((10, 100, 100, 100, 1000, self.random.randint(0, 4096))))

    def past_revision(self):
        return self.random.randint(min(self.compacted, self.revision), self.revision)

    def range_revision(self):
        kind = self.random.choices(("newest", "past", "near", "compacted", "future", "negative"),
                                   (60, 15, 12, 4, 4, 1))[0]
        return {
            "newest": 0,
            "past": self.past_revision(),
            "near": max(1, self.revision - self.random.randint(0, 8)),
            "compacted": self.random.randint(0, max(self.compacted, 1)),
            "future": self.revision + self.random.choice((1, 30, 1000)),
            "negative": -1,
        }[kind]

    def ttl(self):
        return self.random.choice(TTLS) if self.chance(95) else 9 * 10**9 + 1

    def lease(self):
        return self.random.choice(LEASES)

    # --- the operations ---

    def range(self):
        op = {"op": "range", **self.span()}
        if self.chance(40):
            op["revision"] = self.range_revision()
        if self.chance(30):
            op["limit"] = self.random.choice((1, 1, 2, 3, 10, 100, -1))
        if self.chance(40):
            op["order"] = self.random.choice(("NONE", "ASCEND", "DESCEND"))
            op["target"] = self.random.choice(("KEY", "VERSION", "CREATE", "MOD", "VALUE"))
        for name in ("serializable", "keys_only", "count_only"):
            if self.chance(10):
                op[name] = True
        for name in ("min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision"):
            if self.chance(6):
                op[name] = self.random.randint(max(0, self.revision - 200), self.revision)
        return op

    def put(self):
        op = {"op": "put", "key": self.key(), "value": self.value()}
        if self.chance(25):
            op["lease"] = self.lease()
        if self.chance(30):
            op["prev_kv"] = True
        if self.chance(8):
            op["ignore_value"] = True
            op["value"] = op["value"] if self.chance(15) else b""
        if self.chance(8):
            op["ignore_lease"] = True
            op["lease"] = op.get("lease", 0) if self.chance(15) else 0
        return op

    def delete(self):
        op = {"op": "delete", **self.span()}
        # Whoever deletes wide spans often has nothing to look at.
        if op.get("range_end") and self.chance(70):
            op = {"op": "delete", "key": op["key"]}
        if self.chance(40):
            op["prev_kv"] = True
        return op

    def compare(self):
        target = self.random.choice(("VERSION", "CREATE", "MOD", "VALUE", "LEASE"))
        compare = {"result": self.random.choice(("EQUAL", "GREATER", "LESS", "NOT_EQUAL")), "target": target}
        compare.update(self.span() if self.chance(30) else {"key": self.key()})
        if target == "VALUE":
            compare["value"] = self.value()
        else:
            compare["number"] = self.random.choice({
                "VERSION": (0, 0, 1, 1, 2, 3, 10), "LEASE": (0, 0, *LEASES),
            }.get(target, (0, self.revision, self.past_revision(), self.revision - 10)))
        return compare

    def branch(self, depth):
        ops = []
        keys = set()
        for _ in range(self.random.choice((0, 1, 1, 2, 3, 5))):
            kind = self.random.choices(("range", "put", "delete", "txn"), (30, 45, 15, 14 if depth < TXN_DEPTH else 0))[0]
            op = self.txn(depth + 1) if kind == "txn" else getattr(self, kind)()
            # Most of the time no key twice, so that most transactions take place.
            if kind == "put" and op["key"] in keys and self.chance(90):
                continue
            if kind == "put":
                keys.add(op["key"])
            ops.append(op)
        return ops

    def txn(self, depth=1):
        compares = [self.compare() for _ in range(self.random.choice((0, 1, 1, 2, 3)))]
        return {"op": "txn", "compares": compares, "success": self.branch(depth), "failure": self.branch(depth)}

    def compact(self):
        revision = self.random.choices(
            (self.past_revision(), self.revision - self.random.randint(0, 50), self.revision, self.compacted,
             self.revision + 1, self.random.choice((0, -1))), (30, 40, 10, 5, 10, 5))[0]
        return {"op": "compact", "revision": revision}

    def lease_grant(self):
        return {"op": "lease_grant", "id": self.lease(), "ttl": self.ttl()}

    def lease_revoke(self):
        return {"op": "lease_revoke", "id": self.lease()}

    def lease_keep_alive(self):
        return {"op": "lease_keep_alive", "id": self.lease()}

    def lease_ttl(self):
        return {"op": "lease_ttl", "id": self.lease(), "want_keys": self.chance(60)}

    def lease_list(self):
        return {"op": "lease_list"}

    def operation(self):
        """Any but a compaction."""
        kinds = {
            "range": 32, "put": 32, "delete": 8, "txn": 16, "lease_grant": 4, "lease_revoke": 2, "lease_keep_alive": 2,
            "lease_ttl": 3, "lease_list": 1,
        }
        op = getattr(self, self.random.choices(list(kinds), list(kinds.values()))[0])()
        return spare_etcd(op) if op["op"] == "txn" else op

    # --- watches ---

    def watch_span(self):
        while True:
            span = {"range_end": b"", **self.span()}
            key, end = span["key"], span["range_end"]
            # An empty key, or a span in which no key can be, is refused, by each side in its own way.
            if key and (end in (b"", b"\x00") or key < end):
                return span

    def watch(self):
        start = self.random.choices(
            (0, self.past_revision(), self.revision + self.random.randint(1, 5), self.compacted,
             self.random.randint(1, max(self.compacted, 1))), (30, 40, 10, 5, 8))[0]
        return {**self.watch_span(), "start_revision": start, "prev_kv": self.chance(50),
                "no_put": self.chance(15), "no_delete": self.chance(15)}
