# SPDX-License-Identifier: Apache-2.0
"""Members, nodes, and what is between them: machines of a network of our own (machines.py), or, where there can be none, on
loopback behind relays of the tests (cuttable.py).

Members are called m0, m1, ..., nodes n0, n1, ..."""
from clusternode import TIMES
from etcdcluster import Cluster, Member, owner_of_port
from lastingnode import LastingNode
from machines import Machines
from ports import free_ports

GROUPS = {
    "lin": {"prefix": "lin/", "freshness": "linearizable", "max_stale": 0, "mirror": False},
    "near": {"prefix": "app/near/", "freshness": "cached", "max_stale": 0, "mirror": False},
    "late": {"prefix": "app/late/", "freshness": "max_stale", "max_stale": 500, "mirror": False},
    "mir": {"prefix": "mir/", "freshness": "linearizable", "max_stale": 0, "mirror": True},
}
MEMBERS = 3
CLIENT_PORT, PEER_PORT, NODE_PORT = 2379, 2380, 11211
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
        return [(member.host, member.client_port) for member in self.cluster.members.values()]

    def _start_nodes(self, directory, addresses, mirrors, extra, wrappers):
        for (name, address), wrapper in zip(addresses.items(), wrappers):
            self.nodes[name] = LastingNode(name, directory / name, address, self.cluster.store_url(), configuration(mirrors),
                                           [*TIMES, *extra], wrapper)
        for node in self.nodes.values():
            node.start()

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

    def stop(self):
        try:
            for node in self.nodes.values():
                node.stop()
        finally:
            self.cluster.stop()
            for node in self.nodes.values():
                if node.is_alive():
                    node.kill()

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
        ports = free_ports(nodes) if nodes else []
        self._start_nodes(directory, {f"n{number}": ("127.0.0.1", port) for number, port in enumerate(ports)}, mirrors, extra,
                          [()] * nodes)

    def _name_of(self, peer):
        pids = {node.pid: name for name, node in self.nodes.items() if node.is_alive()}
        return pids.get(owner_of_port(peer[1], pids))

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


class _MachineMember(Member):
    def __init__(self, cluster, place, machine):
        self.place = place
        self.name = f"m{place}"
        self.directory = cluster.directory / self.name
        self.log_path = cluster.directory / f"{self.name}.log"
        self.host, self.wrapper = machine.address, machine.wrapper
        self.client_port = self.port = CLIENT_PORT
        self.peer_port = PEER_PORT
        self.peer_url = f"http://{self.host}:{PEER_PORT}"
        self.peer_proxy = self.client_proxy = self.process = None
        self.stopped = False


class _NoRelays:
    def turn(self, proxy, mode):
        pass

    def close(self):
        pass


class _MachineCluster(Cluster):
    def __init__(self, directory, machines):
        self._machines = machines
        super().__init__(directory, fast=True)

    def _make_network(self):
        return _NoRelays()

    def _make_member(self, place):
        return _MachineMember(self, place, self._machines.of[f"m{place}"])


class NamespacedWorld(World):
    """machines.enter() has been called."""

    kind = "network namespaces"

    def __init__(self, directory, nodes, mirrors, extra=()):
        self.members = [f"m{place}" for place in range(MEMBERS)]
        names = [f"n{number}" for number in range(nodes)]
        self.nodes = {}
        self._held = []  # members, once for each connection
        self.machines = Machines([*self.members, *names])
        self.cluster = _MachineCluster(directory / "cluster", self.machines)
        self._start_nodes(directory, {name: (self.machines.of[name].address, NODE_PORT) for name in names}, mirrors, extra,
                          [self.machines.of[name].wrapper for name in names])

    def cut(self, directions):
        self.machines.cut(directions)

    def heal(self, directions):
        self.machines.heal(directions)

    def hold_watch(self, node):
        """What members say on all connections but the one on which the node has asked last: that one has the requests."""
        by_address = {self.machines.of[member].address: member for member in self.members}
        for _, port, address in self.machines.of[node].connections(CLIENT_PORT)[1:]:
            self.machines.hold(by_address[address], CLIENT_PORT, node, port)
            self._held.append(by_address[address])

    def release_watch(self, node):
        while self._held:
            self.machines.release(self._held.pop())

    def stop(self):
        try:
            super().stop()
        finally:
            self.machines.close()


def world_of(directory, nodes, mirrors, namespaces, extra=()):
    """`extra`: words for each node."""
    return (NamespacedWorld if namespaces else RelayedWorld)(directory, nodes, mirrors, extra)
