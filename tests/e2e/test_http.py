# SPDX-License-Identifier: Apache-2.0
"""The routes of HTTP/1.1, on the socket that also speaks memcached."""
import json
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.larder("memcached speaks no HTTP")


def url(server, path):
    return f"http://{server.host}:{server.port}{path}"


def get(server, path):
    with urllib.request.urlopen(url(server, path), timeout=10) as reply:
        return reply.status, reply.headers, reply.read()


def exchange(server, sent):
    """What comes back until the server closes."""
    with socket.create_connection((server.host, server.port), timeout=10) as raw:
        raw.sendall(sent)
        received = b""
        while piece := raw.recv(65536):
            received += piece
    return received


def test_health_readiness_version(server):
    assert get(server, "/healthz")[::2] == (200, b"ok\n")
    assert get(server, "/readyz")[::2] == (200, b"ready\n")
    status, headers, body = get(server, "/version")
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert set(json.loads(body)) == {"etcdserver", "etcdcluster", "larder"}


def test_metrics_please_promtool(server, connection):
    connection.ask(b"set a 0 0 1\r\n1\r\nget a\r\nget b\r\nincr a x\r\nmg a v\r\ndelete c\r\n")
    status, headers, body = get(server, "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    check = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60)
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")
    for series in (b'larder_requests_total{protocol="memcached",command="get",group="default",result="hit"}',
                   b'larder_requests_total{protocol="memcached",command="get",group="default",result="miss"}',
                   b'larder_requests_total{protocol="memcached",command="incr",group="default",result="error"}',
                   b'larder_requests_total{protocol="memcached",command="delete",group="default",result="absent"}'):
        assert series in body


def test_metrics_count(server, connection):
    def hits():
        body = get(server, "/metrics")[2].decode()
        name = 'larder_requests_total{protocol="memcached",command="get",group="default",result="hit"} '
        return sum(int(line[len(name):]) for line in body.splitlines() if line.startswith(name))
    connection.ask(b"set a 0 0 1\r\n1\r\n")
    before = hits()
    connection.ask(b"get a\r\n" * 7)
    assert hits() == before + 7


def test_curl_keeps_the_connection(server):
    done = subprocess.run(["curl", "-sv", url(server, "/healthz"), url(server, "/healthz")], capture_output=True, timeout=30)
    assert done.stdout == b"ok\nok\n"
    assert b"Re-using existing connection" in done.stderr


def test_head_has_no_body(server):
    reply = exchange(server, b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n") and b"Content-Length: 3\r\n" in reply
    assert reply.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path, status", [("/", 404), ("/nothing", 404), ("/metrics/", 404)])
def test_unknown_routes(server, path, status):
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(server, path)
    assert caught.value.code == status
    assert json.loads(caught.value.read())["code"] == status


def test_only_reading(server):
    reply = exchange(server, b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
    assert reply.startswith(b"HTTP/1.1 405 ") and b"Allow: GET, HEAD\r\n" in reply


def test_pipelined_and_split_at_every_byte(server):
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    whole = exchange(server, request)
    assert whole.count(b"HTTP/1.1 200 OK") == 2 and whole.endswith(b"ready\n")
    with socket.create_connection((server.host, server.port), timeout=10) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            raw.sendall(bytes([byte]))
        received = b""
        while piece := raw.recv(65536):
            received += piece
    assert received == whole


@pytest.mark.parametrize("sent, status", [
    (b"GET /\x01 HTTP/1.1\r\n\r\n", 400),
    (b"GET / nonsense\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    (b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET / HTTP/9.9\r\n\r\n", 505),
])
def test_what_is_no_request(server, sent, status):
    reply = exchange(server, sent + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.startswith(f"HTTP/1.1 {status} ".encode())
    assert reply.count(b"\r\n\r\n") == 1, "nobody knows where the next request begins"
    assert json.loads(reply.split(b"\r\n\r\n", 1)[1])["code"] == status


def test_a_head_that_is_too_large(server):
    reply = exchange(server, b"GET /healthz HTTP/1.1\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 431 ")
    reply = exchange(server, b"GET /" + b"y" * 70_000)
    assert reply.startswith(b"HTTP/1.1 414 ")


def test_a_body_that_is_too_large(server):
    """What no route wants is read away up to 1 MiB; more ends the connection behind the answer."""
    head = b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"
    reply = exchange(server, head)
    assert reply.startswith(b"HTTP/1.1 405 ") and b"\r\nConnection: close\r\n" in reply


def test_old_clients(server):
    assert exchange(server, b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b"\r\nConnection: close\r\n\r\nok\n")
    reply = exchange(server, b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /readyz HTTP/1.0\r\n\r\n")
    assert b"\r\nConnection: keep-alive\r\n\r\nok\n" in reply and reply.endswith(b"ready\n")


def test_an_absolute_target(server):
    request = b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert exchange(server, request).endswith(b"\r\n\r\nok\n")


def test_http2_is_grpc(server):
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        assert sock.recv(9, socket.MSG_WAITALL)[3] == 4, "SETTINGS comes first"


def test_the_binary_protocol_is_refused(server, connection):
    reply = exchange(server, b"\x80\x0b\0\0\0\0\0\0\0\0\0\0\xde\xad\xbe\xef" + b"\0" * 8)
    assert reply[:2] == b"\x81\x0b" and reply[6:8] == b"\0\x81" and reply[12:16] == b"\xde\xad\xbe\xef"
    assert connection.ask(b"get a\r\n") == b"END\r\n", "others go on"
