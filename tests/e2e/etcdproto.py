# SPDX-License-Identifier: Apache-2.0
"""etcd's messages and calls: those of python3-etcd3, with the fields that etcd 3.4 has and its stubs do not know yet."""
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
    "Maintenance": ("Status", "Alarm", "Defragment", "HashKV"),
}


def _add_progress_request(proto):
    proto.message_type.add(name="WatchProgressRequest")
    request, = (one for one in proto.message_type if one.name == "WatchRequest")
    request.field.add(name="progress_request", number=3, type=Field.TYPE_MESSAGE, label=Field.LABEL_OPTIONAL,
                      type_name=f".{PACKAGE}.WatchProgressRequest", oneof_index=0)


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
    return pool, MessageFactory(pool)


_POOL, _FACTORY = _load()


def message(name):
    """The class of a message, such as "PutRequest"."""
    return _FACTORY.GetPrototype(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def types_of(service, method):
    """Request and response of a call."""
    descriptor = _POOL.FindServiceByName(f"{PACKAGE}.{service}").FindMethodByName(method)
    return tuple(_FACTORY.GetPrototype(one) for one in (descriptor.input_type, descriptor.output_type))


def path_of(service, method):
    return f"/{PACKAGE}.{service}/{method}"
