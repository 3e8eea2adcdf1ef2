# SPDX-License-Identifier: Apache-2.0
"""A node in front of a cluster whose reads come out of its memory, and what it says of itself."""
import urllib.request

from clusternode import DEADLINE, ClusterNode
from etcdclient import Client, answer_to
from etcdproto import message
from server import wait_until

RANGE, PUT, DELETE, TXN, OP, COMPARE = (message(name) for name in (
    "RangeRequest", "PutRequest", "DeleteRangeRequest", "TxnRequest", "RequestOp", "Compare"))
# Three store groups: what was read is kept, everything is, nothing is.
GROUPS = """
[group "config"]
backing = store
prefix = larder/

[group "mirror"]
backing = store
mirror = yes

[group "apart"]
backing = store
near = no

[group "mem"]
"""
# Nothing is compared in the background, so that what is asked of the cluster can be counted.
QUIET = ["--audit-pause", "0"]
FALLBACKS = "larder_near_fallbacks_total"


class NearNode(ClusterNode):
    def __init__(self, directory, cluster, extra=QUIET, config=GROUPS, **options):
        super().__init__(directory, cluster, extra=extra, config=config, **options)
        self._client = None

    def wait_watching(self):
        self.wait_metric("larder_near_watching", lambda value: value == 1)

    def wait_mirrored(self):
        self.wait_metric('larder_near_mirrors{state="loading"}', lambda value: value == 0)

    @property
    def client(self):
        if self._client is None:
            self._client = Client(self.port)
        return self._client

    def stop(self):
        if self.stopped:
            return
        if self._client is not None:
            self._client.close()
            self._client = None
        super().stop()

    # --- etcd's API ---

    def range(self, key, **fields):
        """The values by key, as of now unless the fields say something else."""
        return {kv.key: kv.value for kv in self.client.do(RANGE(key=key, **fields)).kvs}

    def write(self, key, value):
        """Returns the revision."""
        return self.client.do(PUT(key=key, value=value)).header.revision

    def delete(self, key, range_end=b""):
        return self.client.do(DELETE(key=key, range_end=range_end)).deleted

    def all_at_once(self, requests):
        calls = [self.client.start(request) for request in requests]
        return [answer_to(call) for call in calls]

    # --- what it says of itself ---

    def near(self):
        """Rounds, reads from memory, and reads that the cluster was asked for, since the start."""
        metrics = self.metrics()
        return {
            "rounds": metrics['larder_near_rounds_total{result="ok"}'],
            "round_reads": metrics["larder_near_round_reads_total"],
            "memory": metrics["larder_near_memory_reads_total"],
            "flights": metrics["larder_near_flights_total"],
            "fallbacks": sum(value for series, value in metrics.items() if series.startswith(FALLBACKS + "{")),
        }

    def changes(self, before):
        return {name: value - before[name] for name, value in self.near().items()}

    def fallbacks(self, reason):
        return self.metrics()[f'{FALLBACKS}{{reason="{reason}"}}']

    def watched(self):
        """(what is watched, how it is proven)."""
        labels, = [series for series in self.metrics() if series.startswith("larder_near_watch_info{")]
        fields = dict(pair.split("=") for pair in labels[labels.index("{") + 1:-1].split(","))
        return fields["watch"].strip('"'), fields["proof"].strip('"')

    def wait_watched(self, watch, proof):
        wait_until(lambda: self.watched() == (watch, proof), DEADLINE, lambda: f"{self.watched()}; {self.stderr()}")
        self.wait_watching()


def member_metric(cluster, name):
    """Of all members together."""
    total = 0
    for place in cluster.members:
        with urllib.request.urlopen(cluster.url(place) + "/metrics", timeout=DEADLINE) as answer:
            lines = answer.read().decode().splitlines()
        total += sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))
    return total


def ranges_asked(cluster):
    return member_metric(cluster, 'grpc_server_handled_total{grpc_code="OK",grpc_method="Range"')


def txns_asked(cluster):
    return member_metric(cluster, 'grpc_server_handled_total{grpc_code="OK",grpc_method="Txn"')
