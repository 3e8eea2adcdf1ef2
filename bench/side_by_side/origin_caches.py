# SPDX-License-Identifier: Apache-2.0
"""What stands in front of an origin: the origin itself as a program that is started, and the rivals that keep its answers."""
import json
import pathlib
import sys
import types

from side_by_side import golang, origin
from side_by_side.process import BenchError, Process, fetch, free_port
from side_by_side.rivals import Nginx, need

NGINX_CACHE = "nginx's proxy_cache"
VARNISH = "Varnish"
GROUPCACHE = "groupcache"
RIVAL_BYTES = 1 << 30
VARNISH_SPARE_THREADS = 14  # it keeps some back for its own tasks
# All that it says of a hit.
VARNISH_UNLOGGED = ("Begin", "End", "Timestamp", "ReqStart", "ReqMethod", "ReqURL", "ReqProtocol", "ReqHeader", "ReqUnset",
                    "ReqAcct", "VCL_call", "VCL_return", "VCL_use", "Hit", "RespProtocol", "RespStatus", "RespReason",
                    "RespHeader", "RespUnset", "Filters", "SessOpen", "SessClose", "Link")

NGINX_CACHE_HTTP = """
    proxy_cache_path {directory}/cache levels=1:2 keys_zone=c:64m max_size=1g inactive=1d use_temp_path=off;
    upstream origin {{ server {origin}; keepalive 16; }}
"""
NGINX_CACHE_SERVER = """
        location / {
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_cache c;
        }
"""
VARNISH_VCL = 'vcl 4.1; backend default {{ .host = "{host}"; .port = "{port}"; }}\n'


class Origin(Process):
    """side_by_side/origin.py, on the processor of the load: what it takes is not the servers' own."""

    kind = "origin"

    def __init__(self, place, delay_ms, size):
        super().__init__(place, pinned=False)
        self.port = free_port()
        self.start(["taskset", "-c", place.load_cpu, sys.executable, pathlib.Path(origin.__file__), self.port, delay_ms, size])

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ready(self):
        return fetch(f"http://{self.address}{origin.COUNTS}") is not None

    def counts(self):
        """How often it was asked for each target."""
        told = fetch(f"http://{self.address}{origin.COUNTS}")
        if told is None:
            raise BenchError(f"the origin does not answer: {self.said()}")
        return json.loads(told)


class NginxCache(Nginx):
    """One nginx process with a proxy_cache, which is in the page cache; it keeps the files open."""

    kind = NGINX_CACHE

    def __init__(self, place, behind):
        super().__init__(place, None, True, http=NGINX_CACHE_HTTP.replace("{origin}", behind.address),
                         server=NGINX_CACHE_SERVER)

    @property
    def processes(self):
        return [self]


class Varnish(Process):
    """varnishd with its storage in memory; no more threads than it needs for so many connections, since it wants one for
    each that is in use. Its log in shared memory is left out, as nginx's is."""

    kind = VARNISH

    def __init__(self, place, behind, connections):
        super().__init__(place)
        self.port = free_port()
        host, port = behind.address.split(":")
        vcl = self.directory / "origin.vcl"
        vcl.write_text(VARNISH_VCL.format(host=host, port=port))
        threads = connections + VARNISH_SPARE_THREADS
        masked = ",".join(f"-{tag}" for tag in VARNISH_UNLOGGED)
        # Without a jail: the directory is ours, and a user of its own could not read it.
        self.start([need("varnishd", "varnish"), "-F", "-j", "none", "-T", "none", "-a", self.address, "-f", vcl,
                    "-n", self.directory / "varnish", "-s", f"malloc,{RIVAL_BYTES}", "-p", "thread_pools=1",
                    "-p", f"thread_pool_min={threads}", "-p", f"thread_pool_max={threads}", "-p", f"vsl_mask={masked}"])

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ready(self):
        return fetch(f"http://{self.address}/ready") is not None

    @property
    def processes(self):
        """The manager and the child that it has started, which does the work."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self, *(types.SimpleNamespace(pid=int(pid)) for pid in children)]


class GroupcachePeer(Process):
    """One of a pool of Go's groupcache, by HTTP: bench/groupcache_go."""

    kind = GROUPCACHE

    def __init__(self, place, port, pool, behind):
        super().__init__(place)
        self.port = port
        self.start([golang.built(place, "groupcache_go", "golang-github-golang-groupcache-dev"), "-listen", self.address,
                    "-pool", ",".join(f"http://{address}" for address in pool), "-origin", f"http://{behind.address}",
                    "-cache-bytes", RIVAL_BYTES])

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ready(self):
        return fetch(f"http://{self.address}/ready") is not None
