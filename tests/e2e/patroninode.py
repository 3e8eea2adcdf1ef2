# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of its own under Patroni, which keeps its state in etcd's API."""
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import psycopg2
import yaml

from ports import free_ports
from server import wait_until

SCOPE = "larder-test"
# Seconds. Patroni lets a leader go whose lease ran out; it renews every loop_wait.
TTL, LOOP_WAIT, RETRY = 12, 1, 4
DEADLINE = 90
BIN = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
SUPERUSER = {"username": "postgres", "password": "super"}
REPLICATION = {"username": "replicator", "password": "replica"}
# Who may run it: not root.
ACCOUNT = "postgres" if os.getuid() == 0 else None


def own(path):
    """Gives a directory to the account that PostgreSQL runs under."""
    if ACCOUNT:
        entry = pwd.getpwnam(ACCOUNT)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def program(name):
    path = shutil.which(name)
    assert path and BIN, f"there is no {name}, or no PostgreSQL; scripts/setup test installs Debian's"
    return path


class PatroniNode:
    """`dcs`: the port of etcd's API. It runs until stop() or kill(); start() starts it again on its data."""

    def __init__(self, directory, name, dcs):
        self.name = name
        self.directory = pathlib.Path(directory) / name
        self.directory.mkdir()
        own(self.directory)
        self.data = self.directory / "data"
        self.port, self.rest_port = free_ports(2)
        self.config = self.directory / "patroni.yml"
        self.config.write_text(yaml.safe_dump(self._settings(dcs)))
        self._process = None
        self.start()

    def _settings(self, dcs):
        return {
            "scope": SCOPE,
            "name": self.name,
            "log": {"level": "INFO"},
            "restapi": {"listen": f"127.0.0.1:{self.rest_port}", "connect_address": f"127.0.0.1:{self.rest_port}"},
            "etcd3": {"hosts": f"127.0.0.1:{dcs}"},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL, "loop_wait": LOOP_WAIT, "retry_timeout": RETRY,
                    "postgresql": {"use_pg_rewind": True, "use_slots": True,
                                   "parameters": {"fsync": "off", "max_wal_size": "64MB", "shared_buffers": "16MB"}},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.port}", "data_dir": str(self.data),
                "bin_dir": str(BIN[-1]), "pgpass": str(self.directory / "pgpass"),
                "authentication": {"superuser": SUPERUSER, "replication": REPLICATION},
                "parameters": {"unix_socket_directories": ""},
                "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
            },
        }

    def start(self):
        # Not by Popen's own `user`: that needs a real fork, which the threads of a gRPC client do not bear.
        become = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups"] if ACCOUNT else []
        with open(self.directory / "log", "ab") as log:
            self._process = subprocess.Popen([*become, program("patroni"), str(self.config)], stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log, cwd=self.directory,
                                             env={**os.environ, "HOME": str(self.directory), "LC_ALL": "C.UTF-8"})

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-3000:]

    def _postmaster(self):
        """Its process id, or None."""
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def kill(self):
        """kill -9 of Patroni and then of PostgreSQL, whose other processes end with the first."""
        self._process.kill()
        self._process.wait()
        postmaster = self._postmaster()
        if postmaster is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster, signal.SIGKILL)
        wait_until(lambda: not pathlib.Path(f"/proc/{postmaster}").exists(), DEADLINE, "PostgreSQL's end")

    def stop(self):
        """Both, as an operator does it; both are killed if that takes too long."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(DEADLINE / 3)
        if self._process.poll() is None or self._postmaster() is not None:
            self.kill()

    # --- questions ---

    def state(self):
        """What Patroni says of itself; nothing, if it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}/patroni", timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:  # 503: not running
            return json.load(error)
        except (OSError, ValueError):
            return {}

    def is_leader(self):
        state = self.state()
        return state.get("state") == "running" and state.get("role") in ("master", "primary")

    def is_replica(self):
        state = self.state()
        return state.get("state") in ("running", "streaming") and state.get("role") == "replica"

    def query(self, text, *values):
        """The rows, or None if there are none to be had: the server does not run, or takes no writes."""
        try:
            connection = psycopg2.connect(host="127.0.0.1", port=self.port, dbname="postgres", user=SUPERUSER["username"],
                                          password=SUPERUSER["password"], connect_timeout=5,
                                          options="-c statement_timeout=10s")
        except psycopg2.OperationalError:
            return None
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else []
        except psycopg2.Error:
            return None
        finally:
            connection.close()

    def members(self):
        """`patronictl list`: name, role and state of each."""
        done = subprocess.run([program("patronictl"), "-c", str(self.config), "list", "-f", "json"], capture_output=True,
                              text=True, timeout=DEADLINE, env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, done.stderr
        return {member["Member"]: member for member in json.loads(done.stdout)}
