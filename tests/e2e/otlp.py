# SPDX-License-Identifier: Apache-2.0
"""Reads bodies of OTLP in protobuf by the field numbers of opentelemetry-proto, and nothing of Larder's own."""
import struct

# Field number: (name, what it is, whether it is repeated). What is not here is passed over.
ANY = {1: ("string", "text", False), 2: ("bool", "bool", False), 3: ("int", "int64", False), 4: ("double", "double", False)}
PAIR = {1: ("key", "text", False), 2: ("value", ANY, False)}
RESOURCE = {1: ("attributes", PAIR, True)}
SCOPE = {1: ("name", "text", False), 2: ("version", "text", False)}
EVENT = {1: ("time", "fixed64", False), 2: ("name", "text", False), 3: ("attributes", PAIR, True)}
STATUS = {2: ("message", "text", False), 3: ("code", "int64", False)}
SPAN = {1: ("trace_id", "bytes", False), 2: ("span_id", "bytes", False), 3: ("trace_state", "text", False),
        4: ("parent_span_id", "bytes", False), 5: ("name", "text", False), 6: ("kind", "int64", False),
        7: ("start", "fixed64", False), 8: ("end", "fixed64", False), 9: ("attributes", PAIR, True), 11: ("events", EVENT, True),
        15: ("status", STATUS, False), 16: ("flags", "fixed32", False)}
TRACES = {1: ("resource_spans", {1: ("resource", RESOURCE, False),
                                 2: ("scope_spans", {1: ("scope", SCOPE, False), 2: ("spans", SPAN, True)}, True)}, True)}
NUMBER_POINT = {2: ("start", "fixed64", False), 3: ("time", "fixed64", False), 6: ("int", "sfixed64", False),
                7: ("attributes", PAIR, True)}
HISTOGRAM_POINT = {2: ("start", "fixed64", False), 3: ("time", "fixed64", False), 4: ("count", "fixed64", False),
                   5: ("sum", "double", False), 6: ("buckets", "fixed64", True), 7: ("bounds", "double", True),
                   9: ("attributes", PAIR, True)}
SUM = {1: ("points", NUMBER_POINT, True), 2: ("temporality", "int64", False), 3: ("monotonic", "bool", False)}
HISTOGRAM = {1: ("points", HISTOGRAM_POINT, True), 2: ("temporality", "int64", False)}
METRIC = {1: ("name", "text", False), 3: ("unit", "text", False), 7: ("sum", SUM, False), 9: ("histogram", HISTOGRAM, False)}
METRICS = {1: ("resource_metrics", {1: ("resource", RESOURCE, False),
                                    2: ("scope_metrics", {2: ("metrics", METRIC, True)}, True)}, True)}

FIXED = {"fixed64": ("<Q", 1), "sfixed64": ("<q", 1), "double": ("<d", 1), "fixed32": ("<I", 5)}


def varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def content(data, at, wire):
    """(the field's content, where the next one begins)"""
    if wire == 0:
        return varint(data, at)
    size = {1: 8, 5: 4}.get(wire)
    if size is None:
        assert wire == 2, f"wire type {wire}"
        size, at = varint(data, at)
    assert at + size <= len(data), "cut off"
    return data[at:at + size], at + size


def values(kind, wire, found):
    if isinstance(kind, dict):
        assert wire == 2
        return [decode(found, kind)]
    if kind in ("text", "bytes"):
        assert wire == 2
        return [found.decode("utf-8") if kind == "text" else bytes(found)]
    if kind in FIXED:
        form, own = FIXED[kind]
        assert wire in (own, 2), "neither a number of that size nor packed ones"
        return [one for one, in struct.iter_unpack(form, found)]
    assert wire == 0
    return [bool(found) if kind == "bool" else found - (1 << 64) if found >> 63 else found]


def decode(data, schema):
    message = {name: [] for name, _, repeated in schema.values() if repeated}
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        found, at = content(data, at, tag & 7)
        if tag >> 3 in schema:
            name, kind, repeated = schema[tag >> 3]
            read = values(kind, tag & 7, found)
            if repeated:
                message[name] += read
            else:
                message[name] = read[-1]
    return message


def attributes(pairs):
    plain = {}
    for pair in pairs:
        assert pair["key"] not in plain, "a key that comes twice"
        (plain[pair["key"]],) = pair["value"].values()
    return plain


class Span:
    def __init__(self, message, resource):
        self.resource = resource
        self.trace_id, self.span_id = message["trace_id"].hex(), message["span_id"].hex()
        self.parent = message.get("parent_span_id", b"").hex()
        assert len(self.trace_id) == 32 and len(self.span_id) == 16 and len(self.parent) in (0, 16)
        self.name, self.kind = message["name"], message.get("kind", 0)
        self.start, self.end = message["start"], message["end"]
        assert self.start <= self.end
        self.attributes = attributes(message["attributes"])
        self.events = [event["name"] for event in message["events"]]
        assert all(self.start <= event["time"] <= self.end for event in message["events"])
        self.status = message.get("status", {}).get("code", 0)
        self.message = message.get("status", {}).get("message", "")
        self.flags, self.state = message.get("flags", 0), message.get("trace_state", "")


def spans_of(body):
    return [Span(span, attributes(of_resource["resource"]["attributes"])) for of_resource in decode(body, TRACES)["resource_spans"]
            for of_scope in of_resource["scope_spans"] for span in of_scope["spans"]]


def metrics_of(body):
    """{name: (unit, {(method, status, error): point})}"""
    found = {}
    for of_resource in decode(body, METRICS)["resource_metrics"]:
        for of_scope in of_resource["scope_metrics"]:
            for metric in of_scope["metrics"]:
                data = metric.get("sum") or metric.get("histogram")
                assert data["temporality"] == 2, "not cumulative"
                points = {}
                for point in data["points"]:
                    labels = attributes(point["attributes"])
                    points[labels["method"], labels["status"], labels["error"]] = point
                found[metric["name"]] = (metric["unit"], points)
    return found
