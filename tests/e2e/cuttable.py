# SPDX-License-Identifier: Apache-2.0
"""TCP proxies that break as networks do: what passes between two ends can be held up in either direction, and a listener
can hang, reset, refuse, or answer garbage. They run on one thread of the test's process."""
import asyncio
import socket
import struct
import threading

DEADLINE = 20
BACKLOG = 128
GARBAGE = b"\xde\xad\xbe\xef, and not a word of what you speak\r\n" * 20

PASS, HANG, RESET, REFUSE, ANSWER_GARBAGE = "pass", "hang", "reset", "refuse", "garbage"


def _abort(transport):
    """Ends it with a reset, which no byte precedes."""
    own = transport.get_extra_info("socket")
    if own is not None and own.fileno() >= 0:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _End(asyncio.Protocol):
    """One of the two ends of a connection: what it reads is written to the other one."""

    def __init__(self, pair):
        self._pair = pair
        self.transport = None
        self.other = None
        self.held = False      # by a cut
        self.congested = False  # the other end takes no more

    def connection_made(self, transport):
        self.transport = transport
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pair.on_made(self)

    def data_received(self, data):
        self._pair.on_data(self, data)

    def pause_writing(self):
        self.other.congested = True
        self.other.apply()

    def resume_writing(self):
        self.other.congested = False
        self.other.apply()

    def connection_lost(self, _):
        self._pair.on_lost(self)

    def apply(self):
        if self.transport is None or self.transport.is_closing():
            return
        if self.held or self.congested:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()


# The path of etcd's Watch as it stands in the HEADERS of a request: as it is, and in HPACK's code (RFC 7541, appendix B).
WATCH_PATHS = b"/etcdserverpb.Watch/Watch", bytes.fromhex("60a924882d9dcb6571afc86924ec721a493f")


class _Pair:
    """A connection that a listener has accepted, and the one to its target that belongs to it. `watches`: a watch of etcd's has
    been asked for on it; a cut from or to "SOURCE watch" is meant for such ones alone."""

    def __init__(self, proxy):
        self.proxy = proxy
        self.near = _End(self)
        self.far = _End(self)
        self.near.other, self.far.other = self.far, self.near
        self.source = None
        self.watches = False
        self._connecting = None
        self._early = []  # what came before the target was reached

    def on_made(self, end):
        if end is self.near:
            self.proxy.pairs.add(self)
            self.source = self.proxy.name_source(end.transport.get_extra_info("peername"))
        else:
            self.far.transport.writelines(self._early)
        # Not now: asyncio begins to read after this, whatever was said before.
        asyncio.get_running_loop().call_soon(self.apply)

    def apply(self):
        """What the mode and the cuts of this moment want."""
        mode = self.proxy.mode
        if self.near.transport.is_closing():
            return None
        if mode in (RESET, REFUSE):
            return self.close(_abort)
        if mode == ANSWER_GARBAGE:
            self.near.held = False
            self.near.apply()
            self.near.transport.write(GARBAGE)
            return None
        self.near.held = mode == HANG or self._is_cut(lambda source: (source, self.proxy.name))
        self.far.held = mode == HANG or self._is_cut(lambda source: (self.proxy.name, source))
        if self._connecting is None:
            if self.near.held:  # nor does the handshake get through
                self.near.transport.pause_reading()
                return None
            self._connecting = asyncio.ensure_future(self._connect())
        if self.far.transport is None:
            self.near.transport.pause_reading()
            return None
        self.near.apply()
        self.far.apply()
        return None

    def _is_cut(self, way):
        names = [self.source] + [f"{self.source} watch"] * self.watches
        return any(self.proxy.network.is_cut(*way(name)) for name in names)

    async def _connect(self):
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.far, "127.0.0.1", self.proxy.target)
        except OSError:
            _abort(self.near.transport)

    def on_data(self, end, data):
        if end is self.near and not self.watches and any(path in data for path in WATCH_PATHS):
            self.watches = True
            self.apply()
        if self.proxy.mode == ANSWER_GARBAGE:
            self.near.transport.write(GARBAGE)
        elif end.other.transport is not None:
            end.other.transport.write(data)
        else:
            self._early.append(data)

    def on_lost(self, end):
        self.proxy.pairs.discard(self)
        if end.other.transport is not None:
            end.other.transport.close()
        elif self._connecting is not None:
            self._connecting.cancel()

    def close(self, how):
        for end in (self.near, self.far):
            if end.transport is not None:
                how(end.transport)


class Proxy:
    """Listens on `port` for what `target`, a port, is to get. `name` is what cuts call the target."""

    def __init__(self, network, name, port, target, name_source):
        self.network, self.name, self.port, self.target = network, name, port, target
        self.name_source = name_source
        self.mode = PASS
        self.pairs = set()
        self._listener = None

    async def listen(self):
        if self._listener is None:
            self._listener = await asyncio.get_running_loop().create_server(
                lambda: _Pair(self).near, "127.0.0.1", self.port, reuse_address=True, backlog=BACKLOG)

    async def close(self):
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for pair in list(self.pairs):
            pair.close(_abort)

    async def turn(self, mode):
        # What a connection has missed, or what garbage it was told, cannot be made good.
        if ANSWER_GARBAGE in (mode, self.mode) and mode != self.mode:
            for pair in list(self.pairs):
                pair.close(_abort)
        self.mode = mode
        if mode == REFUSE:
            await self.close()
        else:
            await self.listen()
        self.apply()

    def apply(self):
        for pair in list(self.pairs):
            pair.apply()


class Network:
    """The thread, its proxies, and what is cut."""

    def __init__(self):
        self.proxies = []
        self._cuts = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE)

    def proxy(self, name, port, target, name_source=lambda peer: None):
        """`name_source` names the end that has connected, by its address."""
        made = Proxy(self, name, port, target, name_source)
        self._run(made.listen())
        self.proxies.append(made)
        return made

    def turn(self, proxy, mode):
        """PASS, HANG (connections stand and nothing passes), RESET (so does whoever connects), REFUSE, ANSWER_GARBAGE."""
        self._run(proxy.turn(mode))

    def is_cut(self, source, target):
        return (source, target) in self._cuts

    def cut(self, pairs):
        """From now on nothing passes from the first of each pair to the second. It is not lost: it waits."""
        self._change(lambda: self._cuts.update(pairs))

    def heal(self, pairs):
        self._change(lambda: self._cuts.difference_update(pairs))

    def _change(self, change):
        async def run():
            change()
            for proxy in self.proxies:
                proxy.apply()
        self._run(run())

    def close(self):
        async def run():
            for proxy in self.proxies:
                await proxy.close()
            await asyncio.sleep(0)
            own = asyncio.current_task()
            for task in asyncio.all_tasks():
                if task is not own:
                    task.cancel()
        self._run(run())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()
