# SPDX-License-Identifier: Apache-2.0
"""The meta protocol, mg and mn: which flags come back, in which order, and what they change."""
import pytest

from server import wait_until


def test_mn(talk):
    talk("""
        > mn
        < MN
        > mn with words
        < MN
    """)


def test_a_miss(talk):
    talk("""
        > mg a
        < EN
        > mg a v
        < EN
        > mg a s v f t c h l
        < EN
        > mg a k O77 s v
        < EN ka O77
        > mg a Oxyz k
        < EN Oxyz ka
        > mg a u
        < EN
        > mg a T30
        < EN
        > mg a R30
        < EN
    """)


def test_a_hit(talk):
    talk("""
        > set a 5 0 2
        > hi
        < STORED
        > mg a
        < HD
        > mg a v
        < VA 2
        < hi
        > mg a s f k t O99 q
        < HD s2 f5 ka t-1 O99
        > mg a O1 t k f s v
        < VA 2 O1 t-1 ka f5 s2
        < hi
        > mg a c v
        < VA 2 c@cas@
        < hi
        > gets a
        < VALUE a 5 2 @cas@
        < hi
        < END
    """)


def test_an_empty_value(talk):
    talk("""
        > set a 0 0 0
        >
        < STORED
        > mg a v s
        < VA 0 s0
        <
    """)


def test_flags_of_the_other_commands_are_taken_and_ignored(talk):
    talk("""
        > set a 5 0 2
        > hi
        < STORED
        > mg a L P I M1 F3 C0 J5 D7 s
        < HD s2
    """)


def test_bytes_after_a_flag_without_an_argument_are_ignored(talk):
    talk("""
        > set a 5 0 2
        > hi
        < STORED
        > mg a f0 s1 kx t4 v9
        < VA 2 f5 s2 ka t-1
        < hi
    """)


def test_opaque(talk):
    longest = "O" + "x" * 31
    talk(f"""
        > set a 5 0 2
        > hi
        < STORED
        > mg a {longest}
        < HD {longest}
        > mg nothing {longest}
        < EN {longest}
        > mg a O
        < HD O
        > mg a O\\x01\\xff k
        < HD O\\x01\\xff ka
        > mg a {longest}x
        < CLIENT_ERROR opaque token too long
        > mg nothing {longest}x
        < CLIENT_ERROR opaque token too long
        > mg a q {longest}x
        < CLIENT_ERROR opaque token too long
    """)


def test_hit_before(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > mg a h
        < HD h0
        > mg a h
        < HD h1
        > set a 0 0 1
        > 1
        < STORED
        > mg a h
        < HD h0
    """)


def test_u_leaves_no_trace(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > mg a u h v
        < VA 1 h0
        < 1
        > mg a u v
        < VA 1
        < 1
        > mg a h u
        < HD h0
        > get a
        < VALUE a 0 1
        < 1
        < END
        > mg a h u
        < HD h1
    """)


def test_time_since_last_access(connection):
    assert connection.ask(b"set a 0 0 1\r\n1\r\n") == b"STORED\r\n"
    wait_until(lambda: connection.ask(b"mg a l u\r\n") not in (b"HD l0\r\n", b"HD l1\r\n"), 10, "l grows")
    assert int(connection.ask(b"mg a l\r\n")[4:]) >= 2
    assert connection.ask(b"set a 0 0 1\r\n1\r\n") == b"STORED\r\n"
    assert connection.ask(b"mg a l\r\n") in (b"HD l0\r\n", b"HD l1\r\n")


def test_ttl(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > mg a t
        < HD t-1
        > mg a T0 t
        < HD t-1
        > mg a t T-1
        < HD t-1
        > mg a
        < EN
    """)


def test_ttl_is_touched_where_the_flag_stands(connection):
    assert connection.ask(b"set a 0 1000 1\r\n1\r\n") == b"STORED\r\n"
    old = int(connection.ask(b"mg a t T500000\r\n")[4:])
    new = int(connection.ask(b"mg a T9000 t v\r\n").split(b"\r\n")[0][6:])
    assert 990 <= old <= 1001 and 8990 <= new <= 9001
    assert 8990 <= int(connection.ask(b"mg a t\r\n")[4:]) <= 9001


def test_quiet(talk):
    """A miss is silent, a hit and an error are not."""
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > mg nothing q
        > mg nothing v q k O1
        > mg a q
        < HD
        > mg a v q
        < VA 1
        < 1
        > mg nothing q q
        < CLIENT_ERROR duplicate flag
        > mg nothing q T
        < CLIENT_ERROR bad token in command line format
    """)


def test_pipelined_quiet_gets_end_with_mn(connection):
    connection.send(b"set b 0 0 1\r\n2\r\nmg a v q k\r\nmg b v q k\r\nmg c v q k\r\n")
    assert connection.ask(b"") == b"STORED\r\nVA 1 kb\r\n2\r\n"


def test_mg_does_not_change_the_cas(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > mg a c
        < HD c@cas@
        > mg a T1000 c
        < HD c@cas@
        > mg a v c
        < VA 1 c@cas@
        < 1
    """)


@pytest.mark.since("1.6.45", "C leaves the value out when the cas matches")
def test_conditional_get(talk):
    talk("""
        > set a 0 0 2
        > hi
        < STORED
        > mg a c
        < HD c@cas@
        > mg a v C@cas@
        < HD
        > mg a v s C@cas-1@
        < VA 2 s2
        < hi
        > mg a v C0
        < VA 2
        < hi
        > mg a C@cas@ c v T1000000 k
        < HD c@cas@ ka
        > mg nothing v C1
        < EN
    """)
    assert 999990 <= int(talk.connection.ask(b"mg a t\r\n")[4:]) <= 1000001


@pytest.mark.since("1.6.45", "E")
def test_e_sets_the_cas_of_a_vivified_item(talk):
    talk("""
        > mg a N0 E777 c
        < HD c777 W
        > mg a N0 E778 c
        < HD c777 Z
        > mg nothing E5
        < EN
    """)


@pytest.mark.since("1.6.45", "it does not know x")
def test_x_is_ignored(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > mg a x v
        < VA 1
        < 1
    """)
