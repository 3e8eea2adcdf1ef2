# SPDX-License-Identifier: Apache-2.0
"""Puts to etcd by gRPC, made by h2load."""
import re
import struct

from side_by_side.process import BenchError, run_ticking
from side_by_side.rivals import need


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def frame(*fields):
    """A gRPC frame (flag, length) with a message whose fields 1, 2, ... are these bytes."""
    message = b"".join(bytes([number << 3 | 2]) + varint(len(data)) + data for number, data in enumerate(fields, 1))
    return b"\0" + struct.pack(">I", len(message)) + message


def put_body(key, value):
    """etcdserverpb.PutRequest: key, value."""
    return frame(key, value)


def range_body(key):
    """etcdserverpb.RangeRequest of one key, linearizable."""
    return frame(key)


def percentile(sorted_numbers, share):
    return sorted_numbers[min(len(sorted_numbers) - 1, int(share * len(sorted_numbers)))]


def latencies(path):
    """Microseconds of each request in h2load's log."""
    with open(path, encoding="ascii") as log:
        return sorted(int(line.split("\t")[2]) for line in log)


def puts(place, server, key, value_size, connections, streams, settings, tick):
    """Puts one key over and over; requests a second and latencies in microseconds."""
    body, log = server.directory / "put", server.directory / "log"
    body.write_bytes(put_body(key, b"v" * value_size))
    log.unlink(missing_ok=True)
    command = ["taskset", "-c", str(place.load_cpu), need("h2load", "nghttp2-client"), "-D", f"{settings.time_ms}ms",
               f"--warm-up-time={settings.warmup_ms}ms", "-c", str(connections), "-m", str(streams), "-t", "1",
               "-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers",
               f"--log-file={log}", server.url + "/etcdserverpb.KV/Put"]
    returncode, out, said = run_ticking(command, tick)
    done = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out.decode())
    if returncode != 0 or done is None or any(int(bad) for bad in done.groups()[1:]):
        raise BenchError(f"h2load failed: {out.decode()} {said.decode()}")
    times = latencies(log)
    return {"requests": int(done[1]), "rate": int(done[1]) / (settings.time_ms / 1000),
            "p50": percentile(times, 0.5), "p99": percentile(times, 0.99)}
