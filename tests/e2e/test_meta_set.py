# SPDX-License-Identifier: Apache-2.0
"""The meta protocol, ms: modes, cas, flags that come back, and blocks that are refused."""
import pytest

K251 = "k" * 251


def test_set(talk):
    talk("""
        > ms a 2
        > hi
        < HD
        > get a
        < VALUE a 0 2
        < hi
        < END
        > ms a 3 F7 T0
        > abc
        < HD
        > get a
        < VALUE a 7 3
        < abc
        < END
        > ms a 0
        >
        < HD
        > mg a v f t
        < VA 0 f0 t-1
        <
    """)


def test_flags_come_back_in_their_order(talk):
    talk("""
        > ms a 2 k O123 c
        > hi
        < HD ka O123 c@cas@
        > mg a c
        < HD c@cas@
        > ms a 2 c O1 k F5
        > hi
        < HD c@later@ O1 ka
        > mg a c f
        < HD c@later@ f5
    """)


def test_superfluous_flags_are_ignored(talk):
    talk("""
        > ms a 2 v h t l u f L P R5 J1 D1
        > hi
        < HD
    """)


def test_ttl(talk):
    talk("""
        > ms a 2 T-1
        > hi
        < HD
        > mg a
        < EN
        > ms a 2 T1000000
        > hi
        < HD
    """)
    assert 999990 <= int(talk.connection.ask(b"mg a t\r\n")[4:]) <= 1000001
    assert talk.connection.ask(b"ms a 2\r\nhi\r\nmg a t\r\n") == b"HD\r\nHD t-1\r\n"


def test_modes(talk):
    talk("""
        > ms a 1 MR
        > 1
        < NS
        > ms a 1 MA
        > 1
        < NS
        > ms a 1 MP
        > 1
        < NS
        > ms a 3 ME F9
        > mid
        < HD
        > ms a 1 ME
        > 2
        < NS
        > ms a 4 MA F1
        > -end
        < HD
        > ms a 6 MP F2
        > start-
        < HD
        > mg a v f
        < VA 13 f9
        < start-mid-end
        > ms a 1 MR
        > r
        < HD
        > mg a v f
        < VA 1 f0
        < r
        > ms a 1 MS F3
        > s
        < HD
        > mg a v f
        < VA 1 f3
        < s
    """)


def test_append_keeps_the_ttl(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > ms a 1 MA T100
        > 2
        < HD
        > mg a t v
        < VA 2 t-1
        < 12
    """)


def test_refused_modes_answer_with_their_flags(talk):
    talk("""
        > ms a 1 MR k O5 c
        > 1
        < NS ka O5 c0
        > ms a 1 C5 O5 k c
        > 1
        < NF O5 ka c0
        > ms a 1
        > 1
        < HD
        > ms a 1 C18446744073709551615 k O5
        > 1
        < EX ka O5
        > ms a 1 ME O1
        > 1
        < NS O1
    """)


@pytest.mark.parametrize("mode", ["MX", "Me", "M1", "MI"])
def test_an_unknown_mode(talk, mode):
    talk(f"""
        > ms a 2 {mode}
        > hi
        < CLIENT_ERROR invalid mode for ms M token
        > mg a
        < EN
    """)


def test_compare_and_swap(talk):
    talk("""
        > ms a 2 C1
        > hi
        < NF
        > ms a 2 c
        > hi
        < HD c@cas@
        > ms a 2 C@cas+1@
        > no
        < EX
        > ms a 2 C@cas-1@
        > no
        < EX
        > ms a 2 C@cas@ c
        > ok
        < HD c@next@
        > ms a 2 C@cas@
        > no
        < EX
        > ms a 2 C@next@ MR c
        > ok
        < HD c@last@
        > mg a v c
        < VA 2 c@last@
        < ok
    """)


def test_compare_in_the_other_modes(talk):
    talk("""
        > ms a 1 ME C5 c
        > 1
        < HD c@cas@
        > ms a 1 ME C@cas@
        > 2
        < NS
        > ms a 1 MA C@cas+1@
        > 2
        < EX
        > ms a 1 MP C18446744073709551615
        > 2
        < EX
        > ms a 1 MA C@cas@ c
        > 2
        < HD c@next@
        > ms a 1 MP C@next@
        > 0
        < HD
        > mg a v
        < VA 3
        < 012
        > ms nothing 1 MA C5
        > 1
        < NS
        > ms nothing 1 MR C5
        > 1
        < NF
    """)


def test_a_cas_of_zero(talk):
    """It matches nothing where a cas is compared, and asks for nothing in the modes that do not need one."""
    talk("""
        > ms a 1 C0
        > 1
        < NF
        > ms a 1
        > 1
        < HD
        > ms a 1 C0
        > 2
        < EX
        > ms a 1 MR C0
        > 2
        < EX
        > ms a 1 ME C0
        > 2
        < NS
        > ms a 1 MA C0
        > 2
        < HD
    """)


def test_quiet(talk):
    """Only HD is silent."""
    talk("""
        > ms a 2 q
        > hi
        > ms a 2 q k O1 c
        > hi
        > ms a 2 ME q
        > no
        < NS
        > ms nothing 2 MR q k
        > no
        < NS knothing
        > ms nothing 2 C5 q
        > no
        < NF
        > ms a 2 C18446744073709551615 q O9
        > no
        < EX O9
        > ms a 2 q q
        > no
        < CLIENT_ERROR duplicate flag
        > mg a v
        < VA 2
        < hi
    """)


@pytest.mark.parametrize("flags, error", [
    ("k k", "duplicate flag"), ("Q", "invalid flag"), ("T", "bad token in command line format"), ("Tx",
    "bad token in command line format"),
    ("Fx", "bad command line format"), ("F-1", "bad command line format"), ("Cx", "bad token in command line format"),
    ("C-1", "bad token in command line format"), ("MX", "invalid mode for ms M token"), ("b", "error decoding key"),
    ("O" + "x" * 32, "opaque token too long"), ("q Tx", "bad token in command line format"), ("S8", "invalid flag")])
def test_the_block_of_a_refused_ms_is_consumed(talk, flags, error):
    talk(f"""
        > ms a 1
        > 1
        < HD
        > ms a 4 {flags}
        > md a
        < CLIENT_ERROR {error}
        > mg a v
        < VA 1
        < 1
    """)


@pytest.mark.since("1.6.45", "the block of a refused command is consumed when its length is known")
def test_the_block_is_consumed_when_the_key_is_too_long(talk):
    talk(f"""
        > ms {K251} 2
        > mn
        < CLIENT_ERROR bad command line format
        > ms {K251} 2 q
        > mn
        < CLIENT_ERROR bad command line format
    """)


@pytest.mark.larder("the block of a refused command is consumed when its length is known")
def test_the_block_is_consumed_when_there_are_too_many_flags(talk):
    talk(f"""
        > ms a 2 {'v ' * 30}
        > mn
        < CLIENT_ERROR options flags too long
    """)


@pytest.mark.parametrize("length", ["", "x", "-1", "2147483646", "4294967295", "2x", "S2", "99999999999999999999",
    "T0 2"])
def test_a_bad_length(talk, length):
    """The length of the block is not known, so the next line is a command again."""
    talk(f"""
        > ms a {length}
        < CLIENT_ERROR bad command line format
        > mx
        < ERROR
    """)


@pytest.mark.since("1.6.45", "it takes the length modulo 2^32")
def test_a_length_over_32_bits(talk):
    talk("""
        > ms a 4294967298
        < CLIENT_ERROR bad command line format
    """)


def test_a_block_that_is_too_long(talk):
    talk("""
        > ms a 1
        > 1
        < HD
        > ms a 2 k O1
        > abcdef
        < CLIENT_ERROR bad data chunk
        < ERROR
        > ms a 2 q
        > abcdef
        < CLIENT_ERROR bad data chunk
        < ERROR
        > mg a v
        < VA 1
        < 1
    """)


@pytest.mark.parametrize("flags", [b"", b" q", b" k O1", b" ME", b" MA", b" C1"])
def test_too_large_a_value_removes_the_old_one_in_every_mode(connection, flags):
    size = 1_100_000
    data = b"ms a 1\r\n1\r\nms a %d%s\r\n" % (size, flags) + b"x" * size + b"\r\nmg a\r\n"
    assert connection.ask(data) == b"HD\r\nSERVER_ERROR object too large for cache\r\nEN\r\n"


# --- what newer versions know

@pytest.mark.since("1.6.45", "E")
def test_e_sets_the_cas(talk):
    talk("""
        > ms a 2 E100 c
        > hi
        < HD c100
        > mg a c
        < HD c100
        > ms a 2 C100 E200 c
        > hi
        < HD c200
        > ms a 2 MA E300 c
        > ho
        < HD c300
        > ms a 2 E18446744073709551615 c
        > hi
        < HD c18446744073709551615
        > ms a 2 Ex
        > no
        < CLIENT_ERROR bad token in command line format
        > ms a 2 E
        > no
        < CLIENT_ERROR bad token in command line format
        > ms a 2 E18446744073709551616
        > no
        < CLIENT_ERROR bad token in command line format
        > mg a v
        < VA 2
        < hi
    """)


@pytest.mark.since("1.6.45", "s")
def test_s_gives_the_final_size(talk):
    talk("""
        > ms a 2 s k
        > ab
        < HD s2 ka
        > ms a 3 MA k s
        > cde
        < HD ka s5
        > ms a 1 MP s
        > 0
        < HD s6
        > ms a 0 s
        >
        < HD s0
    """)


@pytest.mark.since("1.6.45", "N")
def test_n_vivifies_in_the_append_modes(talk):
    talk("""
        > ms a 2 MA N0 F3 s
        > cd
        < HD s2
        > mg a v t f
        < VA 2 t-1 f3
        < cd
        > ms a 2 MP N0 s
        > ab
        < HD s4
        > mg a v
        < VA 4
        < abcd
        > ms b 2 MP N100000 T5
        > hi
        < HD
        > ms c 2 MR N30
        > no
        < NS
        > ms d 2 N30 T0
        > hi
        < HD
        > mg d t
        < HD t-1
    """)
    assert 99990 <= int(talk.connection.ask(b"mg b t\r\n")[4:]) <= 100001
