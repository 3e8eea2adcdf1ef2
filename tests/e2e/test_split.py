# SPDX-License-Identifier: Apache-2.0
"""Input in pieces: wherever a transcript of every command is cut, the replies are the same bytes."""
import pytest

from normalise import Normaliser
from wire import BARRIER, BARRIER_REPLY, Connection

BINARY = b"\0\r\nEND\r\nget k\r\nset k 0 0 1\r\n\x80\xff\r\n"
TRANSCRIPT = b"".join([
    b"flush_all\r\n",
    b"set k 5 0 %d\r\n%s\r\n" % (len(BINARY), BINARY), b"get k\r\n", b"gets k none k\r\n",
    b"set k 1 0 0\r\n\r\n", b"add k 0 0 2\r\n\r\n\r\n", b"add n 0 0 2\r\n\r\n\r\n", b"replace n 3 0 3\r\n\r\n\n\r\n",
    b"append n 0 0 2\r\nab\r\n", b"prepend n 0 0 2\r\ncd\r\n", b"cas n 0 0 1 1\r\nx\r\n",
    b"cas none 0 0 1 1\r\nx\r\n", b"get n k\r\n",
    b"set c 0 0 1 noreply\r\n9\r\n", b"incr c 1\r\n", b"decr c 5\r\n", b"incr c x\r\n", b"incr n 1\r\n",
    b"decr none 1\r\n",
    b"touch c 1000000\r\n", b"gat 0 c\r\n", b"gats 0 c\r\n", b"touch none 0 noreply\r\n",
    b"set c 0 0 3\r\nabcdefg\r\n", b"set c 0 0 x\r\n", b"bogus line\r\n", b"set toofew 0 0\r\n",
    b"delete none\r\n",
    b"get c\n", b"  \r\n",
    b"ms m 4 k O1 F3\r\n\r\n\r\n\r\n", b"mg m v f k O2\r\n", b"ms AAE= 2 b k\r\n\r\n\r\n", b"mg AAE= b k v\r\n",
    b"ms m 2 Q\r\nmd\r\n", b"ms m 2 ME q\r\nno\r\n", b"ms m 2 q\r\nok\r\n", b"mg none q\r\n", b"mg none k q v\r\n",
    b"mg v N0 s v\r\n",
    b"mg v\r\n", b"md m I\r\n", b"mg m v\r\n", b"mg m v s\r\n", b"md m q\r\n", b"md m q k\r\n", b"ma v\r\n",
    b"ma z N0 J9 v k\r\n",
    b"ma z MD D5 v\r\n", b"mg z O" + b"x" * 40 + b"\r\n", b"me none\r\n",
    b"verbosity 0\r\n", b"version\r\n", b"delete c\r\n", b"delete k noreply\r\n", b"get k n c z\r\n",
    b"flush_all noreply\r\n",
    b"get n z\r\n",
])


class Wire:
    """Knows when the server has read all that was sent: the kernel's receive queue of its end is empty then."""

    def __init__(self, connection, server):
        _, port = connection.socket.getsockname()
        self._local = f":{server.port:04X} "
        self._remote = f":{port:04X} "

    def is_read(self):
        with open("/proc/net/tcp") as table:
            for line in table:
                fields = line.split()
                if fields[1].endswith(self._local[:-1]) and fields[2].endswith(self._remote[:-1]):
                    return fields[4].endswith(":00000000")
        raise AssertionError("the connection is gone")

    def wait(self):
        for _ in range(1_000_000):
            if self.is_read():
                return
        raise AssertionError("the server does not read")


@pytest.fixture(scope="module")
def unsplit(server):
    """The replies to the transcript in one piece."""
    with Connection(server) as connection:
        reply = connection.ask(TRANSCRIPT)
    for part in (b"VALUE k 5 %d\r\n%s\r\n" % (len(BINARY), BINARY), b"\r\nERROR\r\n", b"bad data chunk",
        b"invalid flag", b" X W", b"TOUCHED"):
        assert part in reply
    assert reply.endswith(b"END\r\n")
    return Normaliser()(reply)


def test_in_two_pieces_at_every_byte(server, unsplit):
    with Connection(server) as connection:
        wire = Wire(connection, server)
        for cut in range(1, len(TRANSCRIPT)):
            connection.send(TRANSCRIPT[:cut])
            wire.wait()
            reply = connection.ask(TRANSCRIPT[cut:])
            around = f"cut at {cut}: ...{TRANSCRIPT[max(0, cut - 20):cut]!r} | {TRANSCRIPT[cut:cut + 20]!r}..."
            assert Normaliser()(reply) == unsplit, around


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_in_many_small_pieces(server, unsplit, size):
    data = TRANSCRIPT + BARRIER
    with Connection(server) as connection:
        wire = Wire(connection, server)
        for position in range(0, len(data), size):
            connection.send(data[position:position + size])
            wire.wait()
        assert Normaliser()(connection.read_to_barrier()) == unsplit


def test_a_large_value_in_pieces(server):
    size = 1_000_000
    block = bytes(number % 251 for number in range(size))
    data = b"set big 0 0 %d\r\n" % size + block + b"\r\nget big\r\n"
    with Connection(server) as connection:
        for start, step in ((0, 65_521), (1, 333_331), (7, 16_384)):
            connection.send(data[:start])
            for position in range(start, len(data), step):
                connection.send(data[position:position + step])
            assert connection.ask(b"") == b"STORED\r\nVALUE big 0 %d\r\n" % size + block + b"\r\nEND\r\n"


def test_many_transcripts_in_one_piece(server, unsplit):
    """Pipelined as one write, the next transcript never mixes with the one before."""
    with Connection(server) as connection:
        connection.send((TRANSCRIPT + BARRIER) * 50)
        reply = connection.read_barriers(50)
    parts = reply.split(BARRIER_REPLY)
    assert parts.pop() == b""
    for number, part in enumerate(parts):
        assert Normaliser()(part) == unsplit, f"transcript {number}"
