# SPDX-License-Identifier: Apache-2.0
"""Origin groups of nodes that share their keys: each key is loaded once, by its owner, whichever node is asked."""
import concurrent.futures
import contextlib
import re
import socket

import pytest

from cuttable import REFUSE, Network
from httpwire import ask
from ports import free_port
from server import kind_under_test
from sharednodes import SharedNodes
from toyorigin import Gate, ToyOrigin, until

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no groups")


def config_of(origin):
    return f'[group "config"]\nbacking = store\n\n[group "mem"]\n\n[group "o"]\nbacking = origin\norigin = {origin.url}\n'


@contextlib.contextmanager
def cluster(directory):
    origin = ToyOrigin()
    nodes = SharedNodes(directory, config=config_of(origin))
    try:
        yield nodes, origin
    finally:
        nodes.stop()
        origin.stop()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """For all tests that leave it as it is."""
    with cluster(tmp_path_factory.mktemp("lasting")) as made:
        yield made


@pytest.fixture
def nodes(lasting):
    """Nothing is stored yet."""
    nodes, origin = lasting
    origin.begin_anew()
    assert ask(nodes.nodes[0], "POST", "/admin/flush?group=o").status == 204
    return nodes


@pytest.fixture
def origin(lasting):
    return lasting[1]


@pytest.fixture
def mortal(tmp_path):
    """For one test alone, which may kill nodes."""
    with cluster(tmp_path) as made:
        yield made


def test_each_key_is_loaded_once(nodes, origin):
    origin.play = lambda request: request.answer(200, request.target.encode(), (("ETag", '"x"'), ("Cache-Control", "max-age=60")))
    keys = [f"/k{i}?a=%2f{i}" for i in range(60)]
    for node in nodes.nodes:
        for key in keys:
            answer = ask(node, "GET", "/o" + key)
            assert (answer.status, answer.body, answer.headers["ETag"]) == (200, key.encode(), '"x"')
    assert sorted(origin.targets) == sorted(keys)


def test_one_request_for_all_nodes(nodes, origin):
    gate = Gate()

    def play(request):
        gate.wait()
        request.answer(200, b"once")
    origin.play = play
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(ask, node, "GET", "/o/cold") for node in nodes.nodes for _ in range(20)]
        origin.await_requests(1)
        # What is not for the origin does not wait behind what is.
        for node in nodes.nodes:
            for i in range(20):
                assert ask(node, "PUT", f"/mem/{i}", b"v").status in (201, 204)
                assert ask(node, "GET", f"/mem/{i}").body == b"v"
        gate.open()
        assert {future.result().body for future in asked} == {b"once"}
    assert len(origin.requests) == 1


def test_rounds_of_all_nodes(nodes, origin):
    """Whoever wants it anew waits for the owner's next request to the origin, which is one for all nodes."""
    gate = Gate()

    def play(request):
        gate.wait()
        request.answer(200, b"%d" % len(origin.requests))
    origin.play = play

    def collapsed():
        pages = [ask(node, "GET", "/metrics").body.decode() for node in nodes.nodes]
        return sum(int(re.search(r"^larder_origin_collapsed_requests_total (\d+)", page, re.MULTILINE).group(1)) for page in pages)
    before = collapsed()
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(ask, node, "GET", "/o/cold", headers={"Cache-Control": "no-cache"})
                 for node in nodes.nodes for _ in range(20)]
        until(lambda: collapsed() == before + 58, "all wait for two requests")
        gate.open()
        assert sorted(future.result().body for future in asked) == [b"1"] + [b"2"] * 59
    assert len(origin.requests) == 2


def test_a_slow_key_holds_up_no_other(nodes, origin):
    gate = Gate()

    def play(request):
        if request.target == "/slow":
            gate.wait()
        request.answer(200, request.target.encode())
    origin.play = play
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(ask, node, "GET", "/o/slow") for node in nodes.nodes]
        origin.await_requests(1)
        for node in nodes.nodes:
            for i in range(30):
                assert ask(node, "GET", f"/o/k{i}").body == b"/k%d" % i
        gate.open()
        assert {future.result().body for future in slow} == {b"/slow"}


def test_purges_and_errors_at_every_node(nodes, origin):
    status = [404]
    origin.play = lambda request: request.answer(status[0], b"%d" % len(origin.requests), (("Cache-Control", "max-age=600"),))
    for expected in (404, 301, 200):
        status[0] = expected
        count = len(origin.requests)
        bodies = {ask(node, "GET", "/o/a").body for node in nodes.nodes}
        assert {ask(node, "GET", "/o/a").status for node in nodes.nodes} == {expected}
        assert len(bodies) == 1 and len(origin.requests) == count + 1
        assert ask(nodes.nodes[expected % len(nodes.nodes)], "DELETE", "/o/a").status == 204
    ask(nodes.nodes[0], "GET", "/o/a")
    assert ask(nodes.nodes[1], "POST", "/admin/flush?group=o").status == 204
    count = len(origin.requests)
    for node in nodes.nodes:
        ask(node, "GET", "/o/a")
    assert len(origin.requests) == count + 1


def test_a_purge_by_prefix_while_loads_are_under_way(nodes, origin):
    """At every node; what the origin answers to a request of before it is given to who waits, and not kept."""
    gate = Gate()

    def play(request):
        if len(origin.requests) > 3:
            gate.wait()
        request.answer(200, request.target.encode(), (("Cache-Control", "max-age=600"),))
    origin.play = play
    for key in ("/v2/a", "/v3/a", "/v%32/a"):
        ask(nodes.nodes[0], "GET", "/o" + key)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, node, "GET", "/o/v2/b") for node in nodes.nodes]
        origin.await_requests(4)
        assert ask(nodes.nodes[1], "POST", "/admin/flush?group=o&prefix=v2/").status == 204
        gate.open()
        assert {future.result().body for future in asked} == {b"/v2/b"}
    for node in nodes.nodes:
        for key in ("/v2/a", "/v3/a", "/v%32/a", "/v2/b"):
            assert ask(node, "GET", "/o" + key).body == key.encode()
    assert [origin.targets.count(key) for key in ("/v2/a", "/v3/a", "/v%32/a", "/v2/b")] == [2, 1, 1, 2]


def test_wishes_travel(nodes, origin):
    for node in nodes.nodes:
        ask(node, "GET", "/o/a")
    count = len(origin.requests)
    assert count == 1
    for node in nodes.nodes:
        ask(node, "GET", "/o/a", headers={"Cache-Control": "no-cache"})
        assert ask(node, "GET", "/o/unknown", headers={"Cache-Control": "only-if-cached"}).status == 504
    assert len(origin.requests) == count + len(nodes.nodes)


def member_count(node):
    return len(ask(node, "GET", "/admin/members").json["nodes"])


def test_an_owner_that_dies(mortal):
    """Each of its keys is loaded once more, whoever is asked for it, while it is still a member and when it is none any more."""
    nodes, origin = mortal
    origin.play = lambda request: request.answer(200, request.target.encode(), (("Cache-Control", "max-age=600"),))
    keys = [f"/k{i}" for i in range(60)]
    for node in nodes.nodes:  # so each has seen that the others go by the membership that it goes by
        for key in keys:
            ask(node, "GET", "/o" + key)
    dead = nodes.nodes[2]
    dead.kill()
    left = nodes.nodes[:2]
    early, late = keys[:30], keys[30:]
    for node in left * 2:
        for key in early:
            answer = ask(node, "GET", "/o" + key)
            assert (answer.status, answer.body) == (200, key.encode())
    assert member_count(left[0]) == 3
    nodes.nodes.remove(dead)
    until(lambda: all(member_count(node) == 2 for node in left), "it is gone")
    for node in left * 2:
        for key in early + late:
            assert ask(node, "GET", "/o" + key).body == key.encode()
    assert max(origin.targets.count(key) for key in keys) == 2
    assert sum(origin.targets.count(key) for key in early) < 2 * len(early)


def test_an_owner_that_dies_in_a_flight(mortal):
    nodes, origin = mortal
    gate = Gate()

    def play(request):
        if len(origin.requests) <= 20:
            gate.wait()
        request.answer(200, request.target.encode())
    origin.play = play
    dead = nodes.nodes[2]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, nodes.nodes[0], "GET", f"/o/k{i}") for i in range(20)]
        origin.await_requests(20)
        dead.kill()
        nodes.nodes.remove(dead)
        gate.open()
        assert [future.result().body for future in asked] == [b"/k%d" % i for i in range(20)]


def test_large_answers_and_those_that_are_not_stored(nodes, origin):
    body = b"0123456789abcdef" * 40_000
    origin.play = lambda request: request.answer(200, body * (4 if request.target == "/huge" else 1), (
        ("Cache-Control", "private"),) if request.target == "/private" else ())
    for node in nodes.nodes:
        assert ask(node, "GET", "/o/large").body == body
        assert ask(node, "GET", "/o/private").body == body
        assert ask(node, "GET", "/o/huge").body == body * 4
    assert origin.targets.count("/large") == 1


@pytest.fixture
def toy():
    running = ToyOrigin()
    yield running
    running.stop()


@pytest.fixture
def network():
    made = Network()
    yield made
    made.close()


def test_a_change_by_an_owner_whom_the_others_cannot_reach(tmp_path, toy, network):
    """What the others have loaded meanwhile is not served after it."""
    generation = [b"1"]
    origin = toy
    origin.play = lambda request: request.answer(200, generation[0], (("Cache-Control", "max-age=600"),))
    port = free_port()
    way = network.proxy("owner", free_port(), port)
    nodes = SharedNodes(tmp_path, count=2, config=config_of(origin))
    try:
        nodes.options.update(port=port, advertised=way.port)
        owner = nodes.add()
        nodes.settle()
        left = nodes.nodes[:2]
        keys = [f"/k{i}" for i in range(40)]
        network.turn(way, REFUSE)
        for node in left * 2:
            for key in keys:
                assert ask(node, "GET", "/o" + key).body == b"1"
        assert len(origin.requests) == len(keys)
        generation[0] = b"2"
        for key in keys[:20]:
            assert ask(owner, "DELETE", "/o" + key).status in (204, 404)
        for key in keys[20:]:
            assert ask(owner, "PUT", "/o" + key, b"2").status in (201, 204)
        for node in left * 2:
            assert {ask(node, "GET", "/o" + key).body for key in keys} == {b"2"}
    finally:
        nodes.stop()


def hear_half(node, target, size):
    """A connection on which so much of the body, in a length that is told, has been heard."""
    client = socket.create_connection((node.host, node.port), timeout=20)
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: {node.host}\r\n\r\n".encode())
    stream = client.makefile("rb")
    while stream.readline() != b"\r\n":
        pass
    return client, stream, stream.read(size)


def test_answers_are_told_while_they_come(nodes, origin):
    """By the owner of the key; and where the owner's answer would be too large, by any node, which asks for itself."""
    gate = Gate()
    sizes = {"/small": 300_000, "/large": 3_000_000}

    def play(request):
        size = sizes[request.target]
        if request.target == "/large" and len(origin.requests) == 1:
            request.answer(200, bytes(size))  # the owner, who is asked by a node
            return
        request.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size // 3))
        gate.wait()
        request.say(bytes(size - size // 3))
    origin.play = play

    def by_owner(key):
        owner = ask(nodes.nodes[0], "GET", f"/admin/ring?key={key}").json["owner"]
        owners = [node for node in nodes.nodes if node.name == owner]
        return next(node for node in nodes.nodes if node.name != owner), owners[0]
    other, owner = by_owner("o/large")
    with contextlib.ExitStack() as stack:
        client, stream, half = hear_half(other, "/o/large", sizes["/large"] // 3)
        stack.callback(client.close)
        assert half == bytes(sizes["/large"] // 3)
        other, owner = by_owner("o/small")
        second, second_stream, half = hear_half(owner, "/o/small", sizes["/small"] // 3)
        stack.callback(second.close)
        assert half == bytes(sizes["/small"] // 3)
        gate.open()
        assert len(stream.read(2_000_000)) == 2_000_000
        assert len(second_stream.read(200_000)) == 200_000
    assert ask(other, "GET", "/o/small").body == bytes(sizes["/small"])
