# SPDX-License-Identifier: Apache-2.0
"""A server under test: starts it on a free port, knows when it is ready, ends it and judges how it ended."""
import os
import pathlib
import resource
import signal
import subprocess
import time

READY_DEADLINE = 30
END_DEADLINE = 30
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MEMCACHED = os.environ.get("E2E_MEMCACHED", "/usr/bin/memcached")
REPORTS = (b"AddressSanitizer", b"LeakSanitizer", b"ThreadSanitizer", b"MemorySanitizer", b"runtime error:")


def kind_under_test():
    return os.environ.get("E2E_SERVER", "larder")


def larderd_path():
    return pathlib.Path(os.environ.get("LARDERD", REPOSITORY / "build" / "larderd")).resolve()


def wait_until(condition, deadline, what):
    """Calls condition() until it is true; fails with `what` (a text or a function giving one) after `deadline` s."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what() if callable(what) else what}")
        time.sleep(0.01)


def _stands_still(task):
    try:
        return task.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return True  # it has ended


def suspend(pid):
    """Stops a process until SIGCONT. Whoever sends it the signal alone goes on before all of its threads have stopped."""
    os.kill(pid, signal.SIGSTOP)
    tasks = pathlib.Path(f"/proc/{pid}/task")
    wait_until(lambda: all(map(_stands_still, tasks.iterdir())), END_DEADLINE, f"all threads of {pid} have stopped")


class Server:
    """One running server; `extra` are further arguments for larderd. `wrapper` is a command that becomes the one behind it.

    memcached runs without its background threads unless `background` is given: they hold references to items now and
    then, and it depends on that whether a counted number is padded.
    """

    def __init__(self, directory, kind=None, memory_mib=64, threads=2, max_conns=1024, extra=(), background=False, wrapper=()):
        self.kind = kind or kind_under_test()
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port_file = self.directory / "port"
        self.stderr_path = self.directory / "stderr"
        self.host = "127.0.0.1"
        self.port = None
        self.stopped = False
        self._process = self._start(memory_mib, threads, max_conns, list(extra), background, list(wrapper))
        wait_until(self._is_ready, READY_DEADLINE, lambda: f"{self.kind} writes its port file; stderr: {self.stderr()}")

    @property
    def pid(self):
        return self._process.pid

    @property
    def memory_factor(self):
        """By how much more memory may grow than in a plain build: sanitizers shadow it and hold back what is freed."""
        if self.is_memcached:
            return 1
        program = larderd_path().read_bytes()
        return 12 if b"__tsan_init" in program else 4 if b"__asan_init" in program else 1

    @property
    def is_memcached(self):
        return self.kind == "memcached"

    def _start(self, memory_mib, threads, max_conns, extra, background, wrapper):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LARDER_")}
        if self.is_memcached:
            environment["MEMCACHED_PORT_FILENAME"] = str(self.port_file)
            command = [MEMCACHED, "-l", self.host, "-p", "-1", "-U", "0", "-m", str(memory_mib), "-t", str(threads),
                       "-c", str(max_conns)]
            command += ["-u", "root"] if os.getuid() == 0 else []
            command += [] if background else ["-o", "no_modern"]
        else:
            held_back = "quarantine_size_mb=8"
            environment["ASAN_OPTIONS"] = ":".join(filter(None, [held_back, environment.get("ASAN_OPTIONS")]))
            command = [str(larderd_path()), "--listen", f"{self.host}:0", "--port-file", str(self.port_file),
                       "--memory", f"{memory_mib}m", "--threads", str(threads), "--max-conns", str(max_conns)] + extra
        # Here, and so for whatever we start: what runs between fork and exec must not meet the threads of a gRPC client.
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with open(self.stderr_path, "wb") as stderr, open(self.directory / "stdout", "wb") as stdout:
            return subprocess.Popen(wrapper + command, cwd=self.directory, env=environment, stdin=subprocess.DEVNULL, stdout=stdout,
                                    stderr=stderr)

    def _is_ready(self):
        if self._process.poll() is not None:
            raise AssertionError(f"{self.kind} ended at once with {self._process.returncode}: {self.stderr()}")
        if not self.port_file.exists():
            return False
        first = self.port_file.read_text().split("\n")[0]
        self.port = int(first.rsplit(":", 1)[1])
        return True

    def stderr(self):
        return self.stderr_path.read_bytes()[-4000:].decode("utf-8", "replace")

    def resident_kib(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def assert_alive(self):
        assert self._process.poll() is None, f"{self.kind} died with {self._process.returncode}: {self.stderr()}"

    def stop(self):
        """Ends the server and asserts that it ended well: status 0, no sanitizer report."""
        alive = self._process.poll() is None
        self.stopped = True
        if alive:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(END_DEADLINE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise AssertionError(f"{self.kind} was still there {END_DEADLINE} s after SIGTERM: {self.stderr()}")
        reported = self.stderr_path.read_bytes()
        assert not any(report in reported for report in REPORTS), f"sanitizer report: {self.stderr()}"
        assert alive, f"{self.kind} ended by itself with {self._process.returncode}: {self.stderr()}"
        assert self._process.returncode == 0, f"{self.kind} ended with {self._process.returncode}: {self.stderr()}"
