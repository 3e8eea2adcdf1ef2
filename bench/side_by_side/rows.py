# SPDX-License-Identifier: Apache-2.0
"""The rows of the comparison: what is measured, and what is asked of it."""
import dataclasses

RATIO = "ratio"  # larderd's figure divided by memcached's
VALUE = "value"  # larderd's figure itself

GET = ("--mix", "1:0")
SET = ("--mix", "0:1")
CONNECTIONS = 50
KEYS = 100_000
KEY_SIZE = 10
VALUE_SIZE = 64
ITEMS = 1_000_000
IDLE_CONNECTIONS = 10_000


@dataclasses.dataclass(frozen=True)
class Row:
    """`most` is the largest figure that is good enough, in `unit` where it is judged by VALUE; with `strictly` it has
    to be less. `load` are the options of `larder bench` where the row is a load."""
    number: int
    what: str
    kind: str
    most: float
    unit: str
    judged: str = RATIO
    strictly: bool = False
    load: tuple = ()


ROWS = (
    Row(1, "GET hit, 64-byte value, 50 connections, no pipelining", "load", 0.93, "us CPU/request", load=GET),
    Row(2, "GET hit, one get per request, 32 pipelined", "load", 0.09, "us CPU/request",
        load=(*GET, "--pipeline", "32")),
    Row(3, "GET hit, one get of 32 keys", "load", 0.8, "us CPU/request", load=(*GET, "--keys-per-get", "32")),
    Row(4, "SET, no pipelining", "load", 0.94, "us CPU/request", load=SET),
    Row(5, "SET, 32 pipelined", "load", 0.55, "us CPU/request", load=(*SET, "--pipeline", "32")),
    Row(6, "memory per item, 1,000,000 items, 10-byte keys, 64-byte values", "items", 1.0, "bytes/item"),
    Row(7, "resident memory of an idle node, default options", "idle", 16.0, "MiB", judged=VALUE),
    Row(8, "10,000 idle connections served, resident growth of each", "connections", 4096.0, "bytes/connection",
        judged=VALUE, strictly=True),
)


def is_met(row, figure):
    return figure < row.most if row.strictly else figure <= row.most


def limit_text(row):
    """The limit in words, for tables."""
    if row.judged == RATIO:
        return f"{row.most:g}"
    return f"{'under' if row.strictly else 'up to'} {row.most:g} {row.unit.split('/')[0]}"
