# SPDX-License-Identifier: Apache-2.0
"""The units of systemd, as they are installed: systemd understands them, and their command makes a node."""
import json
import os
import shlex
import shutil
import subprocess

import pytest

from httpwire import ask
from ports import free_port
from server import Server, larderd_path, wait_until
from sharednodes import DEADLINE

UNITS = ("larderd.service", "larderd@.service")
ANALYZE = shutil.which("systemd-analyze")

pytestmark = pytest.mark.larder("memcached has units of its own")


def lines_of(unit):
    return (larderd_path().parent / "dist" / unit).read_text().splitlines()


def value(unit, name):
    """Of a setting that stands once in the unit."""
    found, = (line.split("=", 1)[1] for line in lines_of(unit) if line.startswith(name + "="))
    return found


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_all_of_it(tmp_path, unit):
    installed = shlex.split(value(unit, "ExecStart"))[0]
    path = tmp_path / unit
    path.write_text("\n".join(lines_of(unit)).replace(installed, str(larderd_path())) + "\n")
    done = subprocess.run([ANALYZE, "verify", "--man=no", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=DEADLINE, check=False)
    assert (done.returncode, done.stdout) == (0, b"")  # what it ignores it tells, and is content


def test_instances_have_nothing_in_common():
    """Instances and the unit without instances may run beside each other, each with a user of its own."""
    for name in ("StateDirectory", "RuntimeDirectory", "EnvironmentFile"):
        plain, template = value(UNITS[0], name), value(UNITS[1], name)
        assert "%i" in template and "%i" not in plain
        assert not template.startswith(plain + "/"), "a directory within another user's"


def test_the_same_protection():
    def protection(unit):
        lines = lines_of(unit)
        return lines[lines.index("CapabilityBoundingSet="):]

    assert protection(UNITS[0]) == protection(UNITS[1])
    assert "NoNewPrivileges=yes" in protection(UNITS[1])


class Instance(Server):
    """What systemd starts: the unit's command, with the variables of its file."""

    def __init__(self, directory, words, variables):
        self._words = words
        self._variables = variables
        super().__init__(directory)

    def _start(self, *_):
        environment = {name: text for name, text in os.environ.items() if not name.startswith("LARDER_")}
        with open(self.stderr_path, "wb") as stderr:
            return subprocess.Popen([larderd_path(), *self._words, "--port-file", self.port_file],
                                    env=environment | self._variables, cwd=self.directory, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=stderr)


def test_an_instance_is_a_node_of_that_name(tmp_path):
    words = shlex.split(value("larderd@.service", "ExecStart").replace("%i", "n7"))
    config = tmp_path / "larderd.conf"
    config.write_text('[group "kept"]\nbacking = store\n')
    words[words.index("--config") + 1] = str(config)
    own = f"127.0.0.1:{free_port()}"
    state = tmp_path / "larder-n7"
    state.mkdir()
    node = Instance(tmp_path, words[1:], {"STATE_DIRECTORY": str(state), "LARDER_CLUSTER": "test", "LARDER_LISTEN": own,
                                          "LARDER_DRAIN_TIMEOUT": "1s"})
    try:
        wait_until(lambda: ask(node, "GET", "/readyz").status == 200, DEADLINE, node.stderr)
        told = json.loads(ask(node, "GET", "/admin/members").body)
        assert [(member["id"], member["address"]) for member in told["nodes"]] == [("n7", own)]
        assert ask(node, "PUT", "/kept/key", b"x").status < 300
        assert list(state.iterdir()), "the store is in the state directory"
    finally:
        node.stop()
