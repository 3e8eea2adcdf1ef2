# SPDX-License-Identifier: Apache-2.0
"""bench/run, the comparison with memcached: it measures, judges, and writes its section of a document."""
import json
import os
import subprocess

import pytest

from server import MEMCACHED, REPOSITORY, larderd_path

DEADLINE = 120

pytestmark = [pytest.mark.slow, pytest.mark.larder("it starts both servers itself")]


def bench_run(*arguments):
    larder = os.environ.get("LARDER", larderd_path().parent / "larder")
    return subprocess.run([str(REPOSITORY / "bench" / "run"), "--larderd", str(larderd_path()), "--larder", str(larder),
                           "--memcached", MEMCACHED, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE, check=False)


def resident_row(figure):
    ratio = {"median": figure / 4, "min": figure / 4, "max": figure / 4}
    return {"row": 7, "what": "an idle node", "judged": "value", "most": 16, "met": figure <= 16, "unit": "MiB",
            "larderd": figure, "memcached": 4, "ratio": ratio}


@pytest.fixture
def measured(tmp_path):
    """The result of one quick row."""
    if os.environ.get("TEST_SANITIZER") == "tsan":
        pytest.skip("ThreadSanitizer's own memory never settles; the release build is what is measured")
    path = tmp_path / "result.json"
    done = bench_run("--quick", "--rows", "7", "--json", path)
    assert done.returncode == 0, done.stderr
    return done, json.loads(path.read_text())


def test_a_row_is_measured_and_judged(measured):
    done, whole = measured
    row, = whole["rows"]
    assert row["row"] == 7
    assert row["met"] == (row["larderd"] <= 16)
    assert row["larderd"] > 0 and row["memcached"] > 0
    assert row["ratio"]["min"] <= row["ratio"]["median"] <= row["ratio"]["max"]
    for text in (b"memcached 1.", b"kernel ", b"load average at the start", b"stolen by the host", b"resident memory"):
        assert text in done.stdout
    assert (b"warning: " in done.stderr) == (whole["conditions"]["load_average"] > 0.5)


def test_a_result_is_written_into_its_section(measured, tmp_path):
    _, whole = measured
    rows = [dict(resident_row(figure), row=number + 1) for number, figure in enumerate([2.5, 17, 3, 4, 5, 6, 7, 8])]
    source, document = tmp_path / "all.json", tmp_path / "page.md"
    source.write_text(json.dumps({**whole, "quick": False, "rows": rows}))
    document.write_text("before\n<!-- side-by-side -->\nold\n<!-- /side-by-side -->\nafter\n")
    for _ in range(2):  # the second time over its own section
        assert bench_run("--from", source, "--markdown", document).returncode == 0
        text = document.read_text()
        assert text.startswith("before\n<!-- side-by-side -->\n7 of 8 rows met; MISSED: row 2.\n")
        assert text.endswith("\n<!-- /side-by-side -->\nafter\n")
        assert "old" not in text
        assert "| 2 | an idle node | 17.00 MiB | 4.00 | 4.250 (4.250-4.250) | 0.09 | **missed** |" in text


def test_a_document_without_the_section_is_left_alone(measured, tmp_path):
    _, whole = measured
    source, document = tmp_path / "all.json", tmp_path / "page.md"
    source.write_text(json.dumps({**whole, "quick": False, "rows": [resident_row(2.5)] * 8}))
    document.write_text("no section\n")
    done = bench_run("--from", source, "--markdown", document)
    assert (done.returncode, document.read_text()) == (1, "no section\n")
    assert b"has no section" in done.stderr


@pytest.mark.parametrize("arguments", [("--rows", "9"), ("--rounds", "0"), ("--quick", "--markdown"), ("--nonsense",)])
def test_senseless_arguments_are_told_apart_from_failures(arguments):
    done = bench_run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_missing_program_is_a_failure():
    done = bench_run("--rows", "7", "--larder", "/nowhere/larder")
    assert done.returncode == 1
    assert b"there is no /nowhere/larder" in done.stderr
