#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The layer check: a room of src/ includes only rooms of a lower rank (docs/ARCHITECTURE.md).

    check.py [DIRECTORY]    looks through DIRECTORY/src (default: this project), prints FILE:LINE and why for each
                            include that breaks a rule, and exits with 1 if there is one
"""

import pathlib
import re
import sys

ROOMS_BY_RANK = [
    ["base"],
    ["model"],
    ["telemetry"],
    ["proto", "cache", "ring", "net", "trace"],
    ["store", "origin", "peer", "auth", "export"],
    ["cohere", "cluster"],
    ["group"],
    ["cmd"],
    ["rpc"],
    ["session", "client", "library"],
    ["daemon", "cli"],
]
RANKS = {room: rank for rank, rooms in enumerate(ROOMS_BY_RANK) for room in rooms}

# Headers of libraries that only some places may know, by their name or the first part of it.
HOMES = {
    "uv.h": ["net"],
    "uv": ["net"],
    "lmdb.h": ["store/local"],
    "nghttp2": ["proto/grpc"],
    "crypt.h": ["auth"],
    "curl": ["cli/http", "net"],
    "openssl": ["net"],
    "openssl/evp.h": ["store/local"],
    "openssl/hmac.h": ["peer"],
    "openssl/crypto.h": ["peer"],
}

INCLUDE = re.compile(r"\s*#\s*include\b\s*(.*)")
OPERAND = re.compile(r'(["<])([^">]+)[">]')


def complaint(source, place, operand):
    """Why a file in `place` (its directory below `source`, such as "store/local") may not include `operand`, or None."""
    room = place.split("/")[0]
    match = OPERAND.match(operand)
    if not match:
        return "an include must name its file, so that this check can read it"
    bracket, header = match.groups()
    first = header.split("/")[0]
    homes = HOMES.get(header, HOMES.get(first))
    if homes is not None:
        if any(place == home or place.startswith(home + "/") for home in homes):
            return None
        return f"{header} belongs to {' and '.join(home + '/' for home in homes)} alone"
    if bracket == "<":
        # src/ is on the include path, so brackets would find our headers too; <net/if.h> is the system's.
        return f"{header} is ours: write it in quotes" if (source / header).exists() else None
    if "/" not in header or first not in RANKS:
        return f'"{header}" does not begin with a room: write "room/file.h", or <file.h> for a library'
    if ".." in header.split("/"):
        return f'"{header}" goes through "..", which hides the room it comes from'
    if first == room:
        return None
    if RANKS[first] == RANKS[room]:
        return f"{room} and {first} have the same rank, {RANKS[room]}, and do not know each other"
    if RANKS[first] > RANKS[room]:
        return f"{room} (rank {RANKS[room]}) includes {first} (rank {RANKS[first]}), which stands above it"
    return None


def check(root):
    """All complaints about root/src, as texts."""
    source = root / "src"
    found = []
    for path in sorted(source.rglob("*")):
        if path.suffix not in (".c", ".h", ".def"):
            continue
        shown = path.relative_to(root)
        place = path.parent.relative_to(source).as_posix()
        room = place.split("/")[0]
        if room not in RANKS:
            found.append(f"{shown}:1: '{room}' is no room that the layer check knows")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            match = INCLUDE.match(line)
            why = complaint(source, place, match.group(1)) if match else None
            if why:
                found.append(f"{shown}:{number}: {why}")
    return found


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    if not (root / "src").is_dir():
        print(f"{root}/src: no such directory", file=sys.stderr)
        return 2
    found = check(root)
    for text in found:
        print(text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
