# SPDX-License-Identifier: Apache-2.0
"""What the tests share that break a machine on purpose and look whether its simulation turns red."""

import os
import subprocess

import pytest
from plainbuild import ROOT

SECONDS = 240  # a machine that goes round in circles is as red as one that lies


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


def each(mutations):
    """The numbers of all of them; those after the first of a rule are `long`."""
    rules = set()
    for number, mutation in enumerate(mutations):
        marks = [pytest.mark.long] if mutation.rule in rules else []
        rules.add(mutation.rule)
        yield pytest.param(number, marks=marks, id=f"{mutation.rule}: {mutation.name}")


def check(build, room, mutation, number, seeds):
    """It turns the simulation red with some of these numbers of seeds, which rise."""
    text = (ROOT / room / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1, f"{mutation.file} has not got this once: {mutation.old}"
    program = build.mutate(f"mutation-{number}", text.replace(mutation.old, mutation.new))
    assert any(fails(program, some) for some in seeds), f"rule {mutation.rule} is not needed: {mutation.name}"
