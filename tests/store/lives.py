# SPDX-License-Identifier: Apache-2.0
"""A store that lives several times in one directory, each time until something ends it, and a model of what it must hold."""
import os
import pathlib
import random

from driver import Driver, driver_path
from model import FIRST_REVISION, Model, Writes, events_of, keys_of, leased_of
from reader import Ended

CRASHED = 77  # exit status of a program that the shim ended
WRITES_MAX = 10**6  # within which the machine goes down
WHOLE = {"key": b"\x00", "range_end": b"\x00"}


class Lost(AssertionError):
    """The store does not hold what it must."""


def demand(condition, *what):
    if not condition:
        raise Lost(" ".join(map(str, what)))


def shim_path():
    return pathlib.Path(os.environ.get("STORE_SHIM", driver_path().with_name("store-shim.so"))).resolve()


def shim_environment(directory, **settings):
    """That of a program under the shim, which watches the directory; settings as in shim.c, without STORE_SHIM_."""
    assert shim_path().exists(), f"there is no {shim_path()}; the target store-tests builds it"
    return {
        "LD_PRELOAD": str(shim_path()),
        "STORE_SHIM_DIRECTORY": str(pathlib.Path(directory).resolve()),
        **{f"STORE_SHIM_{name.upper()}": str(value) for name, value in settings.items()},
    }


class Load:
    """Writes that are handed in to an open store without waiting for each: at most `window` wait for their answer."""

    def __init__(self, store, driver, window):
        self.store = store
        self.driver = driver
        self.window = window
        self.waiting = {}  # how many writes there were with it -> the revision that the answer shall say

    def _send(self, count):
        model = self.store.model
        requests = []
        for _ in range(count):
            write = self.store.writes.next(model)
            revision = model.add(write)
            self.waiting[len(model.writes)] = revision
            requests.append({**write.op(), "async": len(model.writes)})
        self.driver.write(requests)

    def take(self, answer):
        demand(answer["status"] == "OK", answer)
        revision = self.waiting.pop(answer["async"])
        demand(answer["revision"] == revision, "revision", revision, "was expected:", answer)
        self.store.acknowledged = max(self.store.acknowledged, answer["async"])

    def run(self, count):
        """Until `count` writes are acknowledged, or the store ends."""
        sent = min(self.window, count)
        try:
            self._send(sent)
            for _ in range(count):
                self.take(self.driver.read())
                if sent < count:
                    sent += 1
                    self._send(1)
        except Ended:
            pass


class Lives:
    """`acknowledged`: how many writes of the model there must be at least. Without `sync` the last ones may be lost when the
    machine goes down, but none that is older than one that is there."""

    def __init__(self, directory, seed, value_size, history, sync=True):
        self.directory = pathlib.Path(directory)
        self.chance = random.Random(seed)
        self.writes = Writes(seed, value_size)
        self.history = history
        self.sync = sync
        self.model = Model()
        self.acknowledged = 0

    def start(self, *arguments, **settings):
        options = ["--history", str(self.history)] + ["--no-sync"] * (not self.sync)
        return Driver(self.directory, *options, *arguments, **settings)

    def check(self, driver):
        """The store was just opened. It must hold what the model held after some write that is not older than the last
        acknowledged one; the model then forgets the later ones."""
        model = self.model
        demand(driver.ready, driver.opened, driver.stderr())
        revision = driver.opened["revision"]
        leases = set(driver.ask("lease_list")["ids"])
        counts = [count for count in range(self.acknowledged, len(model.writes) + 1) if model.revisions[count] == revision]
        demand(counts, revision, "is the newest revision, that of the last acknowledged write is",
               model.revisions[self.acknowledged])
        fits = [count for count in counts if model.state_after(count).leases == leases]
        demand(fits, "these leases never were at that revision:", leases)
        model.cut(fits[-1])
        self.acknowledged = len(model.writes)
        everything = driver.ask("range", **WHOLE)
        demand(keys_of(everything) == model.state.keys, "other keys, or other values")
        demand(leased_of(everything) == model.state.leased, "keys have other leases")
        self._check_history(driver)

    def _check_history(self, driver):
        """A watch from the oldest revision there is sees all that happened since; the past can be read."""
        model = self.model
        start, seen, past, then = self._read_history(driver)
        most = model.revision - self.history if self.history > 0 else 0
        demand(start - 1 <= max(FIRST_REVISION, most), start - 1, "is compacted, more than was asked for")
        demand(seen["status"] == then["status"] == "OK", seen["status"], then["status"])
        demand(events_of(seen) == [event for event in model.state.events if event[0] >= start], "other events")
        demand(keys_of(then) == model.keys_at(past), "another past")

    def _read_history(self, driver):
        """Again, if the store compacted by itself meanwhile. It comes to an end with that, for nothing is written."""
        newest = self.model.revision
        compacted = None
        while compacted != (now := driver.ask("figures")["compact_revision"]):
            compacted = now
            start = max(compacted + 1, FIRST_REVISION + 1)
            past = self.chance.randint(max(compacted, 1), newest)
            driver.ask("watch_open", watch=1, **WHOLE, start_revision=start)
            seen = driver.ask("watch_next", watch=1, until=newest)
            driver.ask("watch_close", watch=1)
            then = driver.ask("range", **WHOLE, revision=past)
        return start, seen, past, then

    # --- lives ---

    def live_until_killed(self):
        """kill -9 under load."""
        driver = self.start()
        self.check(driver)
        window = self.chance.choice((1, 10, 100, 1000))
        load = Load(self, driver, window)
        load.run(self.chance.randint(1, min(1000, 50 * window)))  # each window waits for the disk
        for answer in driver.kill():
            load.take(answer)

    def live_until_crash(self, crash_at, skip=""):
        """The machine goes down at the call of that number, maybe while the store is being opened; `skip`: see shim.c. Then
        checks what is left."""
        settings = {"crash_at": crash_at, "seed": self.chance.randrange(1 << 60), "skip": skip}
        checkpoint = self.chance.choice((1, 30, 300)) << 10
        driver = self.start("--checkpoint", str(checkpoint), environment=shim_environment(self.directory, **settings))
        load = Load(self, driver, self.chance.choice((1, 3, 30, 300)))
        if driver.ready:
            load.run(WRITES_MAX)
        rest, status = driver.await_end()
        for answer in rest:
            load.take(answer)
        assert status == CRASHED, f"the driver ended with {status}: {driver.opened} {driver.stderr()}"
        if not self.sync:
            self.acknowledged = 0
        with self.start(environment=shim_environment(self.directory)) as driver:
            self.check(driver)
