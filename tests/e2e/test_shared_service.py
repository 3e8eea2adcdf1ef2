# SPDX-License-Identifier: Apache-2.0
"""Several nodes behind one address, as a near-cache service runs: the load test of that service finds no stale answer."""
import json
import os
import subprocess

import pytest

from server import kind_under_test, larderd_path
from sharednodes import SharedNodes

pytestmark = [pytest.mark.skipif(kind_under_test() != "larder", reason="only larderd has a cluster of nodes"), pytest.mark.slow]

DEADLINE = 120
KEYS = 300
ROUTES = ("DELETE", "PUT", "GET use_cache=false", "GET use_cache=true")


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    nodes = SharedNodes(tmp_path_factory.mktemp("service"))
    yield nodes
    nodes.stop()


def begin(nodes, prefix, *more):
    """The load test at these nodes, on keys of its own: what another run has written is no answer to this one."""
    larder = os.environ.get("LARDER", larderd_path().parent / "larder")
    servers = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    words = ["bench", "config", "--server", servers, "--key-prefix", prefix, "--keys", KEYS, "--time", "2s", "--warmup", 0,
             "--connections", 12, "--json", *more]
    return subprocess.Popen([str(larder), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def end(load):
    try:
        said, complaint = load.communicate(timeout=DEADLINE)
    finally:
        load.kill()
        load.wait()
    assert complaint == b""
    return load.returncode, json.loads(said)


def assert_never_stale(code, report):
    assert (report["stale"], report["foreign"], report["fails"], report["unknown_writes"]) == (0, 0, 0, 0), report
    assert code == 0
    assert all(report["routes"][route]["requests"] > 0 for route in ROUTES), report
    assert report["checked"] >= report["routes"]["all"]["requests"] + KEYS  # and what was on its way when the time was over


def test_each_node_at_the_same_time(standing):
    loads = [begin([node], f"config/of_{node.name}/") for node in standing.nodes]
    reports = [end(load) for load in loads]
    for node, (code, report) in zip(standing.nodes, reports):
        assert_never_stale(code, report)
        assert report["servers"] == [f"127.0.0.1:{node.port}"]


def test_all_of_them_by_one_client(standing):
    """A read at one node shows what was acknowledged by another, wherever its connection happens to end."""
    code, report = end(begin(standing.nodes, "config/of_all/", "--threads", 2))
    assert_never_stale(code, report)
    assert report["servers"] == [f"127.0.0.1:{node.port}" for node in standing.nodes]
