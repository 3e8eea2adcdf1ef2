# SPDX-License-Identifier: Apache-2.0
"""npm's `etcd3`, the client that Node.js applications use. One script does all that it can do and says what it saw;
each step is a test of its own here. The packages are installed once, outside the repository, and kept."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from etcdnode import start_node_under_test
from server import kind_under_test

pytestmark = pytest.mark.larder("memcached does not speak gRPC")

HERE = pathlib.Path(__file__).resolve().parent / "npm_etcd3"
INSTALL_DEADLINE = 600
DEADLINE = 120
DENIED = ["EtcdPermissionDeniedError", "7 PERMISSION_DENIED: etcdserver: permission denied"]
# What each step of exercise.js prints.
SEEN = {
    "keys": [None, "one", 42, True, False, "6f6e65"],
    "ranges": [{"p/a": "P/A", "p/b": "P/B", "p/c": "P/C"}, ["p/a", "p/b", "p/c"], 3, ["p/c", "p/a"], ["p/b", "p/c"]],
    "namespaces": [{"a": "1"}, "1"],
    "deleting": ["1", ["p/a", "p/b", "p/c"], "0"],
    "past": ["1", "2"],
    "previous": "2",
    "transactions": [True, "2", False, "2"],
    "memory": 6,
    "watching": [[["1", None], ["2", "1"]], ["w", "w2"]],
    "watchingThePast": ["1", "2"],
    "leases": ["1000", "1", None, "EtcdLeaseInvalidError"],
    "leaseThatIsLost": True,
    "locks": [True, "inside"],
    "elections": ["one", "two"],
    "errors": [
        ["GRPCOutOfRangeError", "11 OUT_OF_RANGE: etcdserver: mvcc: required revision is a future revision"],
        ["GRPCInvalidArgumentError", "3 INVALID_ARGUMENT: etcdserver: key is not provided"],
        ["EtcdLeaseInvalidError", "Lease 5 NOT_FOUND: etcdserver: requested lease not found is expired or revoked"],
        ["GRPCNotFoundError", "5 NOT_FOUND: etcdserver: member not found"] if kind_under_test() == "etcd" else
        ["GRPCNotImplementedError",
         "12 UNIMPLEMENTED: larder: the members of a node that stands alone cannot be changed"],
    ],
    "node": ["3.4.x", 1, True],
    "users": [["Read"], ["GRPCInvalidArgumentError", "3 INVALID_ARGUMENT: etcdserver: user name is empty"], "1",
              DENIED, DENIED, "EtcdAuthenticationFailedError", ["root", "someone"], ["reader", "root"]],
}


def cache():
    """Where packages are kept from run to run. Another lock file is another place."""
    root = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "larder-tests"
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    return root / f"npm-etcd3-{lock}"


@pytest.fixture(scope="session")
def packages():
    """The directory with node_modules in it. It appears as a whole or not at all, so that a run that is broken off, and
    another one at the same time, do no harm."""
    for program in ("node", "npm"):
        assert shutil.which(program), f"there is no {program}; scripts/setup test installs Debian's nodejs and npm"
    place = cache()
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as fresh:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, fresh)
            done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=fresh, text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=INSTALL_DEADLINE)
            assert done.returncode == 0, f"npm cannot install etcd3: {done.stdout}{done.stderr}"
            made = pathlib.Path(fresh) / "whole"
            made.mkdir()
            (pathlib.Path(fresh) / "node_modules").rename(made / "node_modules")
            try:
                made.rename(place)
            except OSError:  # somebody else was faster
                assert place.exists()
    return place


@pytest.fixture(scope="module")
def seen(packages, tmp_path_factory):
    """What the script says of each of its steps."""
    node = start_node_under_test(tmp_path_factory.mktemp("npm") / "node")
    try:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LARDER_", "NODE_"))}
        done = subprocess.run(["node", HERE / "exercise.js", f"127.0.0.1:{node.port}"], capture_output=True, text=True,
                              env={**clean, "NODE_PATH": str(packages / "node_modules")}, timeout=DEADLINE)
        assert done.returncode == 0, done.stderr
        node.assert_alive()
    finally:
        node.stop()
    return json.loads(done.stdout)


@pytest.mark.parametrize("step", SEEN)
def test_step(seen, step):
    assert seen[step] == SEEN[step]


def test_no_step_is_forgotten(seen):
    assert list(seen) == list(SEEN)
