# SPDX-License-Identifier: Apache-2.0
"""A snapshot that etcdctl has saved, put back with `larder restore`: the same keys, revisions, history and leases, in a
cluster of another name. With E2E_SERVER=etcd it is etcdctl that restores, and etcd that starts on it."""
import os
import pathlib
import shutil
import subprocess
import threading

import pytest

from etcdclient import Client, Refusal, Stream
from etcdnode import EtcdNode, LarderNode, start_node_under_test
from etcdproto import message
from grpcform import without_ids
from server import REPOSITORY, kind_under_test

pytestmark = pytest.mark.larder("memcached has no snapshots")

DEADLINE = 60
WHOLE = {"key": b"\0", "range_end": b"\0"}
TTL = 10**6
KEEP_ALL = ("--store-history", "0")


def larder_path():
    return pathlib.Path(os.environ.get("LARDER", REPOSITORY / "build" / "larder")).resolve()


def run(*command):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LARDER_", "ETCDCTL_"))}
    return subprocess.run([str(word) for word in command], env={**clean, "ETCDCTL_API": "3"}, capture_output=True, text=True,
                          timeout=DEADLINE)


def save(node, file):
    etcdctl = shutil.which("etcdctl")
    assert etcdctl, "there is no etcdctl; scripts/setup test installs Debian's etcd-client"
    done = run(etcdctl, "--endpoints", f"127.0.0.1:{node.port}", "snapshot", "save", file)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_size > 0


def restore(file, place):
    """Where a node that is to be started in `place` has its data. Returns what the program said."""
    if kind_under_test() == "etcd":
        place.mkdir(parents=True, exist_ok=True)
        peer = "http://127.0.0.1:2380"
        return run("etcdctl", "snapshot", "restore", file, "--data-dir", place / "etcd", "--name", "test",
                   "--initial-cluster", f"test={peer}", "--initial-advertise-peer-urls", peer)
    return run(larder_path(), "restore", file, "--data-dir", place / "data")


def start_again(place):
    return EtcdNode(place) if kind_under_test() == "etcd" else LarderNode(place, *KEEP_ALL)


def fill(client):
    """Keys with a history, leases, a compaction. Returns the revision up to which was compacted."""
    for lease in (7, 8):
        client.do(message("LeaseGrantRequest")(ID=lease, TTL=TTL))
    for number in range(60):
        key = b"key/%d" % (number % 20)
        client.do(message("PutRequest")(key=key, value=b"%d/" % number + b"v" * number * 100, lease=7 * (number % 3 == 0)))
        if number % 7 == 0:
            client.do(message("DeleteRangeRequest")(key=key))
    ops = [{"request_put": {"key": b"both/%d" % number, "value": b"", "lease": 8}} for number in range(2)]
    compacted = client.do(message("TxnRequest")(success=ops)).header.revision - 30
    client.do(message("CompactionRequest")(revision=compacted, physical=True))
    client.do(message("PutRequest")(key=b"\xff\x00binary", value=bytes(range(256))))
    return compacted


def range_at(client, revision):
    return without_ids(client.do(message("RangeRequest")(**WHOLE, revision=revision)))


def watch_from(client, revision, newest):
    """The events up to `newest`, or the revision up to which was compacted."""
    stream = Stream(client, "Watch", "Watch")
    try:
        stream.send(message("WatchRequest")(create_request={**WHOLE, "start_revision": revision, "prev_kv": True}))
        assert stream.read().created
        events = []
        while not events or events[-1].kv.mod_revision < newest:
            answer = stream.read()
            if answer.canceled:
                return answer.compact_revision
            events += answer.events
        return events
    finally:
        stream.close()


def everything(client, compacted, newest):
    """All that can be asked for, up to the revision `newest`."""
    leases = sorted(lease.ID for lease in client.do(message("LeaseLeasesRequest")()).leases)
    held = {lease: client.do(message("LeaseTimeToLiveRequest")(ID=lease, keys=True)) for lease in leases}
    return {
        "ranges": [list(range_at(client, revision).kvs) for revision in range(compacted, newest + 1)],
        "too old": client.ask(message("RangeRequest")(**WHOLE, revision=compacted - 1)),
        "events": watch_from(client, compacted + 1, newest),
        "events that are too old": watch_from(client, compacted - 5, newest),
        "leases": {lease: (answer.grantedTTL, sorted(answer.keys)) for lease, answer in held.items()},
    }


@pytest.fixture
def saved(tmp_path):
    """A node, what it held when a snapshot of it was saved, and the file."""
    node = start_node_under_test(tmp_path / "first", *KEEP_ALL)
    file = tmp_path / "snapshot"
    try:
        with Client(node.port) as client:
            compacted = fill(client)
            newest = client.do(message("RangeRequest")(key=b"a")).header.revision
            held = everything(client, compacted, newest)
            save(node, file)
            yield node, client, file, compacted, newest, held
    finally:
        node.stop()


def test_a_restored_node_holds_the_same(tmp_path, saved):
    first, first_client, file, compacted, newest, held = saved
    assert held["too old"].code == "OUT_OF_RANGE" and held["events that are too old"] == compacted
    later = first_client.do(message("PutRequest")(key=b"later", value=b"not in the snapshot")).header
    done = restore(file, tmp_path / "second")
    assert done.returncode == 0, done.stderr
    second = start_again(tmp_path / "second")
    try:
        with Client(second.port) as client:
            whole = client.do(message("RangeRequest")(**WHOLE))
            assert whole.header.revision == newest
            assert whole.header.cluster_id != later.cluster_id and whole.header.cluster_id != 0
            assert everything(client, compacted, newest) == held
            put = client.do(message("PutRequest")(key=b"later", value=b"of the second"))
            assert put.header.revision == newest + 1
            revoked = client.do(message("LeaseRevokeRequest")(ID=8))
            assert revoked.header.revision == newest + 2
            gone = client.do(message("RangeRequest")(key=b"both/", range_end=b"both0"))
            assert gone.count == 0
        second.kill()
        second.start()
        with Client(second.port) as client:
            again = client.do(message("RangeRequest")(key=b"later"))
            assert again.header.revision == newest + 2 and again.kvs[0].value == b"of the second"
            assert again.header.cluster_id == whole.header.cluster_id
    finally:
        second.stop()
    assert first_client.do(message("RangeRequest")(key=b"later")).kvs[0].value == b"not in the snapshot"


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]


DAMAGE = {
    "empty": lambda data: b"",
    "only a beginning": lambda data: data[:100],
    "half": lambda data: data[:len(data) // 2],
    "the last byte is missing": lambda data: data[:-1],
    "the checksum is missing": lambda data: data[:-32],
    "a byte too many": lambda data: data + b"\0",
    "a bit in the first byte": lambda data: flipped(data, 0),
    "a bit in the middle": lambda data: flipped(data, len(data) // 2),
    "a bit in the checksum": lambda data: flipped(data, len(data) - 1),
    "something else": lambda data: b"no snapshot\n" * 1000,
}


def test_a_damaged_file_is_refused(tmp_path, saved):
    *_, file, _, _, _ = saved
    whole = file.read_bytes()
    for number, (name, damage) in enumerate(DAMAGE.items()):
        damaged = tmp_path / f"damaged{number}"
        damaged.write_bytes(damage(whole))
        place = tmp_path / f"place{number}"
        done = restore(damaged, place)
        assert done.returncode != 0 and done.stderr.strip(), f"{name}: {done.returncode} {done.stderr}"
        assert not (place / "data").exists() or not any((place / "data").iterdir()), f"{name}: it has left something there"


def test_what_is_there_is_not_overwritten(tmp_path, saved):
    first, client, file, *_ = saved
    client.do(message("PutRequest")(key=b"later", value=b"kept"))
    first.kill()
    done = restore(file, tmp_path / "first")
    assert done.returncode != 0 and done.stderr.strip()
    first.start()
    with Client(first.port) as again:
        assert again.do(message("RangeRequest")(key=b"later")).kvs[0].value == b"kept"


def test_no_such_file(tmp_path):
    done = restore(tmp_path / "missing", tmp_path / "place")
    assert done.returncode != 0 and "missing" in done.stderr


def test_a_snapshot_is_of_one_revision(tmp_path):
    """Two keys that always change together are alike in it, although they change all the time while it is saved."""
    node = start_node_under_test(tmp_path / "first", *KEEP_ALL)
    stop = threading.Event()
    failures = []

    def write():
        with Client(node.port) as client:
            number = 0
            while not stop.is_set():
                number += 1
                ops = [{"request_put": {"key": key, "value": b"%d" % number}} for key in (b"left", b"right")]
                answer = client.ask(message("TxnRequest")(success=ops))
                if isinstance(answer, Refusal):
                    failures.append(answer)
                    return

    writer = threading.Thread(target=write)
    try:
        with Client(node.port) as client:
            for number in range(200):  # so that it takes a moment
                client.do(message("PutRequest")(key=b"big/%d" % number, value=b"v" * 20_000))
        writer.start()
        files = [tmp_path / f"snapshot{number}" for number in range(3)]
        for file in files:
            save(node, file)
    finally:
        stop.set()
        writer.join(DEADLINE)
        node.stop()
    assert not failures
    revisions = []
    for number, file in enumerate(files):
        place = tmp_path / f"place{number}"
        done = restore(file, place)
        assert done.returncode == 0, done.stderr
        restored = start_again(place)
        try:
            with Client(restored.port) as client:
                pair = client.do(message("TxnRequest")(success=[
                    {"request_range": {"key": key}} for key in (b"left", b"right")]))
                left, right = (list(one.response_range.kvs) for one in pair.responses)
                assert [(kv.value, kv.mod_revision) for kv in left] == [(kv.value, kv.mod_revision) for kv in right]
                everything = client.do(message("RangeRequest")(**WHOLE))
                assert everything.header.revision >= max(kv.mod_revision for kv in everything.kvs)
                revisions.append(everything.header.revision)
        finally:
            restored.stop()
    assert revisions == sorted(revisions)
