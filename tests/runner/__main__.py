# SPDX-License-Identifier: Apache-2.0
"""Runs the tests step by step, counts them, and closes with one line."""

import argparse
import functools
import shutil
import signal
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import builds
import process
import steps
from results import FAILED, PASSED, SKIPPED, Case, summary

FUZZ_RUNS = 20000
FUZZ_SECONDS = 10
FUZZ_SECONDS_ALL = 120

PARTS = {
    "layers": "the layer check, and the tests of the checks themselves",
    "unit": "unit tests, optimised; without PART only if everything is asked for, as asan and tsan have them too",
    "mutations": "the coherence machine and the ring broken on purpose: each of their rules is needed",
    "e2e": "end-to-end tests with stock clients, on the release build",
    "store": "the store against a real etcd, crashes, damage, full disks",
    "fuzz": "every parser against made-up input, for a bounded time",
    "asan": "unit, end-to-end and store tests under ASan and UBSan",
    "tsan": "unit tests with threads, end-to-end and store tests under TSan",
}


def arguments():
    listing = "\n".join(f"  {name:11}{text}" for name, text in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="tests/run",
        description="Builds and tests; without PART, every part:\n" + listing,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="*", metavar="PART")
    parser.add_argument("--all", action="store_true", help="slow tests too, also under the sanitizers, and longer fuzzing")
    parser.add_argument("--fuzz-seconds", type=int, help="fuzz each parser this long, without a limit of inputs")
    options = parser.parse_args()
    for part in options.part:
        if part not in PARTS:
            parser.error(f"no part is called '{part}'")
    return options


def plan(options):
    """The steps as (title, name, needed step, function of the place for logs)."""
    parts = options.part or [part for part in PARTS if part != "unit" or options.all]
    release, asan, tsan = builds.release(), builds.asan(), builds.tsan()
    if options.fuzz_seconds:
        limits = (0, options.fuzz_seconds)
    else:
        limits = (0, FUZZ_SECONDS_ALL) if options.all else (FUZZ_RUNS, FUZZ_SECONDS)

    def add(wanted, title, name, needs, function, *rest):
        if any(part in parts for part in wanted):
            todo.append((title, name, needs, functools.partial(call, function, rest)))

    def call(function, rest, logs):
        return function(logs, *rest)

    todo = []
    add(["layers"], "layers", "layers", None, steps.layers)
    add(["unit"], "build, unit tests", "unit-build", None, steps.build, builds.unit())
    add(["unit"], "unit tests", "unit", "unit-build", steps.unit, builds.unit(), options.all)
    add(["mutations"], "mutations", "mutations", None, steps.mutations, options.all)
    for kind, name in ((release, "release"), (asan, "asan"), (tsan, "tsan")):
        store, e2e = ("store", "e2e") if kind is release else (name, name)
        needed = [store, e2e] + (["fuzz"] if kind is asan else [])
        add(needed, f"build, {kind.name}", f"{name}-build", None, steps.build, kind)
        if kind is not release:
            add([name], f"unit tests, {kind.name}", f"{name}-unit", f"{name}-build", steps.unit, kind, options.all)
        if kind is asan:
            add(["fuzz"], "fuzzers", "fuzz", "asan-build", steps.fuzz, kind, *limits)
        add([store], f"store tests, {kind.name}", f"{name}-store", f"{name}-build", steps.store, kind, options.all)
        add([e2e], f"end-to-end tests, {kind.name}", f"{name}-e2e", f"{name}-build", steps.e2e, kind, options.all)
    return todo


def show(case):
    print(f"    FAILED {case.name}", flush=True)
    print(textwrap.indent(case.detail, "      | "), flush=True)


class Ahead:
    """Each build is begun when the one before it is there: tests run meanwhile, and many of them wait most of the time."""

    def __init__(self, todo, logs):
        self.builds = [(name, function) for _, name, _, function in todo if name.endswith("-build")]
        self.logs = logs
        self.pool = ThreadPoolExecutor(1)
        self.begun = {}

    def take(self, name, function):
        """The results of a step."""
        if name not in (build for build, _ in self.builds):
            return function(self.logs / name)
        own = self.begun.pop(name, None) or self.pool.submit(function, self.logs / name)
        try:
            return own.result()
        finally:
            self.builds = [build for build in self.builds if build[0] != name]
            for later, make in self.builds[:1]:
                self.begun[later] = self.pool.submit(make, self.logs / later)


def run(todo, logs):
    cases = []
    broken = set()
    ahead = Ahead(todo, logs)
    for number, (title, name, needs, function) in enumerate(todo, 1):
        print(f"[{number}/{len(todo)}] {title}", flush=True)
        if needs in broken:
            print("    not run: its build is broken", flush=True)
            continue
        start = time.monotonic()
        try:
            results = ahead.take(name, function)
        except Exception as error:  # a step that breaks is a failure, never the end of the run
            results = [Case(title, FAILED, f"the step broke: {error!r}")]
        if any(case.status == FAILED for case in results):
            broken.add(name)
        for case in results:
            if case.status == FAILED:
                show(case)
            elif case.status == PASSED and case.detail:
                print(f"    {case.name}: {case.detail}", flush=True)
        for case in results:
            case.name = f"{case.name} [{title}]"
        cases += results
        print(f"    {summary(results)} ({time.monotonic() - start:.0f} s)", flush=True)
    return cases


def main():
    options = arguments()
    signal.signal(signal.SIGINT, process.end_all)
    signal.signal(signal.SIGTERM, process.end_all)
    logs = builds.ROOT / "build-tests"
    shutil.rmtree(logs, ignore_errors=True)
    start = time.monotonic()
    cases = run(plan(options), logs)
    print(f"\n{time.monotonic() - start:.0f} s in all; logs are in {logs.relative_to(builds.ROOT)}/")
    for case in cases:
        if case.status == SKIPPED:
            print(f"SKIPPED {case.name}: {case.detail}")
    for case in cases:
        if case.status == FAILED:
            print(f"FAILED {case.name}")
    print(summary(cases), flush=True)
    return 1 if any(case.status == FAILED for case in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
