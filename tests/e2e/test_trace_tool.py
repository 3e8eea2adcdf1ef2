# SPDX-License-Identifier: Apache-2.0
"""`larder trace`: draws traces from files of OTLP, and as programs send them."""
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from collector import Collector
from server import REPOSITORY, Server, kind_under_test, larderd_path, wait_until

LARDER = pathlib.Path(os.environ.get("LARDER", REPOSITORY / "build" / "larder")).resolve()
FIBONACCI = larderd_path().parent / "examples" / "fibonacci"
DEADLINE = 60
MS = 1_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="it is about our own tool")


def environment(**more):
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LARDER")) and name != "NO_COLOR"}
    return {**plain, "LC_ALL": "C", "TZ": "UTC", **more}


def run(*words, input=b"", code=0, **more):
    done = subprocess.run([LARDER, "trace", *words], input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE,
                          env=environment(**more), check=False)
    assert done.returncode == code, done.stderr
    return done.stdout.decode() if code == 0 else done.stderr.decode()


def span(number, name, start_ms, end_ms, parent=None, trace=TRACE, **more):
    made = {"traceId": trace, "spanId": f"{number:016x}", "name": name, "kind": 1, "startTimeUnixNano": str(start_ms * MS),
            "endTimeUnixNano": str(end_ms * MS), **more}
    return {**made, "parentSpanId": f"{parent:016x}"} if parent else made


def otlp(*spans, service="shop"):
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}]}


SHOP = otlp(
    span(1, "checkout", 0, 100),
    span(3, "charge", 50, 100, parent=1, kind=3, status={"code": 2, "message": "card declined"},
         attributes=[{"key": "amount", "value": {"doubleValue": 12.5}}, {"key": "n", "value": {"intValue": "3"}}]),
    span(2, "lookup", 0, 25, parent=1, events=[{"timeUnixNano": "1000000", "name": "Cache miss"}]))
DRAWN = """\
trace 0af7651916cd43dd8448eb211c80319c  shop  3 spans  100 ms  1970-01-01 00:00:00  1 failed
checkout  #########################    100 ms
|-lookup  ######...................   25.0 ms  * Cache miss
`-charge  ............#############   50.0 ms  ! card declined
"""


def test_json_is_drawn(tmp_path):
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(SHOP))
    assert run("--width", "60", path) == DRAWN
    assert run("--width", "60", input=json.dumps(SHOP).encode()) == DRAWN
    assert run("--width=60", "-", input=b"\n " + json.dumps(SHOP, indent=1).encode()) == DRAWN
    with_attributes = run("--width", "60", "--attributes", path).splitlines()
    assert with_attributes[4:] == ["      amount = 12.5", "      n = 3"]


def test_several_files_and_lines_are_one(tmp_path):
    for number, one in enumerate(SHOP["resourceSpans"][0]["scopeSpans"][0]["spans"]):
        (tmp_path / str(number)).write_text(json.dumps(otlp(one)))
    assert run("--width", "60", *[tmp_path / str(number) for number in range(3)]) == DRAWN
    lines = "\n".join((tmp_path / str(number)).read_text() for number in (2, 0, 1, 0)) + "\n"  # one of them twice
    assert run("--width", "60", input=lines.encode()) == DRAWN


def test_json_for_programs():
    trace = json.loads(run("--json", input=json.dumps(SHOP).encode()))
    assert (trace["trace_id"], trace["span_count"], trace["failed"]) == (TRACE, 3, 1)
    (root,) = trace["spans"]
    assert (root["name"], root["service"], root["kind"], root["status"], root["span_id"]) == (
        "checkout", "shop", "internal", "unset", f"{1:016x}")
    lookup, charge = root["children"]
    assert [event["name"] for event in lookup["events"]] == ["Cache miss"]
    assert charge["attributes"] == {"amount": 12.5, "n": 3} and charge["message"] == "card declined"
    assert charge["start_unix_nano"] == 50 * MS and charge["parent_span_id"] == root["span_id"]


def test_other_programs_and_other_traces():
    both = otlp(span(1, "ask", 0, 10)), otlp(span(2, "answer", 2, 8, parent=1), service="kitchen")
    later = otlp(span(9, "later", 500, 510, trace="f" * 32))
    out = run("--width", "60", input="".join(json.dumps(one) for one in (later, *both)).encode())
    first, second = out.split("\n\n")
    assert "`-answer [kitchen]" in first and second.startswith("trace " + "f" * 32)


def test_odd_parents():
    odd = otlp(span(1, "a", 0, 9, parent=2), span(2, "b", 1, 8, parent=1), span(3, "c", 2, 3, parent=3), span(4, "d", 4, 5, parent=77))
    (trace,) = [json.loads(line) for line in run("--json", input=json.dumps(odd).encode()).splitlines()]
    assert trace["span_count"] == 4
    assert {one["name"]: [child["name"] for child in one["children"]] for one in trace["spans"]} == {"a": ["b"], "c": [], "d": []}


def test_texts_do_not_reach_the_terminal_raw():
    evil = otlp(span(1, "a\x1b[31mb", 0, 1, status={"code": 2, "message": "x\ny"}))
    out = run(input=json.dumps(evil).encode())
    assert "\x1b" not in out and "\\x1b" in out and out.count("\n") == 2


def test_what_is_wrong(tmp_path):
    assert "no JSON" in run(input=b"{", code=2)
    assert "traceId" not in run(input=b"{}", code=1)
    assert "no span" in run(input=b"", code=1)
    assert "no OTLP" in run(input=b"\x0a\xff\xff", code=2)
    assert "without valid ids" in run(input=json.dumps(otlp(span(1, "x", 0, 1, trace="12"))).encode(), code=1)
    assert "cannot read" in run(tmp_path / "missing", code=2)
    assert "either files or --listen" in run("--listen", "127.0.0.1:0", "x", code=2)
    assert "--spans is for --listen" in run("--spans", "1", code=2)
    assert "cannot be read" in run("--listen", "nonsense", code=2)
    assert "usage: larder trace" in run("--help")


def test_colours_on_a_terminal_alone(tmp_path):
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(SHOP))
    master, slave = pty.openpty()
    process = subprocess.Popen([LARDER, "trace", path], stdout=slave, env=environment(TERM="xterm", LC_ALL="C.UTF-8"))
    os.close(slave)
    out = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    os.close(master)
    assert process.wait(DEADLINE) == 0
    text = out.decode()
    assert "\x1b[31mcharge\x1b[0m" in text and "\x1b[31m! card declined" in text and "█" in text and "└─" in text
    assert "\x1b" not in run(path, TERM="xterm")


class Listening:
    def __init__(self, *words):
        self.process = subprocess.Popen([LARDER, "trace", "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=environment())
        self.url = re.search(r"ENDPOINT=(\S+);", self.process.stderr.readline()).group(1)

    def post(self, path, body, **fields):
        request = urllib.request.Request(self.url + path, data=body, headers={name.replace("_", "-"): value for name, value in fields.items()})
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def end(self, interrupt=True):
        if interrupt:
            self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out, err


def test_listening(tmp_path):
    server = Server(tmp_path / "server", kind="memcached")
    listening = Listening("--json")
    done = subprocess.run([FIBONACCI, f"{server.host}:{server.port}"], env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=listening.url),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    trace = json.loads(listening.process.stdout.readline())  # by itself, when nothing more comes
    code, out, _ = listening.end()
    assert (code, out) == (0, "")
    assert trace["span_count"] == 25 and [child["name"] for child in trace["spans"][0]["children"]] == [
        "CalculateFibonacci-30", "CalculateFibonacci-33"]
    server.stop()


def test_what_was_received_can_be_read_from_a_file(tmp_path):
    server, collector = Server(tmp_path / "server", kind="memcached"), Collector()
    subprocess.run([FIBONACCI, f"{server.host}:{server.port}"], env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url),
                   stdout=subprocess.PIPE, timeout=DEADLINE, check=True)
    out = run(input=b"".join(collector.bodies("/v1/traces")))
    assert out.count("Cache miss") == out.count("Cache hit") == 4 and "|-CalculateFibonacci-30" in out
    collector.close()
    server.stop()


def test_requests_that_are_odd():
    listening = Listening("--spans", "3")
    body = json.dumps(SHOP).encode()
    assert listening.post("/v1/metrics", b"whatever") == (200, b"")
    assert listening.post("/nowhere", b"x")[0] == 404
    assert listening.post("/v1/traces", b"\xff\xff", Content_Type="application/x-protobuf")[0] == 400
    assert listening.post("/v1/traces", b"{", Content_Type="application/json")[0] == 400
    assert listening.post("/v1/traces", b"\x1f\x8b\x08", Content_Encoding="gzip")[0] == 415
    with socket.create_connection(("127.0.0.1", int(listening.url.rsplit(":", 1)[1])), DEADLINE) as raw:
        raw.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\nx")
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")
    assert listening.post("/v1/traces", body, Content_Type="application/json") == (200, b"{}")
    code, out, _ = listening.end(interrupt=False)
    assert code == 0 and "checkout" in out


def test_an_interrupted_listener_shows_what_it_has():
    listening = Listening()
    listening.post("/v1/traces", json.dumps(SHOP).encode(), Content_Type="application/json")
    code, out, _ = listening.end()
    assert code == 0 and "`-charge" in out
    nothing = Listening()
    assert nothing.end()[0] == 1


def test_an_address_that_is_taken():
    listening = Listening()
    port = listening.url.rsplit(":", 1)[1]
    assert "cannot listen" in run("--listen", f"127.0.0.1:{port}", code=2)
    assert "address of this machine" in run("--listen", "example.invalid:1", code=2)
    listening.end()
    wait_until(lambda: listening.process.poll() is not None, DEADLINE, "it ends")
