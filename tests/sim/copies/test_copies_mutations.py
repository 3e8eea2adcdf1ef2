# SPDX-License-Identifier: Apache-2.0
"""Each rule of hot copies is needed: without it the simulation turns red."""

import pathlib
import sys

import pytest
from copies_mutations import MUTATIONS

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from mutating import check, each, fails  # noqa: E402
from plainbuild import PlainBuild  # noqa: E402

SOURCES = ["src/base/*.c", "src/ring/hot_*.c", "tests/sim/clock.c", "tests/sim/seeds.c", "tests/sim/copies/*.c"]
LIBRARIES = ["-lcmocka", "-lxxhash", "-ljansson", "-lcrypto", "-lpthread", "-lm"]
MAIN = "tests/sim/copies/test_copies.c"
SEEDS = ["1", "8", "60"]  # most are found by the first few


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    place = tmp_path_factory.mktemp("copies-mutations")
    return PlainBuild(place, SOURCES, MAIN, LIBRARIES).make()


def test_unbroken(build):
    assert not fails(build.place / "plain", SEEDS[1])


@pytest.mark.parametrize("number", each(MUTATIONS))
def test_mutation(build, number):
    check(build, "src/ring", MUTATIONS[number], number, SEEDS)
