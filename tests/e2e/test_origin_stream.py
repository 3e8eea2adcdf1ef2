# SPDX-License-Identifier: Apache-2.0
"""Whoever asks first for a key of an origin hears the answer while it comes."""
import concurrent.futures
import contextlib
import os
import re
import socket
import struct

import pytest

from httpwire import ask
from server import kind_under_test
from toyorigin import DEADLINE, Gate, ToyOrigin, until

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no groups")

HALF = bytes(range(256)) * 40
REST = bytes(reversed(range(256))) * 90
MIB = 1 << 20


@pytest.fixture
def origin():
    running = ToyOrigin()
    yield running
    running.stop()


@pytest.fixture
def node(start_server, tmp_path, origin):
    """node(options): a node whose group "o" has this origin."""
    def start(options="", **server):
        path = tmp_path / "larderd.conf"
        path.write_text(f'[group "o"]\nbacking = origin\norigin = {origin.url}\n{options}\n[group "mem"]\n')
        return start_server(extra=("--config", str(path), "--drain-timeout", "10s"), **server)
    return start


class Client:
    """A connection that reads as much as the test wants."""

    def __init__(self, server, *targets, version="1.1", fields=""):
        self.raw = socket.create_connection((server.host, server.port), timeout=DEADLINE)
        self.stream = self.raw.makefile("rb")
        self.host = server.host
        self.ask(*targets, version=version, fields=fields)

    def ask(self, *targets, version="1.1", fields=""):
        self.raw.sendall("".join(f"GET {target} HTTP/{version}\r\nHost: {self.host}\r\n{fields}\r\n" for target in targets).encode())

    def head(self):
        """The status and the fields, without the empty line."""
        lines = []
        while (line := self.stream.readline()) not in (b"\r\n", b""):
            lines.append(line.decode().strip())
        assert lines, "no answer"
        return int(lines[0].split()[1]), {name: value for name, value in (line.split(": ", 1) for line in lines[1:])}

    def chunks(self, size):
        """So many bytes of a body in chunks, or less at its end; None: it has broken off."""
        body = b""
        while len(body) < size:
            line = self.stream.readline()
            if not line:
                return None
            piece = self.stream.read(int(line, 16))
            assert self.stream.readline() == b"\r\n"
            if not piece:
                return body
            body += piece
        return body

    def leave(self):
        """At once, and not as one who has only said all."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self):
        self.stream.close()
        self.raw.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def head_of(told, size, fields=""):
    framing = f"Content-Length: {size}" if told else "Transfer-Encoding: chunked"
    return f"HTTP/1.1 200 OK\r\n{framing}\r\nETag: \"e\"\r\n{fields}\r\n".encode()


def piece_of(told, piece):
    return piece if told else b"%x\r\n%b\r\n" % (len(piece), piece)


def in_two(told, gate, fields="", ends=True):
    """Says the head and a half, waits, and says the rest, or hangs up in its place."""
    def play(request):
        request.say(head_of(told, len(HALF + REST), fields) + piece_of(told, HALF))
        gate.wait()
        if ends:
            request.say(piece_of(told, REST) + (b"" if told else b"0\r\n\r\n"))
        else:
            request.hang_up()
    return play


def streamed(server):
    text = ask(server, "GET", "/metrics").body.decode()
    return int(re.search(r"^larder_origin_streamed_answers_total (\d+)", text, re.MULTILINE).group(1))


@pytest.mark.parametrize("told", [True, False])
def test_a_half_is_heard_before_the_rest(node, origin, told):
    gate = Gate()
    origin.play = in_two(told, gate)
    server = node()
    with Client(server, "/o/a") as client:
        status, fields = client.head()
        assert (status, fields["ETag"], fields["Cache-Status"]) == (200, '"e"', "larder; fwd=uri-miss; fwd-status=200")
        assert fields.get("Content-Length") == (str(len(HALF + REST)) if told else None)
        assert (client.stream.read(len(HALF)) if told else client.chunks(len(HALF))) == HALF
        gate.open()
        assert (client.stream.read(len(REST)) if told else client.chunks(len(REST) + 1)) == REST
        # The connection goes on, and the answer was stored.
        client.ask("/o/a", "/mem/none")
        status, fields = client.head()
        assert fields["Cache-Status"].startswith("larder; hit")
        assert client.stream.read(int(fields["Content-Length"])) == HALF + REST
        assert client.head()[0] == 404
    assert len(origin.requests) == 1
    assert streamed(server) == 1


def test_a_small_answer_goes_out_whole(node, origin):
    origin.play = lambda request: request.answer(200, HALF)
    server = node()
    assert ask(server, "GET", "/o/a").headers["Cache-Status"].startswith("larder; fwd=uri-miss; fwd-status=200; stored; ttl=")
    assert streamed(server) == 0


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("fields", ["", "Cache-Control: private\r\n"])
def test_an_answer_that_breaks_off_never_looks_whole(node, origin, told, fields):
    gate = Gate()
    origin.play = in_two(told, gate, fields, ends=False)
    server = node("error-ttl = 60")
    with Client(server, "/o/a", "/mem/behind") as client:
        client.head()
        assert (client.stream.read(len(HALF)) if told else client.chunks(len(HALF))) == HALF
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            other = pool.submit(ask, server, "GET", "/o/a")
            if not fields:
                until(lambda: "larder_origin_collapsed_requests_total 1\n" in ask(server, "GET", "/metrics").body.decode(), "it waits")
            gate.open()
            assert client.stream.read() == b""  # not even what was asked behind it
            # Who waits gets an error; of what is for one alone he has asked himself, and it breaks off as well.
            if not fields:
                assert other.result().status == 502
            else:
                with contextlib.suppress(Exception):
                    assert other.result().status == 502
    assert ask(server, "GET", "/healthz").status == 200


def test_http_1_0(node, origin):
    """Who knows no chunks hears only what has a length bit by bit: the end of a connection says nothing."""
    gate = Gate()
    origin.play = in_two(True, gate)
    server = node()
    with Client(server, "/o/a", version="1.0") as client:
        status, fields = client.head()
        assert (status, fields["Content-Length"], fields["Connection"]) == (200, str(len(HALF + REST)), "close")
        assert client.stream.read(len(HALF)) == HALF
        gate.open()
        assert client.stream.read() == REST
    origin.play = in_two(False, gate)
    with Client(server, "/o/b", version="1.0") as client:
        assert client.head()[1]["Content-Length"] == str(len(HALF + REST))
        assert client.stream.read() == HALF + REST
    assert streamed(server) == 1


@pytest.mark.parametrize("fields", ['If-None-Match: "e"\r\n', 'If-None-Match: "x"\r\n'])
def test_conditional_requests_are_answered_whole(node, origin, fields):
    gate = Gate()
    gate.open()
    origin.play = in_two(True, gate)
    server = node()
    with Client(server, "/o/a", fields=fields) as client:
        assert client.head()[0] == (304 if '"e"' in fields else 200)
    assert streamed(server) == 0


def test_answers_keep_their_order(node, origin):
    slow, gate = Gate(), Gate()

    def play(request):
        if request.target == "/slow":
            slow.wait()
            request.answer(200, b"slow")
        elif request.target == "/two":
            in_two(False, gate)(request)
        else:
            request.answer(200, b"three")
    origin.play = play
    server = node()
    with Client(server, "/o/slow", "/o/two", "/o/three") as client:
        origin.await_requests(3)
        slow.open()
        assert client.head()[1]["Content-Length"] == "4"
        assert client.stream.read(4) == b"slow"
        assert client.head()[1]["Transfer-Encoding"] == "chunked"
        assert client.chunks(len(HALF)) == HALF
        gate.open()
        assert client.chunks(len(REST) + 1) == REST
        assert client.head()[1]["Content-Length"] == "5"
        assert client.stream.read(5) == b"three"


def test_a_client_that_leaves_ends_nothing(node, origin):
    gate = Gate()
    origin.play = in_two(False, gate)
    server = node()
    with Client(server, "/o/a") as client:
        client.head()
        assert client.chunks(len(HALF)) == HALF
        client.leave()
    until(lambda: "larder_connections 1\n" in ask(server, "GET", "/metrics").body.decode(), "it has left")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = pool.submit(ask, server, "GET", "/o/a")
        until(lambda: "larder_origin_collapsed_requests_total 1\n" in ask(server, "GET", "/metrics").body.decode(), "it waits")
        gate.open()
        assert other.result().body == HALF + REST
    assert len(origin.requests) == 1


def test_a_client_that_leaves_what_is_for_him_alone_ends_it(node, origin):
    left = Gate()

    def play(request):
        request.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: private\r\n\r\n")
        try:
            while True:
                request.say(piece_of(False, HALF))
        except OSError:
            left.open()
            raise
    origin.play = play
    server = node()
    with Client(server, "/o/a") as client:
        client.head()
        assert client.chunks(len(HALF))
    left.wait()
    until(lambda: "larder_origin_flights 0\n" in ask(server, "GET", "/metrics").body.decode(), "it has ended")


def test_nobody_waits_for_the_speed_of_another(node, origin):
    """What is not stored is no others' business from its head on: they ask for themselves."""
    gate, first = Gate(), Gate()

    def play(request):
        if request is origin.requests[0]:
            first.wait()
            in_two(True, gate, "Cache-Control: private\r\n")(request)
        else:
            request.answer(200, b"own", (("Cache-Control", "private"),))
    origin.play = play
    server = node()
    with Client(server, "/o/a") as client, concurrent.futures.ThreadPoolExecutor(3) as pool:
        origin.await_requests(1)
        others = [pool.submit(ask, server, "GET", "/o/a") for _ in range(3)]
        until(lambda: "larder_origin_collapsed_requests_total 3\n" in ask(server, "GET", "/metrics").body.decode(), "they wait")
        first.open()
        assert {other.result().body for other in others} == {b"own"}
        client.head()
        assert client.stream.read(len(HALF)) == HALF
        gate.open()
        assert client.stream.read(len(REST)) == REST


def memory_peak(server):
    with open(f"/proc/{server.pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) << 10


@pytest.mark.parametrize("told", [True, False])
def test_a_slow_reader_of_a_body_without_end(node, origin, told):
    """Beyond what may be stored, and gathered, the origin waits for the client."""
    size = 100 * MIB
    piece = bytes(MIB)
    sent = []

    def play(request):
        request.say(head_of(told, size))
        for _ in range(size // MIB):
            request.say(piece_of(told, piece))
            sent.append(MIB)
        request.say(b"" if told else b"0\r\n\r\n")
    origin.play = play
    server = node("max-item = 1m", threads=1)
    before = memory_peak(server)
    with Client(server, "/o/a") as client:
        client.head()
        read = 0
        while read < size:
            read += len(client.stream.read(MIB) if told else client.chunks(MIB))
            assert sum(sent) - read < 40 * MIB  # the kernel's buffers, between two and two processes
        assert read == size
        if told:
            client.ask("/mem/none")
            assert client.head()[0] == 404
    # A sanitizer keeps what was freed for a while.
    assert memory_peak(server) - before < (64 if os.environ.get("TEST_SANITIZER") else 16) * MIB
    assert streamed(server) == 1
