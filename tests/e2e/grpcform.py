# SPDX-License-Identifier: Apache-2.0
"""Operations in the form of the store's tests (tests/store/operations.py) as gRPC requests, and whether two answers to one
say the same: every field of them, but for the ids of cluster, member and raft term."""
from google.protobuf.json_format import MessageToDict, ParseDict

import gateway
from differences import same
from etcdclient import Refusal
from etcdproto import message

REQUESTS = {
    "range": "RangeRequest", "put": "PutRequest", "delete": "DeleteRangeRequest", "txn": "TxnRequest",
    "compact": "CompactionRequest", "lease_grant": "LeaseGrantRequest", "lease_revoke": "LeaseRevokeRequest",
    "lease_keep_alive": "LeaseKeepAliveRequest", "lease_ttl": "LeaseTimeToLiveRequest", "lease_list": "LeaseLeasesRequest",
}
IDS = ("cluster_id", "member_id", "raft_term")


def request_of(op):
    return ParseDict(gateway.body_of(op), message(REQUESTS[op["op"]])())


def watch_request_of(watch):
    """A watch has besides what operations.py gives it an `id`, `fragment` and `progress_notify`."""
    plain = {name: value for name, value in watch.items() if name not in ("id", "fragment", "progress_notify")}
    request = ParseDict(gateway.watch_request_of(plain), message("WatchRequest")())
    request.create_request.watch_id = watch["id"]
    request.create_request.fragment = watch["fragment"]
    request.create_request.progress_notify = watch["progress_notify"]
    return request


def as_json(answer):
    return MessageToDict(answer, preserving_proto_field_name=True)


def event_of(event):
    return gateway.event_of(as_json(event))


def _within(txn):
    return [getattr(one, one.WhichOneof("response")) for one in txn.responses]


def without_ids(answer):
    """The same answer, without what no two servers share."""
    if answer.HasField("header"):
        for name in IDS:
            answer.header.ClearField(name)
    if answer.DESCRIPTOR.name == "TxnResponse":
        for one in _within(answer):
            without_ids(one)
    return answer


def _without_loose(op, answer):
    """Clears what differences.same() has compared with care: that which may be in another order, or a moment off."""
    if op["op"] == "range" and op.get("target", "KEY") != "KEY":
        answer.ClearField("kvs")
    elif op["op"] == "lease_ttl":
        answer.ClearField("TTL")
        answer.keys.sort()
    elif op["op"] == "txn":
        for one, part in zip(op["success" if answer.succeeded else "failure"], _within(answer)):
            _without_loose(one, part)
    return answer


def equal(op, expected, got):
    """Whether two answers, or refusals, say the same. Clears parts of them."""
    if isinstance(expected, Refusal) or isinstance(got, Refusal):
        return expected == got
    without_ids(expected)
    without_ids(got)
    if expected == got:
        return True
    if op["op"] not in REQUESTS or not same(op, gateway.answer_of(op, as_json(expected)), gateway.answer_of(op, as_json(got))):
        return False
    return _without_loose(op, expected) == _without_loose(op, got)
