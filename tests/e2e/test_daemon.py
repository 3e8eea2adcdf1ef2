# SPDX-License-Identifier: Apache-2.0
"""larderd as a process: where it listens, how it is configured, reloaded and ended."""
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from server import larderd_path, wait_until
from wire import Connection

pytestmark = pytest.mark.larder("these are larderd's own options")


def run(*arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LARDER")}
    return subprocess.run([str(larderd_path()), *arguments], env=clean | environment, capture_output=True, text=True,
                          timeout=60)


class Daemon:
    """A larderd with arguments of the test's choice; ends with SIGTERM and status 0."""

    def __init__(self, directory, *arguments):
        self.port_file = pathlib.Path(directory) / "ports"
        self.log = pathlib.Path(directory) / "log"
        with open(self.log, "wb") as stderr:
            self.process = subprocess.Popen([str(larderd_path()), "--port-file", str(self.port_file), "--threads", "2",
                                             *arguments], stderr=stderr, stdin=subprocess.DEVNULL)
        wait_until(lambda: self.port_file.exists() or self.process.poll() is not None, 30, self.text)
        assert self.process.poll() is None, self.text()

    def text(self):
        return self.log.read_text()

    def addresses(self):
        return self.port_file.read_text().split()

    def port(self):
        return int(self.addresses()[0].rsplit(":", 1)[1])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port()), timeout=20)

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port()}/metrics", timeout=10) as reply:
            return reply.read().decode()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.text()
        assert not self.port_file.exists()


def ask(connected, sent, end):
    connected.sendall(sent)
    received = b""
    while not received.endswith(end):
        piece = connected.recv(65536)
        if not piece:
            break
        received += piece
    return received


def test_help_teaches():
    done = run("--help")
    assert done.returncode == 0
    for word in ("--listen", "--memory", "LARDER_", "[group", "--check-config"):
        assert word in done.stdout


def test_version():
    assert run("--version").stdout.startswith("larderd ")


def test_many_kinds_of_addresses(tmp_path):
    path = tmp_path / "socket"
    with Daemon(tmp_path, "--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", f"unix:{path}") as daemon:
        first, second, third = daemon.addresses()
        assert first.startswith("127.0.0.1:") and second.startswith("[::1]:") and third == f"unix:{path}"
        with daemon.connect() as one:
            assert ask(one, b"set a 0 0 1\r\n7\r\n", b"\r\n") == b"STORED\r\n"
        with socket.create_connection(("::1", int(second.rsplit(":", 1)[1])), timeout=10) as two:
            assert ask(two, b"get a\r\n", b"END\r\n") == b"VALUE a 0 1\r\n7\r\nEND\r\n"
        with socket.socket(socket.AF_UNIX) as three:
            three.connect(str(path))
            assert ask(three, b"get a\r\n", b"END\r\n") == b"VALUE a 0 1\r\n7\r\nEND\r\n"
    assert not path.exists()


def test_a_busy_explicit_address_is_fatal():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        done = run("--listen", f"127.0.0.1:{busy.getsockname()[1]}")
    assert done.returncode == 1
    assert "in use" in done.stderr and "--listen" in done.stderr


def test_busy_defaults_are_left_out(tmp_path):
    """Whatever of the default ports is busy here already, one more is made so; a node starts as long as one is left."""
    held = []
    for port in (11211, 8080):
        try:
            held.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            pass
    try:
        with Daemon(tmp_path) as daemon:
            assert daemon.addresses() == ["127.0.0.1:2379"]
            assert daemon.text().count("in use and left out") == 2
    finally:
        for each in held:
            each.close()


def test_the_three_sources_and_their_order(tmp_path):
    config = tmp_path / "larderd.conf"
    config.write_text('[node]\nmemory = 32m\nmax-conns = 77\nthreads = 3\n[group "g"]\nttl = 5m\n')
    done = run("--config", str(config), "--check-config", "--memory", "64m", LARDER_MAX_CONNS="88")
    assert done.returncode == 0, done.stderr
    os_environ = os.environ.copy()
    os.environ["LARDER_MAX_CONNS"] = "88"
    try:
        with Daemon(tmp_path, "--listen", "127.0.0.1:0", "--config", str(config), "--memory", "64m") as daemon:
            with daemon.connect() as one:
                settings = ask(one, b"stats settings\r\n", b"END\r\n").decode()
    finally:
        os.environ.clear()
        os.environ.update(os_environ)
    assert "STAT maxbytes 67108864\r\n" in settings
    assert "STAT maxconns 88\r\n" in settings


def test_mistakes_have_file_and_line(tmp_path):
    config = tmp_path / "larderd.conf"
    config.write_text('[node]\nmemroy = 1g\nmax-item = much\n[grup "a"]\n[group "a/b"]\n[group "c"]\nbacking = disk\n')
    done = run("--config", str(config), "--check-config")
    assert done.returncode == 1
    for piece in (f"{config}:2: ", "memory", f"{config}:3: ", f"{config}:4: ", f"{config}:5: ", f"{config}:7: "):
        assert piece in done.stdout + done.stderr


def test_reload_is_all_or_nothing(tmp_path):
    config = tmp_path / "larderd.conf"
    config.write_text('[group "short"]\nmax-ttl = 1000\n')
    with Daemon(tmp_path, "--listen", "127.0.0.1:0", "--config", str(config)) as daemon:
        def ttl_of(key):
            with daemon.connect() as one:
                return ask(one, b"ms %s 1\r\n1\r\nmg %s t\r\n" % (key, key), b"\r\n").split(b" t")[-1].strip()

        def reloads(result):
            return f'larder_config_reloads_total{{result="{result}"}} 1' in daemon.metrics()
        with daemon.connect() as kept:
            assert ttl_of(b"short/a") in (b"1000", b"999")
            assert ttl_of(b"new/a") == b"-1"
            config.write_text('[group "short"]\nmax-ttl = nonsense\n[group "new"]\nttl = 60\n')
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: reloads("failed"), 20, daemon.text)
            assert ttl_of(b"new/b") == b"-1", "nothing of it is taken"
            config.write_text('[group "new"]\nttl = 60\n')
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: reloads("ok"), 20, daemon.text)
            assert ttl_of(b"new/c") in (b"60", b"59")
            assert ttl_of(b"short/c") == b"-1"
            assert ask(kept, b"mn\r\n", b"\r\n") == b"MN\r\n", "connections live on"
        assert 'group="new"' in daemon.metrics()


STORE_GROUP = '[group "config"]\nbacking = store\nprefix = /registry/\n'


@pytest.mark.parametrize("changed, change", [
    ('[group "a"]\n', "would no longer be a store group"),
    (STORE_GROUP.replace("/registry/", "/other/"), "would have another prefix"),
    (STORE_GROUP + '[group "new"]\nbacking = store\n', "would become a store group"),
])
def test_store_groups_are_for_life(tmp_path, changed, change):
    config = tmp_path / "larderd.conf"
    config.write_text(STORE_GROUP + '[group "m"]\n')
    with Daemon(tmp_path, "--listen", "127.0.0.1:0", "--config", str(config), "--data-dir",
                str(tmp_path / "data")) as daemon:
        def reloads(result):
            return f'larder_config_reloads_total{{result="{result}"}} 1' in daemon.metrics()

        def ttl_of(key):
            with daemon.connect() as one:
                return ask(one, b"ms %s 1\r\n1\r\nmg %s t\r\n" % (key, key), b"\r\n").split(b" t")[-1].strip()
        config.write_text(changed + '[group "m"]\nttl = 60\n')
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloads("failed"), 20, daemon.text)
        assert change in daemon.text()
        assert "it takes a restart to change what a group has of a store" in daemon.text()
        assert ttl_of(b"m/a") == b"-1", "nothing of it is taken"
        config.write_text(STORE_GROUP + 'freshness = linearizable\nttl = 10\n[group "m"]\nttl = 60\n')
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloads("ok"), 20, daemon.text)
        assert ttl_of(b"m/b") in (b"60", b"59"), "what is not the store's own place may change"


def test_a_store_group_is_checked_with_its_directory(tmp_path):
    config = tmp_path / "larderd.conf"
    config.write_text(STORE_GROUP)
    done = run("--config", str(config), "--check-config", STATE_DIRECTORY=f"{tmp_path}/state:/elsewhere")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"OK: {config}; 2 groups, 1 of them in the store at {tmp_path}/state\n"
    assert not (tmp_path / "state").exists(), "a check makes nothing"
    done = run("--config", str(config), "--check-config", "--data-dir", str(config))
    assert done.returncode == 1
    assert f"data-dir = {config} is not a directory" in done.stderr


def test_drain_answers_what_was_asked(tmp_path):
    daemon = Daemon(tmp_path, "--listen", "127.0.0.1:0")
    with daemon.connect() as idle, daemon.connect() as half:
        assert ask(idle, b"mn\r\n", b"\r\n") == b"MN\r\n"
        assert ask(half, b"mn\r\nset a 0 0 5\r\nab", b"\r\n") == b"MN\r\n"
        daemon.process.send_signal(signal.SIGTERM)
        assert idle.recv(10) == b"", "nothing was under way here"
        half.sendall(b"cde\r\n")
        assert half.recv(100) == b"STORED\r\n", "this was"
        assert half.recv(100) == b""
    assert daemon.process.wait(30) == 0
    assert "draining" in daemon.text()


def test_the_drain_has_an_end(tmp_path):
    daemon = Daemon(tmp_path, "--listen", "127.0.0.1:0", "--drain-timeout", "100ms")
    with daemon.connect() as half:
        assert ask(half, b"mn\r\nset a 0 0 5\r\nab", b"\r\n") == b"MN\r\n"
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(30) == 0
    assert "drain-timeout" in daemon.text()


def test_too_many_connections(tmp_path):
    with Daemon(tmp_path, "--listen", "127.0.0.1:0", "--max-conns", "2") as daemon:
        # The counter is read on one of the two: a third would be refused, and counted, for as long as they are there.
        two = http.client.HTTPConnection("127.0.0.1", daemon.port(), timeout=10)
        with daemon.connect() as one, contextlib.closing(two):
            assert ask(one, b"mn\r\n", b"\r\n") == b"MN\r\n"
            two.request("GET", "/healthz")
            assert two.getresponse().read()
            with daemon.connect() as three:
                assert ask(three, b"", b"\n") == b"ERROR Too many open connections\r\n"
                assert three.recv(10) == b""
            two.request("GET", "/metrics")
            assert b'reason="max-conns"} 1\n' in two.getresponse().read()


def test_silent_connections_are_closed(tmp_path):
    with Daemon(tmp_path, "--listen", "127.0.0.1:0", "--idle-timeout", "1") as daemon:
        with daemon.connect() as silent:
            assert silent.recv(10) == b""
        assert 'larder_limit_hits_total{limit="idle-timeout"} 1' in daemon.metrics()


def test_a_large_value_that_stops_coming(tmp_path):
    with Daemon(tmp_path, "--listen", "127.0.0.1:0", "--value-timeout", "1") as daemon:
        with daemon.connect() as stuck, daemon.connect() as other:
            stuck.sendall(b"set a 0 0 500000\r\nabc")
            assert stuck.recv(10) == b"", "it is closed, for what has come of it takes memory from all"
            assert ask(other, b"get a\r\n", b"END\r\n") == b"END\r\n"
        assert 'larder_limit_hits_total{limit="value-timeout"} 1' in daemon.metrics()


def test_replies_after_the_clients_half_close(tmp_path):
    """printf | nc: the client says it is done, and still wants everything it asked for."""
    with Daemon(tmp_path, "--listen", "127.0.0.1:0") as daemon:
        value = b"x" * 10_000
        with daemon.connect() as one:
            assert ask(one, b"set a 0 0 10000\r\n" + value + b"\r\n", b"\r\n") == b"STORED\r\n"
            one.sendall(b"get a\r\n" * 400)
            one.shutdown(socket.SHUT_WR)
            received = b""
            while piece := one.recv(1 << 20):
                received += piece
        assert received == (b"VALUE a 0 10000\r\n" + value + b"\r\nEND\r\n") * 400


def test_readiness_for_systemd(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        try:
            with Daemon(tmp_path, "--listen", "127.0.0.1:0") as daemon:
                assert manager.recv(100) == b"READY=1"
                with daemon.connect() as one:  # TSan may lose a signal that comes while a thread begins its first wait
                    assert ask(one, b"mn\r\n", b"\r\n") == b"MN\r\n"
                daemon.process.send_signal(signal.SIGTERM)
                assert manager.recv(100) == b"STOPPING=1"
        finally:
            del os.environ["NOTIFY_SOCKET"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_whoever_does_not_stop_asking_changes_nothing(tmp_path, number):
    """Signals that come until the very end."""
    with Daemon(tmp_path, "--listen", "127.0.0.1:0") as daemon:
        daemon.process.send_signal(signal.SIGTERM)
        while daemon.process.poll() is None:
            daemon.process.send_signal(number)
            time.sleep(0.001)  # it has other things to do, too


def test_a_multi_get_larger_than_the_output_limit(start_server):
    """Every key is answered, in order, however little may wait at a time."""
    server = start_server(extra=["--max-output", "4k"])
    with Connection(server) as connection:
        for number in range(300):
            connection.ask(b"set k%d 0 0 9000\r\n%s\r\n" % (number, b"%04d" % number * 2250))
        reply = connection.ask(b"get " + b" ".join(b"k%d" % number for number in range(300)) + b"\r\n")
    assert reply == b"".join(b"VALUE k%d 0 9000\r\n%s\r\n" % (number, b"%04d" % number * 2250) for number in range(300)) + b"END\r\n"
