# SPDX-License-Identifier: Apache-2.0
"""The store under test, as a program that takes JSON lines (see driver.c)."""
import base64
import json
import os
import pathlib
import subprocess

from reader import Ended, Reader

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DEADLINE = 60
REPORTS = (b"AddressSanitizer", b"LeakSanitizer", b"ThreadSanitizer", b"runtime error:")


def driver_path():
    """The driver, named by the environment variable STORE_DRIVER (default: that of the release build)."""
    default = REPOSITORY / "build" / "tests" / "store" / "store-driver"
    return pathlib.Path(os.environ.get("STORE_DRIVER", default)).resolve()


def pack(value):
    """What goes into JSON: bytes become base64, all else stays."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: pack(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [pack(member) for member in value]
    return value


class Driver:
    """One running driver. `arguments` are further options of it; `environment` is added to ours. `stderr` is the file of what
    it complains about, beside the directory if it is not named."""

    def __init__(self, directory, *arguments, environment=None, preexec_fn=None, stderr=None):
        self.directory = pathlib.Path(directory)
        self.stderr_path = stderr or self.directory.with_name(self.directory.name + ".stderr")
        command = [driver_path(), "--directory", self.directory, *arguments]
        with open(self.stderr_path, "ab") as stderr:
            self._process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                env={**os.environ, **(environment or {})}, preexec_fn=preexec_fn)
        self._reader = Reader(self._receive)
        self.opened = {"ready": False, "why": None}
        try:
            self.opened = self.read()
        except Ended:  # it died at once
            pass
        except TimeoutError:
            self.kill()
            raise

    def _receive(self):
        line = self._process.stdout.readline()
        return line if line.endswith(b"\n") else None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self._process.poll() is None:
            if kind is None:
                self.close()
            else:
                self.kill()

    @property
    def ready(self):
        return self.opened["ready"]

    @property
    def pid(self):
        return self._process.pid

    def stderr(self):
        return self.stderr_path.read_bytes()[-4000:].decode("utf-8", "replace")

    # --- requests and answers ---

    def write(self, requests):
        """Hands requests over; their answers are to be read. Those with `async` are answered when they are done."""
        text = b"".join(json.dumps(pack(request)).encode() + b"\n" for request in requests)
        try:
            self._process.stdin.write(text)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Ended from None

    def read(self, deadline=DEADLINE):
        """The next answer. Ended: there is none to come."""
        return json.loads(self._reader.take(deadline))

    def ask(self, op, **members):
        self.write([{"op": op, **members}])
        return self.read()

    # --- the end ---

    def _end(self):
        rest = [json.loads(line) for line in self._reader.take_all(DEADLINE)]
        self._process.wait(DEADLINE)
        self._reader.join()
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._process.stdout.close()
        return rest

    def kill(self):
        """kill -9. Returns what the program had still said."""
        self._process.kill()
        return self._end()

    def await_end(self):
        """Waits for a program that ends by itself. Returns what it had still said, and its exit status."""
        rest = self._end()
        return rest, self._process.returncode

    def close(self):
        """Ends the program and asserts that it ended well: status 0, no sanitizer report."""
        self._process.stdin.close()
        self._end()
        assert self._process.returncode == 0, f"the driver ended with {self._process.returncode}: {self.stderr()}"
        said = self.stderr_path.read_bytes()
        assert not any(report in said for report in REPORTS), f"sanitizer report: {self.stderr()}"
