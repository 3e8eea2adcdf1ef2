# SPDX-License-Identifier: Apache-2.0
"""A raw connection, and transcripts: what is sent and what must come back, line by line."""
import re
import socket
import time

DEADLINE = 10
BARRIER, BARRIER_REPLY = b"mn\r\n", b"MN\r\n"


class Connection:
    """A TCP connection to the server under test. Everything that waits has a deadline and says what it saw."""

    def __init__(self, server, deadline=DEADLINE, receive_buffer=None):
        self.deadline = deadline
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(deadline)
        self.socket.connect((server.host, server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def abort(self):
        """Closes with a reset: nothing of this connection is left on either side."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self, end, what):
        left = end - time.monotonic()
        assert left > 0, f"deadline over, waiting for {what}; so far {self._unread[-2000:]!r}"
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 18)
        except (TimeoutError, socket.timeout):
            raise AssertionError(f"deadline over, waiting for {what}; so far {self._unread[-2000:]!r}") from None
        finally:
            self.socket.settimeout(self.deadline)
        assert data, f"closed while waiting for {what}; so far {self._unread[-2000:]!r}"
        self._unread += data

    def read_until(self, is_complete, what):
        """Returns the first n unread bytes, n = is_complete(unread), as soon as n is not 0."""
        end = time.monotonic() + self.deadline
        while True:
            length = is_complete(self._unread)
            if length:
                data, self._unread = self._unread[:length], self._unread[length:]
                return data
            self._fill(end, what)

    def read_lines(self, count):
        def complete(unread):
            position = 0
            for _ in range(count):
                position = unread.find(b"\n", position) + 1
                if position == 0:
                    return 0
            return position
        return self.read_until(complete, f"{count} lines")

    def read_barriers(self, count):
        """Everything up to and with the answers to `count` barriers."""
        def complete(unread):
            return len(unread) if unread.endswith(BARRIER_REPLY) and unread.count(BARRIER_REPLY) >= count else 0
        return self.read_until(complete, f"the MN of {count} barriers")

    def read_to_barrier(self):
        """Everything up to the answer to a barrier that was sent, without it."""
        return self.read_barriers(1)[:-len(BARRIER_REPLY)]

    def ask(self, data):
        """Sends `data` and a barrier; returns all that comes back before the barrier's answer."""
        self.send(data + BARRIER)
        return self.read_to_barrier()

    def is_closed_by_server(self):
        """Waits until the server closes and returns what came before; fails when it does not close."""
        received = self._unread
        self._unread = b""
        try:
            while True:
                data = self.socket.recv(1 << 16)
                if not data:
                    return received
                received += data
        except ConnectionResetError:
            return received
        except (TimeoutError, socket.timeout):
            raise AssertionError(f"not closed within {self.deadline} s; received {received!r}") from None

    def stats(self, what=b""):
        """The numbers and texts of `stats [what]` as a dict."""
        reply = self.ask(b"stats" + (b" " + what if what else b"") + b"\r\n")
        assert reply.endswith(b"END\r\n"), reply
        rows = [line.split(b" ", 2) for line in reply.split(b"\r\n")[:-2]]
        assert all(len(row) == 3 and row[0] == b"STAT" for row in rows), reply
        return {name.decode(): value.decode() for _, name, value in rows}


class Transcript:
    """Plays a conversation.

    Lines that begin with `> ` are sent, lines that begin with `< ` are expected, in order; each ends with CRLF.
    Backslash escapes stand for bytes. `@name@` in an expected line is any decimal number: the first time it is given
    that name, later it must be the same; in a sent line it is that number, also `@name+1@` or `@name-1@`. At the end a
    barrier proves that not a byte more came back.
    """

    _VARIABLE = re.compile(rb"@([a-z]+[0-9]*)([+-][0-9]+)?@")

    def __init__(self, connection):
        self.connection = connection
        self.numbers = {}

    def __call__(self, text):
        for sent, expected in self._steps(text):
            self.connection.send(b"".join(self._fill_in(line) for line in sent))
            if expected:
                reply = self.connection.read_lines(len(expected))
                self._compare(sent, expected, reply)
        rest = self.connection.ask(b"")
        assert rest == b"", f"more than expected: {rest!r}"
        return self.numbers

    @staticmethod
    def _steps(text):
        steps = []
        for line in text.splitlines():
            line = line.lstrip()
            if not line:
                continue
            mark, content = line[:1], line[2:]
            assert mark in "<>", line
            data = content.encode("latin-1").decode("unicode_escape").encode("latin-1") + b"\r\n"
            if mark == ">":
                if not steps or steps[-1][1]:
                    steps.append(([], []))
                steps[-1][0].append(data)
            else:
                steps[-1][1].append(data)
        return steps

    def _fill_in(self, line):
        def number(match):
            return b"%d" % (self.numbers[match.group(1).decode()] + int(match.group(2) or 0))
        return self._VARIABLE.sub(number, line)

    def _compare(self, sent, expected, reply):
        pattern = b""
        position = 0
        text = b"".join(expected)
        seen = set()
        for match in self._VARIABLE.finditer(text):
            name = match.group(1).decode()
            pattern += re.escape(text[position:match.start()])
            if name in self.numbers:
                pattern += b"%d" % (self.numbers[name] + int(match.group(2) or 0))
            elif name in seen:
                pattern += b"(?P=%s)" % match.group(1)
            else:
                pattern += b"(?P<%s>[0-9]+)" % match.group(1)
                seen.add(name)
            position = match.end()
        pattern += re.escape(text[position:])
        found = re.fullmatch(pattern, reply, re.DOTALL)
        assert found, f"\nsent     {b''.join(sent)!r}\nexpected {text!r}\nreceived {reply!r}\nnumbers  {self.numbers}"
        self.numbers.update({name: int(value) for name, value in found.groupdict().items()})
