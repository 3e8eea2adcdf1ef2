# SPDX-License-Identifier: Apache-2.0
"""The meta protocol, md: deleting, and marking as stale, with and without a cas."""
import pytest


def test_delete(talk):
    talk("""
        > md a
        < NF
        > ms a 1
        > 1
        < HD
        > md a
        < HD
        > mg a
        < EN
    """)


def test_flags_come_back_in_their_order(talk):
    talk("""
        > md a k O7
        < NF ka O7
        > ms a 1
        > 1
        < HD
        > md a O8 k
        < HD O8 ka
    """)


def test_superfluous_flags_are_ignored(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > md a v s t c f h l u T30 F1 N5 R5 D1 J1
        < HD
        > mg a
        < EN
    """)


def test_quiet(talk):
    """Only HD is silent."""
    talk("""
        > ms a 1
        > 1
        < HD
        > md a C18446744073709551615 q k
        < EX ka
        > md a q k O1
        > md a q
        < NF
        > md a q O1
        < NF O1
        > ms a 1
        > 1
        < HD
        > md a I q
        > mg a
        < HD X W
    """)


def test_compare(talk):
    talk("""
        > md a C5
        < NF
        > ms a 1 c
        > 1
        < HD c@cas@
        > md a C@cas+1@ O1
        < EX O1
        > md a C@cas-1@
        < EX
        > md a C0
        < EX
        > md a I C@cas+1@
        < EX
        > mg a c
        < HD c@cas@
        > md a C@cas@
        < HD
        > mg a
        < EN
    """)


def test_ttl_alone_does_not_keep_the_item(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > md a T30
        < HD
        > mg a
        < EN
    """)


def test_stale_gives_a_new_cas(talk):
    numbers = talk("""
        > ms a 1 c
        > 1
        < HD c@old@
        > md a I
        < HD
        > mg a c u
        < HD c@new@ X W
    """)
    assert numbers["new"] > numbers["old"]


def test_stale_with_a_ttl(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > md a I T100000
        < HD
    """)
    reply = talk.connection.ask(b"mg a t\r\n")
    assert reply.endswith(b" X W\r\n") and 99990 <= int(reply.split()[1][1:]) <= 100001
    assert talk.connection.ask(b"md a I T-1\r\nmg a\r\n") == b"HD\r\nEN\r\n"


@pytest.mark.since("1.6.45", "x")
def test_x_removes_the_value_and_keeps_the_item(talk):
    talk("""
        > md a x
        < NF
        > ms a 3 F9 T1000
        > abc
        < HD
        > md a x
        < HD
        > mg a v s f t
        < VA 0 s0 f0 t-1
        <
        > ms a 3
        > abc
        < HD
        > md a x F3 T100000 q
        > mg a v f
        < VA 0 f3
        <
        > ms a 3
        > abc
        < HD
        > md a x I k
        < HD ka
        > mg a v
        < VA 0 X W
        <
    """)


@pytest.mark.since("1.6.45", "x")
def test_x_compares(talk):
    talk("""
        > ms a 1 c
        > 1
        < HD c@cas@
        > md a x C@cas+1@
        < EX
        > mg a v
        < VA 1
        < 1
        > md a x C@cas@
        < HD
        > mg a v
        < VA 0
        <
    """)


@pytest.mark.since("1.6.45", "E")
def test_e_sets_the_cas_of_what_stays(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > md a I E500
        < HD
        > mg a c u
        < HD c500 X W
        > ms a 1
        > 1
        < HD
        > md a x E600
        < HD
        > mg a c
        < HD c600
        > md a E700
        < HD
        > mg a
        < EN
    """)
