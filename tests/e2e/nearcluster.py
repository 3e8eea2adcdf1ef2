# SPDX-License-Identifier: Apache-2.0
"""A server of etcd's API that is larderd in front of an etcd cluster of three members (E2E_SERVER=near): it can be killed and
started again; the cluster lives on."""
import os
import pathlib
import shutil
import signal

from clusternode import GROUPS, ClusterNode
from etcdcluster import Cluster
from ports import free_port
from server import END_DEADLINE

# The tests' own members are not to be left for being slow on a busy machine.
PATIENCE = ["--store-timeout", "30s", "--store-attempt-timeout", "8s"]
# Of root, in the tests.
PASSWORD = "secret"


class NearNode:
    """Both, from the beginning ready. `arguments`: further ones of larderd. It shows itself as the one member, so that clients
    which ask who there is stay with it."""

    def __init__(self, directory, *arguments, shows_itself=True, **options):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.cluster = Cluster(self.directory / "cluster", arguments=["--bcrypt-cost", "4"])
        shown = ["--advertise-client-urls", f"http://127.0.0.1:{self.port}"] if shows_itself else []
        # Once a test has enabled authentication, this is who the node itself is.
        password = self.directory / "password"
        password.write_text(f"{PASSWORD}\n")
        user = ["--store-user", "root", "--store-password-file", str(password)]
        self._arguments = ["--listen", f"127.0.0.1:{self.port}", *user, *shown, *arguments]
        self._options = options
        self.running = False
        self.start()

    @property
    def server(self):
        return self._server

    @property
    def pid(self):
        return self._server.pid

    def start(self):
        (self.directory / "node" / "port").unlink(missing_ok=True)
        self._server = ClusterNode(self.directory / "node", self.cluster, config=GROUPS, times=PATIENCE,
                                   extra=self._arguments, kind="larder", **self._options)
        self._server.wait_ready()
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
        """Ends it and asserts that it ended well. Nothing, if it does not run. The cluster ends with it, and what it has on
        the disk goes: each member takes more than a hundred megabytes there."""
        try:
            if self.running:
                self.running = False
                self._server.stop()
        finally:
            self.cluster.stop()
            shutil.rmtree(self.cluster.directory, ignore_errors=True)
