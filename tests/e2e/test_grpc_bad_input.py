# SPDX-License-Identifier: Apache-2.0
"""gRPC as no client with manners speaks it: what is wrong with a call ends the call and the connection goes on; what is wrong
with the connection ends the connection, and no other."""
import contextlib
import socket
import struct

import pytest

import http2wire as h2
from bystander import DEADLINE, metric
from etcdclient import Client, Refusal
from etcdnode import start_node_under_test
from etcdproto import message
from http2wire import Wire, frame, grpc_message, literal
from server import kind_under_test, wait_until

pytestmark = pytest.mark.larder("memcached speaks no gRPC")
# A real etcd is lenient where Larder is not, or says it in another way.
ours = pytest.mark.skipif(kind_under_test() == "etcd", reason="Larder's own answer")

RANGE, PUT, TXN, WATCH = (b"/etcdserverpb." + name for name in (b"KV/Range", b"KV/Put", b"KV/Txn", b"Watch/Watch"))
OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 0, 3, 4, 8, 12, 13
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR = 0, 1, 3, 6, 9
MIB = 1 << 20
A_RANGE = message("RangeRequest")(key=b"a").SerializeToString()
# A varint that never ends, a length behind the end, a group, a tag of zero, wrong wire types, a negative length.
NO_MESSAGES = [b"\xff" * 11, b"\x0a\x05a", b"\x0b", b"\x00\x01", b"\x08\x01", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x01",
               b"\x1a\x01a", b"\x0a\x80"]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    running = start_node_under_test(tmp_path_factory.mktemp("bad") / "node")
    yield running
    running.stop()


@pytest.fixture
def wire(node):
    """A connection; whatever the test does, the server lives on and serves others."""
    with Wire(node.port) as opened:
        yield opened
    node.assert_alive()
    with Wire(node.port) as other:
        assert_works(other)


def assert_works(wire):
    """A good call on the same connection."""
    answer = wire.call(RANGE, A_RANGE)
    assert answer.http_status == 200 and answer.grpc_status == OK
    response = message("RangeResponse").FromString(answer.take_message())
    assert response.header.revision >= 1


# --- calls ---

@pytest.mark.parametrize("path", [b"/etcdserverpb.KV/Nothing", b"/nothing.KV/Range", b"/etcdserverpb.KV", b"/", b"/a/b/c/d",
                                  b"/" + b"x" * 4000])
def test_unknown_methods(wire, path):
    malformed = RESOURCE_EXHAUSTED if kind_under_test() == "etcd" and path.count(b"/") < 2 else UNIMPLEMENTED
    assert wire.call(path, A_RANGE).grpc_status == malformed
    assert_works(wire)


@ours
@pytest.mark.parametrize("content_type", [b"text/plain", b"application/json", b"", b"application/grpcx", b"application"])
def test_another_content_type(wire, content_type):
    assert wire.call(RANGE, A_RANGE, content_type=content_type).http_status == 415
    assert_works(wire)


@pytest.mark.parametrize("content_type", [b"application/grpc+proto", b"application/grpc;charset=utf-8"])
def test_content_types_of_grpc(wire, content_type):
    assert wire.call(RANGE, A_RANGE, content_type=content_type).grpc_status == OK


@ours
@pytest.mark.parametrize("method", [b"GET", b"PUT", b"HEAD", b"OPTIONS", b"BREW", b"post"])
def test_another_method(wire, method):
    assert wire.call(RANGE, A_RANGE, method=method).http_status == 405
    assert_works(wire)


@ours
@pytest.mark.parametrize("more", [(), ((b"grpc-encoding", b"gzip"),), ((b"grpc-encoding", b"identity"),)])
def test_compressed_messages(wire, more):
    answer = wire.call(RANGE, A_RANGE, flag=1, more=more)
    assert answer.grpc_status == UNIMPLEMENTED
    assert answer.headers.get("grpc-accept-encoding") == "identity"
    assert_works(wire)


@pytest.mark.parametrize("flag", [2, 255])
def test_unknown_flags(wire, flag):
    assert wire.call(RANGE, A_RANGE, flag=flag).grpc_status in (UNIMPLEMENTED, INTERNAL)
    assert_works(wire)


@pytest.mark.parametrize("body", NO_MESSAGES)
def test_what_is_no_message(wire, body):
    """Unknown fields are passed over, as protobuf has it; what cannot be a message is an error."""
    answer = wire.call(RANGE, body)
    assert answer.grpc_status == INTERNAL, answer
    assert_works(wire)


def test_unknown_fields_are_passed_over(wire):
    more = b"\xf8\x3f\x01" + b"\xfa\x3f\x03abc" + b"\xf9\x3f" + b"8" * 8 + b"\xfd\x3f" + b"4" * 4
    assert wire.call(RANGE, A_RANGE + more).grpc_status == OK


def test_no_message(wire):
    stream = wire.open(RANGE)
    wire.data(stream, b"", h2.END_STREAM)
    answer = wire.await_end(stream)
    assert answer.grpc_status not in (OK, None) or answer.reset is not None
    assert_works(wire)


@pytest.mark.parametrize("cut", [1, 4, 5, 6])
def test_a_message_that_is_cut_off(wire, cut):
    stream = wire.open(RANGE)
    wire.data(stream, grpc_message(A_RANGE)[:cut], h2.END_STREAM)
    answer = wire.await_end(stream)
    assert answer.grpc_status not in (OK, None) and not answer.data
    assert_works(wire)


@pytest.mark.parametrize("size", [2**31, 2**32 - 1, 100 << 20, 2**21 + 1])
def test_a_message_over_the_limit(wire, size):
    stream = wire.open(PUT)
    wire.data(stream, grpc_message(b"x" * 1000, size=size))
    assert wire.await_end(stream).grpc_status == RESOURCE_EXHAUSTED
    assert_works(wire)


def test_a_whole_message_over_the_limit(wire):
    """A client that goes on sending is not cut off from its answer."""
    stream = wire.open(PUT)
    body = message("PutRequest")(key=b"k", value=b"v" * (3 << 20)).SerializeToString()
    wire.data(stream, grpc_message(body), h2.END_STREAM)
    answer = wire.await_end(stream)
    assert answer.grpc_status == RESOURCE_EXHAUSTED
    assert "larger than max" in answer.headers["grpc-message"]
    assert_works(wire)


@pytest.mark.parametrize("size", [2**21, 3 << 20, 30 << 20])
def test_a_stock_client_is_told_of_the_limit(node, wire, size):
    """Although it is still sending when it is refused."""
    with Client(node.port) as client:
        for _ in range(3):
            answer = client.ask(message("PutRequest")(key=b"k", value=b"v" * size))
            assert isinstance(answer, Refusal) and answer.code == "RESOURCE_EXHAUSTED", answer
            assert "larger than max" in answer.text
        client.do(message("PutRequest")(key=b"k", value=b"v"))


def test_bytes_one_by_one(wire):
    stream = wire.open(RANGE)
    sent = grpc_message(A_RANGE)
    for at in range(len(sent)):
        wire.send(frame(h2.DATA, h2.END_STREAM if at == len(sent) - 1 else 0, stream, sent[at:at + 1]))
    assert wire.await_end(stream).grpc_status == OK


def test_every_cut_of_a_message_in_two_frames(wire):
    sent = grpc_message(message("PutRequest")(key=b"cut", value=b"v" * 40).SerializeToString())
    streams = []
    for at in range(1, len(sent)):
        stream = wire.open(PUT)
        wire.send(frame(h2.DATA, 0, stream, sent[:at]) + frame(h2.DATA, h2.END_STREAM, stream, sent[at:]))
        streams.append(stream)
    assert {wire.await_end(stream).grpc_status for stream in streams} == {OK}


def test_a_stream_reset_in_the_middle_of_a_message(wire):
    for size in (0, 1, 4, 5, 6, 1000, 100_000):
        stream = wire.open(PUT)
        wire.data(stream, grpc_message(b"\x0a" + b"x" * 200_000)[:size])
        wire.send(frame(h2.RST_STREAM, 0, stream, struct.pack(">I", 8)))
        assert_works(wire)


def nested_txn(depth):
    """A transaction in a transaction and so on, built from the inside without copying it at each step."""
    parts = []
    size = 0
    for _ in range(depth):
        for tag in (b"\x22", b"\x12"):  # RequestOp.request_txn, TxnRequest.success
            head = tag + h2.varint(size)
            parts.append(head)
            size += len(head)
    return b"".join(reversed(parts))


def test_deep_transactions(wire):
    """etcd stops at its limit of operations, which the depth uses up."""
    assert wire.call(TXN, nested_txn(10)).grpc_status == OK
    for depth in (129, 1000, 10_000, 100_000, 150_000):
        answer = wire.call(TXN, nested_txn(depth))
        assert answer.grpc_status in (INVALID_ARGUMENT, RESOURCE_EXHAUSTED, INTERNAL), depth
        assert_works(wire)


def test_wide_transactions(wire):
    ops = [{"request_range": {"key": b"a"}}] * 129
    answer = wire.call(TXN, message("TxnRequest")(success=ops).SerializeToString())
    assert (answer.grpc_status, answer.headers["grpc-message"]) == \
        (INVALID_ARGUMENT, "etcdserver: too many operations in txn request")
    many = message("TxnRequest")(success=ops[:1] * 100_000).SerializeToString()
    assert wire.call(TXN, many).grpc_status == INVALID_ARGUMENT
    empty = b"\x12\x00" * 500_000  # a hundred times larger once it is read
    assert wire.call(TXN, empty).grpc_status in (INVALID_ARGUMENT, RESOURCE_EXHAUSTED)
    assert_works(wire)


def test_an_operation_without_one(wire):
    answer = wire.call(TXN, b"\x12\x00")
    assert (answer.grpc_status, answer.headers["grpc-message"]) == (INVALID_ARGUMENT, "etcdserver: key not found")


# --- deadlines ---

@ours
@pytest.mark.parametrize("timeout", [b"1n", b"0n", b"0S"])
def test_a_deadline_that_has_passed(wire, timeout):
    for _ in range(20):
        answer = wire.call(RANGE, A_RANGE, more=((b"grpc-timeout", timeout),))
        assert answer.grpc_status == DEADLINE_EXCEEDED
    assert_works(wire)


@ours
def test_a_deadline_that_passes(wire):
    stream = wire.open(WATCH, more=((b"grpc-timeout", b"200m"),))
    answer = wire.await_end(stream)
    assert answer.grpc_status == DEADLINE_EXCEEDED or answer.reset is not None
    assert_works(wire)


@pytest.mark.parametrize("timeout", [b"99999999H", b"100S", b"5M"])
def test_deadlines_that_do_not_pass(wire, timeout):
    assert wire.call(RANGE, A_RANGE, more=((b"grpc-timeout", timeout),)).grpc_status == OK


@pytest.mark.parametrize("timeout", [b"", b"1", b"S", b"1x", b"-1S", b"1.5S", b"123456789S", b"99999999999999999999H", b" 1S"])
def test_deadlines_that_are_none(wire, timeout):
    """An error, or no deadline at all: what gRPC says of them is nothing."""
    answer = wire.call(RANGE, A_RANGE, more=((b"grpc-timeout", timeout),))
    assert answer.grpc_status is not None or answer.reset is not None or answer.http_status >= 400
    assert_works(wire)


# --- headers ---

@ours
def test_too_many_headers(wire):
    for _ in range(3):
        stream = wire.next_stream()
        block = h2.grpc_headers(RANGE, more=[(b"x-long-%d" % number, b"v" * 8000) for number in range(3)])
        wire.send(frame(h2.HEADERS, h2.END_STREAM, stream, block[:16384]) +
                  frame(h2.CONTINUATION, h2.END_HEADERS, stream, block[16384:]))
        answer = wire.await_end(stream)
        assert answer.grpc_status == RESOURCE_EXHAUSTED or answer.http_status == 431 or answer.reset is not None
    assert_works(wire)


@ours
@pytest.mark.parametrize("block", [
    literal(b":path", RANGE),
    h2.grpc_headers(RANGE) + literal(b":path", RANGE),
    h2.grpc_headers(RANGE) + literal(b"X-Upper", b"v"),
    h2.grpc_headers(RANGE) + literal(b"connection", b"close"),
    h2.grpc_headers(RANGE) + literal(b":nothing", b"v"),
    h2.grpc_headers(RANGE) + literal(b"a b", b"v"),
    h2.grpc_headers(RANGE) + literal(b"x", b"a\r\nb"),
    h2.grpc_headers(RANGE) + literal(b"x", b"a\x00b"),
    h2.grpc_headers(b"*"),
    b"",
])
def test_malformed_requests(wire, block):
    """RFC 9113, 8.1.1: an error of the stream."""
    stream = wire.next_stream()
    wire.send(frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, block))
    answer = wire.await_end(stream)
    assert answer.reset is not None or answer.http_status >= 400 or answer.grpc_status not in (OK, None)
    assert_works(wire)


# --- connections ---

def headers(stream, flags=h2.END_HEADERS, block=None):
    return frame(h2.HEADERS, flags, stream, h2.grpc_headers(RANGE) if block is None else block)


def window(stream, by):
    return frame(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", by))


BROKEN = {
    "a frame over the limit": (frame(h2.DATA, 0, 1, b"", size=16385) + b"x" * 16385, FRAME_SIZE_ERROR),
    "a frame of the largest size there is": (frame(h2.HEADERS, h2.END_HEADERS, 1, b"x" * 16384, size=2**24 - 1),
                                             FRAME_SIZE_ERROR),
    "data of no stream": (frame(h2.DATA, 0, 0, b"x"), PROTOCOL_ERROR),
    "data of a stream that never was": (frame(h2.DATA, 0, 7, b"x"), PROTOCOL_ERROR),
    "headers of no stream": (headers(0), PROTOCOL_ERROR),
    "headers of the server's stream": (headers(2), PROTOCOL_ERROR),
    "headers that no table has": (headers(1, block=b"\x80"), COMPRESSION_ERROR),
    "headers that are cut off": (headers(1, block=b"\x00\x7f"), COMPRESSION_ERROR),
    "a table larger than allowed": (headers(1, block=b"\x3f\xe1\xff\x7f"), COMPRESSION_ERROR),
    "half of the settings": (frame(h2.SETTINGS, 0, 0, b"x" * 5), FRAME_SIZE_ERROR),
    "settings of a stream": (frame(h2.SETTINGS, 0, 1, b""), PROTOCOL_ERROR),
    "settings that are answered at length": (frame(h2.SETTINGS, h2.ACK, 0, b"x" * 6), FRAME_SIZE_ERROR),
    "a window over the limit": (frame(h2.SETTINGS, 0, 0, struct.pack(">HI", h2.INITIAL_WINDOW_SIZE, 2**31)),
                                FLOW_CONTROL_ERROR),
    "frames of no size": (frame(h2.SETTINGS, 0, 0, struct.pack(">HI", h2.MAX_FRAME_SIZE, 1)), PROTOCOL_ERROR),
    "a ping of seven bytes": (frame(h2.PING, 0, 0, b"x" * 7), FRAME_SIZE_ERROR),
    "a ping of a stream": (frame(h2.PING, 0, 1, b"x" * 8), PROTOCOL_ERROR),
    "a window that grows by nothing": (window(0, 0), PROTOCOL_ERROR),
    "a window that grows too much": (window(0, h2.MAX_WINDOW) * 2, FLOW_CONTROL_ERROR),
    "a window of three bytes": (frame(h2.WINDOW_UPDATE, 0, 0, b"xxx"), FRAME_SIZE_ERROR),
    "a reset of no stream": (frame(h2.RST_STREAM, 0, 0, b"\0" * 4), PROTOCOL_ERROR),
    "a reset of a stream that never was": (frame(h2.RST_STREAM, 0, 9, b"\0" * 4), PROTOCOL_ERROR),
    "a promise of a client": (frame(h2.PUSH_PROMISE, h2.END_HEADERS, 1, b"\0\0\0\2"), PROTOCOL_ERROR),
    "a continuation of nothing": (frame(h2.CONTINUATION, h2.END_HEADERS, 1, b""), PROTOCOL_ERROR),
    "headers with data in between": (headers(1, flags=0) + frame(h2.DATA, 0, 1, b"x"), PROTOCOL_ERROR),
    "a continuation of another stream": (headers(1, flags=0) + frame(h2.CONTINUATION, h2.END_HEADERS, 3, b""),
                                         PROTOCOL_ERROR),
    "more padding than frame": (frame(h2.DATA, 0x8, 1, b"\xff" + b"x" * 9), PROTOCOL_ERROR),
    "memcached's words": (b"set a 0 0 1\r\n1\r\n" * 100, None),
    "HTTP/1": (b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n" * 10, None),
    "zeros": (b"\0" * 9 + b"\0" * 1000, PROTOCOL_ERROR),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks_a_connection(wire, what):
    sent, error = BROKEN[what]
    wire.send(sent)
    if kind_under_test() == "etcd":  # which often lets it pass, or says something else
        return
    told = wire.await_close()
    assert told is not None and (error is None or told == error)


@ours
def test_frames_of_an_unknown_kind_are_passed_over(wire):
    wire.send(frame(0x42, 0xff, 0, b"x" * 100) + frame(0xff, 0, 3, b""))
    wire.send(frame(h2.PRIORITY, 0, 3, struct.pack(">IB", 0, 10)))
    assert_works(wire)


@pytest.mark.parametrize("preface", [h2.PREFACE[:-8] + b"XX\r\n\r\nXX", h2.PREFACE + b"not settings", h2.PREFACE[:20] + b"\0" * 50])
def test_another_preface(node, preface):
    with Wire(node.port, polite=False) as wire:
        wire.send(preface)
        with contextlib.suppress(OSError):  # the server was faster
            wire.socket.shutdown(socket.SHUT_WR)
        wire.await_close()
    node.assert_alive()


@ours
def test_the_memory_of_connections_is_told(node):
    """A large message that has come by half counts until its connection ends."""
    half = grpc_message(b"\0" * MIB)[:-1]
    before = metric(node.port, "larder_grpc_memory_bytes")
    with Wire(node.port) as wire:
        wire.data(wire.open(PUT), half)
        wait_until(lambda: metric(node.port, "larder_grpc_memory_bytes") >= before + len(half) - 100, DEADLINE,
                   "the message is counted")
    wait_until(lambda: metric(node.port, "larder_grpc_memory_bytes") < before + MIB / 2, DEADLINE,
               "the connection is counted no more")
