# SPDX-License-Identifier: Apache-2.0
"""A Larder node as a member of a pool of Go's groupcache, with the real library as the others."""
import collections
import os
import re
import signal
import threading
import urllib.parse

import pytest

from gogroupcache import GoPeer
from httpwire import ask
from server import kind_under_test, suspend
from toyorigin import ToyOrigin, until
from wire import Connection

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached is in no pool")

SELF = "http://10.0.0.9:8008"  # the Go members are told where that is
SPECIAL = ["a/b/c", "100%25", "a+b", "é/ü", "v2/image/png/003?w=850&h=200", "x=%2Fy"]
KEYS = [f"k{i}" for i in range(60)] + SPECIAL


class Pool:
    """Two Go members, `go`, and a node, `node`, over one origin."""

    def __init__(self, origin, go, node, config):
        self.origin, self.go, self.node, self.config = origin, go, node, config

    def get(self, key):
        """The value through the node, by memcached."""
        name = b"g/" + key.encode()
        with Connection(self.node) as connection:
            answer = connection.ask(b"get " + name + b"\r\n")
        head, _, rest = answer.partition(b"\r\n")
        assert head.startswith(b"VALUE " + name + b" 0 "), answer
        return rest[:int(head.split()[-1])]

    def metrics(self):
        text = ask(self.node, "GET", "/metrics").body.decode()
        return {name: int(value) for name, value in re.findall(r'^larder_groupcache_(\w+)_total{group="g"} (\d+)$', text, re.MULTILINE)}

    def owned_by(self, member, keys=KEYS):
        """What that Go member has loaded."""
        loads = self.go[member].counters()["loads_of"]
        return [key for key in keys if key.encode() in loads]


def answer(request):
    request.answer(404 if "absent" in request.target else 200, body=request.target.encode())


@pytest.fixture
def pool(start_server, tmp_path):
    origin = ToyOrigin(answer)
    go = []
    try:
        go += [GoPeer(tmp_path / f"peer{i}", origin=origin.url) for i in range(2)]
        peers = [go[0].url, SELF, go[1].url]
        config = tmp_path / "larderd.conf"
        config.write_text(f'[group "g"]\nbacking = origin\norigin = {origin.url}\nring = groupcache\nself = {SELF}\n'
                          f'peers = {", ".join(peers)}\n[group "o"]\nbacking = origin\norigin = {origin.url}\n')
        node = start_server(extra=("--config", str(config)))
        for member in go:
            member.join(peers, {SELF.removeprefix("http://"): f"{node.host}:{node.port}"})
        yield Pool(origin, go, node, config)
    finally:
        for member in go:
            if not member.stopped:
                member.stop()
        origin.stop()


def target_of(key):
    """What a Go program asks an origin for, and so the node."""
    return "/" + urllib.parse.quote(key, safe="/?&=+%")


def test_each_key_is_loaded_once_wherever_it_enters(pool):
    ways = [pool.get, pool.go[0].get, pool.go[1].get]
    for turn in range(3):
        for i, key in enumerate(KEYS):
            assert ways[(i + turn) % 3](key) == target_of(key).encode(), key
    assert collections.Counter(pool.origin.targets) == {target_of(key): 1 for key in KEYS}
    ours = len(KEYS) - len(pool.owned_by(0)) - len(pool.owned_by(1))
    assert 0 < ours < len(KEYS)
    counted = pool.metrics()
    assert counted["local_loads"] == ours and counted["peer_loads"] == len(KEYS) - ours
    assert counted["server_requests"] >= ours and counted["gets"] == counted["server_requests"] + len(KEYS)
    assert counted["loads"] == counted["loads_deduped"] == len(KEYS)
    assert counted["cache_hits"] == counted["gets"] - counted["loads"]
    assert counted["peer_errors"] == counted["local_load_errors"] == 0
    assert [member.counters()["peer_errors"] for member in pool.go] == [0, 0]


def test_by_http_an_answer_of_a_member_is_a_value_alone(pool):
    for key in KEYS[:20]:
        told = ask(pool.node, "GET", "/g/" + key)
        assert (told.status, told.body) == (200, target_of(key).encode())
        again = ask(pool.node, "GET", "/g/" + key)
        theirs = key in pool.owned_by(0) + pool.owned_by(1)
        assert again.headers["Cache-Status"].startswith("larder; fwd=uri-miss" if theirs else "larder; hit")
        # Who wants it anew does not want what another member remembers.
        assert ask(pool.node, "GET", "/g/" + key, headers={"Cache-Control": "no-cache"}).status == 200
        assert pool.origin.targets.count(target_of(key)) == 2


def test_those_who_ask_at_once_wait_for_one_load(pool):
    values = collections.Counter()
    ways = [pool.get, pool.go[0].get, pool.go[1].get] * 3

    def work(way):
        for key in KEYS[:15]:
            values[way(key)] += 1
    workers = [threading.Thread(target=work, args=(way,)) for way in ways]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert values == {target_of(key).encode(): len(ways) for key in KEYS[:15]}
    assert collections.Counter(pool.origin.targets) == {target_of(key): 1 for key in KEYS[:15]}


def test_a_member_that_is_away(pool):
    for key in KEYS:
        pool.get(key)
    lost = pool.owned_by(1)
    before = pool.metrics()
    assert lost and before["peer_errors"] == 0
    pool.go[1].kill()
    for key in lost:
        assert pool.get(key) == target_of(key).encode()
    for key in lost:
        assert pool.get(key) == target_of(key).encode()  # it is stored here now
    after = pool.metrics()
    assert after["peer_errors"] == len(lost)
    assert after["local_loads"] == before["local_loads"] + len(lost)
    assert collections.Counter(pool.origin.targets) == {target_of(key): 1 + (key in lost) for key in KEYS}


def test_a_member_that_hangs_does_not_hold_up_what_is_loaded_here(pool):
    """Though each worker has one connection to it, and all are taken."""
    for key in KEYS:
        pool.get(key)
    theirs = pool.owned_by(1)
    ours = [key for key in KEYS if key not in theirs + pool.owned_by(0)]
    pool.config.write_text(pool.config.read_text().replace("ring = groupcache\n", "ring = groupcache\norigin-connections = 1\n", 1))
    os.kill(pool.node.pid, signal.SIGHUP)
    until(lambda: 'larder_config_reloads_total{result="ok"} 1' in ask(pool.node, "GET", "/metrics").body.decode(), "a reload")
    assert ask(pool.node, "POST", "/admin/flush?group=g").status == 204
    waiting = [Connection(pool.node) for _ in range(8)]
    suspend(pool.go[1].pid)
    try:
        before = len(pool.origin.targets)
        for i, connection in enumerate(waiting):
            connection.send(b"get g/" + theirs[i % len(theirs)].encode() + b"\r\n")
        for key in ours * 2:  # by connections of both workers
            assert pool.get(key) == target_of(key).encode()
        assert sorted(pool.origin.targets[before:]) == sorted(target_of(key) for key in ours)
    finally:
        os.kill(pool.go[1].pid, signal.SIGCONT)
    for i, connection in enumerate(waiting):
        assert target_of(theirs[i % len(theirs)]).encode() in connection.read_lines(3)
        connection.close()


def test_a_reload_changes_the_members(pool):
    for key in KEYS:
        pool.get(key)
    before = pool.metrics()
    pool.config.write_text(re.sub("(?m)^peers = .*$", f"peers = {SELF}", pool.config.read_text()))
    os.kill(pool.node.pid, signal.SIGHUP)
    until(lambda: 'larder_config_reloads_total{result="ok"} 1' in ask(pool.node, "GET", "/metrics").body.decode(), "a reload")
    for key in KEYS:
        assert pool.get(key) == target_of(key).encode()
    after = pool.metrics()
    assert after["peer_loads"] == before["peer_loads"] == len(KEYS) - before["local_loads"]
    assert after["local_loads"] == len(KEYS)


def test_members_that_do_not_agree_ask_in_no_circle(pool):
    """Each believes that the other has the keys."""
    pool.config.write_text(re.sub("(?m)^peers = .*$", f"peers = {pool.go[0].url}", pool.config.read_text()))
    os.kill(pool.node.pid, signal.SIGHUP)
    until(lambda: 'larder_config_reloads_total{result="ok"} 1' in ask(pool.node, "GET", "/metrics").body.decode(), "a reload")
    pool.go[0].join([SELF], {SELF.removeprefix("http://"): f"{pool.node.host}:{pool.node.port}"})
    for key in KEYS[:10]:
        assert pool.get(key) == target_of(key).encode()
    assert collections.Counter(pool.origin.targets) == {target_of(key): 1 for key in KEYS[:10]}
    assert pool.metrics()["server_requests"] == pool.metrics()["peer_loads"] == 10


def test_what_a_member_asks_is_loaded_here(pool):
    for key in KEYS:
        pool.get(key)
    theirs = pool.owned_by(0)[0]
    before = pool.metrics()
    served = ask(pool.node, "GET", "/_groupcache/g/" + urllib.parse.quote(theirs, safe=""))
    value = target_of(theirs).encode()
    assert (served.status, served.headers["Content-Type"]) == (200, "application/x-protobuf")
    assert served.body == b"\x0a" + bytes([len(value)]) + value
    assert pool.metrics()["peer_loads"] == before["peer_loads"]
    assert pool.origin.targets.count(target_of(theirs)) == 2


def test_there_is_no_word_for_what_is_not_there(pool):
    for i in range(12):  # some of each member
        assert ask(pool.node, "GET", f"/g/absent{i}").status == 404
        assert ask(pool.node, "GET", f"/_groupcache/g/absent{i}").status == 500
    assert pool.metrics()["local_load_errors"] == 12


@pytest.mark.parametrize("path, status", [
    ("h/a", 404), ("o/a", 404), ("default/a", 404), ("/a", 404), ("g", 400), ("", 400), ("g/%2", 400), ("g/%zz", 400),
    ("g/" + "k" * 250, 500),
])
def test_what_is_refused(pool, path, status):
    assert ask(pool.node, "GET", "/_groupcache/" + path).status == status


def test_a_large_value_and_an_empty_one(pool):
    def play(request):
        request.answer(body=b"" if "empty" in request.target else b"x" * 300_000)
    pool.origin.play = play
    for i in range(12):
        for member in pool.go:
            assert member.get(f"large{i}") == b"x" * 300_000
            assert member.get(f"empty{i}") == b""
        assert ask(pool.node, "GET", f"/g/large{i}").body == b"x" * 300_000
        assert pool.get(f"empty{i}") == b""
    assert len(pool.origin.targets) == 24
    assert pool.metrics()["peer_loads"] > 0 and pool.metrics()["local_loads"] > 0
