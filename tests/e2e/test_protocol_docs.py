# SPDX-License-Identifier: Apache-2.0
"""docs/PROTOCOLS.md tells of every RPC and of every field of its messages, and says of each whether it is as in etcd."""
import re

import pytest

from server import REPOSITORY

PROTO = REPOSITORY / "src" / "proto" / "etcd"
METHOD = re.compile(r'METHOD\((\w+),\s*"/([\w.]+)/(\w+)",\s*(\w+),\s*(\w+),\s*\w+,\s*\w+,\s*"[^"]*"\)')
MESSAGE = re.compile(r"^message (\w+) \{[^\n]*\n(.*?)^\}", re.MULTILINE | re.DOTALL)
ENUM = re.compile(r"^  enum \w+ \{.*?^  \}\n", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^\s+(?:repeated )?[\w.]+ (\w+) = \d+;", re.MULTILINE)


@pytest.fixture(scope="module")
def messages():
    """The fields of each message, by the name that protobuf-c gives it."""
    found = {}
    for name in ("auth", "kv", "rpc", "lock", "election", "health"):
        for message, body in MESSAGE.findall((PROTO / f"{name}.proto").read_text()):
            found[message.lower()] = FIELD.findall(ENUM.sub("", body))
    return found


@pytest.fixture(scope="module")
def methods():
    text = (PROTO / "methods.def").read_text()
    found = METHOD.findall(text)
    assert len(found) == len(re.findall(r"^METHOD\(", text, re.MULTILINE)), "a row that this test cannot read"
    return found


@pytest.fixture(scope="module")
def rows():
    """Of each service, the rows of its table: {service: {rpc: (fields, verdict)}}."""
    text = (REPOSITORY / "docs" / "PROTOCOLS.md").read_text()
    section = text[text.index("### Calls and fields"):]
    found, service = {}, None
    for line in section.splitlines():
        if named := re.fullmatch(r"\*\*([\w.]+)\*\*", line):
            service = found.setdefault(named.group(1), {})
        elif service is not None and (row := re.fullmatch(r"\| (\w+) \| (.*?) \| (.*) \|", line)):
            service[row.group(1)] = row.group(2), row.group(3)
    return found


def fields_of(messages, descriptor):
    return messages[descriptor.rpartition("__")[2].replace("_", "")]


def test_every_rpc_has_its_row(methods, rows):
    documented = {(service, rpc) for service, table in rows.items() for rpc in table if rpc != "RPC"}
    assert documented == {(service, rpc) for _, service, rpc, _, _ in methods}


def test_every_field_is_named(methods, rows, messages):
    for _, service, rpc, request, response in methods:
        named = set(re.findall(r"\w+", rows[service][rpc][0]))
        missing = [field for field in fields_of(messages, request) + fields_of(messages, response)
                   if field not in named]
        assert not missing, f"{service}/{rpc}"


def test_every_verdict_is_one_of_three(rows):
    for service, table in rows.items():
        for rpc, (_, verdict) in table.items():
            assert rpc == "RPC" or verdict == "same as etcd" or verdict.startswith(("differs: ", "not here: ")), rpc


def test_every_rpc_has_its_place_in_front_of_a_cluster(methods):
    text = (REPOSITORY / "docs" / "PROTOCOLS.md").read_text()
    section = text[text.index("### In front of an etcd cluster"):text.index("### gRPC")]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = [name for cell in first_cells for name in re.findall(r"`(\w+/\w+)`", cell)]
    assert sorted(named) == sorted(f"{service.rpartition('.')[2]}/{rpc}" for _, service, rpc, _, _ in methods)
