# SPDX-License-Identifier: Apache-2.0
"""One client sends too much, or takes nothing: another one works on undisturbed, the server's memory stays within bounds, and
all is given back afterwards."""
import contextlib
import itertools
import struct
import time

import pytest

import http2wire as h2
from bystander import DEADLINE, Bystander, metric, resident_anonymous
from etcdclient import Client
from etcdnode import start_node_under_test
from etcdproto import message
from http2wire import Wire, frame, grpc_message
from server import kind_under_test, wait_until

pytestmark = [pytest.mark.larder("memcached speaks no gRPC"), pytest.mark.slow]

MIB = 1 << 20
RANGE, PUT, WATCH = (b"/etcdserverpb." + name for name in (b"KV/Range", b"KV/Put", b"Watch/Watch"))
A_RANGE = message("RangeRequest")(key=b"bystander").SerializeToString()
BIG = b"big"
SECONDS = 1.5  # of an attack, if the server lets it go on so long
# What an attacker may cost while it lasts, beyond what the server took before; what it keeps for later: malloc gives the end of each
# of its two arenas back from 8 MiB on, and between pieces that are in use as much again may be free.
MOST = 48 * MIB
REST = 32 * MIB


@pytest.fixture
def node(tmp_path):
    running = start_node_under_test(tmp_path / "node", "--store-history", "100", "--store-sync", "no")
    yield running
    running.stop()


class Trial:
    """A server that is attacked: what it took before, and what it may take."""

    def __init__(self, node):
        self.node = node
        self.is_ours = kind_under_test() != "etcd"
        self.before = resident_anonymous(node.pid)
        self.connections = self._connections()

    def _connections(self):
        """Without that of the question."""
        return metric(self.node.port, "larder_connections") - 1 if self.is_ours else 0

    def allowance(self, most):
        return most * (self.node.server.memory_factor if self.is_ours else 1)

    def check_most(self, bystander, most=MOST):
        if self.is_ours:
            grown = (bystander.most - self.before) >> 20
            assert bystander.most <= self.before + self.allowance(most), f"{grown} MiB more"

    def await_release(self, rest=REST):
        """Until only what was there before is there."""
        self.node.assert_alive()
        if not self.is_ours:
            return
        wait_until(lambda: self._connections() <= self.connections, DEADLINE,
                   lambda: f"the connections end: {self._connections()} of {self.connections} before")
        limit = self.before + self.allowance(rest)
        wait_until(lambda: resident_anonymous(self.node.pid) <= limit, DEADLINE,
                   lambda: f"the memory is given back: {(resident_anonymous(self.node.pid) - self.before) >> 20} MiB more")


def flood(wire, pieces, seconds=SECONDS):
    """Sends piece after piece, reading nothing, until the server takes no more for a while, has closed, or the time is up."""
    wire.socket.settimeout(0.5)
    end = time.monotonic() + seconds
    try:
        for piece in pieces:
            wire.socket.sendall(piece)
            if time.monotonic() > end:
                break
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        pass


def call_headers(stream, flags=h2.END_HEADERS, more=()):
    return frame(h2.HEADERS, flags, stream, h2.grpc_headers(RANGE, more=more))


def streams():
    return itertools.count(1, 2)


def settings_flood():
    return itertools.repeat(frame(h2.SETTINGS, 0, 0, h2.settings_payload({h2.INITIAL_WINDOW_SIZE: 65535})) * 1000)


def long_settings_flood():
    values = h2.settings_payload({h2.INITIAL_WINDOW_SIZE: 65535}) * 2700
    return itertools.repeat(frame(h2.SETTINGS, 0, 0, values) * 4)


def ping_flood():
    return itertools.repeat(frame(h2.PING, 0, 0, b"12345678") * 1000)


def priority_flood():
    return (b"".join(frame(h2.PRIORITY, 0, stream, struct.pack(">IB", 0, 1)) for _, stream in zip(range(1000), streams()))
            for _ in itertools.count())


def window_flood():
    return itertools.repeat(frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 1000)


def unknown_flood():
    return itertools.repeat(frame(0x55, 0, 0, b"x" * 100) * 1000)


def reset_flood():
    numbers = streams()
    return (b"".join(call_headers(stream) + frame(h2.RST_STREAM, 0, stream, struct.pack(">I", 8))
                     for stream in itertools.islice(numbers, 100)) for _ in itertools.count())


def reset_flood_with_messages():
    numbers = streams()
    body = grpc_message(A_RANGE)
    return (b"".join(call_headers(stream) + frame(h2.DATA, h2.END_STREAM, stream, body) +
                     frame(h2.RST_STREAM, 0, stream, struct.pack(">I", 8))
                     for stream in itertools.islice(numbers, 100)) for _ in itertools.count())


def made_you_reset_flood():
    """The server is made to reset: a window that grows by nothing."""
    numbers = streams()
    return (b"".join(call_headers(stream) + frame(h2.WINDOW_UPDATE, 0, stream, struct.pack(">I", 0))
                     for stream in itertools.islice(numbers, 100)) for _ in itertools.count())


def open_flood():
    """Calls that never send their message."""
    numbers = streams()
    return (b"".join(call_headers(stream) for stream in itertools.islice(numbers, 100)) for _ in itertools.count())


def continuation_flood():
    more = frame(h2.CONTINUATION, 0, 1, h2.literal(b"x", b"v" * 16000))
    return itertools.chain([call_headers(1, flags=0)], itertools.repeat(more))


def empty_continuation_flood():
    return itertools.chain([call_headers(1, flags=0)], itertools.repeat(frame(h2.CONTINUATION, 0, 1) * 1000))


def empty_data_flood():
    return itertools.chain([call_headers(1)], itertools.repeat(frame(h2.DATA, 0, 1) * 1000))


def padding_flood():
    return itertools.chain([call_headers(1)], itertools.repeat(frame(h2.DATA, 0x8, 1, b"\xff" + b"\0" * 255) * 100))


def header_bomb():
    """A long field that is remembered once and named thousands of times in each request."""
    numbers = streams()
    first = frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, next(numbers),
                  h2.grpc_headers(RANGE) + h2.remembered(b"x-bomb", b"v" * 3900))
    named = h2.grpc_headers(RANGE) + h2.indexed(62) * 15000
    return itertools.chain([first], (frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, named) for stream in numbers))


def long_path_flood():
    numbers = streams()
    path = b"/" + b"p" * 15000
    return (frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, stream, h2.grpc_headers(path)) for stream in numbers)


FLOODS = [settings_flood, long_settings_flood, ping_flood, priority_flood, window_flood, unknown_flood, reset_flood,
          reset_flood_with_messages, made_you_reset_flood, open_flood, continuation_flood, empty_continuation_flood,
          empty_data_flood, padding_flood, header_bomb, long_path_flood]


# These cost the server little, and are a client's right.
LET_BE = [window_flood, unknown_flood, padding_flood, long_path_flood]


@pytest.mark.parametrize("pieces", FLOODS)
def test_floods(node, pieces):
    with Bystander(node) as other:
        trial = Trial(node)
        ends = trial.is_ours and pieces not in LET_BE
        with Wire(node.port) as wire:
            # What the server has to count takes its time on a busy machine.
            flood(wire, pieces(), DEADLINE if ends else SECONDS)
            other.await_progress()
            trial.check_most(other)
            if ends:
                wire.socket.settimeout(DEADLINE)
                assert wire.await_close() is not None, "the connection ends, and the client is told why"
        trial.await_release()
    assert_works(node)


def assert_works(node):
    with Wire(node.port) as wire:
        assert wire.call(RANGE, A_RANGE).grpc_status == 0


# --- clients that take nothing ---

def fill(node, count, size):
    with Client(node.port) as client:
        for number in range(count):
            client.do(message("PutRequest")(key=BIG + b"/%d" % number, value=b"v" * size))


def test_a_window_of_nothing(node):
    """Big answers to somebody who never lets them come."""
    fill(node, 16, MIB)
    everything = message("RangeRequest")(key=BIG, range_end=BIG + b"0").SerializeToString()
    with Bystander(node) as other:
        trial = Trial(node)
        with Wire(node.port, settings={h2.INITIAL_WINDOW_SIZE: 0}) as wire:
            answers = [wire.start(RANGE, everything) for _ in range(3)]
            for stream in answers:
                wire.await_headers(stream)
            other.await_progress(100)
            # Three answers of 16 MiB each are the client's own wish; twice of that is not.
            trial.check_most(other, 2 * 3 * 16 * MIB + MOST)
        trial.await_release()
    assert_works(node)


@pytest.mark.skipif(kind_under_test() == "etcd", reason="etcd has no limit")
def test_answers_that_wait_have_a_limit(node):
    """The same, but for more than a server may spend on one client."""
    fill(node, 16, MIB)
    everything = message("RangeRequest")(key=BIG, range_end=BIG + b"0").SerializeToString()
    with Bystander(node) as other:
        trial = Trial(node)
        with Wire(node.port, settings={h2.INITIAL_WINDOW_SIZE: 0}) as wire:
            answers = [wire.start(RANGE, everything) for _ in range(200)]
            refused = next(stream for stream in answers if has_come(wire, stream))
            other.await_progress()
            assert wire.answers[refused].grpc_status == 8
            trial.check_most(other, 1536 * MIB)
        trial.await_release()
    assert_works(node)


def has_come(wire, stream):
    """Whether the call was ended, which needs no window; what comes for the others are heads only."""
    answer = wire.await_headers(stream)
    return answer.grpc_status is not None


def test_a_watcher_that_takes_nothing(node):
    """Much more happens than the server may keep for it."""
    with Bystander(node) as other:
        trial = Trial(node)
        with Wire(node.port, settings={h2.INITIAL_WINDOW_SIZE: 0}) as wire, Client(node.port) as client:
            stream = wire.open(WATCH)
            create = {"key": BIG, "range_end": BIG + b"0", "prev_kv": True}
            wire.data(stream, grpc_message(message("WatchRequest")(create_request=create).SerializeToString()))
            wire.await_headers(stream)
            for number in range(1500):
                put = client.do(message("PutRequest")(key=BIG + b"/%d" % (number % 4), value=b"v" * 100_000))
            other.await_progress()
            trial.check_most(other, 96 * MIB)
            # It gets what was kept for it, and is told if that is not all.
            wire.send(frame(h2.SETTINGS, 0, 0, h2.settings_payload({h2.INITIAL_WINDOW_SIZE: MIB})))
            if trial.is_ours:
                await_events(wire, stream, put.header.revision)
        trial.await_release()
    assert_works(node)


def await_events(wire, stream, newest):
    """Until a watch has told of a revision, or that it was compacted away."""
    response = message("WatchResponse")
    while True:
        while (one := wire.answers[stream].take_message()) is not None:
            answer = response.FromString(one)
            if answer.canceled or answer.events and answer.events[-1].kv.mod_revision >= newest:
                return
        assert wire.read(), "the connection ended"


def test_a_socket_that_is_never_read(node):
    """Many answers to somebody who reads nothing at all."""
    fill(node, 4, MIB)
    body = grpc_message(message("RangeRequest")(key=BIG, range_end=BIG + b"0").SerializeToString())
    wide = {h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW}
    with Bystander(node) as other:
        trial = Trial(node)
        with Wire(node.port, settings=wide, receive_buffer=4096) as wire:
            wire.send(frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", h2.MAX_WINDOW - h2.FIRST_WINDOW)))
            for stream in itertools.islice(streams(), 10):
                wire.send(call_headers(stream) + frame(h2.DATA, h2.END_STREAM, stream, body))
            other.await_progress(100)
            trial.check_most(other, 2 * 10 * 4 * MIB + MOST)
        trial.await_release()
    assert_works(node)


# --- connections that come to nothing ---

BEGINNINGS = {
    "nothing": b"",
    "a part of the preface": h2.PREFACE[:10],
    "the preface": h2.PREFACE,
    "a part of a frame's head": h2.PREFACE + frame(h2.SETTINGS, 0, 0)[:4],
    "settings": h2.PREFACE + frame(h2.SETTINGS, 0, 0),
    "a part of the headers": h2.PREFACE + frame(h2.SETTINGS, 0, 0) + call_headers(1)[:50],
    "headers": h2.PREFACE + frame(h2.SETTINGS, 0, 0) + call_headers(1),
    "a part of a message": h2.PREFACE + frame(h2.SETTINGS, 0, 0) + call_headers(1) +
                           frame(h2.DATA, 0, 1, grpc_message(b"x" * 10_000, size=20_000)),
}


def test_connections_that_come_to_nothing(node):
    """Half-open ones, of which many stay until their client is gone."""
    with Bystander(node) as other, contextlib.ExitStack() as stack:
        trial = Trial(node)
        wires = []
        for beginning in BEGINNINGS.values():
            for _ in range(40):
                wires.append(stack.enter_context(Wire(node.port, polite=False)))
                wires[-1].send(beginning)
        other.await_progress(100)
        trial.check_most(other)
        for number, wire in enumerate(wires):
            wire.abort() if number % 2 else wire.close()
        trial.await_release()
    assert_works(node)


def test_clients_that_leave_in_the_middle(node):
    """While their answer, or their watch, is on its way."""
    fill(node, 4, MIB)
    everything = message("RangeRequest")(key=BIG, range_end=BIG + b"0").SerializeToString()
    create = message("WatchRequest")(create_request={"key": b"\0", "range_end": b"\0"}).SerializeToString()
    with Bystander(node) as other:
        trial = Trial(node)
        for number in range(150):
            with Wire(node.port) as wire:
                wire.start(RANGE, everything)
                stream = wire.open(WATCH)
                wire.data(stream, grpc_message(create))
                put = wire.open(PUT)
                wire.data(put, grpc_message(b"x" * 50_000, size=60_000))
                if number % 3 == 0:
                    wire.await_headers(stream)
                if number % 2:
                    wire.abort()
        other.await_progress()
        trial.check_most(other)
        trial.await_release()
    assert_works(node)


def test_messages_in_parts_on_many_streams(node):
    """Each call holds a part of a message that is as large as messages may be."""
    with Bystander(node) as other:
        trial = Trial(node)
        with Wire(node.port) as wire:
            part = grpc_message(b"x" * 15_000, size=2 * MIB - 100)
            for _ in range(100):
                stream = wire.open(PUT)
                if not wire.data(stream, part):
                    break
            other.await_progress()
            trial.check_most(other)
        trial.await_release()
    assert_works(node)
