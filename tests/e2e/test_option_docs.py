# SPDX-License-Identifier: Apache-2.0
"""The man pages, and the file that is installed, have every option that options.def has, and its default."""
import re

import pytest

from server import REPOSITORY

OPTION = re.compile(r'^OPTION\((\w+), "([\w-]+)", (\w+), "(\w+)", \w+,\s*"([^"]*)"', re.MULTILINE)
GROUP_OPTION = re.compile(r'^GROUP_OPTION\(\w+, "([\w-]+)",', re.MULTILINE)
OF_THE_COMMAND_LINE = {"config"}


@pytest.fixture(scope="module")
def definitions():
    return (REPOSITORY / "src" / "daemon" / "options.def").read_text()


@pytest.fixture(scope="module")
def options(definitions):
    """Each option in its order: (name, kind, section, default)."""
    found = [row[1:] for row in OPTION.findall(definitions)]
    assert len(found) == len(re.findall(r"^OPTION\(", definitions, re.MULTILINE)), "a row that this test cannot read"
    return found


@pytest.fixture(scope="module")
def group_options(definitions):
    found = GROUP_OPTION.findall(definitions)
    assert len(found) == len(re.findall(r"^GROUP_OPTION\(", definitions, re.MULTILINE)), "a row that this test cannot read"
    return found


def page(name):
    """Its lines without the escapes of hyphens, which only say how they are printed."""
    return (REPOSITORY / "docs" / "man" / name).read_text().replace("\\-", "-")


def entries(text, head):
    """What stands under each head of a list: [(what the head names, section, text)]."""
    found, section = [], None
    for line in text.splitlines():
        if line.startswith(".Ss "):
            section = line[4:]
        named = re.match(head, line)
        if named:
            found.append((named.group(1), section, []))
        elif found:
            found[-1][2].append(line)
    return [(name, section, "\n".join(lines)) for name, section, lines in found]


def test_every_flag_is_in_larderd_8(options):
    text = page("larderd.8")
    documented = entries(text[text.index(".Ss Network"):text.index(".Sh SIGNALS")], r"\.It Fl -([\w-]+)")
    assert [(name, section) for name, section, _ in documented] == [(name, section) for name, _, section, _ in options]
    for (name, _, _, default), (_, _, words) in zip(options, documented):
        assert default == "" or re.search(rf"Default:\n\.Cm {re.escape(default)}(?: [.,]|,?$)", words, re.MULTILINE), name


def test_every_key_of_the_file_is_in_larderd_conf_5(options, group_options):
    text = page("larderd.conf.5")
    node, group = text.split(".Ss Group sections")
    documented = entries(node, r"\.It Cm ([\w-]+) No = ")
    expected = [row for row in options if row[1] != "SWITCH" and row[0] not in OF_THE_COMMAND_LINE]
    assert [name for name, _, _ in documented] == [name for name, _, _, _ in expected]
    for (name, _, _, default), (_, _, words) in zip(expected, documented):
        assert default == "" or re.search(rf"Default:\n\.Cm {re.escape(default)}(?: [.,]|,?$)", words, re.MULTILINE), name
    assert [name for name, _, _ in entries(group, r"\.It Cm ([\w-]+) No = ")] == group_options


def test_every_key_of_the_file_is_in_the_file_that_is_installed(options, group_options):
    lines = (REPOSITORY / "dist" / "larderd.conf").read_text().splitlines()
    named = {found.group(1) for line in lines if (found := re.match(r"#? ?([\w-]+) = ", line))}
    expected = {name for name, kind, _, _ in options if kind != "SWITCH"} - OF_THE_COMMAND_LINE | set(group_options)
    assert named >= expected, expected - named
