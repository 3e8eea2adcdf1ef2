# SPDX-License-Identifier: Apache-2.0
"""A node while members of its etcd cluster die, stop, are cut off, come and go."""
import threading

import pytest

from clusternode import DEADLINE, PREFIX
from server import wait_until
from wire import Connection

pytestmark = [pytest.mark.larder("it starts clusters of etcd itself"), pytest.mark.slow]

WRITERS = 4
LOST = 504  # the status of a write with an unknown outcome


class Load:
    """Writes and reads of keys that never come again, until it is left; each answer is kept."""

    def __init__(self, node):
        self._node = node
        self._over = threading.Event()
        self.written = {}  # key: status
        self.reads = []
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]
        self._threads.append(threading.Thread(target=self._read))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()

    def _write(self, number):
        count = 0
        while not self._over.is_set():
            key = f"load/{number}-{count}"
            self.written[key] = self._node.put(key, b"v").status
            count += 1

    def _read(self):
        while not self._over.is_set():
            self.reads.append(self._node.get("fixed").status)

    def wait_progress(self):
        """Until every thread has had some answers from now on."""
        before, reads = len(self.written), len(self.reads)
        wait_until(lambda: len(self.written) >= before + 5 * WRITERS and len(self.reads) >= reads + 5, DEADLINE,
                   lambda: f"the load goes on; {self._node.stderr()}")

    def assert_true(self, cluster, place):
        """All was done that was said to be, nothing that was said not to be, and reads never failed."""
        there = set(cluster.etcdctl(place)("get", f"{PREFIX}load/", "--prefix", "--keys-only").split())
        for key, status in self.written.items():
            assert status in (201, LOST), f"{key}: {status}"
            assert status == LOST or PREFIX + key in there, f"{key} was written, and is not there"
        assert set(self.reads) == {200}


@pytest.fixture
def cluster(start_cluster):
    return start_cluster()


@pytest.fixture
def node(cluster, start_cluster_node):
    made = start_cluster_node(cluster)
    made.wait_ready()
    assert made.put("fixed", b"x").status == 201
    return made


def left_within(node, cluster, what):
    """Breaks the member in use by what(place); it is left within its deadline, and the load does not notice but for lost
    answers. Returns its place."""
    with Load(node) as load:
        load.wait_progress()
        place = node.member_in_use(cluster)
        what(place)
        load.wait_progress()
        node.wait_left(cluster, place)
        load.wait_progress()
    others = [other for other in cluster.members if other != place]
    load.assert_true(cluster, others[0])
    node.wait_metric("larder_store_failovers_total", lambda count: count >= 1)
    return place


def test_the_member_in_use_is_killed(cluster, node):
    place = left_within(node, cluster, cluster.kill)
    cluster.restart(place)
    cluster.wait_same_revision()
    counts = [cluster.count_keys(each, PREFIX) for each in cluster.members]
    assert len(set(counts)) == 1


def test_the_member_in_use_is_stopped(cluster, node):
    left_within(node, cluster, cluster.suspend)


def test_the_member_in_use_is_cut_off_from_its_leader(cluster, node):
    """It answers still, but knows nothing new: reads must not come from it either."""
    left_within(node, cluster, cluster.cut)


def test_a_read_is_not_older_than_a_write_elsewhere(cluster, node):
    """One that is cut off has the old value, and is not believed."""
    place = node.member_in_use(cluster)
    cluster.cut(place)
    others = [other for other in cluster.members if other != place]
    cluster.wait_leader(*others)
    cluster.etcdctl(others[0])("put", f"{PREFIX}fixed", "newer")
    assert node.get("fixed").body == b"newer"


def test_members_come_and_go(cluster, start_cluster_node):
    """The node is told of one member, follows the cluster's list, and goes on when that one is gone."""
    node = start_cluster_node(cluster, store=cluster.store_url(0))
    node.wait_ready()
    assert node.put("fixed", b"x").status == 201

    def knows_all():
        said = node.cluster()
        known = {said[f"member:{place}:endpoint"] for place in range(int(said["members"]))}
        return known == {cluster.url(place) for place in cluster.members}

    wait_until(knows_all, DEADLINE, lambda: str(node.cluster()))
    cluster.add_member()
    gone = node.member_in_use(cluster)
    cluster.remove_member(gone)
    assert node.get("fixed").body == b"x"
    assert node.member_in_use(cluster) != gone
    wait_until(knows_all, DEADLINE, lambda: str(node.cluster()))
    assert node.put("more", b"y").status == 201


class Counter(threading.Thread):
    """Adds one to a counter through the node, again and again."""

    def __init__(self, node):
        super().__init__()
        self._node = node
        self.done = self.unknown = self.refused = 0
        self.odd = []
        self.over = threading.Event()

    def run(self):
        with Connection(self._node, deadline=DEADLINE) as connection:
            while not self.over.is_set():
                connection.send(b"incr config/counter 1\r\n")
                answer = connection.read_lines(1)
                if answer.strip().isdigit():
                    self.done += 1
                elif b"may have been done or not" in answer:
                    self.unknown += 1
                elif b"nothing was done" in answer:
                    self.refused += 1
                else:
                    self.odd.append(answer)


def count_while(node, cluster, breaks):
    """The counter ends between what was said to be done and that with all that may have been done."""
    assert node.put("counter", b"0").status == 201
    counters = [Counter(node) for _ in range(WRITERS)]
    for counter in counters:
        counter.start()

    def progress():
        before = sum(counter.done for counter in counters)
        wait_until(lambda: sum(counter.done for counter in counters) > before + 20, DEADLINE, "the counters go on")

    try:
        progress()
        for each in breaks:
            each()
            progress()
    finally:
        for counter in counters:
            counter.over.set()
            counter.join(DEADLINE)
    done, unknown = sum(counter.done for counter in counters), sum(counter.unknown for counter in counters)
    assert [counter.odd for counter in counters] == [[]] * WRITERS
    final = int(node.get("counter").body)
    assert done <= final <= done + unknown, (done, final, unknown)
    return unknown


def test_nothing_is_counted_twice(cluster, node):
    def kill():
        place = node.member_in_use(cluster)
        cluster.kill(place)
        cluster.wait_leader(*(other for other in cluster.members if other != place))
        cluster.restart(place)

    def stop():
        place = node.member_in_use(cluster)
        cluster.suspend(place)
        node.wait_left(cluster, place)
        cluster.resume(place)
        cluster.wait_healthy()

    unknown = count_while(node, cluster, [kill, stop, kill])
    node.wait_metric("larder_store_unknown_total", lambda count: count == unknown)


@pytest.mark.long
def test_nothing_is_counted_twice_for_long(cluster, node):
    def kill():
        place = node.member_in_use(cluster)
        cluster.kill(place)
        cluster.wait_leader(*(other for other in cluster.members if other != place))
        cluster.restart(place)

    def cut():
        place = node.member_in_use(cluster)
        cluster.cut(place)
        node.wait_left(cluster, place)
        cluster.heal(place)
        cluster.wait_healthy()

    count_while(node, cluster, [kill, cut] * 8)
