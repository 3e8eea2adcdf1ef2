# SPDX-License-Identifier: Apache-2.0
"""Each rule of the ring is needed: without it the simulation turns red."""

import pathlib
import sys

import pytest
from ring_mutations import MUTATIONS

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from mutating import check, each, fails  # noqa: E402
from plainbuild import PlainBuild  # noqa: E402

SOURCES = ["src/base/*.c", "src/ring/*.c", "tests/sim/clock.c", "tests/sim/seeds.c", "tests/sim/ring/*.c"]
LIBRARIES = ["-lcmocka", "-lxxhash", "-ljansson", "-lcrypto", "-lpthread", "-lm"]
MAIN = "tests/sim/ring/test_ring.c"
SEEDS = ["1", "8", "60"]  # most are found by the first few


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    place = tmp_path_factory.mktemp("ring-mutations")
    return PlainBuild(place, SOURCES, MAIN, LIBRARIES, ["-DLARDER_RING_SLOT_BITS=8"]).make()


def test_unbroken(build):
    # By all of them: where the unbroken program fails with some seed, each mutation does too, and that says nothing.
    assert not fails(build.place / "plain", SEEDS[-1])


@pytest.mark.parametrize("number", each(MUTATIONS))
def test_mutation(build, number):
    check(build, "src/ring", MUTATIONS[number], number, SEEDS)
