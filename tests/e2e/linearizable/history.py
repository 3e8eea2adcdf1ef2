# SPDX-License-Identifier: Apache-2.0
"""What clients asked and were told: one operation on one key, with the time it took.

Each value is written by one operation only, so that who read it knows whose it is. A revision is what the client was told,
not what is believed."""
import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Optional

READ, WRITE, CAS, DELETE, RANGE = "read", "write", "cas", "delete", "range"
OK = "ok"
# cas: the key was not what it was expected to be. delete, and a write that is told so: see `existed`.
MISMATCH = "mismatch"
# Nobody knows whether it was, or will be, done.
UNKNOWN = "unknown"
# It was not done, and will not be.
REFUSED = "refused"

LINEARIZABLE, CACHED, STALE, SERIALIZABLE = "linearizable", "cached", "max_stale", "serializable"


@dataclass(slots=True)
class Op:
    """`value`: what was read, or is to be written; None: absent. `expected`: of a cas; None: that there be no such key.
    `existed`: whether a write or a delete was told that there was a key. Times in ns of one clock."""

    client: int
    kind: str
    key: str
    begin: int
    end: int = 0
    outcome: str = OK
    value: Any = None
    expected: Any = None
    existed: Optional[bool] = None
    revision: int = 0      # mod_revision of what was read or written, 0: not told
    header: int = 0        # the revision that the answer is known for, 0: not told
    freshness: str = LINEARIZABLE
    max_stale: int = 0     # ns, of STALE
    node: str = ""         # and its life, such as "n1.2": a connection does not outlast it
    protocol: str = ""
    said: str = ""         # the error

    def __str__(self):
        told = {
            READ: f"-> {self.value}", WRITE: f"{self.value}", CAS: f"{self.expected} => {self.value}", DELETE: "",
            RANGE: f"-> {len(self.value or [])} keys",
        }[self.kind]
        rest = [self.outcome if self.outcome != OK else "", f"existed={self.existed}" if self.existed is not None else "",
                f"rev={self.revision}" if self.revision else "", f"as of {self.header}" if self.header else "",
                self.freshness if self.kind in (READ, RANGE) else "",
                f"{self.max_stale / 1e6:g} ms" if self.max_stale else "", self.said]
        return " ".join(filter(None, [
            f"{self.begin / 1e6:12.3f} .. {self.end / 1e6:12.3f} ms", f"client {self.client:3}", f"{self.protocol:9}",
            f"{self.node:5}", self.kind, self.key, told, *rest]))


def show(ops):
    """For people: times count from the first one's begin."""
    ops = sorted(ops, key=lambda op: op.begin)
    if not ops:
        return ""
    start = ops[0].begin
    lines = []
    for op in ops:
        copy = Op(**asdict(op))
        copy.begin, copy.end = op.begin - start, op.end - start
        lines.append(str(copy))
    return "\n".join(lines)


_NAMES = [one.name for one in fields(Op)]


def dump(op):
    """A line of a file."""
    return json.dumps([getattr(op, name) for name in _NAMES], separators=(",", ":"))


def load(path):
    with open(path) as lines:
        return [Op(**dict(zip(_NAMES, json.loads(line)))) for line in lines]


@dataclass(frozen=True)
class Violation:
    """`what` in a sentence; `ops`: those that people need to see it, the one it was found at last."""

    what: str
    ops: tuple

    def __str__(self):
        return f"{self.what}\n{show(self.ops)}"
