# SPDX-License-Identifier: Apache-2.0
"""dist/Containerfile, as far as it can be tried without an engine: the libraries that it brings are those that the programs
need, its variables make a node, and its health check tells a node that serves from one that does not."""
import os
import re
import shutil
import subprocess

import pytest

from ports import free_port
from server import REPOSITORY, kind_under_test, larderd_path

pytestmark = pytest.mark.skipif(kind_under_test() != "larder", reason="it is larderd's")

LARDER = os.environ.get("LARDER", larderd_path().parent / "larder")
DEADLINE = 60


def image():
    """The instructions of the last stage, each on one line: [(word, rest)]."""
    text = (REPOSITORY / "dist" / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    instructions = [line.split(None, 1) for line in whole.splitlines() if line.strip()]
    last = max(place for place, (word, _) in enumerate(instructions) if word == "FROM")
    return [(word, rest) for word, rest in instructions[last:]]


def instruction(name):
    found, = (rest for word, rest in image() if word == name)
    return found


def variables():
    return dict(pair.split("=", 1) for pair in instruction("ENV").split())


def packages_of_image():
    words = re.search(r"apt-get install (.*?)&&", instruction("RUN")).group(1).split()
    return {word for word in words if not word.startswith("-")}


def packages_of(paths):
    """Of Debian, those that the files belong to, by whichever of its names dpkg knows each; it is asked once, as it reads all
    of its lists each time."""
    names = {path: {path, path.removeprefix("/usr") if path.startswith("/usr") else "/usr" + path} for path in paths}
    asked = ["dpkg", "-S", *sorted(set.union(*names.values()))]
    told = subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode()
    owners = {path: package for package, path in re.findall(r"^([^:\s]+)(?::\S+)?: (/\S+)$", told, re.MULTILINE)}
    missing = [path for path in paths if not names[path] & owners.keys()]
    assert not missing, f"no package has {missing}"
    return {owners[name] for path in paths for name in names[path] & owners.keys()}


def libraries_of(program):
    """The files of those that it names itself, not of what these need in turn."""
    named = subprocess.run(["readelf", "-d", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", named))
    found = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {path for name, path in re.findall(r"^\s+(\S+) => (/\S+)", found, re.MULTILINE) if name in needed}


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="packages of Debian are known on Debian only")
@pytest.mark.skipif(bool(os.environ.get("TEST_SANITIZER")), reason="a sanitizer brings libraries of its own")
def test_it_brings_the_libraries_that_are_needed():
    needed = packages_of(libraries_of(larderd_path()) | libraries_of(LARDER))
    assert packages_of_image() - {"ca-certificates"} == needed - {"libc6"}


def test_its_variables_make_a_node(tmp_path):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("LARDER_")} | variables()
    environment["STATE_DIRECTORY"] = str(tmp_path)
    for words in ([], ["--cluster", "shop", "--advertise", "larder-1:11211"],
                  ["--cluster", "shop", "--advertise", "larder-2:11211", "--store", "etcd://larder-1:2379",
                   "--store-follow-members", "no"]):
        done = subprocess.run([larderd_path(), *words, "--check-config"], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=DEADLINE, check=False)
        assert done.returncode == 0, done.stdout
    ports = {address.rpartition(":")[2] for address in variables()["LARDER_LISTEN"].split(",")}
    assert set(instruction("EXPOSE").split()) == ports
    assert instruction("VOLUME") == variables()["STATE_DIRECTORY"]


def test_its_health_check_tells(start_server, tmp_path):
    check = instruction("HEALTHCHECK").split(" CMD ")[1]
    node = start_server()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "larder").symlink_to(os.path.abspath(LARDER))
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}

    def status(port):
        assert "127.0.0.1:11211" in check
        done = subprocess.run(["sh", "-c", check.replace("127.0.0.1:11211", f"127.0.0.1:{port}")], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=DEADLINE, check=False)
        return done.returncode, done.stdout
    assert status(node.port) == (0, b"")
    assert status(free_port()) == (1, b"")
