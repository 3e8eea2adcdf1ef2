# SPDX-License-Identifier: Apache-2.0
"""Clients at nodes in front of a cluster, with everything going wrong that can: run.py, for as long as `make test` has
time.

That it would find something was tried with nodes that were broken on purpose, one run of 24 s with two nodes for each. Of
reads called linearizable that were answered from memory without a round there were 28,371 violations; of rounds whose
revision was not waited for 21,492; of own writes forgotten until their events came 19; of proofs taken for younger than they
are 29 (and none before some clients asked for nothing but what may be old: all others wait while a watch is held); of late
answers that made a copy over a newer event 7, and none in another run; of a watch that goes on two revisions too late 17.
Undisturbed, the runs found that etcd had not told a watch of a deletion, which could reach a node's memory too: see
test_compacted_deletion.py."""
import json
import pathlib
import subprocess

import pytest

pytestmark = pytest.mark.larder("it starts clusters of etcd itself")

RUN = pathlib.Path(__file__).with_name("run.py")
GRACE_S = 240  # to start, to mend the last faults, to judge


def run(directory, seconds, *words):
    """What it says. A violation fails the test, and is told with the operations that show it."""
    command = ["/usr/bin/python3", RUN, "--json", "--directory", directory, "--seconds", str(seconds), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said, complaints = process.communicate(timeout=seconds + GRACE_S)
    except subprocess.TimeoutExpired:
        process.terminate()  # it ends what it has started
        said, complaints = process.communicate(timeout=GRACE_S)
    finally:
        process.kill()
    assert said, complaints
    print(complaints)
    report = json.loads(said)
    assert report["violations"] == [], f"seed {report['seed']}\n" + "\n\n".join(report["violations"][:3])
    assert process.returncode == 0, complaints
    return report


def assert_meant_something(report, *faults):
    """Every protocol has read and written, and each of those faults was there."""
    for protocol in ("memcached", "http", "grpc"):
        for what in ("write", "cas", "delete", "linearizable read"):
            assert report["by"].get(f"{protocol} {what} ok", 0) > 10, f"{protocol} {what}: {report['by']}"
    missing = [fault for fault in faults if not report["faults"].get(fault)]
    assert not missing, f"{missing} were not tried: {report['faults']}"


MEMBER_FAULTS = ("kill member", "kill leader", "pause member", "pause leader", "cut leader", "cut member", "cut one way",
                 "compact", "defragment")
NODE_FAULTS = ("kill node", "pause node", "cut node from a member", "cut node", "hold watch")


@pytest.mark.slow
def test_two_nodes(tmp_path):
    """Each fault once, in an order that differs from run to run."""
    report = run(tmp_path, 24, "--nodes", "2", "--fault", "0.9", "--pause", "0.8", "--round", "24")
    assert_meant_something(report, *MEMBER_FAULTS, *NODE_FAULTS)


@pytest.mark.long
@pytest.mark.parametrize("words", [("--nodes", "2"), ("--nodes", "3"), ("--nodes", "2", "--relays"),
                                   ("--nodes", "2", "--node-option=--store-watch=groups")])
def test_for_long(tmp_path, words):
    report = run(tmp_path, 90, *words)
    assert_meant_something(report, *MEMBER_FAULTS, *NODE_FAULTS)
