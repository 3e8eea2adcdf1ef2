# SPDX-License-Identifier: Apache-2.0
"""Each rule of the coherence machine is needed: without it the simulation turns red."""

import pathlib
import sys

import pytest
from mutations import MUTATIONS

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from mutating import check, each, fails  # noqa: E402
from plainbuild import PlainBuild  # noqa: E402

SEEDS = ["1", "4", "30"]  # most are found by the first few


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    return PlainBuild(tmp_path_factory.mktemp("mutations")).make()


def test_unbroken(build):
    assert not fails(build.place / "plain", SEEDS[1])


@pytest.mark.parametrize("number", each(MUTATIONS))
def test_mutation(build, number):
    check(build, "src/cohere", MUTATIONS[number], number, SEEDS)
