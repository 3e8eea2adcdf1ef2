# SPDX-License-Identifier: Apache-2.0
"""Traces of liblarder as a collector receives them: the worked example's whole tree, what spans and metrics say, sampling, and
collectors that are slow, gone, or refuse."""
import concurrent.futures
import os
import socket
import subprocess

import pytest

from collector import Collector
from otlp import spans_of
from server import REPORTS, Server, kind_under_test, larderd_path

FIBONACCI = larderd_path().parent / "examples" / "fibonacci"
PROGRAM = larderd_path().parent / "tests" / "trace-program"
DEADLINE = 60
INTERNAL, SERVER, CLIENT = 1, 2, 3
ERROR = 2

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="it brings its own servers")


def environment(collector, **more):
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LARDER_"))}
    url = collector if isinstance(collector, str) else collector.url
    return {**plain, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "10", **more}


@pytest.fixture
def collectors():
    made = []

    def make(*arguments, **options):
        made.append(Collector(*arguments, **options))
        return made[-1]

    yield make
    for collector in made:
        collector.close()


@pytest.fixture
def servers(tmp_path):
    made = []

    def make(kind="memcached", count=1):
        new = [Server(tmp_path / f"server-{len(made)}-{i}", kind=kind) for i in range(count)]
        made.extend(new)
        return ",".join(f"{server.host}:{server.port}" for server in new)

    yield make
    with concurrent.futures.ThreadPoolExecutor(max(1, len(made))) as pool:
        list(pool.map(Server.stop, made))


class Program:
    """The program of trace_program.c at work."""

    def __init__(self, collector, servers="127.0.0.1:1", **more):
        self.process = subprocess.Popen([PROGRAM, servers], env=environment(collector, **more), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def figures(self):
        return [int(number) for number in self.say("figures").split()]

    def metrics(self):
        lines = [self.say("metrics")]
        while lines[-1] != ".":
            lines.append(self.process.stdout.readline().rstrip("\n"))
        return "\n".join(lines[:-1]) + "\n"

    def end(self):
        """What it wrote to standard error."""
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        stderr = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        assert self.process.returncode == 0, stderr
        assert not any(report.decode() in stderr for report in REPORTS), stderr
        return stderr


@pytest.fixture
def programs():
    made = []

    def make(*arguments, **options):
        made.append(Program(*arguments, **options))
        return made[-1]

    yield make
    for program in made:
        if program.process.poll() is None:
            program.process.kill()
            program.process.wait()


def children(spans, parent):
    return sorted((span for span in spans if span.parent == parent.span_id), key=lambda span: span.start)


def tree(spans, parent):
    """(name, kind, events, children), and each lies in the time of its parent."""
    found = children(spans, parent)
    for span in found:
        assert parent.start <= span.start and span.end <= parent.end, f"{span.name} is not within {parent.name}"
    return (parent.name, parent.kind, parent.events, [tree(spans, span) for span in found])


def expected_number(n):
    def internal(name, events, inner):
        return (name, INTERNAL, events, inner)

    def call(name, events=()):
        return (name, CLIENT, list(events), [])

    return internal(f"CalculateFibonacci-{n}", [], [
        internal("Round-1", [], [
            internal("lookup", ["Cache miss"], [call("get", ["Cache miss"])]),
            internal("compute", [], []),
            internal("serialise", [], []),
            call("set")]),
        internal("Round-2", [], [
            internal("lookup", ["Cache hit"], [call("get", ["Cache hit"])]),
            internal("deserialise", [], [])]),
        call("delete")])


@pytest.mark.parametrize("kind", ["memcached", "larder"])
def test_the_worked_example(collectors, servers, kind):
    collector = collectors()
    name = servers(kind)
    done = subprocess.run([FIBONACCI, name], env=environment(collector), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Fibonacci 30 ==> 2178309\n" * 2 + "Fibonacci 33 ==> 9227465\n" * 2
    spans = collector.spans()
    (root,) = [span for span in spans if not span.parent]
    assert tree(spans, root) == ("Fibonacci", INTERNAL, [], [expected_number(30), expected_number(33)])
    assert {span.trace_id for span in spans} == {root.trace_id}
    assert len({span.span_id for span in spans}) == len(spans) == 25
    assert {span.resource["service.name"] for span in spans} == {"fibonacci"}
    assert {span.status for span in spans} == {0}
    host, port = name.split(":")
    for span in spans:
        if span.kind == CLIENT:
            plain = {"db.system.name": "memcached", "db.operation.name": span.name, "server.address": host, "server.port": int(port)}
            hit = {"cache.hit": span.events == ["Cache hit"]} if span.name == "get" else {}
            assert span.attributes == {**plain, **hit}
    assert [span.attributes["fibonacci.n"] for span in sorted(spans, key=lambda span: span.start) if span.name == "compute"] == [30, 33]
    assert collector.metrics()["calls"][1]["get", "hit", ""]["int"] == 2


def test_the_example_without_a_collector(servers):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    name = servers()
    for more in ({}, {"OTEL_SDK_DISABLED": "true"}):
        done = subprocess.run([FIBONACCI, name], env=environment(url, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0 and done.stdout.count("\n") == 4
        assert ("takes no spans" in done.stderr) == (not more)


def test_calls_for_many(collectors, servers, programs):
    collector = collectors()
    name = servers(count=3)
    program = programs(collector, name)
    assert program.say("set a") == "stored"
    assert program.say("many " + " ".join("abcdefghijklmnopqrst")) == "done"
    assert program.say("batch " + " ".join("abcdefghijklmnopqrst")) == "done"
    program.end()
    spans = collector.spans()
    for operation, inner, size in (("get_many", "get", 20), ("batch", "batch", 20)):
        (whole,) = [span for span in spans if span.name == operation and not span.parent]
        assert whole.kind == CLIENT and whole.attributes["db.operation.batch.size"] == size
        parts = children(spans, whole)
        assert [part.name for part in parts] == [inner] * 3
        assert {f"{part.attributes['server.address']}:{part.attributes['server.port']}" for part in parts} == set(name.split(","))
        assert sum(part.attributes["db.operation.batch.size"] for part in parts) == size
        assert all(whole.start <= part.start <= part.end <= whole.end for part in parts)


def test_errors(collectors, programs):
    collector = collectors()
    program = programs(collector, "127.0.0.1:1")
    assert program.say("get a b") != "miss"
    assert program.say("get k") != "miss"
    program.end()
    by_key, by_server = collector.spans()
    assert (by_key.status, by_key.attributes["error.type"]) == (ERROR, "key")
    assert by_server.status == ERROR and by_server.attributes["error.type"] in ("unreachable", "all_dead")
    assert by_server.message != ""
    counted = collector.metrics()["calls"][1]
    assert counted["get", "error", "key"]["int"] == 1


def test_metrics(collectors, servers, programs):
    collector = collectors()
    program = programs(collector, servers())
    for line, answer in (("set a", "stored"), ("get a", "hit"), ("get a", "hit"), ("get b", "miss")):
        assert program.say(line) == answer
    text = program.metrics()
    assert 'calls_total{method="get",status="hit",error=""} 2\n' in text
    assert 'latency_seconds_count{method="set",status="stored",error=""} 1\n' in text
    subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True, timeout=DEADLINE)
    assert program.say("flush 30000") == "done"
    unit, points = collector.metrics()["latency"]
    assert unit == "s"
    hits = points["get", "hit", ""]
    assert hits["count"] == sum(hits["buckets"]) == 2 and len(hits["buckets"]) == len(hits["bounds"]) + 1
    assert 0 < hits["sum"] < DEADLINE and hits["start"] < hits["time"]
    assert {key: point["int"] for key, point in collector.metrics()["calls"][1].items()} == {
        ("get", "hit", ""): 2, ("get", "miss", ""): 1, ("set", "stored", ""): 1}
    program.end()


def test_context_of_others(collectors, programs):
    collector = collectors()
    program = programs(collector)
    own, state = program.say("remote 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 a=1,b=2").split(" ")
    assert program.say("remote 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").split("-")[3].strip() == "00"
    assert program.say("remote no-parent").split("-")[3].strip() == "01"
    program.end()
    remote, root = sorted(collector.spans(), key=lambda span: span.start)
    assert own == f"00-0af7651916cd43dd8448eb211c80319c-{remote.span_id}-01" and state == "a=1,b=2"
    assert (remote.parent, remote.state, remote.kind) == ("b7ad6b7169203331", "a=1,b=2", SERVER)
    assert remote.flags == 0x301 and root.flags == 0x101 and not root.parent
    assert remote.attributes == {"half": 0.5, "yes": True, "minus": -1, "text": "caf\u00e9"}


def test_who_tells(collectors, programs):
    collector = collectors()
    program = programs(collector.url + "/base", OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES="service.name=no,place=a%20b",
                       OTEL_EXPORTER_OTLP_HEADERS="x-token=s%3Dt", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=collector.url + "/v1/traces",
                       OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    program.say("spans 1")
    assert "grpc is not supported" in program.end()
    (span,) = collector.spans()
    assert span.resource["service.name"] == "shop" and span.resource["place"] == "a b"
    assert span.resource["telemetry.sdk.name"] == "larder"
    assert {path for path, _, _ in collector.posts} == {"/v1/traces", "/base/v1/metrics"}
    for _, headers, _ in collector.posts:
        assert headers["Content-Type"] == "application/x-protobuf" and headers["x-token"] == "s=t"


def test_batches(collectors, programs):
    collector = collectors()
    program = programs(collector, OTEL_BSP_SCHEDULE_DELAY="86400000", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4")
    program.say("spans 11")
    collector.wait_for(lambda: len(collector.taken) == 2, "two whole batches, without being asked")
    assert program.say("flush 30000") == "done"
    assert [len(spans_of(body)) for body in collector.bodies("/v1/traces")] == [4, 4, 3]
    program.end()


def is_below(span, ratio):
    return int(span.trace_id[16:], 16) >> 1 < ratio * (1 << 63)


def test_sampling(collectors, programs):
    for sampler, argument, least, most in (("always_off", "", 0, 0), ("traceidratio", "0.5", 120, 280), ("always_on", "", 400, 400)):
        collector = collectors()
        program = programs(collector, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument)
        program.say("spans 400")
        program.end()
        spans = collector.spans()
        assert least <= len(spans) <= most
        assert sampler == "always_on" or all(is_below(span, 0.5) for span in spans)


def test_errors_are_kept(collectors, programs):
    collector = collectors()
    program = programs(collector, OTEL_TRACES_SAMPLER="always_off", LARDER_TRACES_ERRORS="true")
    program.say("spans 10")
    program.say("error out of flour")
    program.say("get k")
    program.end()
    failed, call = sorted(collector.spans(), key=lambda span: span.start)
    assert (failed.name, failed.status, failed.message, failed.flags & 1) == ("fails", ERROR, "out of flour", 0)
    assert call.name == "get" and call.status == ERROR


def test_what_is_off(collectors, servers, programs):
    collector, name = collectors(), servers()
    program = programs(collector, name, OTEL_SDK_DISABLED="true")
    assert program.say("get k") == "miss" and program.say("spans 3") == "ok" and program.say("remote x").strip() == ""
    assert program.figures() == [0, 0, 0] and program.metrics() == "\n"
    program.end()
    assert collector.posts == []
    program = programs(collector, name, OTEL_TRACES_EXPORTER="none")
    assert program.say("get k") == "miss"
    program.end()
    assert {path for path, _, _ in collector.posts} == {"/v1/metrics"}


# --- bad weather: what counts is the order in which things happen ---


def test_a_slow_collector_holds_nobody_up(collectors, servers, programs):
    collector = collectors()
    program = programs(collector, servers())
    collector.open.clear()
    program.say("spans 1")
    collector.wait_for(lambda: collector.posts, "a first post")
    for _ in range(100):
        assert program.say("get k") == "miss"  # it does, while the collector says nothing
    assert program.say("flush 1") == "timed out"
    assert collector.taken == []
    collector.open.set()
    assert program.say("flush 30000") == "done"
    assert len(collector.spans()) == 101
    assert program.figures()[:2] == [101, 0]
    program.end()


def test_a_full_queue_drops_and_counts(collectors, programs):
    collector = collectors()
    program = programs(collector, OTEL_BSP_MAX_QUEUE_SIZE="8", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4")
    collector.open.clear()
    program.say("spans 1")
    collector.wait_for(lambda: collector.posts, "a first post")
    assert program.say("spans 100") == "ok"
    assert collector.taken == []
    assert program.figures()[1] == 92
    collector.open.set()
    assert program.say("flush 30000") == "done"
    assert program.figures()[:2] == [9, 92]
    assert len(collector.spans()) == 9
    program.end()


def test_the_end_waits_for_nobody_for_ever(collectors, programs):
    collector = collectors()
    program = programs(collector)
    collector.open.clear()
    program.say("spans 1")
    collector.wait_for(lambda: collector.posts, "a first post")
    program.say("spans 100")
    program.end()
    assert collector.taken == []  # it has ended before anybody answered


def test_busy_then_well(collectors, programs):
    collector = collectors([503, (429, 1), 502, 504])
    program = programs(collector)
    program.say("spans 3")
    assert program.say("flush 30000") == "done"
    bodies = collector.bodies("/v1/traces", taken=False)
    assert len(bodies) >= 5 and len(set(bodies[:5])) == 1  # the same again, until it was taken
    assert len(collector.spans()) == 3 and program.figures()[:2] == [3, 0]
    told = program.end()
    assert told.count("takes no spans: status 503") == 1 and "takes spans again" in told


def test_refused_for_good(collectors, programs):
    collector = collectors([400])
    program = programs(collector)
    program.say("spans 3")
    collector.wait_for(lambda: collector.posts, "the post that is refused")
    assert program.say("flush 30000") == "done"
    program.say("spans 2")
    assert program.say("flush 30000") == "done"
    sent, dropped, _ = program.figures()
    assert sent + dropped == 5 and dropped >= 1
    assert len(collector.spans()) == sent
    assert len(collector.bodies("/v1/traces", taken=False)) == len(collector.bodies("/v1/traces")) + 1  # not a second time
    program.end()


def test_a_collector_that_comes_late(collectors, programs):
    gone = collectors()
    port = gone.port
    program = programs(gone)
    gone.server.server_close()
    program.say("spans 5")
    while program.figures()[2] == 0:
        pass  # an attempt has failed, or is about to come
    collector = collectors(port=port)
    assert program.say("flush 30000") == "done"
    assert len(collector.spans()) == 5 and program.figures()[1] == 0
    program.end()


def test_given_up_after_a_time(collectors, programs):
    collector = collectors([503] * 1000)
    program = programs(collector, OTEL_BSP_EXPORT_TIMEOUT="300")
    program.say("spans 5")
    assert program.say("flush 30000") == "done"
    assert program.figures()[:2] == [0, 5]
    assert 1 <= len(collector.bodies("/v1/traces", taken=False)) < 1000
    program.end()
