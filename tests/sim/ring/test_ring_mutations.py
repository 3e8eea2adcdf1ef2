# SPDX-License-Identifier: Apache-2.0
"""Each rule of the ring is needed: without it the simulation turns red."""

import os
import pathlib
import subprocess
import sys

import pytest
from ring_mutations import MUTATIONS

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "coherence"))
from plainbuild import ROOT, PlainBuild  # noqa: E402

SOURCES = ["src/base/*.c", "src/ring/*.c", "tests/sim/clock.c", "tests/sim/seeds.c", "tests/sim/ring/*.c"]
LIBRARIES = ["-lcmocka", "-lxxhash", "-ljansson", "-lcrypto", "-lpthread", "-lm"]
MAIN = "tests/sim/ring/test_ring.c"
SEEDS = ["1", "8", "60"]  # most are found by the first few
SECONDS = 240


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    place = tmp_path_factory.mktemp("ring-mutations")
    return PlainBuild(place, SOURCES, MAIN, LIBRARIES, ["-DLARDER_RING_SLOT_BITS=8"]).make()


def fails(program, seeds):
    """Whether a test of it does; it is not run any further then."""
    env = {**os.environ, "SIM_SEEDS": seeds, "SIM_FIRST": "1"}
    try:
        done = subprocess.run(
            [program], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def test_unbroken(build):
    # By all of them: where the unbroken program fails with some seed, each mutation does too, and that says nothing.
    assert not fails(build.place / "plain", SEEDS[-1])


def each():
    """All of them; those after the first of a rule are `long`."""
    rules = set()
    for number, mutation in enumerate(MUTATIONS):
        marks = [pytest.mark.long] if mutation.rule in rules else []
        rules.add(mutation.rule)
        yield pytest.param(number, marks=marks, id=f"{mutation.rule}: {mutation.name}")


@pytest.mark.parametrize("number", each())
def test_mutation(build, number):
    mutation = MUTATIONS[number]
    text = (ROOT / "src/ring" / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1, f"{mutation.file} has not got this once: {mutation.old}"
    program = build.mutate(f"mutation-{number}", text.replace(mutation.old, mutation.new))
    assert any(fails(program, seeds) for seeds in SEEDS), f"rule {mutation.rule} is not needed: {mutation.name}"
