# SPDX-License-Identifier: Apache-2.0
"""An HTTP service whose every byte a test decides: the origin of a group."""
import socket
import threading
import time

DEADLINE = 20


class Request:
    """One request, as it came; and how it is answered."""

    def __init__(self, connection, head):
        lines = head.decode("latin-1").split("\r\n")
        self.connection = connection
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        self.hung_up = False

    def say(self, data):
        """Sends bytes as they are."""
        self.connection.sendall(data)

    def answer(self, status=200, body=b"", fields=(), length=None):
        """A whole answer with its Content-Length, which may be a lie."""
        lines = [f"HTTP/1.1 {status} Whatever"]
        if status not in (204, 304):
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        lines += [f"{name}: {value}" for name, value in fields]
        self.say("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def hang_up(self):
        self.hung_up = True


class ToyOrigin:
    """Listens on loopback and calls `play(request)` for each request, on a thread of its connection. What it was asked stands in
    `requests`."""

    def __init__(self, play=None, address=("127.0.0.1", 0), tls=None):
        self.tls = tls  # an ssl.SSLContext
        self.changed = threading.Condition()
        self.connections = set()
        self.ended = False
        self.begin_anew(play)
        self.listener = socket.create_server(address, backlog=256)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def begin_anew(self, play=None):
        """As if it had just been made; nothing is under way."""
        with self.changed:
            self.requests = []
            self.play = play or (lambda request: request.answer(body=request.target.encode()))

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def targets(self):
        with self.changed:
            return [request.target for request in self.requests]

    def await_requests(self, count):
        """Until so many have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, DEADLINE), f"{len(self.requests)} requests"

    def stop(self):
        self.ended = True
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)  # or accept() would keep it
            self.listener.close()
        with self.changed:
            connections = list(self.connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while not self.ended:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, raw):
        connection = raw
        rest = b""
        try:
            if self.tls:
                connection = self.tls.wrap_socket(raw, server_side=True)
            while True:
                while b"\r\n\r\n" not in rest:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    rest += piece
                head, _, rest = rest.partition(b"\r\n\r\n")
                request = Request(connection, head)
                with self.changed:
                    self.requests.append(request)
                    self.changed.notify_all()
                self.play(request)
                if request.hung_up:
                    return
        except OSError:
            pass
        finally:
            with self.changed:
                self.connections.discard(raw)
            connection.close()


class Gate:
    """Where requests of an origin are held until the test lets them go."""

    def __init__(self):
        self.event = threading.Event()

    def wait(self):
        assert self.event.wait(DEADLINE)

    def open(self):
        self.event.set()


def until(condition, what):
    """Waits for it, with a deadline."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)
