# SPDX-License-Identifier: Apache-2.0
"""stats: the names that monitoring reads are there, and they count truly."""
import time

import pytest

from server import Server, wait_until
from wire import Connection

# What memcached_exporter, collectd, munin and telegraf read, and what follows from the same table.
GENERAL = """
    pid uptime time version pointer_size rusage_user rusage_system max_connections curr_connections total_connections
    rejected_connections connection_structures cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses
    get_expired get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits
    cas_badval touch_hits touch_misses store_too_large store_no_memory auth_cmds auth_errors bytes_read bytes_written
    limit_maxbytes accepting_conns listen_disabled_num time_in_listen_disabled_us threads conn_yields hash_power_level
    hash_bytes hash_is_expanding malloc_fails bytes curr_items total_items
    expired_unfetched evicted_unfetched evicted_active evictions reclaimed crawler_reclaimed
""".split()
# Only with the memcached options that Debian turns on; the shared memcached of these tests runs without them.
NOT_IN_A_PLAIN_MEMCACHED = {"rejected_connections", "evicted_active"}
SETTINGS = """
    maxbytes maxconns tcpport udpport inter verbosity evictions num_threads cas_enabled item_size_max detail_enabled
    flush_enabled auth_enabled_sasl auth_enabled_ascii
""".split()


KEYS = ["a", "b", "weighed", "p:1", "none"] + [f"s{number}" for number in range(8)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server for this file alone: nobody flushes it, so that no flushed items go while the tests count."""
    running = Server(tmp_path_factory.mktemp("stats"))
    yield running
    running.stop()


@pytest.fixture
def connection(server):
    """A connection to the server, which holds nothing."""
    with Connection(server) as opened:
        opened.ask(b"".join(b"delete %s noreply\r\n" % key.encode() for key in KEYS))
        assert opened.stats()["curr_items"] == "0"
        yield opened


def general(connection):
    return connection.stats()


def test_the_names(server, connection):
    stats = general(connection)
    wanted = set(GENERAL) - (NOT_IN_A_PLAIN_MEMCACHED if server.is_memcached else set())
    assert wanted - set(stats) == set()


def test_numbers_are_numbers(connection):
    stats = general(connection)
    for name in GENERAL:
        if name in stats and name != "version":
            assert float(stats[name]) >= 0, name


def test_what_describes_the_process(server, connection):
    stats = general(connection)
    assert int(stats["pid"]) == server.pid
    assert abs(int(stats["time"]) - time.time()) < 5
    assert stats["pointer_size"] == "64"
    assert int(stats["threads"]) == 2
    assert int(stats["limit_maxbytes"]) == 64 * 1024 * 1024
    assert int(stats["accepting_conns"]) == 1
    assert int(stats["max_connections"]) == 1024
    assert all("." in stats[name] and len(stats[name].split(".")[1]) == 6 for name in ("rusage_user", "rusage_system"))


def test_uptime_grows(connection):
    before = int(general(connection)["uptime"])
    wait_until(lambda: int(general(connection)["uptime"]) > before, 10, "uptime grows")


def test_time_of_the_processor_grows(connection):
    def used():
        stats = general(connection)
        return float(stats["rusage_user"]) + float(stats["rusage_system"])
    before = used()
    wait_until(lambda: connection.ask(b"get a\r\n" * 1000) and used() > before, 30, "rusage grows")


ITEM = b"set a 0 0 1\r\n1\r\n"


@pytest.mark.parametrize("before, command, changes", [
    (b"", b"get a\r\n", "cmd_get get_misses"),
    (ITEM, b"get a\r\n", "cmd_get get_hits"),
    (ITEM, b"gets a\r\n", "cmd_get get_hits"),
    (ITEM, b"get a a b\r\n", "cmd_get cmd_get cmd_get get_hits get_hits get_misses"),
    (ITEM, b"get a noreply\r\n", "cmd_get cmd_get get_hits get_misses"),
    (ITEM, b"gat 0 a\r\n", "cmd_touch touch_hits"),
    (b"", b"gats 0 a\r\n", "cmd_touch touch_misses"),
    (ITEM, b"touch a 0\r\n", "cmd_touch touch_hits"),
    (b"", b"touch a 0 noreply\r\n", "cmd_touch touch_misses"),
    (b"", ITEM, "cmd_set total_items curr_items"),
    (ITEM, ITEM, "cmd_set total_items"),
    (b"", b"set a 0 0 1 noreply\r\n1\r\n", "cmd_set total_items curr_items"),
    (ITEM, b"add a 0 0 1\r\n1\r\n", "cmd_set"),
    (b"", b"add a 0 0 1\r\n1\r\n", "cmd_set total_items curr_items"),
    (b"", b"replace a 0 0 1\r\n1\r\n", "cmd_set"),
    (ITEM, b"append a 0 0 1\r\n1\r\n", "cmd_set total_items"),
    (ITEM, b"cas a 0 0 1 99999999999\r\n1\r\n", "cmd_set cas_badval"),
    (b"", b"cas a 0 0 1 1\r\n1\r\n", "cmd_set cas_misses"),
    (b"set a 0 0 1\r\n5\r\n", b"incr a 1\r\n", "incr_hits"),
    (b"", b"incr a 1\r\n", "incr_misses"),
    (b"set a 0 0 1\r\n5\r\n", b"decr a 1\r\n", "decr_hits"),
    (b"", b"decr a 1\r\n", "decr_misses"),
    (b"", b"delete a\r\n", "delete_misses"),
    (ITEM, b"delete a\r\n", "delete_hits -curr_items"),
    (b"", b"flush_all 1000000\r\nflush_all 1000000 noreply\r\nflush_all x\r\n", "cmd_flush cmd_flush cmd_flush"),
    (b"", b"set a 0 0 2000000\r\n" + b"x" * 2000000 + b"\r\n", "store_too_large"),
    (ITEM, b"set a 0 0 2000000\r\n" + b"x" * 2000000 + b"\r\n", "store_too_large -curr_items"),
    (b"", b"mg a\r\n", "cmd_get get_misses"),
    (ITEM, b"mg a v\r\n", "cmd_get get_hits"),
    (ITEM, b"mg a T0\r\n", "cmd_touch touch_hits"),
    (b"", b"ms a 1\r\n1\r\n", "cmd_set total_items curr_items"),
    (ITEM, b"ms a 1 C9999999999\r\n1\r\n", "cmd_set cas_badval"),
    (b"", b"ms a 1 C1 q\r\n1\r\n", "cmd_set cas_misses"),
    (ITEM, b"md a\r\n", "delete_hits -curr_items"),
    (b"", b"md a\r\n", "delete_misses"),
    (ITEM, b"md a I\r\n", ""),
    (ITEM, b"ma a\r\n", "incr_hits"),
    (ITEM, b"ma a MD\r\n", "decr_hits"),
    (b"", b"ma a\r\n", "incr_misses"),
    (b"", b"ma a MD\r\n", "decr_misses"),
    (ITEM, b"me a\r\n", "cmd_meta"),
    (ITEM, b"version\r\nverbosity 0\r\nbogus\r\nset a 0 0 x\r\n", ""),
])
def test_counting(connection, before, command, changes):
    """Exactly the named counters change, by one for each time they are named."""
    connection.ask(before)
    watched = [name for name in GENERAL if name.startswith(("cmd_", "get_", "delete_", "incr_", "decr_", "cas_",
        "touch_", "store_"))]
    watched += ["curr_items", "total_items"]
    start = general(connection)
    connection.ask(command)
    end = general(connection)
    difference = {name: int(end[name]) - int(start[name]) for name in watched if end[name] != start[name]}
    expected = {}
    for word in changes.split():
        name = word.lstrip("-")
        expected[name] = expected.get(name, 0) + (-1 if word.startswith("-") else 1)
    assert difference == expected


def test_expired_items_that_are_asked_for(connection):
    """An item that the server has not swept away yet counts as get_expired when it is asked for."""
    def is_counted():
        start = general(connection)
        connection.ask(b"set a 0 -1 1\r\n1\r\nget a\r\n")
        end = general(connection)
        assert int(end["get_misses"]) == int(start["get_misses"]) + 1
        return int(end["get_expired"]) == int(start["get_expired"]) + 1
    wait_until(is_counted, 10, "get_expired grows")


def test_cas_hits(connection):
    cas = connection.ask(ITEM + b"gets a\r\n").split(b"\r\n")[1].split()[-1]
    start = general(connection)
    assert connection.ask(b"cas a 0 0 1 " + cas + b"\r\n2\r\n") == b"STORED\r\n"
    assert int(general(connection)["cas_hits"]) == int(start["cas_hits"]) + 1


def test_bytes_of_items(connection):
    def held():
        return int(general(connection)["bytes"])
    block = b" 0 0 10000\r\n" + b"x" * 10000 + b"\r\n"
    connection.ask(b"delete weighed\r\n")
    start = held()
    connection.ask(b"set weighed" + block)
    with_item = held()
    assert 10000 <= with_item - start <= 10000 + 200
    connection.ask(b"append weighed" + block)
    assert 10000 <= held() - with_item <= 10000 + 200
    connection.ask(b"delete weighed\r\n")
    assert held() == start


def test_bytes_of_the_network(connection):
    connection.ask(ITEM)
    start = general(connection)
    connection.ask(b"get a\r\n" * 1000)
    end = general(connection)
    read = int(end["bytes_read"]) - int(start["bytes_read"])
    written = int(end["bytes_written"]) - int(start["bytes_written"])
    assert 7000 <= read <= 7000 + 200
    assert 21000 <= written <= 21000 + 20000


def test_connections(server, connection):
    def number(name):
        return int(general(connection)[name])
    wait_until(lambda: number("curr_connections") == 1, 10, "the connections of other tests are gone")
    current, total = number("curr_connections"), number("total_connections")
    others = [Connection(server) for _ in range(20)]
    for other in others:
        other.ask(b"")
    assert number("curr_connections") == current + 20
    assert number("total_connections") == total + 20
    for other in others:
        other.close()
    wait_until(lambda: number("curr_connections") == current, 10, "the connections are gone")
    assert number("total_connections") == total + 20


def test_evictions(start_server):
    """More than fits: old items go, and are counted; what is never read is counted apart; the budget is kept."""
    server = start_server(memory_mib=64)
    value = b"x" * 50_000
    with Connection(server) as connection:
        for start in range(0, 4000, 100):
            connection.ask(b"".join(b"set key%d 0 0 50000 noreply\r\n%s\r\n" % (number,
                value) for number in range(start, start + 100)))
        stats = connection.stats()
    assert int(stats["evictions"]) > 2000
    assert int(stats["evicted_unfetched"]) > 2000
    assert int(stats["total_items"]) == 4000
    assert 300 < int(stats["curr_items"]) < 1400
    assert int(stats["bytes"]) <= 64 * 1024 * 1024


def test_reset(connection):
    connection.ask(ITEM + b"get a\r\nget b\r\ntouch a 0\r\nincr a 1\r\ndelete b\r\n")
    assert connection.ask(b"stats reset\r\n") == b"RESET\r\n"
    stats = general(connection)
    for name in ("cmd_get", "cmd_set", "cmd_touch", "cmd_flush", "get_hits", "get_misses", "incr_hits",
        "delete_misses", "total_items",
                 "evictions"):
        assert stats[name] == "0", name
    assert int(stats["curr_items"]) == 1
    assert int(stats["bytes"]) > 0
    assert int(stats["curr_connections"]) >= 1
    assert int(stats["limit_maxbytes"]) == 64 * 1024 * 1024


def test_settings(connection):
    settings = connection.stats(b"settings")
    assert set(SETTINGS) - set(settings) == set()
    assert int(settings["maxbytes"]) == 64 * 1024 * 1024
    assert int(settings["maxconns"]) == 1024
    assert int(settings["num_threads"]) == 2
    assert int(settings["item_size_max"]) == 1024 * 1024
    assert settings["cas_enabled"] == "yes"
    assert settings["evictions"] == "on"
    assert connection.stats(b"settings and more words") == settings


def test_items_and_slabs(connection):
    """Monitoring sums the items:<class>:number and reads <class>:chunk_size and the like."""
    connection.ask(ITEM + b"set b 0 0 1000\r\n" + b"x" * 1000 + b"\r\n")
    items = connection.stats(b"items")
    numbers = [int(value) for name, value in items.items() if name.startswith("items:") and name.endswith(":number")]
    assert sum(numbers) == 2
    for name in ("age", "evicted", "outofmemory"):
        assert any(each.split(":")[2] == name for each in items), name
    slabs = connection.stats(b"slabs")
    assert {"active_slabs", "total_malloced"} <= set(slabs)
    for name in ("chunk_size", "total_pages", "total_chunks", "used_chunks", "get_hits", "cmd_set", "delete_hits"):
        assert any(each.endswith(":" + name) for each in slabs), name


def test_sizes(connection):
    reply = connection.ask(b"stats sizes\r\n")
    assert reply.endswith(b"END\r\n")
    assert all(line.startswith(b"STAT ") and len(line.split()) == 3 for line in reply.split(b"\r\n")[:-2]), reply


@pytest.mark.larder("memcached counts by key prefix and lists its connections; here the metrics by group do that")
def test_topics_there_are_not(connection):
    assert connection.ask(b"stats detail\r\nstats detail on\r\nstats conns\r\nget a\r\n") == b"ERROR\r\n" * 3 + b"END\r\n"


@pytest.mark.parametrize("word", [b"nonsense", b"noreply", b"setting", b"RESET"])
def test_an_unknown_word(connection, word):
    assert connection.ask(b"stats " + word + b"\r\n") == b"ERROR\r\n"


def test_stats_while_others_work(server):
    """The counters of all workers are summed: 8 connections, whichever worker they belong to."""
    connections = [Connection(server) for _ in range(8)]
    start = connections[0].stats()
    for number, each in enumerate(connections):
        each.ask(b"set s%d 0 0 1\r\n1\r\n" % number + b"get s%d\r\n" % number * 50)
    end = connections[-1].stats()
    for each in connections:
        each.close()
    assert int(end["get_hits"]) - int(start["get_hits"]) == 400
    assert int(end["cmd_set"]) - int(start["cmd_set"]) == 8
