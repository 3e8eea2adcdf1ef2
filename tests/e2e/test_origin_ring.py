# SPDX-License-Identifier: Apache-2.0
"""Origin groups of nodes that share their keys: each key is loaded once, by its owner, whichever node is asked."""
import concurrent.futures

import pytest

from httpwire import ask
from server import kind_under_test
from sharednodes import SharedNodes
from toyorigin import Gate, ToyOrigin, until

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no groups")


@pytest.fixture
def origin():
    running = ToyOrigin()
    yield running
    running.stop()


@pytest.fixture
def nodes(tmp_path, origin):
    config = f'[group "config"]\nbacking = store\n\n[group "mem"]\n\n[group "o"]\nbacking = origin\norigin = {origin.url}\n'
    running = SharedNodes(tmp_path, config=config)
    yield running
    running.stop()


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


def test_wishes_travel(nodes, origin):
    for node in nodes.nodes:
        ask(node, "GET", "/o/a")
    count = len(origin.requests)
    assert count == 1
    for node in nodes.nodes:
        ask(node, "GET", "/o/a", headers={"Cache-Control": "no-cache"})
        assert ask(node, "GET", "/o/unknown", headers={"Cache-Control": "only-if-cached"}).status == 504
    assert len(origin.requests) == count + len(nodes.nodes)


def test_an_owner_that_dies(nodes, origin):
    """Its keys are loaded by whoever is asked for them until somebody else owns them, and then once."""
    keys = [f"/k{i}" for i in range(40)]
    for key in keys:
        ask(nodes.nodes[0], "GET", "/o" + key)
    dead = nodes.nodes[2]
    dead.kill()
    left = nodes.nodes[:2]
    for node in left:
        for key in keys:
            answer = ask(node, "GET", "/o" + key)
            assert (answer.status, answer.body) == (200, key.encode())
    nodes.nodes.remove(dead)
    until(lambda: all(len([n for n in ask(node, "GET", "/admin/members").json["nodes"]]) == 2 for node in left), "it is gone")
    for node in left:
        for key in keys:
            assert ask(node, "GET", "/o" + key).body == key.encode()
    count = len(origin.requests)
    for node in left:
        for key in keys:
            assert ask(node, "GET", "/o" + key).body == key.encode()
    assert len(origin.requests) == count


def test_an_owner_that_dies_in_a_flight(nodes, origin):
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
