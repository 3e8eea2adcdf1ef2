# SPDX-License-Identifier: Apache-2.0
"""A small build of a machine and its simulation beside Meson's, in which one file can be put in the place of another within
a second. What it is made of unless somebody says otherwise is the coherence machine."""

import os
import pathlib
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [
    "src/base/*.c",
    "src/cache/ghost.c",
    "src/cohere/*.c",
    "src/store/*.c",
    "src/store/etcd/due.c",
    "tests/sim/clock.c",
    "tests/sim/mvcc.c",
    "tests/sim/seeds.c",
    "tests/sim/coherence/*.c",
]
LIBRARIES = ["-lcmocka", "-lxxhash", "-lcrypto", "-lpthread", "-lm"]
MAIN = "tests/sim/coherence/test_coherence.c"


def compiler():
    return shlex.split(os.environ.get("CC", "gcc"))


def extra_flags():
    return shlex.split(os.environ.get("CFLAGS", ""))


def run(command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(str(word) for word in command)}\n{done.stdout}")


def compile_file(source, output, defines=()):
    flags = [*extra_flags(), *defines, "-std=gnu17", "-O2", "-g", "-D_GNU_SOURCE", '-DLARDER_VERSION="test"', f"-I{ROOT / 'src'}"]
    run([*compiler(), *flags, "-c", source, "-o", output])


class PlainBuild:
    """Objects in `place`; the files of the archive are those that are not put in by hand."""

    def __init__(self, place, sources=SOURCES, main=MAIN, libraries=LIBRARIES, defines=()):
        self.place = pathlib.Path(place)
        self.sources = sources
        self.libraries = libraries
        self.defines = defines
        self.main = self.place / (main.replace("/", "_") + ".o")
        self.archive = self.place / "parts.a"

    def make(self):
        self.place.mkdir(parents=True, exist_ok=True)
        files = sorted(path for pattern in self.sources for path in ROOT.glob(pattern))
        objects = [self.place / (str(path.relative_to(ROOT)).replace("/", "_") + ".o") for path in files]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(compile_file, files, objects, [self.defines] * len(files)))
        self.archive.unlink(missing_ok=True)
        run(["ar", "rcs", self.archive, *(path for path in objects if path != self.main)])
        self.link("plain")
        return self

    def link(self, name, *objects):
        """A program of all, in which `objects` stand before what is in the archive."""
        program = self.place / name
        run([*compiler(), *extra_flags(), self.main, *objects, self.archive, *self.libraries, "-o", program])
        return program

    def mutate(self, name, text):
        """A program in which one of the files has this text instead."""
        source = self.place / f"{name}.c"
        source.write_text(text, encoding="utf-8")
        compile_file(source, source.with_suffix(".o"), self.defines)
        return self.link(name, source.with_suffix(".o"))
