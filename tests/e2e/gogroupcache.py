# SPDX-License-Identifier: Apache-2.0
"""Members of a pool of Go's groupcache, with Debian's library: tests/e2e/groupcache_go, built when it is first needed."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.parse

from server import END_DEADLINE, READY_DEADLINE, REPOSITORY, larderd_path, wait_until

SOURCE = REPOSITORY / "tests" / "e2e" / "groupcache_go"
GO_PATH = "/usr/share/gocode"  # where Debian's golang-github-golang-groupcache-dev has it
BUILD_SECONDS = 600
DEADLINE = 30


def program():
    """The member's program, beside the build under test; built if it is not there or older than its source."""
    built = larderd_path().parent / "go" / "groupcache_go"
    if built.exists() and built.stat().st_mtime >= (SOURCE / "main.go").stat().st_mtime:
        return built
    go = shutil.which("go")
    assert go, "there is no go: `scripts/setup test` installs golang-go and golang-github-golang-groupcache-dev"
    built.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": GO_PATH, "GOFLAGS": "",
                   "GOCACHE": str(built.parent / "cache")}
    # Others may build it at the same time: whoever is last replaces what is the same.
    with tempfile.TemporaryDirectory(dir=built.parent) as own:
        done = subprocess.run([go, "build", "-o", f"{own}/built", "."], cwd=SOURCE, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=BUILD_SECONDS, check=False)
        assert done.returncode == 0, f"{SOURCE} cannot be built: {done.stdout.decode('utf-8', 'replace')}"
        os.replace(f"{own}/built", built)
    return built


class GoPeer:
    """One member; `options` are flags of the program: GoPeer(directory, group="images", origin="http://...")."""

    def __init__(self, directory, **options):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.stderr_path = directory / "stderr"
        self.stopped = False
        address = directory / "address"
        command = [str(program()), f"-address-file={address}"]
        command += [f"-{name.replace('_', '-')}={value}" for name, value in options.items()]
        with open(self.stderr_path, "wb") as stderr:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)

        def listens():
            self.assert_alive()
            return address.exists()
        wait_until(listens, READY_DEADLINE, lambda: f"the Go peer listens; stderr: {self.stderr()}")
        self.host, port = address.read_text().strip().rsplit(":", 1)
        self.port = int(port)
        self.url = options.get("url") or f"http://{self.host}:{self.port}"

    def stderr(self):
        return self.stderr_path.read_bytes()[-4000:].decode("utf-8", "replace")

    def assert_alive(self):
        assert self._process.poll() is None, f"the Go peer died with {self._process.returncode}: {self.stderr()}"

    @property
    def pid(self):
        return self._process.pid

    def ask(self, method, target, body=None):
        """(status, body) of one exchange; `target` goes out as it is."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)) as connection:
            connection.request(method, target, body)
            response = connection.getresponse()
            return response.status, response.read()

    def join(self, peers, dial=None):
        """Tells it the pool, base URLs in their order; `dial`: {"host:port of a URL": "host:port to connect to"}."""
        status, body = self.ask("POST", "/peers", json.dumps({"peers": list(peers), "dial": dial or {}}))
        assert status == 204, body

    def get(self, key):
        """The value of a key (bytes or text) through this member, wherever it is loaded."""
        status, body = self.ask("GET", "/get?key=" + urllib.parse.quote_plus(key))
        assert status == 200, body
        return body

    def counters(self):
        """The library's counters, and of the program `loads_of` {key in bytes: loads} and `cpu_us`."""
        status, body = self.ask("GET", "/counters")
        assert status == 200, body
        counters = json.loads(body)
        counters["loads_of"] = {urllib.parse.unquote_to_bytes(key.replace("+", " ")): count
                                for key, count in counters["loads_of"].items()}
        return counters

    def stop(self):
        self.assert_alive()
        self.kill()

    def kill(self):
        self.stopped = True
        self._process.kill()
        self._process.wait(END_DEADLINE)
