# SPDX-License-Identifier: Apache-2.0
"""Durable groups on a disk that is full, or whose files are not what they should be: a clear error, reads go on, and all is
well again once there is room."""
import contextlib
import errno
import os
import resource
import signal
import struct
import subprocess

import pytest

from httpwire import ask, start_node
from server import larderd_path
from wire import Connection

pytestmark = pytest.mark.larder("memcached keeps nothing on disk")

MIB = 1 << 20
PAGE = 4096
VALUE = b"v" * 20_000
FULL = b"SERVER_ERROR the store is full\r\n"
DEADLINE = 60
FORMAT = 2  # of what the node under test writes


def start(directory):
    """A node that was there before, perhaps."""
    (directory / "port").unlink(missing_ok=True)
    return start_node(directory)


def kill(server):
    os.kill(server.pid, signal.SIGKILL)
    server._process.wait(DEADLINE)


class Disk:
    """A node whose data are on a file system of their own, of 8 MiB, in memory; or, if that is not `mounted`, below a limit of
    the size of files: another error of the system, but just as little room."""

    SIZE = 8 * MIB

    def __init__(self, directory, mounted):
        self.directory = directory
        self.data = directory / "data"
        self.data.mkdir(parents=True)
        self.mounted = mounted
        self.limit = self.SIZE  # of a file, where nothing is mounted
        self.server = None
        if mounted:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={self.SIZE}", "larder-test", str(self.data)]
            tried = subprocess.run(mount, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=DEADLINE)
            if tried.returncode != 0:
                pytest.skip(f"no file system can be mounted: {tried.stderr.decode().strip()}")

    @property
    def error(self):
        return os.strerror(errno.ENOSPC if self.mounted else errno.EFBIG)

    @contextlib.contextmanager
    def _children_limited(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        try:
            if not self.mounted:
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, hard))
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def start(self):
        with self._children_limited():
            self.server = start(self.directory)
        return self.server

    def refused_start(self):
        with self._children_limited():
            return refused_start(self.directory)

    def stop(self):
        server, self.server = self.server, None
        server.stop()

    def kill(self):
        kill(self.server)
        self.server = None

    def _set_limit(self, size):
        self.limit = size
        if self.server:
            resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def take_room(self, size=SIZE):
        """So many bytes, or all there are, to the last page."""
        if not self.mounted:
            self._set_limit(max(self.SIZE - size, PAGE))
            return
        with open(self.data / "ballast", "ab", buffering=0) as file, contextlib.suppress(OSError):
            for _ in range(0, size, PAGE):
                file.write(bytes(PAGE))

    def make_room(self):
        if self.mounted:
            (self.data / "ballast").unlink(missing_ok=True)
        else:
            self._set_limit(self.SIZE)

    def end(self):
        try:
            if self.server:
                self.stop()
        finally:
            if self.mounted:
                subprocess.run(["umount", "-l", str(self.data)], check=True, timeout=DEADLINE)


@pytest.fixture(params=["file system", "file size"])
def disk(request, tmp_path):
    disk = Disk(tmp_path / "node", mounted=request.param == "file system")
    yield disk
    disk.end()


def fill(connection, prefix):
    """Sets new keys until one is refused. Returns those that were taken."""
    taken = []
    for number in range(10_000):
        key = b"config/%s/%d" % (prefix, number)
        reply = connection.ask(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(VALUE), VALUE))
        if reply != b"STORED\r\n":
            assert reply == FULL
            return taken
        taken.append(key)
    raise AssertionError("the disk is never full")


def assert_there(server, keys):
    """From the table, and from the store itself."""
    with Connection(server) as connection:
        for key in keys:
            assert connection.ask(b"get %s\r\n" % key) == b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(VALUE), VALUE)
    for key in keys[:3] + keys[-3:]:
        answer = ask(server, "GET", f"/{key.decode()}?use_cache=false")
        assert (answer.status, answer.body) == (200, VALUE)


def test_a_full_disk(disk):
    server = disk.start()
    refused = b"config/refused"
    with Connection(server) as connection:
        disk.take_room(disk.SIZE // 2)
        taken = fill(connection, b"first")
        disk.take_room()
        taken += fill(connection, b"second")
        for _ in range(3):
            assert connection.ask(b"set %s 0 0 %d\r\n%s\r\n" % (refused, len(VALUE), VALUE)) == FULL
        assert connection.ask(b"mg %s v\r\n" % refused) == b"EN\r\n"
        answer = ask(server, "PUT", "/config/refused", VALUE)
        assert answer.status == 507 and "full" in answer.json["message"]
        assert connection.ask(b"set mem/key 0 0 1\r\nx\r\n") == b"STORED\r\n", "a memory group needs no disk"
        assert_there(server, taken)
        assert b"\nlarder_store_full 1\n" in ask(server, "GET", "/metrics").body
        disk.make_room()
        assert connection.ask(b"set %s 0 0 %d\r\n%s\r\n" % (refused, len(VALUE), VALUE)) == b"STORED\r\n"
        assert_there(server, [*taken, refused])
        assert b"\nlarder_store_full 0\n" in ask(server, "GET", "/metrics").body
    disk.stop()
    assert_there(disk.start(), [*taken, refused])


def test_a_start_on_a_full_disk(disk):
    """What is there is served. Where a file can have no room, that is said, and it never ends by a signal."""
    with Connection(disk.start()) as connection:
        assert connection.ask(b"set config/key 0 0 %d\r\n%s\r\n" % (len(VALUE), VALUE)) == b"STORED\r\n"
    disk.stop()
    disk.take_room()
    assert_there(disk.start(), [b"config/key"])
    disk.stop()
    # A backup need not have LMDB's lock file.
    disk.make_room()
    (disk.data / "data.mdb-lock").unlink()
    disk.take_room()
    assert disk.error in disk.refused_start()
    for path in disk.data.iterdir():
        path.unlink()
    disk.take_room()
    assert disk.error in disk.refused_start()
    disk.make_room()
    with Connection(disk.start()) as connection:
        assert connection.ask(b"get config/key\r\n") == b"END\r\n"


def test_a_kill_on_a_full_disk(disk):
    """The last writes are in the journal alone, and LMDB has no room for them."""
    with Connection(disk.start()) as connection:
        disk.take_room(disk.SIZE // 2)
        taken = fill(connection, b"first")
        disk.take_room()
        taken += fill(connection, b"second")
    disk.kill()
    assert "make room" in disk.refused_start()
    disk.make_room()
    assert_there(disk.start(), taken)


def refused_start(directory):
    """What a larderd says that cannot start with the node's configuration and data."""
    command = [larderd_path(), "--listen", "127.0.0.1:0", "--config", directory / "conf", "--data-dir", directory / "data"]
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          timeout=DEADLINE)
    assert done.returncode > 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stderr.decode()


def test_a_newer_format(tmp_path):
    server = start_node(tmp_path)
    assert ask(server, "PUT", "/config/key", b"v").status in (200, 201)
    server.stop()
    path = tmp_path / "data" / "data.mdb"
    data = path.read_bytes()
    now, newer = (b"format" + struct.pack(">Q", number) for number in (FORMAT, FORMAT + 1))
    assert now in data
    path.write_bytes(data.replace(now, newer))
    said = refused_start(tmp_path)
    assert f"format {FORMAT + 1}" in said and "newer larderd" in said
    path.write_bytes(data)
    server = start(tmp_path)
    assert ask(server, "GET", "/config/key").body == b"v"
    server.stop()


def test_half_a_store(tmp_path):
    server = start_node(tmp_path)
    assert ask(server, "PUT", "/config/key", b"v").status in (200, 201)
    kill(server)
    data = tmp_path / "data"
    for name, phrase in (("data.mdb", "data.mdb is missing"), ("journal", "the journal is missing")):
        (data / name).rename(tmp_path / name)
        assert phrase in refused_start(tmp_path)
        (tmp_path / name).rename(data / name)
    server = start(tmp_path)
    assert ask(server, "GET", "/config/key").body == b"v"
    server.stop()
