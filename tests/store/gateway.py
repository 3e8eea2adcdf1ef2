# SPDX-License-Identifier: Apache-2.0
"""Operations in the driver's form as requests to etcd's JSON gateway, and etcd's answers in the driver's form."""
from driver import pack

RENAMED = {"order": "sort_order", "target": "sort_target"}
COMPARE_FIELDS = {"VERSION": "version", "CREATE": "create_revision", "MOD": "mod_revision", "LEASE": "lease"}
PATHS = {
    "range": "kv/range", "put": "kv/put", "delete": "kv/deleterange", "txn": "kv/txn", "compact": "kv/compaction",
    "lease_grant": "lease/grant", "lease_revoke": "lease/revoke", "lease_keep_alive": "lease/keepalive",
    "lease_ttl": "lease/timetolive", "lease_list": "lease/leases",
}
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
    "etcdserver: mvcc: database space exceeded": "NO_SPACE",
}


# --- requests ---

def _plain(op):
    """Numbers travel as text, as JSON has none of 64 bits."""
    return {name: str(value) if isinstance(value, int) and not isinstance(value, bool) else pack(value)
            for name, value in op.items() if name != "op"}


def _range(op):
    return {RENAMED.get(name, name): value for name, value in _plain(op).items()}


def _lease(op):
    names = {"id": "ID", "ttl": "TTL", "want_keys": "keys"}
    return {names[name]: value for name, value in _plain(op).items()}


def _compare(compare):
    body = _plain(compare)
    number = body.pop("number", None)
    if number is not None:
        body[COMPARE_FIELDS[compare["target"]]] = number
    return body


def _in_txn(op):
    kind = "delete_range" if op["op"] == "delete" else op["op"]
    return {f"request_{kind}": body_of(op)}


def _txn(op):
    return {
        "compare": [_compare(compare) for compare in op["compares"]],
        "success": [_in_txn(one) for one in op["success"]],
        "failure": [_in_txn(one) for one in op["failure"]],
    }


def body_of(op):
    if op["op"] == "range":
        return _range(op)
    if op["op"] == "txn":
        return _txn(op)
    if op["op"] == "compact":
        # It waits, or what is hashed would depend on how far etcd has come.
        return {**_plain(op), "physical": True}
    return _lease(op) if op["op"].startswith("lease") else _plain(op)


def request_of(op):
    return PATHS[op["op"]], body_of(op)


def watch_request_of(watch):
    body = _plain({name: value for name, value in watch.items() if not name.startswith("no_")})
    body["filters"] = [word for name, word in (("no_put", "NOPUT"), ("no_delete", "NODELETE")) if watch[name]]
    return {"create_request": body}


# --- answers ---

def _kv(kv):
    numbers = ("create_revision", "mod_revision", "version", "lease")
    return {"key": kv["key"], "value": kv.get("value", ""), **{name: int(kv.get(name, 0)) for name in numbers}}


def _kvs(answer, name):
    return [_kv(kv) for kv in answer.get(name, [])]


def _previous(answer):
    return [_kv(answer["prev_kv"])] if "prev_kv" in answer else []


def _one(response):
    (name, answer), = response.items()
    kind = {"delete_range": "delete"}.get(name.removeprefix("response_"), name.removeprefix("response_"))
    result = _result(kind, answer)
    # A transaction within another has none.
    result["revision"] = int(answer.get("header", {}).get("revision", 0)) if kind != "txn" else None
    return result


def _result(kind, answer):
    result = {"kind": kind}
    if kind == "range":
        result.update(more=answer.get("more", False), count=int(answer.get("count", 0)), kvs=_kvs(answer, "kvs"))
    elif kind == "put":
        result.update(kvs=_previous(answer))
    elif kind == "delete":
        result.update(count=int(answer.get("deleted", 0)), kvs=_kvs(answer, "prev_kvs"))
    elif kind == "txn":
        result.update(succeeded=answer.get("succeeded", False),
                      results=[_one(response) for response in answer.get("responses", [])])
    elif kind == "lease_ttl":
        result.update(lease=int(answer["ID"]), ttl=int(answer.get("TTL", 0)), granted_ttl=int(answer.get("grantedTTL", 0)),
                      keys=sorted(answer.get("keys", [])))
    elif kind in ("lease_grant", "lease_keep_alive"):
        result.update(lease=int(answer["ID"]), ttl=int(answer.get("TTL", 0)))
    elif kind == "lease_list":
        result.update(ids=[int(lease["ID"]) for lease in answer.get("leases", [])])
    return result


def answer_of(op, answer):
    """An etcd answer to `op`. An error that is not known is a status of its own text, which nothing is equal to."""
    if "error" in answer:
        error = answer["error"]
        text = error if isinstance(error, str) else error.get("message", str(error))
        return {"status": STATUSES.get(text, text)}
    answer = answer.get("result", answer)
    # etcd says so by a time to live of 0.
    if op["op"] == "lease_keep_alive" and "TTL" not in answer:
        return {"status": "LEASE_NOT_FOUND"}
    return {"status": "OK", "revision": int(answer["header"].get("revision", 0)), **_result(op["op"], answer)}


def event_of(event):
    result = {"type": event.get("type", "PUT"), "kv": _kv(event["kv"])}
    if "prev_kv" in event:
        result["previous"] = _kv(event["prev_kv"])
    return result
