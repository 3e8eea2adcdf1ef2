# SPDX-License-Identifier: Apache-2.0
"""Somebody who works on a server while another misbehaves, and what the server takes meanwhile."""
import pathlib
import threading
import urllib.request

from etcdclient import Client, Refusal
from etcdproto import message
from server import wait_until

DEADLINE = 60


def resident_anonymous(pid):
    """Bytes of memory that are not a file's."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no RssAnon")


def metric(port, name):
    """The value of a metric without labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=DEADLINE) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
    raise AssertionError(f"there is no metric {name}")


class Bystander:
    """Puts and gets, one after the other, on a connection of its own until the block ends, and looks at the server's memory
    after each. `most`: the most that it was."""

    def __init__(self, node):
        self.node = node
        self.done = 0
        self.most = 0
        self.failure = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        self.await_progress()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join()
        if kind is None:
            assert self.failure is None, f"the other client was disturbed: {self.failure}"

    def _run(self):
        try:
            with Client(self.node.port) as client:
                while not self._stop.is_set():
                    self._work(client)
                    self.done += 1
                    self.most = max(self.most, resident_anonymous(self.node.pid))
        except Exception as error:  # told at the end
            self.failure = repr(error)

    def _work(self, client):
        value = b"%d" % self.done
        put = client.ask(message("PutRequest")(key=b"bystander", value=value), DEADLINE)
        assert not isinstance(put, Refusal), put
        got = client.ask(message("RangeRequest")(key=b"bystander"), DEADLINE)
        assert not isinstance(got, Refusal), got
        assert got.kvs[0].value == value and got.header.revision >= put.header.revision

    def await_progress(self, count=20):
        """It gets on with its work."""
        goal = self.done + count
        wait_until(lambda: self.done >= goal or self.failure, DEADLINE, "the other client gets on")
        assert self.failure is None, f"the other client was disturbed: {self.failure}"
