# SPDX-License-Identifier: Apache-2.0
"""gRPC's own client, without a library of etcd's: what each mistake is answered with, health checks, compression, deadlines.
Codes and texts are those of etcd; where Larder's differ, both are named."""
import contextlib

import grpc
import pytest

from etcdclient import Client, Refusal, Stream
from etcdnode import start_node_under_test
from etcdproto import message
from server import kind_under_test, wait_until

pytestmark = pytest.mark.larder("memcached speaks no gRPC")

IS_ETCD = kind_under_test() == "etcd"
ours = pytest.mark.skipif(IS_ETCD, reason="Larder's own answer")

RANGE, PUT, DELETE, TXN, COMPACT, GRANT, REVOKE, TTL, HASH = (message(name) for name in (
    "RangeRequest", "PutRequest", "DeleteRangeRequest", "TxnRequest", "CompactionRequest", "LeaseGrantRequest",
    "LeaseRevokeRequest", "LeaseTimeToLiveRequest", "HashKVRequest"))
LOCK, UNLOCK = (message(f"v3lockpb.{name}Request") for name in ("Lock", "Unlock"))
CAMPAIGN, PROCLAIM, LEADER, RESIGN = (message(f"v3electionpb.{name}Request") for name in (
    "Campaign", "Proclaim", "Leader", "Resign"))
LEADER_KEY = {"name": b"e", "key": b"e/1", "rev": 1, "lease": 7}
HEALTH = message("grpc.health.v1.HealthCheckRequest")
SERVING, SERVICE_UNKNOWN = 1, 3
A_PUT = {"request_put": {"key": b"a", "value": b"x"}}
A_RANGE = {"request_range": {"key": b"a"}}
DEADLINE = 30

INVALID, NOT_FOUND, EXISTS, RANGE_ERROR, UNKNOWN, UNIMPLEMENTED = (
    "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNKNOWN", "UNIMPLEMENTED")
EMPTY_KEY = (INVALID, "etcdserver: key is not provided")
NO_KEY = (INVALID, "etcdserver: key not found")
VALUE_GIVEN = (INVALID, "etcdserver: value is provided")
LEASE_GIVEN = (INVALID, "etcdserver: lease is provided")
DUPLICATE = (INVALID, "etcdserver: duplicate key given in txn request")
TOO_MANY = (INVALID, "etcdserver: too many operations in txn request")
TOO_LARGE = (INVALID, "etcdserver: request is too large")
FUTURE = (RANGE_ERROR, "etcdserver: mvcc: required revision is a future revision")
COMPACTED = (RANGE_ERROR, "etcdserver: mvcc: required revision has been compacted")
NO_LEASE = (NOT_FOUND, "etcdserver: requested lease not found")
NO_USER, NO_ROLE = ((EXISTS, f"etcdserver: {what} name not found") for what in ("user", "role"))
NO_LEADER_KEY = (UNKNOWN, '"leader" field must be provided')

# The key a has the revisions 2 to 4, of which 2 is compacted away; there is the lease 7.
MISTAKES = [
    (RANGE(), EMPTY_KEY),
    (RANGE(range_end=b"z"), EMPTY_KEY),
    (RANGE(key=b"a", revision=1000), FUTURE),
    (RANGE(key=b"a", revision=2), COMPACTED),
    (PUT(value=b"x"), EMPTY_KEY),
    (PUT(key=b"a", value=b"x", ignore_value=True), VALUE_GIVEN),
    (PUT(key=b"a", value=b"x", lease=7, ignore_lease=True), LEASE_GIVEN),
    (PUT(key=b"none", ignore_value=True), NO_KEY),
    (PUT(key=b"none", value=b"x", ignore_lease=True), NO_KEY),
    (PUT(key=b"a", value=b"x", lease=99), NO_LEASE),
    (PUT(key=b"a", value=b"x" * 1_600_000), TOO_LARGE),
    (DELETE(), EMPTY_KEY),
    (TXN(compare=[{}]), EMPTY_KEY),
    (TXN(success=[{"request_put": {}}]), EMPTY_KEY),
    (TXN(failure=[{"request_range": {}}]), EMPTY_KEY),
    (TXN(success=[A_PUT, A_PUT]), DUPLICATE),
    (TXN(failure=[A_PUT, {"request_delete_range": {"key": b"0", "range_end": b"b"}}]), DUPLICATE),
    (TXN(success=[A_PUT, {"request_txn": {"success": [A_PUT]}}]), DUPLICATE),
    (TXN(success=[{"request_put": {"key": b"a", "lease": 99}}]), NO_LEASE),
    (TXN(success=[A_RANGE] * 129), TOO_MANY),
    (TXN(failure=[A_RANGE] * 129), TOO_MANY),
    (TXN(compare=[{"key": b"a"}] * 129), TOO_MANY),
    (TXN(success=[{"request_range": {"key": b"a", "revision": 1000}}]), FUTURE),
    (TXN(success=[{"request_range": {"key": b"a", "revision": 2}}]), COMPACTED),
    (COMPACT(revision=3), COMPACTED),
    (COMPACT(revision=2), COMPACTED),
    (COMPACT(revision=1000), FUTURE),
    (GRANT(ID=7, TTL=10), (EXISTS, "etcdserver: lease already exists")),
    (GRANT(ID=8, TTL=9_000_000_001), (RANGE_ERROR, "etcdserver: too large lease TTL")),
    (REVOKE(ID=99), NO_LEASE),
    (HASH(revision=2), COMPACTED),
    (HASH(revision=1000), FUTURE),
    (message("AuthEnableRequest")(), (EXISTS, "etcdserver: root user does not exist")),
    (message("AuthenticateRequest")(name="ann", password="x"), (EXISTS, "etcdserver: authentication is not enabled")),
    (message("AuthUserAddRequest")(), (INVALID, "etcdserver: user name is empty")),
    (message("AuthUserGetRequest")(name="none"), NO_USER),
    (message("AuthUserDeleteRequest")(name="none"), NO_USER),
    (message("AuthUserChangePasswordRequest")(name="none", password="x"), NO_USER),
    (message("AuthUserGrantRoleRequest")(user="none", role="none"), NO_USER),
    (message("AuthUserRevokeRoleRequest")(name="none", role="none"), NO_USER),
    (message("AuthRoleAddRequest")(), (INVALID, "etcdserver: role name is empty")),
    (message("AuthRoleGetRequest")(role="none"), NO_ROLE),
    (message("AuthRoleDeleteRequest")(role="none"), NO_ROLE),
    (message("AuthRoleGrantPermissionRequest")(name="none", perm={"key": b"a"}), NO_ROLE),
    (message("AuthRoleRevokePermissionRequest")(role="none", key=b"a"), NO_ROLE),
    (LEADER(name=b"none"), (UNKNOWN, "election: no leader")),
    (PROCLAIM(), NO_LEADER_KEY),
    (PROCLAIM(leader=LEADER_KEY), (UNKNOWN, "election: not leader")),
    (RESIGN(), NO_LEADER_KEY),
    (HEALTH(service="none"), (NOT_FOUND, "unknown service")),
]
# etcd loses the code of what its own client was told.
CODE_DIFFERS = [
    (LOCK(name=b"l", lease=99), NO_LEASE),
    (UNLOCK(), EMPTY_KEY),
    (CAMPAIGN(name=b"e", lease=99), NO_LEASE),
]


def name_of(row):
    return row.DESCRIPTOR.name if hasattr(row, "DESCRIPTOR") else row[1].rsplit(": ", 1)[-1].replace(" ", "-")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    running = start_node_under_test(tmp_path_factory.mktemp("raw") / "node")
    with Client(running.port) as client:
        for value in (b"1", b"2", b"3"):
            client.do(PUT(key=b"a", value=value))
        client.do(COMPACT(revision=3))
        client.do(GRANT(ID=7, TTL=10**6))
    yield running
    running.assert_alive()
    running.stop()


@pytest.fixture
def client(node):
    with Client(node.port) as opened:
        yield opened


@pytest.fixture
def own_client(etcd_node):
    """Of an empty server, for one test alone."""
    with Client(etcd_node.port) as opened:
        yield opened


@contextlib.contextmanager
def opened(client, service, method):
    stream = Stream(client, service, method)
    try:
        yield stream
    finally:
        stream.close()


@pytest.mark.parametrize("request_, refusal", MISTAKES, ids=name_of)
def test_mistakes(client, request_, refusal):
    assert client.ask(request_) == Refusal(*refusal)
    # It changed nothing.
    answer = client.do(RANGE(key=b"\0", range_end=b"\0"))
    assert [kv.value for kv in answer.kvs] == [b"3"] and answer.header.revision == 4


@pytest.mark.parametrize("request_, refusal", CODE_DIFFERS, ids=name_of)
def test_mistakes_with_another_code(client, request_, refusal):
    code, text = refusal
    assert client.ask(request_) == Refusal(UNKNOWN if IS_ETCD else code, text)


@ours
@pytest.mark.parametrize("request_", [
    message("MemberAddRequest")(peerURLs=["http://127.0.0.1:1"]), message("MemberRemoveRequest")(ID=1),
    message("MemberUpdateRequest")(ID=1, peerURLs=["http://127.0.0.1:1"]), message("MoveLeaderRequest")(targetID=1),
], ids=name_of)
def test_members_cannot_be_changed(client, request_):
    assert client.ask(request_) == Refusal(UNIMPLEMENTED, "larder: the members of a node that stands alone cannot be changed")
    assert len(client.do(message("MemberListRequest")()).members) == 1


@ours
@pytest.mark.parametrize("request_", [RANGE(key=b"a", sort_target=99, sort_order=1), message("AlarmRequest")(action=7)],
                         ids=name_of)
def test_unknown_enumerations(client, request_):
    """They end a real etcd."""
    client.ask(request_)
    assert client.do(RANGE(key=b"a")).kvs[0].value == b"3"


def raw(client, path, body=b"", **options):
    try:
        client.channel.unary_unary(path)(body, timeout=DEADLINE, **options)
    except grpc.RpcError as error:
        return Refusal(error.code().name, error.details())
    raise AssertionError(f"{path} is answered")


@pytest.mark.parametrize("path, etcd_text", [
    ("/etcdserverpb.KV/Nothing", "unknown method Nothing for service etcdserverpb.KV"),
    ("/nothing.KV/Range", "unknown service nothing.KV"),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
     "unknown service grpc.reflection.v1alpha.ServerReflection"),
])
def test_unknown_methods(client, path, etcd_text):
    assert raw(client, path) == Refusal(UNIMPLEMENTED, etcd_text if IS_ETCD else f"unknown method {path}")


def test_a_compressed_request(client):
    body = PUT(key=b"z", value=b"v" * 10_000).SerializeToString()
    text = ('grpc: Decompressor is not installed for grpc-encoding "gzip"' if IS_ETCD
            else "compressed messages are not taken; send them as they are")
    assert raw(client, "/etcdserverpb.KV/Put", body, compression=grpc.Compression.Gzip) == Refusal(UNIMPLEMENTED, text)
    assert client.do(RANGE(key=b"z")).count == 0


def test_a_lease_that_is_not_there(client):
    assert client.do(TTL(ID=99)).TTL == -1
    with opened(client, "Lease", "LeaseKeepAlive") as stream:
        stream.send(message("LeaseKeepAliveRequest")(ID=99))
        answer = stream.read()
        assert (answer.ID, answer.TTL) == (99, 0)


# --- health ---

def test_health_check(client):
    assert client.do(HEALTH()).status == SERVING


@pytest.mark.parametrize("service, status", [("", SERVING), ("none", SERVICE_UNKNOWN)])
def test_health_watch(client, service, status):
    with opened(client, "grpc.health.v1.Health", "Watch") as stream:
        stream.send(HEALTH(service=service))
        stream.finish()
        assert stream.read().status == status
        assert stream.refusal is None


# --- users ---

def test_users(own_client):
    client = own_client
    for user in ("root", "ann"):
        client.do(message("AuthUserAddRequest")(name=user, password=f"{user}'s"))
    for role in ("root", "reader"):
        client.do(message("AuthRoleAddRequest")(name=role))
    assert client.ask(message("AuthUserAddRequest")(name="ann", password="x")) == Refusal(
        EXISTS, "etcdserver: user name already exists")
    assert client.ask(message("AuthRoleAddRequest")(name="reader")) == Refusal(
        EXISTS, "etcdserver: role name already exists")
    assert client.ask(message("AuthEnableRequest")()) == Refusal(EXISTS, "etcdserver: root user does not have root role")
    assert client.ask(message("AuthUserRevokeRoleRequest")(name="ann", role="reader")) == Refusal(
        EXISTS, "etcdserver: role is not granted to the user")
    assert client.ask(message("AuthRoleRevokePermissionRequest")(role="reader", key=b"a")) == Refusal(
        EXISTS, "etcdserver: permission is not granted to the role")
    client.do(message("AuthRoleGrantPermissionRequest")(name="reader", perm={"key": b"a", "permType": "READ"}))
    client.do(message("AuthUserGrantRoleRequest")(user="ann", role="reader"))
    client.do(message("AuthUserGrantRoleRequest")(user="root", role="root"))
    client.do(message("AuthEnableRequest")())

    authenticate = message("AuthenticateRequest")
    failed = Refusal(INVALID, "etcdserver: authentication failed, invalid user ID or password")
    assert client.ask(authenticate(name="ann", password="wrong")) == failed
    assert client.ask(authenticate(name="none", password="wrong")) == failed
    assert client.ask(RANGE(key=b"a")) == Refusal(INVALID, "etcdserver: user name is empty")
    client.metadata = [("token", "no such token")]
    assert client.ask(RANGE(key=b"a")) == Refusal("UNAUTHENTICATED", "etcdserver: invalid auth token")

    client.metadata = []
    client.metadata = [("token", client.do(authenticate(name="ann", password="ann's")).token)]
    denied = Refusal("PERMISSION_DENIED", "etcdserver: permission denied")
    assert client.do(RANGE(key=b"a")).count == 0
    assert client.ask(RANGE(key=b"b")) == denied
    assert client.ask(RANGE(key=b"a", range_end=b"c")) == denied
    assert client.ask(PUT(key=b"a", value=b"x")) == denied
    assert client.ask(TXN(compare=[{"key": b"a"}], success=[A_PUT], failure=[A_PUT])) == denied
    assert client.ask(message("AuthRoleAddRequest")(name="another")) == denied
    with opened(client, "Watch", "Watch") as watch:
        watch.send(message("WatchRequest")(create_request={"key": b"b"}))
        answer = watch.read()
        assert (answer.created, answer.canceled, answer.watch_id) == (True, True, -1)
        assert answer.cancel_reason == "rpc error: code = PermissionDenied desc = etcdserver: permission denied"
        watch.send(message("WatchRequest")(create_request={"key": b"a", "watch_id": 3}))
        answer = watch.read()
        assert (answer.created, answer.canceled, answer.watch_id) == (True, False, 3)

    client.metadata = []
    client.metadata = [("token", client.do(authenticate(name="root", password="root's")).token)]
    assert client.ask(message("AuthUserDeleteRequest")(name="root")) == Refusal(
        INVALID, "etcdserver: invalid auth management")
    client.do(PUT(key=b"b", value=b"x"))
    client.do(message("AuthDisableRequest")())
    client.metadata = []
    assert client.do(RANGE(key=b"b")).count == 1


# --- deadlines ---

def test_the_deadline_of_one_who_waits_for_a_lock(own_client):
    for lease in (1, 2, 3):
        own_client.do(GRANT(ID=lease, TTL=10**6))
    held = own_client.do(LOCK(name=b"l", lease=1)).key
    assert own_client.ask(LOCK(name=b"l", lease=2), timeout=0.3).code == "DEADLINE_EXCEEDED"
    # It no longer stands in the queue.
    wait_until(lambda: [kv.key for kv in own_client.do(RANGE(key=b"l/", range_end=b"l0")).kvs] == [held], DEADLINE,
               "the queue has no other")
    waiting = own_client.start(LOCK(name=b"l", lease=3))
    own_client.do(UNLOCK(key=held))
    assert waiting.result().key == b"l/3"
