# SPDX-License-Identifier: Apache-2.0
"""What a stock gRPC client is told: the code and the text of each mistake, deadlines, health, what is not there."""
import hashlib
import time

import grpc
import pytest

from etcdclient import Client, Refusal, Stream, answer_to
from etcdproto import message, path_of, types_of
from reader import Ended
from server import kind_under_test

pytestmark = pytest.mark.larder("memcached does not speak gRPC")

DEADLINE = 60
IS_ETCD = kind_under_test() == "etcd"
NO_KEY = Refusal("INVALID_ARGUMENT", "etcdserver: key is not provided")
NOT_FOUND = Refusal("INVALID_ARGUMENT", "etcdserver: key not found")
VALUE_GIVEN = Refusal("INVALID_ARGUMENT", "etcdserver: value is provided")
LEASE_GIVEN = Refusal("INVALID_ARGUMENT", "etcdserver: lease is provided")
TOO_MANY = Refusal("INVALID_ARGUMENT", "etcdserver: too many operations in txn request")
TWICE = Refusal("INVALID_ARGUMENT", "etcdserver: duplicate key given in txn request")
TOO_LARGE = Refusal("INVALID_ARGUMENT", "etcdserver: request is too large")
COMPACTED = Refusal("OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted")
FUTURE = Refusal("OUT_OF_RANGE", "etcdserver: mvcc: required revision is a future revision")
NO_LEASE = Refusal("NOT_FOUND", "etcdserver: requested lease not found")
LEASE_EXISTS = Refusal("FAILED_PRECONDITION", "etcdserver: lease already exists")
TTL_TOO_LARGE = Refusal("OUT_OF_RANGE", "etcdserver: too large lease TTL")
ALONE = Refusal("UNIMPLEMENTED", "larder: the members of a node that stands alone cannot be changed")

# Service, method, the fields of the request, the refusal. a is there with the value 1 (revision 2), b with lease 7 (3),
# c was put and deleted (4, 5), and the history up to 3 is compacted.
MISTAKES = [
    ("KV", "Range", {}, NO_KEY),
    ("KV", "Range", {"range_end": b"x"}, NO_KEY),
    ("KV", "Range", {"key": b"a", "revision": 1}, COMPACTED),
    ("KV", "Range", {"key": b"a", "revision": 6}, FUTURE),
    ("KV", "Range", {"key": b"a", "revision": 1 << 62}, FUTURE),
    ("KV", "Put", {}, NO_KEY),
    ("KV", "Put", {"value": b"x"}, NO_KEY),
    ("KV", "Put", {"key": b"a", "lease": 99}, NO_LEASE),
    ("KV", "Put", {"key": b"a", "value": b"x", "ignore_value": True}, VALUE_GIVEN),
    ("KV", "Put", {"key": b"a", "lease": 7, "ignore_lease": True}, LEASE_GIVEN),
    ("KV", "Put", {"key": b"c", "ignore_value": True}, NOT_FOUND),
    ("KV", "Put", {"key": b"c", "ignore_lease": True}, NOT_FOUND),
    ("KV", "Put", {"key": b"a", "value": b"x" * (3 << 19)}, TOO_LARGE),
    ("KV", "DeleteRange", {}, NO_KEY),
    ("KV", "Compact", {"revision": 3}, COMPACTED),
    ("KV", "Compact", {"revision": 0}, COMPACTED),
    ("KV", "Compact", {"revision": 6}, FUTURE),
    ("KV", "Txn", {"success": [{"request_range": {}}]}, NO_KEY),
    ("KV", "Txn", {"failure": [{"request_put": {}}]}, NO_KEY),
    ("KV", "Txn", {"success": [{"request_delete_range": {}}]}, NO_KEY),
    ("KV", "Txn", {"compare": [{}]}, NO_KEY),
    ("KV", "Txn", {"success": [{"request_put": {"key": b"x"}}] * 2}, TWICE),
    ("KV", "Txn", {"failure": [{"request_put": {"key": b"x"}}, {"request_delete_range": {"key": b"x"}}]}, TWICE),
    ("KV", "Txn", {"success": [{"request_put": {"key": b"x"}},
                               {"request_txn": {"failure": [{"request_put": {"key": b"x"}}]}}]}, TWICE),
    ("KV", "Txn", {"success": [{"request_put": {"key": b"x"}},
                               {"request_delete_range": {"key": b"w", "range_end": b"y"}}]}, TWICE),
    ("KV", "Txn", {"success": [{"request_range": {"key": b"x"}}] * 129}, TOO_MANY),
    ("KV", "Txn", {"failure": [{"request_range": {"key": b"x"}}] * 129}, TOO_MANY),
    ("KV", "Txn", {"compare": [{"key": b"x"}] * 129}, TOO_MANY),
    ("KV", "Txn", {"success": [{"request_txn": {"success": [{"request_range": {"key": b"x"}}] * 129}}]}, TOO_MANY),
    ("KV", "Txn", {"success": [{"request_put": {"key": b"x", "lease": 99}}]}, NO_LEASE),
    ("KV", "Txn", {"success": [{"request_range": {"key": b"x", "revision": 9}}]}, FUTURE),
    ("KV", "Txn", {"success": [{"request_range": {"key": b"x", "revision": 1}}]}, COMPACTED),
    ("KV", "Txn", {"success": [{"request_put": {"key": b"c", "ignore_value": True}}]}, NOT_FOUND),
    ("KV", "Txn", {"success": [{"request_put": {"key": b"a", "value": b"x", "ignore_value": True}}]}, VALUE_GIVEN),
    ("Lease", "LeaseGrant", {"TTL": 9000000001}, TTL_TOO_LARGE),
    ("Lease", "LeaseGrant", {"TTL": 100, "ID": 7}, LEASE_EXISTS),
    ("Lease", "LeaseRevoke", {"ID": 99}, NO_LEASE),
    ("Lease", "LeaseRevoke", {}, NO_LEASE),
    ("Maintenance", "HashKV", {"revision": 9}, FUTURE),
    ("Maintenance", "HashKV", {"revision": 1}, COMPACTED),
    ("Auth", "UserAdd", {"password": "x"}, Refusal("INVALID_ARGUMENT", "etcdserver: user name is empty")),
    ("Auth", "UserGet", {"name": "no"}, Refusal("FAILED_PRECONDITION", "etcdserver: user name not found")),
    ("Auth", "UserDelete", {"name": "no"}, Refusal("FAILED_PRECONDITION", "etcdserver: user name not found")),
    ("Auth", "UserChangePassword", {"name": "no"}, Refusal("FAILED_PRECONDITION", "etcdserver: user name not found")),
    ("Auth", "RoleAdd", {}, Refusal("INVALID_ARGUMENT", "etcdserver: role name is empty")),
    ("Auth", "RoleGet", {"role": "no"}, Refusal("FAILED_PRECONDITION", "etcdserver: role name not found")),
    ("Auth", "RoleDelete", {"role": "no"}, Refusal("FAILED_PRECONDITION", "etcdserver: role name not found")),
    ("Auth", "AuthEnable", {}, Refusal("FAILED_PRECONDITION", "etcdserver: root user does not exist")),
    ("Auth", "Authenticate", {"name": "a", "password": "b"},
     Refusal("FAILED_PRECONDITION", "etcdserver: authentication is not enabled")),
]
NOT_HERE = [
    ("Cluster", "MemberAdd", {"peerURLs": ["http://127.0.0.1:1"]}), ("Cluster", "MemberRemove", {"ID": 1}),
    ("Cluster", "MemberUpdate", {"ID": 1, "peerURLs": ["http://127.0.0.1:1"]}),
]


def call(client, service, method, fields, timeout=DEADLINE, **options):
    """The response, or a Refusal, of any call with one request and one answer."""
    request, response = types_of(service, method)
    asked = client.channel.unary_unary(path_of(service, method), request.SerializeToString, response.FromString)
    return answer_to(asked.future(request(**fields), timeout=timeout, **options))


@pytest.fixture
def client(etcd_node):
    with Client(etcd_node.port) as opened:
        yield opened


def fill(client):
    client.do(message("PutRequest")(key=b"a", value=b"1"))
    client.do(message("LeaseGrantRequest")(TTL=1000, ID=7))
    client.do(message("PutRequest")(key=b"b", value=b"2", lease=7))
    client.do(message("PutRequest")(key=b"c", value=b"3"))
    client.do(message("DeleteRangeRequest")(key=b"c"))
    client.do(message("CompactionRequest")(revision=3, physical=True))


def test_every_mistake_has_etcds_code_and_text(client):
    """One server for all of them: none of them changes anything."""
    fill(client)
    before = client.do(message("HashKVRequest")()).hash
    wrong = []
    for service, method, fields, expected in MISTAKES:
        got = call(client, service, method, fields)
        if got != expected:
            wrong.append((service, method, fields if len(str(fields)) < 300 else "...", expected, got))
    assert wrong == []
    assert client.do(message("HashKVRequest")()).hash == before


@pytest.mark.skipif(IS_ETCD, reason="a real etcd really has members")
@pytest.mark.parametrize("service, method, fields", NOT_HERE, ids=[method for _, method, _ in NOT_HERE])
def test_what_takes_a_cluster(client, service, method, fields):
    assert call(client, service, method, fields) == ALONE


def raw(client, path, request=b"", timeout=DEADLINE, **options):
    """Bytes in, bytes or a Refusal out."""
    return answer_to(client.channel.unary_unary(path).future(request, timeout=timeout, **options))


@pytest.mark.parametrize("path", ["/etcdserverpb.KV/Nothing", "/etcdserverpb.Nothing/Range", "/a/b/c"])
def test_unknown_methods(client, path):
    answer = raw(client, path)
    assert answer.code == "UNIMPLEMENTED", answer
    service, _, method = path[1:].rpartition("/")
    known = service == "etcdserverpb.KV"
    text = f"unknown method {method} for service {service}" if known else f"unknown service {service}"
    assert answer.text == (text if IS_ETCD else f"unknown method {path}")


@pytest.mark.parametrize("name", [b"", b"etcdserverpb.KV", b"nothing"])
def test_health(client, name):
    request = b"\x0a" + bytes([len(name)]) + name if name else b""
    answer = raw(client, "/grpc.health.v1.Health/Check", request)
    if name == b"":
        assert answer == b"\x08\x01", "SERVING"
    elif name == b"nothing":
        assert answer.code == "NOT_FOUND"


def test_health_is_watched(client):
    watch = client.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=DEADLINE)
    assert next(watch) == b"\x08\x01"
    watch.cancel()


def test_a_compressed_request_is_refused(client):
    """etcd takes it, which is none of its promises."""
    answer = call(client, "KV", "Put", {"key": b"a", "value": b"1" * 1000}, compression=grpc.Compression.Gzip)
    if not IS_ETCD:
        assert answer.code == "UNIMPLEMENTED"
        assert answer.text == "compressed messages are not taken; send them as they are"
        assert client.do(message("RangeRequest")(key=b"a")).count == 0
    assert not isinstance(call(client, "KV", "Put", {"key": b"a"}), Refusal), "the connection goes on"


def test_a_deadline_that_has_passed(client):
    assert call(client, "KV", "Range", {"key": b"a"}, timeout=-1).code == "DEADLINE_EXCEEDED"
    assert call(client, "KV", "Range", {"key": b"a"}).count == 0


def test_a_deadline_ends_a_wait(client):
    """A lock that another holds, and a watch: the call ends near its deadline, not before it and not never."""
    lock = "/v3lockpb.Lock/Lock"
    name = b"\x0a\x01m"
    assert not isinstance(raw(client, lock, name), Refusal)
    start = time.monotonic()
    assert raw(client, lock, name, timeout=0.3).code == "DEADLINE_EXCEEDED"
    assert time.monotonic() - start >= 0.3
    request, response = types_of("Watch", "Watch")
    watch = client.channel.stream_stream(path_of("Watch", "Watch"), request.SerializeToString, response.FromString)
    answers = watch(iter([request(create_request={"key": b"a"})]), timeout=0.5)
    with pytest.raises(grpc.RpcError) as raised:
        list(answers)
    assert raised.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
    assert call(client, "KV", "Put", {"key": b"a"}).header.revision > 1


def test_nested_transactions(client):
    def put(key):
        return {"request_put": {"key": key, "value": b"1"}}
    answer = call(client, "KV", "Txn", {
        "compare": [{"key": b"x", "target": "VERSION", "result": "EQUAL", "version": 0}],
        "success": [put(b"a"), {"request_txn": {
            "compare": [{"key": b"a", "target": "VALUE", "result": "EQUAL", "value": b"1"}],
            "success": [put(b"inner-yes")],
            "failure": [put(b"inner-no")]}}, {"request_range": {"key": b"a", "range_end": b"z"}}]})
    assert answer.succeeded and answer.header.revision == 2
    # Comparisons, those of the transaction inside too, are made before anything is done.
    inner = answer.responses[1].response_txn
    found = [kv.key for kv in answer.responses[2].response_range.kvs]
    assert (inner.succeeded, found) == (False, [b"a", b"inner-no"])


def test_keep_alive(client):
    client.do(message("LeaseGrantRequest")(TTL=1000, ID=7))
    keep = message("LeaseKeepAliveRequest")
    stream = Stream(client, "Lease", "LeaseKeepAlive")
    for lease, ttl in ((7, 1000), (99, 0), (7, 1000)):
        stream.send(keep(ID=lease))
        answer = stream.read()
        assert (answer.ID, answer.TTL) == (lease, ttl)
    client.do(message("LeaseRevokeRequest")(ID=7))
    stream.send(keep(ID=7))
    answer = stream.read()
    assert (answer.ID, answer.TTL) == (7, 0)
    stream.finish()
    with pytest.raises(Ended):
        stream.read()
    assert stream.refusal is None
    stream.close()


def test_a_snapshot_stream(client):
    for number in range(20):
        client.do(message("PutRequest")(key=b"%d" % number, value=b"x" * 100000))
    request, response = types_of("Maintenance", "Snapshot")
    pieces = list(client.channel.unary_stream(path_of("Maintenance", "Snapshot"), request.SerializeToString,
                                              response.FromString)(request(), timeout=DEADLINE))
    saved = b"".join(piece.blob for piece in pieces)
    assert hashlib.sha256(saved[:-32]).digest() == saved[-32:]
    assert len(saved) > 2000000 and len(saved) % 512 == 32 and pieces[-1].remaining_bytes == 0
    left = [piece.remaining_bytes for piece in pieces]
    assert left == sorted(left, reverse=True)
