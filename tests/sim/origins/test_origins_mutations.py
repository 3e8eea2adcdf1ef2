# SPDX-License-Identifier: Apache-2.0
"""Each rule of groups of origins is needed: without it the simulation turns red."""

import pathlib
import sys

import pytest
from origins_mutations import MUTATIONS

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from mutating import check, each, fails  # noqa: E402
from plainbuild import PlainBuild  # noqa: E402

SOURCES = [
    "src/base/[!c]*.c",
    "src/base/c[!l]*.c",  # without clock.c: the simulation has clocks of its own
    "src/cache/*.c",
    "src/group/counter.c",
    "src/group/hot_node.c",
    "src/group/memory*.c",
    "src/group/origin*.c",
    "src/group/pending*.c",
    "src/group/policy.c",
    "src/group/prefix_index.c",
    "src/group/shared*.c",
    "src/group/store_*.c",
    "src/model/*.c",
    "src/origin/*.c",
    "src/proto/groupcache/path.c",
    "src/proto/groupcache/response.c",
    "src/proto/http/c*.c",
    "src/proto/http/d*.c",
    "src/proto/http/target.c",
    "src/ring/*.c",
    "src/proto/protobuf_read.c",
    "src/store/store.c",
    "src/telemetry/*.c",
    "src/trace/*.c",
    "tests/sim/clock.c",
    "tests/sim/seeds.c",
    "tests/sim/origins/*.c",
]
LIBRARIES = ["-lcmocka", "-lxxhash", "-ljansson", "-lcrypto", "-lz", "-lpthread", "-lm"]
MAIN = "tests/sim/origins/test_origins.c"
SEEDS = ["1", "8", "60"]  # most are found by the first few


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    place = tmp_path_factory.mktemp("origins-mutations")
    return PlainBuild(place, SOURCES, MAIN, LIBRARIES, ["-DLARDER_RING_SLOT_BITS=8"]).make()


def test_unbroken(build):
    # By all of them: where the unbroken program fails with some seed, each mutation does too, and that says nothing.
    assert not fails(build.place / "plain", SEEDS[-1])


@pytest.mark.parametrize("number", each(MUTATIONS))
def test_mutation(build, number):
    check(build, "src", MUTATIONS[number], number, SEEDS)
