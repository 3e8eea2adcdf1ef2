# SPDX-License-Identifier: Apache-2.0
"""The log names keys, shortened and escaped, and never shows a value."""
import json

import pytest

from server import wait_until
from wire import Connection

pytestmark = pytest.mark.larder("memcached's log is another")

KEY = b"odd\x1b[31m\"key" + b"k" * 230
VALUE = b"secret-value-" * 200_000


def lines_about_refusals(server):
    text = server.stderr_path.read_text()
    return [line for line in text.splitlines() if "refused a value" in line]


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_refused_value(start_server, style):
    server = start_server(extra=["--log-level", "debug", "--log-format", style])
    with Connection(server) as connection:
        assert connection.ask(b"set %s 0 0 %d\r\n%s\r\n" % (KEY, len(VALUE), VALUE)) == b"SERVER_ERROR object too large for cache\r\n"
    (line,) = wait_until(lambda: lines_about_refusals(server), 10, "the refusal is logged")
    assert "secret" not in server.stderr_path.read_text()
    assert "\x1b" not in line
    assert "max-item" in line and str(len(VALUE)) in line
    key = json.loads(line)["key"] if style == "json" else line
    assert "odd\\x1b[31m\\x22key" in key
    assert len(line) < 500
