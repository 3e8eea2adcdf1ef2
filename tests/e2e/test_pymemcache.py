# SPDX-License-Identifier: Apache-2.0
"""pymemcache's own integration tests, as Debian ships them."""
import os
import pathlib
import re
import subprocess
import sys

import pymemcache

TESTS = pathlib.Path(pymemcache.__file__).parent / "test" / "test_integration.py"
# They need a certificate that the package does not contain, and a server that speaks TLS.
LEFT_OUT = "not test_tls"
COUNT = 46


def test_pymemcache_integration(server, tmp_path):
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTEST_ADDOPTS="")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-k", LEFT_OUT, str(TESTS),
         "--server", server.host, "--port", str(server.port)],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    output = run.stdout.decode()
    print(output)
    assert run.returncode == 0, output
    assert re.search(rf"^{COUNT} passed, 3 deselected", output, re.MULTILINE), output
