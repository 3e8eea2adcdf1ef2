# SPDX-License-Identifier: Apache-2.0
"""A cluster of etcd on this machine, whose leader can be killed and started again."""
import contextlib
import json
import time
import urllib.request

from side_by_side.process import BenchError, Process, free_port
from side_by_side.rivals import ETCD, is_healthy, need

SIZE = 3
LEADER_SECONDS = 20


class Member(Process):
    """One etcd of a cluster, with its own defaults; `data` and the ports outlive it."""

    kind = ETCD

    def __init__(self, place, name, data, client_url, peer_url, cluster, pinned):
        super().__init__(place, pinned)
        self.client_url = client_url
        self.start([need("etcd", "etcd-server"), "--name", name, "--data-dir", data, "--listen-client-urls", client_url,
                    "--advertise-client-urls", client_url, "--listen-peer-urls", peer_url,
                    "--initial-advertise-peer-urls", peer_url, "--initial-cluster", cluster, "--log-level", "error"])

    def ready(self):
        return is_healthy(self.client_url)

    def kill(self):
        self._process.kill()
        self._process.wait()


def status(url):
    """A member's own Status; None: it does not answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url + "/v3/maintenance/status", b"{}", timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


class Cluster:
    """Three members with their data in directories of `data`; use it with `with`. `pinned`: all on the servers' processor."""

    def __init__(self, place, data, pinned=False):
        self._place = place
        self._pinned = pinned
        self._data = data
        self._stack = contextlib.ExitStack()
        urls = [[f"http://127.0.0.1:{free_port()}" for _ in range(2)] for _ in range(SIZE)]
        self._names = {f"m{number}": pair for number, pair in enumerate(urls)}
        self._cluster = ",".join(f"{name}={peer}" for name, (_, peer) in self._names.items())
        self.members = {}

    def _start(self, name):
        client, peer = self._names[name]
        self.members[name] = Member(self._place, name, self._data / name, client, peer, self._cluster,
                                    self._pinned)
        self._stack.push(self.members[name].__exit__)

    def __enter__(self):
        try:
            for name in self._names:
                self._start(name)
            for member in self.members.values():
                member.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def leader(self):
        """Its name."""
        end = time.monotonic() + LEADER_SECONDS
        while time.monotonic() < end:
            for name, member in self.members.items():
                said = status(member.client_url)
                if said and said["leader"] == said["header"]["member_id"]:
                    return name
            time.sleep(0.05)
        raise BenchError(f"the cluster has no leader after {LEADER_SECONDS} s")

    def kill(self, name):
        """kill -9."""
        self.members[name].kill()

    def restart(self, name):
        """Starts it again on what it had; does not wait."""
        self._start(name)

    def endpoints(self, first):
        """All members' addresses, that one's first."""
        names = [first, *[name for name in self._names if name != first]]
        return ",".join(self._names[name][0].removeprefix("http://") for name in names)
