# SPDX-License-Identifier: Apache-2.0
"""A store that lives several times in one directory, each time until something ends it, and a model of what it must hold."""
import os
import pathlib
import random

from driver import Driver, driver_path
from model import FIRST_REVISION, NOTES, Model, Writes, events_of, keys_of, leased_of, value_of
from reader import Ended

CRASHED = 77  # exit status of a program that the shim ended
WRITES_MAX = 10**6  # within which the machine goes down
DEFRAGMENTS = 0.15  # of the writes of a store that does little else
WHOLE = {"key": b"\x00", "range_end": b"\x00"}


class Lost(AssertionError):
    """The store does not hold what it must."""


def demand(condition, *what):
    if not condition:
        raise Lost(" ".join(map(str, what)))


def shim_path():
    return pathlib.Path(os.environ.get("STORE_SHIM", driver_path().with_name("store-shim.so"))).resolve()


def shim_environment(directory, **settings):
    """That of a program under the shim, which watches the directory and its name; settings as in shim_settings.h, without
    STORE_SHIM_."""
    assert shim_path().exists(), f"there is no {shim_path()}; the target store-tests builds it"
    return {
        "LD_PRELOAD": str(shim_path()),
        "STORE_SHIM_DIRECTORY": str(pathlib.Path(directory).resolve().parent),
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

    def __init__(self, directory, seed, value_size, history, sync=True, **writes):
        self.directory = pathlib.Path(directory)
        self.chance = random.Random(seed)
        self.writes = Writes(seed, value_size, **writes)
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
        notes = {name: value_of(driver.ask("note_get", name=name)) for name in NOTES}
        states = {count: model.state_after(count) for count in counts}
        fits = [count for count, state in states.items() if state.leases == leases and state.notes == notes]
        demand(fits, "these leases and notes never were at that revision:", leases, notes)
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
        """The machine goes down at the call of that number, maybe while the store is being opened; `skip` is that of
        shim_settings.h. Then checks what is left."""
        self._live_under_shim(self.chance.choice((1, 30, 300)), crash_at=crash_at, skip=skip)
        if not self.sync:
            self.acknowledged = 0
        self._check_under_shim()

    def live_until_killed_before_crash(self, kill_at, crash_at):
        """Only the process ends at a call, and the machine goes down at a call of the next one: what the first has left to
        the system may be found by the second, and not be on the disk. What was found once must stay. The first has a
        checkpoint in hand as often as not, the second none."""
        hand_over = self.directory.with_name(self.directory.name + ".hand-over")
        self._live_under_shim(1, kill_at=kill_at, hand_over=hand_over)
        self._live_under_shim(300, look=True, crash_at=crash_at, hand_over=hand_over)
        self._check_under_shim()

    def live_until_crash_after_failure(self, crash_at, bad_write, bad_repair):
        """A checkpoint fails at the page that makes the others valid, and the machine goes down later."""
        self._live_under_shim(1, crash_at=crash_at, bad_write=bad_write, bad_repair=bad_repair)
        self._check_under_shim()

    def _live_under_shim(self, checkpoint_kib, look=False, **settings):
        settings["seed"] = self.chance.randrange(1 << 60)
        driver = self.start("--checkpoint", str(checkpoint_kib << 10),
                            environment=shim_environment(self.directory, **settings))
        load = Load(self, driver, self.chance.choice((1, 3, 30, 300)))
        if driver.ready and (not look or self._look(driver)):
            load.run(WRITES_MAX)
        rest, status = driver.await_end()
        for answer in rest:
            load.take(answer)
        assert status == CRASHED, f"the driver ended with {status}: {driver.opened} {driver.stderr()}"

    def _look(self, driver):
        """Whether the store still lives after it was looked at."""
        try:
            self.check(driver)
        except Ended:
            return False
        return True

    def _check_under_shim(self):
        with self.start(environment=shim_environment(self.directory)) as driver:
            self.check(driver)
