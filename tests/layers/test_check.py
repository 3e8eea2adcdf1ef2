# SPDX-License-Identifier: Apache-2.0
"""Plants one violation of each kind and expects it to be reported, with its place."""

import pathlib
import subprocess
import sys

import pytest

CHECK = pathlib.Path(__file__).with_name("check.py")


def run_check(root):
    done = subprocess.run([sys.executable, CHECK, root], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def plant(root, path, include):
    file = root / "src" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"/* a file */\n{include}\n")


@pytest.mark.parametrize(
    "path, include, why",
    [
        ("base/a.c", '#include "model/reply.h"', "stands above"),
        ("cache/a.h", '#include "session/session.h"', "stands above"),
        ("client/a.c", '#include "daemon/config.h"', "stands above"),
        ("cache/a.c", '#include "net/loop.h"', "same rank"),
        ("peer/a.c", '#include "export/prometheus.h"', "same rank"),
        ("session/a.c", '#include "client/client.h"', "same rank"),
        ("cli/a.c", '#include "daemon/config.h"', "same rank"),
        ("model/a.def", '#include "telemetry/metrics.def"', "stands above"),
        ("cache/a.c", '  #  include "net/loop.h" // why not', "same rank"),
        ("session/a.c", "#include <uv.h>", "belongs to net/"),
        ("session/a.c", '#include "uv.h"', "belongs to net/"),
        ("peer/a.c", "#include <uv/version.h>", "belongs to net/"),
        ("store/a.c", "#include <lmdb.h>", "belongs to store/local/"),
        ("store/localized/a.c", "#include <lmdb.h>", "belongs to store/local/"),
        ("proto/http/a.c", "#include <nghttp2/nghttp2.h>", "belongs to proto/grpc/"),
        ("cli/a.c", "#include <curl/curl.h>", "belongs to cli/http/ and net/ alone"),
        ("origin/a.c", "#include <curl/curl.h>", "belongs to cli/http/ and net/ alone"),
        ("rpc/a.c", "#include <crypt.h>", "belongs to auth/"),
        ("store/etcd/a.c", "#include <openssl/ssl.h>", "belongs to net/"),
        ("store/local/a.c", "#include <openssl/ssl.h>", "belongs to net/"),
        ("net/a.c", "#include <openssl/evp.h>", "belongs to store/local/"),
        ("peer/a.c", "#include <openssl/evp.h>", "belongs to store/local/"),
        ("net/a.c", "#include <openssl/hmac.h>", "belongs to peer/"),
        ("session/a.c", "#include <openssl/crypto.h>", "belongs to peer/"),
        ("base/a.c", '#include "slice.h"', "does not begin with a room"),
        ("base/a.c", '#include "attic/old.h"', "does not begin with a room"),
        ("cache/a.c", "#include <cache/a.c>", "in quotes"),
        ("base/a.c", '#include "base/../net/loop.h"', ".."),
        ("base/a.c", "#include HEADER", "must name its file"),
        ("attic/a.c", "#include <stdio.h>", "no room"),
    ],
)
def test_a_violation_is_reported(tmp_path, path, include, why):
    plant(tmp_path, path, include)
    returncode, output = run_check(tmp_path)
    assert returncode == 1
    line = 1 if path.startswith("attic/") else 2
    assert output.startswith(f"src/{path}:{line}: ")
    assert why in output
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize(
    "path, include",
    [
        ("base/a.c", '#include "base/slice.h"'),
        ("base/a.c", "#include <sys/socket.h>"),
        ("cache/a.c", '#include "telemetry/metrics.h"'),
        ("peer/a.c", '#include "net/stream.h"'),
        ("cli/a.c", '#include "client/client.h"'),
        ("daemon/a.c", '#include "net/loop.h"'),
        ("proto/http/a.c", '#include "proto/sniff.h"'),
        ("net/tls/a.c", "#include <uv.h>"),
        ("net/a.c", "#include <net/if.h>"),
        ("net/a.c", "#include <openssl/ssl.h>"),
        ("net/a.c", "#include <curl/curl.h>"),
        ("cli/http/a.c", "#include <curl/curl.h>"),
        ("store/local/a.c", "#include <lmdb.h>"),
        ("store/local/a.c", "#include <openssl/evp.h>"),
        ("peer/a.c", "#include <openssl/hmac.h>"),
        ("proto/grpc/a.c", "#include <nghttp2/nghttp2.h>"),
        ("base/errors.def", 'X("#include of nothing")'),
    ],
)
def test_what_is_allowed_passes(tmp_path, path, include):
    plant(tmp_path, path, include)
    assert run_check(tmp_path) == (0, "")


def test_a_tree_without_sources_is_an_error(tmp_path):
    returncode, output = run_check(tmp_path)
    assert returncode == 2
    assert "no such directory" in output
