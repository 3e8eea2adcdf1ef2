# SPDX-License-Identifier: Apache-2.0
"""The shim that lets the machine go down (shim.c), tried on programs of a few calls: what it may take back, and what it must
not."""
import os
import subprocess
import sys
import textwrap

import pytest

from lives import CRASHED, shim_environment

pytestmark = pytest.mark.shim

SECTOR = 512
SEEDS = 24
BEGIN = """
import os
directory = os.open("d", os.O_RDONLY)
fd = os.open("d/f", os.O_RDWR | os.O_CREAT)
"""
WRITE_B = "os.pwrite(fd, b'b' * 512 * 8, 0)\n"
WRITE_C = "os.pwrite(fd, b'c' * 512 * 8, 0)\n"


class Machine:
    """Programs run in a directory with an empty or no file d/f, or one that has 8 sectors of `a`, durably."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "d").mkdir(parents=True)
        self.file = directory / "d" / "f"

    def run(self, program, expected=CRASHED, **settings):
        done = subprocess.run([sys.executable, "-IS", "-c", BEGIN + textwrap.dedent(program)], cwd=self.directory,
                              env={**os.environ, **shim_environment(self.directory / "d", **settings)},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == expected, done.stderr


@pytest.fixture
def crash(tmp_path):
    """Runs a program that crashes at call `at` for each seed. Returns what it leaves each time; None: no file."""
    count = 0

    def run(program, at, new=False, **settings):
        nonlocal count
        left = []
        for seed in range(SEEDS):
            count += 1
            machine = Machine(tmp_path / str(count))
            if not new:
                machine.file.write_bytes(b"a" * SECTOR * 8)
            machine.run(program, crash_at=at, seed=seed, **settings)
            left.append(machine.file.read_bytes() if machine.file.exists() else None)
        return left

    return run


def letters(contents):
    """One letter for each sector; each must be of one letter."""
    sectors = [contents[at:at + SECTOR] for at in range(0, len(contents), SECTOR)]
    assert all(len(set(sector)) == 1 for sector in sectors), "half a sector"
    return "".join(chr(sector[0]) for sector in sectors)


def all_letters(left):
    return set("".join(map(letters, left)))


def test_what_is_not_synced_is_kept_by_the_sector_or_not(crash):
    found = set(map(letters, crash(WRITE_B + WRITE_B, 2)))
    assert "a" * 8 in found and "b" * 8 in found
    assert any(set(each) == {"a", "b"} for each in found)
    assert all(set(each) <= {"a", "b"} for each in found)


def test_a_sector_may_be_in_any_state_it_was_in(crash):
    assert all_letters(crash(WRITE_B + WRITE_C, 2)) == {"a", "b", "c"}


@pytest.mark.parametrize("sync", ["os.fsync(fd)", "os.fdatasync(fd)"])
def test_what_is_synced_stays(crash, sync):
    assert all_letters(crash(f"{WRITE_B}{sync}\n{WRITE_C}", 3)) == {"b", "c"}


def test_a_crash_within_a_sync_is_one_before_it_or_after_it(crash):
    found = list(map(letters, crash(WRITE_B + "os.fsync(fd)", 2)))
    assert set("".join(found)) == {"a", "b"}


@pytest.mark.parametrize("flag", ["O_DSYNC", "O_SYNC"])
def test_a_synchronous_write_is_durable_when_it_is_done(crash, flag):
    program = f"""
    direct = os.open("d/f", os.O_WRONLY | os.{flag})
    os.pwrite(fd, b"b" * 512 * 8, 0)
    os.pwrite(direct, b"c" * 512, 512)
    os.pwrite(fd, b"d" * 512, 512 * 7)
    """
    torn = list(map(letters, crash(program, 2)))
    done = list(map(letters, crash(program, 3)))
    assert {each[1] for each in torn} == {"a", "b", "c"}
    assert {each[1] for each in done} == {"c"}
    # What was written elsewhere is in question as before.
    assert {each[0] for each in done} == {"a", "b"}
    assert {each[7] for each in done} == {"a", "b", "d"}


@pytest.mark.parametrize("write", [
    "os.write(fd, b'b' * 1024)",
    "os.writev(fd, [b'b' * 600, b'b' * 424])",
    "os.pwritev(fd, [b'b' * 600, b'b' * 424], 0)",
    "os.lseek(fd, 512, os.SEEK_SET), os.write(fd, b'b' * 512)",
])
def test_every_kind_of_write_is_seen(crash, write):
    assert {letters(each)[1] for each in crash(f"{write}\nos.fsync(fd)", 2)} == {"a", "b"}


def test_what_is_appended_may_be_missing_or_nothing(crash):
    found = crash("os.pwrite(fd, b'b' * 512 * 4, 512 * 8)\nos.fsync(fd)", 2)
    assert {len(each) for each in found} >= {SECTOR * 8, SECTOR * 12}
    assert all(each[:SECTOR * 8] == b"a" * SECTOR * 8 for each in found)
    assert set(b"".join(found)) == {0, ord("a"), ord("b")}


def test_a_new_name_needs_its_directory_synced(crash):
    assert set(crash("os.fsync(fd)\nos.fsync(fd)", 2, new=True)) == {None, b""}
    assert set(crash("os.fsync(directory)\nos.fsync(fd)", 2, new=True)) == {b""}


def test_a_renaming_may_not_have_been(crash):
    program = """
    other = os.open("d/g", os.O_WRONLY | os.O_CREAT)
    os.write(other, b"new")
    os.fsync(other)
    os.fsync(directory)
    os.rename("d/g", "d/f")
    os.fsync(directory)
    os.fsync(fd)
    """
    assert set(crash(program, 4)) == {b"a" * SECTOR * 8, b"new"}
    assert set(crash(program, 6)) == {b"new"}


@pytest.mark.parametrize("skip, program, at", [
    ("fdatasync", WRITE_B + "os.fdatasync(fd)\n" + WRITE_C, 3),
    ("fsync:f", WRITE_B + "os.fsync(fd)\n" + WRITE_C, 3),
    ("dsync:f", "fd = os.open('d/f', os.O_WRONLY | os.O_DSYNC)\n" + WRITE_B + WRITE_C, 2),
])
def test_a_lie_syncs_nothing(crash, skip, program, at):
    assert all_letters(crash(program, at, skip=skip)) == {"a", "b", "c"}
    assert all_letters(crash(program, at, skip=skip.replace(":f", "") + ":other")) == {"b", "c"}


def test_what_failed_stays_in_question(crash):
    """A sync later on does not try again, unless it is written anew."""
    program = """
    direct = os.open("d/f", os.O_WRONLY | os.O_DSYNC)
    try:
        os.pwrite(direct, b"b" * 512 * 8, 0)
        raise AssertionError("no error")
    except OSError:
        pass
    os.pwrite(fd, b"c" * 512, 0)
    os.fsync(fd)
    os.fsync(fd)
    """
    found = list(map(letters, crash(program, 4, bad_write=1)))
    assert {each[0] for each in found} == {"c"}
    assert {each[1] for each in found} == {"a", "b"}


def test_what_a_killed_process_wrote_is_found_and_may_be_lost_later(tmp_path):
    left = set()
    for seed in range(SEEDS):
        machine = Machine(tmp_path / str(seed))
        machine.file.write_bytes(b"a" * SECTOR * 8)
        hand_over = machine.directory / "hand-over"
        machine.run(WRITE_B + WRITE_B, kill_at=2, seed=seed, hand_over=hand_over)
        assert letters(machine.file.read_bytes()) == "b" * 8
        machine.run("assert os.pread(fd, 1, 0) == b'b'", expected=0, hand_over=hand_over)
        if seed % 2 == 0:
            machine.run("os.fsync(fd)", expected=0, hand_over=hand_over)
        machine.run("os.fsync(fd)\nos.fsync(directory)", crash_at=1, seed=seed, hand_over=hand_over)
        found = set(letters(machine.file.read_bytes()))
        assert seed % 2 == 1 or found == {"b"}
        left |= found
    assert left == {"a", "b"}


def test_the_same_seed_leaves_the_same(crash):
    assert crash(WRITE_B + WRITE_C, 2) == crash(WRITE_B + WRITE_C, 2)
