# SPDX-License-Identifier: Apache-2.0
"""Compares two answers to one operation field by field: etcd's (expected) and the store's (got), see gateway.py."""
import base64
import itertools

# Seconds by which what remains of a lease may differ: the two were granted and asked about a moment apart.
TTL_TOLERANCE = 60
SORT_FIELDS = {"VERSION": "version", "CREATE": "create_revision", "MOD": "mod_revision", "VALUE": "value"}


def _changes(result):
    if result["kind"] == "txn":
        return any(_changes(one) for one in result["results"])
    return result["kind"] == "put" or (result["kind"] == "delete" and result["count"] > 0)


def _add_revisions(results, before, changed):
    """Gives the operations of a transaction the revision that etcd says in the header of each."""
    for one in results:
        if one["kind"] == "txn":
            changed = _add_revisions(one["results"], before, changed)
            one["revision"] = None
        else:
            changed = changed or _changes(one)
            one["revision"] = before + changed
    return changed


def normalise(answer):
    """The store's answer with what follows from it, and without what has no order or no counterpart."""
    if answer["status"] != "OK":
        return {"status": answer["status"]}
    if answer["kind"] == "txn":
        _add_revisions(answer["results"], answer["revision"] - _changes(answer), False)
    elif answer["kind"] in ("lease_grant", "lease_keep_alive"):
        del answer["granted_ttl"]
    elif answer["kind"] == "lease_ttl":
        answer["keys"].sort()
    return answer


def _sort_value(op):
    field = SORT_FIELDS[op["target"]]
    if field == "value":
        return lambda kv: base64.b64decode(kv["value"])
    return lambda kv: kv[field]


def _in_any_order(kvs):
    return sorted(kvs, key=lambda kv: kv["key"])


def _same_sorted(op, expected, got):
    """etcd sorts without care for those that are alike: they may come in any order, and where a limit cuts through them,
    any of them may be left."""
    # What was sorted by is not in the answer.
    if op["target"] == "VALUE" and op.get("keys_only"):
        return len(got) == len(expected) and (op.get("limit", 0) > 0 or _in_any_order(expected) == _in_any_order(got))
    value = _sort_value(op)
    groups = [[list(group) for _, group in itertools.groupby(kvs, value)] for kvs in (expected, got)]
    if [len(group) for group in groups[0]] != [len(group) for group in groups[1]]:
        return False
    if [value(group[0]) for group in groups[0]] != [value(group[0]) for group in groups[1]]:
        return False
    pairs = list(zip(*groups))
    if op.get("limit", 0) > 0 and pairs:
        pairs.pop()
    return all(_in_any_order(one) == _in_any_order(other) for one, other in pairs)


def _same_range(op, expected, got):
    if op.get("target", "KEY") == "KEY":
        return expected == got
    kvs_expected, kvs_got = expected["kvs"], got["kvs"]
    return {**expected, "kvs": 0} == {**got, "kvs": 0} and _same_sorted(op, kvs_expected, kvs_got)


def _same_txn(op, expected, got):
    if {**expected, "results": 0} != {**got, "results": 0} or len(expected["results"]) != len(got["results"]):
        return False
    ops = op["success" if expected["succeeded"] else "failure"]
    return all(_same_result(*each) for each in zip(ops, expected["results"], got["results"]))


def _same_result(op, expected, got):
    if expected["kind"] != got["kind"]:
        return False
    if op["op"] == "range":
        return _same_range(op, expected, got)
    if op["op"] == "txn":
        return _same_txn(op, expected, got)
    if op["op"] == "lease_ttl":
        near = abs(expected["ttl"] - got["ttl"]) <= (TTL_TOLERANCE if expected["ttl"] >= 0 else 0)
        return near and {**expected, "ttl": 0} == {**got, "ttl": 0}
    return expected == got


def same(op, expected, got):
    """Whether both answers say the same. `got` is normalised."""
    if expected["status"] != "OK" or got["status"] != "OK":
        return expected == got
    return _same_result(op, expected, got)
