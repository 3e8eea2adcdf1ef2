# SPDX-License-Identifier: Apache-2.0
"""The clients of one protocol, in a process of their own: threads with a connection each, that ask one thing after the
other.

    load.py '{"protocol": ..., "addresses": {"n0": ["127.0.0.1", 1], ...}, ...}'

reads lines such as {"round": 3, "seconds": 30, "directory": ...} and, when that is over, writes what has happened to a
file of that directory and says its name. It ends with its input."""
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from history import (CAS, DELETE, LINEARIZABLE, OK, RANGE, READ, REFUSED, STALE, UNKNOWN, WRITE, Op,  # noqa: E402
                     dump)
from speakers import SPEAKERS, Closed, Lost  # noqa: E402

WEIGHTS = {READ: 60, WRITE: 22, CAS: 10, DELETE: 6, RANGE: 2}
MAX_STALE = (100, 500, 2000)  # ms
RETRY_S = 0.05
# Of memcached's clients: several at once, which may be put together on their way to the cluster.
BURST, BURST_SHARE = 32, 0.1
BURST_WEIGHTS = {WRITE: 75, DELETE: 15, READ: 10}


class Request(Op):
    """An operation with what its answer does not tell: `condition`: the revision that `expected` has; `asked`: the
    freshness in the request's own words, None: that of the group."""

    __slots__ = ("condition", "asked")


class Client(threading.Thread):
    """`groups`: name -> {"freshness", "max_stale", "mirror"}."""

    def __init__(self, number, node, settings, order, only_old=False):
        super().__init__()
        self.number = number
        # It asks for what may be old and nothing else, and so does not wait when others have to.
        self.only_old = only_old
        self.node = node
        self.settings = settings
        self.order = order
        self.random = random.Random(f"{settings['seed']}/{order['round']}/{number}")
        self.speaker = None
        self.life = 0  # of the connection
        self.count = 0
        self.ops = []
        self.known = {}  # key -> (value, revision), as last seen
        self.just_read = None  # a key: a cas follows, that may well be in time

    def run(self):
        end = time.monotonic() + self.order["seconds"]
        while time.monotonic() < end:
            if self.speaker is None and not self._connect():
                time.sleep(RETRY_S)
                continue
            if self.settings["name"] == "memcached" and not self.only_old and self.random.random() < BURST_SHARE:
                self._many()
            else:
                self._one()
            time.sleep(self.random.random() * 2 * self.settings["think"])
        if self.speaker is not None:
            self.speaker.close()

    def _connect(self):
        try:
            self.speaker = SPEAKERS[self.settings["protocol"]](
                tuple(self.settings["addresses"][self.node]), self.settings["prefixes"])
        except Lost:
            return False
        self.life += 1
        return True

    def _one(self):
        op = self._draw()
        self.ops.append(op)
        op.begin = time.monotonic_ns()
        try:
            self.speaker.perform(op)
        except Closed:
            self._leave()
        except Lost as error:
            self._lost(op, error)
            self._leave()
        self._ended(op)

    def _many(self):
        ops = [self._draw(BURST_WEIGHTS) for _ in range(self.random.randint(2, BURST))]
        self.ops += ops
        begin = time.monotonic_ns()
        for op in ops:
            op.begin = begin
        left = list(ops)
        try:
            for op in self.speaker.perform_all(ops):
                left.remove(op)
                self._ended(op)
        except Lost as error:
            self._leave()
            for op in left:
                self._lost(op, error)
                self._ended(op)

    @staticmethod
    def _lost(op, error):
        op.outcome = REFUSED if op.kind in (READ, RANGE) else UNKNOWN
        op.said = str(error)

    def _ended(self, op):
        op.end = time.monotonic_ns()
        self.just_read = op.key if op.kind == READ and op.outcome == OK else None
        if op.outcome != OK:
            self.known.pop(op.key, None)
        elif op.kind in (READ, WRITE, CAS) and op.revision:
            self.known[op.key] = op.value, op.revision
        else:
            self.known[op.key] = None, 0

    def _leave(self):
        self.speaker.close()
        self.speaker = None

    def _draw(self, weights=None):
        draw, groups, weights = self.random, self.settings["groups"], weights or WEIGHTS
        group = draw.choice([name for name in groups if not self.only_old or groups[name]["freshness"] != LINEARIZABLE])
        kind = READ if self.only_old else draw.choices(list(weights), weights.values())[0]
        key = f"{group}/{self.order['round']}-{draw.randrange(self.settings['keys'])}"
        if self.just_read is not None and kind == WRITE and draw.random() < 0.5:
            kind, key = CAS, self.just_read
        if kind == RANGE and self.settings["protocol"] == "grpc":
            key = f"{group}/{self.order['round']}-\0{group}/{self.order['round']}."
        elif kind == RANGE:
            kind = READ
        op = Request(self.number, kind, key, 0, node=self.node, protocol=self.settings["protocol"])
        op.asked, op.condition = None, 0
        if kind in (WRITE, CAS):
            self.count += 1
            op.value = f"{self.order['round']}.{self.number}.{self.count}"
        if kind == CAS:
            op.expected, op.condition = self.known.get(key, (None, 0))
        if kind == READ:
            self._draw_freshness(op, groups[group])
        return op

    def _draw_freshness(self, op, group):
        op.asked = self.random.choice([each for each in SPEAKERS[self.settings["protocol"]].freshnesses
                                       if not self.only_old or each != LINEARIZABLE])
        op.freshness = op.asked or group["freshness"]
        if op.freshness == STALE:
            op.max_stale = (self.random.choice(MAX_STALE) if op.asked else group["max_stale"]) * 1_000_000


def run_round(settings, order):
    clients = [Client(settings["first"] + place * len(settings["addresses"]) + number, node, settings, order,
                      only_old=settings["name"] in ("memcached", "http") and place == 0)
               for place in range(settings["clients"]) for number, node in enumerate(settings["addresses"])]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    path = os.path.join(order["directory"], f"{settings['name']}-{order['round']}.history")
    with open(path, "w") as file:
        for client in clients:
            file.writelines(dump(op) + "\n" for op in client.ops)
    return path


def main():
    settings = json.loads(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        print(run_round(settings, json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
