# SPDX-License-Identifier: Apache-2.0
"""The embedded store, called through the program store-driver (driver.h says how it is talked to).

Operations and answers are dicts as in driver.h, but with bytes where that has base64, and with Kv for its kvs. The
etcd of etcd.py takes and gives the same.
"""
import base64
import json
import os
import pathlib
import subprocess
from typing import NamedTuple

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
END_DEADLINE = 60


class Kv(NamedTuple):
    key: bytes
    value: bytes
    create: int
    mod: int
    version: int
    lease: int


class Event(NamedTuple):
    type: str
    kv: Kv
    prev_kv: Kv = None


def driver_path():
    return pathlib.Path(os.environ.get("STORE_DRIVER", REPOSITORY / "build/tests/store/store-driver")).resolve()


def encode(value):
    """A request with its bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: encode(member) for name, member in value.items()}
    if isinstance(value, list):
        return [encode(member) for member in value]
    return value


def decode_kv(kv):
    return Kv(base64.b64decode(kv["key"]), base64.b64decode(kv["value"]), kv["create_revision"], kv["mod_revision"],
              kv["version"], kv["lease"])


def decode_result(result):
    if "kvs" in result:
        result["kvs"] = [decode_kv(kv) for kv in result["kvs"]]
    if "keys" in result:
        result["keys"] = sorted(base64.b64decode(key) for key in result["keys"])
    if "leases" in result:
        result["leases"] = sorted(result["leases"])
    for nested in result.get("results", []):
        decode_result(nested)
    return result


def decode(answer):
    if "result" in answer:
        decode_result(answer["result"])
    if "events" in answer:
        answer["events"] = [
            Event(event["type"], decode_kv(event["kv"]), decode_kv(event["prev_kv"]) if "prev_kv" in event else None)
            for event in answer["events"]
        ]
    if "answers" in answer:
        answer["answers"] = [decode(each) for each in answer["answers"]]
    return answer


class Driver:
    """One running store-driver on `directory`; `options` are further arguments."""

    def __init__(self, directory, *options):
        self._process = subprocess.Popen(
            [str(driver_path()), "--directory", str(directory), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def call(self, operation):
        """The answer to an operation; a store that cannot be opened, or a request that is no good, is an error."""
        self._process.stdin.write(json.dumps(encode(operation)).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"store-driver ended with {self._process.wait(END_DEADLINE)}"
        answer = json.loads(line)
        assert "error" not in answer, f"{answer['error']}: {operation}"
        return decode(answer)

    def call_all(self, operations):
        """The answers to operations that were handed in before the first of them was waited for."""
        return self.call({"op": "pipeline", "ops": operations})["answers"]

    def close(self):
        """Ends the store in order."""
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(END_DEADLINE) == 0
