# SPDX-License-Identifier: Apache-2.0
"""Keys over HTTP: values, entity tags, conditions, freshness, lives, in memory groups and in store groups."""
import base64
import contextlib
import json
import subprocess
import threading
import uuid

import pytest

from httpwire import ask, connect, exchange, path_of, start_node
from server import wait_until
from wire import Connection

pytestmark = pytest.mark.larder("memcached speaks no HTTP")
GROUPS = ["config", "mem"]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    running = start_node(tmp_path_factory.mktemp("values"))
    yield running
    running.stop()


@pytest.fixture(params=GROUPS)
def path(request):
    """The path of a key that nobody else has."""
    return f"/{request.param}/{uuid.uuid4().hex}"


@pytest.fixture
def durable():
    return f"/config/{uuid.uuid4().hex}"


def test_the_life_of_a_value(node, path):
    assert ask(node, "GET", path).status == 404
    created = ask(node, "PUT", path, b"one")
    assert (created.status, created.body, created.headers["Content-Length"]) == (201, b"", "0")
    changed = ask(node, "PUT", path, b"two", {"Content-Type": "text/html"})
    assert (changed.status, changed.body) == (204, b"")
    assert changed.tag != created.tag
    got = ask(node, "GET", path)
    assert (got.status, got.body, got.tag) == (200, b"two", changed.tag)
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert int(got.headers["Age"]) <= getattr(node, "oldest", 0) and got.headers["Cache-Status"].startswith("larder; ")
    assert "GMT" in got.headers["Date"]
    head = ask(node, "HEAD", path)
    assert (head.status, head.body, head.headers["Content-Length"], head.tag) == (200, b"", "3", changed.tag)
    assert ask(node, "DELETE", path).status == 204
    again = ask(node, "DELETE", path)
    assert again.status == 404 and again.json == {"code": 404, "message": "there is no value of this key", "key": path[1:]}
    assert ask(node, "HEAD", path).status == 404


def test_revisions_of_a_store_group(node, durable):
    first = ask(node, "PUT", durable, b"1")
    second = ask(node, "PUT", durable, b"2")
    assert (first.tag, second.tag) == (f'"{first.revision}"', f'"{second.revision}"')
    assert second.revision > first.revision
    got = ask(node, "GET", durable)
    assert got.revision >= second.revision and got.tag == second.tag
    assert ask(node, "GET", durable).headers["Cache-Status"] == "larder; hit", "the second read is from the copy"
    gone = ask(node, "DELETE", durable)
    assert gone.revision > second.revision
    assert ask(node, "GET", durable).revision >= gone.revision


def test_an_empty_value_is_a_value(node, path):
    assert ask(node, "PUT", path, b"").status == 201
    got = ask(node, "GET", path)
    assert (got.status, got.body, got.headers["Content-Length"]) == (200, b"", "0")
    assert ask(node, "PUT", path + "x").status == 201, "a PUT without a body writes an empty value"


def test_the_route_of_the_near_cache_service(node):
    """PUT/GET/DELETE /config/load_tests/<key>?use_cache=true|false, as the old service had it."""
    key = "k" * 64
    for use_cache in ("true", "false"):
        target = f"/config/load_tests/{key}?use_cache={use_cache}"
        assert ask(node, "PUT", target, b"v" * 44, {"Content-Type": "application/x-www-form-urlencoded"}).status == 201
        assert ask(node, "GET", target).body == b"v" * 44
        assert ask(node, "PUT", target, b"w" * 44).status == 204
        assert ask(node, "GET", target).body == b"w" * 44
        assert ask(node, "DELETE", target).status == 204
        assert ask(node, "GET", target).status == 404


KEYS = [b"a b", b"a+b", b"//a//../b/./", b"%41", b"\xff\xfe", b"nul\0", b"\xc3\xa4?x=1&y#z", b"a" * 170]


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("key", KEYS)
def test_keys_are_opaque_bytes(node, group, key):
    """Decoded once and never normalised: memcached, which takes keys in base64, finds the same entry."""
    whole = group.encode() + b"/" + key
    value = uuid.uuid4().hex.encode()
    assert ask(node, "PUT", path_of(whole), value).status in (201, 204)
    assert ask(node, "GET", path_of(whole)).body == value
    with Connection(node) as other:
        line = b"mg %s b v\r\n" % base64.b64encode(whole)
        assert other.ask(line) == b"VA 32\r\n%s\r\n" % value


def test_a_key_that_is_not_utf8_is_shown_in_base64(node):
    answer = ask(node, "GET", "/config/%ff")
    assert answer.json == {"code": 404, "message": "there is no value of this key",
                           "key": base64.b64encode(b"config/\xff").decode(), "key_encoding": "base64"}


def test_long_keys(node):
    assert ask(node, "PUT", "/config/" + "k" * 8000, b"v").status in (201, 204)
    assert ask(node, "GET", "/config/" + "k" * 8000).body == b"v"
    refused = ask(node, "GET", "/mem/" + "k" * 250)
    assert refused.status == 400 and "250 bytes" in refused.json["message"]


def test_keys_of_no_group_belong_to_default(node):
    key = f"/{uuid.uuid4().hex}"
    assert ask(node, "PUT", key, b"x").status == 201
    assert ask(node, "GET", key).headers.get("X-Larder-Revision") is None
    with Connection(node) as other:
        assert other.ask(b"get %s\r\n" % key[1:].encode()) == b"VALUE %s 0 1\r\nx\r\nEND\r\n" % key[1:].encode()


@pytest.mark.parametrize("path", ["/", "/ui", "/ui/x", "/admin", "/admin/x", "/v3", "/v3/x", "/v3beta/x", "/v3alpha/x",
                                  "/_groupcache", "/metrics/x", "/version/"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_reserved_paths_are_no_keys(node, path, method):
    assert ask(node, method, path, b"x" if method == "PUT" else None).status == 404


# --- conditions ---

def test_conditional_reads(node, path):
    tag = ask(node, "PUT", path, b"v").tag
    assert ask(node, "GET", path, headers={"If-None-Match": tag}).status == 304
    assert ask(node, "GET", path, headers={"If-None-Match": "W/" + tag}).status == 304
    assert ask(node, "GET", path, headers={"If-None-Match": f'"x", {tag}'}).status == 304
    assert ask(node, "GET", path, headers={"If-None-Match": "*"}).status == 304
    answer = ask(node, "HEAD", path, headers={"If-None-Match": tag})
    assert (answer.status, answer.tag) == (304, tag)
    assert ask(node, "GET", path, headers={"If-None-Match": '"99999"'}).body == b"v"
    assert ask(node, "GET", path, headers={"If-Match": tag}).body == b"v"
    assert ask(node, "GET", path, headers={"If-Match": '"99999"'}).status == 412
    assert ask(node, "GET", path + "x", headers={"If-None-Match": "*"}).status == 404
    assert ask(node, "GET", path + "x", headers={"If-Match": "*"}).status == 412


def test_conditional_writes(node, path):
    def put(**headers):
        return ask(node, "PUT", path, b"v", {name.replace("_", "-"): text for name, text in headers.items()})

    def delete(**headers):
        return ask(node, "DELETE", path, None, {name.replace("_", "-"): text for name, text in headers.items()})
    assert put(If_Match="*").status == 412
    assert put(If_Match='"1"').status == 412
    assert delete(If_Match="*").status == 412
    first = put(If_None_Match="*")
    assert first.status == 201
    assert put(If_None_Match="*").status == 412
    assert put(If_None_Match=first.tag).status == 412
    assert put(If_None_Match=f'"99999", W/{first.tag}').status == 412
    second = put(If_Match=first.tag)
    assert second.status == 204
    assert put(If_Match=first.tag).status == 412
    assert put(If_Match="W/" + second.tag).status == 412, "a weak tag is never the same"
    third = put(If_Match=f'"99999", {second.tag}, "other"')
    assert third.status == 204
    assert put(If_Match=third.tag, If_None_Match=third.tag).status == 412
    fourth = put(If_Match="*", If_None_Match=second.tag)
    assert fourth.status == 204
    fifth = put(If_None_Match='"99999"')
    assert fifth.status == 204
    refused = put(If_Match='"99999"')
    assert refused.json == {"code": 412, "message": "the condition of the request does not hold", "key": path[1:]}
    assert ask(node, "GET", path).tag == fifth.tag
    assert delete(If_Match=fourth.tag).status == 412
    assert delete(If_None_Match="*").status == 412
    assert delete(If_Match=fifth.tag).status == 204
    assert put(If_None_Match='"99999"').status == 201
    assert delete(If_Match="*").status == 204
    assert delete(If_None_Match='"99999"').status == 404


@pytest.mark.parametrize("field", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("text", ["5", '"5', '"5" "6"', '*, "5"', ", ".join(f'"{n}"' for n in range(1, 20))])
def test_conditions_that_are_not_understood_are_refused(node, durable, field, text):
    for method in ("GET", "PUT", "DELETE"):
        assert ask(node, method, durable, b"x" if method == "PUT" else None, {field: text}).status == 400
    assert ask(node, "GET", durable).status == 404, "nothing was written"


def in_threads(count, work):
    results = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count
    return results


def test_one_creates_of_many(node, path):
    found = in_threads(12, lambda: ask(node, "PUT", path, b"x", {"If-None-Match": "*"}).status)
    assert sorted(found) == [201] + [412] * 11


def test_no_update_is_lost(node, path):
    ask(node, "PUT", path, b"0")

    def count_up():
        with contextlib.closing(connect(node)) as connection:
            done = 0
            while done < 25:
                got = ask(node, "GET", path, connection=connection)
                answer = ask(node, "PUT", path, str(int(got.body) + 1).encode(), {"If-Match": got.tag},
                             connection=connection)
                assert answer.status in (204, 412)
                done += answer.status == 204
    in_threads(6, count_up)
    assert ask(node, "GET", path).body == b"150"


def test_a_tag_of_a_memory_group_is_of_one_process(tmp_path, start):
    """cas numbers begin anew with a process: the tag of a value must not be another's after a restart."""
    tags = []
    for _ in range(2):
        running = start(tmp_path)
        tags.append(ask(running, "PUT", "/mem/k", b"v").tag)
        running.stop()
        running.port_file.unlink(missing_ok=True)
    assert tags[0] != tags[1]


# --- freshness, revisions, lives ---

@pytest.mark.parametrize("query", ["use_cache=true", "use_cache=false", "max_stale=500ms", "max_stale=0", "max_stale=2"])
def test_freshness_can_be_asked_for(node, path, query):
    ask(node, "PUT", path, b"v")
    assert ask(node, "GET", f"{path}?{query}").body == b"v"


@pytest.mark.parametrize("text, status", [("cached", 200), ("linearizable", 200), ("max_stale=1s", 200), ("fresh", 400)])
def test_freshness_can_be_asked_for_in_a_field(node, path, text, status):
    ask(node, "PUT", path, b"v")
    assert ask(node, "GET", path, headers={"Larder-Freshness": text}).status == status


def test_the_past(node, durable):
    first = ask(node, "PUT", durable, b"1")
    second = ask(node, "PUT", durable, b"2")
    gone = ask(node, "DELETE", durable)
    got = ask(node, "GET", f"{durable}?rev={first.revision}")
    assert (got.status, got.body, got.tag, got.revision) == (200, b"1", first.tag, first.revision)
    assert ask(node, "GET", f"{durable}?rev={second.revision}").body == b"2"
    assert ask(node, "GET", f"{durable}?rev={gone.revision}").status == 404
    assert ask(node, "GET", f"{durable}?rev={first.revision - 1}").status == 404
    assert ask(node, "GET", f"{durable}?rev=999999999").status == 412
    assert ask(node, "GET", f"{durable}?min_rev={gone.revision}").status == 404
    refused = ask(node, "GET", f"{durable}?min_rev=999999999")
    assert refused.status == 412 and refused.json["key"] == durable[1:]


def test_a_compacted_past(tmp_path, start):
    running = start(tmp_path, extra=["--store-history", "5"])
    first = ask(running, "PUT", "/config/k", b"1")

    def write_on():
        ask(running, "PUT", "/config/k", b"more")
        return ask(running, "GET", f"/config/k?rev={first.revision}").status == 410
    wait_until(write_on, 30, "the first revision is compacted")
    assert ask(running, "GET", f"/config/?prefix=&rev={first.revision}").status == 410
    running.stop()


def test_lives(node, path):
    assert ask(node, "PUT", path + "?ttl=1", b"x").status == 201
    assert ask(node, "PUT", path + "-long?ttl=1h", b"x").status == 201
    wait_until(lambda: ask(node, "GET", path).status == 404, 30, "the value ends")
    assert ask(node, "GET", path + "-long").status == 200


@pytest.mark.parametrize("method, path, status, word", [
    ("GET", "/config/k?x=1", 400, "'x' is unknown"),
    ("GET", "/config/k?use_cache=maybe", 400, "'use_cache' is neither true nor false"),
    ("GET", "/config/k?max_stale=soon", 400, "'max_stale' is not a time"),
    ("GET", "/config/k?rev=1&rev=2", 400, "'rev' was given twice"),
    ("GET", "/config/k?ttl=5", 400, "'ttl' has no meaning for this request"),
    ("GET", "/config/k?rev=%zz", 400, "hexadecimal"),
    ("GET", "/config/%zz", 400, "hexadecimal"),
    ("PUT", "/config/k?rev=5", 400, "'rev' has no meaning"),
    ("PUT", "/config/k?ttl=0", 400, "'ttl' is not a time"),
    ("DELETE", "/config/k?ttl=5", 400, "'ttl' has no meaning"),
    ("GET", "/mem/k?rev=5", 400, "'rev' has no meaning for this request in a memory group"),
    ("GET", "/mem/k?min_rev=5", 400, "'min_rev' has no meaning for this request in a memory group"),
    ("GET", "/mem/k?watch", 400, "'watch' has no meaning for this request in a memory group"),
    ("GET", "/mem/?prefix=", 400, "'prefix' has no meaning for this request in a memory group"),
    ("POST", "/config/k", 405, "GET, HEAD, PUT and DELETE"),
    ("PATCH", "/mem/k", 405, "GET, HEAD, PUT and DELETE"),
])
def test_errors_say_what_is_wrong(node, method, path, status, word):
    answer = ask(node, method, path, b"x" if method in ("PUT", "POST", "PATCH") else None)
    assert (answer.status, answer.json["code"]) == (status, status)
    assert word in answer.json["message"]
    if status == 405:
        assert answer.headers["Allow"] == "GET, HEAD, PUT, DELETE, OPTIONS"


def test_options(node):
    answer = ask(node, "OPTIONS", "/config/k")
    assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, PUT, DELETE, OPTIONS")
    assert exchange(node, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 204 ")


# --- the other protocols ---

MAGIC = b"\x96larder\x01"


@pytest.mark.parametrize("value", [b"plain", MAGIC, MAGIC + b"\0\0\0\x07\0\0\0\x01x", b""])
def test_values_come_back_as_they_went(node, durable, value):
    """An envelope is put on and taken off once, whoever writes and whoever reads."""
    key = durable[1:].encode()
    with Connection(node) as other:
        shown = b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (key, len(value), value)
        ask(node, "PUT", durable, value)
        assert ask(node, "GET", durable).body == value
        assert other.ask(b"get %s\r\n" % key) == shown
        assert other.ask(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value)) == b"STORED\r\n"
        assert ask(node, "GET", durable).body == value
        assert other.ask(b"set %s 7 0 %d\r\n%s\r\n" % (key, len(value), value)) == b"STORED\r\n"
        assert ask(node, "GET", durable).body == value
        assert ask(node, "GET", "/config/?values&prefix=" + durable[8:]).json["items"][0]["value_encoding"
                   if value.startswith(b"\x96") else "value"] is not None
        assert other.ask(b"get %s\r\n" % key) == shown.replace(b" 0 ", b" 7 ", 1)


def test_writes_of_one_protocol_are_seen_by_the_other(node, path):
    key = path[1:].encode()
    with Connection(node) as other:
        assert other.ask(b"set %s 0 0 1\r\na\r\n" % key) == b"STORED\r\n"
        assert ask(node, "GET", path).body == b"a"
        ask(node, "PUT", path, b"b")
        assert other.ask(b"get %s\r\n" % key) == b"VALUE %s 0 1\r\nb\r\nEND\r\n" % key
        ask(node, "DELETE", path)
        assert other.ask(b"get %s\r\n" % key) == b"END\r\n"


# --- who may ask ---

@pytest.mark.parametrize("host, status", [("127.0.0.1", 404), ("localhost:99", 404), ("[::1]:8080", 404),
                                          ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("", 421)])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_the_host_is_checked(node, host, status, method):
    request = f"{method} /config/none HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    assert exchange(node, request).startswith(f"HTTP/1.1 {status} ".encode())


def test_the_host_of_an_absolute_target_counts(node):
    request = b"GET http://%s/config/none HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
    assert exchange(node, request % (b"evil.example", b"localhost")).startswith(b"HTTP/1.1 421 ")
    assert exchange(node, request % (b"localhost", b"evil.example")).startswith(b"HTTP/1.1 404 ")


def test_names_can_be_allowed(tmp_path, start):
    running = start(tmp_path, extra=["--http-hosts", "larder.example, cache-1"])
    request = b"GET /mem/none HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
    assert exchange(running, request % b"Larder.Example:8080").startswith(b"HTTP/1.1 404 ")
    assert exchange(running, request % b"cache-1").startswith(b"HTTP/1.1 404 ")
    refused = exchange(running, request % b"cache-2")
    assert refused.startswith(b"HTTP/1.1 421 ") and b"http-hosts" in refused
    assert b"\nlarder_http_refused_hosts_total 1\n" in ask(running, "GET", "/metrics").body
    assert exchange(running, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    running.stop()


def test_groups_are_shown(node, durable):
    before = {group["name"]: group for group in ask(node, "GET", "/admin/groups").json["groups"]}
    ask(node, "PUT", durable, b"v")
    ask(node, "GET", durable)
    ask(node, "GET", durable + "x")
    answer = ask(node, "GET", "/admin/groups").json
    groups = {group["name"]: group for group in answer["groups"]}
    assert list(groups) == ["default", "config", "mem"]
    assert groups["config"]["backing"] == "store" and groups["config"]["prefix"] == "config/"
    assert groups["config"]["freshness"] == "cached" and groups["config"]["stale_limit"] == 5
    assert groups["mem"]["backing"] == "memory" and groups["mem"]["max_item"] == 1 << 20
    grown = {name: groups["config"][name] - before["config"][name] for name in ("requests", "hits", "misses")}
    assert grown == {"requests": 3, "hits": 1, "misses": 1}
    assert {"revision", "keys", "bytes", "quota"} <= set(answer["store"])
    assert answer["store"]["revision"] >= 2 and answer["store"]["quota"] == 2 << 30


def test_curl(node, tmp_path):
    value = tmp_path / "value"
    value.write_bytes(bytes(range(256)) * 3000)
    url = f"http://{node.host}:{node.port}/config/curl"
    for arguments in (["-T", value], ["-T", value, "-H", "Transfer-Encoding: chunked"],
                      ["--http1.0", "-T", value], ["-X", "PUT", "--data-binary", f"@{value}"]):
        done = subprocess.run(["curl", "-sf", *arguments, url], timeout=60, check=True, capture_output=True)
        assert done.stdout == b""
        got = subprocess.run(["curl", "-sf", url], timeout=60, check=True, capture_output=True).stdout
        assert got == value.read_bytes()
        subprocess.run(["curl", "-sf", "-X", "DELETE", url], timeout=60, check=True)
    error = subprocess.run(["curl", "-s", url], timeout=60, capture_output=True).stdout
    assert json.loads(error)["key"] == "config/curl"
