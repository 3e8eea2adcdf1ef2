# SPDX-License-Identifier: Apache-2.0
"""liblarder as programs get it: installed, found by pkg-config, in C and in C++, with memcacheds and with larderd."""
import re
import shutil
import subprocess

import pytest

from librarybuild import DEADLINE, build, installed, run
from server import REPOSITORY, Server, kind_under_test

pytestmark = [pytest.mark.slow, pytest.mark.skipif(kind_under_test() != "larder", reason="it brings its own servers")]


@pytest.fixture(scope="module")
def program(installed, tmp_path_factory):
    source = REPOSITORY / "tests" / "e2e" / "library_program.c"
    return build(installed, "cc", source, tmp_path_factory.mktemp("program") / "program")


def start(installed, program, servers):
    names = ",".join(f"{server.host}:{server.port}" for server in servers)
    return subprocess.Popen([program, names], env=installed[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(running):
    rest, _ = running.communicate(timeout=DEADLINE)
    assert running.returncode == 0
    return rest


@pytest.mark.parametrize("kind, count", [("memcached", 1), ("memcached", 4), ("larder", 1)])
def test_every_operation(installed, program, tmp_path, kind, count):
    servers = [Server(tmp_path / str(i), kind=kind) for i in range(count)]
    assert end(start(installed, program, servers)) == "ready\n"
    for server in servers:
        server.stop()


def test_keys_of_a_killed_server_go_to_the_others(installed, program, tmp_path):
    servers = [Server(tmp_path / str(i), kind="memcached") for i in range(3)]
    running = start(installed, program, servers)
    assert running.stdout.readline() == "ready\n"
    servers[0].stop()
    running.stdin.write("\n")
    running.stdin.flush()
    assert running.stdout.readline() == "100\n"
    end(running)
    for server in servers[1:]:
        server.stop()


@pytest.mark.parametrize("kind, count", [("memcached", 1), ("memcached", 3), ("larder", 1)])
def test_in_a_loop_of_libuv(installed, tmp_path, kind, count):
    source = REPOSITORY / "tests" / "e2e" / "library_async_program.c"
    program = build(installed, "cc", source, tmp_path / "program", ["libuv"])
    servers = [Server(tmp_path / str(i), kind=kind) for i in range(count)]
    run([program, ",".join(f"{server.host}:{server.port}" for server in servers)], env=installed[1])
    for server in servers:
        server.stop()


def test_the_example(installed, tmp_path):
    example = build(installed, "cc", REPOSITORY / "examples" / "pool.c", tmp_path / "pool")
    server = Server(tmp_path / "server", kind="memcached")
    for _ in range(2):
        assert run([example, f"{server.host}:{server.port}"], env=installed[1]) == "hit: hello\n"
    server.stop()


def test_cxx(installed, tmp_path):
    source = tmp_path / "program.cpp"
    source.write_text('#include <larder/async.h>\n#include <larder/etcd.h>\n#include <larder/near.h>\n#include <larder/trace.h>\nint main() {\n'
                      '    larder_tracer_figures figures = {sizeof(figures), 0, 0, 0};\n    larder_tracer_get_figures(nullptr, &figures);\n'
                      '    larder_span_end(larder_span_begin(nullptr, "s", LARDER_SPAN_INTERNAL, nullptr));\n    larder_result r = LARDER_RESULT_INIT;\n'
                      '    larder_cache *cache;\n    larder_cache_new("127.0.0.1:1", nullptr, &cache, nullptr);\n'
                      '    bool well = larder_cache_get(cache, "k", 1, &r) == LARDER_ERR_ALL_DEAD;\n'
                      '    larder_cache_free(cache);\n'
                      '    larder_etcd_options options = {};\n    options.size = sizeof(options);\n'
                      '    options.timeout_ms = 100;\n'
                      '    larder_etcd_result found = LARDER_ETCD_RESULT_INIT;\n    larder_etcd *etcd;\n'
                      '    larder_etcd_new("127.0.0.1:1", &options, &etcd, nullptr);\n'
                      '    well = well && larder_etcd_get(etcd, "k", 1, &found) == LARDER_ERR_UNAVAILABLE;\n'
                      '    larder_etcd_result_free(&found);\n    larder_etcd_free(etcd);\n'
                      '    larder_near_value near_found = LARDER_NEAR_VALUE_INIT;\n    larder_near *near;\n'
                      '    larder_near_new("127.0.0.1:1", &options, nullptr, &near, nullptr);\n'
                      '    well = well && larder_near_get(near, "k", 1, LARDER_NEAR_CACHED, 0, &near_found) < 0;\n'
                      '    larder_near_value_free(&near_found);\n    larder_near_free(near);\n'
                      '    return well ? 0 : 1;\n}\n')
    run([build(installed, "g++" if shutil.which("g++") else "clang++", source, tmp_path / "cxx")], env=installed[1])


def declared_in(header):
    text = re.sub(r"/\*.*?\*/", "", (REPOSITORY / "include" / "larder" / header).read_text(), flags=re.DOTALL)
    return {name for name in re.findall(r"\b(larder_\w+)\(", text) if not name.endswith(("_fn", "_result", "_events", "_value"))}


def test_only_its_own_names_can_be_seen(installed):
    library = next(installed[0].rglob("liblarder.so"))
    names = run(["nm", "-D", "--defined-only", "--with-symbol-versions", library]).splitlines()
    seen = {line.split()[-1] for line in names if " A " not in line}
    headers = ("larder.h", "async.h", "etcd.h", "near.h", "trace.h")
    assert seen == {f"{name}@@LARDER_0.1" for header in headers for name in declared_in(header)}
    needed = set(re.findall(r"NEEDED.*\[(.*?)\.so", run(["readelf", "-d", library])))
    # The dynamic linker is there for what a thread has for itself.
    assert needed <= {"libc", "libpthread", "ld-linux-x86-64", "ld-linux-aarch64", "libuv", "libnghttp2", "libprotobuf-c",
                      "libssl", "libcrypto", "libcurl"}


def test_the_static_library_keeps_its_inner_names(installed, tmp_path):
    library = next(installed[0].rglob("liblarder.a"))
    names = {line.split()[-1] for line in run(["nm", "-g", "--defined-only", library]).splitlines() if len(line.split()) == 3}
    assert names and {name for name in names if not name.startswith("larder_")} == set()
    flags = run(["pkg-config", "--static", "--cflags", "--libs", "larder"], env=installed[1]).replace("-llarder", "-l:liblarder.a")
    program = tmp_path / "pool"
    run(["cc", REPOSITORY / "examples" / "pool.c", "-o", program, *flags.split()], env=installed[1])
    assert "liblarder" not in run(["readelf", "-d", program])
    server = Server(tmp_path / "server", kind="memcached")
    assert run([program, f"{server.host}:{server.port}"]) == "hit: hello\n"
    server.stop()
