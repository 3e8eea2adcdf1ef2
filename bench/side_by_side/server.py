# SPDX-License-Identifier: Apache-2.0
"""The two servers: started on free ports of loopback, pinned, ended by their pid."""
import dataclasses
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time

LARDERD = "larderd"
MEMCACHED = "memcached"
READY_SECONDS = 20
END_SECONDS = 20
SETTLE_SECONDS = 30
SETTLED_SECONDS = 1.5


class BenchError(Exception):
    """Something did not work, so that there is no figure."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where programs are and which processors they run on."""
    larderd: pathlib.Path
    larder: pathlib.Path
    memcached: str
    server_cpu: int
    load_cpu: int


def find_memcached():
    return shutil.which("memcached") or "/usr/bin/memcached"


def arguments(kind, memory_mib, threads, max_conns):
    """The options that count for the figures; None leaves a server its own default."""
    larderd = kind == LARDERD
    given = [("--memory" if larderd else "-m", None if memory_mib is None else f"{memory_mib}{'m' if larderd else ''}"),
             ("--threads" if larderd else "-t", threads), ("--max-conns" if larderd else "-c", max_conns)]
    return [str(word) for option, value in given if value is not None for word in (option, value)]


class Server:
    """One running server of `kind`; use it with `with`. `pinned` keeps it on the server's processor."""

    def __init__(self, place, kind, memory_mib=1024, threads=1, max_conns=16384, pinned=True):
        self.kind = kind
        self._place = place
        self._directory = tempfile.TemporaryDirectory(prefix="larder-bench-")
        self._port_file = pathlib.Path(self._directory.name) / "port"
        self._stderr = pathlib.Path(self._directory.name) / "stderr"
        command = self._command() + arguments(kind, memory_mib, threads, max_conns)
        if pinned:
            command = ["taskset", "-c", str(place.server_cpu), *command]
        self._process = self._start(command)

    def _command(self):
        if self.kind == LARDERD:
            # As many sockets as by default, but on ports that are free.
            return [str(self._place.larderd), *["--listen", "127.0.0.1:0"] * 3, "--port-file", str(self._port_file)]
        return [self._place.memcached, "-l", "127.0.0.1", "-p", "-1", "-U", "0",
                *(["-u", "root"] if os.getuid() == 0 else [])]

    def _start(self, command):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LARDER_")}
        environment["MEMCACHED_PORT_FILENAME"] = str(self._port_file)
        with open(self._stderr, "wb") as stderr:
            try:
                return subprocess.Popen(command, env=environment, cwd=self._directory.name, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=stderr)
            except OSError as error:
                raise BenchError(f"{self.kind} does not start: {error}") from error

    def __enter__(self):
        try:
            self.port = self._wait_for_port()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._directory.cleanup()

    def _wait_for_port(self):
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise BenchError(f"{self.kind} ended at once: {self._said()}")
            found = re.search(r":\s*(\d+)\n", self._port_file.read_text()) if self._port_file.exists() else None
            if found:
                return int(found[1])
            time.sleep(0.01)
        raise BenchError(f"{self.kind} was not ready within {READY_SECONDS} s: {self._said()}")

    def _said(self):
        return self._stderr.read_bytes()[-1000:].decode("utf-8", "replace").strip()

    @property
    def pid(self):
        # taskset becomes the server, so the pid is the server's in both cases.
        return self._process.pid

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def resident(self):
        """Resident memory in bytes."""
        text = pathlib.Path(f"/proc/{self.pid}/statm").read_text()
        return int(text.split()[1]) * resource.getpagesize()

    def resident_settled(self):
        """Resident memory once it has not changed for a while: a table may still be growing behind the last reply."""
        end = time.monotonic() + SETTLE_SECONDS
        last, since = self.resident(), time.monotonic()
        while time.monotonic() < since + SETTLED_SECONDS:
            if time.monotonic() > end:
                raise BenchError(f"{self.kind}: resident memory does not settle")
            time.sleep(0.05)
            now = self.resident()
            if now != last:
                last, since = now, time.monotonic()
        return last

    def stats(self):
        """What the command `stats` tells."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"stats\r\n")
            with connection.makefile("rb") as replies:
                told = {}
                for line in replies:
                    words = line.decode().split(None, 2)
                    if words == ["END"]:
                        return told
                    told[words[1]] = words[2].strip() if len(words) > 2 else ""
        raise BenchError(f"{self.kind} broke off its stats")
