# SPDX-License-Identifier: Apache-2.0
"""larder status --endpoints: a cluster on one screen, asked member by member."""
import re
import subprocess

import pytest

from etcdcluster import Cluster
from ports import free_port
from server import wait_until
from test_cli import DEADLINE, DONE, LARDER, NOT_FOUND, UNREACHABLE, USAGE, Result, environment, run_on_terminal

pytestmark = [pytest.mark.larder("it starts clusters of etcd itself"), pytest.mark.slow]

NOWHERE = "127.0.0.1:1"
SHORT = ["--timeout", "500ms"]  # where somebody will not answer


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """What the tests share that break nothing."""
    running = Cluster(tmp_path_factory.mktemp("status") / "cluster", fast=True)
    yield running
    running.stop()


def status(endpoints, *words, **more):
    ended = subprocess.run([LARDER, "status", "--endpoints", endpoints, *words], env=environment(NOWHERE, **more),
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE)
    return Result(ended.returncode, ended.stdout, ended.stderr)


def members(result):
    """The members of a JSON answer by their names, or their endpoints if they have none."""
    return {member["name"] or member["endpoint"]: member for member in result.json_lines()[0]["members"]}


def test_all_is_well(cluster):
    """One is named, the others are found."""
    result = status(cluster.endpoints(1), "--json")
    assert (result.code, result.err) == (DONE, "")
    said, = result.json_lines()
    assert said["well"] is True and said["cluster"] == f"{cluster.status(0)['cluster']:x}"
    found = members(result)
    assert list(found) == ["m0", "m1", "m2"]
    leader = cluster.wait_leader()
    for place, name in enumerate(found):
        own = cluster.status(place)
        assert found[name] == {
            "name": name, "id": f"{own['id']:x}", "endpoint": cluster.url(place), "health": "good", "in_use": False,
            "leader": place == leader, "learner": False, "version": own["version"], "bytes": own["bytes"],
            "revision": own["revision"], "behind": 0, "failures": 0, "trouble": None}
    assert said["leader"] == found[f"m{leader}"]["id"]


def test_the_screen(cluster):
    result = status(cluster.endpoints())
    lines = result.out.decode().splitlines()
    assert result.code == DONE and len(lines) == 6 and "\033" not in result.out.decode()
    assert lines[0].startswith("cluster ") and f"3 members, 3 answer, m{cluster.wait_leader()} leads" in lines[0]
    assert lines[2].split() == ["member", "endpoint", "state", "version", "size", "revision", "behind"]
    for place in range(3):
        state = "leader" if place == cluster.wait_leader() else "good"
        assert lines[3 + place].split()[:4] == [f"m{place}", cluster.url(place), state, cluster.status(place)["version"]]


def test_colours_are_for_a_terminal(cluster):
    words = ["status", "--endpoints", cluster.endpoints()]
    assert b"\033[" in run_on_terminal(NOWHERE, *words).out
    assert b"\033[" not in run_on_terminal(NOWHERE, *words, NO_COLOR="1").out


def test_a_member_is_dead(start_cluster):
    cluster = start_cluster()
    dead = cluster.follower()
    cluster.kill(dead)
    result = status(cluster.endpoints(), "--json")
    assert result.code == NOT_FOUND and result.json_lines()[0]["well"] is False
    found = members(result)
    assert found.pop(f"m{dead}")["trouble"] == "connection refused"
    assert all(member["health"] == "good" for member in found.values()) and len(found) == 2
    screen = status(cluster.endpoints(cluster.wait_leader())).out.decode()
    assert "3 members, 2 answer, " in screen and "connection refused" in screen


def test_a_member_is_suspended(start_cluster):
    cluster = start_cluster()
    cluster.suspend(cluster.follower())
    result = status(cluster.endpoints(), "--json", *SHORT)
    assert result.code == NOT_FOUND
    assert sorted(member["health"] for member in members(result).values()) == ["failing", "good", "good"]


def test_a_member_is_cut_off(start_cluster):
    cluster = start_cluster()
    cut = cluster.follower()
    cluster.cut(cut)
    wait_until(lambda: cluster.status(cut)["leader"] == 0, DEADLINE, "it has lost its leader")
    found = members(status(cluster.endpoints(), "--json", *SHORT))
    assert "no leader" in found[f"m{cut}"]["trouble"]
    assert sum(member["leader"] for member in found.values()) == 1


def test_the_quota_is_used_up(start_cluster):
    cluster = start_cluster(size=1, quota=64 << 10)
    ctl = cluster.etcdctl()
    while ctl.run("put", "k", stdin="x" * 30000).returncode == 0:
        pass
    result = status(cluster.endpoints())
    assert result.code == NOT_FOUND and b"alarm NOSPACE" in result.out


def test_two_clusters(cluster, start_cluster):
    other = start_cluster(size=1)
    result = status(f"{cluster.endpoints(0)},{other.endpoints()}", "--json")
    assert result.code == NOT_FOUND
    assert [member["trouble"] for member in result.json_lines()[0]["members"]].count("it belongs to another cluster") == 1


def test_nobody_is_there():
    nowhere = f"127.0.0.1:{free_port()}"
    result = status(nowhere, *SHORT)
    assert result.code == UNREACHABLE and b"connection refused" in result.out
    assert members(status(nowhere, "--json", *SHORT))[f"http://{nowhere}"]["health"] == "failing"


def test_certificates_and_users(start_cluster):
    cluster = start_cluster(size=1, tls=True, auth=True)
    certificate, key = cluster.certificates.client
    own = ["--cacert", cluster.certificates.authority, "--cert", certificate, "--key", key]
    assert status("https://" + cluster.endpoints(), *own).code == DONE
    assert status("https://" + cluster.endpoints(), *own, LARDER_USER="root:all powers").code == DONE
    stranger = status("https://" + cluster.endpoints(), *SHORT)
    assert stranger.code == UNREACHABLE and b"certificate" in stranger.out
    assert status("https://" + cluster.endpoints(), *own[:2], *SHORT).code == UNREACHABLE


@pytest.mark.parametrize("words, text", [
    (["--endpoints", ""], "--endpoints"), (["--endpoints", "h:99999999"], "--endpoints"),
    (["--endpoints", "ftp://h:1"], "--endpoints"), (["--endpoints", NOWHERE, "--cert", "x"], "key"),
    (["--endpoints", NOWHERE, "--cacert", "/nonexistent"], "/nonexistent"), (["--cacert", "x"], "--endpoints"),
    (["--endpoints", NOWHERE, "--user", "nobody"], "NAME:PASSWORD"),
])
def test_what_makes_no_sense(words, text):
    ended = subprocess.run([LARDER, "status", *words], env=environment(NOWHERE), capture_output=True, text=True,
                           timeout=DEADLINE)
    assert ended.returncode == USAGE and text in ended.stderr and ended.stdout == ""


# --- a node that keeps its groups there ---

def status_of(node, *words):
    ended = subprocess.run([LARDER, "status", *words], env=environment(f"{node.host}:{node.port}"), capture_output=True,
                           timeout=DEADLINE)
    return Result(ended.returncode, ended.stdout, ended.stderr)


def test_a_node_shows_its_cluster(start_cluster, start_cluster_node):
    """Both have their own times, so that nobody is left because the machine is busy."""
    cluster = start_cluster(fast=False)
    node = start_cluster_node(cluster, times=[])
    node.wait_ready()
    assert node.put("a", b"1").status == 201 and node.get("a").body == b"1"
    used = node.member_in_use(cluster)

    def shown():
        said = status_of(node, "--json").json_lines()[0]["cluster"]
        known = [member["name"] for member in said["members"] if member["health"] == "good"]
        return said if sorted(known) == ["m0", "m1", "m2"] and said["requests"]["ok"] >= 2 and said["leader"] else None
    said = wait_until(shown, DEADLINE, lambda: status_of(node, "--json").out.decode())
    assert said["ready"] is True and said["trouble"] == "" and said["cluster"] == f"{cluster.status(0)['cluster']:x}"
    assert [member["name"] for member in said["members"] if member["in_use"]] == [f"m{used}"]
    assert said["latency"]["Txn"]["count"] == 1 and said["latency"]["Range"]["mean_microseconds"] > 0
    assert said["failovers"] == 0 and said["requests"]["unknown"] == 0
    screen = status_of(node)
    assert screen.code == DONE and len(screen.out.splitlines()) < 24
    for piece in (f"etcd cluster {said['cluster']}, 3 members, 3 answer, m{cluster.wait_leader()} leads", f"* m{used} ",
                  "requests", "Txn ", "fail-overs  0"):
        assert piece in screen.out.decode(), screen.out.decode()

    cluster.kill(used)
    assert node.get("a").body == b"1"

    def gone():
        text = status_of(node).out.decode()
        return text if "3 members, 2 answer" in text and re.search("fail-overs  [1-9]", text) else None
    text = wait_until(gone, DEADLINE, lambda: status_of(node).out.decode())
    assert "connection refused" in text
    cluster.kill_all()
    assert node.readiness()[0] == 503 or node.wait_not_ready()
    assert "not ready: " in status_of(node).out.decode()


def test_a_node_with_a_store_of_its_own(start, tmp_path):
    node = start(tmp_path / "own")
    assert status_of(node, "--json").json_lines()[0]["cluster"] is None
    assert b"cluster" not in status_of(node).out
