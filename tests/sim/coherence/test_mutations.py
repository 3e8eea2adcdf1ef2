# SPDX-License-Identifier: Apache-2.0
"""Each rule of the coherence machine is needed: without it the simulation turns red."""

import os
import subprocess

import pytest
from mutations import MUTATIONS
from plainbuild import ROOT, PlainBuild

SEEDS = ["1", "4", "30"]  # most are found by the first few
SECONDS = 240  # a machine that goes round in circles is as red as one that lies


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    return PlainBuild(tmp_path_factory.mktemp("mutations")).make()


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


def turns_red(program):
    return any(fails(program, seeds) for seeds in SEEDS)


def test_unbroken(build):
    assert not fails(build.place / "plain", SEEDS[1])


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
    text = (ROOT / "src/cohere" / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1, f"{mutation.file} has not got this once: {mutation.old}"
    program = build.mutate(f"mutation-{number}", text.replace(mutation.old, mutation.new))
    assert turns_red(program), f"rule {mutation.rule} is not needed: {mutation.name}"
