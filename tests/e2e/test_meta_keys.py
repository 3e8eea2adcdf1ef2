# SPDX-License-Identifier: Apache-2.0
"""The meta protocol: keys in base64, and me."""
import re

import pytest

NUL = "memcached 1.6.18 cuts the line at a NUL; newer ones take it as a byte of the key"
ME_B = "b is only seen with a word after it"


def test_a_key_in_base64(talk):
    talk("""
        > ms YWJj 1 b k O1
        > 1
        < HD kYWJj b O1
        > get abc
        < VALUE abc 0 1
        < 1
        < END
        > mg YWJj b k v
        < VA 1 kYWJj b
        < 1
        > ma YWJj b k v
        < VA 1 kYWJj b
        < 2
        > md YWJj b k
        < HD kYWJj b
        > md YWJj k b
        < NF kYWJj b
        > mg YWJj b k
        < EN kYWJj b
        > ma YWJj b k O5
        < NF kYWJj b O5
    """)


def test_the_item_remembers_how_its_key_was_given(talk):
    talk("""
        > set abc 0 0 1
        > 1
        < STORED
        > mg YWJj b k
        < HD kabc
        > ms YWJj 1 b
        > 2
        < HD
        > mg abc k
        < HD kYWJj b
        > mg abc k v
        < VA 1 kYWJj b
        < 2
        > md abc k
        < HD kabc
    """)


@pytest.mark.parametrize("encoded, raw", [
    ("AA==", "\\x00"), ("ICA=", "  "), ("DQo=", "\\r\\n"), ("/+7d", "\\xff\\xee\\xdd"), ("YQAKYg==", "a\\x00\\nb"),
    ("bW4NCg==", "mn\\r\\n")])
def test_binary_keys(talk, encoded, raw):
    talk(f"""
        > ms {encoded} 2 b k
        > hi
        < HD k{encoded} b
        > mg {encoded} b v k
        < VA 2 k{encoded} b
        < hi
        > md {encoded} b
        < HD
        > mg {encoded} b
        < EN
    """)


@pytest.mark.parametrize("key", ["a", "ab", "abc", "YQ=", "Y===", "====", "!!!", "!!!!", "YWJj=", "YWJjY"])
def test_what_is_not_base64(talk, key):
    talk(f"""
        > mg {key} b
        < CLIENT_ERROR error decoding key
        > mg {key} b k q
        < CLIENT_ERROR error decoding key
        > ms {key} 2 b
        > mn
        < CLIENT_ERROR error decoding key
        > ma {key} b
        < CLIENT_ERROR invalid or duplicate flag
    """)


@pytest.mark.classic("md gives the real reason")
def test_md_of_what_is_not_base64(talk):
    talk("> md abc! b q\n< CLIENT_ERROR invalid or duplicate flag")


def test_long_keys_in_base64(talk):
    """The limit of 250 bytes is that of the encoded key."""
    longest, over = "QUFB" * 62, "QUFB" * 63
    talk(f"""
        > ms {longest} 1 b
        > 1
        < HD
        > mg {longest} b k
        < HD k{longest} b
        > get {'AAA' * 62}
        < VALUE {'AAA' * 62} 0 1
        < 1
        < END
        > mg {over} b
        < CLIENT_ERROR bad command line format
    """)


@pytest.mark.since("1.6.45", NUL)
def test_a_nul_in_a_key(talk):
    talk("""
        > ms a\\x00b 1
        > 1
        < HD
        > mg a
        < EN
        > mg a\\x00b k v
        < VA 1 ka\\x00b
        < 1
    """)


# --- me

ME = re.compile(rb"ME (\S+) exp=(-?\d+) la=(\d+) cas=(\d+) fetch=(yes|no) cls=(\d+) size=(\d+)\r\n")


def me(connection, line):
    found = ME.fullmatch(connection.ask(line + b"\r\n"))
    assert found, line
    return found.groups()


def test_me(connection):
    assert connection.ask(b"me a\r\n") == b"EN\r\n"
    assert connection.ask(b"set a 7 0 100\r\n" + b"x" * 100 + b"\r\n") == b"STORED\r\n"
    key, exp, la, cas, fetch, _, size = me(connection, b"me a")
    assert (key, exp, fetch) == (b"a", b"-1", b"no") and int(la) <= 2 and int(size) >= 100
    assert connection.ask(b"gets a\r\n").split(b"\r\n")[0] == b"VALUE a 7 100 " + cas
    assert me(connection, b"me a")[4] == b"yes"


def test_me_is_no_fetch(connection):
    assert connection.ask(b"set a 7 0 1\r\n1\r\nme b\r\n") == b"STORED\r\nEN\r\n"
    for _ in range(3):
        assert me(connection, b"me a")[4] == b"no"


@pytest.mark.since("1.6.45", "it gives the time left with its sign turned")
def test_me_shows_the_time_left(connection):
    assert connection.ask(b"set a 7 100000 1\r\n1\r\n") == b"STORED\r\n"
    assert 99990 <= int(me(connection, b"me a")[1]) <= 100001


@pytest.mark.classic(ME_B)
def test_me_with_a_key_in_base64(connection):
    assert connection.ask(b"ms YWJj 1 b\r\n1\r\n") == b"HD\r\n"
    assert me(connection, b"me YWJj b")[0] == b"YWJj"
    assert me(connection, b"me abc")[0] == b"YWJj"
    assert connection.ask(b"me QUJD b\r\n") == b"EN\r\n"
    assert connection.ask(b"me abcde b\r\n") == b"CLIENT_ERROR bad command line format\r\n"
