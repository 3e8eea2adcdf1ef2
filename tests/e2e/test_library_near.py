# SPDX-License-Identifier: Apache-2.0
"""The near cache in liblarder, as programs get it, in front of real etcd and of larderd."""
import shutil

import pytest

from collector import Collector
from etcdcluster import Cluster
from etcdctl import Etcdctl
from etcdnode import LarderNode
from librarybuild import build, end, installed, run, start
from server import REPOSITORY, kind_under_test

pytestmark = [pytest.mark.slow, pytest.mark.skipif(kind_under_test() != "larder", reason="it brings its own servers")]


@pytest.fixture(scope="module")
def program(installed, tmp_path_factory):
    source = REPOSITORY / "tests" / "e2e" / "library_etcd_near.c"
    return build(installed, "cc", source, tmp_path_factory.mktemp("program") / "near")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = Cluster(tmp_path_factory.mktemp("cluster"), fast=True)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    started = LarderNode(tmp_path_factory.mktemp("node"))
    yield started
    started.stop()


@pytest.fixture(params=["etcd", "larder"])
def kind(request):
    return request.param


@pytest.fixture
def endpoints(request, kind):
    """Of a cluster of etcd, or of a larderd with a store of its own."""
    if kind == "etcd":
        return request.getfixturevalue("cluster").endpoints()
    return f"127.0.0.1:{request.getfixturevalue('node').port}"


def test_the_example(installed, endpoints, tmp_path):
    example = build(installed, "cc", REPOSITORY / "examples" / "near.c", tmp_path / "near")
    etcdctl = Etcdctl(int(endpoints.split(":")[-1]))
    etcdctl("put", "greeting", "hello")
    etcdctl.end()
    assert run([example, endpoints, "greeting"], env=installed[1]) == "cached: hit hello\nnow: hit hello\n"


def test_what_it_says(installed, program, endpoints, kind):
    # Debian's etcd 3.4.23 tells wrong of progress.
    run([program, endpoints, *["progress"] * (kind == "larder")], env=installed[1])


def test_a_hit_makes_no_system_call(installed, program, endpoints, tmp_path):
    assert shutil.which("strace"), "there is no strace; scripts/setup test installs it"
    calls = tmp_path / "calls"
    run(["strace", "-f", "-o", calls, program, endpoints, "hits", "100000"], env=installed[1])
    lines = calls.read_text().splitlines()
    begin, after = [i for i, line in enumerate(lines) if "getppid(" in line]
    thread = lines[begin].split()[0]
    # The cache's own thread may do what it likes. Where it was stopped with a lock held, one of 200,000 reads may wait for it.
    made = [line for line in lines[begin + 1:after] if line.split()[0] == thread]
    # A call during which another thread made one has two lines.
    assert [line for line in made if "futex" not in line and "getppid resumed" not in line] == [] and len(made) < 20


def test_a_tracer_is_told_of_calls_and_of_reads(installed, endpoints, tmp_path):
    source = REPOSITORY / "tests" / "e2e" / "library_etcd_traced.c"
    traced = build(installed, "cc", source, tmp_path / "traced")
    collector = Collector()
    try:
        run([traced, endpoints], env={**installed[1], "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        spans = collector.spans()
        metrics = collector.metrics()
    finally:
        collector.close()
    roots = {span.name: span for span in spans if span.name in ("program", "loop", "request", "reader")}

    def below(root):
        return sorted((span for span in spans if span.parent == roots[root].span_id), key=lambda span: span.start)
    told = below("program")
    assert [span.name for span in told] == ["Put", "Range", "Range", "Put", "DeleteRange", "LeaseGrant"]
    assert all(span.attributes["db.system.name"] == "etcd" and span.kind == 3 for span in told)
    assert [span.events for span in told] == [[], ["Cache hit"], ["Cache miss"], [], [], []]
    assert told[3].attributes["error.type"] == "no_lease" and told[3].status == 2
    put, orphan = sorted((span for span in below("loop") if span.kind == 3), key=lambda span: span.status)
    assert (put.name, put.status, orphan.name, orphan.status) == ("Put", 0, "Put", 2)
    assert orphan.attributes["error.type"] == "no_lease" and put.attributes["db.system.name"] == "etcd"
    (read,) = below("request")
    assert (read.name, read.kind, read.events) == ("Range", 3, ["Cache hit"])
    assert put.end <= read.start <= roots["request"].end and read.end <= roots["loop"].end
    hit, miss = below("reader")
    assert (hit.name, hit.events, hit.attributes["larder.from_memory"], hit.attributes["larder.freshness"]) == (
        "near_get", ["Cache hit"], True, "cached")
    assert hit.attributes["larder.age_ms"] <= 5000
    assert (miss.name, miss.events, miss.attributes["larder.from_memory"], miss.attributes["larder.freshness"]) == (
        "near_get", ["Cache miss"], False, "linearizable")
    assert "near_get" in str(metrics) and "DeleteRange" in str(metrics)


def test_it_follows_while_the_leader_dies(installed, program, cluster):
    leader = cluster.leader()
    others = [place for place in cluster.members if place != leader]
    endpoints = cluster.endpoints(leader, *others)
    etcdctl = cluster.etcdctl(others[0])
    etcdctl("put", "follow", "first")
    running = start(installed, program, endpoints, "follow", "follow")
    assert running.stdout.readline() == "first\n"
    cluster.kill(leader)
    cluster.wait_leader(*others)
    etcdctl("put", "follow", "second")
    assert running.stdout.readline() == "second\n"
    etcdctl("put", "follow", "end")
    assert running.stdout.readline() == "end\n"
    end(running)
    cluster.restart(leader)


def test_it_follows_while_its_node_starts_again(installed, program, node):
    etcdctl = Etcdctl(node.port)
    etcdctl("put", "again", "first")
    running = start(installed, program, f"127.0.0.1:{node.port}", "follow", "again")
    assert running.stdout.readline() == "first\n"
    node.kill()
    node.start()
    etcdctl("put", "again", "second")
    assert running.stdout.readline() == "second\n"
    etcdctl("put", "again", "end")
    assert running.stdout.readline() == "end\n"
    end(running)
    etcdctl.end()
