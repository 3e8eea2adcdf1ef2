# SPDX-License-Identifier: Apache-2.0
"""Nothing that was acknowledged is lost, and nothing is there by half, after a kill -9."""
import pytest

from lives import DEFRAGMENTS, Lives

KILLS = 50


def test_nothing_is_lost_when_it_is_killed(tmp_path):
    lives = Lives(tmp_path / "store", 1, value_size=2000, history=500)
    for _ in range(KILLS):
        lives.live_until_killed()
    with lives.start() as driver:
        lives.check(driver)
    assert lives.acknowledged > KILLS


@pytest.mark.parametrize("kills", [KILLS // 5, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_nothing_is_lost_when_it_is_killed_while_it_defragments(tmp_path, kills):
    lives = Lives(tmp_path / "store", 2, value_size=2000, history=500, defragments=DEFRAGMENTS)
    for _ in range(kills):
        lives.live_until_killed()
    with lives.start() as driver:
        lives.check(driver)
