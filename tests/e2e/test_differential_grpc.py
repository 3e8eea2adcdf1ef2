# SPDX-License-Identifier: Apache-2.0
"""The same random operations by gRPC for a real etcd and for the server under test: the same answers, error codes and texts,
and watches that see the same events. Both are killed and started again now and then."""
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from grpcpair import Pair, WatchPair
from operations import Operations

SEEDS = [int(text) for text in os.environ.get("E2E_GRPC_SEEDS", "1,2").split(",")]
OPERATIONS = int(os.environ.get("E2E_GRPC_OPERATIONS", "3000"))
WATCHES = 6
WHOLE = {"key": b"\x00", "range_end": b"\x00"}
EVERYTHING = {**WHOLE, "prev_kv": False, "no_put": False, "no_delete": False, "fragment": False,
              "progress_notify": False}
# Each must have come up in a run, or the run has not tested it.
STATUSES = {
    "OK",
    "etcdserver: mvcc: required revision has been compacted",
    "etcdserver: mvcc: required revision is a future revision",
    "etcdserver: key is not provided",
    "etcdserver: key not found",
    "etcdserver: value is provided",
    "etcdserver: lease is provided",
    "etcdserver: duplicate key given in txn request",
    "etcdserver: requested lease not found",
    "etcdserver: lease already exists",
    "etcdserver: too large lease TTL",
}

pytestmark = pytest.mark.larder("it has etcd beside it")


class Run:
    """One seed's operations, and the watches that are open meanwhile."""

    def __init__(self, pair, seed):
        self.pair = pair
        self.operations = Operations(seed)
        self.random = self.operations.random
        self.watches = {}
        self.last_id = 0
        self.everything = None
        self.watched = 0
        self.compactions = 0
        self.progress_answers = 0
        self.hashes = 0

    def step(self):
        kinds = {self.work: 100, self.watch: 14, self.settle: 4, self.progress: 4, self.compact: 8, self.hash: 4,
                 self.restart: 0.5}
        self.random.choices(list(kinds), list(kinds.values()))[0]()

    def ask(self, op):
        answer = self.pair.ask(op)
        self.operations.revision = self.pair.revision
        return answer

    # --- the steps ---

    def work(self):
        for _ in range(self.random.randint(1, 24)):
            self.ask(self.operations.operation())

    def watch(self):
        number = self.random.randint(1, WATCHES)
        if number in self.watches:
            self.close_watch(number)
        chance = self.operations.chance
        watch = {**self.operations.watch(), "id": self.next_id(), "fragment": chance(30), "progress_notify": chance(30)}
        # One that never says anything may still be in etcd's past when that is compacted.
        watch["no_delete"] = watch["no_delete"] and not watch["no_put"]
        opened = WatchPair(self.pair, watch, self.operations.compacted)
        if 0 < watch["start_revision"] < self.operations.compacted:
            opened.await_compacted()
        else:
            self.watches[number] = opened

    def next_id(self):
        """One never used before: etcd 3.4 holds on to that of a watch that was compacted away."""
        self.last_id += self.random.randint(1, 3)
        return self.last_id

    def close_watch(self, number):
        watch = self.watches.pop(number)
        self.settle([watch])
        self.watched += watch.count
        watch.close()

    def settle(self, watches=None):
        """Both sides hand out to watches, if none are named to all of them, what there was."""
        watches = [*self.watches.values(), self.everything] if watches is None else watches
        marks = [[self.ask(op) for op in watch.marks()] for watch in watches]
        for watch, answers in zip(watches, marks):
            watch.await_mark(answers)

    def progress(self):
        self.settle()
        self.pair.progress()
        self.progress_answers += 1

    def hash(self):
        for revision in (0, self.operations.range_revision()):
            self.hashes += self.pair.hash(revision)

    def compact(self):
        self.settle()  # what etcd tells of an event is read when it is sent, maybe after this
        op = self.operations.compact()
        if hasattr(self.ask(op), "header"):
            self.operations.compacted = max(op["revision"], 0)
            self.compactions += 1

    def restart(self):
        self.settle()
        for number in list(self.watches):
            self.close_watch(number)
        self.settle()
        self.pair.restart()
        self.watch_everything()

    def watch_everything(self):
        watch = {**EVERYTHING, "id": self.next_id(), "start_revision": self.pair.revision + 1}
        self.everything = WatchPair(self.pair, watch, self.operations.compacted)

    # --- the whole ---

    def go(self, count):
        self.watch_everything()
        while self.pair.number < count:
            self.step()
        self.restart()
        self.check_history()
        self.progress()

    def check_history(self):
        """All there was, at many revisions."""
        for revision in [0] + [self.operations.past_revision() for _ in range(50)]:
            self.ask({"op": "range", **WHOLE, "revision": revision})


def run_seed(where, seed):
    with Pair(where, seed) as pair:
        run = Run(pair, seed)
        run.go(OPERATIONS)
        return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """All seeds side by side, for each spends much of its time waiting."""
    with ThreadPoolExecutor(len(SEEDS)) as pool:
        yield {seed: pool.submit(run_seed, tmp_path_factory.mktemp(f"seed-{seed}"), seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_same_answers_as_etcd(runs, seed):
    run = runs[seed].result()
    pair = run.pair
    print(f"seed {seed}: {pair.number} operations, {dict(pair.statuses)}, {dict(pair.kinds)}, {run.watched} watched events, "
          f"{run.compactions} compactions, {run.progress_answers} progress answers, {run.hashes} hashes, "
          f"{pair.restarts} restarts")
    assert run.watched > 0 and run.compactions > 0 and run.progress_answers > 0 and run.hashes > 0 and pair.restarts > 0
    assert STATUSES <= set(pair.statuses)
