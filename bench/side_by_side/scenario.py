# SPDX-License-Identifier: Apache-2.0
"""Runs of `larder simulate`."""
import json

from side_by_side.etcd_cluster import Cluster
from side_by_side.process import BenchError, run_ticking
from side_by_side.rivals import DataDirectory


def command(place, given, *words):
    return [str(place.larder), "simulate", "--iterations", str(given.iterations), "--seed", str(given.seed), "--quiet",
            "--json", *map(str, words)]


def take_report(returncode, out, said):
    if returncode != 0:
        raise BenchError(f"larder simulate failed: {(said or out).decode('utf-8', 'replace').strip()}")
    return json.loads(out)


def simulate_on(place, given, endpoints, clients, tick, *more):
    return take_report(*run_ticking(command(place, given, "--endpoints", endpoints, "--clients", clients, *more), tick))


def simulate(place, given, clients, tick):
    with DataDirectory(place) as data, Cluster(place, data) as cluster:
        return simulate_on(place, given, cluster.endpoints(cluster.leader()), clients, tick)
