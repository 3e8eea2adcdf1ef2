# SPDX-License-Identifier: Apache-2.0
"""dist/prometheus/larder.rules.yml: Prometheus takes it, it asks for what there is, and every alert fires when it should."""
import pathlib
import re
import subprocess

import pytest
import yaml

from server import REPOSITORY

RULES = REPOSITORY / "dist" / "prometheus" / "larder.rules.yml"
TESTS = sorted((pathlib.Path(__file__).parent / "alerts").glob("*.yml"))
METRICS = (REPOSITORY / "src" / "telemetry" / "metrics.def").read_text()
FALLBACKS = (REPOSITORY / "src" / "cohere" / "fallbacks.def").read_text()
SEVERITIES = {"page", "ticket"}


@pytest.fixture(scope="module")
def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def alerts(rules):
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def promtool(*words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_them():
    promtool("check", "rules", RULES)


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_they_fire_when_they_should(file):
    promtool("test", "rules", file)


def test_every_alert_is_seen_to_fire(alerts):
    fired = {case["alertname"] for file in TESTS for test in yaml.safe_load(file.read_text())["tests"]
             for case in test.get("alert_rule_test", []) if case.get("exp_alerts")}
    assert fired == set(alerts)


def test_every_alert_has_a_severity_and_a_text(alerts):
    for name, alert in alerts.items():
        assert alert["labels"]["severity"] in SEVERITIES, name
        assert "$labels.instance" in alert["annotations"]["summary"], name


def test_every_alert_has_its_row_in_the_manual(alerts):
    manual = (REPOSITORY / "docs" / "OPERATIONS.md").read_text()
    section = manual[manual.index("### Alert rules"):]
    rows = re.findall(r"^\| `(Larder\w+)` \| (\w+) \|", section, re.MULTILINE)
    assert dict(rows) == {name: alert["labels"]["severity"] for name, alert in alerts.items()}


def test_they_ask_for_what_there_is():
    known = set(re.findall(r'^METRIC\(\w+, \w+, \w+, "(\w+)"', METRICS, re.MULTILINE))
    used = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:larder|process)_\w+", RULES.read_text())}
    assert len(used) > 20 and used - known == set()


@pytest.mark.parametrize("label", ["limit", "reason"])
def test_they_name_labels_that_are_counted(label):
    named = {name for names in re.findall(rf'\b{label}=~?"([^"]+)"', RULES.read_text()) for name in names.split("|")}
    counted = {name for name in named if f'{label}=\\"{name}\\"' in METRICS}
    if label == "reason":
        counted |= named & set(re.findall(r'^FALLBACK\(\w+, "(\w+)"', FALLBACKS, re.MULTILINE))
    assert named and counted == named
