# SPDX-License-Identifier: Apache-2.0
"""The commands of `larder` that speak HTTP: put, ls, watch, group, and get of the past, against a node with a durable
group `config` and a memory group `plain`."""
import base64
import json
import re
import signal
import socket
import subprocess
import threading

import pytest

from server import wait_until
from test_cli import DEADLINE, DONE, LARDER, NOT_FOUND, SERVER_ERROR, UNREACHABLE, USAGE, Result, environment

pytestmark = pytest.mark.larder("memcached has no HTTP")

CONFIG = '[group "config"]\nbacking = store\n[group "plain"]\nbacking = memory\n'
HISTORY = 20
BINARY = bytes(range(256))


@pytest.fixture
def node(start_server, tmp_path):
    """A node that keeps HISTORY revisions."""
    path = tmp_path / "larderd.conf"
    path.write_text(CONFIG)
    return start_server(extra=("--config", str(path), "--data-dir", str(tmp_path / "data"), "--store-history",
                               str(HISTORY)))


@pytest.fixture
def address(node):
    return f"{node.host}:{node.port}"


@pytest.fixture
def larder(address):
    def run(*words, stdin=b"", server=address):
        ended = subprocess.run([LARDER, *map(str, words)], input=stdin, env=environment(server), capture_output=True,
                               timeout=DEADLINE)
        return Result(ended.returncode, ended.stdout, ended.stderr)
    return run


@pytest.fixture
def put(larder):
    """Stores a value and returns its revision."""
    def run(key, value, *words):
        line, = larder("put", key, value, "--json", *words).json_lines()
        assert (line["key"], line["result"]) == (key, "stored")
        return line["revision"]
    return run


def test_put_tells_the_revision(larder):
    first = larder("put", "config/a", "hello")
    found = re.fullmatch(rb"stored: config/a, 5 B, revision (\d+), new\n", first.out)
    assert (first.code, first.err) == (DONE, "") and found
    revision = int(found[1])
    assert larder("put", "config/a", "again").out == b"stored: config/a, 5 B, revision %d\n" % (revision + 1)
    line, = larder("put", "config/b", "x", "--json").json_lines()
    assert line == {"key": "config/b", "result": "stored", "revision": revision + 2, "created": True}
    assert larder("get", "config/a").out == b"again"


@pytest.mark.parametrize("key", ["config/a b?c#d%/../\u00e9", "config/", "config//x/", "config/.."])
def test_keys_arrive_as_they_are(larder, key):
    assert larder("put", key, "value").code == DONE
    got = larder("get", key, "--linearizable")
    assert (got.code, got.out) == (DONE, b"value")
    assert larder("get", key).out == b"value"


@pytest.mark.parametrize("value", [BINARY, b"", b"x" * 1000000], ids=["binary", "empty", "large"])
def test_bytes_survive(larder, tmp_path, value):
    path = tmp_path / "value"
    path.write_bytes(value)
    assert larder("put", "config/file", "--file", path).code == DONE
    assert larder("put", "config/pipe", "-", stdin=value).code == DONE
    assert larder("get", "config/file").out == value
    assert larder("get", "config/pipe", "--linearizable").out == value


def test_put_in_a_memory_group_has_no_revision(larder):
    assert larder("put", "plain/a", "hello").out == b"stored: plain/a, 5 B\n"
    assert larder("put", "plain/a", "hello", "--json").json_lines() == [{"key": "plain/a", "result": "stored"}]
    assert larder("get", "plain/a").out == b"hello"


def test_a_life(larder):
    stored = larder("put", "config/a", "x", "--ttl", "90s")
    assert stored.code == DONE and stored.out.endswith(b", new, for 1 min 30 s\n")
    line, = larder("get", "config/a", "--json").json_lines()
    assert 85 <= line["ttl"] <= 91


def test_put_under_conditions(larder, put):
    assert larder("put", "config/a", "1", "--if-match", "7").code == NOT_FOUND
    revision = put("config/a", "1", "--if-none-match")
    refused = larder("put", "config/a", "2", "--if-none-match")
    assert (refused.code, refused.out) == (NOT_FOUND, b"")
    assert "not stored: config/a: it is there already" in refused.err
    assert put("config/a", "2", "--if-match", revision) == revision + 1
    refused = larder("put", "config/a", "3", "--if-match", revision)
    assert (refused.code, refused.out) == (NOT_FOUND, b"")
    assert f"it is not as it was at revision {revision}" in refused.err
    line, = larder("put", "config/a", "3", "--if-match", revision, "--json").json_lines()
    assert line == {"key": "config/a", "result": "not_stored"}
    assert larder("get", "config/a").out == b"2"


@pytest.mark.parametrize("words", [
    ("put", "a"), ("put", "a", "b", "--file", "c"), ("put", "a", "b", "--if-match", "x"),
    ("put", "a", "b", "--if-match", "1", "--if-none-match"), ("put", "a", "--file", "/nowhere/at/all"),
    ("get", "a", "--linearizable", "--rev", "3"), ("ls",), ("ls", "a", "b"), ("watch",), ("group",), ("group", "drop"),
])
def test_senseless_arguments(larder, words):
    ended = larder(*words)
    assert (ended.code, ended.out) == (USAGE, b"")
    assert ended.err.startswith("larder ")


def test_the_past(larder, put):
    first = put("config/a", "one")
    put("config/a", "two")
    assert larder("get", "config/a", "--rev", first).out == b"one"
    line, = larder("get", "config/a", "--rev", first, "--json").json_lines()
    assert line == {"key": "config/a", "found": True, "value": "one", "revision": first}
    assert larder("get", "config/a", "--rev", first - 1).code in (NOT_FOUND, SERVER_ERROR)
    assert "not reached yet" in larder("get", "config/a", "--rev", first + 100).err


def test_the_past_that_is_gone(larder, put):
    first = put("config/a", "one")
    for _ in range(3 * HISTORY):
        put("config/a", "more")
    wait_until(lambda: larder("get", "config/a", "--rev", first).code == SERVER_ERROR, DEADLINE, "compaction")
    gone = larder("get", "config/a", "--rev", first)
    oldest = int(re.search(r"the oldest revision that is kept is (\d+)", gone.err)[1])
    assert oldest > first
    assert larder("get", "config/a", "--rev", oldest).code in (DONE, NOT_FOUND)


def fill(node, count):
    """Stores keys config/00000 and so on, by memcached."""
    with socket.create_connection((node.host, node.port)) as connection:
        connection.sendall(b"".join(b"set config/%05d 0 0 1\r\nv\r\n" % number for number in range(count)))
        replies = connection.makefile("rb")
        assert [replies.readline() for _ in range(count)] == [b"STORED\r\n"] * count


def test_ls_is_a_table(larder, put):
    put("config/b", "two")
    first = put("config/a", "1")
    last = put("config/a", "line\nline")
    listed = larder("ls", "config")
    assert (listed.code, listed.err) == (DONE, "")
    lines = [line.split() for line in listed.out.decode().splitlines()]
    assert lines[0] == ["REVISION", "VERSION", "KEY", "VALUE"]
    assert lines[1][:4] == [str(last), "2", "config/a", "line..."]
    assert lines[2] == [str(first - 1), "1", "config/b", "two"]
    assert larder("ls", "config/b").out.count(b"\n") == 2
    assert larder("ls", "config/nothing").code == DONE
    assert larder("ls", "config", "--keys-only").out == b"config/a\nconfig/b\n"
    assert larder("ls", "config", "--keys-only", "--limit", "1").out == b"config/a\n"
    assert b"config/a" in larder("ls", "config", "--rev", first).out
    assert larder("ls", "config", "--rev", first - 1, "--keys-only").out == b"config/b\n"


def test_ls_for_programs(larder, put, tmp_path):
    revision = put("config/a", "x")
    path = tmp_path / "value"
    path.write_bytes(BINARY)
    assert larder("put", "config/b", "--file", path).code == DONE
    plain, binary = larder("ls", "config", "--json").json_lines()
    assert plain == {"key": "config/a", "create_revision": revision, "mod_revision": revision, "version": 1,
                     "value": "x"}
    assert base64.b64decode(binary["value"]) == BINARY and binary["value_encoding"] == "base64"
    assert all("value" not in line for line in larder("ls", "config", "--json", "--keys-only").json_lines())
    assert b"(256 B that are not text)" in larder("ls", "config").out


def test_ls_pages_through_everything(larder, node):
    fill(node, 2500)
    keys = larder("ls", "config", "--keys-only").out.split()
    assert keys == [b"config/%05d" % number for number in range(2500)]
    assert larder("ls", "config", "--keys-only", "--limit", "1200").out.split() == keys[:1200]
    assert larder("ls", "config/01", "--keys-only").out.split() == keys[1000:2000]


@pytest.mark.parametrize("words", [("ls", "plain"), ("watch", "plain/a"), ("watch", "--prefix", "plain"),
                                   ("ls", "nothing"), ("get", "plain/a", "--rev", "1")])
def test_what_only_durable_groups_have(larder, words):
    refused = larder(*words)
    assert (refused.code, refused.out) == (SERVER_ERROR, b"")
    assert "larder group list" in refused.err


class Watch:
    """A running `larder watch`; its lines come one by one."""

    def __init__(self, server, *words):
        self._process = subprocess.Popen([LARDER, "watch", *map(str, words)], env=environment(server),
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._timer = threading.Timer(DEADLINE, self._process.kill)
        self._timer.start()

    def line(self):
        return self._process.stdout.readline().decode()

    def event(self):
        return json.loads(self.line())

    def end(self, number=None):
        """Its exit code, what it still printed, and its troubles."""
        if number is not None:
            self._process.send_signal(number)
        out, err = self._process.communicate(timeout=DEADLINE)
        self._timer.cancel()
        return self._process.returncode, out.decode(), err.decode()


@pytest.fixture
def watch(address):
    running = []

    def start(*words, server=address):
        running.append(Watch(server, *words))
        return running[-1]
    yield start
    for each in running:
        each.end(signal.SIGKILL)


def watchers(larder):
    line, = larder("group", "list", "--json").json_lines()
    return line["store"]["watchers"]


def test_watch_prints_what_happens(larder, put, watch):
    one = watch("config/a")
    all_keys = watch("--prefix", "config", "--json")
    wait_until(lambda: watchers(larder) == 2, DEADLINE, "both watch")
    revision = put("config/a", "hello")
    put("config/b", "other")
    assert larder("del", "config/a").code == DONE
    assert one.line().split() == [str(revision), "put", "config/a", "hello"]
    assert one.line().split() == [str(revision + 2), "delete", "config/a"]
    assert all_keys.event() == {"revision": revision, "event": "put", "key": "config/a", "create_revision": revision,
                                "mod_revision": revision, "version": 1, "value": "hello"}
    assert all_keys.event()["key"] == "config/b"
    assert all_keys.event() == {"revision": revision + 2, "event": "delete", "key": "config/a",
                                "mod_revision": revision + 2}
    for number, watched in ((signal.SIGINT, one), (signal.SIGTERM, all_keys)):
        assert watched.end(number) == (DONE, "", "")


def test_watch_begins_in_the_past_and_ends_after_a_count(put, watch):
    first = put("config/a", "1")
    put("config/a", "2")
    put("config/a", "3")
    code, out, err = watch("config/a", "--from-rev", first + 1, "--count", "2").end()
    assert (code, err) == (DONE, "")
    assert [line.split()[0] for line in out.splitlines()] == [str(first + 1), str(first + 2)]


class Proxy:
    """A way to the node that can be cut."""

    def __init__(self, node):
        self._target = (node.host, node.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._pairs = []
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._open:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._pairs += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
        except OSError:
            pass

    def cut(self):
        self._open = False
        for each in self._pairs:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def mend(self):
        self._open = True

    def close(self):
        self._listener.close()
        self.cut()


@pytest.fixture
def proxy(node):
    made = Proxy(node)
    yield made
    made.close()


@pytest.mark.parametrize("words", [("--prefix", "config"), ("config/a",)])
def test_watch_comes_back_and_misses_nothing(larder, put, watch, proxy, words):
    watched = watch(*words, server=proxy.address)
    wait_until(lambda: watchers(larder) == 1, DEADLINE, "it watches")
    revision = put("config/a", "here")
    assert watched.line().split()[0] == str(revision)
    for _ in range(3):
        proxy.cut()
        revisions = [put("config/a", "away"), put("config/a", "away")]
        proxy.mend()
        revisions.append(put("config/a", "back"))
        assert [int(watched.line().split()[0]) for _ in revisions] == revisions
    code, out, err = watched.end(signal.SIGINT)
    assert (code, out) == (DONE, "")
    assert "is lost; coming back for what is after revision" in err


def test_watch_ends_when_history_is_gone(larder, put, watch, proxy):
    first = put("config/a", "1")
    watched = watch("config/a", "--from-rev", first, server=proxy.address)
    assert watched.line().split()[0] == str(first)
    proxy.cut()
    for _ in range(3 * HISTORY):
        put("config/a", "more")
    wait_until(lambda: larder("get", "config/a", "--rev", first).code == SERVER_ERROR, DEADLINE, "compaction")
    proxy.mend()
    code, out, err = watched.end()
    assert (code, out) == (SERVER_ERROR, "")
    assert f"the history after revision {first} was compacted away" in err
    assert re.search(r"the oldest revision that is kept is \d+", err)


def test_groups(larder, put):
    put("config/a", "x")
    listed = larder("group", "list")
    assert (listed.code, listed.err) == (DONE, "")
    lines = [line.split() for line in listed.out.decode().splitlines()]
    assert lines[0][:3] == ["GROUP", "BACKING", "FRESH"]
    backings = {line[0]: line[1] for line in lines[1:] if len(line) > 5}
    assert backings.items() >= {"default": "memory", "config": "store", "plain": "memory"}.items()
    assert re.search(rb"\nstore  revision \d+.*, 1 keys, ", listed.out)
    line, = larder("group", "list", "--json").json_lines()
    assert {group["name"] for group in line["groups"]} == {"default", "config", "plain"}
    assert line["store"]["keys"] == 1


COMMANDS = [("put", "config/a", "x"), ("ls", "config"), ("watch", "config/a"), ("group", "list"),
            ("get", "config/a", "--linearizable")]


@pytest.mark.parametrize("words", COMMANDS)
def test_nobody_there(larder, words):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        ended = larder(*words, server="127.0.0.1:%d" % bound.getsockname()[1])
    assert (ended.code, ended.out) == (UNREACHABLE, b"")
    assert "connection refused; is larderd running?" in ended.err
    assert larder(*words, server="unix:/nowhere/socket").code == UNREACHABLE
    assert larder(*words, server="nonsense").code == USAGE


@pytest.mark.parametrize("words", COMMANDS)
def test_somebody_else_there(larder, words):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(b"ERROR\r\n")
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        ended = larder(*words, server="127.0.0.1:%d" % listener.getsockname()[1])
        thread.join()
    assert (ended.code, ended.out) == (SERVER_ERROR, b"")
    assert "does not speak HTTP like Larder" in ended.err


@pytest.mark.parametrize("command", ["put", "ls", "watch", "group"])
def test_help_teaches(larder, command):
    told = larder(command, "--help")
    assert (told.code, told.err) == (DONE, "")
    for text in (b"usage: larder " + command.encode(), b"examples:", b"exit codes:", b"--server"):
        assert text in told.out
