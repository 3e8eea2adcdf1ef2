# SPDX-License-Identifier: Apache-2.0
"""The text protocol, flush_all, verbosity, version."""
import pytest

from server import wait_until


def test_flush_all(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > flush_all
        < OK
        > get a
        < END
        > add a 0 0 1
        > 2
        < STORED
        > get a
        < VALUE a 0 1
        < 2
        < END
        > flush_all 0
        < OK
        > get a
        < END
        > set a 0 0 1
        > 1
        < STORED
        > flush_all 0 nonsense
        < OK
        > get a
        < END
    """)


def test_flush_all_noreply(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > flush_all 0 noreply
        > get a
        < END
        > set a 0 0 1
        > 1
        < STORED
        > flush_all noreply
        > get a
        < END
    """)


def test_flush_all_with_a_delay(connection):
    reply = connection.ask(b"set a 0 0 1\r\n1\r\nflush_all 3\r\nget a\r\n")
    assert reply == b"STORED\r\nOK\r\nVALUE a 0 1\r\n1\r\nEND\r\n"
    wait_until(lambda: connection.ask(b"get a\r\n") == b"END\r\n", 15, "the flush comes")
    wait_until(lambda: connection.ask(b"set b 0 0 1\r\n1\r\nget b\r\n") != b"STORED\r\nEND\r\n", 10, "items live again")


def test_flush_all_far_away_does_nothing_now(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > flush_all 1000000
        < OK
        > get a
        < VALUE a 0 1
        < 1
        < END
        > flush_all
        < OK
        > get a
        < END
    """)


@pytest.mark.parametrize("delay", ["x", "1x", "99999999999999999999"])
def test_flush_all_with_a_bad_delay(talk, delay):
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > flush_all {delay}
        < CLIENT_ERROR invalid exptime argument
        > flush_all {delay} noreply
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


@pytest.mark.classic("superfluous words are ignored")
def test_flush_all_with_too_many_words(talk):
    talk("> flush_all 0 0 0\n< ERROR\n> flush_all 0 noreply x\n< ERROR")


def test_verbosity(talk):
    talk("""
        > verbosity 0
        < OK
        > verbosity 0 1
        < OK
        > verbosity x
        < CLIENT_ERROR bad command line format
        > verbosity -1
        < CLIENT_ERROR bad command line format
        > verbosity 0 noreply
        > verbosity noreply
    """)


@pytest.mark.classic("CLIENT_ERROR bad command line format, or the words are ignored")
def test_verbosity_arity(talk):
    talk("> verbosity\n< ERROR\n> verbosity 0 1 2\n< ERROR")


def test_version(connection):
    reply = connection.ask(b"version\r\n")
    assert reply.startswith(b"VERSION ") and reply.endswith(b"\r\n") and len(reply.split()) >= 2
    assert connection.ask(b"version with words noreply\r\n") == reply
    assert connection.stats()["version"] == reply.split(b" ", 1)[1].decode().strip()


@pytest.mark.classic("it says SERVER_ERROR:")
def test_shutdown_is_not_enabled(talk):
    talk("> shutdown\n< ERROR: shutdown not enabled")
