# SPDX-License-Identifier: Apache-2.0
"""Measures the row about HTTP: larderd's memory against nginx's static files."""
import pathlib
import tempfile

from side_by_side.load import compare_runs, larder_bench, timed
from side_by_side.rivals import Nginx
from side_by_side.rows import CONNECTIONS, HTTP_KEYS, HTTP_VALUE_SIZE, KEY_SIZE
from side_by_side.server import LARDERD, Server


def write_files(root):
    for number in range(HTTP_KEYS):
        (root / f"{number:0{KEY_SIZE}}").write_bytes(b"v" * HTTP_VALUE_SIZE)
    (root / "ready").write_bytes(b"ready")


def load(row, place, tick, server, *options):
    run, = larder_bench(place, tick, server.address, "--protocol", "http", "--keys", HTTP_KEYS, "--key-size", KEY_SIZE,
                        "--value-size", HTTP_VALUE_SIZE, "--connections", CONNECTIONS, "--server-pid", server.pid,
                        *row.load, *options)["runs"]
    return run


def measure_http(row, place, settings, tick):
    own, other, cached = [], [], []
    with tempfile.TemporaryDirectory(prefix="larder-bench-") as made:
        root = pathlib.Path(made)
        root.chmod(0o755)
        write_files(root)
        with Server(place, LARDERD) as larderd, Nginx(place, root, False) as nginx, Nginx(place, root, True) as tuned:
            load(row, place, tick, larderd, "--prefill", "--requests", HTTP_KEYS, "--warmup", 0)
            for _ in range(settings.rounds):
                for server, runs in ((larderd, own), (nginx, other), (tuned, cached)):
                    runs.append(load(row, place, tick, server, *timed(settings)))
    result = compare_runs(row, own, other)
    result["tuned"] = compare_runs(row, own, cached)
    return result
