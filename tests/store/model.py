# SPDX-License-Identifier: Apache-2.0
"""What a store must hold after a series of writes, and writes for it from a seed.

Keys are of two sorts: single ones, and pairs of keys that only transactions change, both at once, so that they always
agree."""
import base64
import random
from dataclasses import dataclass, field

SINGLES = 40
PAIRS = 20
LEASES = 6
NOTES = [b"identity", b"users", b"alarms"]
TTL = 10**6  # seconds: no lease ends by itself
FIRST_REVISION = 1


def single(number):
    return f"single/{number}"


def pair(number):
    return f"pair/{number}/left", f"pair/{number}/right"


@dataclass
class Change:
    """Gives all keys the value (None: deletes them) in one revision. lease 0: none."""

    keys: list
    value: str
    lease: int = 0

    def _op(self, key):
        if self.value is None:
            return {"op": "delete", "key": key.encode()}
        return {"op": "put", "key": key.encode(), "value": self.value.encode(), "lease": self.lease}

    def op(self):
        ops = [self._op(key) for key in self.keys]
        return ops[0] if len(ops) == 1 else {"op": "txn", "compares": [], "success": ops, "failure": []}


@dataclass
class Grant:
    lease: int

    def op(self):
        return {"op": "lease_grant", "id": self.lease, "ttl": TTL}


@dataclass
class Revoke:
    lease: int

    def op(self):
        return {"op": "lease_revoke", "id": self.lease}


@dataclass
class Note:
    """Says something under a name; nothing: there is none any more."""

    name: bytes
    value: bytes

    def op(self):
        return {"op": "note", "name": self.name, "value": self.value}


@dataclass
class Defragment:
    """Must change nothing."""

    def op(self):
        return {"op": "defragment"}


@dataclass
class State:
    """What there is after some writes. events: (revision, key, value), all there were."""

    revision: int = FIRST_REVISION
    keys: dict = field(default_factory=dict)
    leases: set = field(default_factory=set)
    leased: dict = field(default_factory=dict)  # key -> lease
    notes: dict = field(default_factory=lambda: dict.fromkeys(NOTES, b""))
    events: list = field(default_factory=list)

    def apply(self, write):
        if isinstance(write, Grant):
            self.leases.add(write.lease)
        elif isinstance(write, Revoke):
            self.leases.remove(write.lease)
            self._change(sorted(key for key, lease in self.leased.items() if lease == write.lease), None, 0)
        elif isinstance(write, Note):
            self.notes[write.name] = write.value
        elif not isinstance(write, Defragment):
            self._change(write.keys, write.value, write.lease)

    def _change(self, keys, value, lease):
        keys = [key for key in keys if value is not None or key in self.keys]
        self.revision += 1 if keys else 0
        for key in keys:
            self.events.append((self.revision, key, value))
            self.leased.pop(key, None)
            self.keys.pop(key, None)
            if value is not None:
                self.keys[key] = value
            if lease:
                self.leased[key] = lease


class Model:
    """A series of writes, all of which take place, and what each leads to."""

    def __init__(self):
        self.writes = []
        self.revisions = [FIRST_REVISION]  # before the first write, and after each
        self.state = State()

    @property
    def revision(self):
        return self.state.revision

    def add(self, write):
        """Returns the revision that the answer will say."""
        self.state.apply(write)
        self.writes.append(write)
        self.revisions.append(self.state.revision)
        return self.state.revision

    def state_after(self, count):
        """As it was after the first `count` writes."""
        state = State()
        for write in self.writes[:count]:
            state.apply(write)
        return state

    def keys_at(self, revision):
        return self.state_after(max(i for i, after in enumerate(self.revisions) if after <= revision)).keys

    def cut(self, count):
        """The writes after the first `count` never were."""
        self.state = self.state_after(count)
        del self.writes[count:], self.revisions[count + 1:]


class Writes:
    """An endless series of writes that a model can take. `defragments`: how many of them shall be that."""

    def __init__(self, seed, value_size, defragments=0):
        self.random = random.Random(seed)
        self.defragments = defragments
        self.value_size = value_size
        self.number = 0

    def _value(self):
        self.number += 1
        size = self.random.choice((0, 10, 100, self.random.randint(0, self.value_size)))
        return f"{self.number}/" + "v" * size

    def next(self, model):
        lease = self.random.randint(1, LEASES)
        granted = lease in model.state.leases
        kind = self.random.random()
        if kind < 0.03 and not granted:
            return Grant(lease)
        if kind < 0.04 and granted:
            return Revoke(lease)
        if kind < 0.07:
            return Note(self.random.choice(NOTES), b"" if kind < 0.05 else self._value().encode())
        if kind < 0.07 + self.defragments:
            return Defragment()
        value = None if kind < 0.2 else self._value()
        keys = (single(self.random.randrange(SINGLES)),) if kind < 0.7 else pair(self.random.randrange(PAIRS))
        with_lease = granted and value is not None and self.random.random() < 0.2
        return Change(list(keys), value, lease if with_lease else 0)


def text(encoded):
    return base64.b64decode(encoded).decode()


def value_of(answer):
    return base64.b64decode(answer["value"])


def keys_of(answer):
    return {text(kv["key"]): text(kv["value"]) for kv in answer["kvs"]}


def leased_of(answer):
    return {text(kv["key"]): kv["lease"] for kv in answer["kvs"] if kv["lease"] != 0}


def events_of(answer):
    return [(event["kv"]["mod_revision"], text(event["kv"]["key"]),
             text(event["kv"]["value"]) if event["type"] == "PUT" else None) for event in answer["events"]]
