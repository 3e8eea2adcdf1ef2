# SPDX-License-Identifier: Apache-2.0
"""liblarder as programs get it: installed, found by pkg-config. Tests import the fixture `installed`."""
import os
import shutil
import subprocess

import pytest

from server import larderd_path

BUILD = larderd_path().parent
DEADLINE = 60


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout.decode()}"
    return done.stdout.decode()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(the directory below which all lies, the variables by which pkg-config and the loader find it)"""
    root = tmp_path_factory.mktemp("installed")
    run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root])
    pc = next(root.rglob("larder.pc"))
    variables = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(root),
                 "LD_LIBRARY_PATH": str(pc.parent.parent)}
    return root, variables


def build(installed, compiler, source, to, others=()):
    assert shutil.which(compiler), f"there is no {compiler}"
    flags = run(["pkg-config", "--cflags", "--libs", "larder"], env=installed[1]).split()
    if others:  # of the system's own, which lie below no other directory
        flags += run(["pkg-config", "--cflags", "--libs", *others]).split()
    run([compiler, "-Wall", "-Wextra", "-Werror", source, "-o", to, *flags], env=installed[1])
    return to


def start(installed, *command):
    return subprocess.Popen([str(word) for word in command], env=installed[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)


def go_on(running):
    running.stdin.write("\n")
    running.stdin.flush()


def end(running):
    rest, _ = running.communicate(timeout=DEADLINE)
    assert running.returncode == 0, rest
    return rest
