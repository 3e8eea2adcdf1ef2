# SPDX-License-Identifier: Apache-2.0
"""Rows about traces of the node: what it costs a server that 1 of 100 requests is told to a collector."""
from side_by_side.library_rows import COLLECTOR_SERVER
from side_by_side.load import compare_runs, larder_bench, timed
from side_by_side.rivals import Nginx
from side_by_side.rows import CONNECTIONS, HTTP_KEYS, KEY_SIZE, VALUE_SIZE
from side_by_side.server import LARDERD, Server

RATIO_SAMPLED = "0.01"


def load(row, place, tick, server, *options):
    run, = larder_bench(place, tick, server.address, "--keys", HTTP_KEYS, "--key-size", KEY_SIZE, "--value-size", VALUE_SIZE,
                        "--connections", CONNECTIONS, "--server-pid", server.pid, *row.load, *options)["runs"]
    return run


def measure_sampled(row, place, settings, tick):
    """The rival is the same daemon that has no collector."""
    own, other = [], []
    with Nginx(place, None, False, server=COLLECTOR_SERVER) as collector:
        told_of = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                   "OTEL_TRACES_SAMPLER_ARG": RATIO_SAMPLED}
        with Server(place, LARDERD, environment=told_of) as traced, Server(place, LARDERD) as plain:
            for server in (traced, plain):
                load(row, place, tick, server, "--prefill", "--requests", HTTP_KEYS, "--warmup", 0)
            for _ in range(settings.rounds):
                for server, runs in ((traced, own), (plain, other)):
                    runs.append(load(row, place, tick, server, *timed(settings)))
    return compare_runs(row, own, other)


MEASURES = {"traced": measure_sampled}
