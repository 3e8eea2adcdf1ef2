# SPDX-License-Identifier: Apache-2.0
"""larderd whose store is a real etcd of one member."""
import pathlib

from etcd import Etcd
from server import Server, wait_until

READY_DEADLINE = 30


def start_before(etcd_port, directory, config, *arguments, **options):
    """A larderd in front of what listens on that port, if anything does."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "conf").write_text(config)
    return Server(directory, kind="larder", extra=["--config", str(directory / "conf"), "--store",
                                                   f"etcd://127.0.0.1:{etcd_port}", *arguments], **options)


def await_ready(server, ask):
    wait_until(lambda: ask(server, "GET", "/readyz").status == 200, READY_DEADLINE,
               lambda: f"the node is ready: {ask(server, 'GET', '/readyz').body}")


class StoreNode:
    """Both, from the beginning ready; to the tests of etcd's API it is an etcd."""

    def __init__(self, directory, config, ask, *arguments, **options):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.etcd = Etcd(directory / "etcd")
        self.server = start_before(self.etcd.client_port, directory / "node", config, *arguments, **options)
        await_ready(self.server, ask)

    @property
    def port(self):
        return self.server.port

    @property
    def pid(self):
        return self.server.pid

    def assert_alive(self):
        self.server.assert_alive()

    def stop(self):
        self.server.stop()
        self.etcd.stop()
