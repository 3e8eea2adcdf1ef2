# SPDX-License-Identifier: Apache-2.0
"""Origin groups in bad weather that other tests have not: origins that move or break the protocol in finer ways, owners that stop
for a while, purges that a node does not hear of."""
import concurrent.futures
import shutil
import subprocess

import pytest

from cuttable import HANG, PASS, Network
from httpwire import ask
from ports import free_port
from server import kind_under_test
from sharednodes import SharedNodes
from toyorigin import ToyOrigin, until

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no groups")

KEYS = [f"/k{number}" for number in range(30)]


@pytest.fixture
def origin():
    running = ToyOrigin()
    yield running
    running.stop()


def config_of(url, options=""):
    return f'[group "config"]\nbacking = store\n\n[group "o"]\nbacking = origin\norigin = {url}\n{options}\n'


# --- the origin ---

def test_more_than_was_promised(start_server, tmp_path, origin):
    """What is behind the length that was said is neither part of the value nor of the next answer."""
    path = tmp_path / "larderd.conf"
    path.write_text(config_of(origin.url))
    server = start_server(extra=("--config", str(path), "--data-dir", str(tmp_path / "data")))
    origin.play = lambda request: request.answer(200, b"right" + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", length=5)
    for key in ("/a", "/b", "/c"):
        assert ask(server, "GET", "/o" + key).body == b"right"
    assert ask(server, "GET", "/o/a").body == b"right"
    assert sorted(origin.targets) == ["/a", "/b", "/c"]


def test_a_304_that_nobody_asked_for(start_server, tmp_path, origin):
    path = tmp_path / "larderd.conf"
    path.write_text(config_of(origin.url, "error-ttl = 60"))
    server = start_server(extra=("--config", str(path), "--data-dir", str(tmp_path / "data")))
    origin.play = lambda request: request.answer(304, fields=(("ETag", '"x"'),))
    for _ in range(2):
        assert ask(server, "GET", "/o/a").status == 502
    assert len(origin.requests) == 1


def own_hosts():
    """What starts a command for which another file is /etc/hosts; None: this system has no such thing for us."""
    for options in (["--mount"], ["--user", "--map-root-user", "--mount"]):
        command = ["unshare", *options, "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']
        if shutil.which("unshare") and subprocess.run([*command, "/etc/hostname", "true"], capture_output=True,
                                                      check=False).returncode == 0:
            return command
    return None


def test_an_origin_whose_name_moves(start_server, tmp_path):
    wrapper = own_hosts()
    if wrapper is None:
        pytest.skip("no file can be put in the place of /etc/hosts here")
    old = ToyOrigin(lambda request: request.answer(200, b"old"))
    new = ToyOrigin(lambda request: request.answer(200, b"new"), address=("127.0.0.2", old.port))
    try:
        hosts, path = tmp_path / "hosts", tmp_path / "larderd.conf"
        hosts.write_text("127.0.0.1 localhost origin.test\n")
        path.write_text(config_of(f"http://origin.test:{old.port}"))
        server = start_server(extra=("--config", str(path), "--data-dir", str(tmp_path / "data")), threads=1,
                              wrapper=[*wrapper, str(hosts)])
        assert ask(server, "GET", "/o/before").body == b"old"
        hosts.write_text("127.0.0.1 localhost\n127.0.0.2 origin.test\n")
        old.stop()
        keys = iter(range(10_000))
        until(lambda: ask(server, "GET", f"/o/{next(keys)}").body == b"new", "the name is looked up anew")
        assert ask(server, "GET", "/o/before").body == b"old"
    finally:
        old.stop()
        new.stop()


# --- the nodes ---

@pytest.fixture
def network():
    made = Network()
    yield made
    made.close()


@pytest.fixture
def generation():
    return [b"1"]


@pytest.fixture
def aging(origin, generation):
    origin.play = lambda request: request.answer(200, generation[0], (("Cache-Control", "max-age=600"),))
    return origin


def bodies(node):
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        return set(pool.map(lambda key: ask(node, "GET", "/o" + key).body, KEYS))


def member_count(node):
    return len(ask(node, "GET", "/admin/members").json["nodes"])


@pytest.mark.slow
def test_an_owner_that_stops_for_a_while(tmp_path, aging, generation):
    """Others take over; when it goes on it does not answer with what was purged meanwhile."""
    nodes = SharedNodes(tmp_path, config=config_of(aging.url))
    try:
        assert all(bodies(node) == {b"1"} for node in nodes.nodes)
        stopped = nodes.nodes[2]
        left = nodes.nodes[:2]
        stopped.pause()
        try:
            assert bodies(left[0]) == {b"1"}
            until(lambda: all(member_count(node) == 2 for node in left), "the one that stopped is out")
            generation[0] = b"2"
            for key in KEYS:
                assert ask(left[1], "DELETE", "/o" + key).status in (204, 404)
            assert all(bodies(node) == {b"2"} for node in left)
        finally:
            stopped.resume()
        assert bodies(stopped) == {b"2"}
        until(lambda: all(member_count(node) == 3 for node in nodes.nodes), "it is a member again")
        assert all(bodies(node) == {b"2"} for node in nodes.nodes)
    finally:
        nodes.stop()


@pytest.mark.slow
def test_a_purge_while_a_node_is_cut_off(tmp_path, aging, generation, network):
    """It is acknowledged when that node may not answer any more with what it has."""
    nodes = SharedNodes(tmp_path, count=1, config=config_of(aging.url))
    try:
        nodes.options["extra"] = ["--store-follow-members", "no"]  # or it would find a way around
        nodes.add()
        way = network.proxy("store", free_port(), nodes.nodes[0].port)
        cut = nodes.add(store=f"etcd://127.0.0.1:{way.port}")
        nodes.settle()
        assert all(bodies(node) == {b"1"} for node in nodes.nodes)
        network.turn(way, HANG)
        generation[0] = b"2"
        until(lambda: ask(nodes.nodes[1], "POST", "/admin/flush?group=o").status == 204, "the purge is acknowledged")
        assert all(bodies(node) == {b"2"} for node in nodes.nodes)
        network.turn(way, PASS)
        until(lambda: all(member_count(node) == 3 for node in nodes.nodes), "it is a member again")
        assert all(bodies(node) == {b"2"} for node in nodes.nodes)
        assert ask(cut, "DELETE", "/o" + KEYS[0]).status in (204, 404)
    finally:
        nodes.stop()
