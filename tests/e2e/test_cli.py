# SPDX-License-Identifier: Apache-2.0
"""The tool `larder`, run as a person or a script runs it. LARDER names the binary (default: build/larder)."""
import base64
import functools
import json
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from server import REPOSITORY, wait_until

DONE, NOT_FOUND, USAGE, UNREACHABLE, SERVER_ERROR = range(5)
LARDER = pathlib.Path(os.environ.get("LARDER", REPOSITORY / "build" / "larder")).resolve()
DEADLINE = 30
BINARY = bytes(range(256)) * 5


class Result:
    def __init__(self, code, out, err=b""):
        self.code, self.out, self.err = code, out, err.decode()

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


def environment(address, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LARDER") and name != "NO_COLOR"}
    return kept | {"LARDER_SERVER": address, "TERM": "xterm", "LC_ALL": "C.UTF-8"} | more


@pytest.fixture
def address(connection, server):
    """The address of the shared server, which is empty at first."""
    return f"{server.host}:{server.port}"


@pytest.fixture
def larder(address):
    """Runs larder with words, and standard output and error as pipes."""
    def run(*words, stdin=b"", **more):
        ended = subprocess.run([LARDER, *words], input=stdin, env=environment(address, **more), capture_output=True,
                               timeout=DEADLINE)
        return Result(ended.returncode, ended.stdout, ended.stderr)
    return run


def run_on_terminal(address, *words, typed=b"", **more):
    """Runs larder on a pseudo-terminal; what it printed comes back as one text."""
    master, slave = pty.openpty()
    process = subprocess.Popen([LARDER, *words], stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                               env=environment(address, **more))
    os.close(slave)
    os.write(master, typed)
    timer = threading.Timer(DEADLINE, process.kill)
    timer.start()
    seen = b""
    try:
        while True:
            seen += os.read(master, 65536)
    except OSError:  # the terminal's other side is closed
        pass
    code = process.wait()
    timer.cancel()
    os.close(master)
    return Result(code, seen.replace(b"\r\n", b"\n"))


@pytest.fixture
def closed_address():
    """An address where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def impostor():
    """A server that takes connections and does as told: impostor(answer) returns its address; None means silence."""
    sockets = []

    def start(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def serve():
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            sockets.append(accepted)
            accepted.recv(65536)
            if answer is not None:
                accepted.sendall(answer)
                accepted.shutdown(socket.SHUT_WR)
        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"
    yield start
    for each in sockets:
        each.close()


def test_set_and_get(larder):
    stored = larder("set", "greeting", "hello, world")
    assert (stored.code, stored.out, stored.err) == (DONE, b"stored: greeting, 12 B\n", "")
    got = larder("get", "greeting")
    assert (got.code, got.out, got.err) == (DONE, b"hello, world", "")


def test_get_of_what_is_not_there(larder):
    got = larder("get", "nothing")
    assert (got.code, got.out, got.err) == (NOT_FOUND, b"", "not found: nothing\n")
    as_json = larder("get", "nothing", "--json")
    assert (as_json.code, as_json.json_lines(), as_json.err) == (NOT_FOUND, [{"key": "nothing", "found": False}], "")


def test_get_of_an_empty_value(larder):
    larder("set", "empty", "")
    got = larder("get", "empty")
    assert (got.code, got.out) == (DONE, b"")


@pytest.mark.parametrize("value", [BINARY, b"\r\nEND\r\n", b"x" * 1000000], ids=["binary", "protocol", "large"])
def test_bytes_survive(larder, tmp_path, value):
    path = tmp_path / "value"
    path.write_bytes(value)
    assert larder("set", "from-file", f"@{path}").code == DONE
    assert larder("set", "from-pipe", "-", stdin=value).code == DONE
    assert larder("get", "from-file").out == value
    assert larder("get", "from-pipe", "-o", str(tmp_path / "copy")).code == DONE
    assert (tmp_path / "copy").read_bytes() == value


def test_literal_values(larder):
    assert larder("set", "--literal", "at", "@home").code == DONE
    assert larder("get", "at").out == b"@home"
    assert larder("set", "--literal", "dash", "-").code == DONE
    assert larder("get", "dash").out == b"-"
    assert larder("set", "minus", "--", "-5").code == DONE
    assert larder("get", "minus").out == b"-5"


def test_several_keys(larder):
    larder("set", "a", "1")
    larder("set", "b", "2")
    got = larder("get", "a", "missing", "b")
    assert (got.code, got.out, got.err) == (NOT_FOUND, b"a: 1\nb: 2\n", "not found: missing\n")


def test_more_keys_than_the_queue_holds(larder):
    larder("set", "k2999", "last")
    got = larder("get", "--json", *[f"k{i}" for i in range(3000)])
    lines = got.json_lines()
    assert [line["key"] for line in lines] == [f"k{i}" for i in range(3000)]
    assert [line["key"] for line in lines if line["found"]] == ["k2999"]


def test_json_tells_all(larder, connection):
    connection.ask(b"set a 7 100 5\r\nh\xc3\xa9-\0\r\n")
    line, = larder("get", "a", "--json").json_lines()
    cas = line.pop("cas")
    assert isinstance(cas, int) and cas > 0
    assert line.pop("ttl") in (98, 99, 100)
    assert line == {"key": "a", "found": True, "value": "hé-\0", "flags": 7}
    connection.ask(b"set b 0 0 2\r\n\xff\xfe\r\n")
    line, = larder("get", "b", "--json").json_lines()
    assert line["value_encoding"] == "base64" and base64.b64decode(line["value"]) == b"\xff\xfe"
    assert line["ttl"] is None


def test_life_and_flags(larder, connection):
    assert larder("set", "k", "v", "--ttl", "90s", "--flags", "4294967295").out == b"stored: k, 1 B, for 1 min 30 s\n"
    assert re.fullmatch(rb"HD t(8[89]|90) f4294967295\r\n", connection.ask(b"mg k t f\r\n"))


def test_life_longer_than_a_month(larder, connection):
    larder("set", "k", "v", "--ttl", "1000h")
    seconds = int(re.fullmatch(rb"HD t(\d+)\r\n", connection.ask(b"mg k t\r\n")).group(1))
    assert 3600000 - 60 <= seconds <= 3600000 + 60


def test_a_part_of_a_second_is_a_life(larder, connection):
    larder("set", "k", "v", "--ttl", "1ms")
    assert connection.ask(b"mg k t\r\n") in (b"HD t1\r\n", b"HD t0\r\n", b"EN\r\n")


def test_conditions(larder):
    refused = larder("set", "k", "0", "--if-present")
    assert (refused.code, refused.out, refused.err) == (NOT_FOUND, b"", "not stored: k: it is not there\n")
    assert larder("set", "k", "1", "--if-absent").code == DONE
    refused = larder("set", "k", "2", "--if-absent")
    assert (refused.code, refused.err) == (NOT_FOUND, "not stored: k: it is there already\n")
    assert larder("set", "k", "3", "--if-present").code == DONE
    assert larder("get", "k").out == b"3"


def test_cas(larder):
    cas = larder("set", "k", "1", "--json").json_lines()[0]["cas"]
    assert larder("set", "k", "2", "--cas", str(cas)).code == DONE
    late = larder("set", "k", "3", "--cas", str(cas), "--json")
    assert (late.code, late.json_lines()) == (NOT_FOUND, [{"key": "k", "result": "changed"}])
    gone = larder("set", "gone", "3", "--cas", str(cas), "--json")
    assert (gone.code, gone.json_lines()) == (NOT_FOUND, [{"key": "gone", "result": "not_found"}])
    assert larder("get", "k").out == b"2"


def test_del(larder):
    larder("set", "a", "1")
    larder("set", "b", "1")
    gone = larder("del", "a", "missing", "b")
    assert (gone.code, gone.out, gone.err) == (NOT_FOUND, b"deleted: a\ndeleted: b\n", "not found: missing\n")
    assert larder("get", "a").code == NOT_FOUND
    larder("set", "a", "1")
    assert larder("del", "a", "--json").json_lines() == [{"key": "a", "result": "deleted"}]


@pytest.mark.parametrize("key", ["with space", "line\nbreak", "\x01\x7f", "ключ"])
def test_odd_keys(larder, key):
    assert larder("set", key, "v").code == DONE
    line, = larder("get", key, "--json").json_lines()
    assert (line["key"], line["value"]) == (key, "v")
    assert larder("del", key).code == DONE


@pytest.mark.parametrize("key", ["", "x" * 251, "x y" * 63])
def test_impossible_keys(larder, key):
    for words in (("get", key), ("set", key, "v"), ("del", key)):
        refused = larder(*words)
        assert refused.code == USAGE and "1 to 250 bytes" in refused.err


def test_a_value_that_the_server_refuses(larder):
    larder("set", "big", "small")
    refused = larder("set", "big", "-", stdin=bytes(2 << 20))
    assert refused.code == SERVER_ERROR
    assert "object too large for cache" in refused.err and "--max-item" in refused.err


def test_stats(larder, connection):
    connection.ask(b"get missing\r\n")
    lines = dict(line.split(None, 1) for line in larder("stats").out.decode().splitlines())
    assert int(lines["get_misses"]) >= 1 and lines["version"]
    statistics, = larder("stats", "--json").json_lines()
    assert statistics["get_misses"] >= 1 and isinstance(statistics["version"], str)
    settings, = larder("stats", "settings", "--json").json_lines()
    assert settings["maxbytes"] == 64 << 20
    unknown = larder("stats", "nonsense")
    assert unknown.code == SERVER_ERROR and "does not know this command" in unknown.err
    assert larder("stats", "two words").code == USAGE


def test_stats_watch(address, start_server):
    own = start_server()
    process = subprocess.Popen([LARDER, "stats", "--watch", "--interval", "10ms", "--json"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=environment(f"{own.host}:{own.port}"))
    try:
        for _ in range(3):
            assert json.loads(process.stdout.readline())["curr_items"] == 0
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


def test_flush(larder, connection):
    larder("set", "a", "1")
    unsure = larder("flush")
    assert unsure.code == USAGE and "--yes" in unsure.err
    assert larder("get", "a").code == DONE
    assert larder("flush", "--yes").code == DONE
    assert larder("get", "a").code == NOT_FOUND


def test_flush_asks_on_a_terminal(address, larder):
    larder("set", "a", "1")
    assert run_on_terminal(address, "flush", typed=b"n\n").code == NOT_FOUND
    assert larder("get", "a").code == DONE
    assert run_on_terminal(address, "flush", typed=b"y\n").code == DONE
    assert larder("get", "a").code == NOT_FOUND


def test_flush_later(larder):
    larder("set", "a", "1")
    assert larder("flush", "--yes", "--delay", "2s", "--json").json_lines() == [{"result": "done", "delay": 2}]
    wait_until(lambda: larder("get", "a").code == NOT_FOUND, DEADLINE, "the delayed flush")


def test_status(larder, start_server):
    own = start_server()
    address = f"{own.host}:{own.port}"
    larder = functools.partial(larder, LARDER_SERVER=address)
    larder("set", "a", "1")
    larder("get", "a")
    larder("get", "b")
    screen = larder("status").out.decode()
    assert address in screen.splitlines()[0]
    for word in ("version", "up ", "hit ratio", "memory", "of 64.0 MiB", "items", "evictions", "connections"):
        assert word in screen
    assert "\033" not in screen and len(screen.splitlines()) < 24
    status, = larder("status", "--json").json_lines()
    assert status["items"] == 1 and status["memory_limit_bytes"] == 64 << 20
    assert status["hit_ratio"] == 0.5 and status["connections"] >= 1


STORE_STATS = {
    "store_revision": 1234, "store_compacted_revision": 34, "store_compactions": 2, "store_keys": 1000,
    "store_bytes": 512 << 20, "store_quota_bytes": 2 << 30, "store_file_bytes": 600 << 20, "store_full": 0,
    "store_commits": 100, "store_commit_operations": 1250, "store_syncs": 200, "store_sync_us": 250_000,
    "store_leases": 3, "store_watchers": 7, "store_pending_writes": 5,
}


def stats_answer(stats):
    return b"".join(b"STAT %s %d\r\n" % (name.encode(), value) for name, value in stats.items()) + b"END\r\n"


def test_status_of_a_store(larder, impostor):
    screen = larder("status", "--server", impostor(stats_answer(STORE_STATS))).out.decode()
    for piece in ("25 %   512 MiB of 2.00 GiB", "1,000 at revision 1,234; 7 watches, 3 leases",
                  "100, 12.5 writes and 2.50 ms each, 5 waiting"):
        assert piece in screen
    assert "full" not in screen
    screen = larder("status", "--server", impostor(stats_answer(STORE_STATS | {"store_full": 1, "store_commits": 0})))
    assert b"full: it takes no writes" in screen.out and b"commits     0, 5 waiting" in screen.out
    status, = larder("status", "--json", "--server", impostor(stats_answer(STORE_STATS))).json_lines()
    assert status["store"] == {
        "revision": 1234, "compacted_revision": 34, "compactions": 2, "keys": 1000, "bytes": 512 << 20,
        "quota_bytes": 2 << 30, "file_bytes": 600 << 20, "full": False, "commits": 100, "commit_operations": 1250,
        "syncs": 200, "sync_microseconds": 250_000, "watchers": 7, "leases": 3, "pending_writes": 5}


def test_status_without_a_store(larder):
    assert b"revision" not in larder("status").out
    assert larder("status", "--json").json_lines()[0]["store"] is None


def test_colours(address):
    assert b"\033[" in run_on_terminal(address, "status").out
    assert b"\033[" not in run_on_terminal(address, "status", NO_COLOR="1").out
    assert b"\033[" not in run_on_terminal(address, "status", TERM="dumb").out


def test_a_terminal_is_not_disturbed(address, larder):
    larder("set", "evil", "\033[2J")
    larder("set", "text", "one line")
    seen = run_on_terminal(address, "get", "evil", NO_COLOR="1").out
    assert b"\033" not in seen and b"larder get evil -o FILE" in seen
    assert run_on_terminal(address, "get", "text").out == b"one line\n"


def test_unreachable(larder, closed_address):
    for words in (["get", "a"], ["set", "a", "1"], ["del", "a"], ["stats"], ["flush", "--yes"], ["status"],
                  ["stats", "--watch"]):
        refused = larder(*words, "--server", closed_address)
        assert refused.code == UNREACHABLE and refused.out == b""
        assert refused.err == (f"larder {words[0]}: cannot reach {closed_address}: connection refused; "
                               "is larderd running? start one with: larderd\n")


def test_the_option_wins_over_the_environment(larder, closed_address, address):
    assert larder("status", LARDER_SERVER=closed_address).code == UNREACHABLE
    assert larder("status", "--server", address, LARDER_SERVER=closed_address).code == DONE


def test_no_such_socket(larder, tmp_path):
    refused = larder("status", "--server", f"unix:{tmp_path}/none")
    assert refused.code == UNREACHABLE and "there is no such socket" in refused.err


def test_a_server_that_says_nothing(larder, impostor):
    begin = time.monotonic()
    silent = larder("get", "a", "--server", impostor(None), "--timeout", "100ms")
    assert silent.code == UNREACHABLE and "did not answer within 0.1 s" in silent.err
    assert time.monotonic() - begin < DEADLINE


def test_a_server_that_hangs_up(larder, impostor):
    closed = larder("get", "a", "--server", impostor(b""))
    assert closed.code == UNREACHABLE and "closed the connection" in closed.err


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"EN O99\r\n", b"STORED\r\n", b"\0" * 9000])
def test_something_that_is_no_memcached(larder, impostor, answer):
    wrong = larder("get", "a", "--server", impostor(answer))
    assert wrong.code == SERVER_ERROR and "is it the right port?" in wrong.err


def test_a_server_with_too_many_connections(larder, impostor):
    full = larder("get", "a", "--server", impostor(b"ERROR Too many open connections\r\n"))
    assert full.code == SERVER_ERROR
    assert full.err == "larder get: the server refused to get a: Too many open connections\n"


def test_words_of_a_server_do_not_reach_the_terminal_raw(larder, impostor):
    said = larder("get", "a", "--server", impostor(b"SERVER_ERROR \033[2Jout\r\n"))
    assert said.code == SERVER_ERROR and "\033" not in said.err and "?[2Jout" in said.err


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["get"], ["set", "k"], ["set", "k", "v", "w"], ["del"], ["flush", "x"], ["status", "x"],
    ["get", "--nonsense", "k"], ["get", "k", "--timeout", "soon"], ["get", "k", "--server", "nowhere"],
    ["get", "a", "b", "-o", "file"], ["get", "a", "-o"], ["set", "k", "v", "--ttl", "-5"],
    ["set", "k", "v", "--flags", "4294967296"], ["set", "k", "v", "--cas", "x"],
    ["set", "k", "v", "--cas", "1", "--if-absent"], ["set", "k", "@/nonexistent/file"],
])
def test_wrong_arguments(larder, words):
    wrong = larder(*words)
    assert wrong.code == USAGE and wrong.out == b"" and "larder" in wrong.err


def test_a_full_disk_is_noticed(larder, address):
    larder("set", "a", "1")
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([LARDER, "get", "a"], env=environment(address), stdout=full, stderr=subprocess.PIPE,
                               timeout=DEADLINE)
    assert ended.returncode == USAGE and b"No space left" in ended.stderr
    assert larder("get", "a", "-o", "/dev/full").code == USAGE


@pytest.mark.parametrize("name", ["get", "set", "del", "stats", "flush", "status"])
def test_help_teaches(larder, name):
    for words in ([name, "--help"], ["help", name]):
        text = larder(*words)
        assert text.code == DONE and text.err == ""
        for part in ("usage: larder " + name, "examples:", "options:", "--server", "exit codes:"):
            assert part in text.out.decode()
    assert f"  {name} " in larder("--help").out.decode()
