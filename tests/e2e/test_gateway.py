# SPDX-License-Identifier: Apache-2.0
"""etcd's JSON gateway over real connections: curl, streams, clients that leave, a node that ends."""
import base64
import contextlib
import json
import re
import socket
import subprocess

import pytest

from httpwire import DEADLINE, ask, connect, raw_connect, read_until, start_node
from server import Server, wait_until

pytestmark = pytest.mark.larder("memcached speaks no HTTP")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    running = start_node(tmp_path_factory.mktemp("gateway"))
    yield running
    running.stop()


def b64(text):
    return base64.b64encode(text.encode()).decode()


def call(server, method, message, **options):
    answer = ask(server, "POST", f"/v3/{method}", json.dumps(message), **options)
    return answer.status, answer.json


def put(server, key, value, **options):
    status, answer = call(server, "kv/put", {"key": b64(key), "value": b64(value)}, **options)
    assert status == 200
    return int(answer["header"]["revision"])


def watchers(server):
    return ask(server, "GET", "/admin/groups").json["store"]["watchers"]


@contextlib.contextmanager
def stream(server, method, *messages):
    """A call that streams, as a raw connection, and its lines of JSON one after the other."""
    body = "\n".join(json.dumps(message) for message in messages).encode()
    with contextlib.closing(connect(server)) as connection:
        connection.request("POST", f"/v3/{method}", body)
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers["Grpc-Metadata-Content-Type"] == "application/grpc"
        yield response


def test_more_is_asked_than_answers_find_room_for(node):
    """One body with many requests of a stream: its answers are not read before all are asked."""
    answer = ask(node, "POST", "/v3/lease/keepalive", "{}" * 200_000)
    last = json.loads(answer.body.splitlines()[-1])
    assert answer.status == 200 and last["error"]["grpc_code"] == 8
    assert put(node, "still", "here") > 0


def test_curl_speaks_to_it_as_to_etcd(node):
    address = f"http://{node.host}:{node.port}"
    run = ["curl", "-sS", "--max-time", str(DEADLINE)]
    said = json.dumps({"key": b64("curl"), "value": b64("x" * 5000)})
    written = subprocess.run([*run, f"{address}/v3/kv/put", "-d", said], stdout=subprocess.PIPE, check=True)
    revision = json.loads(written.stdout)["header"]["revision"]
    read = subprocess.run([*run, f"{address}/v3beta/kv/range", "-d", json.dumps({"key": b64("curl")})],
                          stdout=subprocess.PIPE, check=True)
    answer = json.loads(read.stdout)
    assert answer["kvs"] == [{"key": b64("curl"), "create_revision": revision, "mod_revision": revision, "version": "1",
                              "value": b64("x" * 5000)}]
    assert answer["count"] == "1"


def test_a_connection_goes_on(node):
    with contextlib.closing(connect(node)) as connection:
        first = put(node, "on", "1", connection=connection)
        lease = call(node, "lease/grant", {"TTL": 600}, connection=connection)[1]["ID"]
        answer = ask(node, "POST", "/v3/lease/keepalive", json.dumps({"ID": lease}) * 2, connection=connection)
        lines = [json.loads(line)["result"] for line in answer.body.splitlines()]
        assert [(line["ID"], line["TTL"]) for line in lines] == [(lease, "600")] * 2
        status, error = call(node, "kv/range", {}, connection=connection)
        text = "etcdserver: key is not provided"
        assert (status, error) == (400, {"error": text, "message": text, "code": 3})
        assert put(node, "on", "2", connection=connection) == first + 1
        assert ask(node, "GET", "/config/none", connection=connection).status == 404


def test_pipelined_requests_are_answered_in_order(node):
    body = json.dumps({"key": b64("pipe"), "value": b64("1")}).encode()
    head = b"POST /v3/kv/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    last = b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with contextlib.closing(raw_connect(node)) as raw:
        raw.sendall((head + body) * 20 + last)
        raw.shutdown(socket.SHUT_WR)  # what was asked is answered all the same
        received = read_until(raw, b"etcdserver")
    revisions = [int(number) for number in re.findall(rb'"revision":"(\d+)"', received)]
    assert revisions == list(range(revisions[0], revisions[0] + 20))


def test_a_watch_hears_what_happens_and_its_end_is_noticed(node):
    before = watchers(node)
    create = {"create_request": {"key": b64("seen"), "range_end": b64("seeo")}}
    with stream(node, "watch", create) as response:
        created = json.loads(response.readline())["result"]
        assert created["created"] is True
        assert watchers(node) == before + 1
        revision = put(node, "seen/1", "a")
        events = json.loads(response.readline())["result"]["events"]
        assert events == [{"kv": {"key": b64("seen/1"), "create_revision": str(revision), "mod_revision": str(revision),
                                  "version": "1", "value": b64("a")}}]
    wait_until(lambda: watchers(node) == before, DEADLINE, "the watch ends with its client")


def test_a_call_is_counted_once(node):
    def counted():
        text = ask(node, "GET", "/metrics").body.decode()
        lines = re.findall(r'^larder_requests_total\{protocol="(\w+)",command="(\w+)".*\} (\d+)$', text, re.M)
        return sum(int(count) for protocol, command, count in lines if (protocol, command) != ("http", "metrics"))

    before = counted()
    put(node, "counted", "1")
    call(node, "kv/range", {"key": b64("counted")})
    assert call(node, "kv/range", {"key": "!"})[0] == 400
    assert counted() == before + 3


def test_a_node_that_ends_tells_its_watches(tmp_path):
    server = start_node(tmp_path)
    with stream(server, "watch", {"create_request": {"key": b64("k")}}) as response:
        assert json.loads(response.readline())["result"]["created"]
        server.stop()
        error = json.loads(response.read())["error"]
    assert (error["grpc_code"], error["http_code"]) == (14, 503)


def test_a_node_without_a_store_says_so(tmp_path):
    server = Server(tmp_path)
    status, error = call(server, "kv/put", {"key": b64("k")})
    assert (status, error["code"]) == (503, 14)
    assert "--data-dir" in error["message"]
    health = ask(server, "GET", "/health")
    assert (health.status, health.body) == (503, b'{"health":"false"}')
    server.stop()


def test_what_etcd_tells_of_itself(node):
    assert ask(node, "GET", "/health").body == b'{"health":"true"}'
    version = ask(node, "GET", "/version").json
    assert set(version) == {"etcdserver", "etcdcluster", "larder"}
    assert call(node, "maintenance/status", {})[1]["version"] == version["etcdserver"]


def test_the_token_is_in_the_authorization_field(tmp_path):
    server = start_node(tmp_path)
    for method, message in (("auth/user/add", {"name": "root", "password": "secret"}), ("auth/role/add", {"name": "root"}),
                            ("auth/user/grant", {"user": "root", "role": "root"}), ("auth/enable", {})):
        assert call(server, method, message)[0] == 200
    status, answer = call(server, "auth/authenticate", {"name": "root", "password": "secret"})
    assert status == 200
    assert call(server, "kv/put", {"key": b64("k")}, headers={"Authorization": answer["token"]})[0] == 200
    status, error = call(server, "kv/put", {"key": b64("k")})
    assert (status, error["error"]) == (400, "etcdserver: user name is empty")
    status, error = call(server, "kv/put", {"key": b64("k")}, headers={"Authorization": "none.1"})
    assert (status, error["code"]) == (401, 16)
    server.stop()


def test_a_client_that_waits_for_a_lock_may_leave(node):
    first = call(node, "lock/lock", {"name": b64("lock")})[1]
    with contextlib.closing(connect(node)) as connection:
        connection.request("POST", "/v3/lock/lock", json.dumps({"name": b64("lock")}))
        wait_until(lambda: call(node, "kv/range", {"key": b64("lock/"), "range_end": b64("lock0"), "count_only": True})[1]
                   .get("count") == "2", DEADLINE, "the second waits")
    answer = call(node, "lock/unlock", {"key": first["key"]})
    assert answer[0] == 200
    assert call(node, "lock/lock", {"name": b64("other")})[0] == 200
