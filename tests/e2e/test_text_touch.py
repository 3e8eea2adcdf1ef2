# SPDX-License-Identifier: Apache-2.0
"""The text protocol, touch, delete and the time an item lives."""
import time

import pytest

from server import wait_until

USAGE = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"


def test_touch(talk):
    talk("""
        > touch a 0
        < NOT_FOUND
        > set a 0 0 1
        > 1
        < STORED
        > touch a 100000
        < TOUCHED
        > touch a -1
        < TOUCHED
        > get a
        < END
        > touch a 0
        < NOT_FOUND
    """)


@pytest.mark.parametrize("exptime", ["x", "1x", "noreply", "99999999999999999999"])
def test_touch_with_a_bad_exptime(talk, exptime):
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > touch a {exptime} x
        < CLIENT_ERROR invalid exptime argument
        > touch a {exptime} noreply
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


def test_delete(talk):
    talk("""
        > delete a
        < NOT_FOUND
        > set a 0 0 1
        > 1
        < STORED
        > delete a
        < DELETED
        > get a
        < END
        > delete a 0
        < NOT_FOUND
        > set a 0 0 1
        > 1
        < STORED
        > delete a 0
        < DELETED
    """)


@pytest.mark.classic("the words after the key are ignored")
@pytest.mark.parametrize("words", ["1", "-1", "00", "x", "0 x", "x 0"])
def test_delete_with_other_words(talk, words):
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > delete a {words}
        < {USAGE}
        > delete a {words.split()[0]}1 noreply
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


def test_exptime_zero_is_for_ever(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > mg a t
        < HD t-1
    """)


@pytest.mark.parametrize("exptime", ["-1", "-2147483648", "2592001", "100000000"])
def test_what_has_expired_at_once(talk, exptime):
    """Negative, or an absolute time that is over: more than 30 days is a unix time."""
    talk(f"""
        > set a 0 {exptime} 1
        > 1
        < STORED
        > get a
        < END
        > add b 0 {exptime} 1
        > 1
        < STORED
        > add b 0 {exptime} 1
        > 1
        < STORED
        > set c 0 0 1
        > 1
        < STORED
        > touch c {exptime}
        < TOUCHED
        > get c
        < END
    """)


@pytest.mark.parametrize("exptime, low, high", [(100, 97, 101), (2_592_000, 2_591_990, 2_592_001)])
def test_relative_exptime(connection, exptime, low, high):
    assert connection.ask(b"set a 0 %d 1\r\n1\r\n" % exptime) == b"STORED\r\n"
    assert low <= int(connection.ask(b"mg a t\r\n")[4:]) <= high


def test_absolute_exptime(connection):
    assert connection.ask(b"set a 0 %d 1\r\n1\r\n" % (int(time.time()) + 1000)) == b"STORED\r\n"
    assert 990 <= int(connection.ask(b"mg a t\r\n")[4:]) <= 1002
    assert connection.ask(b"set a 0 %d 1\r\n1\r\n" % (int(time.time()) - 10)) == b"STORED\r\n"
    assert connection.ask(b"get a\r\n") == b"END\r\n"


@pytest.mark.parametrize("how", [b"set a 0 1 1\r\n1\r\n", b"set a 0 0 1\r\n1\r\ntouch a 1\r\n",
    b"set a 0 0 1\r\n1\r\ngat 1 a\r\n",
                                 b"ms a 1 T1\r\n1\r\n", b"ms a 1\r\n1\r\nmg a T1\r\n"])
def test_an_item_goes_when_its_time_is_over(connection, how):
    connection.ask(how)
    wait_until(lambda: connection.ask(b"get a\r\n") == b"END\r\n", 10, "the item is gone")
    assert connection.ask(b"add a 0 0 1\r\n1\r\n") == b"STORED\r\n"
