# SPDX-License-Identifier: Apache-2.0
"""A server of etcd's API in a directory of its own, that can be killed and started again where it was: larderd, or, to see
that a test states etcd's behaviour, a real etcd (E2E_SERVER=etcd). With E2E_SERVER=near it is larderd in front of a cluster
(nearcluster.py)."""
import os
import pathlib
import signal

from etcd import Etcd
from ports import free_port
from server import END_DEADLINE, Server, kind_under_test


class LarderNode:
    """larderd on one port for all of its lives. `arguments`: further ones of larderd."""

    def __init__(self, directory, *arguments, **options):
        self.directory = pathlib.Path(directory)
        self.port = free_port()
        self._arguments = ["--listen", f"127.0.0.1:{self.port}", "--data-dir", str(self.directory / "data"), *arguments]
        self._options = options
        self.running = False
        self.start()

    @property
    def data(self):
        return self.directory / "data"

    @property
    def server(self):
        return self._server

    @property
    def pid(self):
        return self._server.pid

    def start(self):
        (self.directory / "port").unlink(missing_ok=True)
        self._server = Server(self.directory, kind="larder", extra=self._arguments, **self._options)
        self.running = True

    def assert_alive(self):
        self._server.assert_alive()

    def log(self):
        return self._server.stderr()

    def kill(self):
        """kill -9."""
        self.running = False
        os.kill(self.pid, signal.SIGKILL)
        self._server._process.wait(END_DEADLINE)

    def stop(self):
        """Ends it and asserts that it ended well. Nothing, if it does not run."""
        if self.running:
            self.running = False
            self._server.stop()


class EtcdNode:
    """The same of a real etcd. It has no end that is worth a look."""

    def __init__(self, directory, *arguments):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self._etcd = Etcd(directory / "etcd", *arguments)
        self.port = self._etcd.client_port

    @property
    def pid(self):
        return self._etcd.pid

    def start(self):
        self._etcd.start()

    def assert_alive(self):
        assert self._etcd.is_alive(), self.log()

    def log(self):
        return self._etcd.log()

    def kill(self):
        self._etcd.stop()

    stop = kill


def start_node_under_test(directory, *arguments, **options):
    """`arguments` and `options` are those of larderd; a real etcd has none of them."""
    if kind_under_test() == "etcd":
        return EtcdNode(directory)
    if kind_under_test() == "near":
        from nearcluster import NearNode
        return NearNode(directory, *arguments, **options)
    return LarderNode(directory, *arguments, **options)
