# SPDX-License-Identifier: Apache-2.0
"""The programs that a comparison starts: servers, pinned to a processor and ended by their pid, and load."""
import os
import pathlib
import resource
import socket
import subprocess
import tempfile
import time
import urllib.request

READY_SECONDS = 20
END_SECONDS = 60
SETTLE_SECONDS = 30
SETTLED_SECONDS = 1.5


class BenchError(Exception):
    """Something did not work, so that there is no figure."""


def run_ticking(command, tick):
    """Runs a program that makes load; calls tick() now and then meanwhile. Returns (exit code, output, errors)."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            while True:
                try:
                    out, said = process.communicate(timeout=0.2)
                    return process.returncode, out, said
                except subprocess.TimeoutExpired:
                    tick()
        except BaseException:
            process.terminate()
            raise


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


class Process:
    """One running server; use it with `with`. A subclass sets self.kind, calls start(command), and says in ready() when
    it can be asked. `pinned` keeps it on the server's processor."""

    kind = ""

    def __init__(self, place, pinned=True):
        self._place = place
        self._pinned = pinned
        self._directory = tempfile.TemporaryDirectory(prefix="larder-bench-")
        self.directory = pathlib.Path(self._directory.name)
        self._stderr = self.directory / "stderr"
        self._process = None

    def ready(self):
        raise NotImplementedError

    def start(self, command, **environment):
        command = [str(word) for word in command]
        if self._pinned:
            command = ["taskset", "-c", str(self._place.server_cpu), *command]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LARDER_", "ETCD_"))}
        with open(self._stderr, "wb") as stderr:
            try:
                self._process = subprocess.Popen(command, env=inherited | environment, cwd=self.directory,
                                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
            except OSError as error:
                raise BenchError(f"{self.kind} does not start: {error}") from error

    def wait_until_ready(self, seconds=READY_SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise BenchError(f"{self.kind} ended at once: {self.said()}")
            if self.ready():
                return
            time.sleep(0.002)
        raise BenchError(f"{self.kind} was not ready within {seconds} s: {self.said()}")

    def __enter__(self):
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.end()
        self._directory.cleanup()

    def end(self):
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self):
        """Without a word to it."""
        self._process.kill()
        self._process.wait()

    def said(self):
        return self._stderr.read_bytes()[-1000:].decode("utf-8", "replace").strip()

    @property
    def pid(self):
        # taskset becomes the server, so the pid is the server's in both cases.
        return self._process.pid

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


def fetch(url):
    """The text at a URL of this machine, or None when nobody answers with 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return answer.read().decode()
    except OSError:
        return None


def counters(url, *names):
    """The values of counters in a Prometheus text, named with their labels if they have any; raises BenchError if one is not there."""
    told = dict(line.rsplit(" ", 1) for line in (fetch(url) or "").splitlines() if line and line[0] != "#")
    missing = [name for name in names if name not in told]
    if missing:
        raise BenchError(f"{url} does not tell {', '.join(missing)}")
    return [float(told[name]) for name in names]
