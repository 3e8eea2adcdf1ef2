# SPDX-License-Identifier: Apache-2.0
"""The three protocols, each as one connection that does one operation at a time and says how it ended.

perform(op) fills in what the answer says. Lost: the connection is of no use any more; whoever gets it opens another one and
takes the operation for one of unknown outcome."""
import http.client
import socket

import grpc

from etcdproto import message, path_of, types_of
from history import (CACHED, CAS, DELETE, LINEARIZABLE, MISMATCH, RANGE, READ, REFUSED, SERIALIZABLE, STALE, UNKNOWN,
                     WRITE)

TIMEOUT = 4  # seconds: less than a node's own, so that a client gives up now and then


class Lost(Exception):
    pass


def _text(data):
    return data.decode("latin-1")


class Memcached:
    """Meta commands. Keys are the node's: "GROUP/rest"."""

    name = "memcached"
    freshnesses = (None,)

    def __init__(self, address, prefixes):
        try:
            self._socket = socket.create_connection(address, timeout=TIMEOUT)
        except OSError as error:
            raise Lost(str(error)) from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def close(self):
        self._file.close()
        self._socket.close()

    @staticmethod
    def _request(op):
        key, value = op.key.encode(), (op.value or "").encode()
        if op.kind == READ:
            return b"mg %s v c\r\n" % key
        if op.kind == DELETE:
            return b"md %s\r\n" % key
        condition = b""
        if op.kind == CAS:
            condition = b" ME" if op.expected is None else b" C%d" % op.condition
        return b"ms %s %d c%s\r\n%s\r\n" % (key, len(value), condition, value)

    def _answer(self):
        """Its words, and its value if it has one."""
        words = self._file.readline().split(b" ")
        if not words[-1].endswith(b"\r\n"):
            raise Lost("closed")
        words[-1] = words[-1][:-2]
        if words[0] != b"VA":
            return words, None
        value = self._file.read(int(words[1]) + 2)
        if not value.endswith(b"\r\n"):
            raise Lost("closed")
        return words, value[:-2]

    def perform(self, op):
        for _ in self.perform_all([op]):
            pass

    def perform_all(self, ops):
        """All at once, so that the node has them together. Yields each when its answer has come."""
        try:
            self._socket.sendall(b"".join(map(self._request, ops)))
            for op in ops:
                self._understand(op, *self._answer())
                yield op
        except OSError as error:
            raise Lost(str(error)) from None

    @staticmethod
    def _understand(op, words, found):
        kind = words[0]
        if kind in (b"VA", b"HD"):
            for word in words[1 + (kind == b"VA"):]:
                if word[:1] == b"c":
                    op.revision = int(word[1:])
            if op.kind == READ:
                op.value = _text(found)
            elif op.kind == DELETE:
                op.existed = True
        elif kind == b"EN" and op.kind == READ:
            op.value = None
        elif kind == b"NF" and op.kind == DELETE:
            op.existed = False
        elif kind in (b"EX", b"NS", b"NF") and op.kind == CAS:
            op.outcome, op.existed = MISMATCH, kind != b"NF"
        else:
            op.said = _text(b" ".join(words))
            op.outcome = REFUSED if op.kind == READ or "nothing was done" in op.said or "too many" in op.said else UNKNOWN


class Http:
    """Keys are the node's. Freshness is asked for by parameters."""

    name = "http"
    freshnesses = (None, LINEARIZABLE, CACHED, STALE)

    def __init__(self, address, prefixes):
        self._connection = http.client.HTTPConnection(*address, timeout=TIMEOUT)
        try:
            self._connection.connect()
        except OSError as error:
            raise Lost(str(error)) from None
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self._connection.close()

    def perform(self, op):
        method = {READ: "GET", DELETE: "DELETE"}.get(op.kind, "PUT")
        target = "/" + op.key
        if op.kind == READ and op.asked:
            target += {LINEARIZABLE: "?use_cache=false", CACHED: "?use_cache=true",
                       STALE: f"?max_stale={op.max_stale // 1_000_000}ms"}[op.asked]
        headers = {}
        if op.kind == CAS:
            headers = {"If-None-Match": "*"} if op.expected is None else {"If-Match": f'"{op.condition}"'}
        body = op.value.encode() if method == "PUT" else None
        try:
            self._connection.request(method, target, body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Lost(repr(error)) from None
        self._understand(op, answer, content)
        if answer.will_close:
            raise _Closed()

    @staticmethod
    def _understand(op, answer, content):
        status = answer.status
        op.header = int(answer.headers.get("X-Larder-Revision", 0))
        if op.kind == READ and status in (200, 404):
            op.value = _text(content) if status == 200 else None
            if status == 200:
                op.revision = int(answer.headers["ETag"].strip('"'))
        elif op.kind == DELETE and status in (204, 404):
            op.existed = status == 204
            op.revision = op.header if op.existed else 0
        elif op.kind in (WRITE, CAS) and status in (201, 204):
            op.revision = op.header
            op.existed = status == 204 if op.kind == WRITE else None
        elif op.kind == CAS and status == 412:
            op.outcome = MISMATCH
        else:
            op.said = f"{status} {_text(content[:80])}".strip()
            # 502, 503, 507: nothing was done. 504 says that nobody knows.
            op.outcome = REFUSED if op.kind == READ or status in (502, 503, 507) else UNKNOWN


class _Closed(Exception):
    """The answer is good, and the last one of its connection."""


Closed = _Closed


class Grpc:
    """etcd's KV service. Keys are the store's. Also against a member itself."""

    name = "grpc"
    freshnesses = (LINEARIZABLE, LINEARIZABLE, SERIALIZABLE)
    OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]

    def __init__(self, address, prefixes):
        self._prefixes = prefixes
        self._channel = grpc.insecure_channel("%s:%d" % address, self.OPTIONS)
        try:
            grpc.channel_ready_future(self._channel).result(TIMEOUT)
        except grpc.FutureTimeoutError:
            self._channel.close()
            raise Lost("no connection") from None
        self._calls = {}
        for method in ("Range", "Put", "DeleteRange", "Txn"):
            request, response = types_of("KV", method)
            self._calls[request.DESCRIPTOR.name] = self._channel.unary_unary(
                path_of("KV", method), request.SerializeToString, response.FromString)

    def close(self):
        self._channel.close()

    def _store_key(self, key):
        group, rest = key.split("/", 1)
        return (self._prefixes[group] + rest).encode()

    def perform(self, op):
        kinds = {READ: self._read, WRITE: self._write, CAS: self._cas, DELETE: self._delete, RANGE: self._range}
        try:
            kinds[op.kind](op)
        except grpc.RpcError as error:
            op.said = f"{error.code().name} {error.details()}"[:120]
            op.outcome = REFUSED if op.kind in (READ, RANGE) else UNKNOWN
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise Lost(op.said) from None

    def _ask(self, name, **fields):
        return self._calls[name](message(name)(**fields), timeout=TIMEOUT)

    def _read(self, op):
        answer = self._ask("RangeRequest", key=self._store_key(op.key), serializable=op.freshness == SERIALIZABLE)
        op.header = answer.header.revision
        op.value = None
        for kv in answer.kvs:
            op.value, op.revision = _text(kv.value), kv.mod_revision

    def _range(self, op):
        """All of a group; its key is "first\\0last" of the node's."""
        first, last = op.key.split("\0")
        answer = self._ask("RangeRequest", key=self._store_key(first), range_end=self._store_key(last))
        op.header = answer.header.revision
        group = first.split("/", 1)[0]
        cut = len(self._prefixes[group])
        op.value = [(f"{group}/{_text(kv.key)[cut:]}", _text(kv.value), kv.mod_revision) for kv in answer.kvs]

    def _write(self, op):
        answer = self._ask("PutRequest", key=self._store_key(op.key), value=op.value.encode(), prev_kv=True)
        op.header = op.revision = answer.header.revision
        op.existed = answer.HasField("prev_kv")

    def _cas(self, op):
        key = self._store_key(op.key)
        compare = {"key": key, "target": 2, "mod_revision": op.condition if op.expected is not None else 0}
        put = {"request_put": {"key": key, "value": op.value.encode()}}
        answer = self._ask("TxnRequest", compare=[compare], success=[put], failure=[{"request_range": {"key": key}}])
        op.header = answer.header.revision
        if answer.succeeded:
            op.revision = op.header
            return
        op.outcome = MISMATCH
        op.existed = bool(answer.responses[0].response_range.kvs)

    def _delete(self, op):
        answer = self._ask("DeleteRangeRequest", key=self._store_key(op.key))
        op.header = answer.header.revision
        op.existed = answer.deleted > 0
        op.revision = op.header if op.existed else 0


SPEAKERS = {each.name: each for each in (Memcached, Http, Grpc)}
