# SPDX-License-Identifier: Apache-2.0
"""How bodies come: by length, in chunks, after 100 Continue, pipelined, cut anywhere, too large, never."""
import contextlib
import os
import subprocess

import pytest

from httpwire import ask, connect, exchange, raw_connect, read_until, start_node, statuses
from server import wait_until

pytestmark = pytest.mark.larder("memcached speaks no HTTP")
MAX_ITEM = 1 << 20
DROPPED = 1 << 20  # bytes of a refused body that are read away


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    running = start_node(tmp_path_factory.mktemp("bodies"))
    yield running
    running.stop()


@pytest.fixture(params=["config", "mem"])
def group(request):
    return request.param


def put_head(target, *fields):
    return ("\r\n".join([f"PUT {target} HTTP/1.1", "Host: localhost", *fields, "", ""])).encode()


@pytest.mark.parametrize("size", [0, 1, 1000, 8 << 10, 16 << 10, 64 << 10, 300_000, MAX_ITEM - 2000])
def test_sizes(node, group, size):
    value = os.urandom(size)
    target = f"/{group}/size-{size}"
    with contextlib.closing(connect(node)) as connection:
        assert ask(node, "PUT", target, value, connection=connection).status == 201
        assert ask(node, "GET", target, connection=connection).body == value
        assert ask(node, "PUT", target, iter([value[:size // 3], value[size // 3:]]), connection=connection,
                   encode_chunked=True, headers={"Transfer-Encoding": "chunked"}).status == 204
        assert ask(node, "GET", target, connection=connection).body == value


@pytest.mark.parametrize("chunked", [False, True])
def test_a_value_that_is_too_large_is_read_away(node, group, chunked):
    """The connection goes on, and the old value stays."""
    target = f"/{group}/large-{chunked}"
    value = b"x" * (MAX_ITEM + 1)
    with contextlib.closing(connect(node)) as connection:
        assert ask(node, "PUT", target, b"old", connection=connection).status == 201
        headers = {"Transfer-Encoding": "chunked"} if chunked else {}
        body = iter([value[:MAX_ITEM // 2], value[MAX_ITEM // 2:]]) if chunked else value[:DROPPED]
        answer = ask(node, "PUT", target, body, headers, connection, encode_chunked=chunked)
        assert answer.status == 413 and answer.json["key" if not chunked else "message"]
        assert ask(node, "GET", target, connection=connection).body == b"old"


def test_a_body_that_is_far_too_large_ends_the_connection(node, group):
    reply = exchange(node, put_head(f"/{group}/huge", f"Content-Length: {1 << 40}") + b"x" * 100)
    assert statuses(reply) == [413] and b"\r\nConnection: close\r\n" in reply


def test_chunks_without_end_end_the_connection(node, group):
    """What is refused is read away up to a bound; then the server has had enough."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    reply = exchange(node, put_head(f"/{group}/endless", "Transfer-Encoding: chunked") +
                     chunk * ((MAX_ITEM + DROPPED) // 0x10000 + 2))
    assert statuses(reply) == [413]


def test_100_continue(node, group):
    for fields in (["Content-Length: 5"], ["Content-Length: 200000"], ["Transfer-Encoding: chunked"]):
        chunked = fields[0].startswith("T")
        value = b"x" * (5 if chunked else int(fields[0].split()[1]))
        body = b"5\r\nxxxxx\r\n0\r\n\r\n" if chunked else value
        target = f"/{group}/continue-{len(body)}"
        with raw_connect(node) as raw:
            raw.sendall(put_head(target, "Expect: 100-continue", *fields))
            assert read_until(raw, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            raw.sendall(body)
            assert read_until(raw, b"\r\n\r\n").startswith(b"HTTP/1.1 201 ")
        assert ask(node, "GET", target).body == value


def test_nobody_is_invited_whose_body_is_there_or_not_wanted(node, group):
    there = put_head(f"/{group}/there", "Expect: 100-continue", "Content-Length: 1", "Connection: close") + b"x"
    assert statuses(exchange(node, there)) == [201]
    for fields, status in ((["Expect: 100-continue", f"Content-Length: {MAX_ITEM + 1}"], 413),
                           (["Expect: tea", "Content-Length: 1"], 417)):
        reply = exchange(node, put_head(f"/{group}/unwanted", *fields))
        assert statuses(reply) == [status] and b"\r\nConnection: close\r\n" in reply, "it may not send the body at all"
    assert ask(node, "GET", f"/{group}/unwanted").status == 404


def test_pipelined_requests_are_answered_in_order(node, group):
    sent = b""
    wanted = []
    for i in range(300):
        value = str(i).encode() * (i % 50 + 1)
        sent += put_head(f"/{group}/pipe", f"Content-Length: {len(value)}") + value
        wanted.append(201 if i == 0 else 204)
        if i % 7 == 0:
            sent += f"GET /{group}/pipe HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            wanted.append(200)
        if i % 50 == 49:
            sent += f"GET /{group}/pipe-none HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            wanted.append(404)
    sent += f"DELETE /{group}/pipe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    reply = exchange(node, sent)
    assert statuses(reply) == wanted + [204]
    for i in range(0, 300, 7):
        assert b"\r\n\r\n" + str(i).encode() * (i % 50 + 1) + b"HTTP/1.1" in reply, f"value {i} was read where it stood"


def test_cut_at_every_byte(node, group):
    sent = (put_head(f"/{group}/cut", "Content-Length: 5", 'If-None-Match: "99999"') + b"he\r\nl" +
            put_head(f"/{group}/cut", "Transfer-Encoding: chunked") + b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nT: 1\r\n\r\n" +
            f"GET /{group}/cut HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() +
            f"DELETE /{group}/cut HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc".encode())
    whole = exchange(node, sent)
    assert statuses(whole) == [201, 204, 200, 204] and b"\r\n\r\nhello" in whole
    with raw_connect(node) as raw:
        for byte in sent:
            raw.sendall(bytes([byte]))
        received = b""
        while piece := raw.recv(65536):
            received += piece
    assert statuses(received) == [201, 204, 200, 204] and b"\r\n\r\nhello" in received


@pytest.mark.parametrize("body", [b"xyz\r\n", b"1\nx\r\n", b"1\r\nxx\r\n", b"0\r\nbad\n\r\n", b"fffffffffffffffff\r\n"])
def test_bad_chunks_end_the_connection(node, group, body):
    reply = exchange(node, put_head(f"/{group}/bad", "Transfer-Encoding: chunked") + body)
    assert statuses(reply) == [400]
    assert ask(node, "GET", f"/{group}/bad").status == 404


def test_clients_that_leave_in_the_middle(node, group):
    for head, part in ((put_head(f"/{group}/left", "Content-Length: 900000"), b"x" * 100_000),
                       (put_head(f"/{group}/left", "Transfer-Encoding: chunked"), b"ffff\r\nxxx"),
                       (put_head(f"/{group}/left", "Content-Length: 10"), b"x")):
        for _ in range(20):
            with raw_connect(node) as raw:
                raw.sendall(head + part)
    assert ask(node, "GET", f"/{group}/left").status == 404
    node.assert_alive()


def test_bodies_of_other_requests_are_dropped(node, group):
    body = b"5\r\nhello\r\n0\r\n\r\n"
    sent = b""
    for method in ("GET", "HEAD", "DELETE", "POST", "OPTIONS"):
        sent += f"{method} /{group}/none HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + body
        sent += f"{method} /{group}/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n".encode()
        sent += b"y" * 70_000
    sent += b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert statuses(exchange(node, sent)) == [404] * 6 + [405] * 2 + [204] * 2 + [200]


def test_memory_for_chunks_is_given_back(tmp_path, start):
    """64 MiB of values in chunks may be on their way in a worker; more are refused, and when they leave, all is as before."""
    running = start(tmp_path, threads=1)
    chunk = b"%x\r\n" % 900_000 + b"x" * 900_000 + b"\r\n"
    with contextlib.ExitStack() as stack:
        for i in range(80):
            raw = stack.enter_context(raw_connect(running))
            raw.sendall(put_head(f"/mem/{i}", "Transfer-Encoding: chunked") + chunk)
        assert wait_until(lambda: b'larder_limit_hits_total{limit="memory"} 0\n' not in ask(running, "GET", "/metrics").body,
                          20, "some are refused")
    value = iter([b"x" * 900_000])
    wait_until(lambda: ask(running, "PUT", "/mem/again", value, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
               .status in (201, 204), 20, "there is room again")
    running.stop()


def test_many_curls_at_once(node):
    urls = [f"http://{node.host}:{node.port}/healthz"] * 200
    done = subprocess.run(["curl", "-sf", "--parallel", "--parallel-immediate", "--parallel-max", "20", *urls],
                          capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout == b"ok\n" * 200
