# SPDX-License-Identifier: Apache-2.0
"""Requests that are allowed but odd, which random operations do not make: the same answers as those of a real etcd."""
import pytest

from etcdproto import message
from grpcform import as_json, equal, without_ids
from grpcpair import Pair

pytestmark = pytest.mark.larder("it has etcd beside it")

RANGE, PUT, DELETE, TXN, COMPACT = (message(name) for name in (
    "RangeRequest", "PutRequest", "DeleteRangeRequest", "TxnRequest", "CompactionRequest"))
WATCH, GRANT, REVOKE, TTL, LEASES, HASH = (message(name) for name in (
    "WatchRequest", "LeaseGrantRequest", "LeaseRevokeRequest", "LeaseTimeToLiveRequest", "LeaseLeasesRequest",
    "HashKVRequest"))
A_RANGE = {"request_range": {"key": b"a"}}
A_PUT = {"request_put": {"key": b"a", "value": b"1"}}
WHOLE = {"key": b"\0", "range_end": b"\0"}


def deep(depth, inner):
    txn = TXN(success=[inner])
    for _ in range(depth):
        txn = TXN(success=[{"request_txn": txn}])
    return txn





# Each is asked on top of those before it.
REQUESTS = [
    PUT(key=b"a", value=b"1"),
    PUT(key=b"b", value=b"2", prev_kv=True),
    RANGE(),
    RANGE(range_end=b"z"),
    RANGE(key=b"a", range_end=b"a"),
    RANGE(key=b"b", range_end=b"a"),
    RANGE(**WHOLE, limit=-1),
    RANGE(**WHOLE, limit=2**62),
    RANGE(**WHOLE, revision=-5),
    RANGE(**WHOLE, revision=2**62),
    RANGE(**WHOLE, count_only=True, limit=1),
    RANGE(**WHOLE, keys_only=True, count_only=True),
    RANGE(**WHOLE, min_mod_revision=3, max_mod_revision=2),
    RANGE(**WHOLE, min_mod_revision=-1),
    RANGE(**WHOLE, max_create_revision=-1),
    RANGE(**WHOLE, sort_order=1, sort_target=3, limit=1),
    DELETE(),
    DELETE(range_end=b"z"),
    DELETE(key=b"nothing", prev_kv=True),
    PUT(),
    PUT(key=b"c" * 100_000, value=b"long"),
    DELETE(key=b"c" * 100_000, prev_kv=True),
    PUT(key=b"a", value=b"v" * 1_572_800),
    PUT(key=b"a", value=b"v" * 1_572_864),
    PUT(key=b"a", ignore_value=True, ignore_lease=True),
    PUT(key=b"nothing", ignore_value=True, ignore_lease=True),
    PUT(key=b"a", value=b"v", lease=-1),
    PUT(key=b"a", value=b"v", lease=2**63 - 1),
    TXN(),
    TXN(compare=[{}]),
    TXN(compare=[{"key": b"a"}]),
    TXN(compare=[{"key": b"nothing"}], success=[A_RANGE]),
    TXN(compare=[{"key": b"nothing", "target": "VALUE"}], success=[A_RANGE]),
    TXN(compare=[{"key": b"a", "target": "VALUE"}], success=[A_RANGE]),
    TXN(compare=[{"key": b"a", "target": "VERSION", "version": 0, "result": "GREATER"}], success=[A_PUT]),
    TXN(compare=[{"key": b"a", "target": "LEASE", "lease": 0, "result": "NOT_EQUAL"}], failure=[A_PUT]),
    # The target says one thing, the number is of another.
    TXN(compare=[{"key": b"a", "target": "CREATE", "version": 1}], failure=[A_RANGE]),
    TXN(success=[{}]),
    TXN(failure=[{}]),
    TXN(success=[A_RANGE, {}]),
    TXN(success=[{"request_txn": {}}]),
    TXN(success=[A_PUT, A_PUT]),
    TXN(success=[A_PUT], failure=[A_PUT]),
    TXN(success=[A_PUT, {"request_delete_range": {"key": b"a"}}]),
    TXN(success=[A_PUT, {"request_delete_range": {"key": b"0", "range_end": b"z"}}]),
    TXN(success=[{"request_delete_range": {"key": b"a"}}, {"request_delete_range": {"key": b"a"}}]),
    TXN(success=[A_PUT, {"request_txn": {"success": [A_PUT]}}]),
    TXN(success=[{"request_txn": {"success": [A_PUT]}}, {"request_txn": {"failure": [A_PUT]}}]),
    TXN(success=[{"request_range": {"key": b"a", "revision": 1000}}, A_PUT]),
    TXN(success=[A_PUT, {"request_range": {"key": b"a", "revision": 1}}]),
    TXN(success=[{"request_put": {"key": b"a", "lease": 99}}]),
    TXN(success=[{"request_range": {}}]),
    TXN(success=[A_RANGE] * 128),
    TXN(success=[A_RANGE] * 129),
    TXN(failure=[A_RANGE] * 129),
    TXN(compare=[{"key": b"a"}] * 128),
    TXN(compare=[{"key": b"a"}] * 129),
    deep(48, A_RANGE),  # as deep as Larder, and Python, read messages; etcd goes on to 128
    TXN(success=[{"request_txn": {"success": [A_RANGE] * 127}}]),
    TXN(success=[{"request_txn": {"success": [A_RANGE] * 128}}]),
    COMPACT(),
    COMPACT(revision=-1),
    COMPACT(revision=1000),
    GRANT(ID=7),
    GRANT(ID=7, TTL=-1),
    GRANT(ID=-7, TTL=100),
    GRANT(ID=7, TTL=9_000_000_000),
    GRANT(ID=7, TTL=9_000_000_000),
    GRANT(ID=8, TTL=9_000_000_001),
    REVOKE(),
    REVOKE(ID=-7),
    TTL(ID=7),
    TTL(),
    TTL(ID=4242, keys=True),
    LEASES(),
    HASH(revision=-1),
    HASH(revision=1000),
    COMPACT(revision=5, physical=True),
    COMPACT(revision=5),
    COMPACT(revision=4),
    RANGE(**WHOLE, revision=4),
    RANGE(**WHOLE, revision=5),
    HASH(revision=4),
]


def kinds_of(request):
    """The operation as differences.same() wants to know of it."""
    return {"op": {"LeaseTimeToLiveRequest": "lease_ttl"}.get(request.DESCRIPTOR.name, request.DESCRIPTOR.name)}


def test_odd_requests(tmp_path):
    with Pair(tmp_path, 0) as pair:
        for number, request in enumerate(REQUESTS):
            expected, got = (side.client.ask(request) for side in pair.sides)
            what = f"{number}: {request.DESCRIPTOR.name} {str(request)[:300]}\n{str(expected)[:500]}\n{str(got)[:500]}"
            assert equal(kinds_of(request), expected, got), what


# Watches on one stream, in order; after each, so many answers come, that are the same.
WATCHES = [
    (WATCH(create_request={"key": b"a", "watch_id": 5}), 1),
    (WATCH(create_request={"key": b"a", "watch_id": 5}), 1),  # twice the same number
    (WATCH(create_request={"key": b"a"}), 1),
    (WATCH(create_request={"key": b"a", "watch_id": 1}), 1),
    (WATCH(create_request={"key": b"a"}), 1),  # passes over those that are taken
    (WATCH(create_request={"key": b"b", "range_end": b"a", "watch_id": 20}), 1),
    (WATCH(create_request={"key": b"a", "range_end": b"a", "watch_id": 21}), 1),
    (WATCH(create_request={"key": b"a", "start_revision": -1, "watch_id": 22}), 1),
    (WATCH(create_request={"key": b"a", "start_revision": 1000, "watch_id": 23}), 1),
    (WATCH(create_request={"key": b"x", "filters": [0, 0, 1], "watch_id": 24}), 1),
    (WATCH(create_request={"watch_id": 25}), 1),  # the empty key
    (WATCH(cancel_request={"watch_id": 24}), 1),
    (WATCH(cancel_request={"watch_id": 24}), 0),  # no longer there
    (WATCH(cancel_request={"watch_id": 4242}), 0),
    (WATCH(), 0),
    (WATCH(progress_request={}), 1),
    (WATCH(cancel_request={"watch_id": 5}), 1),
    (WATCH(create_request={"key": b"a", "watch_id": 5}), 1),  # free again
]


def test_odd_watches(tmp_path):
    with Pair(tmp_path, 0) as pair:
        for number, (request, count) in enumerate(WATCHES):
            for side in pair.sides:
                side.watches.send(request)
            for _ in range(count):
                expected, got = (without_ids(side.watches.read()) for side in pair.sides)
                assert expected == got, f"{number}: {as_json(request)}\n{as_json(expected)}\n{as_json(got)}"


def test_fragments(tmp_path):
    """A message of more than etcd's limit comes in parts to who asks for that, and whole to who does not."""
    with Pair(tmp_path, 0) as pair:
        for number in range(40):
            key = b"big/%d" % (number % 4)
            assert pair.sides[0].client.do(PUT(key=key, value=b"v" * 100_000)).header.revision == \
                pair.sides[1].client.do(PUT(key=key, value=b"v" * 100_000)).header.revision
        create = {"key": b"big/", "range_end": b"big0", "start_revision": 2, "prev_kv": True}
        everything = [[read_all(side, {**create, "fragment": fragment, "watch_id": 1 + fragment}) for side in pair.sides]
                      for fragment in (False, True)]
        for (expected, expected_parts), (got, got_parts) in everything:
            assert got == expected and len(expected) == 40
        assert expected_parts > 2 and got_parts > 2


def read_all(side, create):
    """The events up to the newest, and how many messages they came in. A part is never larger than etcd's limit."""
    side.watches.send(WATCH(create_request=create))
    number = create["watch_id"]
    assert side.read_watch(number).created
    events = []
    parts = 0
    whole = False
    while not whole or len(events) < 40:
        answer = side.read_watch(number)
        events += answer.events
        parts += 1
        whole = not answer.fragment
        assert not answer.fragment or create["fragment"]
        assert not create["fragment"] or answer.ByteSize() < 2 << 20
    return events, parts
