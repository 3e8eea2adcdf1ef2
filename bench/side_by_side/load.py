# SPDX-License-Identifier: Apache-2.0
"""Runs of `larder bench`, and what is made of their figures."""
import json
import statistics

from side_by_side.process import BenchError, run_ticking
from side_by_side.server import MEMCACHED


def larder_bench(place, tick, *options):
    """Runs `larder bench` and returns its JSON; calls tick() now and then meanwhile."""
    command = [str(place.larder), "bench", *map(str, options), "--pin", str(place.load_cpu), "--json", "--quiet"]
    returncode, out, said = run_ticking(command, tick)
    if returncode != 0:
        raise BenchError(f"larder bench failed: {(said or out).decode('utf-8', 'replace').strip()}")
    return json.loads(out)


def timed(settings):
    """The options for one turn."""
    return "--warmup", f"{settings.warmup_ms}ms", "--time", f"{settings.time_ms}ms"


def check_runs(row, runs):
    """A figure is only one if the server did what was asked."""
    for run in runs:
        if run["errors"] or run["wrong_sizes"] or run["misses"]:
            raise BenchError(f"row {row.number}: {run['errors']} errors ({run.get('first_error', '')}), "
                             f"{run['misses']} misses, {run['wrong_sizes']} values of a wrong size")


def spread(ratios):
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


def pair(own, other, unit):
    """Figures of larderd and its rival, round by round, and their ratios."""
    return {"unit": unit, "own": statistics.median(own), "other": statistics.median(other),
            "ratio": spread([a / b for a, b in zip(own, other)])}


def compare_runs(row, runs, rivals):
    """The result of a row that is about processor time."""
    check_runs(row, runs + rivals)

    def figures(take, unit):
        return pair([take(run) for run in runs], [take(run) for run in rivals], unit)

    latencies = {name: figures(lambda run, name=name: run["latency_us"][name], "us") for name in ("p50", "p99")}
    if row.rival == MEMCACHED:
        for latency in latencies.values():
            latency["met"] = latency["ratio"]["median"] <= 1
    return {**figures(lambda run: run["server_cpu_us_per_request"], row.unit), **latencies,
            "rate": figures(lambda run: run["requests_per_second"], "requests/s"),
            "load_cpu": figures(lambda run: run["client_cpu_us_per_request"], row.unit)}
