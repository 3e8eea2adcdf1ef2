# SPDX-License-Identifier: Apache-2.0
"""A runner that counts wrongly hides failures: these tests hold every way in which a test can end."""

import pytest

from results import FAILED, PASSED, SKIPPED, Case, read_cmocka, read_pytest, summary

CMOCKA = """<?xml version="1.0" encoding="UTF-8" ?>
<testsuites>
  <testsuite name="tests" time="0.000" tests="3" failures="1" errors="0" skipped="1" >
    <testcase name="one" time="0.000" >
    </testcase>
    <testcase name="two" time="0.000" >
      <failure><![CDATA["a\x01" != "b"]]></failure>
    </testcase>
    <testcase name="three" time="0.000" >
      <skipped/>
    </testcase>
  </testsuite>
</testsuites>
"""
CMOCKA_GOOD = '<testsuites><testsuite name="t"><testcase name="one" time="0.000"/></testsuite></testsuites>'
PYTEST = """<testsuites><testsuite>
<testcase classname="tests.e2e.test_a" name="test_x"/>
<testcase classname="tests.e2e.test_a" name="test_y"><failure message="assert 1 == 2">the trace</failure></testcase>
<testcase classname="tests.e2e.test_a" name="test_z"><skipped message="no IPv6 here">where</skipped></testcase>
<testcase classname="tests.e2e.test_a" name="test_e"><error message="in the fixture">the trace</error></testcase>
</testsuite></testsuites>"""
PYTEST_GOOD = '<testsuites><testsuite><testcase classname="a" name="test_x"/></testsuite></testsuites>'


@pytest.fixture
def report(tmp_path):
    def write(text):
        path = tmp_path / "report.xml"
        path.write_text(text)
        return path

    return write


def test_cmocka_passed_failed_and_skipped(report):
    cases = read_cmocka([report(CMOCKA)], "base-x", 1, "talk\nskip: no moon\ntalk\n")
    assert cases == [
        Case("base-x.one", PASSED),
        Case("base-x.two", FAILED, '"a?" != "b"'),
        Case("base-x.three", SKIPPED, "no moon"),
    ]


def test_cmocka_skip_without_a_reason_says_so(report):
    cases = read_cmocka([report(CMOCKA)], "base-x", 1, "")
    assert cases[2].detail == "no reason given"


@pytest.mark.parametrize("returncode, why", [(-11, "signal 11"), (66, "exit code 66"), (None, "too long")])
def test_cmocka_good_report_of_a_bad_end(report, returncode, why):
    cases = read_cmocka([report(CMOCKA_GOOD)], "base-x", returncode, "")
    assert [case.status for case in cases] == [PASSED, FAILED]
    assert why in cases[1].detail


def test_cmocka_program_without_a_report_fails():
    assert [case.status for case in read_cmocka([], "base-x", 0, "")] == [FAILED]
    assert [case.status for case in read_cmocka([], "base-x", -6, "")] == [FAILED]


@pytest.mark.parametrize("text", ["", "<testsuites>", CMOCKA_GOOD[:-5]])
def test_cmocka_broken_report_fails(report, text):
    assert [case.status for case in read_cmocka([report(text)], "base-x", 0, "")] == [FAILED]


def test_pytest_passed_failed_skipped_and_error(report):
    cases = read_pytest(report(PYTEST), "tests/e2e", 1)
    assert [case.status for case in cases] == [PASSED, FAILED, SKIPPED, FAILED]
    assert cases[1].detail == "the trace"
    assert cases[2] == Case("tests/e2e/test_a.test_z", SKIPPED, "no IPv6 here")
    assert summary(cases) == "1 passed, 2 failed, 1 skipped"


@pytest.mark.parametrize("returncode", [1, 2, 3, -9, None])
def test_pytest_that_breaks_after_good_tests_fails(report, returncode):
    cases = read_pytest(report(PYTEST_GOOD), "tests/e2e", returncode)
    assert [case.status for case in cases] == [PASSED, FAILED]


def test_pytest_without_tests_or_report_fails(report, tmp_path):
    empty = report("<testsuites><testsuite/></testsuites>")
    assert [case.status for case in read_pytest(empty, "tests/e2e", 5)] == [FAILED]
    assert [case.status for case in read_pytest(tmp_path / "none.xml", "tests/e2e", 0)] == [FAILED]
