# SPDX-License-Identifier: Apache-2.0
"""Nodes of one cluster that share their memory groups; the first keeps the store that the others use."""
import os
import pathlib
import signal

from httpwire import ask
from ports import free_port
from server import Server, suspend, wait_until
from wire import Connection

GROUPS = '[group "config"]\nbacking = store\n\n[group "mem"]\n'
DEADLINE = 30
LEASE = 2


class SharedNode(Server):
    def __init__(self, directory, name, store, lease=LEASE, port=None, advertised=None, extra=(), config=GROUPS, **options):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "conf").write_text(config)
        self.name = name
        self.peer_port = port or free_port()
        words = ["--config", str(directory / "conf"), "--cluster", "test", "--node-id", name,
                 "--listen", f"127.0.0.1:{self.peer_port}", "--advertise", f"127.0.0.1:{advertised or self.peer_port}",
                 "--lease", f"{lease}s", "--handoff", "4s", "--drain-timeout", "20s"]
        words += ["--data-dir", str(directory / "data")] if store is None else ["--store", store]
        super().__init__(directory, extra=[*words, *extra], **options)

    def wait_ready(self):
        wait_until(lambda: ask(self, "GET", "/readyz").status == 200, DEADLINE,
                   lambda: f"{self.name} is ready: {ask(self, 'GET', '/readyz').body}; {self.stderr()}")

    def kill(self):
        self._process.kill()
        self._process.wait()
        self.stopped = True

    def pause(self):
        suspend(self.pid)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)


class SharedNodes:
    """`count` nodes, n0 to n<count - 1>. `store` is where their store is, else the first one keeps it."""

    def __init__(self, directory, count=3, store=None, **options):
        self.directory = pathlib.Path(directory)
        self.store = store
        self.options = options
        self.nodes = []
        self.started = 0
        for _ in range(count):
            self.add()
        self.settle()

    def add(self, store=None):
        store = store or self.store or (f"etcd://127.0.0.1:{self.nodes[0].port}" if self.nodes else None)
        node = SharedNode(self.directory / f"n{self.started}", f"n{self.started}", store, **self.options)
        self.started += 1
        self.nodes.append(node)
        return node

    def remove(self, node):
        """It leaves, and hands over what it has."""
        self.nodes.remove(node)
        node.stop()

    def settle(self):
        """Until all of them take writes of all keys."""
        for node in self.nodes:
            node.wait_ready()
        for node in self.nodes:
            def takes_all(node=node):
                with Connection(node) as connection:
                    said = b"".join(b"set settled%d 0 0 1\r\nx\r\n" % number for number in range(50))
                    return connection.ask(said) == b"STORED\r\n" * 50
            wait_until(takes_all, DEADLINE, lambda node=node: f"{node.name} takes writes: {node.stderr()}")

    def kill(self):
        for node in self.nodes:
            if not node.stopped:
                node.kill()

    def stop(self):
        failure = None
        for node in reversed(self.nodes):
            if not node.stopped:
                try:
                    node.stop()
                except AssertionError as error:
                    failure = failure or error
        if failure:
            raise failure


def fill(node, names, mark=b"x"):
    """Each key its own name and the mark. Returns those whose write was not acknowledged."""
    with Connection(node, deadline=DEADLINE) as connection:
        said = b"".join(b"set %s 7 0 %d\r\n%s%s\r\n" % (name, len(name) + len(mark), name, mark) for name in names)
        lines = connection.ask(said).split(b"\r\n")[:-1]
    assert len(lines) == len(names)
    return [name for name, line in zip(names, lines) if line != b"STORED"]


def read(node, names):
    """What a get of all of them finds: {name: value}."""
    with Connection(node, deadline=DEADLINE) as connection:
        text = connection.ask(b"get " + b" ".join(names) + b"\r\n")
    assert text.endswith(b"END\r\n"), text[-300:]
    lines = text.split(b"\r\n")[:-2]
    return {head.split(b" ")[1]: value for head, value in zip(lines[::2], lines[1::2])}


def names_of(count, prefix=b"k"):
    return [b"%s%d" % (prefix, number) for number in range(count)]
