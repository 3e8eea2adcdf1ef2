# SPDX-License-Identifier: Apache-2.0
"""libmemcached's conformance test of the text protocol."""
import subprocess


def test_memccapable_ascii(server):
    run = subprocess.run(["memccapable", "-a", "-h", server.host, "-p", str(server.port), "-t", "20"],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    output = run.stdout.decode()
    lines = [line for line in output.splitlines() if line.startswith("ascii ")]
    assert run.returncode == 0, output
    assert len(lines) == 27, output
    assert all(line.endswith("[pass]") for line in lines), output
    assert "All tests passed" in output
