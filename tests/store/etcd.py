# SPDX-License-Identifier: Apache-2.0
"""A real etcd on loopback and its JSON gateway (etcd.io/docs, "gRPC gateway"), which takes and gives the same as the
driver of driver.py. It leaves out what is zero."""
import base64
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from driver import Event, Kv, encode

READY_DEADLINE = 30
ANSWER_DEADLINE = 60
START_ATTEMPTS = 5

STATUSES = {
    "etcdserver: mvcc: required revision has been compacted": "COMPACTED",
    "etcdserver: mvcc: required revision is a future revision": "FUTURE_REVISION",
    "etcdserver: key is not provided": "EMPTY_KEY",
    "etcdserver: key not found": "KEY_NOT_FOUND",
    "etcdserver: value is provided": "VALUE_PROVIDED",
    "etcdserver: lease is provided": "LEASE_PROVIDED",
    "etcdserver: duplicate key given in txn request": "DUPLICATE_KEY",
    "etcdserver: too many operations in txn request": "TOO_MANY_OPS",
    "etcdserver: request is too large": "TOO_LARGE",
    "etcdserver: requested lease not found": "LEASE_NOT_FOUND",
    "etcdserver: lease already exists": "LEASE_EXISTS",
    "etcdserver: too large lease TTL": "LEASE_TTL_TOO_LARGE",
}


class EtcdMissing(Exception):
    def __str__(self):
        return "there is no etcd here to compare with; 'scripts/setup test' installs it (package etcd-server)"


def etcd_path():
    path = os.environ.get("ETCD", "") or shutil.which("etcd")
    if not path:
        raise EtcdMissing
    return path


def etcd_version():
    said = subprocess.run([etcd_path(), "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return tuple(int(part) for part in re.search(r"(\d+)\.(\d+)\.(\d+)", said).groups())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- requests ---

SPAN = ("key", "range_end")
NUMBERS = ("revision", "limit", "min_mod_revision", "max_mod_revision", "min_create_revision", "max_create_revision",
           "lease", "start_revision")
FLAGS = ("serializable", "keys_only", "count_only", "prev_kv", "ignore_value", "ignore_lease")
COMPARE_NUMBER = {"VERSION": "version", "CREATE": "create_revision", "MOD": "mod_revision", "LEASE": "lease"}
TXN_MEMBERS = {"range": "request_range", "put": "request_put", "delete": "request_delete_range", "txn": "request_txn"}


def plain_request(operation):
    """Members that are called the same on both sides."""
    request = {name: operation[name] for name in (*SPAN, "value", *FLAGS) if name in operation}
    request.update({name: str(operation[name]) for name in NUMBERS if name in operation})
    request.update({name: operation[name] for name in ("sort_order", "sort_target") if name in operation})
    return request


def compare_request(compare):
    request = {name: compare[name] for name in SPAN if name in compare}
    request["result"] = compare.get("result", "EQUAL")
    request["target"] = target = compare.get("target", "VERSION")
    if target == "VALUE":
        request["value"] = compare.get("value", b"")
    else:
        request[COMPARE_NUMBER[target]] = str(compare.get("number", 0))
    return request


def txn_request(operation):
    def branch(name):
        return [{TXN_MEMBERS[op["op"]]: txn_request(op) if op["op"] == "txn" else plain_request(op)}
                for op in operation.get(name, [])]

    return {"compare": [compare_request(each) for each in operation.get("compare", [])],
            "success": branch("success"), "failure": branch("failure")}


def lease_request(operation):
    request = {"ID": str(operation.get("lease", 0))}
    if "ttl" in operation:
        request["TTL"] = str(operation["ttl"])
    if operation.get("keys"):
        request["keys"] = True
    return request


# --- answers ---

def number(reply, name):
    return int(reply.get(name, 0))


def data(reply, name):
    return base64.b64decode(reply.get(name, ""))


def kv_of(kv):
    return Kv(data(kv, "key"), data(kv, "value"), number(kv, "create_revision"), number(kv, "mod_revision"),
              number(kv, "version"), number(kv, "lease"))


def range_result(reply):
    return {"kvs": [kv_of(kv) for kv in reply.get("kvs", [])], "count": number(reply, "count"),
            "more": reply.get("more", False)}


def put_result(reply):
    return {"kvs": [kv_of(reply["prev_kv"])] if "prev_kv" in reply else []}


def delete_result(reply):
    return {"kvs": [kv_of(kv) for kv in reply.get("prev_kvs", [])], "count": number(reply, "deleted")}


def txn_result(reply):
    kinds = {"response_range": range_result, "response_put": put_result, "response_delete_range": delete_result,
             "response_txn": txn_result}
    results = []
    for response in reply.get("responses", []):
        (name, nested), = response.items()
        results.append(kinds[name](nested))
    return {"succeeded": reply.get("succeeded", False), "results": results}


def lease_result(reply):
    return {"lease": number(reply, "ID"), "ttl": number(reply, "TTL")}


def ttl_result(reply):
    return {**lease_result(reply), "granted_ttl": number(reply, "grantedTTL"),
            "keys": sorted(base64.b64decode(key) for key in reply.get("keys", []))}


def leases_result(reply):
    return {"leases": sorted(number(lease, "ID") for lease in reply.get("leases", []))}


OPERATIONS = {
    "range": ("kv/range", plain_request, range_result),
    "put": ("kv/put", plain_request, put_result),
    "delete": ("kv/deleterange", plain_request, delete_result),
    "txn": ("kv/txn", txn_request, txn_result),
    # "physical": the answer comes when what was compacted is gone, so that it depends on nothing what is still there.
    "compact": ("kv/compaction", lambda op: {"physical": True, **plain_request(op)}, lambda reply: {}),
    "grant": ("lease/grant", lease_request, lease_result),
    "revoke": ("lease/revoke", lease_request, lambda reply: {}),
    "keep_alive": ("lease/keepalive", lease_request, lease_result),
    "ttl": ("lease/timetolive", lease_request, ttl_result),
    "leases": ("lease/leases", lease_request, leases_result),
}


def event_of(event):
    return Event(event.get("type", "PUT"), kv_of(event["kv"]), kv_of(event["prev_kv"]) if "prev_kv" in event else None)


class Etcd:
    """One running etcd with an empty store in `directory`."""

    def __init__(self, directory):
        self.version = etcd_version()
        self._directory = directory
        self._log = open(directory / "etcd.log", "ab")
        self._connection = None
        for attempt in range(START_ATTEMPTS):
            if self._start(attempt):
                return
        raise AssertionError(f"etcd does not start: {self._said()}")

    def _start(self, attempt):
        """False: it ended at once, say because somebody else has taken the port meanwhile."""
        self.port = free_port()
        client, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{free_port()}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
        self._process = subprocess.Popen(
            [etcd_path(), "--data-dir", str(self._directory / f"etcd{attempt}"), "--unsafe-no-fsync",
             "--listen-client-urls", client, "--advertise-client-urls", client,
             "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}",
             "--logger", "zap", "--log-level", "error"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=environment)
        end = time.monotonic() + READY_DEADLINE
        while time.monotonic() < end and self._process.poll() is None:
            if self._is_healthy():
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_DEADLINE)
                return True
            time.sleep(0.05)
        self._end_process()
        return False

    def _is_healthy(self):
        probe = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_DEADLINE)
        try:
            probe.request("GET", "/health")
            return json.loads(probe.getresponse().read()).get("health") == "true"
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            probe.close()

    def _said(self):
        return (self._directory / "etcd.log").read_bytes()[-4000:].decode("utf-8", "replace")

    def _end_process(self):
        self._process.terminate()
        try:
            self._process.wait(ANSWER_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self):
        self._connection.close()
        self._end_process()
        self._log.close()

    def _ask(self, method, path, body=None):
        self._connection.request(method, path, body)
        return self._connection.getresponse().read()

    def call(self, operation):
        """The answer to an operation. etcd names no revision when it refuses one."""
        path, request, result = OPERATIONS[operation["op"]]
        reply = json.loads(self._ask("POST", f"/v3/{path}", json.dumps(encode(request(operation)))))
        reply = reply.get("result", reply)  # keepalive is a stream
        if "error" in reply:
            assert reply["error"] in STATUSES, f"etcd says {reply}: {self._said()}"
            return {"status": STATUSES[reply["error"]]}
        answer = {"status": "OK", "revision": number(reply["header"], "revision"), "result": result(reply)}
        if operation["op"] == "keep_alive" and answer["result"]["ttl"] == 0:
            return {"status": "LEASE_NOT_FOUND"}
        return answer

    def metric(self, name):
        text = self._ask("GET", "/metrics").decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1))

    def watch(self, operation):
        return EtcdWatch(self.port, operation)


class EtcdWatch:
    """One watch, on a connection of its own: the gateway loses what follows the first request of a stream. What arrives
    is read at once by a thread, so that etcd never waits."""

    def __init__(self, port, operation):
        self.created = None  # what was told at first: {"status", "revision"}
        self.events = []
        self.compacted = None  # the revision, if that has ended it
        self._lines = []
        self._taken = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        request = {"create_request": {**plain_request(operation), "filters": filters(operation)}}
        self._connection.request("POST", "/v3/watch", json.dumps(encode(request)))
        self._response = self._connection.getresponse()
        self._socket = self._connection.sock
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            while line := self._response.readline():
                self._lines.append(line)
        except (OSError, ValueError, http.client.HTTPException):
            pass  # closed

    def take(self):
        """Sorts in what has arrived."""
        while self._taken < len(self._lines):
            self._take_line(json.loads(self._lines[self._taken])["result"])
            self._lines[self._taken] = None
            self._taken += 1

    def _take_line(self, reply):
        if reply.get("created"):
            # Whoever is refused at once is told that it was created, and cancelled.
            status = "EMPTY_RANGE" if reply.get("canceled") else "OK"
            self.created = {"status": status, "revision": number(reply["header"], "revision")}
        elif reply.get("canceled"):
            self.compacted = number(reply, "compact_revision")
        else:
            self.events += [event_of(event) for event in reply["events"]]

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._connection.close()


def filters(operation):
    return [name for name, member in (("NOPUT", "no_put"), ("NODELETE", "no_delete")) if operation.get(member)]
