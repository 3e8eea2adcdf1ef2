# SPDX-License-Identifier: Apache-2.0
"""`larder restore`: what a person or a script sees of it. The snapshots are made by hand, of the format's description
(store/local/snapshot_format.h); they have leases and notes, and no keys."""
import hashlib
import json
import os
import pty
import struct
import subprocess
import threading

import pytest

from httpwire import ask, start_node
from test_cli import DEADLINE, DONE, LARDER, NOT_FOUND, USAGE, Result, environment

pytestmark = pytest.mark.larder("memcached keeps nothing on disk")

MAGIC = b"LARDER SNAPSHOT\n"
HEAD, LEASE, NOTE, RECORD, END = range(1, 6)


def block(kind, content):
    return struct.pack("<II", kind, len(content)) + content


def note(name, value):
    return block(NOTE, struct.pack("<I", len(name)) + name + value)


def snapshot(version=1, leases=((7, 100), (9, 200)), notes=((b"identity", b"me"), (b"users", b"us"))):
    body = MAGIC + block(HEAD, struct.pack("<IIqqQ", version, 0, 1, 0, 0))
    body += b"".join(block(LEASE, struct.pack("<qq", *lease)) for lease in leases)
    body += b"".join(note(*one) for one in notes)
    body += block(END, struct.pack("<QQQ", len(leases), len(notes), 0))
    return body + hashlib.sha256(body).digest()


def restore(*words):
    ended = subprocess.run([LARDER, "restore", *map(str, words)], stdin=subprocess.DEVNULL, env=environment(""),
                           capture_output=True, timeout=DEADLINE)
    return Result(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "backup.snapshot"
    path.write_bytes(snapshot())
    return path


def test_a_node_serves_what_was_restored(file, tmp_path):
    directory = tmp_path / "node"
    directory.mkdir()
    done = restore(file, "--data-dir", directory / "data")
    assert (done.code, done.err) == (DONE, "")
    assert f"restored to {directory / 'data'}\n" in done.out.decode() and "revision   1\n" in done.out.decode()
    assert not list(directory.glob("*.restoring"))
    node = start_node(directory)
    try:
        store = ask(node, "GET", "/admin/groups").json["store"]
        assert (store["revision"], store["leases"], store["keys"]) == (1, 2, 0)
        assert ask(node, "PUT", "/config/a", b"x").status in (201, 204)
    finally:
        node.stop()


def test_json(file, tmp_path):
    numbers = {"format": 1, "revision": 1, "compact_revision": 0, "keys": 0, "records": 0, "leases": 2,
               "bytes": file.stat().st_size}
    checked = restore("--check", file, "--json")
    assert checked.code == DONE and json.loads(checked.out) == {"result": "whole", "file": str(file), **numbers}
    restored = restore(file, "--json", "--data-dir", tmp_path / "data")
    assert restored.code == DONE
    assert json.loads(restored.out) == {"result": "restored", "file": str(file), "data_dir": str(tmp_path / "data"),
                                        **numbers}


def test_check_makes_nothing(file, tmp_path):
    checked = restore("--check", file)
    assert checked.code == DONE and f"{file} is whole and undamaged\n" in checked.out.decode()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("content, said", [
    (b"", "it is not a snapshot of Larder"),
    (b"something else, which is long enough", "it is not a snapshot of Larder"),
    (snapshot()[:-40], "it is cut off after"),
    (snapshot()[:-1], "it is cut off after"),
    (snapshot() + b"x", "something behind the end"),
    (snapshot()[:-1] + b"x", "its checksum is another one"),
    (snapshot().replace(b"us", b"os", 1), "its checksum is another one"),
    (snapshot(leases=((9, 1), (7, 1))), "it is damaged: no lease at byte"),
    (snapshot(notes=((b"", b"x"),)), "it is damaged: no note at byte"),
    (snapshot(version=2), "its format is 2, and this larder knows formats up to 1"),
])
@pytest.mark.parametrize("words", [["--check"], ["--data-dir", "data"]], ids=["check", "restore"])
def test_what_is_damaged_is_refused(tmp_path, content, said, words):
    path = tmp_path / "backup.snapshot"
    path.write_bytes(content)
    words = [tmp_path / word if word == "data" else word for word in words]
    refused = restore(path, *words)
    assert (refused.code, refused.out) == (NOT_FOUND, b"")
    assert refused.err.startswith(f"larder restore: the snapshot {path}: ") and said in refused.err
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_exists_is_left_alone(file, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "mine").write_text("x")
    refused = restore(file, "--data-dir", data)
    assert refused.code == NOT_FOUND
    assert f"the store in {data}: it exists already; name a directory that does not" in refused.err
    assert [path.name for path in data.iterdir()] == ["mine"]


def test_a_file_that_is_not_there(tmp_path):
    missing = restore(tmp_path / "none", "--data-dir", tmp_path / "data")
    assert missing.code == NOT_FOUND and "cannot be opened: No such file or directory" in missing.err


@pytest.mark.parametrize("words", [
    [], ["FILE"], ["FILE", "other", "--data-dir", "d"], ["--check", "FILE", "--data-dir", "d"], ["FILE", "--nonsense"],
    ["--check"],
])
def test_wrong_arguments(file, words):
    wrong = restore(*[file if word == "FILE" else word for word in words])
    assert wrong.code == USAGE and wrong.out == b"" and wrong.err.startswith("larder restore: ")


def test_help_teaches():
    for words in (["restore", "--help"], ["help", "restore"]):
        text = subprocess.run([LARDER, *words], capture_output=True, timeout=DEADLINE, check=True).stdout.decode()
        for part in ("usage: larder restore", "examples:", "options:", "--data-dir", "--check", "exit codes:"):
            assert part in text


def test_a_terminal_sees_how_far_it_is(tmp_path):
    """Many leases make a file that is read in several pieces."""
    path = tmp_path / "backup.snapshot"
    path.write_bytes(snapshot(leases=[(number, 100) for number in range(1, 400_000)]))
    master, slave = pty.openpty()
    process = subprocess.Popen([LARDER, "restore", path, "--data-dir", tmp_path / "data"], stdin=slave,
                               stdout=subprocess.DEVNULL, stderr=slave, close_fds=True, env=environment(""))
    os.close(slave)
    timer = threading.Timer(DEADLINE, process.kill)
    timer.start()
    seen = b""
    try:
        while True:
            seen += os.read(master, 65536)
    except OSError:  # the terminal's other side is closed
        pass
    timer.cancel()
    os.close(master)
    assert process.wait() == DONE
    assert b"restoring" in seen and b"%" in seen and seen.endswith(b"\x1b[K")
