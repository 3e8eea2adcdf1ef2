# SPDX-License-Identifier: Apache-2.0
"""What a test came to, and how it is read from the reports of cmocka and pytest."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

PASSED = "passed"
FAILED = "failed"
SKIPPED = "skipped"

# Characters that XML cannot hold; cmocka copies them as they are.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Case:
    """One test: `detail` is the reason of a skip, or what a failure said."""

    name: str
    status: str
    detail: str = ""


def parse(path):
    """The root element of a report, or None if there is none that can be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        return ElementTree.fromstring(NOT_XML.sub("?", text))
    except (OSError, ElementTree.ParseError):
        return None


def case_of(element, prefix):
    name = prefix + element.get("name", "?")
    trouble = [child for child in element if child.tag in ("failure", "error")]
    if trouble:
        said = [(child.text or child.get("message") or "").strip() for child in trouble]
        return Case(name, FAILED, "\n".join(said))
    skipped = element.find("skipped")
    if skipped is not None:
        return Case(name, SKIPPED, (skipped.get("message") or skipped.text or "").strip())
    return Case(name, PASSED)


def read_cmocka(paths, program, returncode, output):
    """The cases of one unit test program from its reports, one for each group. A program that ends badly, or without a
    report, has at least one failed case, whatever its reports say."""
    cases = []
    for path in paths:
        root = parse(path)
        if root is None:
            said = path.read_text(encoding="utf-8", errors="replace")
            cases.append(Case(program, FAILED, f"its report cannot be read:\n{said}"))
            continue
        cases += [case_of(element, program + ".") for element in root.iter("testcase")]
    # cmocka keeps no reason for a skip: a test prints "skip: why" before it calls skip().
    reasons = iter(re.findall(r"^skip: (.*)$", output, re.MULTILINE))
    for case in cases:
        if case.status == SKIPPED:
            case.detail = next(reasons, "no reason given")
    if returncode != 0 and not any(case.status == FAILED for case in cases):
        cases.append(Case(program, FAILED, how_it_ended(returncode)))
    elif not cases:
        cases.append(Case(program, FAILED, "left no report: did something call exit()?"))
    return cases


def read_pytest(path, name, returncode):
    """The cases of one run of pytest. A run without any test is a failure."""
    root = parse(path)
    cases = []
    if root is not None:
        for element in root.iter("testcase"):
            cases.append(case_of(element, element.get("classname", "").replace(".", "/") + "."))
    if returncode == 5:
        cases.append(Case(name, FAILED, "no tests found"))
    elif root is None or (returncode != 0 and not any(case.status == FAILED for case in cases)):
        cases.append(Case(name, FAILED, "pytest " + how_it_ended(returncode)))
    return cases


def how_it_ended(returncode):
    if returncode is None:
        return "took too long and was ended"
    if returncode < 0:
        return f"was ended by signal {-returncode}"
    return f"ended with exit code {returncode}"


def count(cases, status):
    return sum(1 for case in cases if case.status == status)


def summary(cases):
    """The line that closes every run."""
    return f"{count(cases, PASSED)} passed, {count(cases, FAILED)} failed, {count(cases, SKIPPED)} skipped"
