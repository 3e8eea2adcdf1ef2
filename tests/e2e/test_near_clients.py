# SPDX-License-Identifier: Apache-2.0
"""The tests of etcd's API by stock clients, in front of a cluster of three members: each module by a pytest of its own, for
whom E2E_SERVER=near."""
import os
import pathlib
import subprocess
import sys

import pytest

from server import kind_under_test

pytestmark = [pytest.mark.larder("memcached speaks no gRPC"), pytest.mark.slow,
              pytest.mark.skipif(kind_under_test() != "larder", reason="it starts the servers that it wants")]

HERE = pathlib.Path(__file__).parent
DEADLINE = 900
# What is not so in front of a cluster, or of three members.
OTHERWISE = {
    "test_etcdctl_lease": ["test_list"],  # only the leader knows which lease ends first, and sorts by it
    "test_etcdctl_watch": ["test_progress_is_told_on_request"],
    "test_etcdctl_node": ["test_status", "test_status_as_text", "test_the_one_member", "test_the_members_cannot_be_changed"],
    "test_python_etcd3": ["test_members", "test_members_cannot_be_changed", "test_alarms", "test_status_hash_defragment"],
    "test_python_etcd3gw": ["test_status_and_members"],
}
# One of each client and service, for every run of the tests.
SHORT = ["test_etcdctl_kv.py::test_get_as_json", "test_etcdctl_txn.py::test_every_request",
         "test_etcdctl_watch.py::test_prefix_and_range", "test_etcdctl_lease.py::test_a_life",
         "test_etcdctl_lock.py::test_those_that_wait_come_in_turn", "test_etcdctl_auth.py::test_watching",
         "test_python_etcd3.py::test_transactions"]
LONG = ["test_etcdctl_kv", "test_etcdctl_txn", "test_etcdctl_watch", "test_etcdctl_lease", "test_etcdctl_lock",
        "test_etcdctl_auth", "test_etcdctl_node", "test_python_etcd3", "test_python_etcd3gw", "test_npm_etcd3", "test_patroni"]


def run(tmp_path, *words):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'inner'}", *words]
    done = subprocess.run(command, env={**os.environ, "E2E_SERVER": "near"}, cwd=HERE.parents[1], capture_output=True,
                          text=True, timeout=DEADLINE)
    assert done.returncode == 0 and " passed" in done.stdout, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"


def test_some(tmp_path):
    run(tmp_path, *(f"{HERE / test}" for test in SHORT))


@pytest.mark.long
@pytest.mark.parametrize("module", LONG)
def test_all(tmp_path, module):
    file = f"{HERE.relative_to(HERE.parents[1])}/{module}.py"
    run(tmp_path, file, *(word for name in OTHERWISE.get(module, []) for word in ("--deselect", f"{file}::{name}")))
