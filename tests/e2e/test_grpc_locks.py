# SPDX-License-Identifier: Apache-2.0
"""Leases that are kept alive, snapshots, locks and elections by gRPC's own client."""
import contextlib
import hashlib

import pytest

from etcdclient import Client, Refusal, Stream, answer_to
from etcdnode import start_node_under_test
from etcdproto import message
from server import kind_under_test, wait_until

pytestmark = pytest.mark.larder("memcached speaks no gRPC")

RANGE, PUT, DELETE, GRANT, REVOKE, KEEP_ALIVE = (message(name) for name in (
    "RangeRequest", "PutRequest", "DeleteRangeRequest", "LeaseGrantRequest", "LeaseRevokeRequest",
    "LeaseKeepAliveRequest"))
LOCK, UNLOCK = (message(f"v3lockpb.{name}Request") for name in ("Lock", "Unlock"))
CAMPAIGN, PROCLAIM, LEADER, RESIGN = (message(f"v3electionpb.{name}Request") for name in (
    "Campaign", "Proclaim", "Leader", "Resign"))
TTL = 10**6
DEADLINE = 60
SUM_SIZE = hashlib.sha256().digest_size


@pytest.fixture
def client(etcd_node):
    with Client(etcd_node.port) as opened:
        for lease in (1, 2, 3):
            opened.do(GRANT(ID=lease, TTL=TTL + lease))
        yield opened


@contextlib.contextmanager
def opened(client, service, method):
    stream = Stream(client, service, method)
    try:
        yield stream
    finally:
        stream.close()


def keys_below(client, name):
    answer = client.do(RANGE(key=name + b"/", range_end=name + b"0", sort_order=1, sort_target=2))
    return [kv.key for kv in answer.kvs]


def await_keys(client, name, keys):
    """Until those, the oldest first, stand in the queue of a lock or an election."""
    wait_until(lambda: keys_below(client, name) == keys, DEADLINE, lambda: f"{keys}, not {keys_below(client, name)}")


# --- leases ---

def test_several_leases_are_kept_alive_on_one_stream(client):
    asked = [1, 2, 3, 2, 99, 1]
    with opened(client, "Lease", "LeaseKeepAlive") as stream:
        for lease in asked:
            stream.send(KEEP_ALIVE(ID=lease))
        answers = [stream.read() for _ in asked]
        assert [(answer.ID, answer.TTL) for answer in answers] == [
            (lease, 0 if lease == 99 else TTL + lease) for lease in asked]
        client.do(REVOKE(ID=2))
        for lease in (2, 3):
            stream.send(KEEP_ALIVE(ID=lease))
        assert [(answer.ID, answer.TTL) for answer in (stream.read(), stream.read())] == [(2, 0), (3, TTL + 3)]
        stream.finish()
        assert stream.read_all() == [] and stream.refusal is None


# --- snapshots ---

@pytest.mark.parametrize("values", [0, 200], ids=["empty", "several messages"])
def test_a_snapshot_ends_with_its_sum(client, values):
    for number in range(values):
        client.do(PUT(key=b"%d" % number, value=hashlib.sha256(b"%d" % number).digest() * 300))
    with opened(client, "Maintenance", "Snapshot") as stream:
        stream.send(message("SnapshotRequest")())
        stream.finish()
        parts = stream.read_all()
        assert stream.refusal is None
    whole = b"".join(part.blob for part in parts)
    assert hashlib.sha256(whole[:-SUM_SIZE]).digest() == whole[-SUM_SIZE:]
    assert parts[-1].remaining_bytes == 0
    left = [part.remaining_bytes for part in parts]
    assert left == sorted(left, reverse=True)
    assert values == 0 or len(parts) > 2 and left[0] > 0


# --- locks ---

def test_a_lock(client):
    answer = client.do(LOCK(name=b"l", lease=1))
    assert answer.key == b"l/1"
    kv, = client.do(RANGE(key=answer.key)).kvs
    assert (kv.lease, kv.value, kv.create_revision) == (1, b"", 2) and answer.header.revision == 2
    # Who has it gets it again.
    assert client.do(LOCK(name=b"l", lease=1)).key == b"l/1"
    # Another name is another lock, also one that begins alike.
    assert client.do(LOCK(name=b"l2", lease=2)).key == b"l2/2"
    client.do(UNLOCK(key=answer.key))
    assert keys_below(client, b"l") == []
    client.do(UNLOCK(key=answer.key))  # no error
    assert client.do(LOCK(name=b"l", lease=2)).key == b"l/2"


def test_a_lock_goes_to_who_came_next(client):
    client.do(LOCK(name=b"l", lease=2))
    third = client.start(LOCK(name=b"l", lease=3))
    await_keys(client, b"l", [b"l/2", b"l/3"])
    first = client.start(LOCK(name=b"l", lease=1))
    await_keys(client, b"l", [b"l/2", b"l/3", b"l/1"])
    assert not third.done() and not first.done()
    client.do(UNLOCK(key=b"l/2"))
    answer = third.result()
    assert answer.key == b"l/3" and answer.header.revision == 5
    assert not first.done()
    # A lease that ends lets go of what it held.
    client.do(REVOKE(ID=3))
    assert first.result().key == b"l/1"
    assert keys_below(client, b"l") == [b"l/1"]


def test_one_who_waits_is_passed_over_when_its_lease_ends(client):
    client.do(LOCK(name=b"l", lease=1))
    second = client.start(LOCK(name=b"l", lease=2))
    await_keys(client, b"l", [b"l/1", b"l/2"])
    third = client.start(LOCK(name=b"l", lease=3))
    await_keys(client, b"l", [b"l/1", b"l/2", b"l/3"])
    client.do(REVOKE(ID=2))
    client.do(UNLOCK(key=b"l/1"))
    assert third.result().key == b"l/3"
    second.cancel()


@pytest.mark.skipif(kind_under_test() == "etcd", reason="etcd 3.4 gives the lock to who has no key any more")
def test_one_whose_lease_ends_while_it_waits_gets_no_lock(client):
    client.do(LOCK(name=b"l", lease=1))
    second = client.start(LOCK(name=b"l", lease=2))
    await_keys(client, b"l", [b"l/1", b"l/2"])
    client.do(REVOKE(ID=2))
    client.do(UNLOCK(key=b"l/1"))
    assert second.exception(DEADLINE).details() == "etcdserver: requested lease not found"


def test_a_call_that_is_cancelled_waits_no_longer(client):
    client.do(LOCK(name=b"l", lease=1))
    second = client.start(LOCK(name=b"l", lease=2))
    await_keys(client, b"l", [b"l/1", b"l/2"])
    second.cancel()
    await_keys(client, b"l", [b"l/1"])


def test_a_lock_without_a_lease_gets_one(client):
    key = client.do(LOCK(name=b"l")).key
    kv, = client.do(RANGE(key=key)).kvs
    assert kv.lease != 0 and key == b"l/%x" % kv.lease
    left = client.do(message("LeaseTimeToLiveRequest")(ID=kv.lease, keys=True))
    assert (left.grantedTTL, list(left.keys)) == (60, [key])


# --- elections ---

def campaign(client, lease, value):
    return client.do(CAMPAIGN(name=b"e", lease=lease, value=value)).leader


def test_an_election(client):
    leader = campaign(client, 1, b"first")
    assert (leader.name, leader.key, leader.rev, leader.lease) == (b"e", b"e/1", 2, 1)
    kv = client.do(LEADER(name=b"e")).kv
    assert (kv.key, kv.value, kv.lease, kv.create_revision) == (b"e/1", b"first", 1, 2)
    client.do(PROCLAIM(leader=leader, value=b"changed"))
    kv = client.do(LEADER(name=b"e")).kv
    assert (kv.value, kv.lease, kv.create_revision, kv.version) == (b"changed", 1, 2, 2)
    # To campaign anew is to proclaim.
    assert campaign(client, 1, b"again") == leader
    assert client.do(LEADER(name=b"e")).kv.value == b"again"
    client.do(RESIGN(leader=leader))
    assert client.ask(LEADER(name=b"e")).text == "election: no leader"
    assert client.ask(PROCLAIM(leader=leader, value=b"late")).text == "election: not leader"
    client.do(RESIGN(leader=leader))  # no error


def test_the_next_of_an_election(client):
    leader = campaign(client, 1, b"first")
    second = client.start(CAMPAIGN(name=b"e", lease=2, value=b"second"))
    await_keys(client, b"e", [b"e/1", b"e/2"])
    third = client.start(CAMPAIGN(name=b"e", lease=3, value=b"third"))
    await_keys(client, b"e", [b"e/1", b"e/2", b"e/3"])
    assert client.do(LEADER(name=b"e")).kv.value == b"first"
    client.do(RESIGN(leader=leader))
    leader = second.result().leader
    assert (leader.key, leader.rev, leader.lease) == (b"e/2", 3, 2)
    assert client.do(LEADER(name=b"e")).kv.value == b"second"
    assert not third.done()
    client.do(REVOKE(ID=2))
    assert third.result().leader.key == b"e/3"
    assert client.ask(PROCLAIM(leader=leader, value=b"late")).text == "election: not leader"


def test_observe(client):
    """Who observes sees each leader, what it proclaims, and who comes next."""
    with opened(client, "v3electionpb.Election", "Observe") as stream:
        stream.send(LEADER(name=b"e"))
        stream.finish()
        leader = campaign(client, 1, b"first")
        assert stream.read().kv.value == b"first"
        client.do(PROCLAIM(leader=leader, value=b"changed"))
        kv = stream.read().kv
        assert (kv.key, kv.value, kv.create_revision) == (b"e/1", b"changed", 2)
        second = client.start(CAMPAIGN(name=b"e", lease=2, value=b"second"))
        await_keys(client, b"e", [b"e/1", b"e/2"])
        client.do(RESIGN(leader=leader))
        kv = stream.read().kv
        assert (kv.key, kv.value) == (b"e/2", b"second")
        client.do(RESIGN(leader=second.result().leader))
        campaign(client, 3, b"third")
        assert stream.read().kv.value == b"third"


def test_observe_begins_with_the_leader_of_now(client):
    leader = campaign(client, 1, b"first")
    client.do(PROCLAIM(leader=leader, value=b"changed"))
    with opened(client, "v3electionpb.Election", "Observe") as stream:
        stream.send(LEADER(name=b"e"))
        stream.finish()
        assert stream.read().kv.value == b"changed"


# --- the end ---

@pytest.mark.skipif(kind_under_test() == "etcd", reason="a real etcd is killed")
def test_a_node_that_ends_says_so_to_all_who_wait(tmp_path):
    node = start_node_under_test(tmp_path / "node")
    calls = [("grpc.health.v1.Health", "Watch", message("grpc.health.v1.HealthCheckRequest")()),
             ("Watch", "Watch", message("WatchRequest")(create_request={"key": b"a"})),
             ("Lease", "LeaseKeepAlive", KEEP_ALIVE(ID=1)),
             ("v3electionpb.Election", "Observe", LEADER(name=b"l"))]
    with Client(node.port) as client, contextlib.ExitStack() as stack:
        for lease in (1, 2):
            client.do(GRANT(ID=lease, TTL=TTL))
        client.do(LOCK(name=b"l", lease=1))
        waiting = client.start(LOCK(name=b"l", lease=2))
        await_keys(client, b"l", [b"l/1", b"l/2"])
        streams = [stack.enter_context(opened(client, service, method)) for service, method, _ in calls]
        for stream, (_, _, request) in zip(streams, calls):
            stream.send(request)
            stream.read()
        node.stop()
        stopped = Refusal("UNAVAILABLE", "etcdserver: server stopped")
        assert [(stream.read_all(), stream.refusal) for stream in streams] == [([], stopped)] * len(calls)
        assert answer_to(waiting) == stopped
