# SPDX-License-Identifier: Apache-2.0
"""Requests to the JSON gateway that are none: the status, the error's number and the error of etcd itself are those of a real
etcd, which is asked the same; only how a body is no JSON is said in words of our own."""
import http.client
import json
import socket

import pytest

from etcdclient import Client
from etcdnode import EtcdNode, start_node_under_test
from etcdproto import message
from server import kind_under_test

pytestmark = [pytest.mark.larder("memcached has no gateway"), pytest.mark.slow]
ours = pytest.mark.skipif(kind_under_test() == "etcd", reason="Larder's own answer")

DEADLINE = 30
KEY = '"Zm9v"'
# Path and body of what cannot be read: etcd's words for it are those of its JSON library.
UNREADABLE = [
    ("kv/range", b""),
    ("kv/range", b"{"),
    ("kv/range", b"}"),
    ("kv/range", b"null"),
    ("kv/range", b"[]"),
    ("kv/range", b"7"),
    ("kv/range", b'"text"'),
    ("kv/range", b"{\"key\": }"),
    ("kv/range", b'{"key": 7}'),
    ("kv/range", b'{"key": {}}'),
    ("kv/range", b'{"key": ["Zm9v"]}'),
    ("kv/range", b'{"key": true}'),
    ("kv/range", b'{"key": "?"}'),
    ("kv/range", b'{"key": "Zm9v*"}'),
    ("kv/range", b'{"key": "Zm9v", "limit": "x"}'),
    ("kv/range", b'{"key": "Zm9v", "limit": 1.5}'),
    ("kv/range", b'{"key": "Zm9v", "limit": "99999999999999999999"}'),
    ("kv/range", b'{"key": "Zm9v", "limit": true}'),
    ("kv/range", b'{"key": "Zm9v", "serializable": "yes"}'),
    ("kv/range", b'{"key": "Zm9v", "serializable": 1}'),
    ("kv/range", b'{"key": "Zm9v", "sort_order": "SIDEWAYS"}'),
    ("kv/range", b'{"key": "Zm9v", "sort_order": {}}'),
    ("kv/txn", b'{"success": {}}'),
    ("kv/txn", b'{"success": [7]}'),
    ("kv/txn", b'{"success": [{"request_put": []}]}'),
    ("kv/put", b"\xff\xfe"),
    ("kv/put", b"<key>foo</key>"),
    ("kv/put", b"key=foo"),
    ("watch", b"{"),
    ("watch", b'{"create_request": 7}'),
    ("lease/grant", b'{"TTL": "long"}'),
    ("lease/keepalive", b'{"ID": {}}'),
]
STREAMS = ("watch", "lease/keepalive")
# What can be read, and how etcd answers it: the same in each word.
READABLE = [
    ("kv/range", b"{}"),
    ("kv/range", b'{"key": ""}'),
    ("kv/range", b'{"key": null}'),
    ("kv/range", b'  {"key" : "Zm9v"}  '),
    ("kv/range", b'{"key": "Zm9v", "limit": 3}'),
    ("kv/range", b'{"key": "Zm9v", "limit": "3"}'),
    ("kv/range", b'{"key": "Zm9v", "limit": null}'),
    ("kv/range", b'{"key": "Zm9v", "sort_order": "DESCEND", "sort_target": "MOD"}'),
    ("kv/range", b'{"key": "Zm9v", "sort_order": 1, "sort_target": 2}'),
    ("kv/range", b'{"key": "Zm9v", "rangeEnd": "Zm9w", "countOnly": true}'),
    ("kv/range", b'{"key": "Zm9v", "range_end": "Zm9w", "keys_only": true}'),
    ("kv/range", b'{"key": "Zm9v", "nothing": 7}'),
    ("kv/range", b'{"key": "Zm9v", "revision": "999999"}'),
    ("kv/put", b'{"key": "Zm9v", "value": "YmFy", "lease": "4242"}'),
    ("kv/put", b'{"key": "Zm9v", "value": "YmFy", "ignore_value": true}'),
    ("kv/put", b'{"value": "YmFy"}'),
    ("kv/deleterange", b"{}"),
    ("kv/txn", b"{}"),
    ("kv/txn", b'{"success": [{}]}'),
    ("kv/txn", b'{"compare": [{}]}'),
    ("kv/txn", b'{"success": [{"request_put": {"key": "YQ=="}}, {"requestPut": {"key": "YQ=="}}]}'),
    ("kv/compaction", b'{"revision": "999999"}'),
    ("lease/grant", b'{"TTL": "9999999999999", "ID": "7"}'),
    ("lease/revoke", b'{"ID": "4242"}'),
    ("lease/timetolive", b'{"ID": "4242"}'),
    ("lease/keepalive", b'{"ID": "4242"}'),
    ("lease/leases", b"{}"),
]
PATHS = [
    ("POST", "/v3/nothing"), ("POST", "/v3/kv"), ("POST", "/v3/"), ("POST", "/v3"), ("POST", "/v3/kv/range/"),
    ("POST", "/v3/kv/range/more"), ("POST", "/v4/kv/range"), ("POST", "/v3/KV/Range"), ("GET", "/v3/kv/range"),
    ("PUT", "/v3/kv/put"), ("DELETE", "/v3/kv/deleterange"), ("POST", "/v3//kv/range"),
]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """A real etcd and the server under test, which hold the same."""
    place = tmp_path_factory.mktemp("gateway")
    running = [EtcdNode(place / "reference")]
    try:
        running.append(start_node_under_test(place / "node"))
        for node in running:
            with Client(node.port) as client:
                client.do(message("PutRequest")(key=b"foo", value=b"bar"))
        yield running
    finally:
        for node in running:
            node.stop()


@pytest.fixture
def node(nodes):
    yield nodes[1]
    nodes[1].assert_alive()


def ask(node, method, path, body=b"", headers=None):
    """Status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=DEADLINE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def without_ids(answer):
    for name in ("cluster_id", "member_id", "raft_term"):
        answer.get("header", {}).pop(name, None)
    return answer


@pytest.mark.parametrize("path,body", UNREADABLE)
def test_what_cannot_be_read(nodes, path, body):
    (expected_status, expected), (status, got) = (ask(node, "POST", f"/v3/{path}", body) for node in nodes)
    if kind_under_test() == "etcd":
        assert (status, got) == (expected_status, expected) or status == expected_status == 200
        return
    if expected_status == 200:
        assert status == 200 and without_ids(json.loads(got)) == without_ids(json.loads(expected))
        return
    # Of a stream's request etcd says that it does not know why it failed, although it is the client's fault here too.
    assert status == 400 and expected_status == (500 if path in STREAMS else 400), got
    error, same = json.loads(got), json.loads(expected)
    assert set(error) == set(same) and error["error"] == error["message"] != ""
    assert error["code"] == 3 and same["code"] == (2 if path in STREAMS else 3)


@pytest.mark.parametrize("path,body", READABLE)
def test_what_can_be_read(nodes, path, body):
    (expected_status, expected), (status, got) = (ask(node, "POST", f"/v3/{path}", body) for node in nodes)
    expected, got = json.loads(expected), json.loads(got)
    for answer in (expected, got):
        without_ids(answer.get("result", answer))
    assert (status, got) == (expected_status, expected)


@pytest.mark.parametrize("method,path", PATHS)
def test_other_paths_and_methods(nodes, method, path):
    """Nothing of etcd's is there; what else a node has there is its own affair."""
    (expected_status, _), (status, body) = (ask(node, method, path, b"{}") for node in nodes)
    assert (status == 200) == (expected_status == 200), (expected_status, status, body)


@ours
@pytest.mark.parametrize("size", [16 << 20, 1 << 40])
def test_a_body_over_the_limit(node, size):
    """It is refused by its length, before it has come."""
    with socket.create_connection(("127.0.0.1", node.port), DEADLINE) as raw:
        raw.sendall(b"POST /v3/kv/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size + b'{"key": "')
        assert b" 413 " in raw.recv(4096).split(b"\r\n")[0]
    assert ask(node, "POST", "/v3/kv/range", b"{\"key\": %s}" % KEY.encode())[0] == 200


def test_a_value_over_the_limit(nodes):
    body = json.dumps({"key": "Zm9v", "value": "QUFB" * 530_000}).encode()
    (expected_status, expected), (status, got) = (ask(node, "POST", "/v3/kv/put", body) for node in nodes)
    assert status == expected_status
    assert json.loads(got) == json.loads(expected)


@ours
@pytest.mark.parametrize("body", [b'{"a":' * 100_000, b"[" * 500_000, b'{"success":[{"request_txn":' * 30_000],
                         ids=["objects", "lists", "transactions"])
def test_deep_bodies(node, body):
    status, answer = ask(node, "POST", "/v3/kv/txn", body)
    assert status == 400 and json.loads(answer)["code"] == 3
    assert ask(node, "POST", "/v3/kv/range", b"{\"key\": %s}" % KEY.encode())[0] == 200


@ours
def test_deep_transactions(node):
    depth = 20_000
    body = b'{"success":[{"request_txn":' * depth + b"{}" + b"}]}" * depth
    status, answer = ask(node, "POST", "/v3/kv/txn", body)
    assert status == 400 and json.loads(answer)["code"] == 3


@ours
def test_another_host(node):
    """A page that reached us under a name of its own may not ask here either."""
    status, _ = ask(node, "POST", "/v3/kv/range", b"{\"key\": %s}" % KEY.encode(), {"Host": "attacker.example"})
    assert status in (403, 421)


def test_a_client_that_leaves_a_watch(node):
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", node.port), DEADLINE) as raw:
            body = b'{"create_request": {"key": "AA==", "range_end": "AA=="}}'
            raw.sendall(b"POST /v3/watch HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert b" 200 " in raw.recv(4096).split(b"\r\n")[0]
    assert ask(node, "POST", "/v3/kv/range", b"{\"key\": %s}" % KEY.encode())[0] == 200
