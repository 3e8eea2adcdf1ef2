# SPDX-License-Identifier: Apache-2.0
"""Memory whose time is over comes back by itself: nobody asks for the items, and yet they go."""
import pytest

from server import wait_until
from wire import Connection

pytestmark = pytest.mark.slow  # it waits, and what it waits for is the same in each build
MEBIBYTE = 1024 * 1024
# memcached's crawler starts only after about a minute; the rule is Larder's.
BY_ITSELF = "memcached's crawler needs minutes before it takes expired items away by itself"


def fill(connection, name, count, size, ttl):
    value = b"x" * size
    for start in range(0, count, 500):
        numbers = range(start, min(start + 500, count))
        connection.ask(b"".join(b"set %s%d 0 %d %d noreply\r\n%s\r\n" % (name, number, ttl, size,
            value) for number in numbers))


def held(connection):
    stats = connection.stats()
    return int(stats["bytes"]), int(stats["curr_items"])


@pytest.mark.larder(BY_ITSELF)
@pytest.mark.parametrize("size", [100, 3000, 200_000])
def test_expired_memory_comes_back(start_server, size):
    server = start_server(memory_mib=64)
    count = 30 * MEBIBYTE // max(size, 300)
    with Connection(server) as connection:
        fill(connection, b"lasting", 10, 100, 0)
        bytes_before, _ = held(connection)
        fill(connection, b"passing", count, size, 3)
        wait_until(lambda: held(connection)[1] == 10, 60,
            lambda: f"the expired items are gone; bytes, items: {held(connection)}")
        assert held(connection)[0] <= bytes_before
        stats = connection.stats()
        assert int(stats["evictions"]) == 0
        assert int(stats["expired_unfetched"]) == count
        assert connection.ask(b"get lasting0\r\n").startswith(b"VALUE lasting0 ")


@pytest.mark.larder(BY_ITSELF)
def test_flushed_memory_comes_back(start_server):
    server = start_server(memory_mib=64)
    with Connection(server) as connection:
        fill(connection, b"key", 10_000, 1000, 0)
        assert held(connection)[1] == 10_000
        connection.ask(b"flush_all\r\n")
        wait_until(lambda: held(connection) == (0, 0), 60, lambda: f"nothing is held; bytes, items: {held(connection)}")


@pytest.mark.larder(BY_ITSELF)
def test_expired_items_make_room_without_evictions(start_server):
    """Filled again and again with items that soon expire: what lasts is not evicted for them."""
    server = start_server(memory_mib=64)
    with Connection(server) as connection:
        fill(connection, b"lasting", 1000, 1000, 0)
        for turn in range(4):
            fill(connection, b"turn%d-" % turn, 20_000, 1000, 2)
            wait_until(lambda: held(connection)[1] == 1000, 60,
                lambda: f"turn {turn} is gone; bytes, items: {held(connection)}")
        for number in range(1000):
            connection.send(b"mg lasting%d\r\n" % number)
        assert connection.ask(b"") == b"HD\r\n" * 1000
        assert int(connection.stats()["evictions"]) == 0
