# SPDX-License-Identifier: Apache-2.0
"""The engine whose store is an etcd cluster: the same random operations for a real etcd, and through the engine for another
one, have the same answers. Watches see the same events, and writes of one key do not overtake each other."""
import os
from collections import Counter

import pytest

from driver import Driver, pack
from etcd import Etcd
from pair import Pair, WatchPair
from test_differential import EVERYTHING, STATUSES, WHOLE, Run

SEEDS = [int(text) for text in os.environ.get("STORE_SEEDS", "1,2,3").split(",")]
OPERATIONS = int(os.environ.get("STORE_CLUSTER_OPERATIONS", "1500"))
SAME_KEY = 300


class ClusterPair(Pair):
    """The second etcd is behind the engine."""

    def _start_driver(self):
        self.behind = Etcd(self.where / "behind")
        driver = Driver(self.where / "store", "--cluster", f"etcd://127.0.0.1:{self.behind.client_port}")
        assert driver.ask("range", **WHOLE)["status"] == "OK"
        return driver

    def __exit__(self, kind, *rest):
        super().__exit__(kind, *rest)
        self.behind.stop()


class ClusterWatch(WatchPair):
    def await_mark(self, answers, max_bytes):
        """A watch is told of its own events, and of no progress beside them."""
        left_out = self.watch["no_put"], self.watch["no_delete"]
        marks = [answer["revision"] for answer, out in zip(answers, left_out)
                 if not out and answer["revision"] >= self.watch["start_revision"]]
        if not marks:
            return []
        until = max(marks)
        got = self.pair.driver.ask("watch_next", watch=self.number, until=until, max_bytes=max_bytes)
        got["events"] = self._without_doubtful(got["events"])
        expected = self._without_doubtful(self.read_etcd(max([until, *(e["kv"]["mod_revision"] for e in got["events"])])))
        if got["events"] != expected or got["status"] != "OK" or got["revision"] < until:
            self._fail_at_difference(expected, got)
        self.count += len(expected)
        return expected

    def await_compacted(self):
        assert self.pair.driver.ask("watch_wait", watch=self.number)["woken"]
        super().await_compacted()


class ClusterRun(Run):
    make_watch = ClusterWatch

    def step(self):
        kinds = (self.work, self.watch, self.settle, self.compact)
        self.random.choices(kinds, (100, 12, 4, 8))[0]()

    def run(self, groups):
        """One after the other: a cluster may take writes of different keys in any order."""
        return super().run([[op] for group in groups for op in group])

    def check_observer(self, expected):
        """It tells of no changes."""

    def go(self, count):
        self.watch_everything()
        while self.pair.number < count:
            self.step()
        self.settle()
        self.check_history()
        figures = self.pair.driver.ask("figures")
        assert figures["revision"] == self.pair.revision and figures["waiting"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_same_answers_as_etcd(tmp_path, seed):
    with ClusterPair(tmp_path, seed) as pair:
        run = ClusterRun(pair, seed)
        run.go(OPERATIONS)
        assert run.watched > 0 and run.compactions > 0
        assert STATUSES <= set(pair.statuses)


@pytest.fixture
def behind(tmp_path):
    etcd = Etcd(tmp_path / "etcd")
    yield etcd
    etcd.stop()


def open_driver(behind, where, *arguments):
    return Driver(where / "store", "--cluster", f"etcd://127.0.0.1:{behind.client_port}", *arguments)


def test_writes_of_a_key_do_not_overtake_each_other(tmp_path, behind):
    """All are handed in at once."""
    with open_driver(behind, tmp_path) as driver:
        ops = [{"op": "put", "key": b"k", "value": str(i).encode(), "prev_kv": True} for i in range(SAME_KEY)]
        ops[SAME_KEY // 2:SAME_KEY // 2] = [{"op": "delete", "key": b"k", "range_end": b"l"}]
        answers = driver.ask("batch", ops=ops)["answers"]
        revisions = [answer["revision"] for answer in answers]
        assert {answer["status"] for answer in answers} == {"OK"}
        assert revisions == list(range(2, 2 + len(ops)))
        assert answers[SAME_KEY // 2]["count"] == 1
        last = driver.ask("range", key=b"k")
        assert last["kvs"][0]["version"] == SAME_KEY - SAME_KEY // 2


def test_writes_of_other_keys_go_together(tmp_path, behind):
    """They are put together in transactions, each with the revision it has in the cluster; each has its own answer."""
    with open_driver(behind, tmp_path) as driver:
        keys = [b"k%04d" % i for i in range(2000)]
        driver.ask("put", key=keys[7], value=b"before")
        ops = [{"op": "put", "key": key, "value": b"v", "prev_kv": True} for key in keys]
        ops[11] = {"op": "delete", "key": keys[11], "prev_kv": True}
        answers = driver.ask("batch", ops=ops)["answers"]
        assert {answer["status"] for answer in answers} == {"OK"}
        assert [len(answer["kvs"]) for answer in answers] == [int(i == 7) for i in range(2000)]
        assert answers[7]["kvs"][0]["value"] == pack(b"before")
        found = driver.ask("range", **WHOLE)["kvs"]
        assert [kv["mod_revision"] for kv in found] == [a["revision"] for i, a in enumerate(answers) if i != 11]
        assert len({answer["revision"] for answer in answers}) < len(ops) / 10


def test_only_the_guilty_one_of_writes_that_go_together_fails(tmp_path, behind):
    with open_driver(behind, tmp_path) as driver:
        ops = [{"op": "put", "key": b"k%04d" % i, "value": b"v"} for i in range(300)]
        ops[150]["lease"] = 4711
        answers = driver.ask("batch", ops=ops)["answers"]
        assert [i for i, answer in enumerate(answers) if answer["status"] != "OK"] == [150]
        assert answers[150]["status"] == "LEASE_NOT_FOUND"
        assert driver.ask("range", **WHOLE)["count"] == 299


def test_a_cluster_that_takes_few_operations_gets_few(tmp_path):
    """How many go together depends on how busy the cluster is, but none is done that has more than it takes, and none is lost.
    How soon that is learnt, the unit tests know."""
    etcd = Etcd(tmp_path / "etcd", "--max-txn-ops=10")
    try:
        with open_driver(etcd, tmp_path) as driver:
            for _ in range(2):
                ops = [{"op": "put", "key": b"k%04d" % i, "value": b"v"} for i in range(500)]
                answers = driver.ask("batch", ops=ops)["answers"]
                assert {answer["status"] for answer in answers} == {"OK"}
                assert max(Counter(answer["revision"] for answer in answers).values()) <= 10
            assert driver.ask("range", **WHOLE)["count"] == 500
    finally:
        etcd.stop()


def test_limits_and_what_it_cannot_do(tmp_path, behind):
    with open_driver(behind, tmp_path, "--max-pending", "1", "--max-watchers", "1") as driver:
        assert driver.ask("range", key=b"k")["status"] == "OK"
        answers = driver.ask("batch", ops=[{"op": "put", "key": b"k", "value": b""}] * 20)["answers"]
        assert {answer["status"] for answer in answers} == {"OK", "TOO_MANY_REQUESTS"}
        assert driver.ask("watch_open", watch=0, **EVERYTHING)["status"] == "OK"
        assert driver.ask("watch_open", watch=1, **EVERYTHING)["status"] == "TOO_MANY_WATCHERS"
        assert driver.ask("note", name=b"a", value=b"b")["status"] == "UNSUPPORTED"
        assert driver.ask("note_get", name=b"a") == {"status": "OK", "value": ""}
        assert driver.ask("hash_kv", revision=0)["status"] == "UNSUPPORTED"


def test_a_slow_watcher_misses_nothing(tmp_path, behind):
    """More than is kept for one: it is paused, and goes on."""
    with open_driver(behind, tmp_path) as driver:
        assert driver.ask("range", key=b"k")["status"] == "OK"
        assert driver.ask("watch_open", watch=0, **EVERYTHING)["status"] == "OK"
        for _ in range(3):
            driver.ask("batch", ops=[{"op": "put", "key": b"k%d" % i, "value": b"x" * 4000} for i in range(1000)])
        last = driver.ask("range", **WHOLE)["revision"]
        got = driver.ask("watch_next", watch=0, until=last)
        assert sorted(event["kv"]["key"] for event in got["events"]) == sorted(
            pack(b"k%d" % i) for _ in range(3) for i in range(1000))


@pytest.mark.slow  # the driver gives each call a minute
def test_the_end_ends_what_waits(tmp_path, behind):
    """Calls that wait for a cluster that has gone end as the store does."""
    driver = open_driver(behind, tmp_path)
    assert driver.ask("range", key=b"k")["status"] == "OK"
    behind.stop()
    driver.write([{"op": "put", "key": b"k", "value": b"v", "async": i} for i in range(20)])
    driver.write([{"op": "range", "key": b"k", "async": 100}])
    answers = {}
    while len(answers) < 21:
        answer = driver.read(120)
        answers[answer["async"]] = answer["status"]
    driver.close()
    assert answers[100] == "UNAVAILABLE" and set(answers.values()) <= {"UNAVAILABLE", "UNKNOWN"}
