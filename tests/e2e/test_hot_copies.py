# SPDX-License-Identifier: Apache-2.0
"""Copies of hot keys: who is asked much for another node's key answers by himself, and nobody is ever given an old value."""
import concurrent.futures
import threading
import time

import pytest

from httpwire import ask
from server import kind_under_test, wait_until
from sharednodes import GROUPS, SharedNodes
from toyorigin import ToyOrigin
from wire import BARRIER, Connection

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no other nodes")

PATIENCE = 20
BURST = 400  # reads at a time; far more than make a key hot


@pytest.fixture(scope="module")
def origin():
    running = ToyOrigin()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory, origin):
    config = GROUPS + f'\n[group "o"]\nbacking = origin\norigin = {origin.url}\n\n[group "strict"]\nfreshness = linearizable\n'
    running = SharedNodes(tmp_path_factory.mktemp("hot"), config=config, extra=["--threads", "2", "--hot-rate", "20"])
    yield running
    running.stop()


def metric(node, name):
    for line in ask(node, "GET", "/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split(" ")[1])
    raise AssertionError(f"there is no {name}")


def split(nodes, key):
    """The owner of the key, and the others."""
    owner = ask(nodes.nodes[0], "GET", f"/admin/ring?key={key}").json["owner"]
    return ([node for node in nodes.nodes if node.name == owner][0], [node for node in nodes.nodes if node.name != owner])


def value_of(text):
    """Of what a get was answered with: the value, or None."""
    return None if text == b"END\r\n" else text.split(b"\r\n")[1]


def get(connection, key):
    return value_of(connection.ask(b"get %s\r\n" % key.encode()))


def heat(node, key, expected):
    """Reads the key until it is answered with a copy."""
    served = metric(node, "larder_copies_served_total")

    def is_served():
        with Connection(node) as connection:
            text = connection.ask(b"get %s\r\n" % key.encode() * BURST)
        assert text.count(expected) == BURST, text[:200]
        return metric(node, "larder_copies_served_total") > served
    wait_until(is_served, PATIENCE, lambda: f"{node.name} has a copy of {key}")


def try_put(node, key, value):
    with Connection(node) as connection:
        return connection.ask(b"set %s 5 0 %d\r\n%s\r\n" % (key.encode(), len(value), value))


def put(node, key, value):
    assert try_put(node, key, value) == b"STORED\r\n"


def test_a_hot_key_is_answered_without_its_owner(nodes):
    owner, others = split(nodes, "mem/served")
    put(owner, "mem/served", b"v1")
    for node in others:
        heat(node, "mem/served", b"v1")


    def are_served():  # a lease may end in the middle of it, and then most of them ask
        asked = metric(others[0], "larder_peer_requests_total")
        served = metric(others[0], "larder_copies_served_total")
        with Connection(others[0]) as connection:
            text = connection.ask(b"gets mem/served\r\n" * BURST)
        values = set(text.replace(b"END\r\n", b"").split(b"v1\r\n")) - {b""}
        assert len(values) == 1 and values.pop().startswith(b"VALUE mem/served 5 2 ")
        served = metric(others[0], "larder_copies_served_total") - served
        asked = metric(others[0], "larder_peer_requests_total") - asked
        assert served + asked >= BURST
        return served == BURST and asked == 0
    wait_until(are_served, PATIENCE, "nobody is asked")
    assert metric(owner, "larder_copy_grants_total") >= 2
    assert metric(owner, "larder_copy_granted_keys") >= 1
    # By HTTP the same copy is answered with.
    served = metric(others[0], "larder_copies_served_total")
    wait_until(lambda: ask(others[0], "GET", "/mem/served").body == b"v1"
               and metric(others[0], "larder_copies_served_total") > served, PATIENCE, "HTTP is answered with it")


CHANGES = [
    (b"set mem/changed 5 0 2\r\nv2\r\n", b"STORED\r\n", b"v2"),
    (b"append mem/changed 5 0 1\r\n+\r\n", b"STORED\r\n", b"v1+"),
    (b"touch mem/changed -1\r\n", b"TOUCHED\r\n", None),
    (b"delete mem/changed\r\n", b"DELETED\r\n", None),
]


def test_a_change_is_seen_everywhere_at_once(nodes):
    owner, others = split(nodes, "mem/changed")
    for number, (line, said, after) in enumerate(CHANGES):
        put(owner, "mem/changed", b"v1")
        for node in others:
            heat(node, "mem/changed", b"v1")
        with Connection(nodes.nodes[number % 3]) as connection:
            assert connection.ask(line) == said
        for node in nodes.nodes:
            with Connection(node) as connection:
                assert get(connection, "mem/changed") == after, (node.name, line)
    assert metric(owner, "larder_copy_revocations_total") > 0
    assert metric(owner, "larder_copy_revocations_answered_total") > 0
    assert sum(metric(node, "larder_copies_revoked_total") for node in others) > 0


def test_a_purge_and_a_flush_are_seen_everywhere(nodes):
    _, others = split(nodes, "mem/purged")
    for path in ("/admin/flush?group=mem", "/admin/flush"):
        put(nodes.nodes[0], "mem/purged", b"v1")
        for node in others:
            heat(node, "mem/purged", b"v1")
        assert ask(nodes.nodes[0], "POST", path).status == 204
        for node in nodes.nodes:
            with Connection(node) as connection:
                assert get(connection, "mem/purged") is None


def test_nobody_is_given_an_older_value_than_was_acknowledged(nodes):
    """Writers at each node, one after the other; readers at each node, who look what was acknowledged, and what they were
    answered with, before they ask. What is asked in one go is asked at the same time: the first may go to the owner while the
    second finds a copy that has just come."""
    key = "mem/busy"
    acknowledged = [0]
    over = threading.Event()
    served = sum(metric(node, "larder_copies_served_total") for node in nodes.nodes)

    def write():
        number = 0
        end = time.monotonic() + 2.5
        connections = [Connection(node) for node in nodes.nodes]
        while time.monotonic() < end:
            number += 1
            said = connections[number % 3].ask(b"set %s 0 0 8\r\n%08d\r\n" % (key.encode(), number))
            assert said == b"STORED\r\n", said
            acknowledged[0] = number
            time.sleep(0.02)  # long enough for copies to be made
        return number

    def look(node):
        newest = 0
        with Connection(node) as connection:
            while not over.is_set():
                least = max(acknowledged[0], newest)
                text = connection.ask(b"get %s\r\n" % key.encode() * 20)
                values = [int(value) for value in text.split(b"\r\n")[1::3]]
                assert min(values) >= least, (node.name, values, least)
                newest = max(values)
        return newest

    put(nodes.nodes[0], key, b"%08d" % 0)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(look, node) for node in nodes.nodes for _ in range(2)]
        writer = pool.submit(write)
        try:
            count = writer.result()
        finally:
            over.set()
        for reader in readers:
            reader.result()
    assert count > 20
    assert sum(metric(node, "larder_copies_served_total") for node in nodes.nodes) > served


def test_who_asks_for_more_than_a_copy_knows_asks_the_owner(nodes):
    owner, (node, _) = split(nodes, "mem/strict")
    put(owner, "mem/strict", b"v1")
    heat(node, "mem/strict", b"v1")
    served = metric(node, "larder_copies_served_total")
    with Connection(node) as connection:
        assert connection.ask(b"mg mem/strict t f v\r\n").startswith(b"VA 2 t-1 f5")
    assert ask(node, "GET", "/mem/strict", headers={"Larder-Freshness": "linearizable"}).body == b"v1"
    assert ask(node, "GET", "/mem/strict?use_cache=false").body == b"v1"
    assert metric(node, "larder_copies_served_total") == served
    owner, (node, _) = split(nodes, "strict/key")
    put(owner, "strict/key", b"v1")
    granted = metric(owner, "larder_copy_grants_total")
    for _ in range(3):
        with Connection(node) as connection:
            assert connection.ask(b"get strict/key\r\n" * BURST).count(b"v1") == BURST
    assert metric(owner, "larder_copy_grants_total") == granted


def test_a_holder_that_hangs_holds_a_write_up_for_the_lease_alone(nodes):
    owner, (holder, other) = split(nodes, "mem/paused")

    def is_waited_for():
        put(owner, "mem/paused", b"old")
        heat(holder, "mem/paused", b"old")
        awaited = metric(owner, "larder_copy_leases_awaited_total")
        with Connection(holder) as connection:
            holder.pause()
            try:
                connection.send(b"get mem/paused\r\n" + BARRIER)  # it is read when the holder goes on
                said = try_put(other, "mem/paused", b"new")
                awaited = metric(owner, "larder_copy_leases_awaited_total") - awaited
            finally:
                holder.resume()
            if said.endswith(b"nothing was done\r\n"):
                nodes.settle()  # the holder may be the one that keeps the store: without it nobody acts for long
                return False
            assert said == b"STORED\r\n"
            # It was asked before the write was done, and may have been read before the pause. On a busy machine the
            # pause may have cost it its membership; until it is back it may find nothing.
            assert value_of(connection.read_to_barrier()) in (b"old", b"new", None)
            assert get(connection, "mem/paused") in (b"new", None)
            nodes.settle()
            assert get(connection, "mem/paused") == b"new"
        return awaited > 0
    # On a busy machine the lease may be over before the write comes.
    wait_until(is_waited_for, PATIENCE, "the write has waited for the holder")


def answer_with(origin, body, headers=(("Cache-Control", "max-age=600"),)):
    origin.play = lambda request: request.answer(200, body, headers)


def heat_by_http(node, path, body):
    served = metric(node, "larder_copies_served_total")

    def is_served():
        for _ in range(40):
            answer = ask(node, "GET", path)
            assert (answer.status, answer.body) == (200, body)
        return metric(node, "larder_copies_served_total") > served
    wait_until(is_served, PATIENCE, lambda: f"{node.name} has a copy of {path}")


def test_answers_of_an_origin_are_copied_and_purged(nodes, origin):
    owner, others = split(nodes, "o/page")
    answer_with(origin, b"first")
    for node in others:
        heat_by_http(node, "/o/page", b"first")
    answer = ask(others[0], "GET", "/o/page")
    assert int(answer.headers["Age"]) >= 0 and "hit" in answer.headers["Cache-Status"]
    assert len(origin.targets) == 1
    answer_with(origin, b"second")
    assert ask(others[1], "DELETE", "/o/page").status == 204
    for node in [*others, owner]:  # it would take them back when it loads the next one
        assert ask(node, "GET", "/o/page").body == b"second"
    # Who wants better than a fresh answer gets it, and then everybody does.
    for node in others:
        heat_by_http(node, "/o/page", b"second")
    answer_with(origin, b"third")
    assert ask(others[0], "GET", "/o/page", headers={"Cache-Control": "no-cache"}).body == b"third"
    for node in nodes.nodes:
        assert ask(node, "GET", "/o/page").body == b"third"
    # And who primes it.
    for node in others:
        heat_by_http(node, "/o/page", b"third")
    with Connection(owner) as connection:
        assert connection.ask(b"set o/page 0 60 6\r\nprimed\r\n") == b"STORED\r\n"
    for node in nodes.nodes:
        assert ask(node, "GET", "/o/page").body == b"primed"
