#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ring as docs/RING.md describes it, written a second time: makes the golden vectors, or checks that it still does.

usage: reference.py > vectors.txt
       reference.py --check vectors.txt

Each line of the vectors begins with what it is about; texts are in hexadecimal digits, "-" if they are empty:

    slot KEY HASH SLOT               the XXH3 of a key and the slot it lies in
    score NAME SLOT SCORE            of a node in a slot
    owner COUNT SLOT NAME            whose the slot is among the nodes node-0000 .. node-<COUNT-1>
    ring NAMES HASH SHARES           NAMES parted by ','. HASH: XXH3 of the owners' indexes, 2 bytes each, little-endian,
                                     of all slots; SHARES: slots of each node
    server COUNT KEY PLACE           whose the key is among the servers 10.0.0.1:11211 .. 10.0.0.<COUNT>:11211, as clients name them
    digest MEMBERS HASH              of a membership; MEMBERS are NAME:INCARNATION:ALGORITHM:LEAVING, parted by ','
"""
import sys

import xxhash

SLOT_BITS = 18
SLOTS = 1 << SLOT_BITS
MASK = (1 << 64) - 1

KEYS = [b"", b"a", b"key", b"user:1234", b"node-0000", b"\x00", b"\xff\x00\xff", "Schlüssel".encode(),
        b"16 bytes of text", b"17 bytes of text.", b"x" * 128, b"x" * 129, b"x" * 240, b"x" * 241, b"long" * 300]
NAMES = [b"a", b"b", b"node-0000", b"node-0001", b"cache-7.site-2.example", b"10.0.0.1:11211", b"z" * 128]
RINGS = [[b"only"], [b"a", b"b"], [b"a", b"b", b"c"], [b"10.0.0.%d" % number for number in range(1, 11)]]
MANY = [3, 10, 100, 1000, 1024]
SERVERS = [1, 2, 4, 15, 16, 40]
MEMBERSHIPS = [
    [],
    [(b"a", 1, 1, False)],
    [(b"a", 2, 1, False)],
    [(b"a", 1, 2, False)],
    [(b"a", 1, 1, True)],
    [(b"a", 1, 1, False), (b"b", (1 << 63) - 1, (1 << 32) - 1, True)],
    [(b"node-%02d" % number, 1000 + number, 1, number % 7 == 0) for number in range(20)],
]


def xxh3(data):
    return xxhash.xxh3_64_intdigest(data)


def slot_of(key):
    return xxh3(key) >> (64 - SLOT_BITS)


def score(seed, slot):
    """The output number `slot` of SplitMix64 that was started with `seed`."""
    z = (seed + (slot + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def owner(seeds, slot):
    """The index of the node with the highest score; of equal ones the first."""
    scores = [score(seed, slot) for seed in seeds]
    return scores.index(max(scores))


def digest(members):
    """Of a list sorted by name."""
    data = b"".join(name + b"\0" + incarnation.to_bytes(8, "little") + algorithm.to_bytes(4, "little") +
                    bytes([leaving]) for name, incarnation, algorithm, leaving in members)
    return xxh3(data)


def text(data):
    return data.hex() or "-"


def ring_line(names):
    seeds = [xxh3(name) for name in names]
    owners = [owner(seeds, slot) for slot in range(SLOTS)]
    table = b"".join(index.to_bytes(2, "little") for index in owners)
    shares = ",".join(str(owners.count(index)) for index in range(len(names)))
    return f"ring {','.join(map(text, names))} {xxh3(table):016x} {shares}"


def many_lines(count):
    names = [b"node-%04d" % number for number in range(count)]
    seeds = [xxh3(name) for name in names]
    for step in range(40):
        slot = (step * 6553 + count) % SLOTS if step < 38 else (0, SLOTS - 1)[step - 38]
        yield f"owner {count} {slot} {text(names[owner(seeds, slot)])}"


def server_lines(count):
    seeds = [xxh3(b"10.0.0.%d:11211" % number) for number in range(1, count + 1)]
    for number in range(30):
        key = b"key-%d" % number
        yield f"server {count} {text(key)} {owner(seeds, slot_of(key))}"


def digest_line(members):
    told = ",".join(f"{text(name)}:{incarnation}:{algorithm}:{leaving:d}"
                    for name, incarnation, algorithm, leaving in members)
    return f"digest {told or '-'} {digest(members):016x}"


def vectors():
    yield "# SPDX-License-Identifier: Apache-2.0"
    yield "# Golden vectors of the ring; reference.py, which made them, says what the lines mean."
    for key in KEYS:
        yield f"slot {text(key)} {xxh3(key):016x} {slot_of(key)}"
    for name in NAMES:
        for slot in (0, 1, 4711, SLOTS - 1):
            yield f"score {text(name)} {slot} {score(xxh3(name), slot):016x}"
    for count in MANY:
        yield from many_lines(count)
    for names in RINGS:
        yield ring_line(sorted(names))
    for count in SERVERS:
        yield from server_lines(count)
    for members in MEMBERSHIPS:
        yield digest_line(members)


def check(path):
    with open(path, encoding="ascii") as file:
        found = file.read().splitlines()
    made = list(vectors())
    for number, (old, new) in enumerate(zip(found, made), 1):
        if old != new:
            sys.exit(f"{path}:{number}: {old!r} stands there, but it is {new!r}")
    if len(found) != len(made):
        sys.exit(f"{path} has {len(found)} lines and not {len(made)}")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        check(sys.argv[2])
    elif len(sys.argv) == 1:
        print(*vectors(), sep="\n")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
