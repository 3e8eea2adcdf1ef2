# SPDX-License-Identifier: Apache-2.0
"""What random operations do not come to: the ends of the limits, and leases that end by themselves. As etcd does it."""
import pytest

from operations import VALUES
from pair import Pair, WatchPair

OPS_MAX = 128
REQUEST_MAX = 1536 << 10
WHOLE = {"key": b"\x00", "range_end": b"\x00"}
EXPIRY_DEADLINE = 30
# The shortest time to live that etcd gives is 2 s.
SHORT_TTLS = {11: 1, 12: 0, 13: -1, 14: 2}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with Pair(tmp_path_factory.mktemp("pair"), "none") as both:
        yield both


def put(number, value=b"v"):
    return {"op": "put", "key": b"key/%d" % number, "value": value}


def compare(number):
    return {"key": b"key/%d" % number, "target": "VERSION", "result": "LESS", "number": 1 << 40}


def txn(compares=(), success=(), failure=()):
    return {"op": "txn", "compares": list(compares), "success": list(success), "failure": list(failure)}


def many(make, count):
    return [make(number) for number in range(count)]


def nested(depth, inner):
    return inner if depth == 0 else txn(success=[nested(depth - 1, inner)])


@pytest.mark.parametrize("op, status", [
    (txn(success=many(put, OPS_MAX)), "OK"),
    (txn(success=many(put, OPS_MAX + 1)), "TOO_MANY_OPS"),
    (txn(failure=many(put, OPS_MAX + 1)), "TOO_MANY_OPS"),
    (txn(many(compare, OPS_MAX), [put(1)]), "OK"),
    (txn(many(compare, OPS_MAX + 1), [put(1)]), "TOO_MANY_OPS"),
    (txn(many(compare, OPS_MAX), many(put, OPS_MAX), many(put, OPS_MAX)), "OK"),
    # A transaction takes from those within it as much room as its longest list has.
    (txn(success=[*many(put, 63), txn(success=many(lambda number: put(100 + number), 64))]), "OK"),
    (txn(success=[*many(put, 64), txn(success=many(lambda number: put(100 + number), 64))]), "TOO_MANY_OPS"),
    (txn(success=[txn(success=many(put, 127)), {"op": "range", **WHOLE, "count_only": True}]), "TOO_MANY_OPS"),
    (nested(15, put(1)), "OK"),
    (txn(success=[put(1), put(1)]), "DUPLICATE_KEY"),
    (txn(success=[put(1)], failure=[put(1)]), "OK"),
    (txn(success=[put(1), {"op": "delete", "key": b"key/0", "range_end": b"key/2"}]), "DUPLICATE_KEY"),
    (txn(success=[put(1), txn(success=[put(1)])]), "DUPLICATE_KEY"),
    (txn(success=[put(1), {"op": "delete", "key": b"a", "range_end": b"\x00"}]), "OK"),
    (txn(), "OK"),
    ({"op": "put", "key": b"big", "value": bytes(1 << 20)}, "OK"),
    ({"op": "put", "key": b"k" * (1 << 18), "value": bytes(1 << 19)}, "OK"),
    ({"op": "put", "key": b"big", "value": bytes(REQUEST_MAX + 1)}, "TOO_LARGE"),
    ({"op": "put", "key": b"k" * (REQUEST_MAX + 1), "value": b""}, "TOO_LARGE"),
    (txn(success=[put(1, bytes(REQUEST_MAX // 2)), put(2, bytes(REQUEST_MAX // 2 + 1))]), "TOO_LARGE"),
    ({"op": "lease_grant", "id": 1, "ttl": 9000000000}, "OK"),
    ({"op": "lease_grant", "id": 2, "ttl": 9000000001}, "LEASE_TTL_TOO_LARGE"),
])
def test_limits(pair, op, status):
    answer, after = pair.run([[op], [{"op": "range", **WHOLE}]])
    assert answer["status"] == status
    assert after["status"] == "OK"


def test_the_store_chooses_an_id(pair):
    first = pair.driver.ask("lease_grant", id=0, ttl=100)
    second = pair.driver.ask("lease_grant", id=0, ttl=100)
    assert first["status"] == second["status"] == "OK"
    assert first["lease"] > 0 and second["lease"] > 0 and first["lease"] != second["lease"]
    for granted in (first, second):
        assert pair.driver.ask("lease_revoke", id=granted["lease"])["status"] == "OK"


# --- expiry ---

def await_deletes(watch, count):
    """Both sides' next events, of which `count` are deletions."""
    driver = watch.pair.driver
    got = []
    while sum(event["type"] == "DELETE" for event in got) < count:
        revision = driver.ask("figures")["revision"]
        more = driver.ask("watch_next", watch=watch.number, until=revision)
        assert more["status"] == "OK"
        got += more["events"]
        if not more["events"]:
            woken = driver.ask("watch_wait", watch=watch.number, wait_ms=EXPIRY_DEADLINE * 1000)
            assert woken["woken"], f"only {got} within {EXPIRY_DEADLINE} s"
    expected = watch.read_etcd(got[-1]["kv"]["mod_revision"])
    return expected, got


def without_revisions(events):
    """Which of two leases ends first is left open if they were granted at the same moment."""
    return sorted((event["type"], event["kv"]["key"], event["previous"]["value"]) for event in events)


def test_leases_end_by_themselves(tmp_path):
    with Pair(tmp_path, "none") as pair:
        watch = WatchPair(pair, 1, {**WHOLE, "start_revision": 0, "prev_kv": True, "no_put": True, "no_delete": False}, 0)
        answers = pair.run([[{"op": "lease_grant", "id": lease, "ttl": ttl}] for lease, ttl in SHORT_TTLS.items()])
        assert [answer["ttl"] for answer in answers] == [2, 2, 2, 2]
        pair.run([[{"op": "put", "key": b"key/%d/%d" % (lease, number), "value": VALUES[number], "lease": lease}]
                  for lease in SHORT_TTLS for number in range(3)])
        pair.run([[{"op": "put", "key": b"key/11/0", "value": b"without a lease"}]])  # it stays
        # A long one outlives them.
        pair.run([[{"op": "lease_grant", "id": 20, "ttl": 10000}],
                  [{"op": "put", "key": b"stays", "value": b"", "lease": 20}]])
        expected, got = await_deletes(watch, 3 * len(SHORT_TTLS) - 1)
        assert without_revisions(got) == without_revisions(expected)
        assert len({event["kv"]["mod_revision"] for event in got}) == len(SHORT_TTLS), "a lease ends in one revision"
        watch.close()
        pair.revision = pair.driver.ask("figures")["revision"]
        pair.run([[{"op": "range", **WHOLE, "keys_only": True}], [{"op": "lease_list"}],
                  *([{"op": "lease_ttl", "id": lease, "want_keys": True}] for lease in (*SHORT_TTLS, 20))])


def test_a_lease_ends_after_a_restart(tmp_path):
    """A start renews it, as a new leader of etcd does."""
    with Pair(tmp_path, "none") as pair:
        pair.run([[{"op": "lease_grant", "id": 1, "ttl": 2}], [{"op": "put", "key": b"key", "value": b"v", "lease": 1}]])
        pair.restart_driver()
        watch = WatchPair(pair, 1, {**WHOLE, "start_revision": 3, "prev_kv": True, "no_put": False, "no_delete": False}, 0)
        expected, got = await_deletes(watch, 1)
        assert got == expected
        watch.close()


def test_a_lease_that_is_kept_alive_lives_on(tmp_path):
    with Pair(tmp_path, "none") as pair:
        watch = WatchPair(pair, 1, {**WHOLE, "start_revision": 0, "prev_kv": True, "no_put": True, "no_delete": False}, 0)
        for lease in (1, 2):
            pair.run([[{"op": "lease_grant", "id": lease, "ttl": 2}],
                      [{"op": "put", "key": b"key/%d" % lease, "value": b"v", "lease": lease}]])
        ended = False
        while not ended:  # 1 is kept alive until 2 has ended on both sides
            pair.gateway.ask("lease/keepalive", {"ID": "1"})
            assert pair.driver.ask("lease_keep_alive", id=1)["status"] == "OK"
            store = pair.driver.ask("lease_ttl", id=2)["ttl"]
            etcd = int(pair.gateway.ask("lease/timetolive", {"ID": "2"}).get("TTL", 0))
            ended = store == etcd == -1
        expected, got = await_deletes(watch, 1)
        assert got == expected
        assert got[0]["kv"]["key"] == "a2V5LzI="
        assert pair.driver.ask("lease_ttl", id=1)["granted_ttl"] == 2
        expected, got = await_deletes(watch, 1)
        assert got == expected
        watch.close()
