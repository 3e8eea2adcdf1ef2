# SPDX-License-Identifier: Apache-2.0
"""Pools of Go's groupcache alone, with the real library: what src/ring and src/proto/groupcache say of it is what it does."""
import collections
import http.server
import threading
import urllib.parse

import pytest

from gogroupcache import GoPeer
from server import REPOSITORY

pytestmark = [pytest.mark.larder("no server of ours takes part"), pytest.mark.slow]

VECTORS = REPOSITORY / "tests" / "unit" / "ring" / "groupcache_vectors.txt"
PEERS = ["http://10.0.0.0:8008", "http://10.0.0.1:8008"]  # as the vectors call them
SPACED = b"a b"


def vectors(replicas, peers):
    """{key: index of the owner}: the vectors that unit/ring/test_groupcache_ring.c holds our ring to."""
    found = {}
    for line in VECTORS.read_text().splitlines():
        line_replicas, count, key, owner = line.split()
        if (int(line_replicas), int(count)) == (replicas, peers):
            found[b"" if key == "-" else bytes.fromhex(key)] = int(owner)
    return found


@pytest.fixture
def start_peer(tmp_path):
    """Starts members for one test alone, see GoPeer, and ends what the test has left running."""
    running = []

    def start(**options):
        running.append(GoPeer(tmp_path / f"peer{len(running)}", **options))
        return running[-1]
    yield start
    for each in running:
        if not each.stopped:
            each.stop()


@pytest.fixture
def pool(start_peer):
    """Two members that know each other by the names of the vectors."""
    members = [start_peer(url=url, sleep="20ms") for url in PEERS]
    dial = {url.removeprefix("http://"): f"{member.host}:{member.port}" for url, member in zip(PEERS, members)}
    for member in members:
        member.join(PEERS, dial)
    return members


def value_of(body):
    """The value in a GetResponse that is shorter than 128 bytes and has nothing else."""
    assert body[:1] == b"\x0a" and body[1] == len(body) - 2 < 128
    return body[2:]


def test_each_key_is_loaded_once_by_whom_our_ring_says(pool):
    owners = vectors(50, 2)
    assert set(owners.values()) == {0, 1} and SPACED in owners
    del owners[SPACED]  # see below
    for key in owners:
        for member in pool:
            assert member.get(key) == b"value of " + key
    for index, member in enumerate(pool):
        counters = member.counters()
        assert counters["loads_of"] == {key: 1 for key, owner in owners.items() if owner == index}
        assert counters["peer_errors"] == 0
        assert counters["peer_loads"] == sum(owner != index for owner in owners.values())


def test_those_who_ask_at_once_wait_for_one_load(pool):
    keys = [key for key in vectors(50, 2) if key != SPACED][:10]
    values = collections.Counter()

    def ask(member, key):
        values[member.get(key)] += 1
    askers = [threading.Thread(target=ask, args=(member, key)) for key in keys for member in pool for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert values == {b"value of " + key: 8 for key in keys}
    loads = collections.Counter()
    for member in pool:
        loads.update(member.counters()["loads_of"])
    assert loads == {key: 1 for key in keys}


def test_a_space_arrives_as_a_plus(pool):
    """The fault of the library that proto/groupcache/path.h tells of; we ask for such a key with %20, which arrives."""
    owner = vectors(50, 2)[SPACED]
    assert pool[1 - owner].get(SPACED) == b"value of a+b"
    assert pool[owner].get(SPACED) == b"value of a b"
    assert pool[owner].ask("GET", "/_groupcache/g/a%20b") == (200, b"\x0a\x0cvalue of a b")
    assert SPACED not in pool[1 - owner].counters()["loads_of"]


@pytest.mark.parametrize("path, key", [
    ("/_groupcache/g/a%2Bb", b"a+b"),
    ("/_groupcache/g/%2Fa%2F%2Fb%2F", b"/a//b/"),
    ("/_groupcache/g//a//b/", b"/a//b/"),
    ("/_groupcache/g/100%2525", b"100%25"),
    ("/_groupcache/g/..%2F.", b"../."),
    ("/_groupcache/g/..", b".."),
    ("/_groupcache/g/%00%0D%0A%7F%80%FF", b"\0\r\n\x7f\x80\xff"),
    ("/_groupcache/g/", b""),
    ("/_groupcache/g%2Fa/b", b"a/b"),
    ("/_groupcache/g/a?b", b"a"),
])
def test_what_a_path_means_to_a_go_peer(start_peer, path, key):
    status, body = start_peer().ask("GET", path)
    assert (status, value_of(body)) == (200, b"value of " + key)


@pytest.mark.parametrize("path, status", [
    ("/_groupcache/g", 400), ("/_groupcache/", 400), ("/_groupcache/g/%2", 400), ("/_groupcache/g/%zz", 400),
    ("/_groupcache/h/a", 404), ("/_groupcache//a", 404),
])
def test_what_a_go_peer_refuses(start_peer, path, status):
    assert start_peer().ask("GET", path)[0] == status


@pytest.mark.parametrize("path", ["%2Fa", "a%2F%2Fb", "..", "a%2F..%2Fb", "."])
def test_a_mux_redirects_what_it_calls_unclean(start_peer, path):
    peer = start_peer(mux="true")
    assert peer.ask("GET", "/_groupcache/g/" + path)[0] == 301
    assert peer.ask("GET", "/_groupcache/g/a%2Fb")[0] == 200
    assert peer.ask("GET", "/_groupcache/g/")[0] == 200


class Recorder:
    """A peer of ours that notes the requests it gets, and answers each with the same body."""

    def __init__(self, status, body):
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(handler):  # pylint: disable=no-self-argument
                self.requests.append(handler.path)
                handler.send_response(status)
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                handler.wfile.write(body)

            def log_message(self, *_):
                pass
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def record():
    running = []

    def start(status, body):
        running.append(Recorder(status, body))
        return running[-1]
    yield start
    for each in running:
        each.close()


def test_what_a_go_peer_asks(start_peer, record):
    recorder = record(200, b"\x0a\x02hi\x11\0\0\0\0\0\0\xf8\x3f")
    peer = start_peer(group="im/a ge")
    peer.join([recorder.url])
    keys = [b"", b"k", b"v2/image?w=850&h=200", b"a b", b"a+b", b"/a//b/", b"100%25", b"..", b"\0\x7f\x80\xff", b"-_.~!*'()"]
    for key in keys:
        assert peer.get(key) == b"hi"
    assert recorder.requests == ["/_groupcache/im%2Fa+ge/" + urllib.parse.quote_plus(key, safe="") for key in keys]
    counters = peer.counters()
    assert counters["peer_loads"] == len(keys) and not counters["loads_of"]


@pytest.mark.parametrize("status, body", [(404, b"no"), (500, b"\x0a\x02hi"), (301, b""), (200, b"\x0a\x03hi")])
def test_a_go_peer_loads_what_it_gets_no_answer_for(start_peer, record, status, body):
    recorder = record(status, body)
    peer = start_peer()
    peer.join([recorder.url])
    assert peer.get("k") == b"value of k"
    assert peer.counters()["peer_errors"] == 1


def test_it_loads_from_an_origin(start_peer, record):
    recorder = record(200, b"from the origin")
    peer = start_peer(origin=recorder.url)
    assert [peer.get("v2//a?w=1") for _ in range(2)] == [b"from the origin"] * 2
    assert recorder.requests == ["/v2//a?w=1"]
