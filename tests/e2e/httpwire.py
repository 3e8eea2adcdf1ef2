# SPDX-License-Identifier: Apache-2.0
"""HTTP as the tests speak it: http.client for whole exchanges, raw sockets for what a well-behaved client never sends."""
import contextlib
import http.client
import json
import pathlib
import re
import socket
import urllib.parse

from server import Server

GROUPS = '[group "config"]\nbacking = store\n\n[group "mem"]\n'
DEADLINE = 20


def start_node(directory, config=GROUPS, extra=(), **options):
    """A node with the store group "config" and the memory group "mem"; its data is in the directory."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "conf").write_text(config)
    return Server(directory, extra=["--config", str(directory / "conf"), "--data-dir", str(directory / "data"), *extra],
                  **options)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body)

    @property
    def tag(self):
        return self.headers["ETag"]

    @property
    def revision(self):
        return int(self.headers["X-Larder-Revision"])


def ask(server, method, target, body=None, headers=None, connection=None, **options):
    """One exchange; on `connection`, an http.client.HTTPConnection, if one is given."""
    if connection is not None:
        connection.request(method, target, body, headers or {}, **options)
        return Answer(connection.getresponse())
    with contextlib.closing(connect(server)) as own:
        own.request(method, target, body, headers or {}, **options)
        return Answer(own.getresponse())


def connect(server):
    return http.client.HTTPConnection(server.host, server.port, timeout=DEADLINE)


def raw_connect(server):
    raw = socket.create_connection((server.host, server.port), timeout=DEADLINE)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def path_of(key):
    """The path of a key that is any bytes."""
    return "/" + urllib.parse.quote_from_bytes(key, safe="/")


def read_until(raw, end):
    received = b""
    while end not in received:
        piece = raw.recv(65536)
        assert piece, f"closed after {received!r}"
        received += piece
    return received


def exchange(server, sent):
    """What comes back until the server closes."""
    with raw_connect(server) as raw:
        raw.sendall(sent)
        received = b""
        while piece := raw.recv(65536):
            received += piece
    return received


def statuses(received):
    """The status of each answer in a run of bytes whose bodies do not look like one."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
