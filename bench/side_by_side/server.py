# SPDX-License-Identifier: Apache-2.0
"""larderd and memcached, on free ports of loopback."""
import dataclasses
import os
import pathlib
import re
import shutil
import socket

from side_by_side.process import BenchError, Process, counters

LARDERD = "larderd"
MEMCACHED = "memcached"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where programs are, which processors they run on, and where servers that keep data do so."""
    larderd: pathlib.Path
    larder: pathlib.Path
    memcached: str
    server_cpu: int
    load_cpu: int
    data: pathlib.Path = None


def find_memcached():
    return shutil.which("memcached") or "/usr/bin/memcached"


def arguments(kind, memory_mib, threads, max_conns):
    """The options that count for the figures; None leaves a server its own default."""
    larderd = kind == LARDERD
    given = [("--memory" if larderd else "-m", None if memory_mib is None else f"{memory_mib}{'m' if larderd else ''}"),
             ("--threads" if larderd else "-t", threads), ("--max-conns" if larderd else "-c", max_conns)]
    return [str(word) for option, value in given if value is not None for word in (option, value)]


class Server(Process):
    """A running server of `kind`. `config` is the text of a configuration file for larderd, `extra` are options, `environment`
    are further variables."""

    def __init__(self, place, kind, memory_mib=1024, threads=1, max_conns=16384, pinned=True, config=None, extra=(), environment=None):
        super().__init__(place, pinned)
        self.kind = kind
        self.port = None
        self._port_file = self.directory / "port"
        command = [*self._command(config), *arguments(kind, memory_mib, threads, max_conns), *extra]
        self.start(command, MEMCACHED_PORT_FILENAME=str(self._port_file), **(environment or {}))

    def _command(self, config):
        if self.kind != LARDERD:
            return [self._place.memcached, "-l", "127.0.0.1", "-p", "-1", "-U", "0",
                    *(["-u", "root"] if os.getuid() == 0 else [])]
        # As many sockets as by default, but on ports that are free.
        command = [self._place.larderd, *["--listen", "127.0.0.1:0"] * 3, "--port-file", self._port_file]
        if config is not None:
            path = self.directory / "larderd.conf"
            path.write_text(config)
            command += ["--config", path]
        return command

    def ready(self):
        found = re.search(r":\s*(\d+)\n", self._port_file.read_text()) if self._port_file.exists() else None
        self.port = int(found[1]) if found else None
        return found is not None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def counters(self, *names):
        return counters(f"http://{self.address}/metrics", *names)

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
