# SPDX-License-Identifier: Apache-2.0
"""The clusters that the tests break do break, in the way that is meant."""
import socket

import pytest

from cuttable import ANSWER_GARBAGE, GARBAGE, HANG, REFUSE, RESET
from etcdcluster import DEADLINE, PASSWORD, USER
from server import wait_until

pytestmark = [pytest.mark.larder("it starts clusters of etcd itself"), pytest.mark.slow]


def test_kill_and_restart(start_cluster):
    cluster = start_cluster()
    leader = cluster.wait_leader()
    cluster.kill(leader)
    others = [place for place in cluster.members if place != leader]
    cluster.wait_leader(*others)
    cluster.etcdctl(others[0])("put", "a/1", "x")
    cluster.restart(leader)
    cluster.wait_same_revision()
    assert [cluster.count_keys(place, "a/") for place in cluster.members] == [1, 1, 1]


def test_cut_off_and_healed(start_cluster):
    cluster = start_cluster()
    leader = cluster.wait_leader()
    others = [place for place in cluster.members if place != leader]
    cluster.cut(leader)
    cluster.wait_leader(*others)
    cluster.etcdctl(others[0])("put", "a/1", "x")
    assert cluster.count_keys(leader, "a/") == 0
    cluster.etcdctl(leader).fails("--command-timeout", "500ms", "put", "a/2", "x")
    cluster.heal(leader)
    cluster.wait_healthy()
    wait_until(lambda: cluster.count_keys(leader, "a/") == 1, DEADLINE, "the old leader learns of a/1")


def test_cut_one_way(start_cluster):
    """One that hears nothing loses its leader; the two that it still speaks to keep theirs, or find one."""
    cluster = start_cluster()
    deaf = cluster.follower()
    cluster.cut(deaf, outgoing=False)
    wait_until(lambda: cluster.status(deaf)["leader"] == 0, DEADLINE, "it has lost its leader")
    cluster.heal(deaf)
    cluster.wait_healthy()


def test_suspended(start_cluster):
    cluster = start_cluster()
    leader = cluster.wait_leader()
    cluster.suspend(leader)
    cluster.wait_leader(*(place for place in cluster.members if place != leader))
    cluster.resume(leader)
    cluster.wait_healthy()


def test_members_come_and_go(start_cluster):
    cluster = start_cluster()
    cluster.etcdctl()("put", "a/1", "x")
    added = cluster.add_member()
    assert wait_until(lambda: cluster.count_keys(added, "a/"), DEADLINE, "the new one has it") == 1
    cluster.remove_member(0)
    assert len(cluster.etcdctl(added)("member", "list").splitlines()) == 3


def test_another_cluster_at_the_same_place(start_cluster):
    cluster = start_cluster(size=1)
    cluster.etcdctl()("put", "a/1", "x")
    first = cluster.status(0)
    cluster.start_anew()
    assert cluster.status(0)["cluster"] != first["cluster"] and cluster.count_keys(0, "a/") == 0


def test_certificates_and_users(start_cluster):
    cluster = start_cluster(size=1, tls=True, auth=True, prefix="mine/")
    ctl = cluster.etcdctl(user=f"{USER}:{PASSWORD}")
    ctl("put", "mine/1", "x")
    assert "permission denied" in ctl.fails("put", "other/1", "x")[1]
    cluster.certificates = None
    cluster.etcdctl(user=f"{USER}:{PASSWORD}").fails("--dial-timeout", "500ms", "--command-timeout", "500ms", "get", "mine/1")


def test_quota(start_cluster):
    cluster = start_cluster(size=1, quota=64 << 10)
    ctl = cluster.etcdctl()
    for key in range(10):
        done = ctl.run("put", f"k{key}", "x" * 30000)
        if done.returncode != 0:
            assert "database space exceeded" in done.stderr
            return
    raise AssertionError("the quota is not kept")


def test_clients_proxy(start_cluster):
    cluster = start_cluster(size=1, client_proxies=True)
    request = b"GET /version HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\r\n"
    address = ("127.0.0.1", cluster.members[0].port)
    with socket.create_connection(address, DEADLINE) as client:
        client.sendall(request)
        assert b"etcdserver" in client.makefile("rb").read()
    with socket.create_connection(address, DEADLINE) as hung:
        cluster.turn_clients(0, HANG)
        hung.sendall(request)
        hung.settimeout(0.2)
        with pytest.raises(TimeoutError):
            hung.recv(1)
        cluster.free_clients(0)
        hung.settimeout(DEADLINE)
        assert b"etcdserver" in hung.makefile("rb").read()
    with socket.create_connection(address, DEADLINE) as reset:
        cluster.turn_clients(0, RESET)
        with pytest.raises(ConnectionResetError):
            reset.recv(1)
    cluster.turn_clients(0, REFUSE)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, DEADLINE)
    cluster.turn_clients(0, ANSWER_GARBAGE)
    with socket.create_connection(address, DEADLINE) as garbled:
        garbled.sendall(request)
        assert garbled.recv(10) == GARBAGE[:10]
    cluster.free_clients(0)
    with socket.create_connection(address, DEADLINE) as client:
        client.sendall(request)
        assert b"etcdserver" in client.makefile("rb").read()
