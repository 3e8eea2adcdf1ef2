# SPDX-License-Identifier: Apache-2.0
"""The JSON gateway as etcd 3.4.23 answers it, byte by byte, by Python's own HTTP client and by curl."""
import contextlib
import http.client
import json
import re
import subprocess

import pytest

from server import kind_under_test

pytestmark = [pytest.mark.larder("memcached has no gateway"), pytest.mark.slow]

DEADLINE = 60
IS_ETCD = kind_under_test() == "etcd"
PATHS = ["v3", "v3beta"] if IS_ETCD else ["v3", "v3beta", "v3alpha"]  # etcd 3.4 has given up the last
IDS = re.compile(r'"(cluster_id|member_id|raft_term)":"\d+"')
COMPACTED = "etcdserver: mvcc: required revision has been compacted"
FUTURE = "etcdserver: mvcc: required revision is a future revision"
NO_LEASE = "etcdserver: requested lease not found"


def head(revision):
    return f'"header":{{"cluster_id":"0","member_id":"0","revision":"{revision}","raft_term":"0"}}'


def refused(text, code):
    return f'{{"error":"{text}","message":"{text}","code":{code}}}'


A = '{"key":"YQ==","create_revision":"2","mod_revision":"3","version":"2","value":"Mg=="}'
# Path, request, status, answer, in this order on an empty server.
COURSE = [
    ("kv/put", '{"key":"YQ==","value":"MQ=="}', 200, "{" + head(2) + "}"),
    ("kv/put", '{"key":"YQ==","value":"Mg==","prev_kv":true}', 200,
     "{" + head(3) + ',"prev_kv":{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1",'
     '"value":"MQ=="}}'),
    ("kv/put", '{"key":"Yg=="}', 200, "{" + head(4) + "}"),
    ("kv/range", '{"key":"YQ=="}', 200, "{" + head(4) + f',"kvs":[{A}],"count":"1"}}'),
    ("kv/range", '{"key":"YQ==","range_end":"eg==","limit":"1"}', 200,
     "{" + head(4) + f',"kvs":[{A}],"more":true,"count":"2"}}'),
    ("kv/range", '{"key":"YQ==","range_end":"eg==","limit":1}', 200,
     "{" + head(4) + f',"kvs":[{A}],"more":true,"count":"2"}}'),
    ("kv/range", '{"key":"YQ==","range_end":"eg==","keys_only":true,"sort_order":"DESCEND","sort_target":"MOD"}', 200,
     "{" + head(4) + ',"kvs":[{"key":"Yg==","create_revision":"4","mod_revision":"4","version":"1"},'
     '{"key":"YQ==","create_revision":"2","mod_revision":"3","version":"2"}],"count":"2"}'),
    ("kv/range", '{"key":"YQ==","range_end":"eg==","sort_order":2,"sort_target":2,"count_only":true}', 200,
     "{" + head(4) + ',"count":"2"}'),
    ("kv/range", '{"key":"YQ==","revision":"2","serializable":true}', 200,
     "{" + head(4) + ',"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"2","version":"1","value":"MQ=="}],'
     '"count":"1"}'),
    ("kv/range", '{"key":"eA=="}', 200, "{" + head(4) + "}"),
    ("kv/range", '{"key":"YQ==","revision":99}', 400, refused(FUTURE, 11)),
    ("kv/range", "{}", 400, refused("etcdserver: key is not provided", 3)),
    ("kv/range", "", 400, refused("etcdserver: key is not provided", 3)),
    ("kv/range", '{"nothing":1}', 400, refused("etcdserver: key is not provided", 3)),
    ("kv/put", '{"key":"YQ==","lease":"99"}', 404, refused(NO_LEASE, 5)),
    ("kv/put", '{"key":"YQ==","value":"MQ==","ignore_value":true}', 400, refused("etcdserver: value is provided", 3)),
    ("kv/txn", '{"compare":[{"key":"YQ==","target":"VALUE","result":"EQUAL","value":"Mg=="}],"success":['
     '{"request_put":{"key":"Yw==","value":"Mw=="}},{"request_range":{"key":"Yw=="}},'
     '{"request_delete_range":{"key":"Yg==","prev_kv":true}}],"failure":[{"request_range":{"key":"YQ=="}}]}', 200,
     "{" + head(5) + ',"succeeded":true,"responses":[{"response_put":{"header":{"revision":"5"}}},'
     '{"response_range":{"header":{"revision":"5"},"kvs":[{"key":"Yw==","create_revision":"5","mod_revision":"5",'
     '"version":"1","value":"Mw=="}],"count":"1"}},{"response_delete_range":{"header":{"revision":"5"},"deleted":"1",'
     '"prev_kvs":[{"key":"Yg==","create_revision":"4","mod_revision":"4","version":"1"}]}}]}'),
    ("kv/txn", '{"compare":[{"key":"YQ==","target":"VALUE","result":"EQUAL","value":"OQ=="}],'
     '"failure":[{"request_range":{"key":"YQ=="}}]}', 200,
     "{" + head(5) + f',"responses":[{{"response_range":{{"header":{{"revision":"5"}},"kvs":[{A}],"count":"1"}}}}]}}'),
    ("kv/txn", '{"success":[{"request_put":{"key":"Yw=="}},{"request_put":{"key":"Yw=="}}]}', 400,
     refused("etcdserver: duplicate key given in txn request", 3)),
    ("kv/deleterange", '{"key":"YQ==","prev_kv":true}', 200, "{" + head(6) + f',"deleted":"1","prev_kvs":[{A}]}}'),
    ("kv/deleterange", '{"key":"YQ=="}', 200, "{" + head(6) + "}"),
    ("kv/compaction", '{"revision":"3","physical":true}', 200, "{" + head(6) + "}"),
    ("kv/compaction", '{"revision":"3"}', 400, refused(COMPACTED, 11)),
    ("kv/compaction", '{"revision":"99"}', 400, refused(FUTURE, 11)),
    ("lease/grant", '{"TTL":"1000","ID":"7"}', 200, "{" + head(6) + ',"ID":"7","TTL":"1000"}'),
    ("lease/grant", '{"TTL":1000,"ID":7}', 412, refused("etcdserver: lease already exists", 9)),
    ("lease/grant", '{"TTL":"9000000001"}', 400, refused("etcdserver: too large lease TTL", 11)),
    ("kv/put", '{"key":"ZA==","value":"MQ==","lease":"7"}', 200, "{" + head(7) + "}"),
    ("kv/range", '{"key":"ZA=="}', 200,
     "{" + head(7) + ',"kvs":[{"key":"ZA==","create_revision":"7","mod_revision":"7","version":"1","value":"MQ==",'
     '"lease":"7"}],"count":"1"}'),
    ("lease/timetolive", '{"ID":"99"}', 200, "{" + head(7) + ',"ID":"99","TTL":"-1"}'),
    ("kv/lease/timetolive", '{"ID":"99"}', 200, "{" + head(7) + ',"ID":"99","TTL":"-1"}'),
    ("lease/leases", "{}", 200, "{" + head(7) + ',"leases":[{"ID":"7"}]}'),
    ("kv/lease/leases", "{}", 200, "{" + head(7) + ',"leases":[{"ID":"7"}]}'),
    ("lease/keepalive", '{"ID":"7"}', 200, '{"result":{' + head(7) + ',"ID":"7","TTL":"1000"}}\n'),
    ("lease/keepalive", '{"ID":"99"}', 200, '{"result":{' + head(7) + ',"ID":"99"}}\n'),
    ("lease/revoke", '{"ID":"7"}', 200, "{" + head(8) + "}"),
    ("lease/revoke", '{"ID":"7"}', 404, refused(NO_LEASE, 5)),
    ("kv/lease/revoke", '{"ID":"7"}', 404, refused(NO_LEASE, 5)),
    ("lease/leases", "{}", 200, "{" + head(8) + "}"),
    ("maintenance/defragment", "{}", 200, "{}"),
    ("auth/enable", "{}", 412, refused("etcdserver: root user does not exist", 9)),
    ("auth/authenticate", '{"name":"u","password":"p"}', 412, refused("etcdserver: authentication is not enabled", 9)),
    ("auth/user/add", '{"name":"u","password":"p"}', 200, "{" + head(8) + "}"),
    ("auth/user/add", '{"name":"u","password":"p"}', 412, refused("etcdserver: user name already exists", 9)),
    ("auth/user/list", "{}", 200, "{" + head(8) + ',"users":["u"]}'),
    ("auth/role/add", '{"name":"r"}', 200, "{" + head(8) + "}"),
    ("auth/role/grant", '{"name":"r","perm":{"permType":"READWRITE","key":"YQ==","range_end":"Yg=="}}', 200,
     "{" + head(8) + "}"),
    ("auth/role/get", '{"role":"r"}', 200,
     "{" + head(8) + ',"perm":[{"permType":"READWRITE","key":"YQ==","range_end":"Yg=="}]}'),
    ("auth/role/get", '{"role":"none"}', 412, refused("etcdserver: role name not found", 9)),
    ("auth/user/grant", '{"user":"u","role":"r"}', 200, "{" + head(8) + "}"),
    ("auth/user/get", '{"name":"u"}', 200, "{" + head(8) + ',"roles":["r"]}'),
    ("auth/user/delete", '{"name":"u"}', 200, "{" + head(8) + "}"),
    ("election/leader", '{"name":"bm9ib2R5"}', 500, refused("election: no leader", 2)),
]


class Gateway:
    def __init__(self, port):
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)

    def close(self):
        self._connection.close()

    def ask(self, path, body, method="POST", headers=None):
        """(status, type, body with nought for ids)."""
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        return answer.status, answer.headers["Content-Type"], IDS.sub(r'"\1":"0"', answer.read().decode())

    def json(self, path, **fields):
        status, _, body = self.ask(path, json.dumps(fields))
        assert status == 200, body
        return json.loads(body)

    @contextlib.contextmanager
    def stream(self, path, **fields):
        """A call that goes on: gives the next line as JSON, or None at the end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request("POST", path, json.dumps(fields))
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")

        def line():
            read = answer.readline()
            assert read == b"" or read.endswith(b"\n")
            return json.loads(read) if read else None
        try:
            yield line
        finally:
            connection.close()


@pytest.fixture
def gateway(etcd_node):
    opened = Gateway(etcd_node.port)
    yield opened
    opened.close()


@pytest.mark.parametrize("version", PATHS)
def test_every_answer_is_etcds(gateway, version):
    wrong = []
    for path, request, status, body in COURSE:
        got = gateway.ask(f"/{version}/{path}", request)
        if got != (status, "application/json", body):
            wrong.append((path, request, (status, body), got))
    assert wrong == []


def test_what_etcd_tells_of_itself(gateway):
    status, kind, body = gateway.ask("/version", None, "GET")
    told = json.loads(body)
    assert (status, kind, told["etcdcluster"]) == (200, "application/json", "3.4.0")
    assert re.fullmatch(r"3\.4\.\d+", told["etcdserver"])
    assert gateway.ask("/health", None, "GET")[::2] == (200, '{"health":"true"}')


@pytest.mark.parametrize("method, path, status, body", [
    ("GET", "/v3/kv/range", 405, "Method Not Allowed\n"), ("PUT", "/v3/kv/put", 405, "Method Not Allowed\n"),
    ("POST", "/v3/kv/nothing", 404, "Not Found\n"), ("POST", "/v3/nothing", 404, "Not Found\n"),
    ("POST", "/v3/kv/range/", 404, "Not Found\n"),
])
def test_what_is_not_there(gateway, method, path, status, body):
    assert gateway.ask(path, "{}", method) == (status, "text/plain; charset=utf-8", body)


@pytest.mark.parametrize("body", ["{", "[]", '"a"', "1", '{"key":1}', '{"key":"!!"}', '{"key":"YQ==","limit":"x"}',
                                  '{"key":"YQ==","limit":1.5}', '{"key":"YQ==","sort_order":"UP"}', "\0"])
def test_bad_json(gateway, body):
    """The code is etcd's; the words are those of each server's own reader of JSON."""
    status, kind, text = gateway.ask("/v3/kv/range", body)
    answer = json.loads(text)
    assert (status, kind, answer["code"]) == (400, "application/json", 3), text
    assert answer["error"] == answer["message"] != ""


def test_watch(gateway):
    with gateway.stream("/v3/watch", create_request={"key": "YQ==", "prev_kv": True}) as line:
        created = line()["result"]
        assert created["created"] is True and created["header"]["revision"] == "1" and "watch_id" not in created
        gateway.json("/v3/kv/put", key="YQ==", value="MQ==")
        gateway.json("/v3/kv/put", key="Yg==", value="MQ==")
        gateway.json("/v3/kv/put", key="YQ==", value="Mg==")
        gateway.json("/v3/kv/deleterange", key="YQ==")
        events = []
        while len(events) < 3:  # those of several revisions may come in one answer
            result = line()["result"]
            events += result["events"]
            assert int(result["header"]["revision"]) >= int(events[-1]["kv"]["mod_revision"])
        assert events == [
            {"kv": {"key": "YQ==", "create_revision": "2", "mod_revision": "2", "version": "1", "value": "MQ=="}},
            {"kv": {"key": "YQ==", "create_revision": "2", "mod_revision": "4", "version": "2", "value": "Mg=="},
             "prev_kv": {"key": "YQ==", "create_revision": "2", "mod_revision": "2", "version": "1", "value": "MQ=="}},
            {"type": "DELETE", "kv": {"key": "YQ==", "mod_revision": "5"},
             "prev_kv": {"key": "YQ==", "create_revision": "2", "mod_revision": "4", "version": "2", "value": "Mg=="}}]


def test_watch_of_the_past_of_a_range_with_filters(gateway):
    for key in ("YQ==", "Yg==", "eg=="):
        gateway.json("/v3/kv/put", key=key, value="MQ==")
    gateway.json("/v3/kv/deleterange", key="YQ==", range_end="AA==")
    wanted = {"key": "YQ==", "range_end": "eg==", "start_revision": "2", "filters": ["NOPUT"]}
    with gateway.stream("/v3/watch", create_request=wanted) as line:
        assert line()["result"]["created"] is True
        assert [(event["type"], event["kv"]["key"]) for event in line()["result"]["events"]] == [
            ("DELETE", "YQ=="), ("DELETE", "Yg==")]


def test_watch_of_what_is_compacted(gateway):
    for _ in range(3):
        gateway.json("/v3/kv/put", key="YQ==")
    gateway.json("/v3/kv/compaction", revision="3")
    with gateway.stream("/v3/watch", create_request={"key": "YQ==", "start_revision": "1"}) as line:
        assert line()["result"]["created"] is True
        ended = line()["result"]
        assert (ended["canceled"], ended["compact_revision"]) == (True, "3")


def test_a_lock_and_an_election(gateway):
    lock = gateway.json("/v3/lock/lock", name="bQ==")
    assert lock["header"]["revision"] == "2"
    kv, = gateway.json("/v3/kv/range", key=lock["key"])["kvs"]
    assert int(kv["lease"]) > 0
    assert gateway.json("/v3/lock/unlock", key=lock["key"])["header"]["revision"] == "3"
    gateway.json("/v3/lease/grant", TTL="1000", ID="9")
    leader = gateway.json("/v3/election/campaign", name="ZQ==", lease="9", value="MQ==")["leader"]
    assert (leader["name"], leader["lease"], leader["rev"]) == ("ZQ==", "9", "4")
    assert gateway.json("/v3/election/leader", name="ZQ==")["kv"]["value"] == "MQ=="
    gateway.json("/v3/election/proclaim", leader=leader, value="Mg==")
    with gateway.stream("/v3/election/observe", name="ZQ==") as line:
        assert line()["result"]["kv"]["value"] == "Mg=="
    gateway.json("/v3/election/resign", leader=leader)
    assert gateway.ask("/v3/election/leader", '{"name":"ZQ=="}')[::2] == (500, refused("election: no leader", 2))


def test_curl(etcd_node):
    """As etcd's own documentation shows it."""
    def curl(path, body):
        url = f"http://127.0.0.1:{etcd_node.port}/{path}"
        done = subprocess.run(["curl", "-sS", "-L", url, "-X", "POST", "-d", body], capture_output=True, text=True,
                              timeout=DEADLINE, check=True)
        return IDS.sub(r'"\1":"0"', done.stdout)
    assert curl("v3/kv/put", '{"key": "Zm9v", "value": "YmFy"}') == "{" + head(2) + "}"
    assert curl("v3/kv/range", '{"key": "Zm9v"}') == (
        "{" + head(2) + ',"kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}],'
        '"count":"1"}')
