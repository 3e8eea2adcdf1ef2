# SPDX-License-Identifier: Apache-2.0
"""etcdctl's locks and elections."""
import os
import re
import signal

import pytest

from etcdctl import interrupt
from server import wait_until

pytestmark = [pytest.mark.larder("memcached does not speak gRPC"), pytest.mark.slow]

DEADLINE = 60


def waiters(etcdctl, name, count):
    """Waits until `count` take part, the one that has it and those that wait."""
    wait_until(lambda: len(etcdctl("get", f"{name}/", "--prefix", "--keys-only").split()) == count, DEADLINE,
               f"{count} take part")


def test_a_lock_has_one_holder(etcdctl):
    first = etcdctl.start("lock", "mutex")
    key = first.line()
    assert re.fullmatch("mutex/[0-9a-f]+", key) and first.line() == ""
    second = etcdctl.start("lock", "mutex")
    waiters(etcdctl, "mutex", 2)
    assert interrupt(first) == (0, "", "")
    assert second.line() != key
    assert interrupt(second)[0] == 0
    assert etcdctl("get", "mutex", "--prefix") == ""


def test_those_that_wait_come_in_turn(etcdctl, tmp_path):
    log = tmp_path / "log"
    holder = etcdctl.start("lock", "mutex")
    holder.lines(2)
    waiting = []
    for number in range(3):
        waiting.append(etcdctl.start("lock", "mutex", "--", "sh", "-c", f"echo {number} >>{log}"))
        waiters(etcdctl, "mutex", number + 2)
    assert not log.exists()
    interrupt(holder)
    assert [each.wait() for each in waiting] == [(0, "", "")] * 3
    assert log.read_text() == "0\n1\n2\n"


def test_a_command_under_the_lock(etcdctl):
    told = etcdctl("lock", "mutex", "--", "sh", "-c", "echo $ETCD_LOCK_KEY $ETCD_LOCK_REV")
    assert re.fullmatch(r"mutex/[0-9a-f]+ 2\n", told)
    assert etcdctl("get", "mutex", "--prefix") == ""


def test_the_lock_of_one_that_was_killed_goes_on_with_its_lease(etcdctl):
    killed = etcdctl.start("lock", "mutex", "--ttl=2")
    key = killed.lines(2)[0]
    os.kill(killed.pid, signal.SIGKILL)
    next_one = etcdctl.start("lock", "mutex")
    assert re.fullmatch("mutex/[0-9a-f]+", next_one.line())
    assert etcdctl("get", key) == ""


def test_an_election(etcdctl):
    first = etcdctl.start("elect", "office", "one")
    key = first.line()
    assert re.fullmatch("office/[0-9a-f]+", key) and first.line() == "one"
    listener = etcdctl.start("elect", "-l", "office")
    assert listener.lines(2) == [key, "one"]
    second = etcdctl.start("elect", "office", "two")
    waiters(etcdctl, "office", 2)
    assert interrupt(first)[0] == 0
    key = second.line()
    assert second.line() == "two"
    assert listener.lines(2) == [key, "two"]
    assert interrupt(second)[0] == 0


def test_the_leader_is_killed(etcdctl):
    first = etcdctl.start("elect", "office", "one")
    lease = first.lines(2)[0].split("/")[1]
    second = etcdctl.start("elect", "office", "two")
    waiters(etcdctl, "office", 2)
    os.kill(first.pid, signal.SIGKILL)
    etcdctl("lease", "revoke", lease)  # its session lasts a minute
    assert second.lines(2)[1] == "two"
