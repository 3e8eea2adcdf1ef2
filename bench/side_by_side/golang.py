# SPDX-License-Identifier: Apache-2.0
"""Rivals that are written in Go, with Debian's libraries: built when they are first needed."""
import os
import pathlib
import subprocess

from side_by_side.process import BenchError
from side_by_side.rivals import need

BENCH = pathlib.Path(__file__).resolve().parents[1]
GO_PATH = "/usr/share/gocode"  # where Debian's golang-*-dev have the libraries
BUILD_SECONDS = 600


def built(place, name, packages):
    """The program of the directory bench/`name`, built if it is not there or older than its source."""
    program, source = place.larder.parent / "bench" / name, BENCH / name / "main.go"
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    program.parent.mkdir(exist_ok=True)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": GO_PATH, "GOFLAGS": "",
                   "GOCACHE": str(program.parent / "go-cache")}
    done = subprocess.run([need("go", f"golang-go and {packages}"), "build", "-o", str(program), "."], cwd=source.parent,
                          env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=BUILD_SECONDS, check=False)
    if done.returncode != 0:
        raise BenchError(f"{source} cannot be built; `scripts/setup bench` installs what it needs: "
                         f"{done.stdout.decode('utf-8', 'replace')}")
    return program
