# SPDX-License-Identifier: Apache-2.0
"""The builds that are tested: the one people run, two that watch memory and threads, and one for unit tests alone."""

import os
import pathlib
import platform
import shutil
from dataclasses import dataclass, field

import process

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOBS = os.cpu_count() or 1
BUILD_SECONDS = 1800

# An allocation that cannot be met returns NULL, as without a sanitizer: the daemon has an answer for that.
COMMON = "halt_on_error=1:allocator_may_return_null=1:allow_addr2line=1"


# The compiler takes a third less time than with -O2 and all of -g; a report has files and lines all the same.
WATCHED = ["-Dbuildtype=plain", "-Doptimization=1", "-Ddebug=false", "-Db_lundef=false"]


@dataclass
class Build:
    """`slowdown` stretches the time limits of tests; `sanitizer` is what tests read in TEST_SANITIZER; `linker`, if there is
    such a one, takes the place of the compiler's usual one."""

    name: str
    directory: pathlib.Path
    options: list
    compiler: str = "gcc"
    targets: list = field(default_factory=lambda: ["all", "unit-tests", "store-tests"])
    linker: str = ""
    sanitizer: str = ""
    slowdown: int = 1

    def make(self, log):
        """Configures and builds, saying everything in the log. Returns whether that went well."""
        # A new source list (say, a new fuzz_*.c) is only seen by configuring again.
        again = ["--reconfigure"] if (self.directory / "build.ninja").exists() else []
        configure = ["meson", "setup", *again, *self.options, self.directory]
        linker = {"CC_LD": self.linker} if shutil.which(f"ld.{self.linker}") else {}
        if process.run(configure, log, BUILD_SECONDS, {"CC": self.compiler, **linker}, ROOT) != 0:
            return False
        # Tests may run beside it, which are not to be disturbed.
        ninja = ["nice", "-n", "15", "ninja", "-C", self.directory, "-j", JOBS, *self.targets]
        return process.run(ninja, log, BUILD_SECONDS, None, ROOT) == 0

    def environment(self, reports):
        """What programs of this build run under. Sanitizers write to files called reports.PID, so that nothing a daemon
        says in the middle of a test is lost."""
        env = {"TEST_SANITIZER": self.sanitizer}
        if self.sanitizer == "asan":
            env["ASAN_OPTIONS"] = f"{COMMON}:detect_leaks=1:detect_stack_use_after_return=1:log_path={reports}"
            env["UBSAN_OPTIONS"] = f"{COMMON}:print_stacktrace=1:log_path={reports}"
        elif self.sanitizer == "tsan":
            env["TSAN_OPTIONS"] = f"{COMMON}:second_deadlock_stack=1:log_path={reports}"
        return env

    def wrapper(self):
        """What stands before a command of this build. These sanitizers die at random where the kernel places memory with
        more than 28 random bits; without address randomisation they do not."""
        if not self.sanitizer:
            return []
        try:
            bits = int(pathlib.Path("/proc/sys/vm/mmap_rnd_bits").read_text())
        except (OSError, ValueError):
            return []
        return ["setarch", platform.machine(), "-R"] if bits > 28 else []


def release():
    return Build(
        "release",
        ROOT / "build",
        ["-Dbuildtype=release", "-Db_lto=true", "-Dtests=enabled"],
        targets=["larderd", "larder", "liblarder", "examples", "tests/trace-program", "store-tests", "bench/crowd/crowd"],
    )


def unit():
    """Optimised like that, but each program for itself: link-time optimisation of all of them would take very long."""
    return Build("unit", ROOT / "build-unit", ["-Dbuildtype=release", "-Dtests=enabled"], targets=["all", "unit-tests"])


def asan():
    """Clang, because the fuzzers need it; so the whole code also passes the warnings of a second compiler."""
    return Build(
        "ASan+UBSan",
        ROOT / "build-asan",
        [
            *WATCHED,
            "-Db_sanitize=address,undefined",
            "-Dc_args=-g1 -fsanitize=fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer",
            "-Dtests=enabled",
            "-Dfuzzers=true",
        ],
        compiler="clang",
        linker="gold",  # quicker, for hundreds of programs; TSan needs constants apart from code, where gold does not put them
        targets=["all", "unit-tests", "store-tests", "fuzzers"],
        sanitizer="asan",
        slowdown=4,
    )


def tsan():
    """Warnings are not errors here: instrumented code draws false ones, and the other two builds have seen the true."""
    return Build(
        "TSan",
        ROOT / "build-tsan",
        [*WATCHED, "-Db_sanitize=thread", "-Dc_args=-g1", "-Dwerror=false", "-Dtests=enabled"],
        sanitizer="tsan",
        slowdown=6,
    )
