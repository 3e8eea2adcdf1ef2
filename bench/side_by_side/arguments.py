# SPDX-License-Identifier: Apache-2.0
"""What bench/run and bench/replay take on the command line alike."""
import os
import pathlib
import signal
import sys

from side_by_side.process import BenchError
from side_by_side.server import Place, find_memcached

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "BENCHMARKS.md"


def add_place(parser):
    parser.add_argument("--larderd", type=pathlib.Path, default=ROOT / "build" / "larderd", metavar="PATH",
                        help="the daemon (build/larderd)")
    parser.add_argument("--larder", type=pathlib.Path, default=ROOT / "build" / "larder", metavar="PATH",
                        help="the tool that makes the load (build/larder)")
    parser.add_argument("--memcached", default=find_memcached(), metavar="PATH", help="the rival (%(default)s)")
    parser.add_argument("--server-cpu", type=int, metavar="N", help="the processor for the servers (the first)")
    parser.add_argument("--load-cpu", type=int, metavar="N", help="the processor for the load (the second)")

    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "build" / "bench-data", metavar="DIRECTORY",
                        help="where servers that keep data do so, on a real disk (build/bench-data)")


def add_output(parser):
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the result to FILE")
    parser.add_argument("--from", dest="source", type=pathlib.Path, metavar="FILE",
                        help="measure nothing, take the result that --json wrote to FILE")
    parser.add_argument("--markdown", type=pathlib.Path, nargs="?", const=DOCUMENT, metavar="FILE",
                        help="write the result into its section of FILE (docs/BENCHMARKS.md)")


def make_place(given):
    """Raises BenchError if a program or a second processor is missing."""
    for program in (given.larderd, given.larder, given.memcached):
        if not os.access(program, os.X_OK):
            raise BenchError(f"there is no {program}; `make` builds Larder, `scripts/setup bench` installs memcached")
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise BenchError("server and load need a processor each, and there is only one")
    server_cpu = cpus[0] if given.server_cpu is None else given.server_cpu
    load_cpu = next(cpu for cpu in cpus[1:] if cpu != server_cpu) if given.load_cpu is None else given.load_cpu
    if not {server_cpu, load_cpu} <= set(cpus) or server_cpu == load_cpu:
        raise BenchError(f"server and load need different processors out of {cpus}")
    return Place(given.larderd.resolve(), given.larder.resolve(), given.memcached, server_cpu, load_cpu,
                 given.data.resolve())


def guard(run, name):
    """Runs run() and returns the exit code; servers are ended also when this program is."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run()
    except BenchError as error:
        print(f"\n{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
