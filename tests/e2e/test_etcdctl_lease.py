# SPDX-License-Identifier: Apache-2.0
"""etcdctl's leases."""
import json
import re

import pytest

from etcdclient import Client, Refusal, answer_to
from etcdproto import message
from server import wait_until

pytestmark = [pytest.mark.larder("memcached does not speak gRPC"), pytest.mark.slow]

DEADLINE = 60
FULL = '"cluster_id":0,"member_id":0,"revision":%d,"raft_term":0'


def grant(etcdctl, ttl):
    answer = etcdctl("lease", "grant", ttl)
    lease, told = re.fullmatch(r"lease ([0-9a-f]{16}) granted with TTL\((\d+)s\)\n", answer).groups()
    assert int(told) == ttl and int(lease, 16) > 0
    return lease


def remaining(etcdctl, lease, granted):
    answer = etcdctl("lease", "timetolive", lease)
    return int(re.fullmatch(rf"lease {lease} granted with TTL\({granted}s\), remaining\((\d+)s\)\n", answer).group(1))


def test_a_life(etcdctl):
    lease = grant(etcdctl, 1000)
    assert 990 <= remaining(etcdctl, lease, 1000) <= 1000
    assert etcdctl("put", "a", "1", f"--lease={lease}") == "OK\n"
    assert etcdctl("put", "b", "2", f"--lease={lease}") == "OK\n"
    assert etcdctl("put", "c", "3") == "OK\n"
    told = etcdctl("lease", "timetolive", lease, "--keys")
    assert re.fullmatch(
        rf"lease {lease} granted with TTL\(1000s\), remaining\(\d+s\), attached keys\(\[(a b|b a)\]\)\n", told)
    assert etcdctl("lease", "revoke", lease) == f"lease {lease} revoked\n"
    assert etcdctl("get", "", "--prefix") == "c\n3\n"
    assert etcdctl("lease", "timetolive", lease) == f"lease {lease} already expired\n"
    assert etcdctl.fails("put", "a", "1", f"--lease={lease}") == (1, "etcdserver: requested lease not found")


def test_it_runs_out(etcdctl):
    lease = grant(etcdctl, 5)
    watch = etcdctl.start("watch", "a", "--rev=3")
    etcdctl("put", "a", "1", f"--lease={lease}")
    assert watch.lines(3) == ["DELETE", "a", ""]
    assert etcdctl("get", "a") == ""
    assert etcdctl("lease", "timetolive", lease) == f"lease {lease} already expired\n"
    assert etcdctl("lease", "list") == "found 0 leases\n"


def test_the_shortest_and_the_longest(etcdctl):
    assert etcdctl("lease", "grant", 0).endswith(" granted with TTL(2s)\n")
    assert etcdctl("lease", "grant", "--", -1).endswith(" granted with TTL(2s)\n")
    assert etcdctl("lease", "grant", 9000000000).endswith(" granted with TTL(9000000000s)\n")
    assert etcdctl.fails("lease", "grant", 9000000001) == (1, "failed to grant lease (etcdserver: too large lease TTL)")


def test_list(etcdctl):
    assert etcdctl("lease", "list") == "found 0 leases\n"
    leases = [grant(etcdctl, ttl) for ttl in (1000, 500, 2000)]
    told = etcdctl("lease", "list").splitlines()
    assert told == ["found 3 leases", leases[1], leases[0], leases[2]], "those that end first come first"
    as_json = json.loads(etcdctl("lease", "list", "-w", "json"))["leases"]
    assert as_json == [{"id": int(lease, 16)} for lease in told[1:]]


def test_keep_alive(etcdctl):
    lease = grant(etcdctl, 5)
    assert etcdctl("lease", "keep-alive", lease, "--once") == f"lease {lease} keepalived with TTL(5)\n"
    keeper = etcdctl.start("lease", "keep-alive", lease)
    # It asks about each third of the time, so this lasts longer than the lease would.
    assert keeper.lines(4) == [f"lease {lease} keepalived with TTL(5)"] * 4
    assert etcdctl("lease", "revoke", lease) == f"lease {lease} revoked\n"
    assert keeper.wait()[:2] == (0, f"lease {lease} expired or revoked.\n")


def test_what_is_not_there(etcdctl):
    assert etcdctl.fails("lease", "revoke", "77") == (
        1, "failed to revoke lease (etcdserver: requested lease not found)")
    assert etcdctl.fails("lease", "keep-alive", "77", "--once") == (2, "etcdserver: requested lease not found")
    assert etcdctl("lease", "keep-alive", "77") == "lease 0000000000000077 expired or revoked.\n"
    assert etcdctl("lease", "timetolive", "77", "--keys") == "lease 0000000000000077 already expired\n"
    assert etcdctl.plain("lease", "timetolive", "77", "-w", "json") == (
        "{" + FULL % 1 + ',"id":119,"ttl":-1,"granted-ttl":0,"keys":null}\n')


def test_as_json(etcdctl):
    answer = json.loads(etcdctl.plain("lease", "grant", 1000, "-w", "json"))
    number = answer.pop("ID")
    assert answer == {"cluster_id": 0, "member_id": 0, "revision": 1, "raft_term": 0, "TTL": 1000, "Error": ""}
    etcdctl("put", "a", "1", f"--lease={number:x}")
    told = json.loads(etcdctl("lease", "timetolive", f"{number:x}", "--keys", "-w", "json"))
    assert (told["id"], told["granted-ttl"], told["keys"]) == (number, 1000, ["YQ=="])
    assert etcdctl.plain("lease", "revoke", f"{number:x}", "-w", "json") == '{"header":{' + FULL % 3 + "}}\n"


def test_a_key_leaves_its_lease(etcdctl):
    first, second = grant(etcdctl, 1000), grant(etcdctl, 1000)
    etcdctl("put", "a", "1", f"--lease={first}")
    etcdctl("put", "a", "2", f"--lease={second}")
    assert etcdctl("lease", "timetolive", first, "--keys").endswith("attached keys([])\n")
    assert etcdctl("lease", "timetolive", second, "--keys").endswith("attached keys([a])\n")
    etcdctl("put", "a", "3")
    etcdctl("lease", "revoke", second)
    assert etcdctl("get", "a") == "a\n3\n"


def test_many_leases_run_out_at_once(etcdctl):
    grant_request, put = message("LeaseGrantRequest"), message("PutRequest")
    with Client(etcdctl.port) as client:  # a process for each would take longer than they live
        granted = [answer_to(call) for call in [client.start(grant_request(TTL=4)) for _ in range(10)]]
        puts = [client.start(put(key=f"k{lease.ID}".encode(), value=b"1", lease=lease.ID)) for lease in granted]
        assert not [answer for answer in map(answer_to, puts) if isinstance(answer, Refusal)]
    wait_until(lambda: etcdctl("get", "k", "--prefix") == "", DEADLINE, "all keys are gone")
