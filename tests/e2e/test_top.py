# SPDX-License-Identifier: Apache-2.0
"""`larder top`: what is asked for most, of one node and of a cluster, on a terminal and for programs."""
import fcntl
import json
import os
import pathlib
import pty
import signal
import struct
import subprocess
import termios
import threading

import pytest

from httpwire import ask
from server import REPOSITORY, wait_until
from sharednodes import SharedNodes, names_of
from wire import Connection

pytestmark = pytest.mark.larder("memcached tells nothing of the kind")

LARDER = pathlib.Path(os.environ.get("LARDER", REPOSITORY / "build" / "larder")).resolve()
DEADLINE = 30


def start_top(server, *words, **options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LARDER") and name != "NO_COLOR"}
    return subprocess.Popen([LARDER, "top", "--server", f"{server.host}:{server.port}", *words],
                            env=environment | {"TERM": "xterm", "LC_ALL": "C.UTF-8"}, **options)


def look(server, *words):
    """What it says once, as JSON."""
    process = start_top(server, "--json", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    line, = out.splitlines()
    return json.loads(line)


def ask_often(server, key, times=4000):
    with Connection(server, deadline=DEADLINE) as connection:
        assert connection.ask(b"get %s\r\n" % key * times) == b"END\r\n" * times


def listed(server, *words):
    return {key["key"]: key for key in look(server, "--keys", *words)["keys"]}


def test_the_keys_of_a_node(start, tmp_path):
    node = start(tmp_path / "node")
    ask_often(node, b"mem/hot")
    ask_often(node, b"mem/warm", 1000)
    with Connection(node, deadline=DEADLINE) as connection:
        assert connection.ask(b"mg GzJKL/8= b v\r\n" * 2000) == b"EN\r\n" * 2000
    wait_until(lambda: len(listed(node)) == 3, DEADLINE, lambda: f"three keys are hot: {look(node, '--keys')}")
    seen = look(node, "--keys", "--count", "2")
    assert [key["key"] for key in seen["keys"]] == ["mem/hot", "GzJKL/8="] and seen["keys"][1]["key_encoding"] == "base64"
    assert seen["nodes"] == 1 and seen["missing"] == [] and seen["hot_rate"] == 100
    hot = seen["keys"][0]
    assert hot["hot"] and hot["group"] == "mem" and 0.3 < hot["share"] < 0.9 and "owner" not in hot
    told = start_top(node, "--keys", "--once", stdout=subprocess.PIPE).communicate(timeout=DEADLINE)[0].decode()
    assert told.splitlines()[1].split() == ["RATE/S", "SHARE", "%", "KEY"] and told.splitlines()[2].endswith("  mem/hot")
    assert told.splitlines()[3].endswith("  \\x1b2J/\\xff") and "\x1b" not in told


def test_on_a_terminal_until_it_is_interrupted(start, tmp_path):
    node = start(tmp_path / "node")
    ask_often(node, b"mem/a-key-with-a-long-name")
    wait_until(lambda: listed(node), DEADLINE, "the key is listed")
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    process = start_top(node, "--keys", "--interval", "100ms", stdin=slave, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    timer = threading.Timer(DEADLINE, process.kill)
    timer.start()
    seen = b""
    while seen.count(b"\x1b[H") < 4:  # it draws again and again
        seen += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    try:
        while more := os.read(master, 65536):
            seen += more
    except OSError:  # the terminal's other side is closed
        pass
    assert process.wait() == 0
    timer.cancel()
    os.close(master)
    assert b"mem/a-key-with-a..." in seen and b"a-long-name" not in seen
    assert b"\x1b[33m" in seen  # it is hot


def test_the_groups_of_a_node(start, tmp_path):
    node = start(tmp_path / "node")
    with Connection(node, deadline=DEADLINE) as connection:
        assert connection.ask(b"set mem/a 0 0 1\r\nx\r\n") == b"STORED\r\n"
        process = start_top(node, "--json", "--interval", "100ms", stdout=subprocess.PIPE)
        timer = threading.Timer(DEADLINE, process.kill)
        timer.start()
        while True:
            connection.ask(b"get mem/a\r\n" * 30 + b"get mem/b\r\n" * 10)
            groups = {group["name"]: group for group in json.loads(process.stdout.readline())["groups"]}
            if groups["mem"]["rate"] > 0 and groups["mem"]["hit_ratio"] == 0.75:
                break
        process.send_signal(signal.SIGINT)
        process.communicate()
        timer.cancel()
    assert process.returncode == 0
    assert set(groups) == {"config", "default", "mem"}
    assert groups["config"]["rate"] == 0 and groups["config"]["hit_ratio"] is None


def test_nothing_is_counted_if_it_is_not_wanted(start, tmp_path):
    node = start(tmp_path / "node", extra=["--hot-rate", "0"])
    assert look(node, "--keys")["keys"] == []
    told = start_top(node, "--keys", "--once", stdout=subprocess.PIPE).communicate(timeout=DEADLINE)[0]
    assert b"hot-rate is 0" in told


def test_a_server_that_is_not_there(start, tmp_path):
    node = start(tmp_path / "node")
    node.stop()
    process = start_top(node, "--keys", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 3 and out == b"" and b"larderd" in err


@pytest.mark.slow
def test_a_cluster_is_added_up(tmp_path):
    """Each request counts once, at the node that was asked by the client; the owner counts nothing of it."""
    nodes = SharedNodes(tmp_path / "nodes", count=2)
    try:
        keys = [f"mem/{name.decode()}" for name in names_of(20)]
        owned = {ask(nodes.nodes[0], "GET", f"/admin/ring?key={key}").json["owner"]: key for key in keys}
        other, owner = nodes.nodes
        key = owned[owner.name]
        ask_often(other, key.encode())
        ask_often(other, b"mem/of-both")
        ask_often(owner, b"mem/of-both")
        wait_until(lambda: "mem/of-both" in listed(owner, "--local") and key in listed(other, "--local"), DEADLINE,
                   "the keys are listed")
        assert key not in listed(owner, "--local")
        seen = look(owner, "--keys")
        assert seen["nodes"] == 2 and seen["missing"] == []
        assert {each["key"]: each for each in seen["keys"]}[key]["owner"] == owner.name

        def adds_up():
            """The one look is older than the other two, and rates fall."""
            for node in nodes.nodes:
                ask_often(node, b"mem/of-both")
            both, *each = [listed(node, *words).get("mem/of-both", {"rate": 0})["rate"]
                           for node, words in ((owner, ()), (owner, ("--local",)), (other, ("--local",)))]
            return min(each) > 0 and both > 0.8 * sum(each)
        wait_until(adds_up, DEADLINE, "the rates are those of both nodes")
        owner.kill()
        seen = look(other, "--keys")
        assert seen["nodes"] == 1
        if len(ask(other, "GET", "/admin/members").json["nodes"]) == 2:  # its lease has not run out yet
            assert seen["missing"] == [owner.name]
    finally:
        nodes.kill()
