# SPDX-License-Identifier: Apache-2.0
"""MariaDB with its own defaults, and the operations of `larder simulate --dump` on it."""
import os
import pathlib
import subprocess
import time

from side_by_side.process import BenchError, Process, free_port
from side_by_side.rivals import need

MARIADB = "MariaDB"
DATABASE = "larder_bench"
TABLE = "CREATE TABLE ips (device CHAR(200) PRIMARY KEY, ip CHAR(20))"
STATEMENTS = {
    "CREATE": "INSERT INTO ips VALUES ('{device}', '{ip}');\n",
    "RETRIEVE": "SELECT ip FROM ips WHERE device = '{device}';\n",
    "DELETE": "DELETE FROM ips WHERE device = '{device}';\n",
}
INSTALL_SECONDS = 120
SETTINGS = ("version", "default_storage_engine", "innodb_flush_log_at_trx_commit", "autocommit", "log_bin")


def account():
    """The account that it runs as must be said if that is root."""
    return ["--user=root"] if os.getuid() == 0 else []


def install(data):
    """Makes the system tables."""
    done = subprocess.run([need("mariadb-install-db", "mariadb-server"), "--no-defaults", f"--datadir={data}",
                           "--auth-root-authentication-method=normal", "--skip-test-db", *account()],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=INSTALL_SECONDS)
    if done.returncode != 0:
        raise BenchError(f"mariadb-install-db failed: {done.stdout[-500:].decode('utf-8', 'replace').strip()}")


class MariaDB(Process):
    """A server on a free port of loopback, with the table; no file of settings is read."""

    kind = MARIADB

    def __init__(self, place, data):
        super().__init__(place, pinned=False)
        install(data)
        self.port = free_port()
        self.start([need("mariadbd", "mariadb-server"), "--no-defaults", f"--datadir={data}",
                    "--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.directory / 'socket'}",
                    f"--pid-file={self.directory / 'pid'}", *account()])

    def client(self, database=DATABASE):
        """The command of the client, in C, that sends what it reads a statement at a time."""
        return [need("mariadb", "mariadb-client"), "--no-defaults", "--host=127.0.0.1", f"--port={self.port}",
                "--protocol=tcp", "--user=root", "--batch", "--skip-column-names", "--quick", "--unbuffered",
                f"--database={database}"]

    def ask(self, statement, database=DATABASE):
        """The lines of the answer."""
        done = subprocess.run([*self.client(database), "--execute", statement], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise BenchError(f"{MARIADB}: {done.stderr.decode('utf-8', 'replace').strip()}")
        return done.stdout.decode().splitlines()

    def ready(self):
        try:
            self.ask(f"CREATE DATABASE IF NOT EXISTS {DATABASE}", "")
        except BenchError:
            return False
        return True

    def make_table(self):
        self.ask(f"DROP TABLE IF EXISTS ips; {TABLE}")

    def settings(self):
        said, = self.ask("SELECT " + ", ".join(f"@@{name}" for name in SETTINGS))
        return dict(zip(SETTINGS, said.split("\t")))


class Script:
    """The operations as statements, one file for each of so many connections; those on a device are all in one."""

    def __init__(self, operations, directory, connections):
        self.paths = [pathlib.Path(directory) / f"{connections}-{number}.sql" for number in range(connections)]
        self.answers = [path.with_suffix(".answer") for path in self.paths]
        self._expected = [[] for _ in self.paths]
        texts = [[] for _ in self.paths]
        for kind, device, ip in operations:
            number = int(device[1:]) % connections
            texts[number].append(STATEMENTS[kind].format(device=device, ip=ip))
            if kind == "RETRIEVE":
                self._expected[number].append(ip)
        for path, text in zip(self.paths, texts):
            path.write_text("".join(text))

    def check(self):
        """How many answers were not what they must be."""
        wrong = 0
        for path, expected in zip(self.answers, self._expected):
            found = path.read_text().splitlines()
            wrong += abs(len(found) - len(expected)) + sum(a != b for a, b in zip(found, expected))
        return wrong


def run_script(server, script, tick):
    """Runs all files at the same time. Returns the seconds that took."""
    began = time.monotonic()
    clients = []
    try:
        for path, answer in zip(script.paths, script.answers):
            with open(path, "rb") as statements, open(answer, "wb") as found:
                clients.append(subprocess.Popen(server.client(), stdin=statements, stdout=found,
                                                stderr=subprocess.PIPE))
        for client in clients:
            wait_ticking(client, tick)
    except BaseException:
        for client in clients:
            client.kill()
        raise
    return time.monotonic() - began


def wait_ticking(client, tick):
    while True:
        try:
            _, said = client.communicate(timeout=0.2)
            break
        except subprocess.TimeoutExpired:
            tick()
    if client.returncode != 0:
        raise BenchError(f"{MARIADB}: {said.decode('utf-8', 'replace').strip()}")


def measure(server, script, operations, tick):
    """Runs the scenario on an empty table; the figures of the run."""
    server.make_table()
    seconds = run_script(server, script, tick)
    count, = server.ask("SELECT COUNT(*) FROM ips")
    return {"seconds": seconds, "operations_per_second": operations / seconds, "keys": int(count),
            "wrong": script.check()}
