# SPDX-License-Identifier: Apache-2.0
"""larder bench, against the server under test: it counts what it says, and says what went wrong."""
import gzip
import json
import os
import pathlib
import re
import socket
import subprocess

import pytest

from server import larderd_path

DEADLINE = 120


def bench(*arguments):
    larder = os.environ.get("LARDER", larderd_path().parent / "larder")
    return subprocess.run([str(larder), "bench", *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE, check=False)


def report(*arguments):
    done = bench(*arguments, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    return json.loads(done.stdout)


def address(server):
    return f"{server.host}:{server.port}"


SMALL = ("--keys", 200, "--connections", 5, "--warmup", 0)


@pytest.mark.parametrize("protocol", ["text", "meta"])
@pytest.mark.parametrize("pipeline", [1, 9])
def test_every_get_of_a_filled_cache_hits(connection, server, protocol, pipeline):
    run, = report(address(server), *SMALL, "--prefill", "--mix", "1:0", "--requests", 1000, "--protocol", protocol,
                  "--pipeline", pipeline, "--value-size", "1-3000", "--server-pid", server.pid)["runs"]
    assert (run["requests"], run["hits"], run["misses"], run["errors"]) == (1000, 1000, 0, 0)
    assert run["wrong_sizes"] == 0
    assert run["server_cpu_us_per_request"] > 0
    latency = run["latency_us"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"]


def test_a_get_of_several_keys_counts_each(connection, server):
    run, = report(address(server), *SMALL, "--mix", "1:0", "--requests", 100, "--keys-per-get", 7)["runs"]
    assert (run["gets"], run["hits"], run["misses"]) == (100, 0, 700)


@pytest.mark.larder("memcached has no HTTP")
def test_keys_are_loaded_over_http(connection, server):
    run, = report(address(server), *SMALL, "--protocol", "http", "--key-prefix", "a/b/", "--prefill", "--mix", "2:1",
                  "--requests", 1000, "--pipeline", 4, "--value-size", "0-3000", "--server-pid", server.pid)["runs"]
    assert (run["requests"], run["hits"], run["misses"], run["errors"]) == (1000, run["gets"], 0, 0)
    assert run["sets"] > 0 and run["wrong_sizes"] == 0
    assert connection.ask(b"mg a/b/0000000007 s\r\n").startswith(b"HD s")


def config_bench(*arguments):
    done = bench("config", *arguments, "--json", "--warmup", 0)
    return done.returncode, done.stderr, json.loads(done.stdout) if done.stdout else None


@pytest.fixture
def durable(start_server, tmp_path):
    path = tmp_path / "larderd.conf"
    path.write_text('[group "config"]\nbacking = store\n')
    return start_server(extra=("--config", str(path), "--data-dir", str(tmp_path / "data")))


@pytest.mark.larder("memcached has no HTTP")
@pytest.mark.parametrize("prefix", ["config/load_tests/", "plain/"])
def test_the_near_cache_service_is_never_stale(durable, prefix):
    code, said, whole = config_bench("--server", address(durable), "--keys", 300, "--requests", 20000, "--threads", 2,
                                     "--connections", 20, "--key-prefix", prefix)
    assert (code, said) == (0, b"")
    assert (whole["stale"], whole["foreign"], whole["fails"], whole["checked"]) == (0, 0, 0, 20300)
    routes = whole["routes"]
    assert routes["all"]["requests"] == 20000 == sum(routes[name]["requests"] for name in routes) - 20000
    for name, percent in (("DELETE", 4.5), ("PUT", 4.6), ("GET use_cache=false", 41.2), ("GET use_cache=true", 49.7)):
        assert routes[name]["requests"] / 200 == pytest.approx(percent, abs=1.5)
        latency = routes[name]["latency_us"]
        assert 0 < latency["min"] <= latency["p50"] <= latency["p99.99"] <= latency["p100"]


@pytest.mark.larder("memcached has no HTTP")
def test_nodes_that_do_not_share_are_stale(durable, server):
    """What is written through one memory node is not in another: use_cache=false has to notice."""
    code, _, whole = config_bench("--server", f"{address(durable)},{address(server)}", "--keys", 300, "--requests",
                                  3000, "--key-prefix", "plain/")
    assert code == 1
    assert whole["stale"] > 0 and "had been acknowledged" in whole["first_wrong"]
    assert whole["servers"] == [address(durable), address(server)]


@pytest.mark.larder("memcached has no HTTP")
def test_people_get_a_table_of_the_routes(durable):
    done = bench("config", "--server", address(durable), "--keys", 100, "--requests", 500, "--warmup", 0)
    assert (done.returncode, done.stderr) == (0, b"")
    for word in (b"fails", b"median", b"99.99 %", b"GET use_cache=true", b"600 answers checked, 0 stale"):
        assert word in done.stdout


def test_a_trace_is_replayed(connection, server, tmp_path):
    path = tmp_path / "trace.csv.gz"
    rows = ["version,time,op,size,lbn", "1,0,28,100,5", "1,0,28,100,5", "1,0,2a,300,6", "1,0,28,300,6"]
    path.write_bytes(gzip.compress("\n".join(rows).encode() + b"\n"))
    run, = report(address(server), "--trace", path, "--connections", 1)["runs"]
    assert (run["gets"], run["sets"], run["hits"], run["misses"]) == (3, 2, 2, 1)
    assert run["miss_ratio"] == pytest.approx(1 / 3)
    assert run["byte_miss_ratio"] == pytest.approx(100 / 500)


def test_two_servers_are_compared(connection, server, start_server):
    rival = start_server(threads=1)
    whole = report(address(server), *SMALL, "--server-pid", server.pid, "--vs", address(rival), "--vs-pid", rival.pid,
                   "--rounds", 2, "--requests", 20000, "--prefill")
    assert (len(whole["runs"]), len(whole["rival_runs"])) == (2, 2)
    for name in ("requests_per_second", "server_cpu_us_per_request", "p50_us", "p99_us"):
        ratio = whole["ratios"][name]
        assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]


def test_idle_connections_are_served(connection, server):
    idle = report(address(server), *SMALL, "--idle-connections", 100, "--requests", 100,
                  "--server-pid", server.pid)["idle"]
    assert (idle["connections"], idle["unserved"]) == (100, 0)


def test_people_get_a_table(connection, server):
    done = bench(address(server), *SMALL, "--requests", 100)
    assert (done.returncode, done.stderr) == (0, b"")
    for word in (b"requests", b"hits", b"p50", b"p99.99", b"max", b"CPU per request"):
        assert word in done.stdout


def test_nobody_there_is_a_failure():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = bench(f"127.0.0.1:{unused.getsockname()[1]}")
    assert done.returncode == 1
    assert b"Connection refused" in done.stderr


@pytest.mark.parametrize("arguments", [
    ("--nonsense",), ("--connections", "0"), ("127.0.0.1",), ("--key-prefix", "a b"), ("config", "--server", "x"),
    ("--protocol", "http", "--keys-per-get", "2"), ("config", "extra"), ("config", "--keys", "1", "--threads", "2"),
])
def test_senseless_arguments_are_told_apart_from_failures(arguments):
    done = bench(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.match(rb"larder bench( config)?: ", done.stderr)


def test_help_teaches():
    larder = pathlib.Path(os.environ.get("LARDER", larderd_path().parent / "larder"))
    for arguments in (["--help"], ["help", "bench"], ["bench", "--help"], ["bench", "config", "--help"]):
        done = subprocess.run([str(larder), *arguments], stdout=subprocess.PIPE, timeout=DEADLINE, check=True)
        assert b"usage: larder" in done.stdout
