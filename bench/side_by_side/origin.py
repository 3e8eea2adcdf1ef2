# SPDX-License-Identifier: Apache-2.0
"""An origin: an HTTP service that takes its time, answers every target with as many bytes, and counts what it was asked.

As a program: origin.py PORT DELAY_MS SIZE. It answers GET with a body that may be kept for a day; GET /-/counts, which is not
counted, with how often each target was asked for, as JSON."""
import asyncio
import json
import sys

HEAD_MAX = 65536
COUNTS = "/-/counts"
KEPT_SECONDS = 86400


class Service:
    def __init__(self, delay, size):
        self.delay = delay
        self.body = b"v" * size
        self.counts = {}

    def answer(self, kind, body):
        return (f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: max-age={KEPT_SECONDS}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def ask(self, target):
        """(seconds to wait, the answer)"""
        if target == COUNTS:
            return 0, self.answer("application/json", json.dumps(self.counts).encode())
        self.counts[target] = self.counts.get(target, 0) + 1
        return self.delay, self.answer("image/png", self.body)


class Connection(asyncio.Protocol):
    def __init__(self, service):
        self.service = service
        self.rest = b""
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.rest += data
        while b"\r\n\r\n" in self.rest:
            head, _, self.rest = self.rest.partition(b"\r\n\r\n")
            words = head.split(b"\r\n")[0].decode("latin-1").split(" ")
            if words[0] != "GET" or len(words) != 3:
                self.transport.close()
                return
            self.answer(*self.service.ask(words[1]))
        if len(self.rest) > HEAD_MAX:
            self.transport.close()

    def answer(self, delay, whole):
        if delay:
            asyncio.get_running_loop().call_later(delay, self.transport.write, whole)
        else:
            self.transport.write(whole)


async def serve(port, delay, size):
    service = Service(delay, size)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(service), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000, int(sys.argv[3])))
