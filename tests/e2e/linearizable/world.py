# SPDX-License-Identifier: Apache-2.0
"""Members, nodes, and what is between them: on loopback behind relays of the tests (cuttable.py).

Members are called m0, m1, ..., nodes n0, n1, ..."""
from clusternode import TIMES
from etcdcluster import Cluster, lasting_ports, owner_of_port
from lastingnode import LastingNode

GROUPS = {
    "lin": {"prefix": "lin/", "freshness": "linearizable", "max_stale": 0, "mirror": False},
    "near": {"prefix": "app/near/", "freshness": "cached", "max_stale": 0, "mirror": False},
    "late": {"prefix": "app/late/", "freshness": "max_stale", "max_stale": 500, "mirror": False},
    "mir": {"prefix": "mir/", "freshness": "linearizable", "max_stale": 0, "mirror": True},
}
WATCH = " watch"


def configuration(mirrors):
    """The groups, as a node's file has them; without mirrors if the node does not know what that is."""
    lines = []
    for name, group in GROUPS.items():
        freshness = group["freshness"] + (f"={group['max_stale']}ms" if group["max_stale"] else "")
        lines += [f'[group "{name}"]', "backing = store", f"prefix = {group['prefix']}", f"freshness = {freshness}"]
        lines += ["mirror = yes"] if mirrors and group["mirror"] else []
    return "\n".join(lines) + "\n"


class World:
    """What nemesis and clients need of it. `members` and `nodes`: name -> what has is_alive() and `stopped`."""

    def member_addresses(self):
        """Where a client reaches each member past all cuts."""
        raise NotImplementedError

    def place(self, member):
        return int(member[1:])

    def is_up(self, name):
        each = self.nodes.get(name) or self.cluster.members[self.place(name)]
        return each.is_alive() and not each.stopped

    def leader(self):
        place = self.cluster.leader()
        return None if place is None else f"m{place}"

    def kill(self, name):
        self.nodes[name].kill() if name in self.nodes else self.cluster.kill(self.place(name))

    def restart(self, name):
        self.nodes[name].start(wait=False) if name in self.nodes else self.cluster.restart(self.place(name), healthy=False)

    def suspend(self, name):
        self.nodes[name].suspend() if name in self.nodes else self.cluster.suspend(self.place(name))

    def resume(self, name):
        self.nodes[name].resume() if name in self.nodes else self.cluster.resume(self.place(name))

    def check(self):
        """Nothing has ended that nobody has killed."""
        for node in self.nodes.values():
            node.check()


class RelayedWorld(World):
    kind = "relays on loopback"

    def __init__(self, directory, nodes, mirrors, extra=()):
        self.nodes = {}
        self.cluster = Cluster(directory / "cluster", client_proxies=True, fast=True)
        self.members = [f"m{place}" for place in self.cluster.members]
        for member in self.cluster.members.values():
            member.client_proxy.name_source = self._name_of
        for number, port in enumerate(lasting_ports(nodes) if nodes else []):
            name = f"n{number}"
            self.nodes[name] = LastingNode(name, directory / name, ("127.0.0.1", port), self.cluster.store_url(),
                                           configuration(mirrors), [*TIMES, *extra])
        for node in self.nodes.values():
            node.start()

    def _name_of(self, peer):
        pids = {node.pid: name for name, node in self.nodes.items() if node.is_alive()}
        return pids.get(owner_of_port(peer[1], pids))

    def member_addresses(self):
        return [("127.0.0.1", member.client_port) for member in self.cluster.members.values()]

    # What has no pair that is cut is connected. A direction is (from, to).

    def _pairs(self, directions):
        def target(name):
            return f"client {self.place(name)}"

        pairs = []
        for source, sink in directions:
            if source[0] == sink[0] == "m":
                pairs.append((self.place(source), self.place(sink)))
            elif source[0] == "m":
                pairs.append((target(source), sink))
            else:
                pairs.append((source, target(sink)))
        return pairs

    def cut(self, directions):
        self.cluster.network.cut(self._pairs(directions))

    def heal(self, directions):
        self.cluster.network.heal(self._pairs(directions))

    def hold_watch(self, node):
        """What members say to that node's watches waits; all else passes."""
        self.cluster.network.cut([(f"client {place}", node + WATCH) for place in self.cluster.members])

    def release_watch(self, node):
        self.cluster.network.heal([(f"client {place}", node + WATCH) for place in self.cluster.members])

    def stop(self):
        try:
            for node in self.nodes.values():
                node.stop()
        finally:
            self.cluster.stop()
            for node in self.nodes.values():
                if node.is_alive():
                    node.kill()
