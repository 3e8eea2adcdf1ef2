# SPDX-License-Identifier: Apache-2.0
"""larder simulate on real clusters: the experiment of the dying leader, and what it says when things are not right."""
import collections
import json
import os
import pty
import re
import signal
import subprocess
import threading

import pytest

from etcdcluster import PASSWORD, USER, Cluster
from test_cli import DONE, LARDER, NOT_FOUND, UNREACHABLE, USAGE

DEADLINE = 300
FAILED = NOT_FOUND
PREFIX = "/larder-simulate/"
SEED = 123

pytestmark = [pytest.mark.larder("it starts clusters of etcd itself"), pytest.mark.slow]


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("LARDER")} | {"TERM": "xterm"}


def run(*words):
    return subprocess.run([LARDER, "simulate", *map(str, words)], env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=DEADLINE, text=True)


class Simulation:
    """One that runs; it is asked how far it is."""

    def __init__(self, endpoints, *words):
        self._process = subprocess.Popen(
            [LARDER, "simulate", "--endpoints", endpoints, "--seed", str(SEED), "--json", "--json-progress",
             *map(str, words)],
            env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._watchdog = threading.Timer(DEADLINE, self._process.kill)
        self._watchdog.start()
        self._said = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._watchdog.cancel()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()

    def events(self):
        for line in self._process.stderr:
            self._said.append(line)
            if line.startswith("{"):
                yield json.loads(line)
        raise AssertionError(f"it ended: {self._said[-5:]} {self._process.stdout.read()}")

    def until_done(self, percent):
        """The first event that tells of so much progress."""
        return next(event for event in self.events()
                    if event["event"] == "progress" and event["done"] >= event["total"] * percent / 100)

    def until_counted(self, count):
        counted = (event for event in self.events() if event["event"] == "counted")
        return [next(counted) for _ in range(count)]

    def interrupt(self):
        self._process.send_signal(signal.SIGINT)

    def finish(self):
        """(exit code, report, what it said last)."""
        out, err = self._process.communicate()
        return self._process.returncode, json.loads(out), err


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cluster to which nothing happens."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), fast=True)
    yield cluster
    cluster.stop()


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path / "cluster", fast=True)
    yield cluster
    cluster.stop()


def leader_first(cluster):
    leader = cluster.wait_leader()
    return leader, cluster.endpoints(leader, *[place for place in cluster.members if place != leader])


def check_members(cluster, report, keys):
    """The report's members are the cluster's, and each has so many keys, by its own word too."""
    assert {member["endpoint"]: member["keys"] for member in report["members"]} == {
        cluster.url(place): keys for place in cluster.members}
    assert {place: cluster.count_keys(place, PREFIX) for place in cluster.members} == {
        place: keys for place in cluster.members}


def let_the_leader_die(cluster, iterations, *words):
    """Kills it at 12 %, and starts it again when the others have been counted. Returns the report."""
    leader, endpoints = leader_first(cluster)
    with Simulation(endpoints, "--iterations", iterations, "--keep", *words) as simulation:
        event = simulation.until_done(12)
        assert event["member"] == cluster.url(leader) and event["leader"] is True
        cluster.kill(leader)
        simulation.until_counted(len(cluster.members) - 1)
        cluster.restart(leader, healthy=False)
        code, report, _ = simulation.finish()
    assert (code, report["good"]) == (DONE, True), report
    assert (report["done"], report["wrong"], report["failure"]) == (iterations, 0, None)
    assert report["weather"]["failovers"] >= 1
    assert report["weather"]["unknown"] == 0
    assert report["plan"]["keys"] == report["plan"]["create"] - report["plan"]["delete"] == report["keys"]
    check_members(cluster, report, report["keys"])
    return report


# --- the experiment ---

def test_nothing_is_lost_when_the_leader_dies(cluster):
    report = let_the_leader_die(cluster, 10_000)
    assert report["clients"] == 1


@pytest.mark.long
def test_nothing_is_lost_with_many_operations_in_flight(cluster):
    let_the_leader_die(cluster, 30_000, "--clients", 50)


@pytest.mark.long
def test_nothing_is_lost_in_the_whole_experiment(tmp_path):
    cluster = Cluster(tmp_path / "cluster")
    try:
        let_the_leader_die(cluster, 100_000)
    finally:
        cluster.stop()


def test_a_member_that_hangs_is_left(cluster):
    leader, endpoints = leader_first(cluster)
    with Simulation(endpoints, "--iterations", 5_000) as simulation:
        simulation.until_done(12)
        cluster.suspend(leader)
        simulation.until_counted(2)
        cluster.resume(leader)
        code, report, _ = simulation.finish()
    assert (code, report["good"], report["wrong"]) == (DONE, True, 0), report
    assert report["weather"]["failovers"] >= 1


def test_a_quiet_run_is_right_and_leaves_nothing(shared):
    ended = run("--endpoints", shared.endpoints(), "--iterations", 2000)
    assert ended.returncode == DONE, ended
    assert "every answer was right, and every member has every key" in ended.stdout
    assert re.search(r"fail-overs +0\n", ended.stdout) and re.search(r"wrong +0 answers", ended.stdout)
    assert ended.stderr == ""
    assert shared.count_keys(0, PREFIX) == 0


def test_members_are_learnt_from_the_cluster(shared):
    ended = run("--endpoints", shared.endpoints(1), "--iterations", 200, "--json")
    report = json.loads(ended.stdout)
    assert ended.returncode == DONE, ended
    assert {member["name"] for member in report["members"]} == {"m0", "m1", "m2"}


def test_fixed_endpoints_are_counted_alone(shared):
    ended = run("--endpoints", shared.endpoints(1), "--iterations", 200, "--json", "--fixed-endpoints")
    assert ended.returncode == DONE, ended
    assert [member["endpoint"] for member in json.loads(ended.stdout)["members"]] == [shared.url(1)]


def test_certificates_and_a_user(tmp_path):
    cluster = Cluster(tmp_path / "cluster", fast=True, tls=True, auth=True, prefix=PREFIX)
    try:
        certificate, key = cluster.certificates.client
        place = ("--endpoints", cluster.endpoints(), "--cacert", cluster.certificates.authority, "--cert", certificate,
                 "--key", key, "--iterations", 500)
        ended = run(*place, "--user", f"{USER}:{PASSWORD}")
        assert ended.returncode == DONE, ended
        ended = run(*place, "--user", f"{USER}:{PASSWORD}", "--prefix", "elsewhere")
        assert ended.returncode != DONE and "below elsewhere/" in ended.stderr, ended
    finally:
        cluster.stop()


# --- what is not right ---

@pytest.mark.long
def test_somebody_else_deletes(shared):
    with Simulation(shared.endpoints(), "--iterations", 5_000, "--clear") as simulation:
        simulation.until_done(20)
        shared.etcdctl()("del", "--prefix", PREFIX)
        code, report, said = simulation.finish()
    assert (code, report["good"], report["failure"]) == (FAILED, False, None)
    assert report["wrong"] > 0
    assert len(report["wrongs"]) == min(report["wrong"], 5)
    assert all("instead of one" in wrong["why"] for wrong in report["wrongs"]), report["wrongs"]
    assert "--clear" in said


@pytest.mark.long
def test_somebody_else_changes_a_value(shared):
    with Simulation(shared.endpoints(), "--iterations", 5_000, "--clear") as simulation:
        simulation.until_done(20)
        ctl = shared.etcdctl()
        for key in ctl("get", "--prefix", PREFIX, "--keys-only").split():
            ctl("put", key, "changed")
        code, report, _ = simulation.finish()
    assert code == FAILED and report["wrong"] > 0
    assert any("it found changed" in wrong["why"] for wrong in report["wrongs"]), report["wrongs"]


def test_a_key_too_many_is_found_by_counting(shared):
    with Simulation(shared.endpoints(), "--iterations", 2_000, "--clear") as simulation:
        simulation.until_done(20)
        shared.etcdctl()("put", PREFIX + "another", "x")
        code, report, _ = simulation.finish()
    assert (code, report["good"], report["wrong"]) == (FAILED, False, 0)
    assert report["keys"] == report["plan"]["keys"] + 1
    shared.etcdctl()("del", "--prefix", PREFIX)


def test_keys_that_are_there_already_are_left_alone_unless_asked(shared):
    shared.etcdctl()("put", PREFIX + "precious", "x")
    place = ("--endpoints", shared.endpoints(), "--iterations", 100)
    ended = run(*place)
    assert ended.returncode == FAILED
    assert "below /larder-simulate/ there are keys already (1)" in ended.stderr and "--clear" in ended.stderr
    assert shared.count_keys(0, PREFIX) == 1
    assert run(*place, "--prefix", "/elsewhere").returncode == DONE
    assert run(*place, "--clear").returncode == DONE
    assert shared.count_keys(0, PREFIX) == 0


@pytest.mark.long
def test_a_member_that_stays_away_is_told(cluster):
    follower = cluster.follower()
    cluster.kill(follower)
    ended = run("--endpoints", cluster.endpoints(), "--iterations", 500, "--wait-members", "0")
    assert ended.returncode == FAILED
    assert re.search(rf"{cluster.url(follower)} .*AWAY", ended.stdout), ended.stdout
    assert "--wait-members" in ended.stdout


def test_a_cluster_that_is_gone_ends_it(cluster):
    with Simulation(cluster.endpoints(), "--iterations", 5_000, "--timeout", "2s") as simulation:
        simulation.until_done(12)
        cluster.kill_all()
        code, report, _ = simulation.finish()
    assert (code, report["good"]) == (UNREACHABLE, False)
    assert "etcdctl endpoint health" in report["failure"]["why"]
    assert 600 <= report["done"] < 5_000 and "members" not in report


def test_nobody_is_there():
    ended = run("--endpoints", "127.0.0.1:1", "--timeout", "1s")
    assert ended.returncode == UNREACHABLE
    assert "could not see what is in the cluster" in ended.stderr and "etcdctl endpoint health" in ended.stderr


def test_an_interrupt_ends_it_in_order(shared):
    with Simulation(shared.endpoints(), "--iterations", 1_000_000, "--clear") as simulation:
        next(simulation.events())
        simulation.interrupt()
        code, report, said = simulation.finish()
    assert (code, report["interrupted"], report["wrong"], report["failure"]) == (FAILED, True, 0, None)
    assert 10_000 <= report["done"] < 1_000_000
    assert "--clear" in said
    shared.etcdctl()("del", "--prefix", PREFIX)


# --- without a cluster ---

def test_the_plan_and_the_operations_agree(tmp_path):
    plan = json.loads(run("--plan", "--json").stdout)
    assert plan["create"] + plan["retrieve"] + plan["delete"] == plan["iterations"] == 100_000
    assert run("--dump", tmp_path / "operations").returncode == DONE
    live, counts = {}, collections.Counter()
    for line in (tmp_path / "operations").read_text().splitlines():
        kind, device, ip = line.split()
        counts[kind] += 1
        if kind == "CREATE":
            assert device not in live
            live[device] = ip
        assert live[device] == ip
        if kind == "DELETE":
            del live[device]
    assert dict(counts) == {"CREATE": plan["create"], "RETRIEVE": plan["retrieve"], "DELETE": plan["delete"]}
    assert len(live) == plan["keys"]
    assert run("--dump", "-").stdout == (tmp_path / "operations").read_text()
    assert run("--dump", "-", "--seed", 124).stdout != run("--dump", "-").stdout


def test_a_dump_that_cannot_be_written(tmp_path):
    ended = run("--dump", tmp_path / "nowhere" / "operations")
    assert ended.returncode == USAGE and "No such file" in ended.stderr
    assert run("--dump", "/dev/full").returncode == USAGE


def test_a_bar_is_drawn_on_a_terminal_alone(shared):
    ours, its = pty.openpty()
    with subprocess.Popen([LARDER, "simulate", "--endpoints", shared.endpoints(), "--iterations", "5000"],
                          env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=its) as process:
        os.close(its)
        shown = read_terminal(ours)
        assert process.wait(DEADLINE) == DONE
    assert re.search(rb"simulate +\[#+\.*\] +\d+%  \d+/s  http://127\.0\.0\.1:\d+", shown), shown[-500:]


def read_terminal(ours):
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return shown
