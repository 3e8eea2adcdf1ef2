# SPDX-License-Identifier: Apache-2.0
"""Memory groups that three nodes share: whoever is asked, the answer is as if one node had it all."""
import threading
import time

import pytest

from httpwire import ask, raw_connect, statuses
from server import kind_under_test, wait_until
from sharednodes import DEADLINE, LEASE, SharedNodes, fill, names_of, read
from wire import Connection, Transcript

pytestmark = [pytest.mark.skipif(kind_under_test() != "larder", reason="only larderd has a cluster of nodes"), pytest.mark.slow]


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """Three nodes that stay."""
    nodes = SharedNodes(tmp_path_factory.mktemp("shared"))
    yield nodes
    nodes.stop()


@pytest.fixture
def start_nodes(tmp_path):
    running = []

    def start(**options):
        running.append(SharedNodes(tmp_path / f"nodes{len(running)}", **options))
        return running[-1]
    yield start
    for nodes in running:
        nodes.kill()  # what tests do to them may have left much to wait for at an orderly end


def key_of_each(standing, prefix):
    """Keys enough that each node has some of them."""
    return names_of(12, prefix)


CONVERSATION = """
> get {key}
< END
> set {key} 5 0 3
> abc
< STORED
> gets {key}
< VALUE {key} 5 3 @cas@
< abc
< END
> cas {key} 5 0 3 @cas+1@
> abd
< EXISTS
> cas {key} 6 0 3 @cas@
> abd
< STORED
> add {key} 0 0 1
> x
< NOT_STORED
> append {key} 0 0 2
> de
< STORED
> prepend {key} 0 0 1
> _
< STORED
> gat 100 {key}
< VALUE {key} 6 6
< _abdde
< END
> mg {key} t f s v
< VA 6 t100 f6 s6
< _abdde
> replace {key} 1 0 2
> 41
< STORED
> incr {key} 1
< 42
> decr {key} 2
< 40
> ma {key} D3 v t
< VA 2 t-1
< 43
> ms {key} 2 E77 c F9
> hi
< HD c77
> mg {key} c v k Oq
< VA 2 c77 k{key} Oq
< hi
> mg {key} C77 v
< HD
> touch {key} 50
< TOUCHED
> md {key} I T30
< HD
> mg {key} v t
< VA 2 t30 X W
< hi
> mg {key} v
< VA 2 Z X
< hi
> md {key} x
< HD
> mg {key} s v
< VA 0 s0
<
> delete {key}
< DELETED
> delete {key}
< NOT_FOUND
> touch {key} 1
< NOT_FOUND
> incr {key} 1
< NOT_FOUND
> ma {key} N0 J5 v
< VA 1
< 5
> ms {key} 1 q
> z
> mg {key} q v
< VA 1
< z
> set {key} 0 -1 1
> z
< STORED
> mg {key}
< EN
> mg {key} N30 t v
< VA 0 t30 W
<
> md {key} q
"""


@pytest.mark.parametrize("through", range(3))
def test_memcached_through_any_node(standing, through):
    for key in key_of_each(standing, b"talk%d." % through):
        with Connection(standing.nodes[through]) as connection:
            Transcript(connection)(CONVERSATION.replace("{key}", key.decode()))


def test_a_key_in_base64(standing):
    for number in range(12):
        with Connection(standing.nodes[0]) as connection:
            key = b"Zm9vIA%02d" % number
            assert connection.ask(b"ms %s 2 b\r\nhi\r\nmg %s b k v\r\n" % (key, key)) == \
                b"HD\r\nVA 2 k%s b\r\nhi\r\n" % key


@pytest.mark.parametrize("through", range(3))
def test_http_through_any_node(standing, through):
    node = standing.nodes[through]
    other = standing.nodes[(through + 1) % 3]
    for number in range(12):
        path = f"/mem/http{through}.{number}"
        assert ask(node, "GET", path).status == 404
        assert ask(node, "PUT", path, b"one").status == 201
        first = ask(node, "GET", path)
        assert (first.status, first.body) == (200, b"one")
        assert ask(other, "GET", path).tag == first.tag
        assert ask(other, "GET", path, headers={"If-None-Match": first.tag}).status == 304
        assert ask(other, "PUT", path, b"two", {"If-Match": first.tag}).status == 204
        assert ask(node, "PUT", path, b"three", {"If-Match": first.tag}).status == 412
        assert ask(node, "PUT", path, b"four", {"If-None-Match": "*"}).status == 412
        assert ask(node, "HEAD", path).headers["Content-Length"] == "3"
        assert ask(node, "DELETE", path, headers={"If-Match": first.tag}).status == 412
        assert ask(node, "DELETE", path).status == 204
        assert ask(node, "DELETE", path).status == 404


def test_http_pipelined(standing):
    paths = [f"/mem/line{number}" for number in range(60)]
    sent = "".join(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
                   f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" for path in paths)
    sent += "GET /mem/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with raw_connect(standing.nodes[0]) as raw:
        raw.sendall(sent.encode())
        received = b""
        while piece := raw.recv(65536):
            received += piece
    assert statuses(received) == [201, 200] * 60 + [404]


def test_many_keys_at_once(standing):
    names = names_of(2000, b"many")
    assert fill(standing.nodes[0], names) == []
    for node in standing.nodes:
        assert read(node, names) == {name: name + b"x" for name in names}
        with Connection(node, deadline=DEADLINE) as connection:
            text = connection.ask(b"".join(b"mg %s v k q\r\n" % name for name in names + [b"nosuch"]))
            assert text == b"".join(b"VA %d k%s\r\n%sx\r\n" % (len(name) + 1, name, name) for name in names)


@pytest.mark.parametrize("size", [16 << 10, 300 << 10, (1 << 20) - 200])
def test_large_values(standing, size):
    value = bytes(number % 251 for number in range(size))
    for number in range(9):
        key = b"large%d.%d" % (size, number)
        with Connection(standing.nodes[number % 3], deadline=DEADLINE) as connection:
            connection.send(b"set %s 3 0 %d\r\n" % (key, size) + value + b"\r\n")
            assert connection.read_lines(1) == b"STORED\r\n"
        for node in standing.nodes:
            with Connection(node, deadline=DEADLINE) as connection:
                assert connection.ask(b"get %s\r\n" % key) == b"VALUE %s 3 %d\r\n%s\r\nEND\r\n" % (key, size, value)


def test_a_refused_set_takes_the_old_value_with_it(standing):
    for name in names_of(12, b"refused"):
        with Connection(standing.nodes[0], deadline=DEADLINE) as connection:
            assert connection.ask(b"set %s 0 0 1\r\nx\r\n" % name) == b"STORED\r\n"
            value = b"y" * (2 << 20)
            assert connection.ask(b"set %s 0 0 %d\r\n%s\r\n" % (name, len(value), value)) == \
                b"SERVER_ERROR object too large for cache\r\n"
        with Connection(standing.nodes[1]) as connection:
            assert connection.ask(b"get %s\r\n" % name) == b"END\r\n"


def test_one_connection_keeps_the_order_of_a_key(standing):
    said = b"".join(b"set order%d 0 0 2\r\n%02d\r\nincr order%d 1\r\nget order%d\r\n" % (key, number, key, key)
                    for number in range(10, 90) for key in range(6))
    expected = b"".join(b"STORED\r\n%d\r\nVALUE order%d 0 2\r\n%d\r\nEND\r\n" % (number + 1, key, number + 1)
                        for number in range(10, 90) for key in range(6))
    for node in standing.nodes:
        with Connection(node, deadline=DEADLINE) as connection:
            assert connection.ask(said) == expected


def test_counting_at_all_nodes_loses_nothing(standing):
    def count(node):
        with Connection(node, deadline=DEADLINE) as connection:
            for _ in range(50):
                connection.ask(b"".join(b"incr counter%d 1\r\n" % key for key in range(6)))
    with Connection(standing.nodes[0]) as connection:
        connection.ask(b"".join(b"set counter%d 0 0 1\r\n0\r\n" % key for key in range(6)))
    threads = [threading.Thread(target=count, args=(node,)) for node in standing.nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = names_of(6, b"counter")
    assert read(standing.nodes[2], names) == {name: b"150" for name in names}


@pytest.mark.parametrize("by_http", [False, True])
def test_flush_is_everywhere(standing, by_http):
    names = names_of(300, b"flush")
    assert fill(standing.nodes[0], names) == []
    if by_http:
        assert ask(standing.nodes[1], "POST", "/admin/flush").status == 204
    else:
        with Connection(standing.nodes[1], deadline=DEADLINE) as connection:
            assert connection.ask(b"flush_all\r\n") == b"OK\r\n"
    for node in standing.nodes:
        assert read(node, names) == {}
    assert fill(standing.nodes[2], names, b"y") == []
    assert len(read(standing.nodes[0], names)) == 300


# --- owners change ---

def test_a_node_that_joins_and_leaves_hands_over(start_nodes):
    nodes = start_nodes()
    names = names_of(1000)
    assert fill(nodes.nodes[0], names) == []
    joined = nodes.add()
    nodes.settle()
    assert read(joined, names) == {name: name + b"x" for name in names}
    assert fill(nodes.nodes[1], names[:500], b"y") == []
    with Connection(nodes.nodes[2]) as connection:
        assert connection.ask(b"delete k999\r\n") == b"DELETED\r\n"
    expected = {name: name + (b"y" if place < 500 else b"x") for place, name in enumerate(names[:-1])}
    leaving = threading.Thread(target=nodes.remove, args=(joined,))
    leaving.start()
    found = {}

    def take_all():
        found.update(read(nodes.nodes[0], names))
        return not leaving.is_alive()
    wait_until(take_all, DEADLINE, "the node has left")
    leaving.join()
    assert read(nodes.nodes[2], names) == found == expected


def test_an_owner_that_dies(start_nodes):
    nodes = start_nodes()
    names = names_of(300)
    assert fill(nodes.nodes[0], names) == []
    dead = nodes.nodes.pop()
    dead.kill()
    found = read(nodes.nodes[0], names)
    assert 0 < len(found) < 300
    lost = [name for name in names if name not in found]
    with Connection(nodes.nodes[1], deadline=DEADLINE) as connection:
        line = connection.ask(b"set %s 0 0 1\r\nx\r\n" % lost[0])
    assert line in (b"STORED\r\n",
                    b"SERVER_ERROR the node that has this key cannot be reached, nothing was done\r\n"), line
    begun = time.monotonic()
    wait_until(lambda: fill(nodes.nodes[1], names, b"y") == [], DEADLINE, "all keys are taken again")
    assert time.monotonic() - begun < 4 * LEASE + 5
    for node in nodes.nodes:
        assert read(node, names) == {name: name + b"y" for name in names}


def test_an_owner_that_is_paused_does_not_answer_with_what_is_old(start_nodes):
    nodes = start_nodes()
    names = names_of(200)
    assert fill(nodes.nodes[0], names) == []
    paused = nodes.nodes[2]
    paused.pause()
    try:
        wait_until(lambda: fill(nodes.nodes[0], names, b"y") == [], DEADLINE, "its keys are taken by others")
    finally:
        paused.resume()
    with Connection(paused, deadline=DEADLINE) as connection:
        text = connection.ask(b"".join(b"mg %s v\r\n" % name for name in names))
    assert not any(name + b"x\r\n" in text for name in names)
    nodes.settle()
    for node in nodes.nodes:
        assert all(value.endswith(b"y") for value in read(node, names).values())
