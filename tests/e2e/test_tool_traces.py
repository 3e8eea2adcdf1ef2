# SPDX-License-Identifier: Apache-2.0
"""Traces of the tool itself as a collector receives them: the command, its calls to servers, what it tells them, and when it is
silent."""
import concurrent.futures
import http.server
import json
import os
import signal
import socket
import subprocess
import threading

import grpc
import pytest

from collector import Collector
from etcdproto import PACKAGE, message
from server import kind_under_test
from test_cli import DEADLINE, DONE, LARDER, NOT_FOUND, SERVER_ERROR, UNREACHABLE, USAGE, environment

INTERNAL, CLIENT = 1, 3
ERROR = 2
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NOWHERE = "127.0.0.1:1"
TRACING_VARIABLES = ("OTEL_", "TRACEPARENT", "TRACESTATE")

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="it is about our own tool")


def silent_environment(address, **more):
    """One in which nothing says where to send."""
    return {name: value for name, value in environment(address).items() if not name.startswith(TRACING_VARIABLES)} | more


def run(*words, server=NOWHERE, code=DONE, **variables):
    """What it printed on standard output and standard error."""
    done = subprocess.run([LARDER, *map(str, words)], env=silent_environment(server, **variables), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr.decode()


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def address(server, connection):
    """The address of the shared server, which is empty at first."""
    return f"{server.host}:{server.port}"


@pytest.fixture
def traced(collector):
    """Runs the tool with a collector that is there: (the command's span, those below it in the order in which they began)."""
    def run_traced(*words, server=NOWHERE, code=DONE, says="", **variables):
        before = len(collector.spans())
        out, err = run(*words, server=server, code=code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **variables)
        assert says in err if says else err == "", err
        command, *calls = sorted(collector.spans()[before:], key=lambda span: (span.kind != INTERNAL, span.start))
        assert (command.name, command.kind) == (f"larder {words[0]}", INTERNAL)
        assert command.attributes == {"larder.command": words[0], "process.exit.code": code}
        assert command.status == (ERROR if code in (UNREACHABLE, SERVER_ERROR) else 0)
        for call in calls:
            assert (call.kind, call.parent, call.trace_id) == (CLIENT, command.span_id, command.trace_id)
            assert command.start <= call.start and call.end <= command.end
        return command, calls
    return run_traced


def where(address):
    host, port = address.rsplit(":", 1)
    return {"server.address": host, "server.port": int(port)}


def memcached(address, operation, **more):
    return {**where(address), "db.system.name": "memcached", "db.operation.name": operation,
            **{name.replace("_", "."): value for name, value in more.items()}}


class Node(http.server.ThreadingHTTPServer):
    """Answers each request alike and keeps what its head said."""
    daemon_threads = True

    def __init__(self, status=200, body=b"value"):
        self.heads = heads = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                heads.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


@pytest.fixture
def nodes():
    made = []

    def make(**options):
        made.append(Node(**options))
        return made[-1]
    yield make
    for node in made:
        node.close()


# --- calls ---


def test_hits_and_misses(traced, address):
    command, (stored,) = traced("set", "a", "b", server=address)
    assert (stored.name, stored.attributes, stored.events, stored.status) == ("set", memcached(address, "set"), [], 0)
    assert command.parent == "" and command.resource["service.name"] == "larder"
    _, (got,) = traced("get", "a", server=address)
    assert (got.name, got.attributes, got.events) == ("get", memcached(address, "get", cache_hit=True), ["Cache hit"])
    _, (got,) = traced("get", "nothing", server=address, code=NOT_FOUND, says="not found: nothing")
    assert (got.name, got.attributes, got.events, got.status) == ("get", memcached(address, "get", cache_hit=False), ["Cache miss"], 0)


def test_a_span_for_each_call(traced, address):
    traced("set", "a", "b", server=address)
    _, calls = traced("get", "a", "nothing", "nothing", server=address, code=NOT_FOUND, says="not found")
    assert sorted(call.events[0] for call in calls) == ["Cache hit", "Cache miss", "Cache miss"]
    _, (deleted,) = traced("del", "a", server=address)
    assert deleted.attributes == memcached(address, "delete") and deleted.events == []
    _, (stats,) = traced("stats", server=address)  # many lines, one answer
    assert stats.attributes == memcached(address, "stats")
    _, (flushed,) = traced("flush", "--yes", server=address)
    assert (flushed.name, flushed.attributes) == ("flush_all", memcached(address, "flush_all"))


def test_a_server_that_refuses(traced, start_server):
    server = start_server(extra=("--max-item", "2k"))
    address = f"{server.host}:{server.port}"
    _, (refused,) = traced("set", "a", "x" * 10000, server=address, code=SERVER_ERROR, says="too large")
    assert refused.attributes == memcached(address, "set", error_type="server") and refused.status == ERROR
    assert "too large" in refused.message


def test_requests_of_http(traced, address):
    _, (asked,) = traced("members", server=address, code=NOT_FOUND, says="is alone")
    assert (asked.name, asked.status) == ("GET", 0)
    assert asked.attributes == {**where(address), "http.request.method": "GET", "url.full": f"http://{address}/admin/members",
                                "http.response.status_code": 200}
    _, (asked,) = traced("get", "--linearizable", "a b", server=address, code=NOT_FOUND, says="not found")
    assert asked.attributes == {**where(address), "http.request.method": "GET",
                                "url.full": f"http://{address}/a%20b?use_cache=false", "http.response.status_code": 404,
                                "error.type": "404"}
    assert asked.status == ERROR
    _, (asked,) = traced("put", "plain", "x", server=address)
    assert (asked.name, asked.attributes["http.request.method"]) == ("PUT", "PUT")


def test_requests_tell_the_node_of_their_spans(traced, nodes):
    node = nodes()
    command, calls = traced("get", "--linearizable", "a", "b", server=node.address)
    assert [head["traceparent"] for head in node.heads] == [f"00-{command.trace_id}-{call.span_id}-01" for call in calls]
    assert len(calls) == 2 and not any("tracestate" in head for head in node.heads)
    node = nodes(status=500)
    _, (call,) = traced("get", "--linearizable", "a", server=node.address, code=SERVER_ERROR, says="refused")
    assert (call.attributes["http.response.status_code"], call.attributes["error.type"], call.status) == (500, "500", ERROR)


def test_nobody_is_there(traced):
    command, (call,) = traced("get", "a", code=UNREACHABLE, says="connection refused")
    assert call.attributes == memcached(NOWHERE, "get", error_type="unreachable") and call.status == ERROR
    assert command.message == "the server cannot be reached, or did not answer"
    _, (call,) = traced("members", code=UNREACHABLE, says="connection refused")
    assert call.attributes == {**where(NOWHERE), "http.request.method": "GET", "url.full": f"http://{NOWHERE}/admin/members",
                               "error.type": "unreachable"}
    assert call.status == ERROR


def test_no_answer_in_time(traced):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        _, (call,) = traced("get", "a", "--timeout", "100ms", server=address, code=UNREACHABLE, says="did not answer")
        assert (call.attributes["error.type"], call.status) == ("timeout", ERROR)
        _, (call,) = traced("members", "--timeout", "100ms", server=address, code=UNREACHABLE, says="did not answer")
        assert (call.attributes["error.type"], call.status) == ("timeout", ERROR)


def test_commands_that_ask_nobody(traced, tmp_path):
    _, calls = traced("get", code=USAGE, says="expected")
    assert calls == []
    _, calls = traced("restore", tmp_path / "missing", "--data-dir", tmp_path / "data", code=NOT_FOUND, says="cannot be opened")
    assert calls == []


def test_load_is_not_traced(traced, address):
    _, calls = traced("bench", address, "--keys", 20, "--connections", 1, "--warmup", 0, "--requests", 100, "--json")
    assert calls == []


# --- gRPC ---


@pytest.fixture
def member():
    """Stands for a member of a cluster: (its address, [(method, metadata)])."""
    heard = []
    header = message("ResponseHeader")(cluster_id=7, member_id=8, revision=1)
    answers = {("Maintenance", "Status"): message("StatusResponse")(header=header, version="3.4.31", leader=8),
               ("Cluster", "MemberList"): message("MemberListResponse")(header=header)}
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    for (service, method), answer in answers.items():
        def handle(_, context, method=method, answer=answer):
            heard.append((method, dict(context.invocation_metadata())))
            return answer
        handler = grpc.unary_unary_rpc_method_handler(handle, lambda data: data, lambda answer: answer.SerializeToString())
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{PACKAGE}.{service}", {method: handler}),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield address, heard
    server.stop(None).wait()


def test_calls_of_grpc(traced, member):
    address, heard = member
    command, calls = traced("status", "--endpoints", address, TRACEPARENT=f"00-{TRACE}-{PARENT}-01", TRACESTATE="a=1,b=2")
    assert command.trace_id == TRACE
    told = {(method, metadata["traceparent"], metadata["tracestate"]) for method, metadata in heard if "traceparent" in metadata}
    services = {"Status": "Maintenance", "MemberList": "Cluster"}
    assert told == {(call.attributes["rpc.method"], f"00-{TRACE}-{call.span_id}-01", "a=1,b=2") for call in calls}
    assert sorted(call.attributes["rpc.method"] for call in calls) == ["MemberList", "Status"]
    for call in calls:
        method = call.attributes["rpc.method"]
        service = f"{PACKAGE}.{services[method]}"
        assert call.attributes == {**where(address), "rpc.system": "grpc", "rpc.service": service, "rpc.method": method,
                                   "rpc.grpc.status_code": 0}
        assert (call.name, call.status) == (f"{service}/{method}", 0)


def test_calls_of_grpc_that_fail(traced):
    _, calls = traced("status", "--endpoints", NOWHERE, "--timeout", "500ms", code=UNREACHABLE)
    assert [(call.attributes["rpc.grpc.status_code"], call.status) for call in calls] == [(14, ERROR)] * 2


def test_an_answer_of_grpc_that_is_an_error(traced, address):
    """A node without a store, which says so."""
    _, calls = traced("status", "--endpoints", address, code=UNREACHABLE)
    assert len(calls) == 2 and {call.status for call in calls} == {ERROR}
    assert all(call.message for call in calls)


# --- who asked for the command ---


def test_a_parent_in_the_environment(traced, nodes):
    node = nodes()
    command, (call,) = traced("get", "--linearizable", "a", server=node.address, TRACEPARENT=f"00-{TRACE}-{PARENT}-01",
                              TRACESTATE="a=1,b=2")
    assert (command.trace_id, command.parent, command.state) == (TRACE, PARENT, "a=1,b=2")
    head, = node.heads
    assert (head["traceparent"], head["tracestate"]) == (f"00-{TRACE}-{call.span_id}-01", "a=1,b=2")


@pytest.mark.parametrize("text", ["", "00-" + "0" * 32 + f"-{PARENT}-01", "nonsense"])
def test_a_parent_that_is_none(traced, nodes, text):
    command, _ = traced("get", "--linearizable", "a", server=nodes().address, TRACEPARENT=text, TRACESTATE="a=1")
    assert command.parent == "" and command.state == "" and command.trace_id != "0" * 32


@pytest.mark.parametrize("variables", [
    {"TRACEPARENT": f"00-{TRACE}-{PARENT}-00"},
    {"OTEL_TRACES_SAMPLER": "always_off"},
    {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"},
], ids=["parent", "always_off", "ratio"])
def test_what_is_not_sampled_is_passed_on_all_the_same(collector, nodes, variables):
    node = nodes()
    _, err = run("get", "--linearizable", "a", server=node.address, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **variables)
    version, trace, span, flags = node.heads[0]["traceparent"].split("-")
    assert (err, collector.posts, version, flags) == ("", [], "00", "00")
    assert span != PARENT and (trace == TRACE) == ("TRACEPARENT" in variables)


# --- who tells, and where to ---


@pytest.mark.parametrize("variables, expected", [
    ({"OTEL_SERVICE_NAME": "shop"}, {"service.name": "shop"}),
    ({"OTEL_RESOURCE_ATTRIBUTES": "team=a"}, {"service.name": "larder", "team": "a"}),
    ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=b,team=a"}, {"service.name": "b", "team": "a"}),
])
def test_who_tells(traced, address, variables, expected):
    command, _ = traced("stats", server=address, **variables)
    assert expected.items() <= command.resource.items()


def test_where_to(collector, address):
    run("stats", server=address, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector.url + "/mine")
    run("stats", server=address, OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_METRICS_EXPORTER="otlp")
    assert [path for path, _, _ in collector.posts] == ["/mine", "/v1/traces"]  # and no metrics


def test_the_collector_is_not_traced(collector, tmp_path):
    (tmp_path / "empty").touch()
    run("trace", tmp_path / "empty", code=1, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert collector.posts == []


# --- silence ---


@pytest.mark.parametrize("variables", [
    {}, {"OTEL_SDK_DISABLED": "True"}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": " "}
], ids=["nothing", "disabled", "none", "empty"])
def test_off(nodes, variables):
    node = nodes()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{listener.getsockname()[1]}"} if variables else {}
        _, err = run("get", "--linearizable", "a", server=node.address, TRACEPARENT=f"00-{TRACE}-{PARENT}-01", **endpoint | variables)
        with pytest.raises(BlockingIOError):
            listener.accept()  # nobody has come
    assert err == "" and "traceparent" not in node.heads[0]


def threads_of(address, **variables):
    """How many threads it has while it looks on, and what it says at its end."""
    process = subprocess.Popen([LARDER, "top", "--keys", "--json", "--interval", "1h"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=silent_environment(address, **variables))
    assert json.loads(process.stdout.readline()) is not None
    count = len(os.listdir(f"/proc/{process.pid}/task"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == DONE, err
    return count, err


def test_off_costs_no_thread(collector, address):
    """Without a word of where to send, what there is by default at localhost is not asked either: nobody is there who would."""
    without, err = threads_of(address)
    assert err == b""
    count, err = threads_of(address, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert count > without and err == b""  # the exporter's, and maybe one that looks up a name for it
    assert "larder top" in [span.name for span in collector.spans()]


# --- collectors that are no good ---


def one_warning(err, what):
    line, = [line for line in err.splitlines() if "tracing" in line]
    assert line.startswith("larder: tracing: ") and what in line


def test_the_collector_is_gone(address):
    out, err = run("get", "nothing", server=address, code=NOT_FOUND, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{NOWHERE}")
    one_warning(err, f"http://{NOWHERE}/v1/traces takes no spans")
    assert out == b"" and len(err.splitlines()) == 2 and "not found: nothing" in err
    out, err = run("set", "a", "b", server=address, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{NOWHERE}")
    one_warning(err, "takes no spans")
    assert out == b"stored: a, 1 B\n" and len(err.splitlines()) == 1
    _, err = run("get", "a", code=UNREACHABLE, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{NOWHERE}")
    one_warning(err, "takes no spans")


def test_the_collector_says_nothing(collector, address):
    collector.open.clear()
    _, err = run("set", "a", "b", server=address, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    one_warning(err, "takes no spans")
    assert collector.taken == []


def test_the_collector_refuses(collector, address):
    collector.answers = [503] * 1000
    _, err = run("set", "a", "b", server=address, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    one_warning(err, "status 503")


def test_variables_that_make_no_sense(traced, address):
    _, calls = traced("stats", server=address, says="larder: tracing: OTEL_TRACES_SAMPLER: sometimes is not supported",
                      OTEL_TRACES_SAMPLER="sometimes")
    assert len(calls) == 1
