#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random requests about users, roles and permissions, put to two JSON gateways of etcd's API, whose answers must agree.

    auth_operations.py URL URL [--seed N] [--count N]    both freshly started, with nothing in them

What is known to differ is left out or levelled: a token while auth is disabled, one key with several range ends in a
role (etcd keeps a permission twice), ranges that end before they begin (what etcd says depends on the shape of its tree),
and errors that etcd forgets to translate.
"""
import argparse
import base64
import dataclasses
import http.client
import json
import random
import urllib.parse

ANSWER_DEADLINE = 60
USERS = ("root", "ann", "bob", "zoe")
ROLES = ("root", "reader", "writer", "r")
PASSWORDS = ("right", "right", "right", "other", "")
# Each key with the one end of a range that permissions have for it.
ENDS = {"\0": "\0", "a": "", "b": "d", "c": "", "d": "f", "e": "\0", "f": "e", "g": "g"}
KEYS = ("a", "b", "bb", "c", "d", "e", "f", "g", "\0")
REQUEST_ENDS = ("", "", "", "\0", "b", "c", "d", "e", "f", "g")
TYPES = ("READ", "WRITE", "READWRITE")
LEASE = 7
# Errors that etcd does not turn into those that its clients know.
ALIKE = {
    "auth: authentication failed, password was given for no password user":
        (3, "etcdserver: authentication failed, invalid user ID or password"),
    "auth: user name is empty": (3, "etcdserver: user name is empty"),
    "auth: user not found": (9, "etcdserver: user name not found"),
    "auth: permission denied": (7, "etcdserver: permission denied"),
    "auth: invalid auth token": (16, "etcdserver: invalid auth token"),
}


def pack(text):
    return base64.b64encode(text.encode()).decode()


@dataclasses.dataclass
class Operation:
    """`user`: who asks; None: nobody; "?": somebody with a token that is nobody's."""
    user: str
    path: str
    body: dict


class Generator:
    """The same seed gives the same requests as long as the answers are the same: see `told`."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.enabled = False
        self._planned = []

    def told(self, operation, succeeded):
        if succeeded and operation.path in ("auth/enable", "auth/disable"):
            self.enabled = operation.path == "auth/enable"
            if self.enabled:
                self._planned.append(Operation(None, "auth/authenticate", {"name": "root", "password": "right"}))

    def _plan_to_enable(self):
        root = {"name": "root", "password": "right"}
        self._planned = [Operation(None, "auth/user/add", root), Operation(None, "auth/user/changepw", root),
                         Operation(None, "auth/user/grant", {"user": "root", "role": "root"}),
                         Operation(None, "auth/enable", {})]

    def next(self):
        if not self._planned and not self.enabled and self.random.random() < 0.04:
            self._plan_to_enable()
        if self._planned:
            return self._planned.pop(0)
        kind, make = self.random.choices((
            ("change", self._user), ("change", self._role), ("change", self._permission), ("change", self._switch),
            ("look", self._look), ("login", self._login), ("key", self._key), ("lease", self._lease),
        ), (4, 4, 6, 1, 3, 4, 12, 1))[0]
        path, body = make()
        return Operation(None if kind == "login" else self._who(kind), path, body)

    def _one(self, *choices):
        return self.random.choice(choices)

    def _who(self, kind):
        if not self.enabled:
            return None
        if kind == "change":
            return self.random.choices(("root", "ann", None, "?"), (40, 1, 1, 1))[0]
        return self.random.choices((*USERS, None, "?"), (2, 6, 6, 6, 1, 1))[0]

    # Root's name comes up less often than others', so that it lives for a while.
    def _user_name(self):
        return self.random.choices((*USERS, "nobody", ""), (2, 6, 6, 6, 1, 1))[0]

    def _role_name(self):
        return self.random.choices((*ROLES, "none", ""), (2, 6, 6, 6, 1, 1))[0]

    def _user(self):
        name = self._user_name()
        path = self._one("add", "add", "add", "delete", "changepw", "grant", "grant", "grant", "revoke")
        if path == "add":
            # Root has a password and only this one, so that there is a way back in.
            options = {"no_password": True} if name != "root" and self.random.random() < 0.1 else {}
            password = "right" if name == "root" else self._one(*PASSWORDS)
            return "auth/user/add", {"name": name, "password": password, "options": options}
        if path == "changepw":
            return "auth/user/changepw", {"name": name, "password": "right" if name == "root" else self._one(*PASSWORDS)}
        if path == "grant":
            return "auth/user/grant", {"user": name, "role": self._role_name()}
        if path == "revoke":
            return "auth/user/revoke", {"name": name, "role": self._role_name()}
        return "auth/user/delete", {"name": name}

    def _role(self):
        if self.random.random() < 0.7:
            return "auth/role/add", {"name": self._role_name()}
        return "auth/role/delete", {"role": self._role_name()}

    def _permission(self):
        key = self._one(*ENDS)
        if self.random.random() < 0.7:
            perm = {"key": pack(key), "range_end": pack(ENDS[key]), "permType": self._one(*TYPES)}
            return "auth/role/grant", {"name": self._role_name(), "perm": perm}
        end = ENDS[key] if self.random.random() < 0.9 else "x"
        return "auth/role/revoke", {"role": self._role_name(), "key": pack(key), "range_end": pack(end)}

    def _switch(self):
        return ("auth/enable" if self.random.random() < 0.9 else "auth/disable"), {}

    def _look(self):
        path = self._one("auth/user/list", "auth/role/list", "auth/user/get", "auth/user/get", "auth/role/get",
                         "auth/role/get", "maintenance/defragment")
        return path, {"auth/user/get": {"name": self._user_name()},
                      "auth/role/get": {"role": self._role_name()}}.get(path, {})

    def _login(self):
        return "auth/authenticate", {"name": self._user_name(), "password": self._one(*PASSWORDS)}

    def _lease(self):
        if self.random.random() < 0.5:
            return "lease/grant", {"ID": str(LEASE), "TTL": "100000"}
        return "lease/revoke", {"ID": str(LEASE)}

    # --- keys ---

    def _range(self):
        key = self._one(*KEYS)
        ends = [end for end in REQUEST_ENDS if end in ("", "\0") or end > key]
        return {"key": pack(key), "range_end": pack(self._one(*ends))}

    def _put(self):
        return {"key": pack(self._one(*KEYS)), "value": pack(str(self.random.randrange(1000)))}

    def _key(self):
        path = self._one("kv/range", "kv/range", "kv/put", "kv/put", "kv/deleterange", "kv/txn")
        if path == "kv/put":
            lease = {"lease": str(LEASE)} if self.random.random() < 0.1 else {}
            return path, {**self._put(), **lease, "prev_kv": self.random.random() < 0.3}
        if path == "kv/txn":
            return path, self._txn()
        body = self._range()
        if path == "kv/deleterange":
            body["prev_kv"] = self.random.random() < 0.3
        else:
            body["serializable"] = self.random.random() < 0.3
        return path, body

    def _txn(self):
        steps = ({"request_range": self._range()}, {"request_put": self._put()}, {"request_delete_range": self._range()})
        return {"compare": [{**self._range(), "target": "VERSION", "version": "0"}] if self.random.random() < 0.7 else [],
                "success": [self._one(*steps)], "failure": [self._one(*steps)]}


class Gateway:
    """A client that remembers the last token of each user."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_DEADLINE)
        self._tokens = {}

    def ask(self, operation):
        """(succeeded, the answer in a form that can be compared)"""
        token = "nobody.1" if operation.user == "?" else self._tokens.get(operation.user)
        headers = {"Content-Type": "application/json", **({"Authorization": token} if token else {})}
        self._connection.request("POST", f"/v3/{operation.path}", json.dumps(operation.body), headers)
        answer = json.loads(self._connection.getresponse().read())
        return self._level(operation, answer)

    def _level(self, operation, answer):
        if "error" in answer:
            return False, ALIKE.get(answer["error"], (answer["code"], answer["error"]))
        token = answer.pop("token", None)
        if operation.path == "auth/authenticate":
            assert token, answer
            self._tokens[operation.body["name"]] = token
        elif operation.path == "auth/disable":
            self._tokens.clear()
        if "perm" in answer:
            answer["perm"].sort(key=json.dumps)
        return True, without_ids(answer)


def without_ids(answer):
    """Nodes have numbers of their own."""
    if isinstance(answer, list):
        return [without_ids(one) for one in answer]
    if isinstance(answer, dict):
        return {name: without_ids(one) for name, one in answer.items()
                if name not in ("cluster_id", "member_id", "raft_term")}
    return answer


def compare(first, second, seed, count):
    """Puts `count` requests to both; how often each answer came, by path and status. An AssertionError says what differs."""
    generator = Generator(seed)
    seen = {}
    for number in range(count):
        operation = generator.next()
        one, other = first.ask(operation), second.ask(operation)
        assert one == other, f"seed {seed}, request {number}, {operation}: {one[1]} and {other[1]}"
        generator.told(operation, one[0])
        status = "ok" if one[0] else one[1][1]
        seen[operation.path, status] = seen.get((operation.path, status), 0) + 1
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("urls", nargs=2, metavar="URL")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000)
    options = parser.parse_args()
    seen = compare(*map(Gateway, options.urls), options.seed, options.count)
    for (path, status), count in sorted(seen.items()):
        print(f"{count:6} {path:24} {status}")


if __name__ == "__main__":
    main()
