# SPDX-License-Identifier: Apache-2.0
"""A real etcd cluster of three members whose members can be killed and started again."""
import json
import time
import urllib.request

from side_by_side.process import BenchError, Process, free_port
from side_by_side.rivals import ETCD, is_healthy, need

SIZE = 3
HEALTHY_SECONDS = 30


class Member(Process):
    """One of them; `cluster` is what etcd is told of all."""

    kind = ETCD

    def __init__(self, place, data, name, peer, cluster):
        super().__init__(place)
        self.port = free_port()
        client_url, peer_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peer}"
        self._command = [need("etcd", "etcd-server"), "--name", name, "--data-dir", data / name,
                         "--listen-client-urls", client_url, "--advertise-client-urls", client_url,
                         "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
                         "--initial-cluster", cluster, "--log-level", "error"]
        self.start(self._command)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def ready(self):
        return is_healthy(self.url)

    def start_again(self):
        self.start(self._command)

    def signal(self, number):
        self._process.send_signal(number)
        self._process.wait()

    def status(self):
        request = urllib.request.Request(self.url + "/v3/maintenance/status", b"{}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)

    def leads(self):
        status = self.status()
        return status.get("leader") == status["header"]["member_id"]


class Members:
    """The cluster, whole; use it with `with`."""

    def __init__(self, place, data):
        names, peers = [f"m{number}" for number in range(SIZE)], [free_port() for _ in range(SIZE)]
        cluster = ",".join(f"{name}=http://127.0.0.1:{peer}" for name, peer in zip(names, peers))
        self.all = []
        try:
            for name, peer in zip(names, peers):
                self.all.append(Member(place, data, name, peer, cluster))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for member in self.all:
            member.__exit__()

    def _wait(self):
        for member in self.all:
            member.wait_until_ready(HEALTHY_SECONDS)

    def follower(self):
        """One that does not lead, of a cluster that has a leader."""
        leading = [member.leads() for member in self.all]
        if leading.count(True) != 1:
            raise BenchError("the cluster has no leader, or two")
        return self.all[(leading.index(True) + 1) % SIZE]

    def revive(self, member):
        """Starts one that was killed, and waits until it has caught up."""
        member.start_again()
        self._wait()
        behind = time.monotonic() + HEALTHY_SECONDS
        while len({int(each.status()["header"]["revision"]) for each in self.all}) > 1:
            if time.monotonic() > behind:
                raise BenchError(f"the member at {member.address} does not catch up")
            time.sleep(0.05)
