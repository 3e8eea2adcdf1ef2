# SPDX-License-Identifier: Apache-2.0
"""The text protocol, keys and lines."""
import pytest

K250, K251 = "k" * 250, "k" * 251
NUL = "memcached 1.6.18 cuts the line at a NUL and so meets another key; newer ones take it as a byte of the key"


def test_keys_of_250_bytes(talk):
    talk(f"""
        > set {K250} 1 0 1
        > 1
        < STORED
        > get {K250}
        < VALUE {K250} 1 1
        < 1
        < END
        > incr {K250} 5
        < 6
        > touch {K250} 0
        < TOUCHED
        > gat 0 {K250}
        < VALUE {K250} 1 1
        < 6
        < END
        > delete {K250}
        < DELETED
    """)


@pytest.mark.parametrize("line", [
    f"incr {K251} 1", f"decr {K251} x", f"touch {K251} 0", f"touch {K251} x", f"delete {K251}", f"delete {K251} 0"])
def test_keys_of_251_bytes(talk, line):
    talk(f"> {line}\n< CLIENT_ERROR bad command line format")


@pytest.mark.classic("a stray empty line follows the error")
@pytest.mark.parametrize("line", [
    f"get {K251}", f"gets a {K251} a", f"gat 0 {K251}", f"gats 0 a {K251}", "get " + "k" * 2000])
def test_a_long_key_among_others_spoils_the_whole_get(talk, line):
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > {line}
        < CLIENT_ERROR bad command line format
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


@pytest.mark.parametrize("key", ["\\x01", "a\\x1fb", "\\x7f", "\\xff\\xfe", "a\\tb", "\\r\\r", "a\\x0bb", "é"])
def test_keys_may_hold_control_and_high_bytes(talk, key):
    talk(f"""
        > set {key} 0 0 1
        > 1
        < STORED
        > get {key}
        < VALUE {key} 0 1
        < 1
        < END
        > delete {key}
        < DELETED
    """)


@pytest.mark.since("1.6.45", NUL)
def test_keys_may_hold_a_nul(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > get a\\x00b
        < END
        > delete a\\x00b
        < NOT_FOUND
        > set a\\x00b 0 0 1
        > 2
        < STORED
        > get a a\\x00b
        < VALUE a 0 1
        < 1
        < VALUE a\\x00b 0 1
        < 2
        < END
    """)


def test_spaces_between_words(talk):
    talk("""
        > set   a  0   0 1\\x20\\x20
        > 1
        < STORED
        > get   a   a\\x20\\x20
        < VALUE a 0 1
        < 1
        < VALUE a 0 1
        < 1
        < END
    """)


@pytest.mark.classic("ERROR")
def test_spaces_before_the_command(talk):
    talk("""
        >    get a
        < END
    """)


def test_a_line_may_end_with_a_newline_alone(connection):
    assert connection.ask(b"set a 0 0 1\n1\r\nget a\n") == b"STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n"


def test_only_one_carriage_return_is_dropped(connection):
    reply = connection.ask(b"set a\r 0 0 1\r\n1\r\nget a\r\r\nget a\r\n")
    assert reply == b"STORED\r\nVALUE a\r 0 1\r\n1\r\nEND\r\nEND\r\n"


@pytest.mark.parametrize("line", ["foo", "GET a", "Set a 0 0 1", "ge", "gett a", "sets a 0 0 1", "mx", "mx a",
    "get\\ta", "mgg a",
                                  "versio", "version1", "stat", "decrement a 1", "touchy a 1", "flush_al", "??",
                                  "\\xff\\xff"])
def test_unknown_commands(talk, line):
    talk(f"> {line}\n< ERROR")


@pytest.mark.classic("CLIENT_ERROR bad command line format")
@pytest.mark.parametrize("line", ["", " ", "x", "m", "\\x00"])
def test_lines_without_a_command(talk, line):
    talk(f"> {line}\n< ERROR")


def test_quit_closes_after_the_replies(connection):
    connection.send(b"set a 0 0 1\r\n1\r\nget a\r\nquit\r\nget a\r\n")
    assert connection.is_closed_by_server() == b"STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n"


def test_quit_takes_any_words(connection):
    connection.send(b"quit now please\r\n")
    assert connection.is_closed_by_server() == b""
