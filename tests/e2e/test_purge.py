# SPDX-License-Identifier: Apache-2.0
"""The purge of one memory group, by HTTP and by `larder flush --group`: at a node alone, and at the nodes of a cluster."""
import json
import os
import subprocess

import pytest

from httpwire import ask
from server import kind_under_test, larderd_path
from sharednodes import SharedNodes, fill, names_of, read

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no groups")

GROUPS = '[group "config"]\nbacking = store\n\n[group "mem"]\n\n[group "pages"]\n'
KEYS = {group: names_of(200, prefix) for group, prefix in (("mem", b"mem/"), ("pages", b"pages/"), ("default", b"plain"))}
DEADLINE = 60
LARDER = os.environ.get("LARDER", larderd_path().parent / "larder")


@pytest.fixture
def alone(start_server, tmp_path):
    path = tmp_path / "larderd.conf"
    path.write_text(GROUPS)
    return start_server(extra=("--config", str(path), "--data-dir", str(tmp_path / "data")))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    nodes = SharedNodes(tmp_path_factory.mktemp("purge"))
    yield nodes.nodes
    nodes.stop()


def by_tool(node, *words):
    return subprocess.run([str(LARDER), "flush", "--yes", "--server", f"127.0.0.1:{node.port}", *words], timeout=DEADLINE,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def fill_all(node, groups):
    for group in groups:
        assert fill(node, KEYS[group]) == []
    assert ask(node, "PUT", "/config/a", b"durable").status in (201, 204)


def assert_only(nodes, left, gone):
    for node in nodes:
        for group in left:
            assert len(read(node, KEYS[group])) == len(KEYS[group]), group
        for group in gone:
            assert read(node, KEYS[group]) == {}, group
        assert ask(node, "GET", "/config/a?use_cache=false").body == b"durable"


def test_a_node_alone(alone):
    fill_all(alone, KEYS)
    assert ask(alone, "POST", "/admin/flush?group=mem").status == 204
    assert_only([alone], left=("pages", "default"), gone=("mem",))
    done = by_tool(alone, "--group", "default")
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout.startswith(b"flushed: the group default at ")
    assert_only([alone], left=("pages",), gone=("mem", "default"))
    done = by_tool(alone, "--group", "pages", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"result": "done", "group": "pages"})
    assert_only([alone], left=(), gone=KEYS)
    assert fill(alone, KEYS["mem"]) == []
    assert_only([alone], left=("mem",), gone=("pages", "default"))


def assert_refused(nodes):
    """What cannot be purged, or is misspelt, is told so, and nothing goes."""
    for target, status, words in (("group=nosuch", 404, "no group of this name"), ("group=config", 409, "is durable"),
                                  ("group=", 400, "name one group"), ("gruop=mem", 400, "name one group")):
        answer = ask(nodes[0], "POST", f"/admin/flush?{target}")
        assert answer.status == status and words in answer.json["message"], target
    assert ask(nodes[0], "GET", "/admin/flush?group=mem").status == 405
    missing = by_tool(nodes[0], "--group", "nosuch")
    assert missing.returncode == 1 and b"has no group 'nosuch'" in missing.stderr
    durable = by_tool(nodes[0], "--group", "config")
    assert durable.returncode == 4 and b"is durable" in durable.stderr
    for words in (("--group", ""), ("--group", "mem", "--delay", "5s")):
        assert by_tool(nodes[0], *words).returncode == 2
    assert_only(nodes, left=("mem", "default"), gone=())


def test_what_a_node_alone_refuses(alone):
    fill_all(alone, ("mem", "default"))
    assert_refused([alone])


@pytest.mark.slow
@pytest.mark.parametrize("with_tool", [False, True])
def test_three_nodes(three, with_tool):
    fill_all(three[0], ("mem", "default"))
    assert_only(three, left=("mem", "default"), gone=())
    if with_tool:
        assert by_tool(three[1], "--group", "mem").returncode == 0
    else:
        assert ask(three[1], "POST", "/admin/flush?group=mem").status == 204
    assert_only(three, left=("default",), gone=("mem",))
    assert fill(three[2], KEYS["mem"], b"y") == []
    assert_only(three, left=("mem", "default"), gone=())


@pytest.mark.slow
def test_what_three_nodes_refuse(three):
    fill_all(three[2], ("mem", "default"))
    assert_refused(three)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["mem", "default"])
def test_a_prefix_at_three_nodes(three, group):
    """What is written behind the purge stays, and so does all that begins in another way."""
    front = b"mem/" if group == "mem" else b"plain"
    fill_all(three[0], KEYS)
    gone = [name for name in KEYS[group] if name.startswith(front + b"1")]
    left = [name for name in KEYS[group] if name not in gone]
    prefix = "1" if group == "mem" else "plain1"
    if group == "mem":
        assert ask(three[1], "POST", f"/admin/flush?group={group}&prefix={prefix}").status == 204
    else:
        assert by_tool(three[1], "--group", group, "--prefix", prefix).returncode == 0
    for node in three:
        assert read(node, gone) == {}
        assert len(read(node, left)) == len(left)
    assert fill(three[2], gone[:20], b"y") == []
    for node in three:
        assert set(read(node, gone)) == set(gone[:20])
    assert ask(three[0], "POST", f"/admin/flush?group={group}&prefix={'x' * 251}").status == 204
    assert ask(three[0], "POST", "/admin/flush?group=config&prefix=a").status == 409
    assert_only(three, left=[other for other in KEYS if other != group], gone=())
