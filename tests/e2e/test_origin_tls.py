# SPDX-License-Identifier: Apache-2.0
"""Origins asked by https: whose certificates count."""
import ssl
import subprocess

import pytest

from certificates import Certificates
from httpwire import ask
from server import kind_under_test, larderd_path
from toyorigin import ToyOrigin

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="memcached has no groups")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def origin(certificates):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificates.server)
    running = ToyOrigin(tls=tls)
    yield running
    running.stop()


def config_of(origin, ca, url=None):
    return f'[group "o"]\nbacking = origin\norigin = {url or origin.url}\n' + (f"origin-ca = {ca}\n" if ca else "")


@pytest.fixture
def node(start_server, tmp_path, origin):
    def start(ca):
        path = tmp_path / "larderd.conf"
        path.write_text(config_of(origin, ca))
        return start_server(extra=("--config", str(path)))
    return start


def test_an_authority_of_ones_own(node, origin, certificates):
    server = node(certificates.authority)
    for _ in range(2):
        assert ask(server, "GET", "/o/a").body == b"/a"
    assert origin.targets == ["/a"]
    assert "does not answer" not in server.stderr()


@pytest.mark.parametrize("other", [False, True])
def test_an_authority_that_is_not_the_origins(node, origin, tmp_path, other):
    """The request fails, the log says why, and nothing was asked."""
    server = node(Certificates(tmp_path / "other").authority if other else None)
    for key in ("a", "b", "c"):
        assert ask(server, "GET", f"/o/{key}").status == 502
    assert origin.requests == []
    lines = [line for line in server.stderr().splitlines() if "an origin does not answer as it should" in line]
    assert 1 <= len(lines) <= 2  # of each worker one
    for line in lines:
        assert 'group="o"' in line and origin.url in line and "certificate" in line


def check(path, text):
    path.write_text(text)
    return subprocess.run([str(larderd_path()), "--config", str(path), "--check-config"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, check=False)


def test_an_authority_that_cannot_be_read(origin, certificates, tmp_path):
    path = tmp_path / "larderd.conf"
    assert check(path, config_of(origin, certificates.authority)).returncode == 0
    missing = check(path, config_of(origin, tmp_path / "none.pem"))
    assert missing.returncode == 1
    assert f"{path}:4: origin-ca = {tmp_path}/none.pem: No such file or directory\n" in missing.stderr
    plain = check(path, config_of(origin, certificates.authority, url="http://127.0.0.1:1"))
    assert plain.returncode == 1 and 'group "o": origin-ca is for https' in plain.stderr


def test_a_file_that_has_no_authority(node, tmp_path):
    path = tmp_path / "empty.pem"
    path.write_text("nothing\n")
    server = node(path)
    assert ask(server, "GET", "/o/a").status == 502
    assert str(path) in server.stderr() and "an origin does not answer as it should" in server.stderr()
