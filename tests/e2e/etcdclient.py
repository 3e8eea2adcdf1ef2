# SPDX-License-Identifier: Apache-2.0
"""A client of etcd's gRPC API: any request message in, the answer or the error out, as they came."""
import queue
from dataclasses import dataclass

import grpc

from etcdproto import UNARY, path_of, types_of
from reader import Reader

DEADLINE = 60
# Each channel a connection of its own; no limit of ours hides one of the server's.
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1),
           ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True)
class Refusal:
    """The error that a call ended with."""

    code: str
    text: str


class Client:
    """One connection. `metadata`: what goes along with all requests, such as [("token", "...")]."""

    def __init__(self, port, options=()):
        self.metadata = []
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", [*OPTIONS, *options])
        self._calls = {}
        for service, methods in UNARY.items():
            for method in methods:
                request, response = types_of(service, method)
                self._calls[request.DESCRIPTOR.name] = self.channel.unary_unary(
                    path_of(service, method), request.SerializeToString, response.FromString)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.channel.close()

    def start(self, request, timeout=DEADLINE):
        """Sends a request; which call it is follows from its type. answer_to() gives what came."""
        return self._calls[request.DESCRIPTOR.name].future(request, timeout=timeout, metadata=self.metadata)

    def ask(self, request, timeout=DEADLINE):
        """The response, or a Refusal."""
        return answer_to(self.start(request, timeout))

    def do(self, request, timeout=DEADLINE):
        """The response. An error fails the test."""
        answer = self.ask(request, timeout)
        assert not isinstance(answer, Refusal), f"{request.DESCRIPTOR.name}: {answer}"
        return answer


def answer_to(call):
    try:
        return call.result()
    except grpc.RpcError as error:
        return Refusal(error.code().name, error.details())


class Stream:
    """A call that takes or gives many messages: a watch, or keeping leases alive. `refusal`: what it ended with."""

    def __init__(self, client, service, method):
        request, response = types_of(service, method)
        self._requests = queue.SimpleQueue()
        self.refusal = None
        call = client.channel.stream_stream(path_of(service, method), request.SerializeToString, response.FromString)
        self._call = call(iter(self._requests.get, None), metadata=client.metadata)
        self._reader = Reader(self._receive)

    def _receive(self):
        try:
            return next(self._call, None)
        except grpc.RpcError as error:
            self.refusal = Refusal(error.code().name, error.details())
            return None

    def send(self, request):
        self._requests.put(request)

    def read(self, deadline=DEADLINE):
        """The next message. reader.Ended, TimeoutError."""
        return self._reader.take(deadline)

    def read_all(self, deadline=DEADLINE):
        """What comes until the end."""
        return self._reader.take_all(deadline)

    def finish(self):
        """We send no more; what the server still says can be read."""
        self._requests.put(None)

    def close(self):
        self.finish()
        self._call.cancel()
        self._reader.join()
