# SPDX-License-Identifier: Apache-2.0
"""Nothing that was acknowledged is lost, and nothing is there by half, after the machine went down, which the shim plays
(see shim.c)."""
import os
import random

import pytest

from lives import DEFRAGMENTS, Lives, Lost

CRASHES = int(os.environ.get("STORE_CRASHES", "120"))
CRASHES_ALL = int(os.environ.get("STORE_CRASHES_ALL", "3000"))
PER_DIRECTORY = 6  # lives, each ended by a crash
FIRST_CALLS = 24  # of a store that is made; all are crashed at
KILLED_CRASHES = 60  # of machines that go down soon after a process was killed
FAILED_CHECKPOINTS = 30  # before a crash
DEFRAGMENTING = 60  # crashes of a store that does little else
LIARS = 50  # directories within which a sync that is left out must be found out


def more_if_all(count, times=40):
    """That many seeds, and so many times as many if everything is asked for."""
    return [*range(count), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(count, times * count))]


def crash_often(directory, seed, skip="", sync=True, **writes):
    chance = random.Random(seed)
    lives = Lives(directory, seed, chance.choice((100, 1000, 8000)), chance.choice((0, 0, 50, 500)), sync, **writes)
    crashes = []
    try:
        for _ in range(PER_DIRECTORY):
            crashes.append(chance.randint(1, chance.choice((20, 100, 400))))
            lives.live_until_crash(crashes[-1], skip)
    except Lost as lost:
        raise Lost(f"seed {seed}, crashes at calls {crashes}: {lost}") from lost


@pytest.mark.shim
@pytest.mark.parametrize("seed", range(CRASHES // PER_DIRECTORY))
def test_nothing_is_lost_when_the_machine_goes_down(tmp_path, seed):
    crash_often(tmp_path / "store", seed)


@pytest.mark.shim
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10**6, 10**6 + CRASHES_ALL // PER_DIRECTORY))
def test_nothing_is_lost_when_the_machine_goes_down_often(tmp_path, seed):
    crash_often(tmp_path / "store", seed)


@pytest.mark.shim
@pytest.mark.parametrize("seed", more_if_all(CRASHES // PER_DIRECTORY // 2, 2))
def test_only_the_last_writes_are_lost_without_sync(tmp_path, seed):
    crash_often(tmp_path / "store", seed, sync=False)


@pytest.mark.shim
@pytest.mark.parametrize("call", range(1, FIRST_CALLS + 1))
def test_the_machine_may_go_down_while_a_store_is_made(tmp_path, call):
    for seed in range(6):
        lives = Lives(tmp_path / f"store-{seed}", seed, value_size=10, history=0)
        lives.live_until_crash(call)


@pytest.mark.shim
@pytest.mark.parametrize("call", range(1, FIRST_CALLS + 1))
def test_the_machine_may_go_down_after_a_kill_while_a_store_is_made(tmp_path, call):
    for seed in range(6):
        lives = Lives(tmp_path / f"store-{seed}", seed, value_size=10, history=0)
        lives.live_until_killed_before_crash(call, lives.chance.randint(10, 30))


@pytest.mark.shim
@pytest.mark.parametrize("seed", more_if_all(KILLED_CRASHES // PER_DIRECTORY))
def test_the_machine_may_go_down_after_a_kill(tmp_path, seed):
    chance = random.Random(seed)
    lives = Lives(tmp_path / "store", seed, value_size=100, history=chance.choice((0, 50)))
    for _ in range(PER_DIRECTORY):
        lives.live_until_killed_before_crash(chance.randint(1, 60), chance.randint(1, 30))


@pytest.mark.shim
@pytest.mark.parametrize("seed", more_if_all(DEFRAGMENTING // PER_DIRECTORY))
def test_the_machine_may_go_down_while_it_defragments(tmp_path, seed):
    crash_often(tmp_path / "store", seed, defragments=DEFRAGMENTS)


@pytest.mark.shim
@pytest.mark.parametrize("seed", more_if_all(DEFRAGMENTING // PER_DIRECTORY))
def test_the_machine_may_go_down_after_a_kill_while_it_defragments(tmp_path, seed):
    chance = random.Random(seed)
    lives = Lives(tmp_path / "store", seed, value_size=100, history=chance.choice((0, 50)), defragments=DEFRAGMENTS)
    for _ in range(PER_DIRECTORY):
        lives.live_until_killed_before_crash(chance.randint(1, 60), chance.randint(1, 30))


@pytest.mark.shim
@pytest.mark.parametrize("bad_repair", [0, 1], ids=["taken back", "not taken back"])
@pytest.mark.parametrize("seed", more_if_all(FAILED_CHECKPOINTS // PER_DIRECTORY))
def test_the_machine_may_go_down_after_a_checkpoint_failed(tmp_path, seed, bad_repair):
    """LMDB takes back what it could not write, but the disk may have either; or it cannot take it back."""
    lives = Lives(tmp_path / "store", seed, value_size=100, history=0)
    for _ in range(PER_DIRECTORY):
        lives.live_until_crash_after_failure(lives.chance.randint(20, 60), lives.chance.randint(2, 4), bad_repair)


@pytest.mark.shim
@pytest.mark.parametrize("skip", ["fdatasync:journal", "fdatasync:data.mdb", "dsync:data.mdb", "fsync",
                                  "fdatasync:data.mdb.new"])
def test_a_sync_that_is_left_out_is_found_out(tmp_path, skip):
    """Without the sync of the journal; of LMDB's pages; of the page that makes them valid (it is written through a
    descriptor with O_DSYNC); of the directory; of the file that a defragmentation makes: the tests above would fail."""
    with pytest.raises(Lost):
        for seed in range(LIARS):
            crash_often(tmp_path / f"store-{seed}", seed, skip, defragments=DEFRAGMENTS if ".new" in skip else 0)
