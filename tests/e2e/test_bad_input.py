# SPDX-License-Identifier: Apache-2.0
"""What badly behaved clients send, and that nobody else notices."""
import random
import resource
import socket
import threading

import pytest

from server import wait_until
from wire import BARRIER, BARRIER_REPLY, Connection

LINE_LIMIT = 2048
MEBIBYTE = 1024 * 1024


@pytest.fixture
def bystander(server, connection):
    """Another client: it is served before, during and after whatever the test does."""
    def is_served():
        assert connection.ask(b"set by 0 0 2\r\nok\r\nget by\r\n") == b"STORED\r\nVALUE by 0 2\r\nok\r\nEND\r\n"
    is_served()
    yield is_served
    server.assert_alive()
    is_served()


def open_connections(connection):
    return int(connection.stats()["curr_connections"])


# --- lines

@pytest.mark.parametrize("data", [b"x" * LINE_LIMIT, b"mg " + b"k" * (LINE_LIMIT - 3),
    b" " * 90 + b"set" + b" " * 1900])
def test_a_line_at_the_limit_is_waited_for(server, bystander, data):
    with Connection(server) as other:
        other.send(data)
        bystander()
        reply = other.ask(b"\r\n")
        assert reply.count(b"\r\n") == 1 and (reply == b"ERROR\r\n" or reply.startswith(b"CLIENT_ERROR ")), reply


@pytest.mark.parametrize("start", [b"x", b"mg ", b"set ", b"gat 0 ", b"\0", b" ", b"delete ", b"GET"])
def test_a_line_without_an_end_is_closed(server, bystander, start):
    """It is more than any line may be, and no newline in sight."""
    with Connection(server) as other:
        try:
            other.send(start + b"x" * (16 * LINE_LIMIT))
        except ConnectionError:
            pass
        else:
            assert other.is_closed_by_server() == b""


def test_a_get_may_be_longer_than_other_lines(server, bystander):
    with Connection(server) as other:
        other.send(b"get " + b"key " * 20_000)
        bystander()
        assert other.ask(b"by\r\n") == b"VALUE by 0 2\r\nok\r\nEND\r\n"


@pytest.mark.larder("every buffer has a ceiling; memcached reads a get without an end until its memory is full")
def test_a_get_without_an_end_does_not_fill_the_memory(start_server):
    server = start_server()
    with Connection(server) as steady, Connection(server) as other:
        before = server.resident_kib()
        chunk = b"get " + b"x" * 252
        try:
            other.send(chunk)
            for _ in range(64 * MEBIBYTE // 65_536):
                other.send(b"key " * 16_384)
        except ConnectionError:
            pass
        assert steady.ask(b"get a\r\n") == b"END\r\n"
        assert server.resident_kib() - before < 16 * 1024 * server.memory_factor


@pytest.mark.parametrize("garbage", [bytes(range(256)) * 8, b"\n" * 1000, b"\r\n" * 1000, b"\0" * 100 + b"\n",
    b"\xff" * 1000 + b"\n" * 20,
                                     b"%n%s%x" * 100 + b"\r\n", b"get " + b"\0" * 200 + b"\r\n"])
def test_garbage(server, bystander, garbage):
    """Each line is answered or the connection is closed; it goes on or it is over, but it does not hang."""
    with Connection(server) as other:
        other.send(garbage + b"\r\n" + BARRIER)
        other.socket.shutdown(socket.SHUT_WR)
        other.is_closed_by_server()
    bystander()


def test_random_bytes(server, bystander):
    source = random.Random(20)
    for _ in range(200):
        with Connection(server) as other:
            other.send(source.randbytes(source.randrange(1, 3000)))
            other.socket.shutdown(socket.SHUT_WR)
            other.is_closed_by_server()


def test_a_byte_of_the_binary_protocol(server, bystander):
    """0x80 begins a request of memcached's binary protocol, which Larder closes and memcached speaks."""
    with Connection(server) as other:
        other.send(b"\x80\x0b" + b"\0" * 22)
        other.socket.shutdown(socket.SHUT_WR)
        reply = other.is_closed_by_server()
        assert reply == b"" or reply.startswith(b"\x81"), reply


# --- blocks

@pytest.mark.parametrize("length", [b"2147483645", b"1073741824", b"100000000"])
def test_a_huge_block_is_swallowed(server, bystander, length):
    """The announced bytes may come; nobody has to hold memory for them."""
    before = server.resident_kib()
    with Connection(server) as other:
        other.send(b"set huge 0 0 " + length + b"\r\n")
        for _ in range(64):
            other.send(b"y" * MEBIBYTE)
            bystander()
    assert server.resident_kib() - before < 16 * 1024 * server.memory_factor


@pytest.mark.parametrize("length", [b"2147483646", b"4294967295", b"-1", b"99999999999999999999999999"])
def test_an_impossible_length(server, bystander, length):
    with Connection(server) as other:
        assert other.ask(b"set huge 0 0 " + length + b"\r\n") == b"CLIENT_ERROR bad command line format\r\n"
        assert other.ask(b"ms huge " + length + b"\r\n") == b"CLIENT_ERROR bad command line format\r\n"


@pytest.mark.parametrize("sent", [b"", b"abc", b"a" * 500_000])
def test_a_block_that_never_comes(server, bystander, sent):
    """Others are served meanwhile, also those who ask for the very same key."""
    with Connection(server) as other, Connection(server) as third:
        other.ask(b"set late 0 0 3\r\nold\r\n")
        other.send(b"set late 0 0 900000\r\n" + sent)
        for _ in range(20):
            bystander()
            assert third.ask(b"get late\r\n") == b"VALUE late 0 3\r\nold\r\nEND\r\n"
        assert third.ask(b"set late 0 0 3\r\nnew\r\nget late\r\n") == b"STORED\r\nVALUE late 0 3\r\nnew\r\nEND\r\n"
        assert other.ask(b"z" * (900_000 - len(sent)) + b"\r\n") == b"STORED\r\n"
    with Connection(server) as last:
        assert last.ask(b"mg late s\r\n") == b"HD s900000\r\n"


def came_and_went(connection, total, current):
    """Whether so many were ever accepted and no more than `current` are open: fewer, if one that an earlier test closed
    was still counted in it."""
    stats = connection.stats()
    return int(stats["total_connections"]) >= total and int(stats["curr_connections"]) <= current


# One after the other: as many large values on their way at a time as would not fit are refused, and a refused set
# removes the old value.
@pytest.mark.parametrize("sent", [
    pytest.param(b"set gone 0 0 10\r\n", id="nothing"),
    pytest.param(b"set gone 0 0 10\r\nabc", id="a part"),
    pytest.param(b"set gone 0 0 10\r\n0123456789", id="no line end"),
    pytest.param(b"set gone 0 0 10\r\n0123456789\r", id="half a line end"),
    pytest.param(b"ms gone 10 T0\r\nabc", id="meta"),
    pytest.param(b"set gone 0 0 2000000\r\nabc", id="refused"),
    pytest.param(b"set gone 0 0 900000\r\n" + b"a" * 700_000, id="large"),
])
@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_client_that_leaves_in_the_middle_of_a_block(server, bystander, connection, sent, how):
    connection.ask(b"set gone 0 0 3\r\nold\r\n" if b"2000000" not in sent else b"delete gone\r\n")
    expected = connection.ask(b"get gone\r\n")
    seen, current = int(connection.stats()["total_connections"]), open_connections(connection)
    for number in range(1, 11):
        other = Connection(server)
        other.send(sent)
        getattr(other, how)()
        wait_until(lambda: came_and_went(connection, seen + number, current), 10, "the connection is gone")
        assert connection.ask(b"get gone\r\n") == expected


def largest_value(connection):
    """The size of the largest value that is taken for the key `edge`."""
    low, high = 1000, 4 * MEBIBYTE
    while high - low > 1:
        middle = (low + high) // 2
        reply = connection.ask(b"set edge 0 0 %d\r\n" % middle + b"x" * middle + b"\r\n")
        low, high = (middle, high) if reply == b"STORED\r\n" else (low, middle)
    return low


def test_a_value_one_byte_too_large(server, bystander, connection):
    limit = largest_value(connection)
    assert 1_000_000 <= limit <= MEBIBYTE
    for size, reply in ((limit, b"STORED\r\n"), (limit + 1, b"SERVER_ERROR object too large for cache\r\n"), (limit,
        b"STORED\r\n")):
        value = b"%d" % size * (size // 7 + 1)
        assert connection.ask(b"set edge 0 0 %d\r\n" % size + value[:size] + b"\r\n") == reply
        held = b"VALUE edge 0 %d\r\n" % size + value[:size] + b"\r\n" if reply == b"STORED\r\n" else b""
        assert connection.ask(b"get edge\r\n") == held + b"END\r\n"


# --- crowds

def test_pipelining_of_100_000_commands(server, bystander):
    """Written without reading a byte of the replies in between, by a client that reads at the same time."""
    count = 100_000
    with Connection(server, deadline=60) as other:
        data = b"".join(b"set p%d 0 0 1\r\n%d\r\nget p%d\r\n" % (number % 100, number % 10,
            number % 100) for number in range(count // 2))
        sender = threading.Thread(target=other.send, args=(data + BARRIER,))
        sender.start()
        reply = other.read_until(lambda unread: len(unread) if unread.endswith(BARRIER_REPLY) else 0, "all replies")
        sender.join()
    expected = b"".join(b"STORED\r\nVALUE p%d 0 1\r\n%d\r\nEND\r\n" % (number % 100,
        number % 10) for number in range(count // 2))
    assert reply == expected + BARRIER_REPLY


def test_a_slow_reader(start_server):
    """It asks for gigabytes and reads nothing: the server keeps its memory and serves the others."""
    server = start_server()
    size = 500_000
    with Connection(server) as steady:
        assert steady.ask(b"set big 0 0 %d\r\n" % size + b"x" * size + b"\r\n") == b"STORED\r\n"
        before = server.resident_kib()
        current = open_connections(steady)
        slow = [Connection(server, receive_buffer=4096) for _ in range(4)]
        wait_until(lambda: open_connections(steady) == current + len(slow), 10, "the slow readers are there")
        for each in slow:
            each.socket.setblocking(False)
        for _ in range(50):
            for each in slow:
                try:
                    each.socket.send(b"get big big big big\r\n" * 500)
                except BlockingIOError:
                    pass
            assert steady.ask(b"mg big s\r\n") == b"HD s%d\r\n" % size
        grown = server.resident_kib() - before
        assert grown < 32 * 1024 * server.memory_factor, f"{grown} KiB more"
        for each in slow:
            each.abort()
        wait_until(lambda: open_connections(steady) <= current, 10, "the slow readers are gone")
        assert steady.ask(b"mg big s\r\n") == b"HD s%d\r\n" % size


def test_a_slow_reader_gets_everything_in_the_end(server, bystander):
    size, times = 200_000, 100
    value = bytes(number % 251 for number in range(size))
    with Connection(server, deadline=60) as slow:
        assert slow.ask(b"set slow 0 0 %d\r\n" % size + value + b"\r\n") == b"STORED\r\n"
        slow.send(b"get slow\r\n" * times)
        bystander()
        reply = b"VALUE slow 0 %d\r\n" % size + value + b"\r\nEND\r\n"
        assert slow.ask(b"delete slow\r\n") == reply * times + b"DELETED\r\n"


def test_ten_thousand_half_open_connections(start_server):
    """Each has sent a part of a line. Others are served, and when all have gone the count is what it was."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 300)
    server = start_server(max_conns=count + 200)
    parts = [b"g", b"get k", b"set half 0 0 5\r\nab", b"mg ", b"s" * 100, b"ms half 3 T0\r\n", b"", b"\r"]
    with Connection(server) as steady:
        assert steady.ask(b"set k 0 0 1\r\n1\r\n") == b"STORED\r\n"
        current = open_connections(steady)
        crowd = []
        try:
            for number in range(count):
                crowd.append(Connection(server))
                crowd[-1].send(parts[number % len(parts)])
            wait_until(lambda: open_connections(steady) == current + count, 30,
                lambda: f"{open_connections(steady)} open")
            with Connection(server) as newcomer:
                assert newcomer.ask(b"get k\r\n") == b"VALUE k 0 1\r\n1\r\nEND\r\n"
            assert crowd[1].ask(b"\r\n") == b"VALUE k 0 1\r\n1\r\nEND\r\n"
            assert crowd[-7].ask(b"\r\n") == b"VALUE k 0 1\r\n1\r\nEND\r\n"
        finally:
            for each in crowd:
                each.abort()
        wait_until(lambda: open_connections(steady) == current, 30,
            lambda: f"{open_connections(steady)} open, {current} before")
        assert steady.ask(b"get k half\r\n") == b"VALUE k 0 1\r\n1\r\nEND\r\n"


def test_connections_that_come_and_go(server, bystander, connection):
    seen, current = int(connection.stats()["total_connections"]), open_connections(connection)
    for number in range(1000):
        with Connection(server) as other:
            if number % 3:
                other.send(b"get by\r\nset x 0 0 1\r\n"[:number % 20])
            if number % 2:
                other.abort()
    wait_until(lambda: came_and_went(connection, seen + 1000, current), 10, "the connections are gone")


def test_more_connections_than_allowed(start_server):
    """Those over the limit are refused or wait; when others leave, there is room again."""
    server = start_server(max_conns=50, background=True)
    with Connection(server) as steady:
        crowd = [Connection(server) for _ in range(80)]
        assert steady.ask(b"set k 0 0 1\r\n1\r\n") == b"STORED\r\n"
        assert open_connections(steady) <= 50
        for each in crowd:
            each.abort()
        wait_until(lambda: open_connections(steady) == 1, 10, lambda: f"{open_connections(steady)} open")
    with Connection(server) as newcomer:
        assert newcomer.ask(b"get k\r\n") == b"VALUE k 0 1\r\n1\r\nEND\r\n"
