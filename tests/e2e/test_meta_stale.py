# SPDX-License-Identifier: Apache-2.0
"""The meta protocol: vivifying, recaching, stale items - who wins, and who is told that another has won."""
import pytest


def test_vivify_on_miss(talk):
    talk("""
        > mg a N0 s v t f
        < VA 0 s0 t-1 f0 W
        <
        > mg a N0 s
        < HD s0 Z
        > mg a
        < HD Z
        > get a
        < VALUE a 0 0
        <
        < END
        > ms a 2
        > hi
        < HD
        > mg a N0 v
        < VA 2
        < hi
    """)


def test_vivify_with_a_ttl(connection):
    reply = connection.ask(b"mg a N100000 t\r\n")
    assert reply.endswith(b" W\r\n") and 99990 <= int(reply.split()[1][1:]) <= 100001
    assert connection.ask(b"mg b N-1\r\nmg b\r\n") == b"HD W\r\nEN\r\n"


def test_a_vivified_item_is_a_hit_also_when_quiet(talk):
    talk("""
        > mg a q N0
        < HD W
        > mg a q N0 v k O1
        < VA 0 ka O1 Z
        <
    """)


def test_vivified_item_is_set_with_its_cas(talk):
    talk("""
        > mg a N0 c
        < HD c@cas@ W
        > ms a 2 C@cas@
        > hi
        < HD
        > mg a v
        < VA 2
        < hi
    """)


def test_vivify_does_not_touch_what_is_there(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > mg a N30 t v
        < VA 1 t-1
        < 1
    """)


def test_recache(talk):
    talk("""
        > ms a 1 T100000
        > 1
        < HD
        > mg a R30
        < HD
        > mg a R200000
        < HD W
        > mg a R200000
        < HD Z
        > mg a
        < HD Z
        > mg a v R30
        < VA 1 Z
        < 1
        > ms a 1 T100000
        > 2
        < HD
        > mg a R200000 v
        < VA 1 W
        < 2
    """)


def test_no_recache_without_a_ttl(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > mg a R200000
        < HD
        > mg a R-1
        < HD
        > mg a R0
        < HD
    """)


def test_recache_and_touch_act_in_their_order(talk):
    talk("""
        > ms a 1 T100
        > 1
        < HD
        > mg a T100000 R5000
        < HD
        > ms a 1 T100
        > 1
        < HD
        > mg a R5000 T100000
        < HD W
    """)


def test_stale(talk):
    talk("""
        > ms a 1 T100000
        > 1
        < HD
        > md a I
        < HD
        > mg a v
        < VA 1 X W
        < 1
        > mg a v
        < VA 1 Z X
        < 1
        > mg a R200000
        < HD Z X
        > md a I
        < HD
        > mg a k
        < HD ka X W
        > ms a 1
        > 2
        < HD
        > mg a v
        < VA 1
        < 2
    """)


def test_stale_and_recache_win_once(talk):
    talk("""
        > ms a 1 T100
        > 1
        < HD
        > md a I
        < HD
        > mg a R200000
        < HD X W
        > mg a R200000
        < HD Z X
    """)


def test_stale_of_a_won_item_can_be_won_again(talk):
    talk("""
        > mg a N0
        < HD W
        > mg a
        < HD Z
        > md a I
        < HD
        > mg a
        < HD X W
        > mg a
        < HD Z X
    """)


def test_the_text_protocol_reads_a_stale_item_and_wins_nothing(talk):
    talk("""
        > set a 0 0 1
        > 1
        < STORED
        > md a I
        < HD
        > get a
        < VALUE a 0 1
        < 1
        < END
        > touch a 0
        < TOUCHED
        > mg a
        < HD X W
    """)


def test_a_new_value_ends_staleness(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > md a I
        < HD
        > append a 0 0 1
        > 2
        < STORED
        > mg a v
        < VA 2
        < 12
        > md a I
        < HD
        > set a 0 0 1
        > 1
        < STORED
        > mg a
        < HD
    """)


def test_an_older_cas_stores_stale(talk):
    """ms with I and a cas lower than the item's stores, but the item stays stale."""
    numbers = talk("""
        > ms a 1 c
        > 1
        < HD c@old@
        > md a I
        < HD
        > mg a c u
        < HD c@invalidated@ X W
        > ms a 1 I C@old@ c
        > 2
        < HD c@stored@
        > mg a v
        < VA 1 Z X
        < 2
        > ms a 1 I C@stored+1@
        > 3
        < EX
        > ms a 1 I C@stored@
        > 4
        < HD
        > mg a v
        < VA 1
        < 4
    """)
    assert numbers["old"] < numbers["invalidated"] < numbers["stored"]


def test_an_older_cas_stores_stale_and_may_be_won(talk):
    talk("""
        > ms a 1 c
        > 1
        < HD c@old@
        > ms a 1
        > 2
        < HD
        > ms a 1 I C@old@
        > 3
        < HD
        > mg a v
        < VA 1 X W
        < 3
        > mg a v
        < VA 1 Z X
        < 3
    """)


def test_storing_stale_keeps_the_ttl(connection):
    cas = int(connection.ask(b"ms a 1 c\r\n1\r\n")[4:])
    assert connection.ask(b"ms a 1 T100000\r\n2\r\nms a 1 T5 I C%d\r\n3\r\n" % cas) == b"HD\r\nHD\r\n"
    reply = connection.ask(b"mg a t\r\n")
    assert reply.endswith(b" X W\r\n") and 99990 <= int(reply.split()[1][1:]) <= 100001


def test_invalidating_without_a_cas_is_ignored(talk):
    talk("""
        > ms a 1 I
        > 1
        < HD
        > mg a
        < HD
        > ms nothing 1 I C5
        > 1
        < NF
    """)


@pytest.mark.parametrize("count, reply", [("incr a 1", "12"), ("ma a", "HD")])
def test_counting_in_place_keeps_staleness(talk, count, reply):
    talk(f"""
        > ms a 2
        > 11
        < HD
        > md a I
        < HD
        > {count}
        < {reply}
        > mg a v
        < VA 2 X W
        < 12
        > decr a 1
        < 11
        > mg a
        < HD Z X
    """)
