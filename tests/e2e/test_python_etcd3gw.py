# SPDX-License-Identifier: Apache-2.0
"""python3-etcd3gw, which speaks JSON to the gateway under /v3alpha/ unless it is told another path."""
import threading

import etcd3gw
import pytest
from etcd3gw import exceptions

from server import kind_under_test, wait_until

pytestmark = [pytest.mark.larder("memcached has no gateway"), pytest.mark.slow]

DEADLINE = 60


IS_ETCD = kind_under_test() == "etcd"


@pytest.fixture(params=["/v3beta/", "/v3/"] if IS_ETCD else ["/v3alpha/", "/v3beta/", "/v3/"])
def client(etcd_node, request):
    return etcd3gw.Etcd3Client(host="127.0.0.1", port=etcd_node.port, timeout=DEADLINE, api_path=request.param)


@pytest.fixture
def plain(etcd_node):
    """As the client is without any word about a path. etcd 3.4 has given up the path that this one takes."""
    if IS_ETCD:
        return etcd3gw.Etcd3Client(host="127.0.0.1", port=etcd_node.port, timeout=DEADLINE, api_path="/v3/")
    return etcd3gw.client(host="127.0.0.1", port=etcd_node.port, timeout=DEADLINE)


def test_keys(client):
    assert client.get("a") == []
    assert client.put("a", "1") is True
    assert client.put("b", b"\0\xff") is True
    assert client.get("a") == [b"1"] and client.get("b") == [b"\0\xff"]
    assert client.get("a", metadata=True) == [
        (b"1", {"key": b"a", "create_revision": "2", "mod_revision": "2", "version": "1"})]
    assert client.delete("a") is True and client.delete("a") is False


def test_ranges(plain):
    for key, value in (("p/b", "1"), ("p/a", "2"), ("q", "3")):
        plain.put(key, value)
    assert [(value, about["key"]) for value, about in plain.get_prefix("p/")] == [(b"2", b"p/a"), (b"1", b"p/b")]
    assert [value for value, _ in plain.get_prefix("p/", sort_order="ascend", sort_target="create")] == [b"1", b"2"]
    assert [value for value, _ in plain.get_prefix("p/", sort_order="descend", sort_target="value")] == [b"2", b"1"]
    assert plain.get("p/", range_end="cDA=", limit=1) == [b"2"]
    assert plain.delete_prefix("p/") is True
    assert plain.get("q") == [b"3"]


def test_create_and_replace(plain):
    assert plain.create("a", "1") is True and plain.create("a", "2") is False
    assert plain.replace("a", "1", "3") is True and plain.replace("a", "1", "4") is False
    assert plain.get("a") == [b"3"]


def test_transaction(plain):
    answer = plain.transaction({
        "compare": [{"key": "YQ==", "result": "EQUAL", "target": "VERSION", "version": 0}],
        "success": [{"request_put": {"key": "YQ==", "value": "MQ=="}}, {"request_range": {"key": "YQ=="}}],
        "failure": [{"request_delete_range": {"key": "YQ=="}}]})
    assert answer["succeeded"] is True
    assert answer["responses"] == [
        {"response_put": {"header": {"revision": "2"}}},
        {"response_range": {"header": {"revision": "2"}, "count": "1", "kvs": [
            {"key": "YQ==", "create_revision": "2", "mod_revision": "2", "version": "1", "value": "MQ=="}]}}]


def test_leases(client):
    lease = client.lease(ttl=1000)
    assert 990 < lease.ttl() <= 1000
    assert client.put("a", "1", lease=lease) is True
    assert lease.keys() == [b"a"]
    assert lease.refresh() == 1000
    assert client.create("b", "1", lease=lease) is True
    assert sorted(lease.keys()) == [b"a", b"b"]
    assert lease.revoke() is True
    assert client.get("a") == [] and client.get("b") == []
    assert lease.refresh() == -1 and lease.ttl() == -1 and lease.keys() == []


def test_a_lease_that_nobody_refreshes_ends(plain):
    plain.put("a", "1", lease=plain.lease(ttl=1))
    wait_until(lambda: plain.get("a") == [], DEADLINE, "the key goes with its lease")


def test_locks(plain):
    lock, other = plain.lock("name", ttl=1000), plain.lock("name", ttl=1000)
    assert lock.acquire() is True and other.acquire() is False
    assert lock.is_acquired() and not other.is_acquired()
    assert lock.refresh() == 1000
    assert other.release() is False and lock.release() is True
    with plain.lock("name") as held:
        assert held.is_acquired()
    assert plain.get("/locks/name") == []


def test_watch(client):
    events, cancel = client.watch("a", start_revision=2)
    client.put("a", "1")
    client.put("b", "2")
    client.delete("a")
    assert next(events) == {
        "kv": {"key": b"a", "value": b"1", "create_revision": "2", "mod_revision": "2", "version": "1"}}
    assert next(events) == {"type": "DELETE", "kv": {"key": b"a", "mod_revision": "4"}}
    cancel()


def test_watch_prefix_with_what_was(plain):
    events, cancel = plain.watch_prefix("p/", start_revision=2, prev_kv=True, filters=["NOPUT"])
    plain.put("p/a", "1")
    plain.delete("p/a")
    event = next(events)
    assert (event["type"], event["kv"]["key"], event["prev_kv"]["value"]) == ("DELETE", b"p/a", "MQ==")
    cancel()


def test_watch_once(plain):
    with pytest.raises(exceptions.WatchTimedOut):
        plain.watch_once("a", timeout=0.1)
    writer = threading.Thread(target=lambda: plain.put("p/x", "1"))
    writer.start()
    assert plain.watch_prefix_once("p/", timeout=DEADLINE, start_revision=2)["kv"]["value"] == b"1"
    writer.join()


def test_status_and_members(client, etcd_node):
    status = client.status()
    assert status["version"].startswith("3.4.") and int(status["dbSize"]) > 0
    member, = client.members()
    assert member["ID"] == status["leader"] and f"http://127.0.0.1:{etcd_node.port}" in member["clientURLs"]


def test_errors(plain):
    with pytest.raises(exceptions.Etcd3Exception) as raised:
        plain.put("", "x")
    assert raised.value.detail_text == (
        '{"error":"etcdserver: key is not provided","message":"etcdserver: key is not provided","code":3}')
    gone = plain.lease(ttl=1000)
    gone.revoke()
    with pytest.raises(exceptions.Etcd3Exception) as raised:
        plain.put("a", "x", lease=gone)
    assert '"etcdserver: requested lease not found"' in raised.value.detail_text
