# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests.

The server under test is the larderd named by the environment variable LARDERD (default: build/larderd). With
E2E_SERVER=memcached it is memcached itself (E2E_MEMCACHED, default /usr/bin/memcached): that is how one sees that a
test states memcached's behaviour. With E2E_SERVER=etcd the tests of etcd's API have a real etcd as their server, with
E2E_SERVER=near a larderd in front of a cluster of three etcds.
"""
import pathlib
import re
import resource
import subprocess
import sys

import pytest

from httpwire import start_node
from server import MEMCACHED, Server, kind_under_test, larderd_path
from wire import Connection, Transcript

# What drives a real etcd belongs to the tests of the store. Before all installed modules: one of them is called etcd.
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "store"))

from clusternode import ClusterNode  # noqa: E402
from etcdcluster import Cluster  # noqa: E402
from etcdctl import Etcdctl  # noqa: E402
from etcdnode import start_node_under_test  # noqa: E402


def memcached_version():
    text = subprocess.run([MEMCACHED, "-V"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return tuple(int(part) for part in re.search(r"(\d+)\.(\d+)\.(\d+)", text).groups())


def pytest_configure(config):
    config.addinivalue_line("markers", "larder(reason): Larder's own answer; left out when memcached is the server")
    config.addinivalue_line("markers", "since(version, reason): the answer of memcached from this version on")
    config.addinivalue_line("markers", "classic(reason): the answer of memcached 1.6.18 that newer ones changed")
    config.addinivalue_line("markers", "slow: runs on the release build only, unless everything is asked for")
    config.addinivalue_line("markers", "long: runs only if everything is asked for")
    config.addinivalue_line("markers", "dialogue: one client speaks and listens, so threads have nothing to tell")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_make_parametrize_id(val):
    """Long values are shortened, so that a test's name can be read and typed; pytest numbers those that are alike."""
    if isinstance(val, bytes) and len(val) > 60:
        return f"{val[:20]!r}..{len(val)} bytes"
    return None


DIALOGUES = ("test_text_", "test_meta_", "test_cli", "test_split", "test_bad_input", "test_http_values", "test_http_bodies",
             "test_http_list", "test_linearizable_checkers", "test_log", "test_pymemcache", "test_memccapable", "_docs")


def pytest_collection_modifyitems(items):
    for item in items:
        if any(part in item.path.name for part in DIALOGUES):
            item.add_marker(pytest.mark.dialogue)
    if kind_under_test() != "memcached":
        return
    version = memcached_version()
    name = "memcached " + ".".join(str(part) for part in version)
    for item in items:
        own = item.get_closest_marker("larder")
        since = item.get_closest_marker("since")
        classic = item.get_closest_marker("classic")
        if own:
            item.add_marker(pytest.mark.skip(reason="Larder only: " + own.args[0]))
        elif since and version < tuple(int(part) for part in since.args[0].split(".")):
            item.add_marker(pytest.mark.skip(reason=f"{name} does not know it yet: {since.args[1]}"))
        elif classic and version > (1, 6, 18):
            item.add_marker(pytest.mark.skip(reason=f"{name} changed it: {classic.args[0]}"))


def pytest_report_header():
    kind = kind_under_test()
    return f"server under test: {MEMCACHED if kind == 'memcached' else larderd_path()}"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that most tests share."""
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture
def start_server(tmp_path):
    """Starts a server for one test alone: start_server(threads=1, ...), see Server."""
    running = []

    def start(**options):
        running.append(Server(tmp_path / f"server{len(running)}", **options))
        return running[-1]
    yield start
    for each in running:
        each.stop()


@pytest.fixture
def start():
    """Starts nodes for one test alone, as httpwire.start_node does, and stops what the test has left running."""
    running = []

    def start_one(directory, **options):
        running.append(start_node(directory, **options))
        return running[-1]
    yield start_one
    for each in running:
        if not each.stopped:
            each.stop()


@pytest.fixture
def etcd_node(tmp_path):
    """An empty server of etcd's API for one test alone."""
    node = start_node_under_test(tmp_path / "etcd-node")
    yield node
    node.assert_alive()
    node.stop()


@pytest.fixture
def etcdctl(etcd_node):
    """etcdctl against an empty server. What it left running is ended before the server is."""
    client = Etcdctl(etcd_node.port)
    yield client
    client.end()


@pytest.fixture
def start_cluster(tmp_path):
    """Starts etcd clusters for one test alone: start_cluster(size=1, ...), see Cluster."""
    running = []

    def start_one(**options):
        running.append(Cluster(tmp_path / f"cluster{len(running)}", **{"fast": True, **options}))
        return running[-1]
    yield start_one
    for each in running:
        each.stop()


@pytest.fixture
def start_cluster_node(tmp_path):
    """Starts nodes on clusters, see ClusterNode, and stops what the test has left running."""
    running = []

    def start_one(cluster, **options):
        running.append(ClusterNode(tmp_path / f"node{len(running)}", cluster, **options))
        return running[-1]
    yield start_one
    for each in running:
        if not each.stopped:
            each.stop()


@pytest.fixture
def connection(server):
    """A connection to the shared server, which is empty at first."""
    server.assert_alive()
    with Connection(server) as opened:
        assert opened.ask(b"flush_all\r\n") == b"OK\r\n"
        yield opened


@pytest.fixture
def talk(connection):
    """Plays a transcript on a connection to the empty shared server."""
    return Transcript(connection)
