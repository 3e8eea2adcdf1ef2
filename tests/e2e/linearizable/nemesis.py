# SPDX-License-Identifier: Apache-2.0
"""Breaks things, by a seed, and mends each before long. One breaks members, another one nodes, at the same time: at
most one member is away at a time, so that the cluster can go on most of the time."""
import collections
import contextlib
import random
import threading
import time

from etcdcluster import wait_until

KEEP = 200  # revisions that a compaction leaves, more or less
HEALTH_S = 60


class Nemesis(threading.Thread):
    """`of`: "members" or "nodes". `log`: (time in ns, what)."""

    def __init__(self, of, world, recorder, seed, length, pause):
        super().__init__(name=f"nemesis of {of}", daemon=True)
        self.world = world
        self.recorder = recorder
        self.random = random.Random(f"{of} {seed}")
        self.length = length  # seconds, of a fault, on average
        self.pause = pause    # between faults
        self.log = []
        self.counts = collections.Counter()
        self.error = None
        self._over = threading.Event()
        self._order = self._shuffled(of)

    def _shuffled(self, of):
        """Each kind in turn, so that a short run has them all, in an order of its own."""
        kinds = {
            "members": [self.kill_member, self.pause_member, self.kill_leader, self.pause_leader, self.cut_leader,
                        self.cut_member, self.cut_one_way, self.compact, self.defragment],
            "nodes": [self.kill_node, self.pause_node, self.cut_node_from_one, self.cut_node, self.hold_watch,
                      self.hold_watch, self.compact],
        }[of]
        while True:
            self.random.shuffle(kinds)
            yield from kinds

    def run(self):
        try:
            while not self._over.wait(self.random.uniform(0.3, 1.7) * self.pause):
                kind = next(self._order)
                with contextlib.suppress(_NotNow):
                    kind()
        except Exception as error:  # the run tells it: a nemesis that has died proves nothing
            self.error = error

    def stop(self):
        """What is broken is mended when this returns."""
        self._over.set()
        self.join(HEALTH_S)
        assert not self.is_alive(), "the nemesis does not end"
        if self.error:
            raise self.error

    # --- what it does ---

    def _note(self, kind, what):
        self.counts[kind] += 1
        self.log.append((time.monotonic_ns(), f"{kind} {what}".strip()))

    def _mended(self, what):
        self.log.append((time.monotonic_ns(), f"mended: {what}"))

    def _while(self, kind, what, breaks, mends, length=None):
        self._note(kind, what)
        breaks()
        try:
            self._over.wait((length or self.length) * self.random.uniform(0.3, 1.7))
        finally:
            mends()
            self._mended(f"{kind} {what}")

    def _member(self):
        return self.random.choice(self.world.members)

    def _node(self):
        return self.random.choice(list(self.world.nodes))

    def _leader(self):
        leader = self.world.leader()
        if leader is None:
            raise _NotNow
        return leader

    def _kill(self, kind, name):
        self._while(kind, name, lambda: self.world.kill(name), lambda: self.world.restart(name))
        self._wait_up(name)

    def _wait_up(self, name):
        if name in self.world.nodes:
            node = self.world.nodes[name]
            wait_until(node._is_ready, HEALTH_S, lambda: f"{name} is ready again: {node.log()}")
        elif not self._over.is_set():
            place = self.world.place(name)
            wait_until(lambda: self._over.is_set() or self.world.cluster.status(place), HEALTH_S, f"{name} answers again")

    def kill_member(self):
        self._kill("kill member", self._member())

    def kill_leader(self):
        self._kill("kill leader", self._leader())

    def kill_node(self):
        self._kill("kill node", self._node())

    def _pause(self, kind, name):
        self._while(kind, name, lambda: self.world.suspend(name), lambda: self.world.resume(name))

    def pause_member(self):
        self._pause("pause member", self._member())

    def pause_leader(self):
        self._pause("pause leader", self._leader())

    def pause_node(self):
        self._pause("pause node", self._node())

    def _cut(self, kind, what, directions):
        self._while(kind, what, lambda: self.world.cut(directions), lambda: self.world.heal(directions))

    def _cut_member(self, kind, member):
        others = [other for other in self.world.members if other != member]
        self._cut(kind, member, [pair for other in others for pair in ((member, other), (other, member))])

    def cut_leader(self):
        """From the other members, not from clients and nodes: it may not know that it leads no more."""
        self._cut_member("cut leader", self._leader())

    def cut_member(self):
        self._cut_member("cut member", self._member())

    def cut_one_way(self):
        """A member hears the others, or is heard by them, but not both."""
        member = self._member()
        others = [other for other in self.world.members if other != member]
        hears = self.random.random() < 0.5
        self._cut("cut one way", f"{member} {'hears only' if hears else 'is only heard'}",
                  [(member, other) if hears else (other, member) for other in others])

    def cut_node_from_one(self):
        node, member = self._node(), self._member()
        self._cut("cut node from a member", f"{node} {member}", [(node, member), (member, node)])

    def cut_node(self):
        """From all members."""
        node = self._node()
        self._cut("cut node", node, [pair for member in self.world.members for pair in ((node, member), (member, node))])

    def hold_watch(self):
        node = self._node()
        # Some shorter than a read waits for its proof, some longer.
        length = self.random.choice([0.3, 1, 2 * self.length])
        self._while("hold watch", node, lambda: self.world.hold_watch(node), lambda: self.world.release_watch(node), length)

    def compact(self):
        revision = self.recorder.compactable(self.recorder.revision - self.random.randrange(KEEP))
        if revision is None:
            raise _NotNow
        self._note("compact", str(revision))
        # One that has no leader, or a revision that is compacted already, is no matter.
        self.world.cluster.compact(self.world.place(self._member()), revision)

    def defragment(self):
        member = self._member()
        self._note("defragment", member)
        self.world.cluster.defragment(self.world.place(member))

class _NotNow(Exception):
    """The fault has no object."""


