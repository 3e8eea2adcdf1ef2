# SPDX-License-Identifier: Apache-2.0
"""Who may use the groups of the store by HTTP, memcached and `larder`, once `etcdctl auth enable` was said.

The users: root; ann, who reads and writes the keys that begin with "config/a"; ro, who reads all of "config/"; and wo, who
writes them and reads none."""
import base64
import contextlib
import json
import shutil
import subprocess

import pytest
from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheClientError

from httpwire import DEADLINE, ask, connect, raw_connect, read_until, start_node, statuses
from test_cli import DONE, LARDER, SERVER_ERROR, environment
from test_http_watch import Watch
from wire import Connection

pytestmark = pytest.mark.larder("memcached has no users")

PASSWORDS = {"root": "main:key", "ann": "a n n", "ro": "reader", "wo": "writer"}
ETCDCTL = shutil.which("etcdctl")
UNAUTHENTICATED = b"CLIENT_ERROR unauthenticated\r\n"
DENIED = b"CLIENT_ERROR permission denied\r\n"
FAILURE = b"CLIENT_ERROR authentication failure\r\n"


def etcdctl(node, *words, user=None):
    command = [ETCDCTL, "--endpoints", f"{node.host}:{node.port}"]
    command += ["--user", f"{user}:{PASSWORDS[user]}"] if user else []
    ended = subprocess.run([*command, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                           env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"})
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


def enable(node):
    for name, password in PASSWORDS.items():
        etcdctl(node, "user", "add", f"{name}:{password}")
        etcdctl(node, "role", "add", name)
        etcdctl(node, "user", "grant-role", name, name)
    etcdctl(node, "role", "grant-permission", "ann", "readwrite", "--prefix=true", "config/a")
    etcdctl(node, "role", "grant-permission", "ro", "read", "--prefix=true", "config/")
    etcdctl(node, "role", "grant-permission", "wo", "write", "--prefix=true", "config/")
    etcdctl(node, "auth", "enable")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A node that had keys, and copies of them at hand, before authentication was enabled."""
    running = start_node(tmp_path_factory.mktemp("auth"))
    fill(running)
    enable(running)
    yield running
    running.stop()


@pytest.fixture
def node(tmp_path, start):
    running = start(tmp_path / "own")
    fill(running)
    enable(running)
    return running


def fill(node):
    for key in ("config/a", "config/b", "mem/m"):
        assert ask(node, "PUT", "/" + key, b"old " + key.encode()).status in (201, 204)
        assert ask(node, "GET", "/" + key).status == 200
    assert ask(node, "GET", "/config/a").headers["Cache-Status"] == "larder; hit"


def basic(user, password=None):
    words = f"{user}:{PASSWORDS[user] if password is None else password}"
    return {"Authorization": "Basic " + base64.b64encode(words.encode()).decode()}


def token_of(node, user):
    message = json.dumps({"name": user, "password": PASSWORDS[user]})
    return json.loads(ask(node, "POST", "/v3/auth/authenticate", message).body)["token"]


def bearer(node, user):
    return {"Authorization": "Bearer " + token_of(node, user)}


def log_in(connection, user, password=None):
    words = f"{user} {PASSWORDS[user] if password is None else password}".encode()
    return connection.ask(b"set larder-auth 0 0 %d\r\n%s\r\n" % (len(words), words))


# --- HTTP ---

def test_http_without_a_user_is_refused_even_copies(shared):
    refused = ask(shared, "GET", "/config/a")
    assert refused.status == 401 and refused.headers["WWW-Authenticate"].startswith('Basic realm="larder"')
    assert refused.json["code"] == 401 and "ETag" not in refused.headers
    for method, target, body in (("PUT", "/config/a", b"x"), ("DELETE", "/config/a", None), ("HEAD", "/config/a", None),
                                 ("GET", "/config/?prefix=", None), ("GET", "/config/a?watch=true", None),
                                 ("GET", "/config/?watch=true&prefix=a", None), ("GET", "/admin/groups", None),
                                 ("GET", "/config/a?rev=1", None)):
        assert ask(shared, method, target, body).status == 401, (method, target)
    assert ask(shared, "GET", "/config/a", headers=basic("ann")).body == b"old config/a"


def test_memory_groups_and_probes_are_everybodys(shared):
    for headers in ({}, basic("ann"), basic("ann", "wrong"), {"Authorization": "Bearer nonsense"},
                    {"Authorization": "Basic ?"}, {"Authorization": "Digest x"}):
        assert ask(shared, "PUT", "/mem/free", b"v", headers=headers).status in (201, 204)
        assert ask(shared, "GET", "/mem/m", headers=headers).body == b"old mem/m"
        assert ask(shared, "GET", "/healthz", headers=headers).status == 200
        assert ask(shared, "GET", "/metrics", headers=headers).status == 200


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_http_users_may_what_their_roles_say(shared, kind):
    headers = {user: basic(user) if kind == "basic" else bearer(shared, user) for user in PASSWORDS}
    table = [("ann", "GET", "/config/a", 200), ("ann", "GET", "/config/b", 403), ("ann", "PUT", "/config/a1", 201),
             ("ann", "PUT", "/config/b1", 403), ("ann", "DELETE", "/config/a1", 204), ("ann", "DELETE", "/config/b", 403),
             ("ro", "GET", "/config/b", 200), ("ro", "PUT", "/config/b", 403), ("ro", "DELETE", "/config/b", 403),
             ("wo", "GET", "/config/b", 403), ("wo", "PUT", "/config/b2", 201), ("wo", "DELETE", "/config/b2", 204),
             ("root", "GET", "/config/b", 200), ("root", "GET", "/admin/groups", 200), ("ann", "GET", "/admin/groups", 403),
             ("root", "GET", "/admin/hot", 200), ("ann", "GET", "/admin/hot", 403)]
    with contextlib.closing(connect(shared)) as connection:
        for user, method, target, status in table:
            answer = ask(shared, method, target, b"v" if method == "PUT" else None, headers[user], connection)
            assert answer.status == status, (user, method, target)


def test_a_condition_tells_what_there_is_and_so_needs_to_read(shared):
    assert ask(shared, "PUT", "/config/b", b"v", {**basic("wo"), "If-None-Match": "*"}).status == 403
    assert ask(shared, "PUT", "/config/a", b"v", {**basic("ann"), "If-None-Match": "*"}).status == 412


def test_lists_and_watches_must_be_permitted_as_a_whole(shared):
    for target in ("/config/?prefix=", "/config/?prefix=b", "/config/?prefix=&after=a", "/config/?watch=true&prefix=",
                   "/config/b?watch=true"):
        assert ask(shared, "GET", target, headers=basic("ann")).status == 403, target
    keys = [item["key"] for item in ask(shared, "GET", "/config/?prefix=a", headers=basic("ann")).json["items"]]
    assert keys == ["config/a"]
    assert ask(shared, "GET", "/config/?prefix=", headers=basic("ro")).json["count"] == 2
    assert ask(shared, "GET", "/config/?prefix=", headers=basic("wo")).status == 403


def test_wrong_words_are_nobodys(shared):
    for headers in (basic("ann", "wrong"), basic("nobody", "x"), basic("ann", ""), basic("ann", "a" * 600),
                    basic("", "x"), basic("ann", PASSWORDS["ann"] + "\0"), {"Authorization": "Basic"},
                    {"Authorization": "Basic YW5u"}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer"},
                    {"Authorization": token_of(shared, "root")}):
        assert ask(shared, "GET", "/config/a", headers=headers).status == 401, headers


def test_requests_behind_a_login_are_answered_in_order(shared):
    """The first needs the slow way; none is lost, none is answered with another's right."""
    pieces = []
    for number, (user, password) in enumerate([("ann", None), ("ann", "wrong"), ("ro", None), (None, None)] * 3):
        line = "" if user is None else f"Authorization: {basic(user, password)['Authorization']}\r\n"
        pieces.append(f"PUT /config/a{number % 4}p HTTP/1.1\r\nHost: localhost\r\n{line}Content-Length: 1\r\n\r\nx")
    pieces.append("GET /mem/m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    with raw_connect(shared) as raw:
        raw.sendall("".join(pieces).encode())
        received = read_until(raw, b"old mem/m")
    assert statuses(received) == [201, 401, 403, 401, 204, 401, 403, 401, 204, 401, 403, 401, 200]
    assert ask(shared, "DELETE", "/config/a0p", headers=basic("ann")).status == 204


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_body_that_may_not_be_written_is_not_invited(shared, framing):
    size = 1 << 19
    line = f"Content-Length: {size}" if framing == "length" else "Transfer-Encoding: chunked"
    with raw_connect(shared) as raw:
        raw.sendall(f"PUT /config/big HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{line}\r\n\r\n".encode())
        assert read_until(raw, b"}\n").startswith(b"HTTP/1.1 401 ")


def test_a_large_body_of_a_user(shared):
    body = bytes(range(256)) * 2048
    assert ask(shared, "PUT", "/config/a-big", body, basic("ann")).status == 201
    assert ask(shared, "GET", "/config/a-big", headers=basic("ro")).body == body
    assert ask(shared, "DELETE", "/config/a-big", headers=basic("ann")).status == 204


# --- memcached ---

def test_memcached_without_a_user(shared):
    value = b"v" * 300000
    with Connection(shared) as c:
        assert c.ask(b"get config/a\r\n") == UNAUTHENTICATED
        assert c.ask(b"mg config/a v\r\n") == UNAUTHENTICATED
        assert c.ask(b"get mem/m config/a\r\n") == b"VALUE mem/m 0 9\r\nold mem/m\r\n" + UNAUTHENTICATED
        assert c.ask(b"set config/a 0 0 1\r\nx\r\n") == UNAUTHENTICATED
        assert c.ask(b"set config/a 0 0 %d\r\n%s\r\n" % (len(value), value)) == UNAUTHENTICATED
        assert c.ask(b"set config/a 0 0 1 noreply\r\nx\r\n") == b""
        assert c.ask(b"ms config/a 1\r\nx\r\n") == UNAUTHENTICATED
        for line in (b"incr config/a 1", b"delete config/a", b"md config/a", b"touch config/a 5", b"gat 5 config/a",
                     b"me config/a", b"flush_all", b"ma config/a"):
            assert c.ask(line + b"\r\n") == UNAUTHENTICATED, line
        assert c.ask(b"set mem/own 0 0 1\r\nx\r\nget mem/own\r\n") == b"STORED\r\nVALUE mem/own 0 1\r\nx\r\nEND\r\n"
        assert c.ask(b"version\r\n").startswith(b"VERSION ")


def test_memcached_users_may_what_their_roles_say(shared):
    with Connection(shared) as c:
        assert log_in(c, "ann", "wrong") == FAILURE
        assert c.ask(b"get config/a\r\n") == UNAUTHENTICATED
        assert log_in(c, "ann") == b"STORED\r\n"
        assert c.ask(b"get config/a\r\n") == b"VALUE config/a 0 12\r\nold config/a\r\nEND\r\n"
        assert c.ask(b"get config/b\r\n") == DENIED
        assert c.ask(b"set config/b 0 0 1\r\nx\r\n") == DENIED
        assert c.ask(b"set config/am 0 0 1\r\n1\r\nincr config/am 2\r\n") == b"STORED\r\n3\r\n"
        assert c.ask(b"delete config/am\r\n") == b"DELETED\r\n"
        assert c.ask(b"flush_all\r\n") == DENIED
        # Another one, and then nobody.
        assert log_in(c, "wo") == b"STORED\r\n"
        assert c.ask(b"get config/a\r\n") == DENIED
        assert c.ask(b"set config/m 0 0 1\r\n1\r\n") == b"STORED\r\n"
        for line in (b"incr config/m 1", b"touch config/m 0", b"append config/m 0 0 1\r\n1", b"add config/m 0 0 1\r\n1",
                     b"cas config/m 0 0 1 1\r\n1"):
            assert c.ask(line + b"\r\n") == DENIED, line
        assert c.ask(b"delete config/m\r\n") == b"DELETED\r\n"
        assert log_in(c, "wo", "wrong") == FAILURE
        assert c.ask(b"set config/m 0 0 1\r\n1\r\n") == UNAUTHENTICATED
        assert log_in(c, "root") == b"STORED\r\n"
        assert c.ask(b"get config/b\r\n").startswith(b"VALUE config/b 0 12\r\n")
        assert c.ask(b"flush_all\r\n") == b"OK\r\n"
    fill_memory(shared)


def fill_memory(node):
    assert ask(node, "PUT", "/mem/m", b"old mem/m").status in (201, 204)


def test_the_words_are_kept_nowhere(shared):
    with Connection(shared) as c:
        assert log_in(c, "ann") == b"STORED\r\n"
        assert c.ask(b"get larder-auth\r\n") == b"END\r\n"


@pytest.mark.parametrize("words", [b"", b"ann", b" ", b"ann ", b" a n n", b"ann a n n ", b"x" * 767])
def test_memcached_words_that_are_wrong(shared, words):
    with Connection(shared) as c:
        assert c.ask(b"set larder-auth 0 0 %d\r\n%s\r\n" % (len(words), words)) == FAILURE
        assert c.ask(b"get mem/m\r\n") == b"VALUE mem/m 0 9\r\nold mem/m\r\nEND\r\n"


def test_memcached_words_that_are_too_long_or_not_framed(shared):
    words = b"ann " + b"a" * 100000
    with Connection(shared) as c:
        assert c.ask(b"set larder-auth 0 0 %d\r\n%s\r\n" % (len(words), words)) == FAILURE
        assert c.ask(b"set larder-auth 0 0 3\r\nannxx\r\n").startswith(b"CLIENT_ERROR bad data chunk\r\n")


def test_commands_behind_a_login_see_it(shared):
    with Connection(shared) as c:
        words = b"ro reader"
        c.send(b"set larder-auth 0 0 %d\r\n%s\r\nget config/a\r\nset config/b 0 0 1\r\nx\r\nmn\r\n" % (len(words), words))
        expected = b"STORED\r\nVALUE config/a 0 12\r\nold config/a\r\nEND\r\n" + DENIED + b"MN\r\n"
        assert c.read_until(lambda got: len(got) >= len(expected) and len(expected), "the answers") == expected


def test_a_client_that_leaves_during_its_login(node):
    for _ in range(8):  # each costs a hash, twice
        with Connection(node) as c:
            c.send(b"set larder-auth 0 0 7\r\nann bad\r\n")
        with raw_connect(node) as raw:
            line = basic("ann", "bad")["Authorization"]
            raw.sendall(f"GET /config/a HTTP/1.1\r\nHost: localhost\r\nAuthorization: {line}\r\n\r\n".encode())
    assert ask(node, "GET", "/config/a", headers=basic("ann")).status == 200


def test_pymemcache(shared):
    client = Client((shared.host, shared.port), timeout=DEADLINE, connect_timeout=DEADLINE, default_noreply=False)
    try:
        with pytest.raises(MemcacheClientError, match="unauthenticated"):
            client.get("config/a")
        assert client.set("larder-auth", "ann " + PASSWORDS["ann"])
        assert client.get("config/a") == b"old config/a"
        with pytest.raises(MemcacheClientError, match="permission denied"):
            client.set("config/b", "x")
    finally:
        client.close()


# --- larder ---

def larder(node, *words, user=None, stdin=b""):
    variables = environment(f"{node.host}:{node.port}")
    if user is not None:
        variables["LARDER_USER"] = user
    ended = subprocess.run([LARDER, *words], input=stdin, env=variables, capture_output=True, timeout=60)
    return ended.returncode, ended.stdout, ended.stderr.decode()


def test_larder_by_http(shared):
    ann = "ann:" + PASSWORDS["ann"]
    code, out, err = larder(shared, "put", "config/acli", "v")
    assert code == SERVER_ERROR and "--user" in err
    assert larder(shared, "put", "config/acli", "v", "--user", ann)[0] == DONE
    assert larder(shared, "get", "config/acli", "--user", ann)[:2] == (DONE, b"v")
    assert larder(shared, "get", "config/acli", "--linearizable", user=ann)[:2] == (DONE, b"v")
    assert larder(shared, "ls", "config/a", user=ann)[0] == DONE
    code, out, err = larder(shared, "ls", "config/", user=ann)
    assert code == SERVER_ERROR and "may not" in err
    assert larder(shared, "group", "list", user="root:" + PASSWORDS["root"])[0] == DONE
    assert larder(shared, "del", "config/acli", user=ann)[0] == DONE
    code, out, err = larder(shared, "get", "config/a", user="ann:wrong")
    assert code == SERVER_ERROR and "authentication failure" in err


# --- what changes ---

def test_a_permission_that_is_revoked_is_gone_at_once(node):
    with Connection(node) as c, contextlib.closing(connect(node)) as http:
        assert log_in(c, "ann") == b"STORED\r\n"
        headers = bearer(node, "ann")
        assert c.ask(b"get config/a\r\n").startswith(b"VALUE")
        assert ask(node, "GET", "/config/a", headers=headers, connection=http).status == 200
        etcdctl(node, "role", "revoke-permission", "--prefix=true", "ann", "config/a", user="root")
        assert c.ask(b"get config/a\r\n") == DENIED
        assert ask(node, "GET", "/config/a", headers=headers, connection=http).status == 403
        assert ask(node, "GET", "/config/a", headers=basic("ann"), connection=http).status == 403
        etcdctl(node, "role", "grant-permission", "ann", "readwrite", "--prefix=true", "config/", user="root")
        assert c.ask(b"get config/b\r\n").startswith(b"VALUE")
        assert ask(node, "GET", "/config/b", headers=headers, connection=http).status == 200


@pytest.mark.parametrize("change", [("user", "delete", "ann"), ("user", "passwd", "ann", "--interactive=false")])
def test_a_user_that_is_gone_or_has_another_password_is_nobody(node, change):
    with Connection(node) as c, contextlib.closing(connect(node)) as http:
        assert log_in(c, "ann") == b"STORED\r\n"
        assert ask(node, "GET", "/config/a", headers=basic("ann"), connection=http).status == 200
        if change[1] == "passwd":
            subprocess.run([ETCDCTL, "--endpoints", f"{node.host}:{node.port}", "--user", "root:" + PASSWORDS["root"],
                            *change], input=b"another\n", env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}, check=True,
                           capture_output=True, timeout=60)
        else:
            etcdctl(node, *change, user="root")
        assert c.ask(b"get config/a\r\n") == UNAUTHENTICATED
        assert ask(node, "GET", "/config/a", headers=basic("ann"), connection=http).status == 401


def test_auth_that_is_disabled_and_enabled(node):
    with Connection(node) as c:
        assert c.ask(b"get config/a\r\n") == UNAUTHENTICATED
        etcdctl(node, "auth", "disable", user="root")
        assert c.ask(b"get config/a\r\n").startswith(b"VALUE")
        assert c.ask(b"flush_all\r\n") == b"OK\r\n"
        # There is nothing to prove, and the words are not kept for others to read.
        assert log_in(c, "ann") == b"STORED\r\n"
        assert c.ask(b"get larder-auth\r\n") == b"END\r\n"
        assert ask(node, "GET", "/config/a", headers=basic("ann", "wrong")).status == 200
        etcdctl(node, "auth", "enable")
        assert c.ask(b"get config/a\r\n") == UNAUTHENTICATED


def test_it_holds_after_a_restart(tmp_path, start):
    first = start(tmp_path / "node")
    fill(first)
    enable(first)
    first.stop()
    second = start(tmp_path / "node")
    assert ask(second, "GET", "/config/a").status == 401
    assert ask(second, "GET", "/config/a", headers=basic("ann")).status == 200


@pytest.mark.parametrize("change", [("role", "revoke-permission", "--prefix=true", "ann", "config/a"),
                                    ("user", "delete", "ann")])
def test_a_watch_ends_when_its_permission_goes(node, change):
    with Watch(node, "/config/?watch=true&prefix=a", **basic("ann")) as watch:
        assert watch.status == 200 and watch.next()[0] == "progress"
        assert ask(node, "PUT", "/config/a", b"seen", basic("ann")).status == 204
        assert watch.next()[0] == "put"
        etcdctl(node, *change, user="root")
        assert ask(node, "PUT", "/config/a", b"unseen", basic("root")).status == 204
        event, number, data = watch.next()
        assert (event, number, data["code"]) == ("failed", None, 401 if change[0] == "user" else 403)
        assert watch.next() is None


def test_a_watch_ends_by_itself_though_nothing_happens(node):
    with Watch(node, "/config/a?watch=true", **basic("ann")) as watch:
        assert watch.next()[0] == "progress"
        etcdctl(node, "user", "revoke-role", "ann", "ann", user="root")
        assert watch.next()[0] == "failed" and watch.next() is None


def test_a_watch_of_nobodys_ends_when_auth_is_enabled(tmp_path, start):
    node = start(tmp_path / "node")
    with Watch(node, "/config/?watch=true&prefix=") as watch:
        assert watch.next()[0] == "progress"
        enable(node)
        event, _, data = watch.next()
        assert (event, data["code"]) == ("failed", 401) and watch.next() is None


def test_a_crowd_logs_in_at_once(node):
    """The same words of many connections are looked at once, not once for each."""
    raws = [raw_connect(node) for _ in range(60)]
    line = basic("ro")["Authorization"]
    for raw in raws:
        raw.sendall(f"GET /config/b HTTP/1.1\r\nHost: localhost\r\nAuthorization: {line}\r\n\r\n".encode())
    for raw in raws:
        assert read_until(raw, b"old config/b").startswith(b"HTTP/1.1 200 ")
        raw.close()


def test_curl(shared, tmp_path):
    def curl(*words):
        return subprocess.run(["curl", "-s", "-o", tmp_path / "body", "-w", "%{http_code}", *words,
                               f"http://{shared.host}:{shared.port}/config/a"], capture_output=True, check=True,
                              timeout=60).stdout
    assert curl() == b"401"
    assert curl("-u", "ann:" + PASSWORDS["ann"]) == b"200"
    assert curl("--anyauth", "-u", "ann:" + PASSWORDS["ann"]) == b"200"
    assert curl("-u", "wo:" + PASSWORDS["wo"]) == b"403"
    assert curl("-H", "Authorization: Bearer " + token_of(shared, "ro")) == b"200"
