# SPDX-License-Identifier: Apache-2.0
"""etcd's messages and calls: those of python3-etcd3, with the fields that etcd 3.4 has and its stubs do not know yet, and
the services beside them: locks, elections and gRPC's health check.

A name without a dot is one of etcd's own package."""
from etcd3.etcdrpc import rpc_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import MessageFactory

PACKAGE = "etcdserverpb"
FILE = "rpc.proto"
# Message, field, number, type.
LATER_FIELDS = [
    ("WatchCreateRequest", "watch_id", 7, Field.TYPE_INT64),
    ("WatchCreateRequest", "fragment", 8, Field.TYPE_BOOL),
    ("WatchResponse", "fragment", 7, Field.TYPE_BOOL),
]
# The calls with one request and one answer.
UNARY = {
    "KV": ("Range", "Put", "DeleteRange", "Txn", "Compact"),
    "Lease": ("LeaseGrant", "LeaseRevoke", "LeaseTimeToLive", "LeaseLeases"),
    "Maintenance": ("Status", "Alarm", "Defragment", "Hash", "HashKV", "MoveLeader"),
    "Cluster": ("MemberAdd", "MemberRemove", "MemberUpdate", "MemberList"),
    "Auth": ("AuthEnable", "AuthDisable", "Authenticate", "UserAdd", "UserGet", "UserList", "UserDelete",
             "UserChangePassword", "UserGrantRole", "UserRevokeRole", "RoleAdd", "RoleGet", "RoleList", "RoleDelete",
             "RoleGrantPermission", "RoleRevokePermission"),
    "v3lockpb.Lock": ("Lock", "Unlock"),
    "v3electionpb.Election": ("Campaign", "Proclaim", "Leader", "Resign"),
    "grpc.health.v1.Health": ("Check",),
}
BYTES, INT64, STRING, ENUM = Field.TYPE_BYTES, Field.TYPE_INT64, Field.TYPE_STRING, Field.TYPE_INT32
HEADER = ("header", f"{PACKAGE}.ResponseHeader")
LEADER = ("leader", "v3electionpb.LeaderKey")
# Package -> messages with their fields in the order of their numbers, which start at one.
BESIDE = {
    "v3lockpb": {
        "LockRequest": [("name", BYTES), ("lease", INT64)], "LockResponse": [HEADER, ("key", BYTES)],
        "UnlockRequest": [("key", BYTES)], "UnlockResponse": [HEADER],
    },
    "v3electionpb": {
        "LeaderKey": [("name", BYTES), ("key", BYTES), ("rev", INT64), ("lease", INT64)],
        "CampaignRequest": [("name", BYTES), ("lease", INT64), ("value", BYTES)], "CampaignResponse": [HEADER, LEADER],
        "ProclaimRequest": [LEADER, ("value", BYTES)], "ProclaimResponse": [HEADER],
        "LeaderRequest": [("name", BYTES)], "LeaderResponse": [HEADER, ("kv", "mvccpb.KeyValue")],
        "ResignRequest": [LEADER], "ResignResponse": [HEADER],
    },
    "grpc.health.v1": {
        "HealthCheckRequest": [("service", STRING)], "HealthCheckResponse": [("status", ENUM)],
    },
}
# Package, service -> calls, their requests and responses.
BESIDE_CALLS = {
    ("v3lockpb", "Lock"): [(name, f"{name}Request", f"{name}Response") for name in ("Lock", "Unlock")],
    ("v3electionpb", "Election"): [
        ("Observe", "LeaderRequest", "LeaderResponse"),
        *((name, f"{name}Request", f"{name}Response") for name in ("Campaign", "Proclaim", "Leader", "Resign"))],
    ("grpc.health.v1", "Health"): [(name, "HealthCheckRequest", "HealthCheckResponse") for name in ("Check", "Watch")],
}


def _add_progress_request(proto):
    proto.message_type.add(name="WatchProgressRequest")
    request, = (one for one in proto.message_type if one.name == "WatchRequest")
    request.field.add(name="progress_request", number=3, type=Field.TYPE_MESSAGE, label=Field.LABEL_OPTIONAL,
                      type_name=f".{PACKAGE}.WatchProgressRequest", oneof_index=0)


def _file_beside(package, messages):
    proto = FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3",
                                dependency=[rpc_pb2.DESCRIPTOR.name, *(one.name for one in rpc_pb2.DESCRIPTOR.dependencies)])
    for name, fields in messages.items():
        described = proto.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, 1):
            which = {"type": Field.TYPE_MESSAGE, "type_name": f".{kind}"} if isinstance(kind, str) else {"type": kind}
            described.field.add(name=field, number=number, label=Field.LABEL_OPTIONAL, **which)
    for (of_package, service), calls in BESIDE_CALLS.items():
        if of_package == package:
            described = proto.service.add(name=service)
            for name, request, response in calls:
                described.method.add(name=name, input_type=f".{package}.{request}", output_type=f".{package}.{response}")
    return proto


def _load():
    pool = DescriptorPool()
    for file in (*rpc_pb2.DESCRIPTOR.dependencies, rpc_pb2.DESCRIPTOR):
        proto = FileDescriptorProto()
        file.CopyToProto(proto)
        if proto.name == FILE:
            messages = {one.name: one for one in proto.message_type}
            for name, field, number, kind in LATER_FIELDS:
                messages[name].field.add(name=field, number=number, type=kind, label=Field.LABEL_OPTIONAL)
            _add_progress_request(proto)
        pool.Add(proto)
    for package, messages in BESIDE.items():
        pool.Add(_file_beside(package, messages))
    return pool, MessageFactory(pool)


_POOL, _FACTORY = _load()


def _full(name):
    return name if "." in name else f"{PACKAGE}.{name}"


def message(name):
    """The class of a message, such as "PutRequest" or "v3lockpb.LockRequest"."""
    return _FACTORY.GetPrototype(_POOL.FindMessageTypeByName(_full(name)))


def types_of(service, method):
    """Request and response of a call."""
    descriptor = _POOL.FindServiceByName(_full(service)).FindMethodByName(method)
    return tuple(_FACTORY.GetPrototype(one) for one in (descriptor.input_type, descriptor.output_type))


def path_of(service, method):
    return f"/{_full(service)}/{method}"
