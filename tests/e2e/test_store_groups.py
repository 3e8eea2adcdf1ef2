# SPDX-License-Identifier: Apache-2.0
"""Groups that are kept on disk, by memcached's protocol: what each command means there, and that nothing is lost."""
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading

import pymemcache
import pytest

from server import Server, larderd_path, wait_until
from wire import BARRIER, Connection, Transcript

pytestmark = pytest.mark.larder("memcached keeps nothing on disk")

CONFIG = """
[group "d"]
backing = store
[group "t"]
backing = store
ttl = 60s
max-ttl = 600s
[group "root"]
backing = store
prefix = /
"""


class Node:
    """A larderd with durable groups that can be ended and started again on the same data."""

    def __init__(self, directory, extra=()):
        self.directory = directory
        self.extra = ["--config", str(directory / "larderd.conf"), "--data-dir", str(directory / "data"), *extra]
        (directory / "larderd.conf").write_text(CONFIG)
        self.starts = 0
        self.server = None

    def start(self, extra=()):
        self.starts += 1
        self.server = Server(self.directory / f"run{self.starts}", extra=[*self.extra, *extra])
        return self.server

    def stop(self):
        server, self.server = self.server, None
        server.stop()

    def kill(self):
        os.kill(self.server.pid, signal.SIGKILL)
        self.server._process.wait()
        self.server = None

    def restart(self):
        self.stop()
        return self.start()


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    node.start()
    yield node
    if node.server:
        node.stop()


@pytest.fixture
def durable(node):
    with Connection(node.server) as connection:
        yield connection


@pytest.fixture
def talk_durably(durable):
    return Transcript(durable)


def test_every_text_command(talk_durably):
    talk_durably(r"""
        > set d/a 5 0 3
        > one
        < STORED
        > gets d/a
        < VALUE d/a 5 3 @first@
        < one
        < END
        > add d/a 0 0 1
        > x
        > add d/b 1 0 1
        > x
        > replace d/c 0 0 1
        > x
        > replace d/b 2 0 1
        > y
        < NOT_STORED
        < STORED
        < NOT_STORED
        < STORED
        > append d/a 0 0 2
        > 22
        > prepend d/a 0 0 2
        > 11
        > append d/c 0 0 1
        > x
        > gets d/a d/b d/c
        < STORED
        < STORED
        < NOT_STORED
        < VALUE d/a 5 7 @first+4@
        < 11one22
        < VALUE d/b 2 1 @first+2@
        < y
        < END
        > cas d/a 6 0 1 @first@
        > x
        > cas d/c 6 0 1 @first@
        > x
        > cas d/a 6 0 2 @first+4@
        > 99
        < EXISTS
        < NOT_FOUND
        < STORED
        > incr d/a 1
        > decr d/a 98
        > incr d/c 1
        > incr d/b 1
        > get d/a
        < 100
        < 2
        < NOT_FOUND
        < CLIENT_ERROR cannot increment or decrement non-numeric value
        < VALUE d/a 6 3
        < 2  
        < END
        > touch d/a 100
        > touch d/c 100
        > gats 0 d/a d/c d/b
        < TOUCHED
        < NOT_FOUND
        < VALUE d/a 6 3 @first+9@
        < 2  
        < VALUE d/b 2 1 @first+10@
        < y
        < END
        > delete d/a
        > delete d/a
        > get d/a d/b
        < DELETED
        < NOT_FOUND
        < VALUE d/b 2 1
        < y
        < END
        > flush_all
        > get d/b
        < OK
        < VALUE d/b 2 1
        < y
        < END
        > set d/b 0 -1 1
        > z
        > get d/b
        < STORED
        < END
        """)


def test_every_meta_flag(talk_durably):
    talk_durably(r"""
        > ms d/a 3 F7 T100 c s k Oab
        > one
        < HD c@first@ s3 kd/a Oab
        > mg d/a v f c s k t h l Oab
        < VA 3 f7 c@first@ s3 kd/a t@ttl@ h0 l0 Oab
        < one
        > mg d/a h
        > mg d/a u h
        > mg d/none v
        > mg d/none v q
        > mg d/a C@first@ v c
        < HD h1
        < HD h1
        < EN
        < HD c@first@
        > ms d/a 3 C@first@ c F1
        > two
        > ms d/a 3 C@first@
        > bad
        > ms d/none 3 C@first@
        > bad
        < HD c@first+1@
        < EX
        < NF
        > ms d/a 1 ME
        > x
        > ms d/b 1 ME q
        > x
        > ms d/b 1 MA
        > y
        > ms d/b 1 MP
        > w
        > ms d/c 1 MR
        > y
        > ms d/c 1 MA
        > y
        > ms d/c 1 MA N0
        > y
        > mg d/b v
        < NS
        < HD
        < HD
        < NS
        < NS
        < HD
        < VA 3
        < wxy
        > ma d/n N0 J13 v
        > ma d/n D7 v t
        > ma d/n MD D1 v c
        > ma d/none
        > ma d/b
        < VA 2
        < 13
        < VA 2 t-1
        < 20
        < VA 2 c@count@
        < 19
        < NF
        < CLIENT_ERROR cannot increment or decrement non-numeric value
        > ma d/n C@first@
        > ma d/n C@count@ q
        > mg d/n T300 t v
        < EX
        < VA 2 t300
        < 20
        > md d/n C@first@
        > md d/n x F3
        > mg d/n v f
        > md d/n q
        > md d/n Ox
        < EX
        < HD
        < VA 0 f3
        < 
        < NF Ox
        > ms ZC96 1 b k
        > z
        > mg ZC96 b v k
        < HD kZC96 b
        < VA 1 kZC96 b
        < z
        > mg d/a N30
        > mg d/a R30
        > md d/a I
        > ms d/a 1 I
        > x
        > ms d/a 1 E9
        > x
        < CLIENT_ERROR this flag has no meaning in a store group
        < CLIENT_ERROR this flag has no meaning in a store group
        < CLIENT_ERROR this flag has no meaning in a store group
        < CLIENT_ERROR this flag has no meaning in a store group
        < CLIENT_ERROR this flag has no meaning in a store group
        > me d/none
        < EN
        """)


def test_larders_own_keys_are_refused(durable):
    refusal = b"CLIENT_ERROR this key is none that a client may use in a store group\r\n"
    assert durable.ask(b"set root/larder/x 0 0 1\r\ny\r\n") == refusal
    assert durable.ask(b"mg root/larder/ v\r\n") == refusal
    assert durable.ask(b"get root/larder/x\r\n") == refusal
    assert durable.ask(b"set root/larders 0 0 1\r\ny\r\nget root/larders\r\n").endswith(b"y\r\nEND\r\n")


def test_pymemcache(node):
    client = pymemcache.Client((node.server.host, node.server.port), key_prefix=b"d/", default_noreply=False,
                               connect_timeout=10, timeout=10)
    assert client.set("a", b"1")
    assert client.set("a", b"2", noreply=True)
    assert client.get("a") == b"2"
    value, cas = client.gets("a")
    assert client.cas("a", b"3", cas) is True
    assert client.cas("a", b"4", cas) is False
    assert client.cas("none", b"4", cas) is None
    assert client.incr("a", 5) == 8 and client.decr("a", 1) == 7
    assert client.add("a", b"x") is False and client.add("b", b"x") is True
    assert client.replace("none", b"x") is False and client.append("b", b"y") and client.prepend("b", b"w")
    assert client.touch("a", 100) is True and client.touch("none", 100) is False
    assert client.get("b") == b"wxy"
    assert client.set_many({f"k{i}": b"v%d" % i for i in range(300)}) == []
    assert client.get_many([f"k{i}" for i in range(301)]) == {f"k{i}": b"v%d" % i for i in range(300)}
    assert client.delete_many([f"k{i}" for i in range(150)])
    assert len(client.get_many([f"k{i}" for i in range(300)])) == 150
    assert client.delete("a") is True and client.delete("a") is False
    client.close()


def remaining(connection, key):
    reply = connection.ask(b"mg %s t\r\n" % key)
    return None if reply == b"EN\r\n" else int(reply[4:])


def test_a_key_ends_when_its_lease_does(durable):
    assert durable.ask(b"set d/a 0 3 1\r\nx\r\nset d/b 0 3 1\r\ny\r\nset t/a 0 0 1\r\nz\r\n") == b"STORED\r\n" * 3
    assert durable.ask(b"get d/a d/b\r\n").count(b"VALUE") == 2
    assert 0 <= remaining(durable, b"d/a") <= 3
    assert 50 <= remaining(durable, b"t/a") <= 60
    wait_until(lambda: durable.ask(b"get d/a d/b\r\n") == b"END\r\n", 20, "the keys are gone")
    assert remaining(durable, b"d/a") is None
    assert durable.ask(b"get t/a\r\n") == b"VALUE t/a 0 1\r\nz\r\nEND\r\n"


def test_the_copy_of_a_key_ends_with_it(durable):
    """A hit from memory must not outlive the key, and must not hide it before either."""
    durable.ask(b"set d/a 0 2 1\r\nx\r\n")
    last_hit = None

    def gone():
        nonlocal last_hit
        if durable.ask(b"get d/a\r\n") == b"END\r\n":
            return True
        last_hit = remaining(durable, b"d/a")
        return False

    wait_until(gone, 20, "the key is gone")
    assert last_hit is not None


def test_a_restart_keeps_everything(node):
    value = bytes(range(256)) * 1000
    with Connection(node.server) as connection:
        transcript = Transcript(connection)
        assert connection.ask(b"set d/big 9 0 %d\r\n%s\r\n" % (len(value), value)) == b"STORED\r\n"
        numbers = transcript("""
            > set d/a 5 0 3
            > one
            > set d/gone 0 0 1
            > x
            > delete d/gone
            > set memory 0 0 1
            > x
            > gets d/a
            < STORED
            < STORED
            < DELETED
            < STORED
            < VALUE d/a 5 3 @cas@
            < one
            < END
            """)
    node.restart()
    with Connection(node.server) as connection:
        transcript = Transcript(connection)
        transcript.numbers = numbers
        transcript("""
            > gets d/a d/gone memory
            < VALUE d/a 5 3 @cas@
            < one
            < END
            > cas d/a 0 0 3 @cas@
            > two
            > gets d/a
            < STORED
            < VALUE d/a 0 3 @cas+3@
            < two
            < END
            """)
        assert connection.ask(b"get d/big\r\n") == b"VALUE d/big 9 %d\r\n%s\r\nEND\r\n" % (len(value), value)


def test_what_was_acknowledged_survives_a_kill(node):
    acknowledged = []
    with Connection(node.server) as connection:
        for number in range(200):
            assert connection.ask(b"set d/k%d 0 0 4\r\n%04d\r\n" % (number, number)) == b"STORED\r\n"
            acknowledged.append(number)
        connection.send(b"".join(b"set d/k%d 0 0 4\r\nnext\r\n" % number for number in range(200)))
        node.kill()
    node.start()
    with Connection(node.server) as connection:
        for number in acknowledged:
            reply = connection.ask(b"get d/k%d\r\n" % number)
            assert reply in (b"VALUE d/k%d 0 4\r\n%04d\r\nEND\r\n" % (number, number),
                             b"VALUE d/k%d 0 4\r\nnext\r\nEND\r\n" % number)


def test_sigterm_answers_what_is_under_way(node):
    """Every write that was sent before is answered, and every answer is true after the next start."""
    count, each = 20, 50
    connections = [Connection(node.server) for _ in range(count)]
    for index, connection in enumerate(connections):
        assert connection.ask(b"") == b""
        connection.send(b"".join(b"set d/%d-%d 0 0 1000\r\n%s\r\n" % (index, number, b"v" * 1000)
                                 for number in range(each)))
    process = node.server._process
    process.send_signal(signal.SIGTERM)
    stored = {}
    for index, connection in enumerate(connections):
        received = connection.is_closed_by_server()
        assert received == b"STORED\r\n" * received.count(b"STORED\r\n")
        stored[index] = received.count(b"STORED\r\n")
        connection.close()
    assert process.wait(30) == 0
    node.server = None
    node.start()
    with Connection(node.server) as connection:
        for index in range(count):
            keys = b" ".join(b"d/%d-%d" % (index, number) for number in range(stored[index]))
            if keys:
                assert connection.ask(b"get " + keys + b"\r\n").count(b"VALUE") == stored[index]
    assert sum(stored.values()) > 0


def random_command(rng):
    key = rng.choice([b"d/a", b"d/b", b"d/c", b"t/a", b"m1", b"m2"])
    durable = rng.choice([b"d/a", b"d/b", b"d/c"])  # whose cas numbers are the same on every node
    value = b"%d" % rng.randrange(10 ** rng.randrange(1, 9))
    noreply = rng.choice([b"", b"", b" noreply"])
    stores = b" %s %d 0 %d" % (key, rng.randrange(2), len(value))
    commands = [
        b"set" + stores + noreply + b"\r\n" + value, b"set" + stores + noreply + b"\r\n" + value,
        b"set" + stores + b"\r\n" + value, b"add" + stores + b"\r\n" + value, b"replace" + stores + b"\r\n" + value,
        b"append" + stores + b"\r\n" + value,
        b"cas %s 0 0 %d %d\r\n" % (durable, len(value), rng.randrange(1, 80)) + value,
        b"delete " + key + noreply, b"incr " + key + b" 7", b"decr " + key + b" 7" + noreply, b"touch " + key + b" 0",
        b"gat 0 " + key + b" d/b m1", b"get " + key + b" d/a m2 d/b", b"gets d/c", b"mg " + key + b" v f k s Oopaque",
        b"ms " + key + b" %d S k q Oab\r\n" % len(value) + value, b"md " + durable + b" C%d" % rng.randrange(1, 80),
        b"ma " + key + b" N0 J3 v", b"nonsense",
    ]
    return rng.choice(commands) + b"\r\n"


def send_in_pieces(sock, data, rng):
    position = 0
    while position < len(data):
        size = rng.choice([1, 3, 40, 400, 4000])
        sock.sendall(data[position:position + size])
        position += size


@pytest.mark.parametrize("seed", range(6))
def test_pipelining_and_splitting_change_no_answer(tmp_path, seed):
    """The same conversation, one command at a time on one node, and in pieces cut anywhere on another."""
    rng = random.Random(seed)
    commands = [random_command(rng) for _ in range(400)]
    received = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        node = Node(tmp_path / name)
        node.start()
        with Connection(node.server, deadline=30) as connection:
            if name == "one":
                received.append(b"".join(connection.ask(command) for command in commands))
            else:
                data = b"".join(commands) + BARRIER
                sender = threading.Thread(target=send_in_pieces, args=(connection.socket, data, rng))
                sender.start()
                received.append(connection.read_to_barrier())
                sender.join()
        node.stop()
    assert received[1] == received[0]


def test_many_connections_count_together(node):
    threads, each = 8, 40

    def count():
        with Connection(node.server, deadline=60) as connection:
            for _ in range(each):
                assert connection.ask(b"incr d/n 1\r\n").strip().isdigit()

    with Connection(node.server) as connection:
        connection.ask(b"set d/n 0 0 1\r\n0\r\n")
        workers = [threading.Thread(target=count) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert connection.ask(b"get d/n\r\n") == b"VALUE d/n 0 3\r\n%d\r\nEND\r\n" % (threads * each)


def test_a_writer_always_reads_its_own_write(node):
    errors = []

    def write_and_read(index):
        with Connection(node.server, deadline=60) as connection:
            for number in range(150):
                value = b"%d-%d" % (index, number)
                reply = connection.ask(b"set d/own%d 0 0 %d\r\n%s\r\nget d/own%d\r\n" % (index, len(value), value, index))
                if reply != b"STORED\r\nVALUE d/own%d 0 %d\r\n%s\r\nEND\r\n" % (index, len(value), value):
                    errors.append(reply)

    def read_shared():
        newest = 0
        with Connection(node.server, deadline=60) as connection:
            while not done.is_set():
                reply = connection.ask(b"gets d/shared\r\n").split()
                cas = int(reply[4]) if len(reply) > 1 else 0
                if cas < newest:
                    errors.append((cas, newest))
                newest = cas

    def write_shared():
        with Connection(node.server, deadline=60) as connection:
            for number in range(300):
                connection.ask(b"set d/shared 0 0 4\r\n%04d\r\n" % number)

    done = threading.Event()
    with Connection(node.server) as connection:
        connection.ask(b"set d/shared 0 0 1\r\nx\r\n")
    writers = [threading.Thread(target=write_and_read, args=(index,)) for index in range(3)]
    writers.append(threading.Thread(target=write_shared))
    readers = [threading.Thread(target=read_shared) for _ in range(3)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert errors == []


def test_a_client_that_leaves_at_once_is_no_trouble(node):
    for _ in range(200):
        connection = Connection(node.server)
        connection.send(b"set d/left 0 0 5\r\nstays\r\nset d/left 0 0 5\r\nstays\r\nget d/left\r\n")
        connection.abort()
    with Connection(node.server) as connection:
        assert connection.ask(b"set d/after 0 0 1\r\nx\r\n") == b"STORED\r\n"
        assert connection.ask(b"get d/after\r\n") == b"VALUE d/after 0 1\r\nx\r\nEND\r\n"


def test_a_client_may_end_its_half(node):
    with Connection(node.server) as connection:
        connection.send(b"set d/a 0 0 1\r\nx\r\n" * 50 + b"get d/a\r\n")
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.is_closed_by_server() == b"STORED\r\n" * 50 + b"VALUE d/a 0 1\r\nx\r\nEND\r\n"


def test_quit_comes_after_the_answers(durable):
    durable.send(b"set d/a 0 0 1\r\nx\r\nset d/b 0 0 1 noreply\r\ny\r\nquit\r\n")
    assert durable.is_closed_by_server() == b"STORED\r\n"


def test_a_full_store_refuses_writes_and_answers_reads(tmp_path):
    node = Node(tmp_path, extra=["--store-quota", "16m"])
    node.start()
    value = b"v" * 100_000
    with Connection(node.server) as connection:
        assert connection.ask(b"set d/first 0 0 1\r\nx\r\n") == b"STORED\r\n"
        for number in range(1000):
            reply = connection.ask(b"set d/k%d 0 0 %d\r\n%s\r\n" % (number, len(value), value))
            if reply != b"STORED\r\n":
                break
        assert reply == b"SERVER_ERROR the store is full\r\n"
        assert connection.ask(b"get d/first\r\n") == b"VALUE d/first 0 1\r\nx\r\nEND\r\n"
        assert connection.ask(b"get d/k%d\r\n" % number) == b"END\r\n"
        assert connection.ask(b"set memory 0 0 1\r\nx\r\n") == b"STORED\r\n"
        assert connection.ask(b"get d/k0\r\n").startswith(b"VALUE d/k0 0 100000\r\n")
    node.stop()


def refused_start(arguments):
    result = subprocess.run([str(larderd_path()), "--listen", "127.0.0.1:0", *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV), result
    return result.stderr.decode()


def test_a_directory_serves_one_larderd(node):
    assert "data" in refused_start(node.extra) and node.server._process.poll() is None
    with Connection(node.server) as connection:
        assert connection.ask(b"set d/a 0 0 1\r\nx\r\n") == b"STORED\r\n"


def test_a_data_dir_that_is_none(tmp_path):
    node = Node(tmp_path)
    (tmp_path / "data").write_text("a file")
    assert "data-dir" in refused_start(node.extra)


def test_a_damaged_store_is_told_at_the_start(node):
    with Connection(node.server) as connection:
        connection.ask(b"set d/a 0 0 1\r\nx\r\n")
    node.stop()
    path = node.directory / "data" / "data.mdb"
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert "store" in refused_start(node.extra)


def test_a_directory_is_enough_for_etcds_api(start_server, tmp_path):
    server = start_server(extra=["--data-dir", str(tmp_path / "store")])
    with Connection(server) as connection:
        assert connection.ask(b"set d/a 0 0 1\r\nx\r\nget d/a\r\n") == b"STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\n"
    status, answer = ask_etcd(server, "kv/put", {"key": "YQ==", "value": "eA=="})
    assert status == 200 and answer["header"]["revision"] == "2"
    assert (tmp_path / "store").exists()


def test_without_a_store_etcds_api_says_what_to_do(start_server):
    server = start_server()
    status, answer = ask_etcd(server, "kv/range", {"key": "YQ=="})
    assert status == 503 and answer["message"] == (
        "larder: this node keeps no store; start larderd with --data-dir PATH or --store etcd://HOST:PORT")


def ask_etcd(server, path, request):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.request("POST", f"/v3/{path}", json.dumps(request))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_requests_are_counted_by_group_and_result(node):
    with Connection(node.server) as connection:
        connection.ask(b"set d/a 0 0 1\r\nx\r\nget d/a d/b\r\nincr d/a 1\r\ndelete d/none\r\nmg d/a N1\r\n")
    with socket.create_connection((node.server.host, node.server.port)) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        text = b""
        while True:
            data = sock.recv(65536)
            if not data:
                break
            text += data
    for line in (b'command="set",group="d",result="ok"} 1', b'command="get",group="d",result="hit"} 1',
                 b'command="get",group="d",result="miss"} 1', b'command="incr",group="d",result="error"} 1',
                 b'command="delete",group="d",result="absent"} 1', b'command="get",group="d",result="error"} 1'):
        assert b'larder_requests_total{protocol="memcached",' + line in text, line
