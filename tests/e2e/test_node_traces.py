# SPDX-License-Identifier: Apache-2.0
"""Spans of the node, as a collector gets them: what clients ask for, and below it what the node asks of its store, of other nodes
and of origins."""
import contextlib
import json

import pytest

from collector import Collector
from etcdclient import Client
from etcdnode import LarderNode
from etcdproto import message
from httpwire import ask, connect
from server import Server, kind_under_test, wait_until
from sharednodes import SharedNodes
from toyorigin import ToyOrigin
from wire import Connection

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no spans")

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
GROUPS = '[group "config"]\nbacking = store\n\n[group "mem"]\n\n[group "o"]\nbacking = origin\norigin = {}\n'
SERVER, CLIENT, ERROR = 2, 3, 2


@pytest.fixture
def collector(monkeypatch):
    made = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield made
    made.close()


@pytest.fixture
def origin():
    made = ToyOrigin()
    yield made
    made.stop()


@contextlib.contextmanager
def node_of(directory, origin_url="http://127.0.0.1:9", **options):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "conf").write_text(GROUPS.format(origin_url))
    node = LarderNode(directory, "--config", str(directory / "conf"), "--store-sync", "no", **options)
    try:
        yield node.server
    finally:
        node.stop()


def named(collector, name, count=1):
    """So many spans of this name, once they have come, in the order of their beginning."""
    def found():
        return [span for span in collector.spans() if span.name == name]
    collector.wait_for(lambda: len(found()) >= count, f"{count} spans '{name}'")
    spans = sorted(found(), key=lambda span: span.start)
    assert len(spans) == count
    return spans


def names(collector):
    return sorted(span.name for span in collector.spans())


def is_child(span, parent):
    return (span.trace_id, span.parent) == (parent.trace_id, parent.span_id)


def test_http_hit_and_miss(tmp_path, collector):
    with node_of(tmp_path) as node:
        assert ask(node, "GET", "/mem/a?x=1").status == 400
        assert ask(node, "GET", "/mem/a").status == 404
        assert ask(node, "PUT", "/mem/a", b"1").status in (201, 204)
        assert ask(node, "GET", "/mem/a").status == 200
        put, = named(collector, "PUT /mem/{key}")
        refused, miss, hit = named(collector, "GET /mem/{key}", 3)
    assert put.attributes["http.response.status_code"] in (201, 204)
    assert refused.attributes["http.response.status_code"] == 400 and refused.attributes["url.query"] == "x=1"
    assert miss.attributes["cache.hit"] is False and miss.events == ["Cache miss"]
    said = hit.attributes
    assert said["cache.hit"] is True and hit.events == ["Cache hit"] and said["larder.source"] == "memory"
    assert (said["http.request.method"], said["url.path"], said["larder.group"]) == ("GET", "/mem/a", "mem")
    assert hit.kind == SERVER and not hit.parent and hit.status == 0
    assert len({span.trace_id for span in (put, refused, miss, hit)}) == 4


def test_the_caller_is_the_parent(tmp_path, collector):
    with node_of(tmp_path) as node:
        ask(node, "GET", "/mem/a", headers={**SAMPLED, "tracestate": "a=1,b=2"})
        span, = named(collector, "GET /mem/{key}")
    assert (span.trace_id, span.parent) == (TRACE, PARENT)
    assert span.state == "a=1,b=2"


def test_the_caller_decides(tmp_path, collector, monkeypatch):
    """By default; what he does not want sampled is not, nor anything below."""
    with node_of(tmp_path) as node:
        ask(node, "GET", "/config/a", headers=UNSAMPLED)
        ask(node, "PUT", "/config/a", b"1", headers=UNSAMPLED)
        ask(node, "GET", "/mem/last")
        named(collector, "GET /mem/{key}")
    assert names(collector) == ["GET /mem/{key}"]


def test_spans_are_counted(tmp_path, collector):
    def told(node):
        return {line.split()[0]: int(line.split()[1]) for line in ask(node, "GET", "/metrics").body.decode().splitlines()
                if line.startswith("larder_trace_spans_total{")}
    with node_of(tmp_path) as node:
        ask(node, "GET", "/mem/a")
        named(collector, "GET /mem/{key}")
        wait_until(lambda: told(node)['larder_trace_spans_total{result="sent"}'] > 0, 30, "the span counts as sent")
        assert told(node)['larder_trace_spans_total{result="dropped"}'] == 0


def test_a_parent_that_is_none(tmp_path, collector):
    with node_of(tmp_path) as node:
        ask(node, "GET", "/mem/a", headers={"traceparent": f"00-{TRACE}-{PARENT}"})
        with contextlib.closing(connect(node)) as connection:
            connection.putrequest("GET", "/mem/a")
            connection.putheader("traceparent", SAMPLED["traceparent"])
            connection.putheader("traceparent", SAMPLED["traceparent"])
            connection.endheaders()
            connection.getresponse().read()
        spans = named(collector, "GET /mem/{key}", 2)
    assert all(span.trace_id != TRACE and not span.parent for span in spans)


def test_nothing_is_sampled(tmp_path, collector, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    with node_of(tmp_path) as node:
        ask(node, "GET", "/mem/a")
        ask(node, "GET", "/mem/b", headers=SAMPLED)
        named(collector, "GET /mem/{key}")
    assert [span.trace_id for span in collector.spans()] == [TRACE]


def test_errors_are_told_of_unsampled_requests(tmp_path, collector, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with node_of(tmp_path, wrapper=["env", "LARDER_TRACES_ERRORS=true"]) as node:  # nobody listens at its origin
        assert ask(node, "GET", "/mem/a").status == 404
        assert ask(node, "GET", "/o/a").status == 502
        failed, = named(collector, "GET /o/{key}")
    assert failed.status == ERROR and failed.attributes["error.type"] == "502"
    assert names(collector) == ["GET", "GET /o/{key}"]


def test_a_store_is_asked(tmp_path, collector):
    with node_of(tmp_path) as node:
        ask(node, "PUT", "/config/a", b"1", headers=SAMPLED)
        ask(node, "GET", "/config/a", headers=SAMPLED)
        ask(node, "GET", "/config/a", headers=SAMPLED)
        ask(node, "GET", "/config/?prefix=", headers=SAMPLED)
        put, = named(collector, "PUT /config/{key}")
        written, = named(collector, "store txn")
        read, listed = named(collector, "store range", 2)
        asked, again, listing = named(collector, "GET /config/{key}", 3)
    assert is_child(written, put) and written.kind == CLIENT and written.attributes["larder.revision"] > 1
    assert is_child(read, asked) and is_child(listed, listing)
    assert [span.attributes["larder.source"] for span in (asked, again)] == ["store", "memory"]
    assert [span.events for span in (asked, again)] == [["Cache miss"], ["Cache hit"]]
    assert again.attributes["larder.age_ms"] == 0 and again.attributes["larder.revision"] > 1


def test_memcached(tmp_path, collector):
    with node_of(tmp_path) as node, Connection(node) as client:
        client.ask(b"set mem/a 0 0 1\r\n1\r\nget mem/a mem/b\r\n")
        stored, = named(collector, "set")
        hit, miss = named(collector, "get", 2)
    assert stored.attributes["db.system.name"] == "memcached" and stored.attributes["larder.group"] == "mem"
    assert sorted([*hit.events, *miss.events]) == ["Cache hit", "Cache miss"]
    assert hit.trace_id != miss.trace_id


def test_of_many_keys_some_are_traced(tmp_path, collector, monkeypatch):
    """Each is drawn by itself, and what is done for one is no part of another's trace."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    with node_of(tmp_path) as node, Connection(node) as client:
        for _ in range(20):  # that neither all nor none are drawn is certain
            client.ask(b"get " + b" ".join(b"config/%d" % number for number in range(100)) + b"\r\n")
        collector.wait_for(lambda: sum(span.name == "get" for span in collector.spans()) > 500, "the spans")
    spans = collector.spans()
    gets = {span.span_id for span in spans if span.name == "get"}
    parents = [span.parent for span in spans if span.name == "store range"]
    assert parents and len(parents) == len(set(parents)) and set(parents) <= gets


def test_grpc(tmp_path, collector):
    with node_of(tmp_path) as node, Client(node.port) as client:
        put = message("PutRequest")(key=b"k", value=b"v")
        client.metadata = [("traceparent", SAMPLED["traceparent"]), ("tracestate", "x=y")]
        client.do(put)
        span, = named(collector, "etcdserverpb.KV/Put")
        below, = named(collector, "store put")
    said = span.attributes
    assert (said["rpc.system"], said["rpc.service"], said["rpc.method"]) == ("grpc", "etcdserverpb.KV", "Put")
    assert said["rpc.grpc.status_code"] == 0 and span.parent == PARENT and span.state == "x=y"
    assert is_child(below, span)


def test_grpc_by_json(tmp_path, collector):
    with node_of(tmp_path) as node:
        assert ask(node, "POST", "/v3/kv/put", json.dumps({"key": "aw==", "value": "dg=="}), headers=SAMPLED).status == 200
        span, = named(collector, "etcdserverpb.KV/Put")
        below, = named(collector, "store put")
    assert span.attributes["rpc.grpc.status_code"] == 0 and span.attributes["url.path"] == "/v3/kv/put"
    assert span.parent == PARENT and is_child(below, span)


def test_an_origin_is_asked(tmp_path, collector, origin):
    with node_of(tmp_path, origin.url) as node:
        assert ask(node, "GET", "/o/a?w=1", headers={**SAMPLED, "tracestate": "a=1"}).status == 200
        assert ask(node, "GET", "/o/a?w=1", headers=SAMPLED).status == 200
        miss, hit = named(collector, "GET /o/{key}", 2)
        load, = named(collector, "GET")
    assert is_child(load, miss) and load.kind == CLIENT
    assert load.attributes["url.full"] == f"{origin.url}/a?w=1" and load.attributes["http.response.status_code"] == 200
    request, = origin.requests
    assert request.fields["traceparent"] == f"00-{TRACE}-{load.span_id}-01"
    assert request.fields["tracestate"] == "a=1"
    assert (miss.events, hit.events) == (["Cache miss"], ["Cache hit"])


def test_an_origin_hears_of_no_trace_without_a_tracer(tmp_path, origin):
    with node_of(tmp_path, origin.url) as node:
        ask(node, "GET", "/o/a", headers=SAMPLED)
    assert "traceparent" not in origin.requests[0].fields


def test_other_nodes(tmp_path, collector, origin):
    """One trace over two nodes and an origin: client, node, owner, origin."""
    nodes = SharedNodes(tmp_path, count=2, config=GROUPS.format(origin.url))
    try:
        asked = {}
        for number in range(40):  # of these keys the other node owns some
            asked[number] = ask(nodes.nodes[0], "GET", f"/o/{number}", headers=SAMPLED).status
        assert set(asked.values()) == {200}
        collector.wait_for(lambda: are_whole(collector.spans(), 40), "all have come")
        spans = {span.span_id: span for span in collector.spans()}
        chains = [chain(spans, load) for load in spans.values() if load.name == "GET"]
    finally:
        nodes.stop()
    near = ["GET", "GET /o/{key}"]
    far = ["GET", "get", "peer get", "GET /o/{key}"]
    assert all(found in (near, far) for found in chains) and near in chains and far in chains


def are_whole(found, count):
    """Whether so many requests are there, as many loads, and all that is above these."""
    names = [span.name for span in found]
    spans = {span.span_id: span for span in found}
    return names.count("GET /o/{key}") == names.count("GET") == count and all(
        root(spans, span).parent == PARENT for span in found if span.name == "GET")


def path(spans, span):
    """From this one up."""
    yield span
    while span.parent in spans:
        span = spans[span.parent]
        yield span


def root(spans, span):
    return list(path(spans, span))[-1]


def chain(spans, span):
    """The names from this one to the client's."""
    assert root(spans, span).parent == PARENT
    return [each.name for each in path(spans, span)]


def test_a_client_that_leaves(tmp_path, collector, origin):
    """Its request ends with an error, and nothing is lost."""
    def left():
        return [span for span in collector.spans() if span.attributes.get("error.type") == "closed"]
    origin.begin_anew(lambda request: None)  # it hangs
    with node_of(tmp_path, origin.url) as node:
        client = Connection(node)
        client.send(f"GET /o/a HTTP/1.1\r\nHost: localhost\r\ntraceparent: {SAMPLED['traceparent']}\r\n\r\n".encode())
        with origin.changed:
            assert origin.changed.wait_for(lambda: origin.requests, 20)
        client.abort()
        collector.wait_for(left, "the span of a request that nobody waits for")
    span, = left()
    assert span.status == ERROR and span.parent == PARENT


def test_the_collector_is_gone(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with node_of(tmp_path) as node:
        for _ in range(100):
            assert ask(node, "GET", "/mem/a").status == 404
        log = node.stderr()
    assert "tracing requests" in log


def test_it_is_off_without_a_word(tmp_path, monkeypatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    server = Server(tmp_path)
    assert ask(server, "GET", "/nothing", headers=SAMPLED).status == 404
    assert b"larder_trace" not in ask(server, "GET", "/metrics").body
    server.stop()
    assert "tracing" not in server.stderr()
