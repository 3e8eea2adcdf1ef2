# SPDX-License-Identifier: Apache-2.0
"""docs/OPERATIONS.md tells of every metric what metrics.def says."""
import re

import pytest

from server import REPOSITORY

METRIC = re.compile(r'^METRIC\(\w+, (\w+), \w+, "(\w+)", "([\w,]*)",\s*((?:"[^"]*"\s*)+)\)$', re.MULTILINE)


@pytest.fixture(scope="module")
def metrics():
    """Each metric of metrics.def: {name: (type, labels, help)}."""
    text = (REPOSITORY / "src" / "telemetry" / "metrics.def").read_text()
    found = {name: (kind.lower(), labels, "".join(re.findall(r'"([^"]*)"', pieces)))
             for kind, name, labels, pieces in METRIC.findall(text)}
    assert len(found) == len(re.findall(r"^METRIC\(", text, re.MULTILINE)), "a row that this test cannot read"
    return found


@pytest.fixture(scope="module")
def operations():
    return (REPOSITORY / "docs" / "OPERATIONS.md").read_text()


def test_every_metric_has_its_row(metrics, operations):
    section = operations[operations.index("## Metrics"):]
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \| (.*) \|$", section.replace("| |", "|  |"),
                      re.MULTILINE)
    documented = {name: (kind, labels.replace("`", "").replace(" ", ""), text) for name, kind, labels, text in rows}
    assert documented == metrics
