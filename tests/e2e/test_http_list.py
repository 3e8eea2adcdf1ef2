# SPDX-License-Identifier: Apache-2.0
"""Listings of store groups over HTTP."""
import base64

import pytest

from httpwire import ask, exchange, path_of, start_node, statuses

pytestmark = pytest.mark.larder("memcached speaks no HTTP")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    running = start_node(tmp_path_factory.mktemp("list"), '[group "config"]\nbacking = store\n[group "all"]\nbacking = store\nprefix = ""\n')
    for i in range(25):
        ask(running, "PUT", f"/config/a/{i:02}", f"value {i}".encode())
    ask(running, "PUT", "/config/b", b"\xff\x00")
    ask(running, "PUT", path_of(b"config/\xfe"), b"text")
    ask(running, "PUT", "/config/flags", b"x")
    yield running
    running.stop()


def listing(node, query, path="/config/"):
    answer = ask(node, "GET", f"{path}?{query}")
    assert answer.status == 200, answer.body
    assert answer.revision == answer.json["revision"]
    return answer.json


def test_a_whole_group(node):
    for path in ("/config", "/config/"):
        whole = listing(node, "prefix=", path)
        assert (whole["count"], whole["more"], len(whole["items"])) == (28, False, 28)
        keys = [item["key"] for item in whole["items"]]
        assert keys[0] == "config/a/00" and keys[25:27] == ["config/b", "config/flags"]
        assert all("value" not in item and item["version"] == 1 for item in whole["items"])


def test_any_bytes_can_be_shown(node):
    last = listing(node, "prefix=%FE&values")["items"]
    assert last == [{"key": base64.b64encode(b"config/\xfe").decode(), "key_encoding": "base64", "version": 1, "value": "text",
                     "create_revision": last[0]["mod_revision"], "mod_revision": last[0]["mod_revision"]}]
    binary = listing(node, "prefix=b&values=true")["items"][0]
    assert (binary["value"], binary["value_encoding"]) == (base64.b64encode(b"\xff\0").decode(), "base64")


def test_pages(node):
    seen = []
    query = "prefix=a/&limit=10"
    after = ""
    while True:
        page = listing(node, query + after)
        assert page["count"] == 25 - len(seen), "keys from here on"
        seen += [item["key"] for item in page["items"]]
        if not page["more"]:
            break
        assert len(page["items"]) == 10
        after = "&after=" + seen[-1].removeprefix("config/")
    assert seen == [f"config/a/{i:02}" for i in range(25)]
    assert listing(node, "prefix=a/&after=b")["items"] == []
    assert listing(node, "prefix=b&after=a")["count"] == 1, "what lies before the prefix does not matter"


def test_the_past(node):
    items = listing(node, "prefix=a/")["items"]
    then = items[4]["mod_revision"]
    past = listing(node, f"prefix=a/&rev={then}")
    assert past["revision"] == then and [item["key"] for item in past["items"]] == [item["key"] for item in items[:5]]
    assert ask(node, "GET", "/config/?prefix=&rev=99999999").status == 412
    assert ask(node, "GET", "/config/?prefix=&min_rev=99999999").status == 412


@pytest.mark.parametrize("target, status", [
    ("/nothing?prefix=", 404), ("/config/a?prefix=", 404), ("/default?prefix=", 400), ("/config?prefix=&limit=0", 400),
    ("/config?prefix=&ttl=5", 400), ("/config?limit=x", 400),
])
def test_errors(node, target, status):
    answer = ask(node, "GET", target)
    assert (answer.status, answer.json["code"]) == (status, status)


def test_head(node):
    got = ask(node, "GET", "/config?prefix=a/")
    head = ask(node, "HEAD", "/config?prefix=a/")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(got.body)))


def test_a_group_of_the_whole_store(node):
    keys = [item["key"] for item in listing(node, "prefix=", "/all")["items"]]
    assert "all/config/a/00" in keys and len(keys) == 28
    assert ask(node, "GET", "/all/config/a/00").body == b"value 0"


def test_larders_own_keys_are_not_shown(node):
    for method in ("GET", "PUT", "DELETE"):
        assert ask(node, method, "/all//larder/x", b"x" if method == "PUT" else None).status == 403
    assert ask(node, "GET", "/all//larder/x?watch").status == 403


def test_a_page_is_bounded_by_bytes_too(tmp_path, start):
    running = start(tmp_path)
    for i in range(20):
        assert ask(running, "PUT", f"/config/{i:02}", b"x" * 900_000).status == 201
    page = listing(running, "prefix=&values")
    assert page["more"] and 4 <= len(page["items"]) <= 9 and page["count"] == 20
    assert page["items"][0]["value"] == "x" * 900_000
    assert len(listing(running, "prefix=")["items"]) == 20, "without values there is room for all"
    running.stop()


def test_a_large_limit_is_cut(tmp_path, start):
    running = start(tmp_path)
    head = b"PUT /config/%05d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"
    sent = b"".join(head % i for i in range(10_001)) + b"GET / HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n"
    assert statuses(exchange(running, sent)).count(201) == 10_001
    page = listing(running, "prefix=&limit=999999")
    assert (page["count"], len(page["items"]), page["more"]) == (10_001, 10_000, True)
    assert len(listing(running, "prefix=")["items"]) == 1000
    running.stop()
