# SPDX-License-Identifier: Apache-2.0
"""npm's etcd3, whose authors do not know us, against the server under test: npm_etcd3/client.js does it, and what it saw is
compared with what it sees of a real etcd."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

pytestmark = pytest.mark.larder("memcached does not speak gRPC")

SOURCE = pathlib.Path(__file__).resolve().parent / "npm_etcd3"
MANIFESTS = ("package.json", "package-lock.json")
INSTALL_DEADLINE = 300
DEADLINE = 120


def program(name):
    path = shutil.which(name)
    assert path, f"there is no {name}; scripts/setup test installs Debian's"
    return path


def cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "larder-tests"


def install(place):
    """Exactly what the lock file names. No package runs anything."""
    for name in MANIFESTS:
        shutil.copy(SOURCE / name, place)
    done = subprocess.run([program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place,
                          capture_output=True, text=True, timeout=INSTALL_DEADLINE)
    assert done.returncode == 0, f"npm could not install etcd3: {done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def modules():
    """The directory with npm's etcd3. It is installed once for each lock file, and kept."""
    name = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in MANIFESTS)).hexdigest()[:16]
    place = cache() / f"npm_etcd3-{name}"
    if not place.exists():
        cache().mkdir(parents=True, exist_ok=True)
        fresh = pathlib.Path(tempfile.mkdtemp(prefix="npm_etcd3-", dir=cache()))
        try:
            install(fresh)
            fresh.rename(place)
        except OSError:  # another run was faster
            if not place.exists():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return place / "node_modules"


def run(modules, port, part):
    done = subprocess.run([program("node"), SOURCE / "client.js", f"127.0.0.1:{port}", part], capture_output=True, text=True,
                          timeout=DEADLINE, env={**os.environ, "NODE_PATH": str(modules)})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def grpc_error(name, text):
    return [{"INVALID_ARGUMENT": "GRPCInvalidArgumentError", "OUT_OF_RANGE": "GRPCOutOfRangeError"}[name.split()[1]],
            f"{name}: etcdserver: {text}"]


NO_LEASE = ["EtcdLeaseInvalidError", "Lease 5 NOT_FOUND: etcdserver: requested lease not found is expired or revoked"]
COMPACTED = grpc_error("11 OUT_OF_RANGE", "mvcc: required revision has been compacted")
DENIED = ["EtcdPermissionDeniedError", "7 PERMISSION_DENIED: etcdserver: permission denied"]


def precondition(kind, text):
    return [kind, f"9 FAILED_PRECONDITION: etcdserver: {text}"]


# What each part of client.js sees. An event: kind, key, value, revision, value before.
SEEN = {
    "keys": {
        "before": "one", "string": "1", "number": 1, "bytes": [0, 255, 10], "none": None, "exists": [True, False],
        "revisions": ["5", "2", "5", "2"], "earlier": "one", "all": {"a/1": "1", "a/2": "two"}, "keys": ["a/1", "a/2", "b"],
        "descending": ["b", "a/2"], "count": 2, "range": ["a/2", "b"], "deleted": "1", "deletedBefore": ["1", "two"],
        "rest": 0,
        "emptyKey": grpc_error("3 INVALID_ARGUMENT", "key is not provided"),
        "future": grpc_error("11 OUT_OF_RANGE", "mvcc: required revision is a future revision"),
    },
    "watches": {
        "one": [["put", "w/one", "1", "2", None], ["put", "w/one", "3", "4", None], ["delete", "w/one", "", "5", None]],
        "all": [["put", "w/one", "1", "2", None], ["put", "w/two", "2", "3", None], ["put", "w/one", "3", "4", "1"],
                ["delete", "w/one", "", "5", "3"], ["delete", "w/two", "", "5", "2"], ["put", "w/one", "4", "6", None]],
        "deletions": [["delete", "w/one", "", "5", None], ["delete", "w/two", "", "5", None]],
        "afterCancel": 0,
        "past": [["put", "w/two", "2", "3", None], ["delete", "w/two", "", "5", None]],
    },
    "leases": {
        "held": True, "renewed": [True, "1000"], "left": [True, "1000", True, ["l/1"]], "listed": [True], "gone": None,
        "revoked": NO_LEASE, "put": NO_LEASE, "renewedAfter": "EtcdLeaseInvalidError",
    },
    "keepsAlive": {"names": ["keepaliveSucceeded"] * 5, "alive": "yes", "gone": None},
    "expires": ["delete", "l/short"],
    "locks": {
        "refused": ["EtcdLockFailedError", "Failed to acquire a lock on resource"], "inside": ["resource"], "after": [],
    },
    "transactions": {
        "won": [True, ["response_put", "response_range", "response_delete_range"], "2"],
        "lost": [False, ["response_range"], "2"],
        "twice": grpc_error("3 INVALID_ARGUMENT", "duplicate key given in txn request"),
        "stm": [2, 42],
    },
    "namespaces": {"inner": {"key": "v"}, "outer": ["n/key"], "event": ["put", "key", "v"], "rest": []},
    "elections": {
        "seen": ["first", "first again", "second", "nobody"], "leaderBefore": "first again", "leaderAfter": "second",
        "proclaimed": ["NotCampaigningError", ""], "rest": 0,
    },
    "compactions": {"value": "2", "read": COMPACTED, "twice": COMPACTED, "watch": "EtcdError"},
    "accounts": {
        "roles": ["reader", "root"], "users": ["root", "tom"], "ofTom": ["reader"], "permissions": [["Read", "u/", "u0"]],
        "roleTwice": precondition("EtcdRoleExistsError", "role name already exists"),
        "userTwice": precondition("EtcdUserExistsError", "user name already exists"),
        "noRole": precondition("EtcdRoleNotFoundError", "role name not found"),
        "noUser": precondition("EtcdUserNotFoundError", "user name not found"),
        "notGranted": precondition("EtcdRoleNotGrantedError", "role is not granted to the user"),
        "nobody": grpc_error("3 INVALID_ARGUMENT", "user name is empty"),
        "wrong": ["EtcdAuthenticationFailedError",
                  "3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password"],
        "tom": {"read": "readable", "write": DENIED, "other": DENIED, "manage": DENIED},
        "changed": "written", "after": "written",
    },
}


@pytest.mark.parametrize("part", SEEN)
def test_npm_etcd3(modules, etcd_node, part):
    assert run(modules, etcd_node.port, part) == SEEN[part]


def test_lock_file_names_no_other_registry():
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    sources = {package.get("resolved", "https://registry.npmjs.org/") for package in lock["packages"].values()}
    assert all(source.startswith("https://registry.npmjs.org/") for source in sources)
    assert lock["packages"]["node_modules/etcd3"]["version"] == "1.1.2"
