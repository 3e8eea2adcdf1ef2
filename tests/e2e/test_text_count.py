# SPDX-License-Identifier: Apache-2.0
"""The text protocol, counting: incr and decr."""
import pytest


def test_incr_and_decr(talk):
    talk("""
        > incr a 1
        < NOT_FOUND
        > decr a 1
        < NOT_FOUND
        > set a 5 0 2
        > 10
        < STORED
        > incr a 5
        < 15
        > decr a 3
        < 12
        > incr a 0
        < 12
        > incr a 988
        < 1000
        > get a
        < VALUE a 5 4
        < 1000
        < END
    """)


def test_incr_wraps_at_64_bits(talk):
    talk("""
        > set a 0 0 20
        > 18446744073709551615
        < STORED
        > incr a 1
        < 0
        > incr a 18446744073709551615
        < 18446744073709551615
        > incr a 18446744073709551615
        < 18446744073709551614
        > decr a 9223372036854775808
        < 9223372036854775806
    """)


def test_decr_stops_at_zero(talk):
    talk("""
        > set a 0 0 1
        > 5
        < STORED
        > decr a 6
        < 0
        > decr a 18446744073709551615
        < 0
        > set a 0 0 20
        > 18446744073709551615
        < STORED
        > decr a 18446744073709551614
        < 1
    """)


def test_a_shorter_number_is_padded_with_spaces(talk):
    talk("""
        > set a 3 0 3
        > 100
        < STORED
        > decr a 1
        < 99
        > get a
        < VALUE a 3 3
        < 99\\x20
        < END
        > decr a 90
        < 9
        > get a
        < VALUE a 3 3
        < 9\\x20\\x20
        < END
        > incr a 991
        < 1000
        > get a
        < VALUE a 3 4
        < 1000
        < END
        > set a 0 0 20
        > 18446744073709551615
        < STORED
        > incr a 1
        < 0
        > mg a v
        < VA 20
        < 0%s
    """ % ("\\x20" * 19))


def test_incr_keeps_flags_and_ttl(talk):
    talk("""
        > set a 9 100000 1
        > 9
        < STORED
        > incr a 1
        < 10
        > mg a f v
        < VA 2 f9
        < 10
    """)
    assert 0 < int(talk.connection.ask(b"mg a t\r\n")[4:]) <= 100000


@pytest.mark.parametrize("value, result", [
    (" 12", "13"), ("+12", "13"), ("00012", "13"), ("12 x", "13"), ("5\\r\\n", "6"), ("5\\t6", "6"), ("\\t56", "57"),
    ("7  ", "8"),
    ("0000000000000000000000012", "13"), ("12\\0x", "13")])
def test_what_counts_as_a_number(connection, value, result):
    data = value.encode().decode("unicode_escape").encode()
    assert connection.ask(b"set a 0 0 %d\r\n%s\r\n" % (len(data), data)) == b"STORED\r\n"
    assert connection.ask(b"incr a 1\r\n") == result.encode() + b"\r\n"
    assert connection.ask(b"get a\r\n") == b"VALUE a 0 %d\r\n%s\r\nEND\r\n" % (len(data),
        result.encode().ljust(len(data)))


@pytest.mark.parametrize("value", ["", "x", "12x", "-1", "-5", "18446744073709551616", "1.5", "0x10", "12,", "- 1"])
def test_what_does_not_count_as_a_number(talk, value):
    error = "CLIENT_ERROR cannot increment or decrement non-numeric value"
    talk(f"""
        > set a 0 0 {len(value)}
        > {value}
        < STORED
        > incr a 1
        < {error}
        > decr a 1
        < {error}
        > get a
        < VALUE a 0 {len(value)}
        < {value}
        < END
    """)


@pytest.mark.parametrize("delta", ["x", "-1", "1x", "18446744073709551616", "1.0", "0x1", "noreply1"])
@pytest.mark.parametrize("command", ["incr", "decr"])
def test_a_bad_delta(talk, command, delta):
    talk(f"""
        > {command} a {delta}
        < CLIENT_ERROR invalid numeric delta argument
        > {command} a {delta} noreply
    """)


@pytest.mark.classic("CLIENT_ERROR bad command line format")
@pytest.mark.parametrize("line", ["incr", "incr a", "decr", "decr a", "touch", "touch a", "delete", "incr a  "])
def test_too_few_words(talk, line):
    talk(f"> {line}\n< ERROR")


@pytest.mark.classic("superfluous words are ignored")
@pytest.mark.parametrize("line", ["incr a 1 2 3", "decr a 1 2 noreply", "touch a 1 2 3", "delete a 0 0 noreply"])
def test_too_many_words(talk, line):
    talk(f"> {line}\n< ERROR")
