# SPDX-License-Identifier: Apache-2.0
"""Machines of a network of our own: each a network namespace on a bridge of this process's own one, which goes with the
process.

What cuts is the address that a machine has of another one's card: frames to a card that is not there are lost without a
word, in one direction, and TCP finds out by itself. One connection alone is held by a rule for its ports."""
import os
import shutil
import subprocess
import sys

INSIDE = "LARDER_TESTS_IN_NAMESPACE"
NOWHERE = "02:00:00:00:ff:ff"
NETWORK = "10.77.0"
HOLD_PRIORITY = 10


def _unshare():
    """What starts a command in a network of its own; None: this system has no such thing for us."""
    if not all(shutil.which(program) for program in ("unshare", "nsenter", "ip", "ss")):
        return None
    check = ("ip link add name hub type bridge && ip link add name near0 type veth peer name far0 && "
             "ip link set near0 master hub")
    for options in (["--net"], ["--user", "--map-root-user", "--net"]):
        command = ["unshare", *options]
        if subprocess.run([*command, "sh", "-c", check], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            return command
    return None


def enter():
    """Goes on with this program in a network of its own, if it can have one. False: it cannot. True: it is there."""
    if os.environ.get(INSIDE):
        return True
    way = _unshare()
    if way is None:
        return False
    os.environ[INSIDE] = "1"
    os.execvp(way[0], [*way, sys.executable, *sys.argv])


def _run(command, text=None):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}; {text}"
    return done.stdout


class Machine:
    """Lives as long as the process that holds its namespace, which ends with ours."""

    def __init__(self, name, number):
        self.name = name
        self.address = f"{NETWORK}.{number}"
        self.card = f"02:00:00:00:00:{number:02x}"
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo && exec cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        self.wrapper = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]
        _run(["ip", "-batch", "-"], f"link add {name} type veth peer name eth0 address {self.card} netns {self._holder.pid}\n"
                                    f"link set {name} master hub up\n")
        self.ip("link set lo up", f"addr add {self.address}/24 dev eth0", "link set eth0 up")

    def ip(self, *lines):
        _run([*self.wrapper, "ip", "-batch", "-"], "".join(line + "\n" for line in lines))

    def connections(self, port):
        """To that port of others: [(ms since something was sent, own port, the other's address)], the busiest first."""
        lines = _run([*self.wrapper, "ss", "-tinHO", "state", "established", "dport", "=", f":{port}"]).splitlines()
        found = []
        for line in lines:
            words = line.split()
            numbers = dict(word.split(":", 1) for word in words[4:] if word.count(":") == 1)
            found.append((int(numbers.get("lastsnd", 0)), int(words[2].rsplit(":", 1)[1]), words[3].rsplit(":", 1)[0]))
        return sorted(found)

    def close(self):
        self._holder.stdin.close()
        self._holder.wait()
        self._holder.stdout.close()


class Machines:
    def __init__(self, names):
        _run(["ip", "-batch", "-"],
             f"link set lo up\nlink add hub type bridge\naddr add {NETWORK}.1/24 dev hub\nlink set hub up\n")
        self.of = {name: Machine(name, 10 + number) for number, name in enumerate(names)}
        self.heal([(source, sink) for source in names for sink in names if source != sink])

    def cut(self, directions):
        """Nothing gets from the first of each pair to the second."""
        for source, sink in directions:
            self._neighbour(source, sink, NOWHERE)

    def heal(self, directions):
        for source, sink in directions:
            self._neighbour(source, sink, self.of[sink].card)

    def _neighbour(self, source, sink, card):
        self.of[source].ip(f"neigh replace {self.of[sink].address} lladdr {card} dev eth0 nud permanent")

    def hold(self, source, port, sink, sink_port):
        """Nothing gets from a port to a port, until release(source)."""
        self.of[source].ip(f"rule add to {self.of[sink].address} ipproto tcp sport {port} dport {sink_port} "
                           f"priority {HOLD_PRIORITY} blackhole")

    def release(self, source):
        self.of[source].ip(f"rule del priority {HOLD_PRIORITY}")

    def close(self):
        for machine in self.of.values():
            machine.close()
