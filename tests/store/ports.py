# SPDX-License-Identifier: Apache-2.0
"""Ports of this host for servers that take them a moment later, and again after they were killed: nobody else may be given one
meanwhile, so each of the processes that run tests has ports of its own and comes back to one only after all others."""
import collections
import contextlib
import os
import random
import socket

# Below those that the system gives to outgoing connections and to whoever does not care.
PORTS = range(12000, 32000)


def _own():
    """Those of this process; where tests run beside each other, it is one of so many."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    place = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = len(PORTS) // count
    own = PORTS[place * size:(place + 1) * size]
    begin = random.randrange(len(own))  # by chance: other runs may go on beside this one
    return collections.deque([*own[begin:], *own[:begin]])


_waiting = _own()


def _is_free(port):
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def free_ports(count, in_a_row=False):
    """So many, all different; `in_a_row`: each one more than the one before it."""
    found = []
    for _ in range(len(_waiting)):
        port = _waiting[0]
        _waiting.rotate(-1)
        if not _is_free(port) or (in_a_row and found and port != found[-1] + 1):
            found = [] if in_a_row else found
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"there are no {count} free ports")


def free_port():
    return free_ports(1)[0]
