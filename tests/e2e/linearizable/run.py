#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of memcached, HTTP and gRPC at two or three real nodes in front of a real etcd cluster of three, and at its
members directly, while members and nodes are killed, paused and cut off. What they saw is checked for linearizability,
and what asked for less for what was promised of it.

The run goes by rounds, each with keys of its own. A round's history is judged when it is over; at the first violation
the run ends, says what was wrong, and keeps the histories."""
import argparse
import collections
import contextlib
import http.client
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "store")]

import checker  # noqa: E402
import machines  # noqa: E402
import revisions  # noqa: E402
from history import LINEARIZABLE, RANGE, READ, Violation, load  # noqa: E402
from nemesis import Nemesis  # noqa: E402
from recorder import Recorder  # noqa: E402
from server import larderd_path, wait_until  # noqa: E402
from world import GROUPS, world_of  # noqa: E402

ROUND_S = 20
PYTHON = "/usr/bin/python3"
CATCH_UP_S = 60
ROUND_GRACE_S = 60
SHOWN = 5  # differences of a watch
LOOK_S, LOOK_TIMEOUT_S, LAST_LOOK_S = 0.5, 0.2, 20
PROTOCOLS = ("memcached", "http", "grpc", "member")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], epilog=__doc__.split("\n\n")[1])
    parser.add_argument("--seconds", type=float, default=60, help="of clients at work (60)")
    parser.add_argument("--seed", type=int, help="of faults and clients; drawn if not given")
    parser.add_argument("--nodes", type=int, choices=(0, 1, 2, 3), default=2, help="0: clients at the members only (2)")
    parser.add_argument("--round", type=float, default=ROUND_S, help=f"seconds of a round ({ROUND_S})")
    parser.add_argument("--keys", type=int, default=4, help="of each group in a round (4)")
    parser.add_argument("--clients", type=int, default=3, help="of each protocol at each node (3)")
    parser.add_argument("--think", type=float, default=0.004, help="seconds between two operations of a client, on average (0.004)")
    parser.add_argument("--fault", type=float, default=1.5, help="seconds that a fault lasts, on average (1.5)")
    parser.add_argument("--pause", type=float, default=1, help="seconds between faults, on average (1)")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--node-option", action="append", default=[], metavar="WORD", help="one more word for larderd, such as "
                        "--node-option=--store-watch=groups")
    parser.add_argument("--relays", action="store_true", help="cut by relays, also where network namespaces can be had")
    parser.add_argument("--directory", help="of logs and histories; kept. Without it: a temporary one, kept if something is wrong")
    parser.add_argument("--json", action="store_true", help="say it all as one JSON object at the end")
    return parser.parse_args()


class Load:
    """The processes of the clients."""

    def __init__(self, world, options, seed):
        self._processes = {}
        nodes = {name: node.address for name, node in world.nodes.items()}
        members = dict(zip(world.members, world.member_addresses()))
        first = 0
        for protocol in PROTOCOLS:
            addresses = members if protocol == "member" else nodes
            if not addresses:
                continue
            settings = {"protocol": "grpc" if protocol == "member" else protocol, "name": protocol, "addresses": addresses,
                        "clients": options.clients if protocol != "member" or not nodes else 1, "first": first, "seed": seed,
                        "groups": GROUPS, "prefixes": {name: group["prefix"] for name, group in GROUPS.items()},
                        "keys": options.keys, "think": options.think}
            first += settings["clients"] * len(addresses)
            self._processes[protocol] = subprocess.Popen(
                [PYTHON, str(HERE / "load.py"), json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True)
        for protocol, process in self._processes.items():
            assert process.stdout.readline() == "ready\n", f"the clients of {protocol} do not start"

    def begin(self, number, seconds, directory):
        for process in self._processes.values():
            process.stdin.write(json.dumps({"round": number, "seconds": seconds, "directory": str(directory)}) + "\n")
            process.stdin.flush()

    def end(self):
        """The operations of the round."""
        ops = []
        for protocol, process in self._processes.items():
            path = process.stdout.readline().strip()
            assert path, f"the clients of {protocol} have died"
            ops += load(path)
        return ops

    def forget(self, number, directory):
        for protocol in self._processes:
            (directory / f"{protocol}-{number}.history").unlink()

    def stop(self):
        for process in self._processes.values():
            process.stdin.close()
            try:
                process.wait(ROUND_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


class Run:
    def __init__(self, options, directory, namespaces):
        self.namespaces = namespaces
        self.kind = ""
        self.options = options
        self.directory = directory
        self.seed = random.randrange(1 << 32) if options.seed is None else options.seed
        self.counts = collections.Counter()
        self.errors = collections.Counter()
        self.faults = collections.Counter()
        self.fault_log = []
        self.near = {}
        self.watchers = {}
        self.violations = []
        self.operations = 0
        self.audited = 0  # keys
        self.undecided = 0  # keys of rounds that were judged by the revisions only
        self.judging_s = 0.0

    def say(self, text):
        if not self.options.json:
            print(text, flush=True)

    def run(self):
        mirrors = b"mirror" in subprocess.run([larderd_path(), "--help"], stdout=subprocess.PIPE, check=True).stdout
        world = world_of(self.directory, self.options.nodes, mirrors, self.namespaces, self.options.node_option)
        self.kind = world.kind
        self.say(f"seed {self.seed}, {self.options.nodes} nodes, {world.kind}, {self.directory}")
        prefixes = {name: group["prefix"] for name, group in GROUPS.items()}
        recorder = Recorder(world.member_addresses(), prefixes)
        self.watchers = {name: Recorder([node.address], prefixes, gaps=[]) for name, node in world.nodes.items()}
        load_processes = None
        try:
            for each in [recorder, *self.watchers.values()]:
                each.start()
            load_processes = Load(world, self.options, self.seed)
            end = time.monotonic() + self.options.seconds
            number = 0
            while (left := end - time.monotonic()) > 0 and not self.violations:
                number += 1
                self._round(world, recorder, load_processes, number, min(left, self.options.round))
        finally:
            if load_processes is not None:
                load_processes.stop()
            for each in [recorder, *self.watchers.values()]:
                each.stop()
            world.stop()

    def _round(self, world, recorder, load_processes, number, seconds):
        nemeses = []
        if not self.options.no_faults:
            nemeses = [Nemesis(of, world, recorder, f"{self.seed}/{number}", self.options.fault, self.options.pause)
                       for of in ["members", "nodes"][:1 + bool(world.nodes)]]
        load_processes.begin(number, seconds, self.directory)
        for nemesis in nemeses:
            nemesis.start()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_S))
            for node in world.nodes.values():
                with contextlib.suppress(OSError, http.client.HTTPException):  # it is dead, paused or about to be
                    self._look_at(node, LOOK_TIMEOUT_S)
        for nemesis in nemeses:
            nemesis.stop()
            self.faults += nemesis.counts
            self.fault_log += nemesis.log
        ops = load_processes.end()
        world.check()
        for node in world.nodes.values():
            self._look_at(node, LAST_LOOK_S)
        changes = self._changes(world, recorder)
        for node in world.nodes.values():
            self._audit(node)
        begin = time.monotonic()
        self._judge(ops, changes, f"/{number}-")
        self.judging_s += time.monotonic() - begin
        if not self.violations:
            load_processes.forget(number, self.directory)
        self.say(f"round {number}: {len(ops)} operations, {len(changes)} changes, "
                 f"{len(self.violations)} violations; judged in {time.monotonic() - begin:.1f} s")

    def _audit(self, node):
        """`larder audit`: what the node has in memory is what the cluster has."""
        wish = urllib.request.Request("http://%s:%d/admin/audit" % node.address, data=b"", method="POST")
        with urllib.request.urlopen(wish, timeout=CATCH_UP_S) as answer:
            found = json.load(answer)
        self.audited += found["compared"]
        if found["differences"]:
            self.violations.append(Violation(f"the audit of {node.name} says {found}", ()))

    def _look_at(self, node, seconds):
        """What its life so far has counted."""
        with urllib.request.urlopen("http://%s:%d/metrics" % node.address, timeout=seconds) as answer:
            lines = answer.read().decode().splitlines()
        counted = {series: int(float(value)) for series, value in (line.rsplit(" ", 1) for line in lines
                   if line.startswith("larder_near_") and "_total" in line)}
        self.near[node.name, node.life] = counted
        differences = counted.get("larder_near_audit_differences_total", 0)
        if differences and not self.violations:
            self.violations.append(Violation(f"{node.name} has found {differences} differences to the cluster", ()))

    def _changes(self, world, recorder):
        """All up to now, the cluster being whole again."""
        status = wait_until(lambda: world.cluster.is_healthy() and world.cluster.status(0), CATCH_UP_S,
                            "the cluster is whole again")
        last = status["revision"]
        recorder.wait(last, CATCH_UP_S)
        changes = recorder.take(last)
        for name, watcher in self.watchers.items():
            watcher.wait(last, CATCH_UP_S)
            for what in watcher.differences(changes, last)[:SHOWN]:
                self.violations.append(Violation(f"a watch at {name}: {what}", ()))
        return changes

    def _judge(self, ops, changes, mark):
        self.operations += len(ops)
        for op in ops:
            self.counts[op.protocol, op.freshness if op.kind in (READ, RANGE) else "", op.kind, op.outcome] += 1
            if op.said:
                self.errors[op.protocol, op.said] += 1
        strict = [op for op in ops if op.kind != RANGE and (op.kind != READ or op.freshness == LINEARIZABLE)]
        by_key = collections.defaultdict(list)
        for op in strict:
            by_key[op.key].append(op)
        for key, of_key in sorted(by_key.items()):
            try:
                violation = checker.check_key(of_key)
                self.violations += [violation] if violation else []
            except checker.TooHard:
                # What the cluster's revisions say of this key is exact too.
                self.undecided += 1
        self.violations += revisions.check(ops, revisions.Log([change for change in changes if mark in change.key]))

    def report(self):
        table = {" ".join(filter(None, key)): count for key, count in sorted(self.counts.items())}
        errors = {" ".join(key): count for key, count in self.errors.most_common(20)}
        return {"seed": self.seed, "cut_by": self.kind, "operations": self.operations, "by": table, "errors": errors,
                "faults": dict(self.faults),
                "watches": {name: f"{watcher.moves} times begun, {len(watcher.gaps)} gaps by compaction"
                            for name, watcher in self.watchers.items()},
                "near": dict(sorted(sum(map(collections.Counter, self.near.values()), collections.Counter()).items())),
                "judging_s": round(self.judging_s, 1), "undecided": self.undecided, "audited": self.audited,
                "violations": [str(each) for each in self.violations]}


def tell(report):
    for name, what in report["watches"].items():
        print(f"watch at {name}: {what}")
    for title in ("by", "errors", "faults", "near"):
        print(f"{title}:")
        for name, count in report[title].items():
            print(f"  {count:9} {name}")
    for violation in report["violations"][:5]:
        print(f"\nVIOLATION: {violation}")
    print(f"keys compared by audits: {report['audited']}")
    if report["undecided"]:
        print(f"keys judged by revisions only: {report['undecided']}")
    print(f"\n{report['operations']} operations, {sum(report['faults'].values())} faults, "
          f"{len(report['violations'])} violations (seed {report['seed']})")


def main():
    options = arguments()
    namespaces = not options.relays and machines.enter()
    if not namespaces and not options.relays:
        print("there can be no network namespaces here: relays of the tests cut instead", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = pathlib.Path(options.directory or tempfile.mkdtemp(prefix="larder-histories-"))
    directory.mkdir(parents=True, exist_ok=True)
    run = Run(options, directory, namespaces)
    good = False
    try:
        run.run()
        good = not run.violations
    finally:
        report = run.report()
        (directory / "report.json").write_text(json.dumps(report, indent=1))
        (directory / "faults").write_text("".join(f"{at / 1e6:15.3f} {what}\n" for at, what in sorted(run.fault_log)))
        for data in directory.glob("cluster/m[0-9]"):  # much, and the histories tell more
            shutil.rmtree(data, ignore_errors=True)
        if good and not options.directory:
            shutil.rmtree(directory)
        elif not good:
            print(f"histories, logs and faults are in {directory}", file=sys.stderr)
    print(json.dumps(report)) if options.json else tell(report)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
