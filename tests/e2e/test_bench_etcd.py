# SPDX-License-Identifier: Apache-2.0
"""larder bench put, range, txn, watch and lease, by gRPC: what it says is what the server has, and troubles are told.

What does not depend on etcd's own ways is tried against larderd too.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from ports import free_port, free_ports
from server import Server, larderd_path, wait_until

DEADLINE = 120
READY_DEADLINE = 30

pytestmark = [pytest.mark.larder("it starts servers of etcd's API itself"), pytest.mark.slow]


class Etcd:
    """A member of a cluster of etcd, of itself alone unless `cluster` tells of more; Debian's etcd."""

    def __init__(self, directory, name="default", ports=None, cluster=None):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True)
        client, peer = ports or free_ports(2)
        self.endpoint = f"127.0.0.1:{client}"
        self._stderr = directory / "stderr"
        client_url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
        with open(self._stderr, "wb") as stderr:
            self._process = subprocess.Popen(
                [shutil.which("etcd") or "/usr/bin/etcd", "--name", name, "--data-dir", directory / "data",
                 "--listen-client-urls", client_url, "--advertise-client-urls", client_url, "--listen-peer-urls",
                 peer_url, "--initial-advertise-peer-urls", peer_url, "--initial-cluster",
                 cluster or f"{name}={peer_url}", "--log-level", "error", "--unsafe-no-fsync"],
                env=environment, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)

    def wait_until_ready(self):
        wait_until(self._is_healthy, READY_DEADLINE, lambda: f"etcd is ready: {self._stderr.read_bytes()[-1000:]}")
        return self

    def _is_healthy(self):
        assert self._process.poll() is None, self._stderr.read_bytes()[-1000:]
        try:
            with urllib.request.urlopen(f"http://{self.endpoint}/health", timeout=5) as answer:
                return json.load(answer).get("health") == "true"
        except (OSError, urllib.error.URLError):
            return False

    @property
    def pid(self):
        return self._process.pid

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self):
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Larderd(Server):
    def __init__(self, directory):
        super().__init__(directory, kind="larder", extra=("--data-dir", str(directory / "data")))

    @property
    def endpoint(self):
        return f"{self.host}:{self.port}"


SERVERS = {"etcd": lambda directory: Etcd(directory).wait_until_ready(), "larderd": Larderd}


@pytest.fixture(scope="module", params=SERVERS)
def served(request, tmp_path_factory):
    running = SERVERS[request.param](tmp_path_factory.mktemp(request.param) / "server")
    yield running
    running.stop()


@pytest.fixture
def start_etcd(tmp_path):
    running = []

    def start(**options):
        running.append(Etcd(tmp_path / f"etcd{len(running)}", **options))
        return running[-1]
    yield start
    for each in running:
        each.stop()


def command(*arguments):
    larder = os.environ.get("LARDER", larderd_path().parent / "larder")
    return [str(larder), "bench", *map(str, arguments)]


def bench(*arguments):
    return subprocess.run(command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=DEADLINE, check=False)


def report(kind, *arguments):
    done = bench(*kind.split(), *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    return json.loads(done.stdout)


def run_of(kind, server, *arguments):
    run, = report(kind, "--endpoints", server.endpoint, *arguments)["runs"]
    assert (run["errors"], run["wrong"]) == (0, 0), run
    return run


def etcdctl(server, *arguments):
    done = subprocess.run(["etcdctl", "--endpoints", server.endpoint, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
                          env={**os.environ, "ETCDCTL_API": "3"})
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def keys_below(server, prefix):
    return etcdctl(server, "get", "--prefix", prefix, "--keys-only").split()


@pytest.mark.parametrize("spread", [(), ("--conns", 4, "--clients", 50),
                                    ("--conns", 4, "--clients", 3, "--threads", 2)])
def test_every_put_is_in_the_server(served, spread):
    prefix = f"put/{len(spread)}/"
    run = run_of("put", served, "--total", 300, "--key-space-size", 100, "--sequential-keys", "--val-size", 20,
                 "--key-prefix", prefix, *spread)
    assert run["requests"] == 300 and run["statuses"] == {"OK": 300}
    assert keys_below(served, prefix) == [f"{prefix}{number:08}" for number in range(100)]
    assert etcdctl(served, "get", f"{prefix}00000042", "--print-value-only") == "abcdefghijklmnopqrst\n"
    latency = run["latency_us"]
    assert 0 < latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"]


def test_the_server_is_found_by_its_port_and_measured(served):
    whole = report("put", "--endpoints", served.endpoint, "--total", 500, "--clients", 10)
    run, = whole["runs"]
    assert whole["server"]["pids"] == [served.pid]
    assert run["server_cpu_us_per_request"] > 0
    memory = run["memory_after"]
    assert memory["anonymous_bytes"] > 0
    assert memory["anonymous_bytes"] + memory["file_bytes"] == memory["resident_bytes"]


@pytest.mark.parametrize("consistency", ["l", "s"])
def test_ranges_bring_the_keys(served, consistency):
    run_of("put", served, "--total", 50, "--key-space-size", 50, "--sequential-keys", "--key-prefix", "range/")
    options = ("--consistency", consistency, "--clients", 7, "--conns", 2, "--total", 200)
    assert run_of("range", served, "range/00000000", *options)["keys"] == 200
    assert run_of("range", served, "range/", "range0", *options)["keys"] == 200 * 50
    assert run_of("range", served, "range/", "range0", "--limit", 3, *options)["keys"] == 200 * 3
    assert run_of("range", served, "range/", "range0", "--count-only", *options)["keys"] == 0
    assert run_of("range", served, "--key-space-size", 50, "--key-prefix", "range/", *options)["keys"] == 200


def test_empty_answers_are_told(served):
    done = bench("range", "nowhere", "--endpoints", served.endpoint, "--total", 10)
    assert done.returncode == 0 and b"no key was found" in done.stdout


def test_transactions_put_all_their_keys(served):
    run = run_of("txn", served, "--total", 20, "--txn-ops", 5, "--key-space-size", 100, "--sequential-keys",
                 "--key-prefix", "txn/", "--clients", 3)
    assert run["requests"] == 20
    assert len(keys_below(served, "txn/")) == 100


def test_every_event_is_delivered(served):
    run = run_of("watch", served, "--conns", 3, "--streams", 5, "--watch-per-stream", 7, "--watched-key-total", 4,
                 "--put-total", 60, "--clients", 6, "--threads", 2, "--key-prefix", "watch/")
    assert (run["watchers"], run["puts"]) == (35, 60)
    assert 60 * 8 <= run["events_expected"] <= 60 * 9
    assert run["requests"] == run["events_expected"]
    assert run["latency_us"]["min"] > 0 and run["put_latency_us"]["min"] > 0


def test_puts_go_at_their_rate(served):
    run = run_of("watch", served, "--streams", 2, "--watch-per-stream", 3, "--put-total", 40, "--put-rate", 200)
    assert run["requests"] == 40 * 6
    assert run["seconds"] >= 39 / 200


def test_idle_watchers_are_held_and_their_memory_told(served):
    run = run_of("watch", served, "--conns", 2, "--streams", 4, "--watch-per-stream", 1000, "--put-total", 0, "--hold",
                 "100ms")
    assert (run["watchers"], run["requests"]) == (4000, 0)
    assert run["seconds"] >= 0.1
    grown = run["memory_after"]["resident_bytes"] - run["memory_before"]["resident_bytes"]
    assert run["resident_bytes_per_watcher"] == pytest.approx(grown / 4000)


def test_leases_are_granted(served):
    before = etcdctl(served, "lease", "list").count("\n")
    assert run_of("lease grant", served, "--total", 30, "--clients", 4, "--ttl", 3600)["requests"] == 30
    assert etcdctl(served, "lease", "list").count("\n") == before + 30


def test_each_client_keeps_a_lease_of_its_own(served):
    before = etcdctl(served, "lease", "list").count("\n")
    run = run_of("lease keepalive", served, "--total", 500, "--clients", 5, "--conns", 2, "--ttl", 3600)
    assert run["requests"] == 500
    assert etcdctl(served, "lease", "list").count("\n") == before + 5


def test_a_time_ends_a_run_too(served):
    run = run_of("put", served, "--duration", "300ms", "--warmup", "100ms", "--clients", 2)
    assert 0.3 <= run["seconds"] < 30 and run["requests"] > 0
    assert run_of("put", served, "--duration", "1m", "--total", 5)["requests"] == 5


def test_a_rate_is_kept(served):
    run = run_of("put", served, "--rate", 100, "--total", 30, "--clients", 5)
    assert run["seconds"] >= 29 / 100


def test_people_get_a_report(served):
    done = bench("put", "--endpoints", "http://" + served.endpoint, "--total", 200, "--clients", 10)
    assert (done.returncode, done.stderr) == (0, b"")
    for word in (b"200 in ", b"errors      0", b"p99.9", b"us of CPU per request", b"RssAnon", b"up to, ms"):
        assert word in done.stdout


def test_two_servers_are_compared_in_turns(served, start_etcd):
    rival = start_etcd().wait_until_ready()
    whole = report("put", "--endpoints", served.endpoint, "--vs", rival.endpoint, "--rounds", 2, "--total", 100)
    assert len(whole["runs"]) == len(whole["rival_runs"]) == 2
    assert whole["rival"]["pids"] == [rival.pid]
    ratio = whole["ratios"]["requests_per_second"]
    assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
    assert int(etcdctl(rival, "endpoint", "status").split(", ")[7]) >= 200


def leader_of(members):
    for member in members:
        if etcdctl(member, "endpoint", "status").split(", ")[4] == "true":
            return member
    raise AssertionError("there is no leader")


def test_only_the_leader_is_asked(start_etcd):
    ports = free_ports(4)
    cluster = f"a=http://127.0.0.1:{ports[1]},b=http://127.0.0.1:{ports[3]}"
    members = [start_etcd(name="a", ports=ports[:2], cluster=cluster),
               start_etcd(name="b", ports=ports[2:], cluster=cluster)]
    for member in members:
        member.wait_until_ready()
    leader = leader_of(members)
    endpoints = ",".join(member.endpoint for member in members)
    whole = report("put", "--endpoints", endpoints, "--target-leader", "--total", 5)
    assert whole["server"]["endpoints"] == [leader.endpoint]
    follower, = (member for member in members if member is not leader)
    done = bench("put", "--endpoints", follower.endpoint, "--target-leader")
    assert done.returncode == 1 and b"none of the endpoints is the leader" in done.stderr


def test_logins(start_etcd):
    server = start_etcd().wait_until_ready()
    etcdctl(server, "user", "add", "root:secret")
    etcdctl(server, "user", "grant-role", "root", "root")
    etcdctl(server, "auth", "enable")
    arguments = ("put", "--endpoints", server.endpoint, "--total", 5, "--json")
    done = bench(*arguments)
    assert done.returncode == 1
    run, = json.loads(done.stdout)["runs"]
    assert run["errors"] == 5 and set(run["statuses"]) == {"INVALID_ARGUMENT"}
    assert "user name is empty" in run["first_error"]
    assert bench(*arguments, "--user", "root:secret").returncode == 0
    done = bench(*arguments, "--user", "root:wrong")
    assert done.returncode == 1 and b"cannot log in: etcdserver: authentication failed" in done.stderr


# --- troubles ---

def test_nobody_listens():
    port = free_port()
    done = bench("put", "--endpoints", f"127.0.0.1:{port}")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no server of etcd's API answers" in done.stderr


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", b"ERROR\r\n", b""])
def test_somebody_else_listens(greeting):
    """With an empty greeting nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = f"127.0.0.1:{listening.getsockname()[1]}"
        process = subprocess.Popen(command("put", "--endpoints", endpoint, "--timeout", 1), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        accepted, _ = listening.accept()
        with accepted:
            if greeting:
                accepted.sendall(greeting)
            _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1 and b"no server of etcd's API answers" in said


@pytest.mark.parametrize("number,said", [(signal.SIGKILL, b"has closed a connection"),
                                         (signal.SIGSTOP, b"nothing came for")])
def test_a_server_that_ends_or_hangs_is_told(start_etcd, number, said):
    server = start_etcd().wait_until_ready()
    process = subprocess.Popen(command("put", "--endpoints", server.endpoint, "--clients", 5, "--duration", "10m",
                                       "--timeout", 1, "--key-prefix", "t/"),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: keys_below(server, "t/"), READY_DEADLINE, "puts arrive")
    server.signal(number)
    _, stderr = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1 and said in stderr


def test_refused_puts_are_counted_by_status(start_etcd):
    """etcd takes no request over 1.5 MiB."""
    server = start_etcd().wait_until_ready()
    done = bench("put", "--endpoints", server.endpoint, "--val-size", "1600k", "--total", 7, "--json")
    run, = json.loads(done.stdout)["runs"]
    assert done.returncode == 1 and run["errors"] == run["requests"] == 7
    assert run["statuses"] == {"INVALID_ARGUMENT": 7} and "too large" in run["first_error"]


@pytest.mark.parametrize("kind", ["put", "range", "txn", "watch", "lease"])
def test_each_kind_explains_itself_with_two_examples(kind):
    done = bench(kind, "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.split(b"examples:\n")[1].count(f"  larder bench {kind} ".encode()) == 2


@pytest.mark.parametrize("arguments", [("put", "key"), ("range", "a", "--consistency", "x"), ("lease",),
                                       ("txn", "--txn-ops", "0"), ("watch", "--val-size", "1")])
def test_senseless_arguments_are_told_apart_from_failures(arguments):
    done = bench(*arguments)
    assert (done.returncode, done.stdout) == (2, b"") and done.stderr
