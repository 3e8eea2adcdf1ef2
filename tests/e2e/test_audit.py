# SPDX-License-Identifier: Apache-2.0
"""`larder audit` and POST /admin/audit: the copies of a node against its store."""
import http.server
import json
import os
import pty
import subprocess
import threading

import pytest

from httpwire import ask
from test_cli import DEADLINE, DONE, LARDER, SERVER_ERROR, UNREACHABLE, USAGE, Result, environment

pytestmark = pytest.mark.larder("memcached has no store")

CONFIG = '[group "config"]\nbacking = store\n[group "plain"]\nbacking = memory\n'
DIFFERENCES = 1
COPIES = 700


@pytest.fixture
def node(start_server, tmp_path):
    path = tmp_path / "larderd.conf"
    path.write_text(CONFIG)
    return start_server(extra=("--config", str(path), "--data-dir", str(tmp_path / "data")))


def larder(server, *words):
    ended = subprocess.run([LARDER, *words], env=environment(server), capture_output=True, timeout=DEADLINE)
    return Result(ended.returncode, ended.stdout, ended.stderr)


def metric(node, name):
    line, = [line for line in ask(node, "GET", "/metrics").body.decode().splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])


def test_every_copy_is_compared(node):
    for number in range(COPIES):
        ask(node, "PUT", f"/config/{number}", b"x")
        ask(node, "PUT", f"/plain/{number}", b"x")
        ask(node, "GET", f"/config/{number}")
    answer = ask(node, "POST", "/admin/audit", b"")
    assert (answer.status, answer.json) == (200, {"compared": COPIES, "differences": 0, "keys": []})
    ended = larder(f"{node.host}:{node.port}", "audit")
    assert (ended.code, ended.out, ended.err) == (DONE, b"700 compared, no differences\n", "")
    assert metric(node, "larder_audit_compared_total") >= 2 * COPIES  # the patrol compares, too
    assert metric(node, "larder_audit_differences_total") == 0
    line, = larder(f"{node.host}:{node.port}", "audit", "--json").json_lines()
    assert line == {"compared": COPIES, "differences": 0, "keys": []}


def test_it_goes_on_while_keys_are_written(node):
    ended = threading.Event()

    def write():
        number = 0
        while not ended.is_set():
            ask(node, "PUT", f"/config/{number % 50}", b"%d" % number)
            ask(node, "GET", f"/config/{number % 50}")
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            assert ask(node, "POST", "/admin/audit", b"").json["differences"] == 0
    finally:
        ended.set()
        writer.join()


def test_what_it_takes(node, start_server):
    refused = ask(node, "GET", "/admin/audit")
    assert refused.status == 405 and refused.headers["Allow"] == "POST"
    alone = start_server()
    refused = ask(alone, "POST", "/admin/audit", b"")
    assert refused.status == 404 and "no store" in refused.json["message"]
    ended = larder(f"{alone.host}:{alone.port}", "audit")
    assert ended.code == SERVER_ERROR and "no store" in ended.err
    assert larder("127.0.0.1:1", "audit").code == UNREACHABLE
    assert larder("127.0.0.1:1", "audit", "everything").code == USAGE
    assert b"usage: larder audit" in larder("127.0.0.1:1", "audit", "--help").out


class Node(http.server.BaseHTTPRequestHandler):
    """A node that has differences to report, and takes its time for it."""
    report = b""
    wait = threading.Event()

    def do_POST(self):
        self.wait.wait(DEADLINE)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.report)))
        self.end_headers()
        self.wfile.write(self.report)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def told():
    """Starts a node that reports this; returns its address."""
    servers = []

    def start(report):
        handler = type("Told", (Node,), {"report": report, "wait": threading.Event()})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.server_port}", handler.wait

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_differences_are_named(told):
    keys = [{"key": "config/a"}, {"key": "//8=", "key_encoding": "base64"}, {"key": "\x1b[31m"}]
    address, wait = told(json.dumps({"compared": 5000, "differences": 4, "keys": keys}).encode())
    wait.set()
    ended = larder(address, "audit")
    assert ended.code == DIFFERENCES and ended.err == ""
    assert ended.out == (b"5,000 compared, 4 wrong; mended now, their keys in the store:\n  config/a\n  \\xff\\xff\n"
                         b"  \\x1b[31m\n  and 1 more\n")
    ended = larder(address, "audit", "--json")
    assert ended.code == DIFFERENCES and ended.json_lines()[0]["differences"] == 4


def test_a_report_that_is_none(told):
    for report in (b"{}", b"nothing"):
        address, wait = told(report)
        wait.set()
        ended = larder(address, "audit")
        assert ended.code == SERVER_ERROR and ended.out == b"" and ended.err != ""


def test_somebody_at_a_terminal_sees_that_it_goes_on(told):
    address, wait = told(b'{"compared":1,"differences":0,"keys":[]}')
    ours, theirs = pty.openpty()
    process = subprocess.Popen([LARDER, "audit"], env=environment(address), stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"1 s so far" not in seen:
        seen += os.read(ours, 4096)
    wait.set()
    out, _ = process.communicate(timeout=DEADLINE)
    os.close(ours)
    assert (process.returncode, out) == (DONE, b"1 compared, no differences\n")
