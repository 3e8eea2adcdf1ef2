# SPDX-License-Identifier: Apache-2.0
"""The rows of the comparison: what is measured, and what is asked of it."""
import dataclasses

from side_by_side.rivals import ETCD, ETCD_GO, ETCD_PROXY, NGINX
from side_by_side.server import MEMCACHED

RATIO = "ratio"  # larderd's figure divided by the rival's
VALUE = "value"  # larderd's figure itself

GET = ("--mix", "1:0")
SET = ("--mix", "0:1")
CONNECTIONS = 50
KEYS = 100_000
KEY_SIZE = 10
VALUE_SIZE = 64
ITEMS = 1_000_000
IDLE_CONNECTIONS = 10_000
DURABLE_VALUE_SIZE = 256
HTTP_KEYS = 1000
HTTP_VALUE_SIZE = 1024
MEMORY_GROUP = "memory group"
OWNER = "the owner"
OWNERS = "keys of their own"
ONE_NODE = "one node"
OTHER_CACHES = "the better of nginx's proxy_cache and Varnish"  # a result names it
GROUPCACHE = "groupcache"
LIBMEMCACHED = "libmemcached"
UNTOLD = "the same, told to nobody"
SERIALIZABLE = ("--consistency", "s")
LINEARIZABLE = ("--consistency", "l")


@dataclasses.dataclass(frozen=True)
class Row:
    """`limit` is what is asked of the figure, in `unit` where it is judged by VALUE: the largest that is good enough,
    or with `more` the smallest; with `strictly` it has to be better. `load` are the options of `larder bench` where the
    row is a load; `in_flight` is the number of requests that wait for their answers at a time, as connections and
    requests on each."""
    number: int
    what: str
    kind: str
    limit: float
    unit: str
    rival: str = MEMCACHED
    judged: str = RATIO
    more: bool = False
    strictly: bool = False
    load: tuple = ()
    in_flight: tuple = ()


ROWS = (
    Row(1, "GET hit, 64-byte value, 50 connections, no pipelining", "load", 0.93, "us CPU/request", load=GET),
    Row(2, "GET hit, one get per request, 32 pipelined", "load", 0.09, "us CPU/request",
        load=(*GET, "--pipeline", "32")),
    Row(3, "GET hit, one get of 32 keys", "load", 0.8, "us CPU/request", load=(*GET, "--keys-per-get", "32")),
    Row(4, "SET, no pipelining", "load", 0.94, "us CPU/request", load=SET),
    Row(5, "SET, 32 pipelined", "load", 0.55, "us CPU/request", load=(*SET, "--pipeline", "32")),
    Row(6, "memory per item, 1,000,000 items, 10-byte keys, 64-byte values", "items", 1.0, "bytes/item"),
    Row(7, "resident memory of an idle node, default options", "idle", 16.0, "MiB", judged=VALUE),
    Row(8, "10,000 idle connections served, resident growth of each", "connections", 4096.0, "bytes/connection",
        judged=VALUE, strictly=True),
    Row(9, "durable put, 256-byte value, 1,000 in flight, etcd on 100 connections", "durable", 3.0, "puts/s", ETCD, more=True,
        in_flight=(100, 10)),
    Row(10, "the same, on 1,000 connections on both sides", "durable", 3.0, "puts/s", ETCD, more=True,
        in_flight=(1000, 1)),
    Row(11, "durable put, 256-byte value, 1 in flight", "durable", 1.2, "puts/s", ETCD, more=True, in_flight=(1, 1)),
    Row(12, "cached GET of a store group, 64-byte value, 50 connections", "cached", 1.1, "us CPU/request",
        MEMORY_GROUP, load=GET),
    Row(13, "start with 1,000,000 durable keys, 10-byte keys, 64-byte values", "start", 3.0, "s", None, judged=VALUE,
        strictly=True),
    Row(14, "HTTP GET hit, 1 KiB, 50 connections", "http", 0.8, "us CPU/request", NGINX, load=GET),
    Row(15, "gRPC Range, 256-byte value, serializable, 100 connections of 10", "range", 0.1, "us CPU/request", ETCD,
        load=SERIALIZABLE, in_flight=(100, 10)),
    Row(16, "the same, linearizable", "range", 0.1, "us CPU/request", ETCD, load=LINEARIZABLE, in_flight=(100, 10)),
    Row(17, "the same as 15, against the proxy with its cache", "range", 0.1, "us CPU/request", ETCD_PROXY,
        load=SERIALIZABLE, in_flight=(100, 10)),
    Row(18, "gRPC Put, durable, 256-byte value, 1,000 in flight", "put", 3.0, "puts/s", ETCD, more=True,
        in_flight=(100, 10)),
    Row(19, "gRPC Put, durable, 256-byte value, 1 in flight", "put", 1.2, "puts/s", ETCD, more=True, in_flight=(1, 1)),
    Row(20, "gRPC Range, 256-byte value, linearizable, 1 in flight", "range", 3.0, "requests/s", ETCD, more=True,
        load=LINEARIZABLE, in_flight=(1, 1)),
    Row(21, "gRPC Watch, 10 connections of 100 watchers, 100 puts a second", "watch", 0.1, "us CPU/event", ETCD,
        in_flight=(10, 100)),
    Row(22, "100,000 idle watchers, 100,000 keys, 100 streams, growth of each", "watchers", 512.0, "bytes/watcher",
        ETCD, judged=VALUE),
    Row(23, "anonymous memory after gRPC puts of 100,000 keys, 256-byte values", "keys", 0.333, "MiB", ETCD,
        in_flight=(100, 10)),
    Row(24, "client of a cluster: put, 256-byte value, 1 in flight, the client's own CPU", "client", 0.5,
        "us CPU/request", ETCD_GO, load=("put",)),
    Row(25, "the same, linearizable Range", "client", 0.5, "us CPU/request", ETCD_GO, load=("range",)),
    Row(26, "put through a node whose store are three etcds, 256-byte value, 1 in flight, median latency", "through", 1.25, "us",
        ETCD),
    Row(27, "fail-over after SIGKILL of the member in use, the longest of 10", "failover", 500.0, "ms", None,
        judged=VALUE),
    Row(28, "cached GET of a store group in front of three etcds, 64-byte value, 50 connections", "near-cached", 1.1,
        "us CPU/request", MEMORY_GROUP, load=GET),
    Row(29, "linearizable Range through a node in front of three etcds, 1,000 in flight, node and members together", "near-range",
        0.1, "us CPU/request", ETCD, load=LINEARIZABLE, in_flight=(100, 10)),
    Row(30, "the same, the rate", "near-range", 8.0, "requests/s", ETCD, more=True, load=LINEARIZABLE, in_flight=(100, 10)),
    Row(31, "the same, 1 in flight, median latency", "near-range", 1.4, "us", ETCD, load=LINEARIZABLE, in_flight=(1, 1)),
    Row(32, "gRPC Put through a node in front of three etcds, 256-byte value, 1,000 in flight", "near-put", 1.5, "puts/s", ETCD,
        more=True, in_flight=(100, 10)),
    Row(33, "gRPC Watch through it, 10 connections of 100 watchers, 100 puts a second, node and members together", "near-watch",
        0.1, "us CPU/event", ETCD, in_flight=(10, 100)),
    Row(34, "the same, against the proxy and the members together", "near-watch", 0.1, "us CPU/event", ETCD_PROXY,
        in_flight=(10, 100)),
    Row(35, "a put answered by one node, seen by a cached reader on another, 99 of 100", "near-seen", 5.0, "ms", None,
        judged=VALUE, strictly=True),
    Row(36, "memory for each of 1,000,000 mirrored keys, 10-byte keys, 64-byte values", "near-mirror", 1.4, "bytes/key",
        MEMORY_GROUP),
    Row(37, "`larder simulate` through a node in front of three etcds, 100 operations in flight", "near-simulate", 1.6,
        "operations/s", ETCD, more=True, in_flight=(100,)),
    Row(38, "GET by a node of three that does not own the key, 1 in flight, median latency", "ring-way", 2.2, "us", OWNER,
        in_flight=(1, 1)),
    Row(39, "the same, 1,000 in flight, both nodes together", "ring-way", 2.5, "us CPU/request", OWNER, in_flight=(50, 20)),
    Row(40, "one get of 100 keys by a node of three, median latency", "ring-many", 1.6, "us", ONE_NODE),
    Row(41, "the fullest of 10 nodes, 10,000,000 keys, against the mean", "ring-fullest", 1.05, "of the mean", None, judged=VALUE),
    Row(42, "keys that move when a node comes or goes, against its share", "ring-moved", 1.1, "of its share", None,
        judged=VALUE),
    Row(43, "a node killed with SIGKILL is out of every ring, the longest of 3", "ring-death", 5.0, "s", None, judged=VALUE),
    Row(44, "1,000 clients of three nodes ask for one cold key of an origin that takes 200 ms, the slowest answer",
        "origin-cold", 260.0, "ms", None, judged=VALUE),
    Row(45, "GET hit of an origin group by HTTP, 10 KiB, 50 connections", "origin-hit", 0.8, "us CPU/request", OTHER_CACHES),
    Row(46, "GET by HTTP over three nodes, 10 KiB, 10,000 keys by Zipf(1.0), the nodes together", "origin-zipf", 0.333,
        "us CPU/request", GROUPCACHE),
    Row(47, "one hot key of an origin, asked for at three nodes, the nodes together", "origin-hot", 1.1, "us CPU/request",
        OWNERS),
    Row(48, "loads of a key that follow when its node is killed with SIGKILL, the most", "origin-death", 1.0, "loads", None,
        judged=VALUE),
    Row(49, "liblarder's get on one connection, 64-byte value, the program's own CPU", "library-get", 0.9, "us CPU/call",
        LIBMEMCACHED),
    Row(50, "liblarder's get of 100 keys from four servers, elapsed", "library-many", 0.8, "us/call", LIBMEMCACHED),
    Row(51, "a hit of the near cache in the process, 8-byte keys, 64-byte values, elapsed", "library-near", 100.0, "ns", None,
        judged=VALUE),
    Row(52, "liblarder's get with every call told to a collector, the program's own CPU", "library-traced", 1.25, "us CPU/call",
        UNTOLD),
    Row(53, "GET hit by HTTP, 64-byte value, 50 connections, 1 of 100 requests told to a collector", "traced", 1.02,
        "us CPU/request", UNTOLD, load=("--protocol", "http", *GET)),
    Row(54, "the same by memcached", "traced", 1.02, "us CPU/request", UNTOLD, load=GET),
    Row(55, "the same by memcached, 32 pipelined", "traced", 1.02, "us CPU/request", UNTOLD, load=(*GET, "--pipeline", "32")),
)


def is_met(row, figure):
    good = figure >= row.limit if row.more else figure <= row.limit
    return good and not (row.strictly and figure == row.limit)


def limit_text(row):
    """The limit in words, for tables."""
    unit = "" if row.judged == RATIO else " " + row.unit.split("/")[0]
    if row.more:
        return f"{row.limit:g}{unit} or more"
    return f"{'under' if row.strictly else 'up to'} {row.limit:g}{unit}"
