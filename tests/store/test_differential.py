# SPDX-License-Identifier: Apache-2.0
"""The same random operations on a real etcd and on the embedded store: every answer must be the same, but for the ids of
cluster, member and term. TEST_LONG=1 in the environment makes the runs longer."""
import os
import time

import pytest

from comparison import LeaseClock, answer_difference, short
from driver import Driver
from etcd import Etcd, EtcdMissing
from operations import NO_LEASE, Operations
from watching import Watch, settle, until

SEEDS = [int(seed) for seed in os.environ.get("TEST_SEEDS", "1,2,3").split(",")]
OPERATIONS = 20_000 if os.environ.get("TEST_LONG") else 1_500
WATCHES_MAX = 12
WHOLE = {"key": b"\0", "range_end": b"\0"}


@pytest.fixture
def etcd(tmp_path):
    try:
        running = Etcd(tmp_path)
    except EtcdMissing as missing:
        pytest.fail(str(missing))
    yield running
    running.close()


class Run:
    """One seed on both stores. `number` counts the operations."""

    def __init__(self, etcd, directory, seed):
        self.etcd = etcd
        self.seed = seed
        self.number = 0
        self.operations = Operations(seed)
        self.random = self.operations.random
        self.clock = LeaseClock()
        self.watches = {}  # watch: the number of the operation that ends it
        self._directory = directory
        self.driver = self._open()

    def _open(self):
        return Driver(self._directory / "store", "--no-sync")

    def mismatch(self, what, operation, ours, theirs):
        return (f"seed {self.seed}, operation {self.number}: {what}\n  operation: {short(operation)}\n"
                f"  ours:      {short(ours)}\n  etcd's:    {short(theirs)}")

    # --- operations ---

    def judge(self, operation, ours, theirs, began):
        self.number += 1
        found = answer_difference(operation, ours, theirs, self.clock, began)
        assert not found, self.mismatch(found, operation, ours, theirs)
        if ours["status"] == "OK":
            self.operations.revision = ours["revision"]
            if operation["op"] == "compact":
                self.operations.compacted = operation["revision"]
        return ours

    def both(self, operation):
        if operation["op"] == "compact":
            settle(self.etcd, self.watches)
        began = time.monotonic()
        return self.judge(operation, self.driver.call(operation), self.etcd.call(operation), began)

    def pipeline(self):
        operations = self.operations.pipeline(compact=not self.watches)
        began = time.monotonic()
        for operation, ours in zip(operations, self.driver.call_all(operations)):
            self.judge(operation, ours, self.etcd.call(operation), began)

    # --- watches ---

    def begin_watch(self):
        taken = {watch.number for watch in self.watches}
        number = next(number for number in range(WATCHES_MAX) if number not in taken)
        watch = Watch(self.driver, self.etcd, self.operations.watch(), number, self.operations.compacted,
                      self.random.choice((1, 1000, 0)))
        self.watches[watch] = self.number + self.random.randint(5, 200)

    def end_watches(self, all_of_them=False):
        over = [watch for watch, end in self.watches.items() if all_of_them or self.number >= end]
        for watch in over:
            for operation in watch.last_words():
                self.both(operation)
        if over:
            settle(self.etcd, over)
        for watch in over:
            found = watch.difference()
            assert not found, f"seed {self.seed}, before operation {self.number}: {found}"
            watch.close()
            del self.watches[watch]

    # --- more than one operation ---

    def expire(self):
        """A lease that ends by itself takes its keys along. Nothing else is done meanwhile: the revision changes when
        the time has come."""
        lease = NO_LEASE - 1
        self.both({"op": "grant", "lease": lease, "ttl": self.random.choice((-5, 0, 1, 2))})
        for _ in range(self.random.randint(0, 4)):
            self.both({**self.operations.put(), "lease": lease})
        self.both(self.operations.put())
        self.both({"op": "ttl", "lease": lease, "keys": True})
        for side in (self.driver, self.etcd):
            until(lambda: side.call({"op": "ttl", "lease": lease})["result"]["ttl"] == -1,
                  lambda: f"seed {self.seed}, operation {self.number}: lease {lease} ends on {side}")
        self.both({"op": "range", **WHOLE})

    def reopen(self):
        """Ours must find everything again. Watches do not outlive that, nor do the times of leases that have passed."""
        self.end_watches(all_of_them=True)
        self.driver.close()
        self.clock.reopened = time.monotonic()
        self.driver = self._open()
        self.check_all()

    def check_all(self):
        """Everything there is, now and at some past revisions."""
        o = self.operations
        count = self.both({"op": "range", **WHOLE})["result"]["count"]
        first = max(o.compacted, 1)
        for revision in sorted(self.random.sample(range(first, o.revision + 1), min(20, o.revision + 1 - first))):
            self.both({"op": "range", **WHOLE, "revision": revision})
        for lease in self.both({"op": "leases"})["result"]["leases"]:
            self.both({"op": "ttl", "lease": lease, "keys": True})
        figures = self.driver.call({"op": "figures"})
        assert (figures["revision"], figures["compact_revision"]) == (o.revision, o.compacted)
        assert figures["keys"] == count

    def step(self):
        o = self.operations
        o.choose(
            (30, lambda: self.both(o.range())),
            (25, lambda: self.both(o.put())),
            (8, lambda: self.both(o.delete())),
            (20, lambda: self.both(o.txn())),
            (3, self.pipeline),
            (3, lambda: self.both(o.grant())),
            (2, lambda: self.both(o.revoke())),
            (5, lambda: self.both(o.lease_question())),
            (1, lambda: self.both(o.compact())),
            (3, lambda: len(self.watches) < WATCHES_MAX and self.begin_watch()))
        self.end_watches()

    def run(self, count):
        reopen_at, expire_at = count // 2, {count // 3} | set(range(2_000, count, 2_000))
        while self.number < count:
            self.step()
            if self.number >= reopen_at:
                reopen_at = count
                self.reopen()
            for due in [at for at in expire_at if self.number >= at]:
                expire_at.remove(due)
                self.expire()
        self.end_watches(all_of_them=True)
        self.check_all()
        self.driver.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_operations_are_answered_as_etcd_answers_them(etcd, tmp_path, seed):
    Run(etcd, tmp_path, seed).run(OPERATIONS)
