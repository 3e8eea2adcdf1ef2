# SPDX-License-Identifier: Apache-2.0
"""Watches as server-sent events."""
import base64
import contextlib
import json
import socket
import threading

import pytest

from httpwire import DEADLINE, ask, connect, raw_connect, start_node
from server import wait_until
from wire import Connection

pytestmark = pytest.mark.larder("memcached speaks no HTTP")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    running = start_node(tmp_path_factory.mktemp("watch"))
    yield running
    running.stop()


class Watch:
    """A stream of events, read as they come. Iterates over (event, id, data)."""

    def __init__(self, server, target, **headers):
        self._connection = connect(server)
        self._connection.request("GET", target, headers={name.replace("_", "-"): text for name, text in headers.items()})
        self.response = self._connection.getresponse()
        self.status = self.response.status
        self.comments = 0
        self._lines = self._read_lines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self._connection.close()

    def _read_lines(self):
        """http.client's own readline takes a large line apart byte by byte."""
        stream = self.response.fp
        pending = b""
        while size := int(stream.readline() or "0", 16):
            *lines, pending = (pending + stream.read(size)).split(b"\n")
            assert stream.readline() == b"\r\n"
            yield from lines

    def set_deadline(self, seconds):
        """How long next() waits, at most; signs of life come less often."""
        self.response.fp.raw._sock.settimeout(seconds)

    def next(self):
        """The next event; None at the end of the stream."""
        fields = {}
        for line in self._lines:
            if not line:
                if "data" in fields:
                    return fields.get("event"), fields.get("id"), json.loads(fields["data"])
                fields = {}
                continue
            name, _, text = line.decode().partition(": ")
            if name == "":
                self.comments += 1
            fields[name] = text
        return None

    def take(self, count):
        return [self.next() for _ in range(count)]


def put(node, path, value):
    return ask(node, "PUT", path, value).revision


def test_changes_of_one_key(node):
    before = put(node, "/config/one", b"0")
    with Watch(node, "/config/one?watch") as watch:
        assert watch.status == 200 and watch.response.headers["Content-Type"] == "text/event-stream"
        assert watch.response.headers["Cache-Control"] == "no-store"
        start = int(watch.response.headers["X-Larder-Revision"])
        assert start >= before and watch.next() == ("progress", str(start), {"revision": start})
        put(node, "/config/one-more", b"not this")
        second = put(node, "/config/one", b"1")
        gone = ask(node, "DELETE", "/config/one").revision
        third = put(node, "/config/one", b"\xff")
        assert watch.take(3) == [
            ("put", str(second), {"key": "config/one", "create_revision": before, "mod_revision": second, "version": 2,
                                  "value": "1"}),
            ("delete", str(gone), {"key": "config/one", "mod_revision": gone}),
            ("put", str(third), {"key": "config/one", "create_revision": third, "mod_revision": third, "version": 1,
                                 "value": base64.b64encode(b"\xff").decode(), "value_encoding": "base64"})]


def test_changes_under_a_prefix_by_any_protocol(node):
    with Watch(node, "/config/?watch&prefix=p/") as watch, Connection(node) as other:
        watch.next()
        put(node, "/config/p/1", b"a")
        put(node, "/config/q/1", b"a")
        ask(node, "PUT", "/mem/p/1", b"a")
        assert other.ask(b"set config/p/2 7 0 1\r\nb\r\n") == b"STORED\r\n"
        ask(node, "DELETE", "/config/p/1")
        seen = [(name, data["key"], data.get("value")) for name, _, data in watch.take(3)]
        assert seen == [("put", "config/p/1", "a"), ("put", "config/p/2", "b"), ("delete", "config/p/1", None)]


def test_a_client_that_comes_back(node):
    revisions = [put(node, "/config/back", str(i).encode()) for i in range(5)]
    with Watch(node, f"/config/back?watch&rev={revisions[1]}") as watch:
        assert watch.next()[:2] == ("progress", str(revisions[1] - 1))
        assert [watch.next()[1] for _ in range(4)] == [str(revision) for revision in revisions[1:]]
    with Watch(node, f"/config/back?watch&rev={revisions[1]}", Last_Event_ID=str(revisions[3])) as watch:
        assert watch.next()[1] == str(revisions[3])
        assert watch.next()[1] == str(revisions[4]), "what it has seen counts, not where it began"
        last = put(node, "/config/back", b"5")
        assert watch.next()[1] == str(last)
    assert Watch(node, "/config/back?watch", Last_Event_ID="x").status == 400


def test_a_future_revision_is_waited_for(node):
    now = put(node, "/config/future", b"0")
    with Watch(node, f"/config/future?watch&rev={now + 3}") as watch:
        assert watch.next()[0] == "progress"
        for _ in range(3):
            last = put(node, "/config/future", b"x")
        assert watch.next()[1] == str(last)


def test_of_one_revision_only_the_last_event_has_the_id(node):
    """A client that comes back in between would miss the others. Keys of one lease end at one revision."""
    with Watch(node, "/config/?watch&prefix=lease/") as watch:
        watch.next()
        for _ in range(20):
            for name in "abcd":
                assert ask(node, "PUT", f"/config/lease/{name}?ttl=2", b"x").status in (201, 204)
            ids = []
            while len(ids) < 4:
                event, number, data = watch.next()
                if event == "delete":
                    ids.append((number, data["mod_revision"]))
            if len({revision for _, revision in ids}) == 1:
                assert ids == [(None, ids[3][1])] * 3 + [(str(ids[3][1]), ids[3][1])]
                return
    pytest.fail("the four keys never shared a lease")


def test_a_compacted_revision(tmp_path, start):
    running = start(tmp_path, extra=["--store-history", "5"])
    first = put(running, "/config/k", b"0")

    def compacted():
        put(running, "/config/k", b"x")
        return ask(running, "GET", f"/config/k?rev={first}").status == 410
    wait_until(compacted, 30, "the first revision is compacted")
    with Watch(running, f"/config/k?watch&rev={first}") as watch:
        assert watch.next()[0] == "progress"
        event, number, data = watch.next()
        assert event == "compacted" and data["compact_revision"] >= first and number == str(data["revision"])
        assert watch.next() is None, "the stream ends"
    with Watch(running, f"/config/k?watch&rev={first}", Last_Event_ID=number) as watch:
        assert watch.next()[0] == "progress", "what it was told last is where it goes on"
        last = put(running, "/config/k", b"y")
        assert watch.next()[1] == str(last)
    running.stop()


def watchers(node):
    for line in ask(node, "GET", "/metrics").body.decode().splitlines():
        if line.startswith("larder_store_watchers "):
            return int(line.split()[1])
    raise AssertionError("no metric")


def test_a_watch_ends_with_its_connection(node):
    wait_until(lambda: watchers(node) == 0, DEADLINE, "earlier watches are gone")
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(Watch(node, "/config/gone?watch")).next()
        assert watchers(node) == 30
    wait_until(lambda: watchers(node) == 0, DEADLINE, "the watches are gone")


def test_a_client_that_ends_its_half_is_let_go(node):
    with raw_connect(node) as raw:
        raw.sendall(b"GET /config/half?watch HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.recv(12) == b"HTTP/1.1 200"
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(65536):
            pass


def test_what_is_said_behind_a_watch_is_dropped(node):
    with raw_connect(node) as raw:
        raw.sendall(b"GET /config/behind?watch HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(100):
            raw.sendall(b"x" * 65536)
        put(node, "/config/behind", b"1")
        received = b""
        while b"event: put" not in received:
            received += raw.recv(65536)
        assert received.count(b"HTTP/1.1 ") == 1


def test_too_many_watches_are_refused(tmp_path, start):
    running = start(tmp_path, extra=["--max-watchers", "2"])
    with Watch(running, "/config/a?watch") as one, Watch(running, "/config/a?watch") as two:
        assert (one.status, two.status) == (200, 200)
        refused = ask(running, "GET", "/config/a?watch")
        assert refused.status == 503 and refused.json["message"] == "there are too many watches already"
    assert b'larder_limit_hits_total{limit="max-watchers"} 1\n' in ask(running, "GET", "/metrics").body
    running.stop()


@pytest.mark.parametrize("method, target, status", [
    ("HEAD", "/config/k?watch", 405), ("GET", "/config/k?watch&limit=5", 400), ("GET", "/nothing?watch&prefix=", 404),
    ("GET", "/mem/k?watch", 400), ("GET", "/mem?watch&prefix=", 400), ("PUT", "/config/k?watch", 400),
])
def test_errors(node, method, target, status):
    assert ask(node, method, target, b"x" if method == "PUT" else None).status == status


def test_an_old_client(node):
    """Without chunks the stream lasts until the connection ends."""
    with raw_connect(node) as raw:
        raw.sendall(b"GET /config/old?watch HTTP/1.0\r\n\r\n")
        received = b""
        while b"event: progress\n" not in received:
            received += raw.recv(65536)
        assert b"Transfer-Encoding" not in received and b"\r\n\r\nretry: 1000\nid: " in received


def test_a_slow_reader_holds_no_memory(tmp_path, start):
    """It is sent everything, in order, when it reads; until then it holds its outbox and what the kernel took."""
    running = start(tmp_path, extra=["--store-history", "0"])
    count, size = 800, 60_000
    with Watch(running, "/config/?watch&prefix=") as watch:
        start = int(watch.next()[1])
        put(running, "/config/warm", b"x" * size)
        before = running.resident_kib()
        with contextlib.closing(connect(running)) as connection:
            for i in range(count):
                answer = ask(running, "PUT", f"/config/{i % 10}", b"%d " % i + b"x" * size, connection=connection)
                assert answer.status in (201, 204)
        grown = running.resident_kib() - before
        assert grown < 24 * 1024 * running.memory_factor, f"{grown} KiB for {count * size >> 20} MiB of events"
        assert watch.next()[2]["key"] == "config/warm"
        for i in range(count):
            event, number, data = watch.next()
            assert (event, int(number)) == ("put", start + 2 + i) and data["value"].startswith(f"{i} ")
    running.stop()


def test_many_watchers_see_the_same(node):
    count, changes = 50, 40
    with contextlib.ExitStack() as stack:
        all_of_them = [stack.enter_context(Watch(node, "/config/?watch&prefix=many/")) for _ in range(count)]
        for watch in all_of_them:
            assert watch.next()[0] == "progress"
        writers = [threading.Thread(target=lambda i=i: [put(node, f"/config/many/{i}", str(n).encode())
                                                        for n in range(changes)]) for i in range(4)]
        for writer in writers:
            writer.start()
        seen = [watch.take(4 * changes) for watch in all_of_them]
        for writer in writers:
            writer.join()
        assert all(one == seen[0] for one in seen)
        numbers = [int(number) for _, number, _ in seen[0]]
        assert numbers == sorted(numbers) and len(set(numbers)) == 4 * changes


def test_a_node_that_ends_does_not_wait_for_watches(tmp_path, start):
    running = start(tmp_path, extra=["--drain-timeout", "1h"])
    with Watch(running, "/config/k?watch") as watch:
        watch.next()
        running.stop()
        assert watch.next() is None


def test_a_node_ends_although_a_watcher_does_not_read(tmp_path, start):
    running = start(tmp_path, extra=["--drain-timeout", "100ms"])
    with Watch(running, "/config/?watch&prefix=") as watch:
        watch.next()
        for i in range(200):
            put(running, f"/config/{i % 7}", b"x" * 60_000)
        running.stop()


def test_a_silent_watch_is_not_idle(tmp_path, start):
    running = start(tmp_path, extra=["--idle-timeout", "100ms"])
    with Watch(running, "/config/k?watch") as watch, raw_connect(running) as idle:
        watch.next()
        assert idle.recv(1) == b"", "a connection that was opened later is closed"
        last = put(running, "/config/k", b"x")
        assert watch.next()[1] == str(last)
    running.stop()
