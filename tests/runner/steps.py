# SPDX-License-Identifier: Apache-2.0
"""The steps of a run. Each takes the place for its logs and returns its cases."""

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import builds
import process
from results import FAILED, PASSED, Case, how_it_ended, read_cmocka, read_pytest

PYTEST = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-o", "junit_family=xunit1"]
E2E_SECONDS = 900
STORE_SECONDS = 600
MUTATIONS_SECONDS = 900
FUZZ_SEED = "-seed=1"
STORE_SECONDS_ALL = 3600
E2E_SECONDS_ALL = 3600
# Of each test of tests/sim, which has one thread; without either, the tests' own numbers.
SIM_SEEDS_ALL = "200"
SIM_SEEDS_SANITIZER, SIM_SEEDS_SANITIZER_ALL = "1", "2"
# What of the store runs under TSan: where several threads are at work.
STORE_TSAN = ["tests/store/test_cluster.py", "tests/store/test_differential.py"]


def layers(logs):
    """The layer check, and the tests of the check and of this runner."""
    log = logs / "layers.log"
    returncode = process.run([sys.executable, "tests/layers/check.py"], log, 60, None, builds.ROOT)
    if returncode == 0:
        cases = [Case("layers", PASSED)]
    else:
        cases = [Case("layers", FAILED, process.read(log))]
    return cases + pytest(logs / "house", ["tests/layers", "tests/runner"], 120)


def mutations(logs, everything):
    """The coherence machine, the ring, hot copies and groups of origins with one fault at a time: their simulations have to
    turn red with each. They build by themselves. Unless everything is asked for, one fault for each rule will do."""
    place = fresh(logs)
    share_out = ["-n", str(builds.JOBS), "--basetemp", str(place / "built")]
    share_out += [] if everything else ["-m", "not long"]
    simulations = [f"tests/sim/{name}" for name in ("coherence", "ring", "copies", "origins")]
    return pytest(place, [*simulations, *share_out], MUTATIONS_SECONDS)


def build(logs, kind):
    log = logs / "build.log"
    if kind.make(log):
        return [Case(f"build {kind.name}", PASSED)]
    return [Case(f"build {kind.name}", FAILED, process.read(log))]


def starts_threads(program):
    """Whether anything that is linked into the program may: what has one thread has nothing to tell under TSan."""
    command = ["nm", "--dynamic", "--undefined-only", program]
    return "pthread_create" in subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def unit(logs, kind, everything):
    """Every unit test program of a build, one at a time more than there are processors, as some wait for leases to end;
    under TSan those with threads. The simulations take more seeds if everything is asked for, and fewer under a sanitizer."""
    listed = subprocess.run(
        ["meson", "introspect", "--tests", str(kind.directory)], stdout=subprocess.PIPE, check=True, text=True
    )
    programs = json.loads(listed.stdout)
    if kind.sanitizer == "tsan":
        programs = [test for test in programs if starts_threads(test["cmd"][0])]
    if not programs:
        return [Case(f"unit {kind.name}", FAILED, "no tests found")]
    seeds = {"SIM_SEEDS": SIM_SEEDS_ALL} if everything else {}
    if kind.sanitizer:
        seeds = {"SIM_SEEDS": SIM_SEEDS_SANITIZER_ALL if everything else SIM_SEEDS_SANITIZER}
    with ThreadPoolExecutor(builds.JOBS + 1) as pool:
        return sum(pool.map(lambda test: unit_program(logs, kind, test, seeds), programs), [])


def unit_program(logs, kind, test, seeds):
    name = test["name"]
    place = fresh(logs / name)
    # %g is the group: cmocka would put a second group of the same program into the same file, as a second document.
    env = {
        **kind.environment(place / "sanitizer"),
        **test["env"],
        **seeds,
        "CMOCKA_MESSAGE_OUTPUT": "xml",
        "CMOCKA_XML_FILE": str(place / "report-%g.xml"),
    }
    log = place / "output.log"
    returncode = process.run(kind.wrapper() + test["cmd"], log, test["timeout"] * kind.slowdown, env, test["workdir"])
    output = log.read_text(encoding="utf-8", errors="replace")
    cases = read_cmocka(sorted(place.glob("report-*.xml")), name, returncode, output)
    said = sanitizer_reports(place)
    if said and not any(case.status == FAILED for case in cases):
        cases.append(Case(name, FAILED))
    for case in cases:
        if case.status == FAILED:
            case.detail = "\n".join([case.detail, *said, process.read(log)]).strip()
    return cases


def share(kind):
    """Files of tests run beside each other: as many as there are processors, and twice that where they wait most of the time."""
    return ["-n", str(builds.JOBS * (1 if kind.sanitizer else 2)), "--dist", "loadfile"]


def e2e(logs, kind, everything):
    """The end-to-end tests against the programs of a build. Those marked slow run on the release build only, those marked
    dialogue not under TSan, those marked long not at all, unless everything is asked for. Any report of a sanitizer is a failure, also if no test noticed."""
    place = fresh(logs)
    env = {
        **kind.environment(place / "sanitizer"),
        "LARDERD": str(kind.directory / "larderd"),
        "LARDER": str(kind.directory / "larder"),
        **({"E2E_GRPC_SEEDS": "1", "E2E_GRPC_OPERATIONS": "2000" if everything else "1500"} if kind.sanitizer else {}),
        **({"E2E_GRPC_OPERATIONS": "50000"} if everything and not kind.sanitizer else {}),
    }
    without = [] if everything else ["long"] + ["slow"] * bool(kind.sanitizer)
    without += ["dialogue"] * (kind.sanitizer == "tsan" and not everything)
    select = ["-m", " and ".join(f"not {mark}" for mark in without)] if without else []
    seconds = (E2E_SECONDS_ALL if everything else E2E_SECONDS) * (2 if kind.sanitizer else 1)
    cases = pytest(place, ["tests/e2e", *share(kind), *select], seconds, env, kind.wrapper())
    return cases + [Case(f"sanitizer report {kind.name}", FAILED, said) for said in sanitizer_reports(place)]


def store(logs, kind, everything):
    """The tests of the store. Those marked slow run only if everything is asked for. Under a sanitizer less has to do, and
    nothing is preloaded."""
    place = fresh(logs)
    env = {
        **kind.environment(place / "sanitizer"),
        "STORE_DRIVER": str(kind.directory / "tests/store/store-driver"),
        **({"STORE_SEEDS": "1", "STORE_OPERATIONS": "3000"} if kind.sanitizer else {}),
    }
    without = ["slow"] * (not everything or bool(kind.sanitizer)) + ["shim"] * bool(kind.sanitizer)
    select = ["-m", " and ".join(f"not {mark}" for mark in without)] if without else []
    seconds = STORE_SECONDS_ALL if everything and not kind.sanitizer else STORE_SECONDS
    where = STORE_TSAN if kind.sanitizer == "tsan" else ["tests/store"]
    cases = pytest(place, [*where, *share(kind), *select], seconds, env, kind.wrapper())
    return cases + [Case(f"sanitizer report {kind.name}", FAILED, said) for said in sanitizer_reports(place)]


def fuzz(logs, kind, runs, seconds):
    """Each fuzzer for `runs` inputs or `seconds`, whatever ends first, after all its seeds. Those with a number of inputs always try
    the same ones, so that it is the sources that are judged, and not the day; those with a time alone look for new ones."""
    sources = sorted((builds.ROOT / "tests/fuzz").glob("fuzz_*.c"))
    if not sources:
        return [Case("fuzz", FAILED, "no fuzzers found")]
    with ThreadPoolExecutor(builds.JOBS) as pool:
        return list(pool.map(lambda source: fuzz_program(logs, kind, source, runs, seconds), sources))


def fuzz_program(logs, kind, source, runs, seconds):
    name = source.stem
    place = fresh(logs / name)
    found = kind.directory / "corpus" / name  # kept from run to run, so that the next one goes on from there
    found.mkdir(parents=True, exist_ok=True)
    seeds = source.parent / "corpus" / name.removeprefix("fuzz_")
    words = source.parent / (name.removeprefix("fuzz_") + ".dict")
    command = [
        kind.directory / "tests/fuzz" / name,
        f"-max_total_time={seconds}",
        *([f"-runs={runs}", FUZZ_SEED] if runs else []),
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        f"-artifact_prefix={place}/",
        *([f"-dict={words}"] if words.exists() else []),
        found,
        *([seeds] if seeds.is_dir() else []),
    ]
    env = kind.environment("stderr")
    log = place / "output.log"
    returncode = process.run(kind.wrapper() + command, log, seconds + 120, env, place)
    done = re.search(r"number_of_executed_units: *(\d+)", log.read_text(encoding="utf-8", errors="replace"))
    if returncode == 0 and done:
        return Case(name, PASSED, f"{done.group(1)} inputs")
    inputs = [str(path) for path in place.iterdir() if path != log]
    trouble = how_it_ended(returncode) if returncode != 0 else "said nothing about its runs"
    return Case(name, FAILED, "\n".join([trouble, *inputs, process.read(log, 80)]))


def pytest(place, arguments, seconds, env=None, wrapper=()):
    place.mkdir(parents=True, exist_ok=True)
    report = place / "report.xml"
    report.unlink(missing_ok=True)
    log = place / "output.log"
    returncode = process.run(
        [*wrapper, *PYTEST, f"--junitxml={report}", *arguments], log, seconds, env, builds.ROOT
    )
    cases = read_pytest(report, arguments[0], returncode)
    # A run that broke as a whole has its reason only in what pytest printed.
    for case in cases:
        if case.status == FAILED and case.name == arguments[0]:
            case.detail += "\n" + process.read(log)
    left_out = re.search(r"(\d+) deselected", log.read_text(encoding="utf-8", errors="replace"))
    if left_out:
        print(f"    left out by their marks: {left_out.group(1)}", flush=True)
    return cases


def sanitizer_reports(place):
    """What sanitizers found; mere warnings, such as of a huge allocation that was refused, are no finding."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(place.glob("sanitizer.*"))]
    return [text for text in texts if re.search(r"ERROR: |runtime error: |WARNING: ThreadSanitizer", text)]


def fresh(place):
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place
