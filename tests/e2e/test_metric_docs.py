# SPDX-License-Identifier: Apache-2.0
"""docs/OPERATIONS.md tells of every metric what metrics.def says, and its alert rules are right."""
import re
import subprocess

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


@pytest.fixture(scope="module")
def rules(operations):
    return re.search(r"### Alert rules.*?```yaml\n(.*?)```", operations, re.DOTALL).group(1)


def test_every_metric_has_its_row(metrics, operations):
    section = operations[operations.index("## Metrics"):]
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \| (.*) \|$", section.replace("| |", "|  |"),
                      re.MULTILINE)
    documented = {name: (kind, labels.replace("`", "").replace(" ", ""), text) for name, kind, labels, text in rows}
    assert documented == metrics


def test_promtool_takes_the_rules(rules, tmp_path):
    (tmp_path / "rules.yml").write_text(rules)
    check = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True,
                           timeout=60)
    assert check.returncode == 0, check.stdout + check.stderr


def test_the_rules_ask_for_what_there_is(metrics, rules):
    used = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\blarder_\w+", rules)}
    assert len(used) > 10 and used - set(metrics) == set()


def test_the_rules_name_limits_that_are_counted(rules):
    counted = (REPOSITORY / "src" / "telemetry" / "metrics.def").read_text()
    for names in re.findall(r'limit=~?"([^"]+)"', rules):
        for name in names.split("|"):
            assert f'limit=\\"{name}\\"' in counted
