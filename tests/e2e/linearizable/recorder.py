# SPDX-License-Identifier: Apache-2.0
"""A watch of everything. At the members, past all cuts, it is what the cluster itself says has happened; at a node it
must be the same. When it ends, or says nothing for a while, it goes on behind the last revision, at the next of its
addresses."""
import threading
import time

import grpc

from etcdproto import message, path_of, types_of
from revisions import Change

MEMBER_SILENT_S = 1.5
CALL_S = 2
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]


class Compacted(AssertionError):
    """The nemesis has compacted what was not recorded yet."""


def _by_revision(change):
    return change.revision


class Recorder(threading.Thread):
    """`names`: the prefix of each group; keys get their names on a node. `revision`: everything up to it is in
    `changes`, but for `gaps`: [(first, last)] revisions, both included, that were compacted while it was away; None:
    that is an error."""

    def __init__(self, addresses, names, gaps=None):
        super().__init__(name="recorder", daemon=True)
        self.gaps = gaps
        self._addresses = list(addresses)
        self._names = names
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._next = 0
        self.changes = []
        self.revision = 0
        self.error = None
        self.moves = 0

    def run(self):
        while not self._over.is_set():
            address = self._addresses[self._next % len(self._addresses)]
            self._next += 1
            try:
                self._follow(address)
            except grpc.RpcError:
                self._over.wait(0.05)
            except Exception as error:  # whoever waits is told
                self.error = error
                return
            self.moves += 1

    def _follow(self, address):
        request, response = types_of("Watch", "Watch")
        with grpc.insecure_channel("%s:%d" % address, OPTIONS) as channel:
            stub = channel.stream_stream(path_of("Watch", "Watch"), request.SerializeToString, response.FromString)
            asked = threading.Event()
            wish = {"key": b"\0", "range_end": b"\0", "start_revision": self.revision + 1}

            def requests():
                yield message("WatchRequest")(create_request=wish)
                asked.wait()
            call = stub(requests(), metadata=[("hasleader", "true")])
            heard = [time.monotonic()]
            dog = threading.Thread(target=self._watch_over, args=(call, heard, asked), daemon=True)
            dog.start()
            try:
                for answer in call:
                    heard[0] = time.monotonic()
                    if answer.compact_revision:
                        self._skip(answer.compact_revision)
                        return
                    if answer.canceled:
                        return
                    self._take(answer.events)
            finally:
                asked.set()
                call.cancel()
                dog.join()

    def _skip(self, compacted):
        if self.gaps is None:
            raise Compacted(f"{compacted} is compacted, {self.revision} is recorded")
        if compacted > self.revision + 1:
            with self._lock:
                self.gaps.append((self.revision + 1, compacted - 1))
                self.revision = compacted - 1

    def _watch_over(self, call, heard, over):
        while not over.wait(0.2):
            if self._over.is_set() or time.monotonic() - heard[0] > MEMBER_SILENT_S:
                call.cancel()
                return

    def _take(self, events):
        with self._lock:
            # A revision comes whole in one answer.
            for event in [event for event in events if event.kv.mod_revision > self.revision]:
                value = None if event.type else event.kv.value.decode("latin-1")
                self.changes.append(Change(event.kv.mod_revision, self._key_of(event.kv.key.decode("latin-1")), value))
            if events:
                self.revision = max(self.revision, events[-1].kv.mod_revision)

    def _key_of(self, key):
        for group, prefix in self._names.items():
            if key.startswith(prefix):
                return f"{group}/{key[len(prefix):]}"
        return "/" + key

    def compactable(self, revision):
        """The highest at or below it that is recorded and deletes nothing: a deletion at the very revision up to which is
        compacted is lost to watches that begin there (etcd issue 19179, test_compacted_deletion.py). None: there is none."""
        with self._lock:
            deleting = {change.revision for change in self.changes if change.value is None}
            return max((change.revision for change in self.changes
                        if change.revision <= revision and change.revision not in deleting), default=None)

    def take(self, last=None):
        """What was recorded, up to a revision; it begins anew behind it."""
        with self._lock:
            taken = [change for change in self.changes if last is None or change.revision <= last]
            self.changes = self.changes[len(taken):]
            return taken

    def differences(self, changes, last):
        """How what it was told, up to a revision, differs from all changes there were; takes it. In a few words for
        each."""
        told = self.take(last)
        if any(one.revision > other.revision for one, other in zip(told, told[1:])):
            return ["it went back"]
        with self._lock:
            gaps = list(self.gaps)
        expected = [change for change in changes
                    if not any(first <= change.revision <= last_of_gap for first, last_of_gap in gaps)]
        missing, odd = set(expected) - set(told), set(told) - set(expected)
        twice = ["something was told twice"] if len(set(told)) != len(told) else []
        return [f"not told: {change}" for change in sorted(missing, key=_by_revision)] + \
               [f"told, and never happened: {change}" for change in sorted(odd, key=_by_revision)] + twice

    def wait(self, revision, seconds):
        """Until it has recorded that revision."""
        end = time.monotonic() + seconds
        while self.revision < revision:
            if self.error:
                raise self.error
            assert time.monotonic() < end, f"revision {revision} was not recorded within {seconds} s: {self.revision}"
            time.sleep(0.01)

    def stop(self):
        self._over.set()
        self.join(10)
