# SPDX-License-Identifier: Apache-2.0
"""A pool of Go's groupcache whose members find each other below a prefix in etcd, or in a node's own store."""
import base64
import collections
import json
import os
import pathlib
import re
import signal
import types

import pytest

from etcd import Etcd
from gogroupcache import GoPeer
from httpwire import ask
from ports import free_port
from server import Server, kind_under_test, wait_until
from toyorigin import ToyOrigin
from wire import Connection

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached is in no pool")

PREFIX = b"/imgcache2/nodes/"
KEYS = [f"k{i}" for i in range(40)]
PATIENCE = 40


class Directory:
    """What speaks etcd's API at a port."""

    def __init__(self, port):
        self.server = types.SimpleNamespace(host="127.0.0.1", port=port)

    def call(self, what, **fields):
        texts = {name: base64.b64encode(value).decode() if isinstance(value, bytes) else value for name, value in fields.items()}
        answer = ask(self.server, "POST", f"/v3/{what}", body=json.dumps(texts))
        assert answer.status == 200, answer.body
        return answer.json

    def members(self):
        """{the key behind the prefix: (its value, its lease)}, in the order of the keys."""
        found = self.call("kv/range", key=PREFIX, range_end=PREFIX[:-1] + b"0").get("kvs", [])
        return {base64.b64decode(kv["key"])[len(PREFIX):].decode(): (base64.b64decode(kv["value"]).decode(), int(kv.get("lease", 0)))
                for kv in found}

    def put(self, name, url):
        self.call("kv/put", key=PREFIX + name.encode(), value=url.encode())

    def delete(self, name):
        self.call("kv/deleterange", key=PREFIX + name.encode())


class Node(Server):
    """A node in the pool; `store` is where the members stand, None: in its own."""

    def __init__(self, directory, origin, store=None, groups=""):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.name = f"127.0.0.1:{port}"
        self.url = f"http://{self.name}"
        self.config = directory / "larderd.conf"
        self.config.write_text(f'[group "g"]\nbacking = origin\norigin = {origin.url}\nring = groupcache\nself = {self.url}\n'
                               f'peers = {PREFIX.decode()}\n{groups}')
        place = ["--data-dir", str(directory / "data")] if store is None else ["--store", store]
        super().__init__(directory, extra=["--config", str(self.config), "--listen", self.name, *place])

    def get(self, key):
        with Connection(self) as connection:
            answer = connection.ask(b"get g/" + key.encode() + b"\r\n")
        head, _, rest = answer.partition(b"\r\n")
        assert head.startswith(b"VALUE "), answer
        return rest[:int(head.split()[-1])]

    def kill(self):
        self._process.kill()
        self._process.wait()
        self.stopped = True

    def count(self, name):
        text = ask(self, "GET", "/metrics").body.decode()
        return sum(int(value) for value in re.findall(rf"(?m)^larder_groupcache_{name}(?:{{.*}})? (\d+)$", text))


@pytest.fixture
def origin():
    running = ToyOrigin()
    yield running
    running.stop()


@pytest.fixture(params=["own", pytest.param("etcd", marks=pytest.mark.slow)])
def place(request, tmp_path, origin):
    """The first node, and where the members stand: in its own store, or in an etcd."""
    started = []

    def start(name, **options):
        started.append(Node(tmp_path / name, origin, **options))
        return started[-1]
    etcd = Etcd(tmp_path / "etcd") if request.param == "etcd" else None
    try:
        first = start("first", store=f"etcd://127.0.0.1:{etcd.client_port}" if etcd else None)
        port = etcd.client_port if etcd else first.port
        yield types.SimpleNamespace(first=first, start=start, store=f"etcd://127.0.0.1:{port}", directory=Directory(port))
        for node in reversed(started):  # the first may have the others' store
            if not node.stopped:
                node.stop()
    finally:
        for node in started:
            if not node.stopped:
                node.kill()
        if etcd:
            etcd.stop()


def await_peers(node, count):
    wait_until(lambda: node.count("peers") == count, PATIENCE,
               lambda: f"{node.name} knows {count} members, not {node.count('peers')}: {node.stderr()}")


def loads(origin, keys=KEYS):
    counted = collections.Counter(origin.targets)
    return [counted["/" + key] for key in keys]


def test_a_node_stands_there_as_long_as_it_is_there(place):
    await_peers(place.first, 1)
    stands = place.directory.members()
    assert list(stands) == [place.first.name]
    url, lease = stands[place.first.name]
    assert url == place.first.url and lease != 0
    second = place.start("second", store=place.store)
    await_peers(place.first, 2)
    await_peers(second, 2)
    second.stop()
    assert list(place.directory.members()) == [place.first.name]  # when it has ended it is gone
    await_peers(place.first, 1)
    third = place.start("third", store=place.store)
    await_peers(place.first, 2)
    third.kill()
    await_peers(place.first, 1)  # by the lease
    # Who takes its key away does not take it out of the pool.
    place.directory.delete(place.first.name)
    wait_until(lambda: list(place.directory.members()) == [place.first.name], PATIENCE, "it stands there again")


def test_a_pool_with_go(place, origin, tmp_path):
    """Programs in Go stand there by their own doing and give what stands there to HTTPPool.Set, in the order of the keys."""
    go = [GoPeer(tmp_path / f"peer{i}", origin=origin.url) for i in range(2)]
    try:
        for i, member in enumerate(go):
            place.directory.put(f"go{i}", member.url)
        place.directory.put("broken", "not a URL")
        await_peers(place.first, 3)
        second = place.start("second", store=place.store)
        for node in (place.first, second):
            await_peers(node, 4)
        urls = [url for url, _ in place.directory.members().values() if url != "not a URL"]
        assert sorted(urls) == sorted([place.first.url, second.url, go[0].url, go[1].url])
        for member in go:
            member.join(urls)
        ways = [place.first.get, go[0].get, second.get, go[1].get]
        for turn in range(4):
            for i, key in enumerate(KEYS):
                assert ways[(i + turn) % 4](key) == b"/" + key.encode()
        assert loads(origin) == [1] * len(KEYS)
        for member in go:
            assert 0 < sum(member.counters()["loads_of"].values()) < len(KEYS)
        # One goes, and the others know it without a reload.
        lost = {key.decode() for key in go[1].counters()["loads_of"]}
        place.directory.delete("go1")
        for node in (place.first, second):
            await_peers(node, 3)
        go[0].join([url for url in urls if url != go[1].url])
        for key in KEYS:
            for way in (place.first.get, second.get, go[0].get):
                assert way(key) == b"/" + key.encode()
        # The library keeps some of what others gave it, and may have been the next owner of one of those.
        assert all(1 <= count <= 1 + (key in lost) for key, count in zip(KEYS, loads(origin)))
        assert sum(loads(origin)) > len(KEYS)
        assert place.first.count("peer_errors_total") == second.count("peer_errors_total") == 0
    finally:
        for member in go:
            member.kill()


def test_a_store_that_is_away(tmp_path, origin):
    """The pool that was known stays, and when the store is back, so is the node."""
    etcd = Etcd(tmp_path / "etcd")
    directory = Directory(etcd.client_port)
    node = Node(tmp_path / "node", origin, store=f"etcd://127.0.0.1:{etcd.client_port}")
    try:
        directory.put("0", "http://127.0.0.1:9")
        await_peers(node, 2)
        etcd.stop()
        for key in KEYS:
            assert node.get(key) == b"/" + key.encode()
        assert 0 < node.count("peer_errors_total") < len(KEYS) and node.count("peers") == 2
        etcd.start()
        directory.put("0", node.url)
        directory.put("1", "http://127.0.0.1:9")
        await_peers(node, 3)
        directory.delete("1")
        await_peers(node, 2)
        wait_until(lambda: node.name in directory.members(), PATIENCE, "it stands there")
        etcd.stop()
        node.stop()  # it cannot take its key out, and says so
        assert "could not be taken out" in node.stderr()
    finally:
        if not node.stopped:
            node.kill()
        if etcd.is_alive():
            etcd.stop()


def test_a_reload_takes_the_pool_along(place, origin):
    place.directory.put("go", "http://127.0.0.1:9")
    await_peers(place.first, 2)
    config = place.first.config.read_text()

    def reload(text, result):
        place.first.config.write_text(text)
        os.kill(place.first.pid, signal.SIGHUP)
        wait_until(lambda: f'larder_config_reloads_total{{result="{result}"}} 1' in ask(place.first, "GET", "/metrics").body.decode(),
                   PATIENCE, f"a reload is {result}")
    reload(config + "ttl = 5m\n", "ok")
    assert place.first.count("peers") == 2
    place.directory.delete("go")
    await_peers(place.first, 1)
    reload(config.replace(PREFIX.decode(), "/elsewhere/"), "failed")
    assert "another pool that is found in the store" in place.first.stderr()
    assert place.first.get("k") == b"/k" and place.first.count("peers") == 1
