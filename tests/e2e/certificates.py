# SPDX-License-Identifier: Apache-2.0
"""Certificates for a test, made with the openssl command."""
import pathlib
import subprocess

DAYS = "2"


class Certificates:
    """An authority, a server of 127.0.0.1 and localhost that may be a client too (etcd's gateway is), and a client."""

    def __init__(self, directory):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.authority = directory / "ca.pem"
        self._make("ca", "test authority", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"])
        self.server = self.issue("server", "", "subjectAltName=IP:127.0.0.1,DNS:localhost",
                                 "extendedKeyUsage=serverAuth,clientAuth")
        self.client = self.issue("client", "tester", "extendedKeyUsage=clientAuth")

    def issue(self, file, name, *extensions):
        """(certificate, key). `name`: the common name, empty: none."""
        return self._make(file, name, ["basicConstraints=critical,CA:FALSE", *extensions],
                          "-CA", self.authority, "-CAkey", self.directory / "ca.key")

    def _make(self, file, name, extensions, *more):
        certificate, key = self.directory / f"{file}.pem", self.directory / f"{file}.key"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-subj", f"/O=larder test/CN={name}" if name else "/O=larder test", "-days", DAYS,
                   "-out", certificate, "-keyout", key, *more]
        for extension in extensions:
            command += ["-addext", extension]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        assert done.returncode == 0, f"openssl (scripts/setup test installs it): {done.stderr}"
        return certificate, key
