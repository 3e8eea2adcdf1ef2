# SPDX-License-Identifier: Apache-2.0
"""The text protocol, storing: set, add, replace, append, prepend, cas."""
import pytest


def test_set_replaces_everything(talk):
    talk("""
        > set a 7 0 3
        > abc
        < STORED
        > set a 0 0 1
        > x
        < STORED
        > get a
        < VALUE a 0 1
        < x
        < END
    """)


def test_add_and_replace(talk):
    talk("""
        > replace a 0 0 1
        > 1
        < NOT_STORED
        > add a 2 0 1
        > 2
        < STORED
        > add a 3 0 1
        > 3
        < NOT_STORED
        > get a
        < VALUE a 2 1
        < 2
        < END
        > replace a 4 0 2
        > 44
        < STORED
        > get a
        < VALUE a 4 2
        < 44
        < END
    """)


def test_append_and_prepend_keep_flags(talk):
    talk("""
        > append a 0 0 1
        > 1
        < NOT_STORED
        > prepend a 0 0 1
        > 1
        < NOT_STORED
        > set a 7 0 3
        > mid
        < STORED
        > append a 99 0 4
        > -end
        < STORED
        > prepend a 98 0 6
        > start-
        < STORED
        > append a 0 0 0
        >
        < STORED
        > get a
        < VALUE a 7 13
        < start-mid-end
        < END
    """)


def test_append_keeps_the_ttl(talk):
    talk("""
        > set a 0 100000 1
        > 1
        < STORED
        > append a 0 0 1
        > 2
        < STORED
        > prepend a 0 -1 1
        > 0
        < STORED
        > get a
        < VALUE a 0 3
        < 012
        < END
    """)
    assert 0 < int(talk.connection.ask(b"mg a t\r\n")[4:]) <= 100000


def test_append_over_the_item_limit_keeps_the_old_value(connection):
    limit = int(connection.stats(b"settings")["item_size_max"])
    size = limit - 1024
    assert connection.ask(b"set a 0 0 %d\r\n" % size + b"x" * size + b"\r\n") == b"STORED\r\n"
    assert connection.ask(b"append a 0 0 2000\r\n" + b"y" * 2000 + b"\r\n") == b"NOT_STORED\r\n"
    assert connection.ask(b"prepend a 0 0 2000\r\n" + b"y" * 2000 + b"\r\n") == b"NOT_STORED\r\n"
    assert connection.ask(b"mg a s\r\n") == b"HD s%d\r\n" % size


def test_values_are_binary(connection):
    value = bytes(range(256)) + b"\r\nEND\r\nVALUE a 0 1\r\n\r\n"
    assert connection.ask(b"set a 0 0 %d\r\n%s\r\n" % (len(value), value)) == b"STORED\r\n"
    assert connection.ask(b"get a\r\n") == b"VALUE a 0 %d\r\n%s\r\nEND\r\n" % (len(value), value)


@pytest.mark.parametrize("size", [1, 1000, 4096, 16384, 65536, 300_000, 700_000, 1_000_000])
def test_values_of_many_sizes(connection, size):
    value = bytes((number * 7 + number // 251) % 256 for number in range(size))
    assert connection.ask(b"set a 0 0 %d\r\n%s\r\n" % (size, value)) == b"STORED\r\n"
    assert connection.ask(b"get a\r\n") == b"VALUE a 0 %d\r\n%s\r\nEND\r\n" % (size, value)


def test_cas(talk):
    talk("""
        > cas a 0 0 1 1
        > 1
        < NOT_FOUND
        > set a 0 0 1
        > 1
        < STORED
        > gets a
        < VALUE a 0 1 @cas@
        < 1
        < END
        > cas a 0 0 1 @cas+1@
        > 2
        < EXISTS
        > cas a 0 0 1 0
        > 2
        < EXISTS
        > cas a 9 0 2 @cas@
        > 33
        < STORED
        > cas a 0 0 1 @cas@
        > 4
        < EXISTS
        > cas a 0 0 1 18446744073709551615
        > 5
        < EXISTS
        > get a
        < VALUE a 9 2
        < 33
        < END
    """)


def test_what_changes_the_cas(talk):
    numbers = talk("""
        > set a 0 0 1
        > 1
        < STORED
        > gets a
        < VALUE a 0 1 @set@
        < 1
        < END
        > touch a 1000
        < TOUCHED
        > add a 0 0 1
        > 1
        < NOT_STORED
        > gets a
        < VALUE a 0 1 @set@
        < 1
        < END
        > incr a 1
        < 2
        > gets a
        < VALUE a 0 1 @incr@
        < 2
        < END
        > append a 0 0 0
        >
        < STORED
        > gets a
        < VALUE a 0 1 @append@
        < 2
        < END
        > prepend a 0 0 1
        > 1
        < STORED
        > gets a
        < VALUE a 0 2 @prepend@
        < 12
        < END
        > replace a 0 0 1
        > 1
        < STORED
        > gets a
        < VALUE a 0 1 @replace@
        < 1
        < END
    """)
    order = [numbers[name] for name in ("set", "incr", "append", "prepend", "replace")]
    assert order == sorted(set(order))


def test_numbers_may_have_leading_zeros_or_a_final_space(talk):
    talk("""
        > set a 007 00 02\\x20
        > ab
        < STORED
        > get a
        < VALUE a 7 2
        < ab
        < END
    """)


def test_a_sixth_word_that_is_not_noreply_is_ignored(talk):
    talk("""
        > set a 0 0 1 nonsense
        > 1
        < STORED
        > set a 0 0 1 NOREPLY
        > 2
        < STORED
        > cas a 0 0 1 0 nonsense
        > 3
        < EXISTS
        > incr a 1 nonsense
        < 3
        > touch a 0 nonsense
        < TOUCHED
    """)
