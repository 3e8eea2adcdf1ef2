# SPDX-License-Identifier: Apache-2.0
"""What `make cluster` starts, and what it says to try."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest

from ports import free_ports
from server import larderd_path, wait_until

pytestmark = [pytest.mark.larder("memcached has no such cluster"), pytest.mark.slow]
ROOT = pathlib.Path(__file__).resolve().parents[2]
LARDER = larderd_path().with_name("larder")
SCRIPT = ROOT / "scripts/cluster"
SECONDS = 60


class Running:
    def __init__(self, directory, port):
        self.lines = []
        self.process = subprocess.Popen(
            [SCRIPT, "--no-build", "--port", str(port), "--data", directory], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True, env={**os.environ, "LARDERD": larderd_path(), "LARDER": LARDER})
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def said(self):
        return "".join(self.lines)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(SECONDS)


@pytest.fixture
def cluster(tmp_path):
    port = free_ports(4, in_a_row=True)[0]
    running = Running(tmp_path / "cluster", port)
    try:
        wait_until(lambda: running.process.poll() is not None or "(everywhere)" in running.said(), SECONDS, running.said)
        assert running.process.poll() is None, running.said()
        yield running, port
    finally:
        running.stop()


def larder(*arguments, port):
    done = subprocess.run([LARDER, *arguments, "--server", f"127.0.0.1:{port}"], capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_it_says_to_try(cluster):
    running, port = cluster
    larder("set", "greeting", "hello", port=port)
    assert larder("get", "greeting", port=port + 2) == "hello"
    assert re.search(r"\bn[123]\b", larder("ring", "--key", "greeting", port=port + 1))
    victim = int(re.search(r"kill -9 (\d+)", running.said()).group(1))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: "n3" not in larder("members", port=port), SECONDS, "n3 is out of the ring")
    larder("set", "after", "it", port=port)
    larder("flush", "--yes", port=port + 1)
    for node in (port, port + 1):
        done = subprocess.run([LARDER, "get", "after", "--server", f"127.0.0.1:{node}"], capture_output=True,
                              timeout=SECONDS, check=False)
        assert done.returncode == 1, "nothing is left of it on any node"


def fetched(port, key):
    """What the node answers, its Cache-Status included."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{key}", timeout=SECONDS) as answer:
        return answer.read(), answer.headers["Cache-Status"]


def requests_of(port):
    """Of its image service."""
    return int(fetched(port + 3, "-/requests")[0])


def purge(port, key):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{key}", method="DELETE")
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        assert answer.status == 204


def test_a_slow_service_is_asked_once(cluster):
    running, port = cluster
    key, other = "images/cat.svg?w=850", "images//a%2fb&<c>"
    image, status = fetched(port, key)
    assert b"/cat.svg?w=850</text>" in image and status.startswith("larder; fwd=uri-miss")
    for node in range(3):
        assert fetched(port + node, key)[0] == image
    assert fetched(port + 2, key)[1].startswith("larder; hit")
    assert requests_of(port) == 1
    assert b">//a%2fb&amp;&lt;c&gt;</text>" in fetched(port + 1, other)[0] and requests_of(port) == 2
    for line in ("origin: request 1, GET '/cat.svg?w=850'\n", "origin: request 2, GET '//a%2fb&<c>'\n"):
        wait_until(lambda line=line: line in running.said(), SECONDS, running.said)
    assert re.search(r"\bn[123]\b", larder("ring", "--key", key, port=port))
    purge(port + 1, key)
    for node in range(3):
        assert fetched(port + node, key)[0] == image
    assert requests_of(port) == 3
    larder("flush", "--group", "images", "--yes", port=port + 2)
    assert fetched(port, key)[0] == image and requests_of(port) == 4


def test_its_end_is_that_of_all(cluster):
    running, port = cluster
    running.stop()
    assert running.process.returncode == 130
    for number in range(4):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port + number)) != 0


@pytest.mark.parametrize("arguments, reason", [
    (["--port", "x"], "takes a number"), (["--port"], "takes a value"), (["--nodes"], "is no option"),
])
def test_wrong_arguments(arguments, reason):
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 2 and reason in done.stderr


def test_a_busy_port_is_told(tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        running = Running(tmp_path / "cluster", busy.getsockname()[1])
        try:
            running.process.wait(SECONDS)
        finally:
            running.stop()
    running.reader.join(SECONDS)
    assert running.process.returncode == 1 and "node n1 has ended" in running.said(), running.said()
