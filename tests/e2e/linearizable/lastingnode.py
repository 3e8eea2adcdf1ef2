# SPDX-License-Identifier: Apache-2.0
"""A node that can be killed and comes back where it was."""
import os
import pathlib
import signal
import subprocess

from server import REPORTS, larderd_path, wait_until

READY_S = 30
END_S = 30


class LastingNode:
    """`wrapper`: what the command is started through. `life` counts its starts."""

    def __init__(self, name, directory, address, store, config, extra=(), wrapper=()):
        self.name = name
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.log_path = self.directory / "log"
        self.port_file = self.directory / "port"
        (self.directory / "conf").write_text(config)
        self._command = [*wrapper, str(larderd_path()), "--listen", "%s:%d" % address, "--port-file", str(self.port_file),
                         "--memory", "64m", "--threads", "2", "--config", str(self.directory / "conf"),
                         "--store", store, *extra]
        self.process = None
        self.life = 0
        self.stopped = False

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def start(self, wait=True):
        assert not self.is_alive()
        self.port_file.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LARDER_")}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self._command, cwd=self.directory, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.life += 1
        self.stopped = False
        if wait:
            wait_until(self._is_ready, READY_S, lambda: f"{self.name} is ready: {self.log()}")

    def _is_ready(self):
        self.check()
        return self.port_file.exists()

    def check(self):
        """It has not ended by itself."""
        assert self.is_alive(), f"{self.name} ended by itself with {self.process.returncode}: {self.log()}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(END_S)

    def suspend(self):
        self.process.send_signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def log(self):
        return self.log_path.read_bytes()[-4000:].decode("utf-8", "replace")

    def stop(self):
        """Ends it and asserts that it ended well."""
        if self.process is None:
            return
        alive = self.is_alive()
        if alive:
            self.resume()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                self.kill()
        log = self.log_path.read_bytes()
        assert not any(report in log for report in REPORTS), f"sanitizer report: {self.log()}"
        assert alive and self.process.returncode == 0, f"{self.name} ended with {self.process.returncode}: {self.log()}"
