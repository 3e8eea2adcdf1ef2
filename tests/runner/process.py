# SPDX-License-Identifier: Apache-2.0
"""Programs with a time limit, in a process group of their own, so that nothing of theirs outlives them."""

import contextlib
import os
import signal
import subprocess

running = set()


def end(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def end_all(*_):
    """What an interrupt does: threads that wait for a program would otherwise go on until it ends by itself."""
    for process in list(running):
        end(process)
    os._exit(130)


def run(argv, log, timeout, env=None, cwd=None):
    """Runs argv with its output in the file `log`. Returns the exit code (negative: the signal), or None when the time was
    up. What is left of the process group is killed in any case."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        try:
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            output.write(f"{argv[0]}: {error}\n".encode())
            return 127
        running.add(process)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end(process)
            process.wait()
            running.discard(process)


def read(log, lines=300):
    """The end of a log, for people."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(text) > lines:
        text = [f"... {len(text) - lines} lines before these: {log}"] + text[-lines:]
    return "\n".join(text)
