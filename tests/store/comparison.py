# SPDX-License-Identifier: Apache-2.0
"""What two answers to one operation must have in common, which is nearly everything."""
import time

SORT_KEYS = {
    "VERSION": lambda kv: kv.version,
    "CREATE": lambda kv: kv.create,
    "MOD": lambda kv: kv.mod,
    "VALUE": lambda kv: kv.value,
}


class LeaseClock:
    """Knows how far apart the remaining times of a lease may be in two stores that were asked one after the other: as
    far as the two renewed it, and were asked, apart; and a second, because they round."""

    def __init__(self):
        self._apart = {}
        self.reopened = None  # when a store was closed and opened, which begins the times of its leases anew

    def renewed(self, lease, began):
        self._apart[lease] = time.monotonic() - began

    def tolerance(self, lease, began):
        if self.reopened is not None:
            return float("inf")
        return self._apart.get(lease, 0) + time.monotonic() - began + 1


def difference(ours, theirs, where="answer"):
    """Where two values first differ, as a text; None if they do not."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        pairs = [(f"{where}.{name}", ours[name], theirs[name]) for name in ours]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = [(f"{where}[{place}]", *both) for place, both in enumerate(zip(ours, theirs))]
    else:
        return None if ours == theirs else f"{where}: ours {short(ours)}, etcd's {short(theirs)}"
    return next((found for found in (difference(a, b, name) for name, a, b in pairs) if found), None)


def short(value, most=3000):
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def range_difference(operation, ours, theirs, where):
    """Both sort by something that several keys may have alike, and what of those comes first is left to chance: their
    order is not compared, and not which of them a limit lets through."""
    target = operation.get("sort_target", "KEY")
    if target == "KEY":
        return difference(ours, theirs, where)
    rest_ours, rest_theirs = ({name: each[name] for name in ("count", "more")} for each in (ours, theirs))
    found = difference(rest_ours, rest_theirs, where)
    if found:
        return found
    a, b = ours["kvs"], theirs["kvs"]
    if target == "VALUE" and operation.get("keys_only"):
        # Sorted by what is not told.
        if ours["more"]:
            return difference(len(a), len(b), f"number of {where}.kvs")
        return difference(sorted(a), sorted(b), f"{where}.kvs")
    by = SORT_KEYS[target]
    found = difference([by(kv) for kv in a], [by(kv) for kv in b], f"{where}, what it is sorted by")
    if not found:
        cut = by(a[-1]) if ours["more"] and a else None
        found = difference(*(sorted(kv for kv in each if by(kv) != cut) for each in (a, b)), f"{where}.kvs")
    return found


def ttl_difference(lease, ours, theirs, clock, began, where):
    rest = [{name: each[name] for name in each if name != "ttl"} for each in (ours, theirs)]
    found = difference(*rest, where)
    if found or (ours["ttl"] == -1) != (theirs["ttl"] == -1):
        return found or difference(ours["ttl"], theirs["ttl"], f"{where}.ttl")
    if abs(ours["ttl"] - theirs["ttl"]) > clock.tolerance(lease, began):
        return f"{where}.ttl: ours {ours['ttl']}, etcd's {theirs['ttl']}"
    return None


def result_difference(operation, ours, theirs, clock, began, where="result"):
    kind = operation["op"]
    if kind == "range":
        return range_difference(operation, ours, theirs, where)
    if kind == "ttl":
        return ttl_difference(operation["lease"], ours, theirs, clock, began, where)
    if kind != "txn":
        return difference(ours, theirs, where)
    found = difference(ours["succeeded"], theirs["succeeded"], f"{where}.succeeded")
    found = found or difference(len(ours["results"]), len(theirs["results"]), f"number of {where}.results")
    if found:
        return found
    branch = operation.get("success" if ours["succeeded"] else "failure", [])
    for place, each in enumerate(zip(branch, ours["results"], theirs["results"])):
        found = result_difference(*each, clock, began, f"{where}.results[{place}]")
        if found:
            return found
    return None


def answer_difference(operation, ours, theirs, clock, began):
    """`began` is when the first of the two was asked."""
    found = difference(ours["status"], theirs["status"], "status")
    if found or ours["status"] != "OK":
        return found  # with a refusal, etcd tells no revision
    found = difference(ours["revision"], theirs["revision"], "revision")
    if not found and operation["op"] in ("grant", "keep_alive"):
        clock.renewed(operation["lease"], began)
    return found or result_difference(operation, ours["result"], theirs["result"], clock, began)
