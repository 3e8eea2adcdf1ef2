# SPDX-License-Identifier: Apache-2.0
"""The conditions of a run: what a reader has to know to trust a figure, or not to."""
import datetime
import os
import pathlib
import platform
import re
import resource
import subprocess

from side_by_side.process import BenchError
from side_by_side.rivals import ETCD, NGINX
from side_by_side.rivals import version as version_of_rival
from side_by_side.server import LARDERD, MEMCACHED, arguments

BUSY_LOAD = 0.5
IN_MEMORY = ("tmpfs", "ramfs")
RIVALS = (ETCD, "h2load", NGINX, "varnishd", "go")


def first_match(path, pattern, otherwise):
    found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    return found[1] if found else otherwise


def version(program, option):
    done = subprocess.run([str(program), option], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().splitlines()[0].strip()


def file_system(path):
    """(type, device) of what holds the directory, or where it will be made; unknown where its root is no mount that can
    be seen, as after chroot."""
    path = path.resolve()
    while not path.exists():
        path = path.parent
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    holding = [words for words in mounts if path.is_relative_to(words[1].replace("\\040", " "))]
    if not holding:
        return "an unknown file system", "an unknown device"
    device, _, kind = max(holding, key=lambda words: len(words[1]))[:3]
    return kind, device


def machine_ticks():
    """(all, programs, steal) since the boot, in ticks of all processors together."""
    ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return sum(ticks), ticks[0] + ticks[1] + ticks[2], ticks[7]


def own_ticks():
    """What this program and the children it has waited for took."""
    taken = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        taken += usage.ru_utime + usage.ru_stime
    return taken * os.sysconf("SC_CLK_TCK")


class Conditions:
    """Takes note at the start; finish() adds what only shows over a run."""

    def __init__(self, place):
        self.told = {
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "kernel": platform.release(),
            "system": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)', "unknown"),
            "cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$", platform.machine()),
            "cores": os.cpu_count(),
            "server_cpu": place.server_cpu,
            "load_cpu": place.load_cpu,
            LARDERD: version(place.larderd, "--version"),
            MEMCACHED: version(place.memcached, "-V"),
            "load_average": os.getloadavg()[0],
        }
        self._machine = machine_ticks()
        self._own = own_ticks()

    def add_options(self, memory_mib, threads, max_conns):
        for kind in (LARDERD, MEMCACHED):
            self.told[kind + "_options"] = " ".join(arguments(kind, memory_mib, threads, max_conns))

    def add_data(self, place, rivals=RIVALS):
        """For runs that write to a disk; raises BenchError if that is none. `rivals` are further programs."""
        kind, device = file_system(place.data)
        if kind in IN_MEMORY:
            raise BenchError(f"{place.data} is in memory ({kind}); --data takes a directory on a disk")
        self.told["data"] = f"{kind} on {device}"
        self.told["rivals"] = [text for text in map(version_of_rival, rivals) if text]

    @property
    def is_busy(self):
        return self.told["load_average"] > BUSY_LOAD

    def finish(self):
        whole, programs, steal = (now - then for now, then in zip(machine_ticks(), self._machine))
        others = programs - (own_ticks() - self._own)
        self.told["steal_percent"] = 100 * steal / max(whole, 1)
        self.told["others_percent"] = max(0.0, 100 * others / max(whole, 1))
        return self.told


def warning(told):
    return (f"The machine was busy at the start (load average {told['load_average']:.2f}, more than {BUSY_LOAD}): "
            "these figures are not to be trusted.")


def lines(told, kinds=(LARDERD, MEMCACHED)):
    """The conditions as (name, text); `kinds` are the servers that took part."""
    yield "date", told["date"]
    yield "machine", f"{told['cpu']}, {told['cores']} cores, {told['system']}, kernel {told['kernel']}"
    for kind in kinds:
        yield kind, " ".join(filter(None, [told[kind], told.get(kind + "_options")]))
    for text in told.get("rivals", ()):
        yield "and", text
    if "data" in told:
        yield "data", told["data"]
    yield "processors", told.get("processors", f"server on {told['server_cpu']}, load on {told['load_cpu']}")
    if "rounds" in told:
        yield "rounds", (f"{told['rounds']} in turns, each {told['time_ms'] / 1000:g} s "
                         f"after {told['warmup_ms'] / 1000:g} s of warm-up")
    yield "load average at the start", f"{told['load_average']:.2f}"
    if "steal_percent" in told:
        yield "over the run", (f"{told['steal_percent']:.1f} % of the processors' time stolen by the host, "
                               f"{told['others_percent']:.1f} % taken by other programs")
