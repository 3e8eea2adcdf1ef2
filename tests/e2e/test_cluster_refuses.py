# SPDX-License-Identifier: Apache-2.0
"""A node whose etcd cluster is there and says no: no room, no leave, no certificate."""
import time

import pytest

from clusternode import DEADLINE, PREFIX, SHORT_TIMES
from etcdcluster import PASSWORD, ROOT, ROOT_PASSWORD, USER
from server import wait_until

pytestmark = [pytest.mark.larder("it starts clusters of etcd itself"), pytest.mark.slow]

MIB = 1 << 20
TOKEN_PAUSE = 2.2  # s, longer than a token of one second is known
LIMIT = 1536 << 10  # etcd's default --max-request-bytes, and what a store group takes


def password_file(tmp_path, password):
    path = tmp_path / "password"
    path.write_text(password + "\n")
    path.chmod(0o600)
    return path


def as_user(tmp_path, user=USER, password=PASSWORD):
    return ["--store-user", user, "--store-password-file", str(password_file(tmp_path, password))]


def set_password(cluster, password):
    cluster.etcdctl()("user", "passwd", USER, "--interactive=false", stdin=password)


# --- room ---

def test_the_quota_is_used_up(start_cluster, start_cluster_node):
    """Writes are refused with a text that says why, reads and deletes work, and all is well when there is room again."""
    cluster = start_cluster(size=1, quota=2 * MIB)
    node = start_cluster_node(cluster)
    node.wait_ready()
    value = b"x" * (MIB // 4)

    def fill():
        answer = node.put("big", value)
        return None if answer.status in (201, 204) else answer
    full = wait_until(fill, DEADLINE, "the quota is used up")
    assert full.status == 507 and "full" in full.json["message"], full.body
    assert node.put("big", value).status == 507
    assert node.get("big").body == value and node.readiness()[0] == 200
    assert node.metrics()['larder_limit_hits_total{limit="store-quota"}'] > 0
    ctl = cluster.etcdctl()
    ctl("compact", cluster.revision(0))
    ctl("defrag")
    ctl("alarm", "disarm")
    assert node.put("big", b"small").status == 204


def test_a_value_over_the_limit(start_cluster, start_cluster_node):
    """The node refuses what no etcd takes by default, and tells what a stricter one refuses."""
    cluster = start_cluster(size=1, arguments=["--max-request-bytes", str(MIB)])
    node = start_cluster_node(cluster)
    node.wait_ready()
    refused = node.put("a", b"x" * (LIMIT + 1))
    assert refused.status == 413, refused.body
    assert node.metrics().get('larder_store_request_duration_seconds_count{rpc="Txn",result="refused"}', 0) == 0
    refused = node.put("a", b"x" * (MIB + 100 * 1024))
    assert refused.status == 413, refused.body
    assert node.put("a", b"x" * (MIB - 100 * 1024)).status == 201
    assert node.get("a").status == 200 and node.readiness()[0] == 200


# --- leave ---

def test_a_user_with_leave(start_cluster, start_cluster_node, tmp_path):
    cluster = start_cluster(size=1, auth=True, prefix=PREFIX)
    node = start_cluster_node(cluster, extra=as_user(tmp_path))
    node.wait_ready()
    assert node.put("a", b"1").status == 201 and node.get("a").body == b"1"


def test_a_member_that_is_started_anew(start_cluster, start_cluster_node, tmp_path):
    cluster = start_cluster(size=1, auth=True, prefix=PREFIX)
    node = start_cluster_node(cluster, extra=as_user(tmp_path))
    node.wait_ready()
    assert node.put("a", b"1").status == 201
    cluster.kill(0)
    cluster.restart(0)
    node.wait_ready()
    assert node.put("a", b"2").status == 204 and node.get("a").body == b"2"


def test_a_token_that_is_void(start_cluster, start_cluster_node, tmp_path):
    """A new password makes a user's tokens void. With the same password the node gets another one, and nobody notices."""
    cluster = start_cluster(size=1, auth=True, prefix=PREFIX)
    node = start_cluster_node(cluster, extra=as_user(tmp_path))
    node.wait_ready()
    assert node.put("a", b"1").status == 201
    logins = node.metrics()['larder_store_logins_total{result="ok"}']
    set_password(cluster, PASSWORD)
    assert node.get("a").body == b"1" and node.put("a", b"2").status == 204
    node.wait_metric('larder_store_logins_total{result="ok"}', lambda count: count > logins)


def test_a_token_that_expires(start_cluster, start_cluster_node, tmp_path):
    """Nobody asks for longer than a token lives."""
    cluster = start_cluster(size=1, auth=True, prefix=PREFIX, arguments=["--auth-token-ttl", "1"])
    node = start_cluster_node(cluster, extra=as_user(tmp_path))
    node.wait_ready()
    assert node.put("a", b"1").status == 201
    logins = node.metrics()['larder_store_logins_total{result="ok"}']

    def renewed():
        # etcd looks every second which tokens are too old, and each use makes one young again.
        time.sleep(TOKEN_PAUSE)
        assert node.get("a").body == b"1"
        return node.metrics()['larder_store_logins_total{result="ok"}'] > logins
    wait_until(renewed, DEADLINE, "another login")


def test_a_wrong_password(start_cluster, start_cluster_node, tmp_path):
    """It is not ready and says why; with the password made right it is."""
    cluster = start_cluster(size=1, auth=True, prefix=PREFIX)
    node = start_cluster_node(cluster, extra=as_user(tmp_path, password="close-sesame"), times=SHORT_TIMES)
    why = wait_until(lambda: "authentication failed" in node.readiness()[1] and node.readiness(), DEADLINE,
                     lambda: str(node.readiness()))
    assert why[0] == 503
    assert node.get("a").status in (502, 503) and node.put("a", b"1").status in (502, 503)
    set_password(cluster, "close-sesame")
    node.wait_ready()
    assert node.put("a", b"1").status == 201


def test_no_leave_for_the_prefix(start_cluster, start_cluster_node, tmp_path):
    cluster = start_cluster(size=1, auth=True, prefix="other/")
    node = start_cluster_node(cluster, extra=as_user(tmp_path))
    for answer in (node.get("a"), node.put("a", b"1")):
        assert answer.status == 502 and "refuses the user" in answer.json["message"], answer.body
    ctl = cluster.etcdctl()
    ctl("role", "grant-permission", USER, "--prefix=true", "readwrite", PREFIX)
    wait_until(lambda: node.put("a", b"1").status in (201, 204), DEADLINE, "it may")


def test_nobody_asks_where_one_must(start_cluster, start_cluster_node, tmp_path):
    cluster = start_cluster(size=1, auth=True)
    node = start_cluster_node(cluster, times=SHORT_TIMES)
    assert node.get("a").status in (502, 503) and node.put("a", b"1").status in (502, 503)
    node.stop()
    root = start_cluster_node(cluster, extra=as_user(tmp_path, ROOT, ROOT_PASSWORD))
    root.wait_ready()
    assert root.get("a").status == 404


# --- certificates ---

def test_certificates(start_cluster, start_cluster_node):
    cluster = start_cluster(tls=True)
    certificate, key = cluster.certificates.client
    authority = ["--store-ca", str(cluster.certificates.authority)]
    node = start_cluster_node(cluster, extra=[*authority, "--store-cert", str(certificate), "--store-key", str(key)])
    node.wait_ready()
    assert node.put("a", b"1").status == 201
    place = node.member_in_use(cluster)
    cluster.kill(place)
    assert node.get("a").body == b"1"
    stranger = start_cluster_node(cluster, extra=authority, times=SHORT_TIMES)
    assert "certificate" in wait_until(lambda: "ertificate" in stranger.readiness()[1] and stranger.readiness()[1], DEADLINE,
                                       lambda: str(stranger.readiness()))
    distrustful = start_cluster_node(cluster, times=SHORT_TIMES)
    assert wait_until(lambda: "ertificate" in distrustful.readiness()[1], DEADLINE, lambda: str(distrustful.readiness()))
    assert stranger.get("a").status == distrustful.get("a").status == 503
