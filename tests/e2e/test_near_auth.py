# SPDX-License-Identifier: Apache-2.0
"""A node in front of a cluster with authentication: what it answers from memory, and what it watches in its own name, is for
those alone to whom the cluster would have told it."""
import base64
import json
import urllib.error
import urllib.request

import pytest

from etcdcluster import PASSWORD, ROOT, ROOT_PASSWORD, USER
from etcdctl import Etcdctl
from server import wait_until

pytestmark = [pytest.mark.larder("memcached speaks no gRPC"), pytest.mark.slow]

DENIED = (1, "etcdserver: permission denied")
NOBODY = (1, "etcdserver: user name is empty")
DEADLINE = 30
# A permit that is this old is asked for anew, see RPC_PERMIT_AGE_NS.
PERMIT_AGE = 5
WATCH_DENIED = "watch was canceled (rpc error: code = PermissionDenied desc = etcdserver: permission denied)"
# The keys of the node's group, which it keeps in memory, and of them those that USER may have.
GROUP = "larder/"
PREFIX = GROUP + "open/"
A = PREFIX + "a"
SECRET = GROUP + "secret"


@pytest.fixture
def start_near(tmp_path, start_cluster, start_cluster_node):
    """A node whose own user is root, and the cluster."""
    def start(**options):
        cluster = start_cluster(**options)
        password = tmp_path / "password"
        password.write_text(ROOT_PASSWORD + "\n")
        node = start_cluster_node(cluster, extra=["--store-user", ROOT, "--store-password-file", str(password)])
        node.wait_ready()
        return cluster, node
    return start


@pytest.fixture
def guarded(start_near):
    """(cluster, node): authentication is enabled, and USER may read and write what begins with PREFIX."""
    return start_near(auth=True, prefix=PREFIX)


@pytest.fixture
def ctl():
    """Makes clients of etcd's API: ctl(node, "name:password")."""
    made = []

    def make(node, user=None):
        made.append(Etcdctl(node.port, user))
        return made[-1]
    yield make
    for each in made:
        each.end()


def as_user(name=USER, password=PASSWORD):
    return f"{name}:{password}"


def as_root():
    return as_user(ROOT, ROOT_PASSWORD)


def warm(client, key):
    """Reads it until the node has it in memory, as far as one can see."""
    for _ in range(3):
        client("get", key)


@pytest.mark.parametrize("consistency", ["l", "s"])
def test_a_hit_is_for_those_who_may_read_it(guarded, ctl, consistency):
    cluster, node = guarded
    root, user, nobody = ctl(node, as_root()), ctl(node, as_user()), ctl(node)
    cluster.etcdctl()("put", A, "1")
    cluster.etcdctl()("put", SECRET, "2")
    for key in (A, SECRET):
        warm(root, key)
    read = ("get", f"--consistency={consistency}")
    for _ in range(2):  # the second may be known already
        assert user(*read, A) == f"{A}\n1\n"
        assert user.fails(*read, SECRET) == DENIED
        assert user.fails(*read, "a", "--from-key") == DENIED, "the whole span counts"
        assert user.fails(*read, GROUP, "--prefix") == DENIED
        assert user(*read, PREFIX, "--prefix", "--keys-only") == f"{A}\n\n"
        assert nobody.fails(*read, A) == NOBODY
        assert nobody.fails(*read, SECRET) == NOBODY
        assert root(*read, SECRET) == f"{SECRET}\n2\n"
    assert from_memory(node) > 0, "else nothing is tested here"


@pytest.mark.parametrize("auth", [True, False])
def test_the_nodes_certificate_does_not_stand_for_its_clients(start_cluster, start_cluster_node, ctl, auth):
    """Where a member asks for certificates, the node's is that of root."""
    cluster = start_cluster(size=1, tls=True, auth=auth, prefix=PREFIX)
    certificate, key = cluster.certificates.issue("node", ROOT, "extendedKeyUsage=clientAuth")
    node = start_cluster_node(cluster, extra=["--store-ca", str(cluster.certificates.authority), "--store-cert",
                                              str(certificate), "--store-key", str(key)])
    node.wait_ready()
    cluster.etcdctl()("put", SECRET, "2")
    nobody = ctl(node)
    if not auth:
        for _ in range(3):
            assert nobody("get", SECRET) == f"{SECRET}\n2\n"
        assert nobody("put", SECRET, "3") == "OK\n"
        assert nobody("get", SECRET) == f"{SECRET}\n3\n"
        assert from_memory(node) > 0
        return
    user = ctl(node, as_user())
    warm(ctl(node, as_root()), SECRET)
    for _ in range(2):
        assert nobody.fails("get", SECRET) == NOBODY
        assert nobody.fails("get", "--consistency=s", SECRET) == NOBODY
        assert nobody.fails("put", SECRET, "3") == NOBODY
        assert nobody.fails("user", "list") == NOBODY
        assert user.fails("get", SECRET) == DENIED
        assert user("put", A, "1") == "OK\n"
        assert user("get", A) == f"{A}\n1\n"
    assert cluster.etcdctl()("get", SECRET) == f"{SECRET}\n2\n"


def from_memory(node):
    """How many reads the node has answered from memory."""
    return sum(value for name, value in node.metrics().items() if name.startswith("larder_near_memory_reads_total"))


def revoke(client):
    client("user", "revoke-role", USER, USER)


def test_what_is_revoked_at_the_cluster_is_gone_at_once_for_linearizable_reads(guarded, ctl):
    cluster, node = guarded
    user = ctl(node, as_user())
    cluster.etcdctl()("put", A, "1")
    warm(user, A)
    revoke(cluster.etcdctl())
    assert user.fails("get", A) == DENIED


def token_of(node, name=USER, password=PASSWORD):
    return ask(node, "auth/authenticate", {"name": name, "password": password})[1]["token"]


def ask(node, path, body, token=None):
    """(status, answer) of the JSON gateway."""
    request = urllib.request.Request(f"http://127.0.0.1:{node.port}/v3/{path}", json.dumps(body).encode(),
                                     {"Authorization": token} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


KEY_A = base64.b64encode(A.encode()).decode()


def get_old(node, token):
    """A serializable read by the gateway: (status, what)."""
    status, answer = ask(node, "kv/range", {"key": KEY_A, "serializable": True}, token)
    return status, answer["kvs"][0]["value"] if status == 200 else answer["error"]


def test_what_may_be_old_is_refused_soon(guarded, ctl):
    """One token all the time, so that nothing but the permit can have changed."""
    cluster, node = guarded
    cluster.etcdctl()("put", A, "1")
    token = token_of(node)
    assert get_old(node, token) == (200, "MQ==")
    revoke(cluster.etcdctl())
    wait_until(lambda: get_old(node, token) == (403, "etcdserver: permission denied"), PERMIT_AGE + DEADLINE,
               "a permit that is old is asked for again")


def test_what_is_revoked_through_the_node_is_gone_at_once(guarded, ctl):
    cluster, node = guarded
    cluster.etcdctl()("put", A, "1")
    token = token_of(node)
    for _ in range(3):
        assert get_old(node, token) == (200, "MQ==")
    revoke(ctl(node, as_root()))
    assert get_old(node, token) == (403, "etcdserver: permission denied")


def test_a_token_that_is_not_good(guarded):
    _, node = guarded
    for body in ({"key": KEY_A}, {"key": KEY_A, "serializable": True}):
        assert ask(node, "kv/range", body, "no.1")[1]["error"] == "etcdserver: invalid auth token"
        assert ask(node, "kv/range", body, None)[1]["error"] == "etcdserver: user name is empty"
    status, answer = ask(node, "kv/put", {"key": KEY_A, "value": "MQ=="}, "no.1")
    assert (status, answer["error"]) == (401, "etcdserver: invalid auth token")
    assert node.readiness()[0] == 200, "the node's own user is not concerned"


def test_a_watch_is_for_those_who_may_read_all_of_its_span(guarded, ctl):
    cluster, node = guarded
    root, user, nobody = ctl(node, as_root()), ctl(node, as_user()), ctl(node)
    wide = root.start("watch", "a", "z", "--rev=1")
    mine = user.start("watch", PREFIX, "--prefix", "--rev=1")
    cluster.etcdctl()("put", A, "1")
    assert mine.lines(3) == ["PUT", A, "1"]
    assert wide.lines(3) == ["PUT", A, "1"]
    for words in (("a", "z"), (SECRET,), (GROUP, "--prefix"), (A, "z")):
        watch = user.start("watch", *words)
        assert watch.error_line() == WATCH_DENIED, words
    assert nobody.start("watch", A).error_line() == (
        "watch was canceled (rpc error: code = InvalidArgument desc = etcdserver: user name is empty)")


def test_many_watches_of_one_stream(guarded, ctl):
    """The cluster is asked about one after the other, while the requests behind it wait."""
    cluster, node = guarded
    keys = [f"{PREFIX}{number}" for number in range(20)]
    for key in keys:
        cluster.etcdctl()("put", key, "1")
    watch = ctl(node, as_user()).start("watch", "-i")
    for key in keys:
        watch.write(f"watch {key} --rev 2\n")
    lines = watch.lines(3 * len(keys))
    assert sorted(lines) == sorted(["PUT", "1"] * len(keys) + keys)


def test_authentication_comes_and_goes_under_clients(start_near, ctl):
    cluster, node = start_near()
    nobody = ctl(node)
    nobody("put", A, "1")
    warm(nobody, A)
    assert ask(node, "kv/range", {"key": KEY_A})[0] == 200
    direct = cluster.etcdctl()
    direct("user", "add", as_root())
    direct.run("auth", "enable")
    assert nobody.fails("get", A) == NOBODY, "the next linearizable read"
    wait_until(lambda: ask(node, "kv/range", {"key": KEY_A, "serializable": True})[0] == 400, PERMIT_AGE + DEADLINE,
               "reads that may be old are refused")
    root = ctl(node, as_root())
    assert root("get", A) == f"{A}\n1\n"
    assert nobody.start("watch", A).error_line().endswith("user name is empty)")
    assert root("auth", "disable") == "Authentication Disabled\n"
    assert nobody("get", A) == f"{A}\n1\n"
    assert ask(node, "kv/range", {"key": KEY_A, "serializable": True})[0] == 200
    watch = nobody.start("watch", A, "--rev=2")
    assert watch.lines(3) == ["PUT", A, "1"]
    wait_until(lambda: node.readiness()[0] == 200, DEADLINE, "the node itself goes on")


def test_enabled_through_the_node_it_holds_at_once(start_near, ctl):
    _, node = start_near()
    nobody = ctl(node)
    nobody("put", A, "1")
    warm(nobody, A)
    nobody("user", "add", as_root())
    nobody.run("auth", "enable")
    assert ask(node, "kv/range", {"key": KEY_A, "serializable": True})[1]["error"] == "etcdserver: user name is empty"
    assert nobody.fails("get", A) == NOBODY
