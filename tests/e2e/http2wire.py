# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frame by frame (RFC 9113), for what a client with manners never sends."""
import socket
import struct
from dataclasses import dataclass, field

import hpack

DEADLINE = 30
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
# Settings.
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 2, 3, 4, 5
MAX_WINDOW = 2**31 - 1
FIRST_WINDOW = 65535
MAX_FRAME = 16384


@dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes


@dataclass
class Answer:
    """What came on a stream. `reset`: the error code of a RST_STREAM; `ended`: there is no more."""

    headers: dict = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    reset: int = None
    ended: bool = False

    @property
    def http_status(self):
        return int(self.headers.get(":status", 0))

    @property
    def grpc_status(self):
        """As a number; None if there is none."""
        return int(self.headers["grpc-status"]) if "grpc-status" in self.headers else None

    def take_message(self):
        """The next one that has come whole, or None."""
        if len(self.data) < 5:
            return None
        flag, size = struct.unpack_from(">BI", self.data)
        assert flag == 0
        if len(self.data) < 5 + size:
            return None
        message = bytes(self.data[5:5 + size])
        del self.data[:5 + size]
        return message


def frame(kind, flags, stream, payload=b"", size=None):
    """`size`: another length than that of the payload."""
    length = len(payload) if size is None else size
    return struct.pack(">IBI", length << 8 | kind, flags, stream) + payload


def settings_payload(values):
    return b"".join(struct.pack(">HI", name, value) for name, value in values.items())


def literal(name, value):
    """A header field that no table remembers, as HPACK has it (RFC 7541, 6.2.2)."""
    return b"\x00" + _text(name) + _text(value)


def _text(text):
    return _integer(len(text), 7) + text


def varint(number):
    """In pieces of seven bits, the lowest first; protobuf and HPACK share it."""
    result = bytearray()
    while number >= 128:
        result.append(number % 128 + 128)
        number //= 128
    result.append(number)
    return bytes(result)


def _integer(number, bits, first=0):
    most = (1 << bits) - 1
    if number < most:
        return bytes([first | number])
    return bytes([first | most]) + varint(number - most)


def indexed(number):
    return _integer(number, 7, 0x80)


def remembered(name, value):
    """A header field that goes into the table."""
    return b"\x40" + _text(name) + _text(value)


def grpc_headers(path, method=b"POST", content_type=b"application/grpc", more=()):
    fields = [(b":method", method), (b":scheme", b"http"), (b":path", path), (b":authority", b"test"), (b"te", b"trailers")]
    fields += [(b"content-type", content_type)] if content_type else []
    return b"".join(literal(*one) for one in [*fields, *more])


def grpc_message(message, flag=0, size=None):
    """`size`: another one than the message has."""
    return struct.pack(">BI", flag, len(message) if size is None else size) + message


class Wire:
    """One connection. Whatever comes is taken note of: `answers` of streams, `goaway` (error code), `ended`."""

    def __init__(self, port, settings=None, polite=True, receive_buffer=None):
        """polite: with preface and settings, and what the server sends in turn is answered."""
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = {}
        self.goaway = None
        self.ended = False
        self.pings = 0
        self.settings = {}
        self._received = b""
        self._decoder = hpack.Decoder()
        self._block = b""
        self._next_stream = 1
        self._window = FIRST_WINDOW  # of the connection, for what we send
        self._windows = {}  # by how much that of a stream differs from the first
        self.polite = polite
        if polite:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings_payload(settings or {})))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def abort(self):
        """Ends the connection with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # --- out ---

    def send(self, data):
        """False: the server has ended the connection."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def next_stream(self):
        stream = self._next_stream
        self._next_stream += 2
        return stream

    def open(self, path, **headers):
        """Begins a call. Returns its stream."""
        stream = self.next_stream()
        self.send(frame(HEADERS, END_HEADERS, stream, grpc_headers(path, **headers)))
        return stream

    def data(self, stream, payload, flags=0):
        """In frames of a size that every server takes, as the windows allow it. False: the server does not want it any more,
        or has ended the connection."""
        if not payload:
            return self.send(frame(DATA, flags, stream))
        while payload:
            room = min(self._window, self._stream_window(stream), MAX_FRAME)
            if self.answers.get(stream, Answer()).ended:
                return False
            if room <= 0:
                if not self.read():
                    return False
                continue
            part, payload = payload[:room], payload[room:]
            self._window -= len(part)
            self._windows[stream] = self._windows.get(stream, 0) - len(part)
            if not self.send(frame(DATA, 0 if payload else flags, stream, part)):
                return False
        return True

    def _stream_window(self, stream):
        return self.settings.get(INITIAL_WINDOW_SIZE, FIRST_WINDOW) + self._windows.get(stream, 0)

    def start(self, path, message, flag=0, **headers):
        stream = self.open(path, **headers)
        self.data(stream, grpc_message(message, flag), END_STREAM)
        return stream

    def call(self, path, message, **options):
        return self.await_end(self.start(path, message, **options))

    # --- in ---

    def read(self):
        """The next frame, or None: the connection has ended."""
        while True:
            if len(self._received) >= 9:
                size = int.from_bytes(self._received[:3], "big")
                if len(self._received) >= 9 + size:
                    kind, flags, stream = struct.unpack(">BBI", self._received[3:9])
                    payload, self._received = self._received[9:9 + size], self._received[9 + size:]
                    return self._take(Frame(kind, flags, stream, payload))
            try:
                piece = self.socket.recv(1 << 18)
            except ConnectionResetError:
                piece = b""
            if not piece:
                self.ended = True
                return None
            self._received += piece

    def _take(self, one):
        answer = self.answers.setdefault(one.stream, Answer())
        if one.kind in (HEADERS, CONTINUATION):
            self._block += one.payload
            if one.flags & END_HEADERS:
                answer.headers.update(self._decoder.decode(self._block))
                self._block = b""
        elif one.kind == DATA:
            answer.data += one.payload
            if self.polite and one.payload:
                self.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", len(one.payload))) +
                          frame(WINDOW_UPDATE, 0, one.stream, struct.pack(">I", len(one.payload))))
        elif one.kind == RST_STREAM:
            answer.reset = int.from_bytes(one.payload, "big")
        elif one.kind == GOAWAY:
            self.goaway = int.from_bytes(one.payload[4:8], "big")
        elif one.kind == SETTINGS and not one.flags & ACK:
            self.settings.update(struct.iter_unpack(">HI", one.payload))
            if self.polite:
                self.send(frame(SETTINGS, ACK, 0))
        elif one.kind == WINDOW_UPDATE:
            by, = struct.unpack(">I", one.payload)
            self._window += by if one.stream == 0 else 0
            self._windows[one.stream] = self._windows.get(one.stream, 0) + by
        elif one.kind == PING and one.flags & ACK:
            self.pings += 1
        if one.kind == RST_STREAM or one.kind in (DATA, HEADERS) and one.flags & END_STREAM:
            answer.ended = True
        return one

    def await_end(self, stream):
        """Until a call has ended. Fails if the connection ends before."""
        while not (stream in self.answers and self.answers[stream].ended):
            assert self.read(), f"the connection ended, error code {self.goaway}"
        return self.answers[stream]

    def await_headers(self, stream):
        while not (stream in self.answers and self.answers[stream].headers):
            assert self.read(), f"the connection ended, error code {self.goaway}"
        return self.answers[stream]

    def await_close(self):
        """Until the server closes. Returns the error code of its GOAWAY, None if there was none."""
        while self.read():
            pass
        return self.goaway
