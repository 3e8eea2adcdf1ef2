# SPDX-License-Identifier: Apache-2.0
"""The meta protocol, ma: counting."""
import pytest


def test_defaults(talk):
    talk("""
        > ma a
        < NF
        > ms a 1
        > 5
        < HD
        > ma a
        < HD
        > ma a v
        < VA 1
        < 7
    """)


@pytest.mark.parametrize("mode, expected", [("MI", 13), ("M+", 13), ("MD", 7), ("M-", 7), ("s", 13)])
def test_modes(talk, mode, expected):
    talk(f"""
        > ms a 2
        > 10
        < HD
        > ma a {mode} D3 v
        < VA {len(str(expected))}
        < {expected}
    """)


@pytest.mark.parametrize("mode", ["Mx", "Mi", "Md", "M0", "ME"])
def test_an_unknown_mode(talk, mode):
    talk(f"""
        > ms a 2
        > 10
        < HD
        > ma a {mode}
        < CLIENT_ERROR invalid mode for ma M token
        > ma nothing {mode} q
        < CLIENT_ERROR invalid mode for ma M token
    """)


def test_flags_come_back_in_their_order(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > ma a t c k O1
        < HD t-1 c@cas@ ka O1
        > mg a c
        < HD c@cas@
        > ma a O2 k v
        < VA 1 O2 ka
        < 3
        > ma nothing k O3 t c v
        < NF knothing O3
    """)


def test_wrap_and_floor(talk):
    talk("""
        > ms a 20
        > 18446744073709551615
        < HD
        > ma a v
        < VA 1
        < 0
        > ma a MD D18446744073709551615 v
        < VA 1
        < 0
        > ma a D18446744073709551615 v
        < VA 20
        < 18446744073709551615
    """)


def test_the_reply_is_not_padded_but_the_value_is(talk):
    talk("""
        > ms a 3 F5
        > 100
        < HD
        > ma a MD v
        < VA 2
        < 99
        > mg a v s f
        < VA 3 s3 f5
        < 99\\x20
    """)


@pytest.mark.parametrize("value", ["", "x", "1x", "-1", "18446744073709551616"])
def test_what_is_not_a_number(talk, value):
    error = "CLIENT_ERROR cannot increment or decrement non-numeric value"
    talk(f"""
        > ms a {len(value)}
        > {value}
        < HD
        > ma a
        < {error}
        > ma a q k
        < {error}
        > ma a N0 J5
        < {error}
    """)


def test_vivify(talk):
    talk("""
        > ma a J5
        < NF
        > ma a N0 v
        < VA 1
        < 0
        > ma a N0 J9 v
        < VA 1
        < 1
        > ma b N0 J13 D7 v t c k
        < VA 2 t-1 c@cas@ kb
        < 13
        > mg b v c t f
        < VA 2 c@cas@ t-1 f0
        < 13
        > ma c N-1 J1
        < HD
        > mg c
        < EN
    """)


def test_vivify_with_a_ttl(connection):
    first = connection.ask(b"ma a N100000 t\r\n")
    assert 99990 <= int(first[4:]) <= 100001
    assert 99990 <= int(connection.ask(b"ma a N5 t\r\n")[4:]) <= 100001


def test_ttl_is_set_where_the_flag_stands(connection):
    assert connection.ask(b"ms a 1\r\n1\r\nma a t T100000\r\n") == b"HD\r\nHD t-1\r\n"
    assert 99990 <= int(connection.ask(b"ma a t\r\n")[4:]) <= 100001
    assert connection.ask(b"ma a T0 t\r\n") == b"HD t-1\r\n"
    assert connection.ask(b"ma nothing T30\r\nma a T-1\r\nmg a\r\n") == b"NF\r\nHD\r\nEN\r\n"


def test_compare(talk):
    talk("""
        > ms a 1 c
        > 1
        < HD c@cas@
        > ma a C@cas+1@ k O1
        < EX ka O1
        > ma a C18446744073709551615
        < EX
        > ma a C@cas@ v c
        < VA 1 c@next@
        < 2
        > ma a C@cas@
        < EX
        > ma a C0 v
        < VA 1
        < 3
        > ma nothing C5
        < NF
        > ma nothing C5 N0
        < HD
    """)


def test_quiet(talk):
    """A success is silent, with v too; everything else is not."""
    talk("""
        > ms a 1
        > 1
        < HD
        > ma a q
        > ma a q v k O1
        > ma nothing q k
        < NF knothing
        > ma a q C18446744073709551615
        < EX
        > mg a v
        < VA 1
        < 3
    """)


@pytest.mark.since("1.6.45", "quiet vivifying")
def test_quiet_vivifying(talk):
    talk("""
        > ma a q N0 J5 v
        > mg a v
        < VA 1
        < 5
    """)


def test_the_cas_changes(talk):
    numbers = talk("""
        > ms a 1 c
        > 1
        < HD c@first@
        > ma a c
        < HD c@second@
        > ma a D100 c
        < HD c@third@
        > mg a c
        < HD c@third@
    """)
    assert numbers["first"] < numbers["second"] < numbers["third"]


@pytest.mark.since("1.6.45", "E")
def test_e_sets_the_cas(talk):
    talk("""
        > ma a N0 E50 c
        < HD c50
        > ma a E60 c
        < HD c60
        > mg a c v
        < VA 1 c60
        < 1
        > ma a C60 E70 c
        < HD c70
    """)
