# SPDX-License-Identifier: Apache-2.0
"""Origin groups: what is asked of an HTTP service, what of its answers is kept, and what clients are told."""
import collections
import concurrent.futures
import contextlib
import http.client
import re
import socket
import subprocess

import pytest

from httpwire import ask, connect
from server import kind_under_test, larderd_path
from toyorigin import Gate, ToyOrigin, until

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no groups")


@pytest.fixture
def origin():
    running = ToyOrigin()
    yield running
    running.stop()


@pytest.fixture
def node(start_server, tmp_path, origin):
    """node(options): a node whose group "o" has this origin."""
    def start(options="", base="", drain="10s", **server):
        path = tmp_path / "larderd.conf"
        path.write_text(f'[group "o"]\nbacking = origin\norigin = {origin.url}{base}\n{options}\n[group "mem"]\n')
        return start_server(extra=("--config", str(path), "--drain-timeout", drain), **server)
    return start


def say(server, sent):
    """What memcached answers to it, up to a line that ends an answer."""
    with contextlib.closing(socket.create_connection((server.host, server.port), timeout=20)) as raw:
        raw.sendall(sent + b"mn\r\n")
        received = b""
        while not received.endswith(b"MN\r\n"):
            piece = raw.recv(65536)
            assert piece, received
            received += piece
        return received[:-4]


def metrics(server):
    text = ask(server, "GET", "/metrics").body.decode()
    return {name: float(value) for name, value in re.findall(r"^(larder_origin.*) (\S+)$", text, re.MULTILINE)}


def status_of(answer):
    """The parameters of Cache-Status, without the ttl, which depends on the moment."""
    cache, *words = answer.headers["Cache-Status"].split("; ")
    assert cache == "larder"
    return [word for word in words if not word.startswith("ttl=")]


# --- what is asked ---

TARGETS = [
    "/v2/image/png/003?w=850&h=200&type=.webp", "//double//slash", "/./dots/../up", "/%2F%2f%25%zz%", "/a%20b+c", "/?q", "/x?",
    "/x?a?b", "/x?a=1&&b=%00", "/;v=1,2:3@4!$'()*", "/",
]


@pytest.mark.parametrize("target", TARGETS)
def test_keys_arrive_byte_for_byte(node, origin, target):
    server = node()
    assert ask(server, "GET", "/o" + target).body == target.encode()
    assert ask(server, "GET", "/o" + target).body == target.encode()
    assert say(server, f"get o{target}\r\n".encode()) == b"VALUE o%b 0 %d\r\n%b\r\nEND\r\n" % (
        target.encode(), len(target), target.encode())
    assert origin.targets == [target]


def test_a_base_stands_before_the_key(node, origin):
    server = node(base="/base/x/")
    assert ask(server, "GET", "/o/rest?q").body == b"/base/x/rest?q"


def test_nothing_of_the_client_goes_to_the_origin(node, origin):
    server = node()
    ask(server, "GET", "/o/a", headers={"Cookie": "c", "Authorization": "Basic eDp5", "X-Own": "1", "Accept-Encoding": "br"})
    assert not {"cookie", "authorization", "x-own", "accept-encoding"} & set(origin.requests[0].fields)
    assert origin.requests[0].fields["host"] == f"127.0.0.1:{origin.port}"


def test_keys_that_are_none(node, origin):
    server = node()
    assert ask(server, "GET", "/o/" + "x" * 300).status == 414
    assert ask(server, "GET", "/%6f/a").status == 400
    assert ask(server, "GET", "/o%2Fa").status == 400
    # A binary key with a line end in it does not become a request.
    assert say(server, b"mg by9hIEgNCg== b v\r\n") == b"CLIENT_ERROR the origin cannot be asked for this key\r\n"
    assert origin.targets == []


# --- what is kept ---

def test_an_answer_with_its_fields(node, origin):
    origin.play = lambda request: request.answer(200, b"body", (
        ("Content-Type", "image/png"), ("Cache-Control", "max-age=600"), ("ETag", '"v1"'),
        ("Last-Modified", "Sat, 29 Oct 1994 19:43:31 GMT"), ("X-Declared", "yes"), ("X-Other", "no"), ("Connection", "X-Hop"),
        ("X-Hop", "1")))
    server = node("headers = X-Declared")
    first, second = (ask(server, "GET", "/o/a") for _ in range(2))
    for answer in (first, second):
        assert (answer.status, answer.body) == (200, b"body")
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["ETag"] == '"v1"'
        assert answer.headers["Last-Modified"] == "Sat, 29 Oct 1994 19:43:31 GMT"
        assert answer.headers["Cache-Control"] == "max-age=600"
        assert answer.headers["X-Declared"] == "yes"
        assert answer.headers["X-Other"] is None and answer.headers["X-Hop"] is None
        assert int(answer.headers["Age"]) <= 20
    assert status_of(first) == ["fwd=uri-miss", "fwd-status=200", "stored"]
    assert status_of(second) == ["hit"]
    assert len(origin.requests) == 1


def test_head_and_conditional_requests(node, origin):
    origin.play = lambda request: request.answer(200, b"body", (
        ("ETag", 'W/"v1"'), ("Last-Modified", "Sat, 29 Oct 1994 19:43:31 GMT"), ("Cache-Control", "max-age=600")))
    server = node()
    head = ask(server, "HEAD", "/o/a")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, "4", b"")
    for fields in ({"If-None-Match": '"x", "v1"'}, {"If-None-Match": "*"},
                   {"If-Modified-Since": "Sat, 29 Oct 1994 19:43:31 GMT"}):
        answer = ask(server, "GET", "/o/a", headers=fields)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", 'W/"v1"'), fields
    for fields in ({"If-None-Match": '"v2"'}, {"If-Modified-Since": "Sat, 29 Oct 1994 19:43:30 GMT"},
                   {"If-None-Match": '"v2"', "If-Modified-Since": "Sat, 29 Oct 2094 19:43:31 GMT"}):
        assert ask(server, "GET", "/o/a", headers=fields).status == 200, fields
    # Also of an answer that comes later.
    assert ask(server, "GET", "/o/b", headers={"If-None-Match": '"v1"'}).status == 304
    assert [request.method for request in origin.requests] == ["GET", "GET"]
    assert ask(server, "GET", "/o/a", headers={"If-Match": '"v1"'}).status == 400


def test_what_may_not_be_stored_is_passed_on(node, origin):
    origin.play = lambda request: request.answer(200, b"mine", (("Cache-Control", "private"), ("Set-Cookie", "a=b"), ("X-Any", "1")))
    server = node()
    answers = [ask(server, "GET", "/o/a") for _ in range(3)]
    assert {answer.body for answer in answers} == {b"mine"}
    assert answers[0].headers["Set-Cookie"] == "a=b" and answers[0].headers["X-Any"] == "1"
    assert status_of(answers[0]) == ["fwd=uri-miss", "fwd-status=200"]
    assert status_of(answers[1]) == ["fwd=bypass", "fwd-status=200"]
    assert len(origin.requests) == 3
    assert metrics(server)['larder_origin_obstacles_total{obstacle="private"}'] == 3


def test_lives_by_the_group(node, origin):
    server = node("ttl = 0\nkeep = 0")
    for _ in range(2):
        assert status_of(ask(server, "GET", "/o/a"))[0] in ("fwd=uri-miss", "fwd=bypass")
    assert len(origin.requests) == 2


def test_a_304_renews(node, origin):
    def play(request):
        if request.fields.get("if-none-match") == '"v1"':
            request.answer(304, fields=(("ETag", '"v1"'), ("Cache-Control", "max-age=600")))
        else:
            request.answer(200, b"body", (("ETag", '"v1"'), ("Cache-Control", "max-age=0")))
    origin.play = play
    server = node()
    assert ask(server, "GET", "/o/a").body == b"body"
    renewed = ask(server, "GET", "/o/a")
    assert (renewed.status, renewed.body) == (200, b"body")
    assert status_of(renewed) == ["fwd=stale", "fwd-status=304", "stored"]
    assert status_of(ask(server, "GET", "/o/a")) == ["hit"]
    assert len(origin.requests) == 2


def test_a_304_to_something_else_is_asked_again(node, origin):
    def play(request):
        if "if-none-match" in request.fields:
            request.answer(304, fields=(("ETag", '"other"'),))
        else:
            request.answer(200, b"body", (("ETag", '"v1"'), ("Cache-Control", "max-age=0")))
    origin.play = play
    server = node()
    for _ in range(2):
        assert ask(server, "GET", "/o/a").body == b"body"
    assert ["if-none-match" in request.fields for request in origin.requests] == [False, True, False]


def test_requests_say_how_fresh(node, origin):
    server = node()
    ask(server, "GET", "/o/a")
    assert status_of(ask(server, "GET", "/o/a", headers={"Cache-Control": "no-cache"}))[0] == "fwd=request"
    assert status_of(ask(server, "GET", "/o/a", headers={"Larder-Freshness": "linearizable"}))[0] == "fwd=request"
    assert len(origin.requests) == 3
    assert status_of(ask(server, "GET", "/o/a", headers={"Cache-Control": "max-age=100"})) == ["hit"]
    cached_only = ask(server, "GET", "/o/b", headers={"Cache-Control": "only-if-cached"})
    assert cached_only.status == 504
    assert len(origin.requests) == 3


# --- absent, errors, failures ---

def test_absent(node, origin):
    origin.play = lambda request: request.answer(404, b"none", (("Content-Type", "text/plain"),))
    server = node()
    for _ in range(2):
        answer = ask(server, "GET", "/o/a")
        assert (answer.status, answer.body, answer.headers["Content-Type"]) == (404, b"none", "text/plain")
        assert say(server, b"get o/a\r\n") == b"END\r\n"
        assert say(server, b"mg o/a v\r\n") == b"EN\r\n"
    assert len(origin.requests) == 1
    text = ask(server, "GET", "/metrics").body.decode()
    assert re.search(r'larder_requests_total{protocol="memcached",command="get",group="o",result="absent"} 4', text)


def test_errors_are_no_misses(node, origin):
    origin.play = lambda request: request.answer(500, b"oh", (("Content-Type", "text/plain"),))
    server = node("error-ttl = 60")
    for _ in range(2):
        answer = ask(server, "GET", "/o/a")
        assert (answer.status, answer.body) == (500, b"oh")
        assert say(server, b"get o/a\r\n") == b"SERVER_ERROR the origin failed\r\n"
    assert len(origin.requests) == 1


def test_redirects_are_passed_on(node, origin):
    origin.play = lambda request: request.answer(301, b"", (("Location", "/elsewhere"),))
    server = node()
    for _ in range(2):
        answer = ask(server, "GET", "/o/a")
        assert (answer.status, answer.headers["Location"]) == (301, "/elsewhere")
    assert say(server, b"get o/a\r\n") == b"SERVER_ERROR the origin answers with a redirect, which is no value\r\n"
    assert origin.targets == ["/a"]


def test_an_origin_that_is_away(node, origin):
    server = node()
    origin.stop()
    answer = ask(server, "GET", "/o/a")
    assert (answer.status, answer.json["code"]) == (502, 502)
    assert say(server, b"get o/a\r\n") == b"SERVER_ERROR the origin failed\r\n"


def lie(request):
    request.answer(200, b"short", length=100)
    request.hang_up()


def early(request):
    request.say(b"HTTP/1.1 200 OK\r\nContent-")
    request.hang_up()


def silent(request):
    request.hang_up()


def gibberish(request):
    request.say(b"220 ready\r\n")
    request.hang_up()


@pytest.mark.parametrize("play", [lie, early, silent, gibberish])
def test_what_is_no_answer(node, origin, play):
    origin.play = play
    server = node("error-ttl = 60")
    try:
        assert ask(server, "GET", "/o/a").status == 502
    except http.client.IncompleteRead:  # he who asked first may have heard what came before it broke off
        assert play is lie
    count = len(origin.requests)
    assert ask(server, "GET", "/o/a").status == 502
    assert say(server, b"get o/a\r\n") == b"SERVER_ERROR the origin failed\r\n"
    assert len(origin.requests) == count
    # It is as if nothing had been, once it is well again.
    origin.play = lambda request: request.answer(200, b"well")
    assert ask(server, "DELETE", "/o/a").status == 204
    assert ask(server, "GET", "/o/a").body == b"well"


def test_an_origin_that_hangs(node, origin):
    gate = Gate()
    origin.play = lambda request: gate.wait()
    server = node("origin-timeout = 200ms\nerror-ttl = 60")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(server, "GET", "/o/a").status, range(8)))
    assert answers == [504] * 8
    assert len(origin.requests) == 1
    assert say(server, b"get o/a\r\n") == b"SERVER_ERROR the origin does not answer\r\n"
    gate.open()


def test_an_endless_body(node, origin):
    def play(request):
        request.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            request.say(b"10000\r\n" + bytes(0x10000) + b"\r\n")
    origin.play = play
    server = node("error-ttl = 60")
    assert say(server, b"get o/a\r\n") == b"SERVER_ERROR the origin failed\r\n"
    # Who hears it as it comes hears it for as long as he likes.
    with contextlib.closing(connect(server)) as client:
        client.request("GET", "/o/b")
        answer = client.getresponse()
        assert all(len(answer.read(1 << 20)) == 1 << 20 for _ in range(80))
    assert ask(server, "GET", "/healthz").status == 200
    until(lambda: metrics(server)["larder_origin_flights"] == 0, "it has ended")


@pytest.mark.parametrize("told", [True, False])
def test_a_body_over_the_limit_is_passed_on(node, origin, told):
    body = bytes(range(256)) * 1024

    def play(request):
        if told:
            request.answer(200, body)
        else:
            request.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    origin.play = play
    server = node("max-item = 100k")
    for _ in range(2):
        assert ask(server, "GET", "/o/a").body == body
    assert len(origin.requests) == 2
    assert metrics(server)['larder_origin_obstacles_total{obstacle="body size"}'] == 2


@pytest.mark.parametrize("size", [0, 1, 5000, 20000, 700_000])
def test_bodies_of_any_size(node, origin, size):
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    origin.play = lambda request: request.answer(200, body)
    server = node()
    for _ in range(3):
        assert ask(server, "GET", "/o/a").body == body
        assert say(server, b"get o/a\r\n") == b"VALUE o/a 0 %d\r\n%b\r\nEND\r\n" % (size, body)
    assert len(origin.requests) == 1


def test_a_body_that_ends_with_its_connection(node, origin):
    def play(request):
        request.say(b"HTTP/1.0 200 OK\r\n\r\nall of it")
        request.hang_up()
    origin.play = play
    server = node()
    for _ in range(2):
        assert ask(server, "GET", "/o/a").body == b"all of it"
    assert len(origin.requests) == 1


# --- flights ---

def test_many_clients_one_cold_key(node, origin):
    gate = Gate()

    def play(request):
        gate.wait()
        request.answer(200, b"once")
    origin.play = play
    server = node(threads=2)
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        asked = [pool.submit(ask, server, "GET", "/o/cold") for _ in range(100)]
        until(lambda: metrics(server)["larder_origin_collapsed_requests_total"] == 99, "all have asked")
        gate.open()
        answers = [future.result() for future in asked]
    assert {answer.body for answer in answers} == {b"once"}
    assert len(origin.requests) == 1
    collapsed = sum("collapsed" in status_of(answer) for answer in answers)
    assert collapsed == 99
    assert metrics(server)["larder_origin_flights"] == 0


def pipelined(server, count, target, fields=""):
    """A connection on which so many requests were sent."""
    connection = socket.create_connection((server.host, server.port), timeout=20)
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {server.host}\r\n{fields}\r\n".encode() * count)
    return connection


def test_those_who_want_it_anew_share_rounds(node, origin):
    """1,000 clients with no-cache: one request that is under way, and one behind it for all who came meanwhile."""
    gate = Gate()

    def play(request):
        gate.wait()
        request.answer(200, b"%03d" % len(origin.requests))
    origin.play = play
    server = node(threads=2)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(pipelined(server, 50, "/o/a", "Cache-Control: no-cache\r\n")) for _ in range(20)]
        until(lambda: metrics(server)["larder_origin_collapsed_requests_total"] == 998, "all wait for two requests")
        origin.await_requests(1)
        assert len(origin.requests) == 1
        gate.open()
        bodies = collections.Counter()
        for client in clients:
            with client.makefile("rb") as stream:
                for _ in range(50):
                    while stream.readline() != b"\r\n":
                        pass
                    bodies[stream.read(3)] += 1
    assert bodies == {b"001": 1, b"002": 999}
    assert ask(server, "GET", "/o/a").body == b"002"
    assert len(origin.requests) == 2


def test_an_error_reaches_all_who_wait(node, origin):
    gate = Gate()

    def play(request):
        gate.wait()
        request.hang_up()
    origin.play = play
    server = node("error-ttl = 0")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(ask, server, "GET", "/o/cold") for _ in range(20)]
        until(lambda: metrics(server)["larder_origin_collapsed_requests_total"] == 19, "all have asked")
        gate.open()
        assert [future.result().status for future in asked] == [502] * 20


def test_a_waiter_that_leaves_ends_nothing(node, origin):
    gate = Gate()

    def play(request):
        gate.wait()
        request.answer(200, b"value")
    origin.play = play
    server = node()
    with contextlib.closing(connect(server)) as leaver:
        leaver.request("GET", "/o/a")
        origin.await_requests(1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        stays = pool.submit(ask, server, "GET", "/o/a")
        until(lambda: metrics(server)["larder_origin_collapsed_requests_total"] == 1, "it waits")
        gate.open()
        assert stays.result().body == b"value"
    assert len(origin.requests) == 1


def test_uncacheable_answers_do_not_queue(node, origin):
    """Those who wait for an answer that turns out to be private ask for themselves, side by side."""
    gate, rest = Gate(), Gate()

    def play(request):
        (gate if request is origin.requests[0] else rest).wait()
        request.answer(200, b"mine", (("Cache-Control", "private"),))
    origin.play = play
    server = node()
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask, server, "GET", "/o/a") for _ in range(5)]
        until(lambda: metrics(server)["larder_origin_collapsed_requests_total"] == 4, "all have asked")
        gate.open()
        origin.await_requests(5)  # all at once: none is answered before that
        rest.open()
        assert {future.result().body for future in asked} == {b"mine"}


@pytest.mark.parametrize("purge", ["key", "group", "all", "set"])
def test_a_purge_while_a_load_is_under_way(node, origin, purge):
    gate = Gate()

    def play(request):
        if request is origin.requests[0]:
            gate.wait()
            request.answer(200, b"old")
        else:
            request.answer(200, b"new")
    origin.play = play
    server = node()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        before = pool.submit(ask, server, "GET", "/o/a")
        origin.await_requests(1)
        if purge == "key":
            assert ask(server, "DELETE", "/o/a").status in (204, 404)
        elif purge == "group":
            assert ask(server, "POST", "/admin/flush?group=o").status == 204
        elif purge == "all":
            assert say(server, b"flush_all\r\n") == b"OK\r\n"
        else:
            assert say(server, b"set o/a 0 0 3\r\nnew\r\n") == b"STORED\r\n"
        assert ask(server, "GET", "/o/a").body == b"new"  # it does not wait for what was asked before
        gate.open()
        assert before.result().body == b"old"
    assert ask(server, "GET", "/o/a").body == b"new"
    assert metrics(server)["larder_origin_voided_total"] == 1


def test_a_purge_by_prefix(node, origin):
    gate = Gate()

    def play(request):
        if request.target == "/v2/slow" and len(origin.requests) < 6:
            gate.wait()
        request.answer(200, b"%d" % len(origin.requests))
    origin.play = play
    server = node()
    keys = ["/o/v2/a?x%2f", "/o/v2/b", "/o/v1/a", "/mem/v2/a"]
    ask(server, "PUT", keys[3], b"stays")
    before = [ask(server, "GET", key).body for key in keys]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, server, "GET", "/o/v2/slow")
        origin.await_requests(4)
        assert ask(server, "POST", "/admin/flush?group=o&prefix=v2/").status == 204
        gate.open()
        assert slow.result().body == b"4"
    after = [ask(server, "GET", key).body for key in keys]
    assert [old == new for old, new in zip(before, after)] == [False, False, True, True]
    ask(server, "GET", "/o/v2/slow")
    assert origin.targets.count("/v2/slow") == 2
    assert ask(server, "POST", "/admin/flush?group=o&prefix=v2/a%3Fx%252f").status == 204
    assert [ask(server, "GET", key).body == value for key, value in zip(keys, after)] == [False, True, True, True]
    for query in ("prefix=a", "group=o&prefix=", "group=o&prefix=a&prefix=b", "group=o&x=y"):
        assert ask(server, "POST", "/admin/flush?" + query).status == 400, query


# --- stale answers ---

def test_stale_while_revalidate(node, origin):
    gate = Gate()

    def play(request):
        if request is not origin.requests[0]:
            gate.wait()
        request.answer(200, b"%d" % len(origin.requests), (("Cache-Control", "max-age=0, stale-while-revalidate=600"),))
    origin.play = play
    server = node()
    assert ask(server, "GET", "/o/a").body == b"1"
    for _ in range(5):  # nobody waits, and one request is under way
        assert ask(server, "GET", "/o/a").body == b"1"
    origin.await_requests(2)
    assert len(origin.requests) == 2
    gate.open()
    until(lambda: ask(server, "GET", "/o/a").body != b"1", "it is refreshed")


def test_stale_if_error(node, origin):
    def play(request):
        if request is origin.requests[0]:
            request.answer(200, b"good", (("Cache-Control", "max-age=0, stale-if-error=600"), ("ETag", '"1"')))
        else:
            request.answer(503, b"bad")
    origin.play = play
    server = node("error-ttl = 60")
    assert ask(server, "GET", "/o/a").body == b"good"
    for _ in range(3):
        answer = ask(server, "GET", "/o/a")
        assert (answer.status, answer.body) == (200, b"good")
    assert len(origin.requests) == 2  # it is not asked again for a while
    strict = ask(server, "GET", "/o/a", headers={"Cache-Control": "no-cache"})
    assert (strict.status, strict.body) == (503, b"bad")


# --- memcached and writes ---

def test_set_primes_and_delete_purges(node, origin):
    server = node()
    assert say(server, b"set o/a 5 0 6\r\nprimed\r\n") == b"STORED\r\n"
    assert say(server, b"get o/a\r\n") == b"VALUE o/a 5 6\r\nprimed\r\nEND\r\n"
    answer = ask(server, "GET", "/o/a")
    assert (answer.status, answer.body, status_of(answer)) == (200, b"primed", ["hit"])
    assert origin.requests == []
    assert say(server, b"delete o/a\r\n") == b"DELETED\r\n"
    assert say(server, b"delete o/a\r\n") == b"NOT_FOUND\r\n"
    assert say(server, b"get o/a\r\n") == b"VALUE o/a 0 2\r\n/a\r\nEND\r\n"
    assert ask(server, "PUT", "/o/b", b"put").status == 204
    assert ask(server, "GET", "/o/b").body == b"put"


def test_a_large_value_primes(node, origin):
    server = node()
    value = b"v" * 500_000
    assert say(server, b"set o/a 0 0 %d\r\n%b\r\n" % (len(value), value)) == b"STORED\r\n"
    assert ask(server, "GET", "/o/a").body == value


def test_what_has_no_meaning(node, origin):
    server = node()
    line = b"CLIENT_ERROR an origin group takes get, set and delete only\r\n"
    for sent in (b"add o/a 0 0 1\r\nx\r\n", b"replace o/a 0 0 1\r\nx\r\n", b"append o/a 0 0 1\r\nx\r\n",
                 b"prepend o/a 0 0 1\r\nx\r\n", b"cas o/a 0 0 1 5\r\nx\r\n", b"incr o/a 1\r\n", b"decr o/a 1\r\n",
                 b"touch o/a 10\r\n", b"gat 10 o/a\r\n", b"mg o/a N10\r\n", b"mg o/a T10\r\n", b"md o/a I\r\n",
                 b"ma o/a\r\n"):
        assert say(server, sent) == line, sent
    assert origin.requests == []


def test_many_keys_in_one_get(node, origin):
    server = node()
    keys = [b"o/%d" % i for i in range(50)]
    expected = b"".join(b"VALUE %b 0 %d\r\n%b\r\n" % (key, len(key) - 1, key[1:]) for key in keys)
    assert say(server, b"get " + b" ".join(keys) + b"\r\n") == expected + b"END\r\n"


def test_the_groups_are_listed(node, origin):
    server = node()
    ask(server, "GET", "/o/a")
    group = next(group for group in ask(server, "GET", "/admin/groups").json["groups"] if group["name"] == "o")
    assert (group["backing"], group["origin"], group["ttl"]) == ("origin", origin.url, 60)


def test_it_ends_while_origins_hang(request, node, origin):
    gate = Gate()
    origin.play = lambda request: gate.wait()
    server = node("", drain="100ms")
    waits = connect(server)
    waits.request("GET", "/o/a")
    origin.await_requests(1)
    request.addfinalizer(waits.close)  # behind the end of the node, which start_server's own sees to
    request.addfinalizer(gate.open)


@pytest.mark.slow
def test_a_key_is_asked_for_once_however_many_come_while_its_answer_does(node, origin):
    """Those who look just before the answer is stored, and ask just after."""
    server = node(threads=4)
    crowd = larderd_path().parent / "bench" / "crowd" / "crowd"
    targets = [f"/o/crowd{number}" for number in range(400)]
    done = subprocess.run([crowd, "150", f"{server.host}:{server.port}", *targets], stdout=subprocess.PIPE, timeout=60, check=True)
    assert done.stdout.count(b'"answered": 150') == len(targets)
    assert collections.Counter(origin.targets) == {target.removeprefix("/o"): 1 for target in targets}
