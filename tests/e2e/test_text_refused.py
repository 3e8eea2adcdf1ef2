# SPDX-License-Identifier: Apache-2.0
"""The text protocol, storing that is refused: which words, and what becomes of the block."""
import pytest

K251 = "k" * 251
FRAMING = "the block of a refused command is consumed when its length is known, so that framing is never lost"


@pytest.mark.parametrize("command", ["set", "add", "replace", "append", "prepend", "cas"])
@pytest.mark.classic("CLIENT_ERROR bad command line format")
def test_storage_with_too_few_words(talk, command):
    talk(f"""
        > {command}
        < ERROR
        > {command} a
        < ERROR
        > {command} a 0 0
        < ERROR
    """)


@pytest.mark.classic("it takes any number of words")
def test_storage_with_too_many_words(talk):
    talk("""
        > set a 0 0 1 noreply more
        < ERROR
        > cas a 0 0 1 1 noreply more
        < ERROR
    """)


@pytest.mark.parametrize("length", ["x", "-1", "1x", "2147483646", "2147483647", "4294967295", "99999999999999999999"])
def test_a_bad_length(talk, length):
    """The length of the block is not known, so the next line is a command again."""
    talk(f"""
        > set a 0 0 {length}
        < CLIENT_ERROR bad command line format
        > cas a 0 0 {length} 1
        < CLIENT_ERROR bad command line format
        > version_
        < ERROR
    """)


@pytest.mark.since("1.6.45", "it takes the length modulo 2^32")
@pytest.mark.parametrize("length", ["4294967297", "99999999999"])
def test_a_length_over_32_bits(talk, length):
    talk(f"""
        > set a 0 0 {length}
        < CLIENT_ERROR bad command line format
        > get a
        < END
    """)


@pytest.mark.since("1.6.45", FRAMING)
@pytest.mark.parametrize("words", [
    f"{K251} 0 0 8", "a x 0 8", "a -1 0 8", "a 1x 0 8", "a 18446744073709551616 0 8", "a 0 x 8", "a 0 1x 8",
    "a 0 99999999999999999999 8"])
def test_the_block_of_a_refused_set_is_consumed(talk, words):
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > set {words}
        > delete a
        < CLIENT_ERROR bad command line format
        > set {words} noreply
        > delete a
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


@pytest.mark.since("1.6.45", FRAMING)
@pytest.mark.parametrize("cas", ["x", "-1", "1x", "18446744073709551616", "noreply"])
def test_the_block_of_a_refused_cas_is_consumed(talk, cas):
    talk(f"""
        > cas a 0 0 8 {cas} 1
        > delete a
        < CLIENT_ERROR bad command line format
        > get a
        < END
    """)


@pytest.mark.parametrize("rest, next_line", [("4567", "67"), ("4version", "rsion"), ("456", None)])
def test_a_block_that_is_too_long(talk, rest, next_line):
    """Exactly the length and two bytes are taken; what follows is the next line."""
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > set a 0 0 3
        > 123{rest}{'' if next_line else 'xx'}
        < CLIENT_ERROR bad data chunk
        < ERROR
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


def test_a_block_that_is_too_short_eats_the_next_line(talk):
    talk("""
        > set a 0 0 9
        > 12
        > get abcde
        < CLIENT_ERROR bad data chunk
        < ERROR
        > set a 0 0 9 noreply
        > 12
        > get abcde
        < ERROR
    """)


@pytest.mark.parametrize("ending", ["\\n\\r", "\\r\\r", "\\n\\n", "  "])
def test_a_block_must_end_with_crlf(connection, ending):
    block = b"set a 0 0 3\r\nabc" + ending.encode().decode("unicode_escape").encode()
    assert connection.ask(block) == b"CLIENT_ERROR bad data chunk\r\n"
    assert connection.ask(b"get a\r\n") == b"END\r\n"


@pytest.mark.parametrize("size", [1_048_576, 1_500_000, 5_000_000])
def test_too_large_a_value_is_swallowed_and_set_removes_the_old_one(connection, size):
    too_large = b"SERVER_ERROR object too large for cache\r\n"
    old = b"set a 0 0 1\r\n1\r\n"
    block = b"%d\r\n" % size + b"x" * size + b"\r\n"
    for command in (b"add", b"replace", b"append", b"prepend"):
        assert connection.ask(old + command + b" a 0 0 " + block + b"get a\r\n") \
            == b"STORED\r\n" + too_large + b"VALUE a 0 1\r\n1\r\nEND\r\n"
    assert connection.ask(old + b"set a 0 0 " + block + b"get a\r\n") == b"STORED\r\n" + too_large + b"END\r\n"


def test_too_large_a_value_with_noreply(connection):
    size = 1_100_000
    data = b"set a 0 0 1\r\n1\r\nset a 0 0 %d noreply\r\n" % size + b"x" * size + b"\r\nget a\r\n"
    assert connection.ask(data) == b"STORED\r\nEND\r\n"


def test_too_large_a_value_is_swallowed_by_length_alone(connection):
    """What follows the announced bytes and two more is a line, whatever those two are."""
    size = 1_100_000
    data = b"set a 0 0 %d\r\n" % size + b"x" * (size + 2) + b"version_\r\n"
    assert connection.ask(data) == b"SERVER_ERROR object too large for cache\r\nERROR\r\n"
