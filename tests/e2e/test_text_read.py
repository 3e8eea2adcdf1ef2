# SPDX-License-Identifier: Apache-2.0
"""The text protocol, reading: get, gets, gat, gats."""
import pytest


def test_get_misses(talk):
    talk("""
        > get nothing
        < END
        > gets nothing no none
        < END
        > gat 0 nothing
        < END
        > gats 100 nothing no
        < END
    """)


def test_get_hits_in_the_order_asked_for(talk):
    talk("""
        > set a 1 0 2
        > aa
        > set b 4294967295 0 0
        >
        < STORED
        < STORED
        > get b nothing a b
        < VALUE b 4294967295 0
        <
        < VALUE a 1 2
        < aa
        < VALUE b 4294967295 0
        <
        < END
    """)


def test_gets_shows_the_cas(talk):
    numbers = talk("""
        > set a 5 0 1
        > 1
        < STORED
        > gets a
        < VALUE a 5 1 @first@
        < 1
        < END
        > set a 5 0 1
        > 1
        < STORED
        > gets a
        < VALUE a 5 1 @second@
        < 1
        < END
    """)
    assert numbers["first"] < numbers["second"]


def test_get_of_many_keys(connection):
    """More keys than fit into any table of tokens, in a line longer than the limit of all other lines."""
    assert connection.ask(b"set key77 0 0 2\r\nxy\r\n") == b"STORED\r\n"
    keys = b" ".join(b"key%d" % number for number in range(2000))
    assert connection.ask(b"get " + keys + b"\r\n") == b"VALUE key77 0 2\r\nxy\r\nEND\r\n"
    reply = connection.ask(b"get " + b" ".join([b"key77"] * 1000) + b"\r\n")
    assert reply == b"VALUE key77 0 2\r\nxy\r\n" * 1000 + b"END\r\n"


def test_gat_touches(talk):
    talk("""
        > set a 3 0 2
        > hi
        < STORED
        > gats 1000 a
        < VALUE a 3 2 @cas@
        < hi
        < END
        > gat 500 a nothing a
        < VALUE a 3 2
        < hi
        < VALUE a 3 2
        < hi
        < END
        > gets a
        < VALUE a 3 2 @cas@
        < hi
        < END
        > gat -1 a
        < VALUE a 3 2
        < hi
        < END
        > get a
        < END
    """)


@pytest.mark.parametrize("line", ["get", "get ", "gets", "gets   ", "gat", "gats"])
@pytest.mark.classic("CLIENT_ERROR bad command line format")
def test_get_without_a_key(talk, line):
    talk(f"> {line}\n< ERROR")


@pytest.mark.classic("CLIENT_ERROR bad command line format")
def test_gat_without_a_key(talk):
    talk("""
        > gat 0
        < END
        > gat x
        < CLIENT_ERROR invalid exptime argument
    """)


@pytest.mark.parametrize("exptime", ["x", "1x", "99999999999999999999", "key"])
def test_gat_with_a_bad_exptime(talk, exptime):
    talk(f"""
        > gat {exptime} key
        < CLIENT_ERROR invalid exptime argument
        > gats {exptime} key
        < CLIENT_ERROR invalid exptime argument
    """)


@pytest.mark.classic("delete noreply is silent")
def test_noreply_is_a_key_where_there_is_no_noreply(talk):
    talk("""
        > set noreply 0 0 1
        > 1
        < STORED
        > get noreply
        < VALUE noreply 0 1
        < 1
        < END
        > touch noreply 0
        < TOUCHED
        > incr noreply 1
        < 2
        > delete noreply
        < DELETED
    """)
