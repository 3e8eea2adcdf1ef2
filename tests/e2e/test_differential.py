# SPDX-License-Identifier: Apache-2.0
"""The same random commands for memcached and for the server under test: the same replies, byte for byte.

A barrier follows each command, so that a difference is found where it is; the commands of a batch are one write.
"""
import itertools
import os

import pytest

from normalise import Normaliser
from server import Server
from streams import Stream
from wire import BARRIER, BARRIER_REPLY, Connection

SEEDS = [int(text) for text in os.environ.get("E2E_SEEDS", "1,2,3,4,5,6").split(",")]
COMMANDS = int(os.environ.get("E2E_COMMANDS", "3000"))
BATCHES = (1, 3, 20, 100)


def first_line(reply):
    return reply.split(b"\r\n")[0]


def status_left_out(reply):
    """A quiet success that 1.6.18 answers in spite of q, and later versions do not."""
    return b"" if reply.startswith((b"HD", b"VA")) else reply


# The differences that are wanted: what is compared instead of the whole reply, and why.
DIFFERENCES = {
    "refused block": (first_line,
    "1.6.18 takes the block of a refused set for command lines; newer versions and Larder consume it"),
    "quiet vivifying": (status_left_out,
    "1.6.18 answers a quiet ma that vivifies; the protocol's text, newer versions and Larder do not"),
}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A real memcached."""
    running = Server(tmp_path_factory.mktemp("memcached"), kind="memcached")
    yield running
    running.stop()


def report(seed, number, sent, expected, got):
    same = len(os.path.commonprefix([expected, got]))
    start = max(0, same - 60)
    return (f"seed {seed}, command {number}: {sent[-1][:400]!r}\nfrom byte {same} on\n"
            f"memcached {expected[start:same + 100]!r}\n"
            f"got       {got[start:same + 100]!r}\nsent before: {[line[:100] for line in sent[-9:-1]]}")


class Side:
    """One of the two servers, and what was learned from its replies."""

    def __init__(self, connection):
        self.connection = connection
        self.sent = []
        self.normalise = Normaliser()
        assert self.connection.ask(b"flush_all\r\n") == b"OK\r\n"

    def render(self, batch, is_above_one):
        self.sent = [command.render(self.normalise.last_cas, is_above_one) for command in batch]

    def replies(self, batch):
        self.connection.send(b"".join(line + BARRIER for line in self.sent))
        reply = self.connection.read_barriers(len(batch))
        parts = reply.split(BARRIER_REPLY)[:-1]
        return [self.normalise(part, command.key) for part, command in zip(parts, batch)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_replies(server, reference, seed):
    with Connection(reference) as one, Connection(server) as other:
        play(seed, Side(one), Side(other))


def play(seed, expected_side, side):
    def is_above_one(key):
        return all((each.normalise.last_cas(key) or 0) > 1 for each in (expected_side, side))

    stream = iter(Stream(seed))
    sizes = itertools.cycle(BATCHES)
    done = 0
    while done < COMMANDS:
        batch = list(itertools.islice(stream, next(sizes)))
        for each in (expected_side, side):
            each.render(batch, is_above_one)
        expected, got = expected_side.replies(batch), side.replies(batch)
        for position, command in enumerate(batch):
            compare = DIFFERENCES[command.difference][0] if command.difference else bytes
            if compare(got[position]) != compare(expected[position]):
                pytest.fail(report(seed, done + position, side.sent[:position + 1], expected[position], got[position]))
        assert len(got) == len(expected) == len(batch)
        done += len(batch)
    assert side.normalise.cas_order() == expected_side.normalise.cas_order()
