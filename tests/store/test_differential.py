# SPDX-License-Identifier: Apache-2.0
"""The same random operations for a real etcd and for the store: the same answers, field by field, but for the ids of
cluster, member and raft. Watches see the same events."""
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from operations import Operations, writes
from pair import Pair, WatchPair

SEEDS = [int(text) for text in os.environ.get("STORE_SEEDS", "1,2,3").split(",")]
OPERATIONS = int(os.environ.get("STORE_OPERATIONS", "20000"))
OPERATIONS_ALL = int(os.environ.get("STORE_OPERATIONS_ALL", "100000"))
WATCHES = 5
WHOLE = {"key": b"\x00", "range_end": b"\x00"}
EVERYTHING = {**WHOLE, "start_revision": 2, "prev_kv": False, "no_put": False, "no_delete": False}
# Each must have come up in a run, or the run has not tested it.
STATUSES = {"OK", "COMPACTED", "FUTURE_REVISION", "EMPTY_KEY", "KEY_NOT_FOUND", "VALUE_PROVIDED", "LEASE_PROVIDED",
            "DUPLICATE_KEY", "LEASE_NOT_FOUND", "LEASE_EXISTS", "LEASE_TTL_TOO_LARGE"}


class Run:
    """One seed's operations, and the watches that are open meanwhile."""

    make_watch = WatchPair

    def __init__(self, pair, seed):
        self.pair = pair
        self.operations = Operations(seed)
        self.random = self.operations.random
        self.watches = {}
        self.everything = None
        self.watched = 0
        self.compactions = 0
        self.hashes = 0

    def step(self):
        kinds = (self.work, self.watch, self.settle, self.compact, self.restart, self.hash)
        self.random.choices(kinds, (100, 12, 4, 8, 1, 4))[0]()

    def run(self, groups):
        answers = self.pair.run(groups)
        self.operations.revision = self.pair.revision
        return answers

    def operations_in_groups(self):
        """Writes that follow each other sometimes make a group."""
        groups = []
        for _ in range(self.random.randint(1, 24)):
            op = self.operations.operation()
            if groups and writes(op) and writes(groups[-1][-1]) and self.random.random() < 0.7:
                groups[-1].append(op)
            else:
                groups.append([op])
        return groups

    # --- the steps ---

    def work(self):
        self.run(self.operations_in_groups())

    def watch(self):
        number = self.random.randint(1, WATCHES)
        if number in self.watches:
            self.close_watch(number)
        watch = self.make_watch(self.pair, number, self.operations.watch(), self.operations.compacted)
        self.watches[number] = watch
        if 0 < watch.watch["start_revision"] < self.operations.compacted:
            watch.await_compacted()
            self.close_watch(number)

    def close_watch(self, number):
        watch = self.watches.pop(number)
        if not watch.ended:
            self.settle([watch])
        self.watched += watch.count
        watch.close()

    def settle(self, watches=None):
        """Both sides hand out to watches, if none are named to all of them, what there was."""
        watches = [*self.watches.values(), self.everything] if watches is None else watches
        marks = [self.run([[op] for op in watch.marks()]) for watch in watches]
        for watch, answers in zip(watches, marks):
            events = watch.await_mark(answers, self.random.choice((1, 1000, 1 << 20)))
            if watch is self.everything:
                self.check_observer(events)

    def check_observer(self, expected):
        got = self.pair.driver.ask("observed")
        if got != {"revision": self.pair.revision, "events": expected}:
            self.pair.fail({"op": "observed"}, expected, got)

    def compact(self):
        """Alone, or among writes that may share its commit."""
        self.settle()
        before, op, after = [], self.operations.compact(), []
        if self.random.random() < 0.3:
            op["physical"] = True
        elif self.random.random() < 0.7:
            before, after = self.some_writes(), self.some_writes()
            # What etcd tells of an event is read when it is sent, maybe after this.
            op["revision"] = min(op["revision"], self.pair.revision)
        answer = self.run([[*before, op, *after]])[len(before)]
        if answer["status"] == "OK":
            self.operations.compacted = max(op["revision"], 0)
            self.compactions += 1

    def hash(self):
        for revision in (0, self.operations.range_revision()):
            self.hashes += self.pair.compare_hash(revision) == "OK"

    def some_writes(self):
        return [op for op in (self.operations.operation() for _ in range(self.random.randint(1, 12))) if writes(op)]

    def restart(self):
        self.settle()
        for number in list(self.watches):
            self.close_watch(number)
        self.settle()
        self.everything.close()
        self.pair.restart_driver()
        self.watch_everything()

    def watch_everything(self):
        watch = {**EVERYTHING, "start_revision": self.pair.revision + 1}
        self.everything = self.make_watch(self.pair, 0, watch, self.operations.compacted)

    # --- the whole ---

    def go(self, count):
        self.watch_everything()
        while self.pair.number < count:
            self.step()
        self.restart()
        self.check_history()
        self.check_figures()

    def check_history(self):
        """All there was, at many revisions."""
        revisions = [0] + [self.operations.past_revision() for _ in range(50)]
        self.run([[{"op": "range", **WHOLE, "revision": revision}] for revision in revisions])

    def check_figures(self):
        figures = self.pair.driver.ask("figures")
        everything, leases = self.run([[{"op": "range", **WHOLE, "count_only": True}], [{"op": "lease_list"}]])
        assert figures["revision"] == self.pair.revision
        assert figures["compact_revision"] == self.operations.compacted
        assert figures["keys"] == everything["count"]
        assert figures["leases"] == len(leases["ids"])
        assert figures["waiting"] == 0 and not figures["full"]


def run_seed(where, seed, count):
    with Pair(where, seed) as pair:
        run = Run(pair, seed)
        run.go(count)
        return run


@pytest.fixture(scope="module", params=[pytest.param(OPERATIONS, id="short"),
                                        pytest.param(OPERATIONS_ALL, id="long", marks=pytest.mark.slow)])
def runs(request, tmp_path_factory):
    """All seeds side by side, for each spends most of its time waiting for etcd."""
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        yield {seed: pool.submit(run_seed, tmp_path_factory.mktemp(f"seed-{seed}"), seed, request.param) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_same_answers_as_etcd(runs, seed):
    run = runs[seed].result()
    pair = run.pair
    print(f"seed {seed}: {pair.number} operations, {pair.statuses}, {pair.kinds}, {run.watched} watched events, "
          f"{run.compactions} compactions, {run.hashes} hashes, {pair.restarts} restarts")
    assert run.watched > 0 and run.compactions > 0 and run.hashes > 0
    assert STATUSES <= set(pair.statuses)
