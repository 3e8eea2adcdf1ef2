# SPDX-License-Identifier: Apache-2.0
"""etcdctl's transactions, which it reads from stdin."""
import pytest

pytestmark = [pytest.mark.larder("memcached does not speak gRPC"), pytest.mark.slow]

TWICE = (1, "etcdserver: duplicate key given in txn request")
HEADER = '"header":{"cluster_id":0,"member_id":0,"revision":%d,"raft_term":0}'


def script(compares=(), success=(), failure=()):
    return "".join("".join(f"{line}\n" for line in part) + "\n" for part in (compares, success, failure))


@pytest.fixture
def txn(etcdctl):
    etcdctl("put", "a", "one")  # 2
    etcdctl("put", "b", "1")  # 3
    etcdctl("put", "b", "2")  # 4
    return lambda *parts, words=(): etcdctl("txn", *words, stdin=script(*parts))


@pytest.mark.parametrize("compare, holds", [
    ('value("a") = "one"', True), ('value("a") = "two"', False), ('value("a") != "two"', True),
    ('value("a") > "on"', True), ('value("a") < "on"', False), ('val("a") < "p"', True),
    ('mod("b") = "4"', True), ('mod("b") = "3"', False), ('mod("b") > "3"', True), ('m("b") < "5"', True),
    ('create("b") = "3"', True), ('create("b") > "3"', False), ('c("b") != "4"', True),
    ('version("b") = "2"', True), ('version("b") < "2"', False), ('ver("a") = "1"', True),
    ('create("nothing") = "0"', True), ('version("nothing") = "0"', True), ('mod("nothing") = "0"', True),
    ('value("nothing") = ""', False), ('value("nothing") != "x"', False), ('version("nothing") > "0"', False),
])
def test_one_comparison(txn, compare, holds):
    assert txn([compare], ["get a"], ["get b"]) == ("SUCCESS\n\na\none\n" if holds else "FAILURE\n\nb\n2\n")


def test_all_comparisons_must_hold(txn):
    both = ['value("a") = "one"', 'version("b") = "2"']
    assert txn(both) == "SUCCESS\n"
    assert txn([*both, 'mod("a") = "3"']) == "FAILURE\n"
    assert txn() == "SUCCESS\n"


def test_every_request(txn, etcdctl):
    assert txn([], ["put c 3", "put --prev-kv a two", "get a", "del b", "get b", "get --prefix \"\""]) == (
        "SUCCESS\n\nOK\n\nOK\na\none\n\na\ntwo\n\n1\n\n\na\ntwo\nc\n3\n")
    assert etcdctl("get", "", "--prefix") == "a\ntwo\nc\n3\n"


def test_one_revision_for_all(txn, etcdctl):
    assert txn([], ["put c 3", "put d 4"], words=["-w", "json"])
    assert etcdctl.plain("get", "c", "e", "-w", "json") == (
        "{" + HEADER % 5 + ',"kvs":[{"key":"Yw==","create_revision":5,"mod_revision":5,"version":1,"value":"Mw=="},'
        '{"key":"ZA==","create_revision":5,"mod_revision":5,"version":1,"value":"NA=="}],"count":2}\n')


def test_as_json(txn, etcdctl):
    asked = script(['value("a") = "one"'], ["put c 3", "get c", "del a b"])
    assert etcdctl.plain("txn", "-w", "json", stdin=asked) == (
        "{" + HEADER % 5 + ',"succeeded":true,"responses":[{"Response":{"ResponsePut":{"header":{"revision":5}}}},'
        '{"Response":{"ResponseRange":{"header":{"revision":5},"kvs":[{"key":"Yw==","create_revision":5,'
        '"mod_revision":5,"version":1,"value":"Mw=="}],"count":1}}},'
        '{"Response":{"ResponseDeleteRange":{"header":{"revision":5},"deleted":1}}}]}\n')


def test_interactive_asks(txn):
    assert txn(['value("a") = "two"'], ["put x 1"], ["get a"], words=["-i"]) == (
        "compares:\nsuccess requests (get, put, del):\nfailure requests (get, put, del):\nFAILURE\n\na\none\n")


def test_a_key_may_be_put_once(txn, etcdctl):
    assert etcdctl.fails("txn", stdin=script([], ["put c 1", "put c 2"])) == TWICE
    assert etcdctl.fails("txn", stdin=script([], ["put c 1", "del c"])) == TWICE
    assert etcdctl.fails("txn", stdin=script([], ["del --prefix c", "put ca 1"])) == TWICE
    assert etcdctl("get", "c", "--prefix") == ""
    assert etcdctl("txn", stdin=script([], ["del c", "del c"])) == "SUCCESS\n\n0\n\n0\n"
    # One in each branch is no trouble.
    assert etcdctl("txn", stdin=script([], ["put c 1"], ["put c 2"])) == "SUCCESS\n\nOK\n"


def test_too_many_operations(txn, etcdctl):
    assert etcdctl.fails("txn", stdin=script([], [f"put k{i} v" for i in range(129)])) == (
        1, "etcdserver: too many operations in txn request")
    assert txn([], [f"put k{i} v" for i in range(128)]) == "SUCCESS\n" + "\nOK\n" * 128
    assert etcdctl.fails("txn", stdin=script(['version("a") = "1"'] * 129)) == (
        1, "etcdserver: too many operations in txn request")


def test_a_refused_one_changes_nothing(txn, etcdctl):
    assert etcdctl.fails("txn", stdin=script([], ["put c 1", "get a --rev=99"])) == (
        1, "etcdserver: mvcc: required revision is a future revision")
    assert etcdctl.fails("txn", stdin=script([], ["put c 1", "put d 1 --lease=77"])) == (
        1, "etcdserver: requested lease not found")
    assert etcdctl("get", "c", "--prefix") == ""
