# SPDX-License-Identifier: Apache-2.0
"""The text protocol, noreply."""
import pytest

K251 = "k" * 251


def test_noreply_everywhere(talk):
    talk("""
        > set a 0 0 1 noreply
        > 1
        > add a 0 0 1 noreply
        > 2
        > replace a 0 0 1 noreply
        > 3
        > append a 0 0 1 noreply
        > 4
        > prepend a 0 0 1 noreply
        > 2
        > cas a 0 0 1 1 noreply
        > 9
        > cas nothing 0 0 1 1 noreply
        > 9
        > incr a 1 noreply
        > decr a 2 noreply
        > incr nothing 1 noreply
        > touch a 0 noreply
        > touch nothing 0 noreply
        > delete nothing noreply
        > verbosity 0 noreply
        > get a
        < VALUE a 0 3
        < 233
        < END
        > delete a 0 noreply
        > get a
        < END
        > set a 0 0 1
        > 1
        < STORED
        > delete a noreply
        > get a
        < END
        > set a 0 0 1
        > 1
        < STORED
        > flush_all noreply
        > get a
        < END
    """)


def test_noreply_silences_errors_too(talk):
    talk(f"""
        > set a 0 0 2 noreply
        > ab
        > incr a 1 noreply
        > incr a x noreply
        > incr {K251} 1 noreply
        > decr a noreply
        > touch a x noreply
        > touch {K251} 0 noreply
        > delete {K251} noreply
        > flush_all x noreply
        > verbosity noreply
        > get a
        < VALUE a 0 2
        < ab
        < END
    """)


@pytest.mark.classic("the error is answered")
def test_noreply_silences_a_bad_length(talk):
    talk("""
        > set a 0 0 -1 noreply
        > version_
        < ERROR
    """)


@pytest.mark.classic("superfluous words are ignored")
def test_noreply_does_not_silence_a_wrong_number_of_words(talk):
    talk("""
        > set a 0 noreply
        < ERROR
        > incr a 1 2 noreply
        < ERROR
        > verbosity 0 0 noreply
        < ERROR
        > delete a 0 0 noreply
        < ERROR
    """)
