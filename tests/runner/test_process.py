# SPDX-License-Identifier: Apache-2.0
"""Programs that end, hang, or leave something behind."""

import os
import time

import process


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_exit_code_signal_and_output(tmp_path):
    log = tmp_path / "deep/log"
    assert process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], log, 10) == 3
    assert process.read(log) == "out\nerr"
    assert process.run(["sh", "-c", "kill -9 $$"], log, 10) == -9
    assert process.run(["/no/such/program"], log, 10) == 127


def test_a_hanging_program_is_ended(tmp_path):
    assert process.run(["sleep", "1000"], tmp_path / "log", 0.1) is None


def test_what_a_program_leaves_behind_is_ended(tmp_path):
    log = tmp_path / "log"
    assert process.run(["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"], log, 10) == 0
    pid = int(process.read(log))
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        os.sched_yield()


def test_a_long_log_is_cut_to_its_end(tmp_path):
    log = tmp_path / "log"
    log.write_text("\n".join(str(number) for number in range(10)))
    assert process.read(log, 2) == f"... 8 lines before these: {log}\n8\n9"
