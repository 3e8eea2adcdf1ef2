# SPDX-License-Identifier: Apache-2.0
"""The meta protocol: lines that are refused, with the words memcached uses."""
import pytest

K250, K251 = "k" * 250, "k" * 251
LONG_KEY = "ma says CLIENT_ERROR invalid or duplicate flag"
MD_SPEAKS = "md gives the real reason"
MANY = " ".join(["v"] * 30)
MISSING = "CLIENT_ERROR bad command line format"


@pytest.mark.classic(MISSING)
@pytest.mark.parametrize("command", ["mg", "ms", "md", "ma", "mg "])
def test_no_key(talk, command):
    talk(f"> {command}\n< ERROR")


def test_no_key_for_me(talk):
    talk("> me\n< CLIENT_ERROR bad command line format")


@pytest.mark.classic(LONG_KEY)
@pytest.mark.parametrize("line", [f"mg {K251}", f"mg {K251} v q", f"md {K251}", f"md {K251} q", f"ma {K251}",
    f"me {K251}"])
def test_a_key_of_251_bytes(talk, line):
    talk(f"> {line}\n< CLIENT_ERROR bad command line format")


def test_a_key_of_250_bytes(talk):
    talk(f"""
        > mg {K250} k
        < EN k{K250}
        > ms {K250} 1 k
        > 1
        < HD k{K250}
        > ma {K250} v k
        < VA 1 k{K250}
        < 2
        > mg {K250} k v O{'1' * 31}
        < VA 1 k{K250} O{'1' * 31}
        < 2
        > md {K250} k
        < HD k{K250}
    """)


@pytest.mark.parametrize("flags, error", [
    ("v v", "duplicate flag"), ("k O1 s k", "duplicate flag"), ("O1 O2", "duplicate flag"), ("T30 T30",
    "duplicate flag"),
    ("Q", "invalid flag"), ("v Z", "invalid flag"), ("noreply", "invalid flag"), ("5", "invalid flag"),
    ("T", "bad token in command line format"), ("Tx", "bad token in command line format"),
    ("v T1x", "bad token in command line format"), ("T99999999999999999999", "bad token in command line format"),
    ("N", "bad token in command line format"), ("Nx", "bad token in command line format"),
    ("R", "bad token in command line format"), ("Rx", "bad token in command line format"),
    ("Cx", "bad token in command line format"), ("C", "bad token in command line format"),
    ("Fx", "bad command line format"), ("Jx", "invalid numeric initial value"), ("Dx", "invalid numeric delta value"),
    ("Tx Jx", "invalid numeric initial value"), ("Tx v v", "duplicate flag"), ("Tx Q", "invalid flag"), ("q Tx",
    "bad token in command line format")])
def test_flags_that_mg_refuses(talk, flags, error):
    talk(f"""
        > mg a {flags}
        < CLIENT_ERROR {error}
        > set a 0 0 1
        > 1
        < STORED
        > mg a {flags}
        < CLIENT_ERROR {error}
    """)


@pytest.mark.classic("M takes the first byte")
@pytest.mark.parametrize("flag", ["M", "MSS"])
def test_the_mode_is_one_byte(talk, flag):
    talk(f"""
        > mg a {flag}
        < CLIENT_ERROR incorrect length for M token
        > ms a 2 {flag}
        > ab
        < CLIENT_ERROR incorrect length for M token
    """)


@pytest.mark.parametrize("flag", [b"!", b"\x7f", b"\x80", b"\xff", b"\x01", b"\0"])
def test_flags_that_are_no_letters(connection, flag):
    reply = connection.ask(b"mg a " + flag + b"\r\n")
    refused = reply.startswith(b"CLIENT_ERROR ") and reply.count(b"\r\n") == 1
    assert refused or (flag == b"\0" and reply == b"EN\r\n"), reply


@pytest.mark.classic(MD_SPEAKS)
@pytest.mark.parametrize("flags", ["k k", "Q", "Cx", "Tx", "5", "!", "b", "q q", "Fx"])
def test_flags_that_md_refuses(talk, flags):
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > md a {flags}
        < CLIENT_ERROR invalid or duplicate flag
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


@pytest.mark.parametrize("flags", ["k k", "Q", "Cx", "Tx", "5", "b", "q q", "Dx", "D-1", "D", "J", "Jx", "N", "Nx",
    "D18446744073709551616"])
def test_flags_that_ma_refuses(talk, flags):
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > ma a {flags}
        < CLIENT_ERROR invalid or duplicate flag
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


@pytest.mark.classic("one text for all")
def test_too_many_flags(talk):
    talk(f"""
        > mg a {MANY}
        < CLIENT_ERROR options flags are too long
        > md a {MANY}
        < CLIENT_ERROR options flags too long
        > ma a {MANY}
        < CLIENT_ERROR options flags too long
        > mg a {MANY} q
        < CLIENT_ERROR options flags are too long
    """)


@pytest.mark.parametrize("command", ["md", "ma"])
def test_an_opaque_that_is_too_long(talk, command):
    talk(f"""
        > set a 0 0 1
        > 1
        < STORED
        > md a O{'x' * 32}
        < CLIENT_ERROR opaque token too long
        > {command} nothing q O{'x' * 32}
        < CLIENT_ERROR opaque token too long
        > get a
        < VALUE a 0 1
        < 1
        < END
    """)


def test_spaces_and_newlines(connection):
    assert connection.ask(b"ms   a   1   T0  \r\n1\r\nmg  a  v   s \r\nmg a v\nmn\r\n") \
        == b"HD\r\nVA 1 s1\r\n1\r\nVA 1\r\n1\r\nMN\r\n"
