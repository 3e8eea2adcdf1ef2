# SPDX-License-Identifier: Apache-2.0
"""A real etcd of one member, and a client of its JSON gateway that keeps one connection and the order of requests."""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

from ports import free_ports
from reader import Ended, Reader

READY_DEADLINE = 30
ANSWER_DEADLINE = 60
RETRIES = 5


def etcd_path():
    path = shutil.which(os.environ.get("STORE_ETCD", "etcd"))
    assert path, "there is no etcd; scripts/setup test installs Debian's etcd-server"
    return path


class Etcd:
    """One running etcd in a directory that does not exist yet. It does not wait for the disk: it shall be right, not last.
    `arguments`: further ones of etcd."""

    def __init__(self, directory, *arguments):
        self.directory = pathlib.Path(directory)
        self.arguments = arguments
        self.log_path = self.directory.with_name(self.directory.name + ".log")
        for attempt in range(RETRIES):  # somebody else may take a port before etcd does
            self.client_port, self.peer_port = free_ports(2)
            self._process = self._start()
            if self._await_ready():
                return
            self.stop()
            shutil.rmtree(self.directory, ignore_errors=True)
            if "address already in use" not in self.log():
                break
        raise AssertionError(f"etcd does not start: {self.log()}")

    def _start(self):
        client = f"http://127.0.0.1:{self.client_port}"
        peer = f"http://127.0.0.1:{self.peer_port}"
        command = [
            etcd_path(), "--name", "test", "--data-dir", self.directory, "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"test={peer}", "--logger", "zap", "--log-level", "error", "--unsafe-no-fsync",
            *self.arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
        with open(self.log_path, "ab") as log:
            return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env=environment)

    def _await_ready(self):
        end = time.monotonic() + READY_DEADLINE
        while self._process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError, AssertionError, Ended), Gateway(self.client_port) as gateway:
                if "header" in gateway.ask("kv/range", {"key": "AA=="}):
                    return True
            time.sleep(0.02)
        return False

    @property
    def pid(self):
        return self._process.pid

    def is_alive(self):
        return self._process.poll() is None

    def start(self):
        """On what it had, after stop()."""
        self._process = self._start()
        assert self._await_ready(), f"etcd does not start again: {self.log()}"

    def hash_kv(self, revision):
        """How HashKV ends there. The gateway does not have it: another request has its path."""
        command = ["etcdctl", "--endpoints", f"http://127.0.0.1:{self.client_port}", "endpoint", "hashkv", "--rev",
                   str(revision), "--write-out", "json"]
        done = subprocess.run(command, capture_output=True, timeout=ANSWER_DEADLINE,
                              env={**os.environ, "ETCDCTL_API": "3"})
        if done.returncode != 0:
            statuses = {b"has been compacted": "COMPACTED", b"is a future revision": "FUTURE_REVISION"}
            return {"status": next((status for text, status in statuses.items() if text in done.stderr), done.stderr)}
        answer = json.loads(done.stdout)[0]["HashKV"]
        return {"status": "OK", "hash": answer["hash"], "revision": answer["header"]["revision"],
                "compact_revision": answer.get("compact_revision", 0)}

    def log(self):
        return self.log_path.read_bytes()[-4000:].decode("utf-8", "replace")

    def stop(self):
        if self.is_alive():
            self._process.kill()
        self._process.wait()
        for reserve in self.directory.glob("member/wal/*.tmp"):  # room for what comes next: it is large
            reserve.unlink(missing_ok=True)


class Connection:
    """HTTP/1.1, as much of it as the gateway speaks."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), ANSWER_DEADLINE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(None)
        self._input = self._socket.makefile("rb")
        self._reader = Reader(self._receive)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # etcd was faster
            pass
        self._reader.join()
        self._input.close()
        self._socket.close()

    def write(self, requests):
        """requests: pairs of a path below /v3/ and what goes there as JSON."""
        parts = []
        for path, body in requests:
            text = json.dumps(body).encode()
            parts.append(f"POST /v3/{path} HTTP/1.1\r\nHost: etcd\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        self._socket.sendall(b"".join(parts))

    def read(self, deadline=ANSWER_DEADLINE):
        """The next answer, or message of a stream. Ended: there is none to come. TimeoutError."""
        text = self._reader.take(deadline)
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise AssertionError(f"etcd answers no JSON: {text[:500]!r}") from None

    def _read_head(self):
        """Returns the length of the body, -1 if it comes in chunks, or None if there is nothing any more."""
        if not self._input.readline():
            return None
        length = 0
        while (line := self._input.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"transfer-encoding":
                length = -1
        return length

    def _read_chunk(self):
        """Empty: the end."""
        size = int(self._input.readline(), 16)
        if size > 0:
            return self._input.read(size + 2)[:size]
        while self._input.readline().strip():  # trailing headers
            pass
        return b""


class Gateway(Connection):
    """Requests and their answers, in order; requests may be written before answers are read."""

    def _receive(self):
        length = self._read_head()
        if length is None:
            return None
        if length >= 0:
            return self._input.read(length)
        return b"".join(iter(self._read_chunk, b""))

    def ask(self, path, body):
        self.write([(path, body)])
        return self.read()


class Stream(Connection):
    """The messages that answer one request: a watch."""

    def __init__(self, port, path, body):
        self._rest = None
        super().__init__(port)
        self.write([(path, body)])

    def _receive(self):
        if self._rest is None:
            if self._read_head() is None:
                return None
            self._rest = b""
        while b"\n" not in self._rest:
            chunk = self._read_chunk()
            if not chunk:
                return None
            self._rest = (self._rest + chunk).lstrip(b"\n")
        line, self._rest = self._rest.split(b"\n", 1)
        return line
