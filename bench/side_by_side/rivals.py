# SPDX-License-Identifier: Apache-2.0
"""The rivals beside memcached: a single-member etcd, and nginx with static files."""
import json
import pathlib
import shutil
import subprocess
import tempfile

from side_by_side.process import BenchError, Process, counters, fetch, free_port

ETCD = "etcd"
ETCD_PROXY = "etcd grpc-proxy"
NGINX = "nginx"
ETCD_GO = "etcd's Go client"
VERSION_OPTIONS = {ETCD: "--version", "h2load": "--version", "mariadbd": "--version", "varnishd": "-V", "go": "version"}

NGINX_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush off;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    open_file_cache {open_file_cache};
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{http}
    server {{
        listen 127.0.0.1:{port};
{server}
    }}
}}
"""


def find(name):
    """The program's path, or None."""
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")


def need(name, package):
    path = find(name)
    if path is None:
        raise BenchError(f"there is no {name}: `scripts/setup bench` installs {package}")
    return path


class DataDirectory:
    """A fresh directory below the place for data; use it with `with`."""

    def __init__(self, place):
        self._data = place.data

    def __enter__(self):
        self._data.mkdir(parents=True, exist_ok=True)
        self._made = tempfile.TemporaryDirectory(prefix="run-", dir=self._data)
        return pathlib.Path(self._made.name)

    def __exit__(self, *_):
        self._made.cleanup()


def is_healthy(url):
    """What etcd and its proxy say of themselves."""
    health = fetch(url + "/health")
    return health is not None and json.loads(health).get("health") == "true"


class Etcd(Process):
    """A single-member etcd that keeps its data in `data`."""

    kind = ETCD
    SYNCS = "etcd_disk_wal_fsync_duration_seconds_count"
    COMMITS = "etcd_disk_backend_commit_duration_seconds_count"
    PUTS = "etcd_mvcc_put_total"

    def __init__(self, place, data):
        super().__init__(place)
        self.port, peer = free_port(), free_port()
        client_url, peer_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peer}"
        self.start([need("etcd", "etcd-server"), "--data-dir", data, "--listen-client-urls", client_url,
                    "--advertise-client-urls", client_url, "--listen-peer-urls", peer_url,
                    "--initial-advertise-peer-urls", peer_url, "--initial-cluster", f"default={peer_url}",
                    "--log-level", "error"])

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def ready(self):
        return is_healthy(self.url)

    def counters(self, *names):
        return counters(self.url + "/metrics", *names)


class EtcdProxy(Process):
    """etcd's proxy in front of a running etcd, with its cache of serializable answers."""

    kind = ETCD_PROXY

    def __init__(self, place, behind):
        super().__init__(place)
        self.port = free_port()
        self.start([need("etcd", "etcd-server"), "grpc-proxy", "start", "--endpoints", behind.address, "--listen-addr",
                    self.address])

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ready(self):
        return is_healthy(f"http://{self.address}")


class Nginx(Process):
    """One nginx process that serves the files below `root`; `cached` lets it keep them open."""

    kind = NGINX

    def __init__(self, place, root, cached, http="", server=None):
        """`http` and `server` are more lines of these sections, the latter in place of the root."""
        super().__init__(place)
        self.port = free_port()
        config = self.directory / "nginx.conf"
        config.write_text(NGINX_CONFIG.format(directory=self.directory, http=http.format(directory=self.directory),
                                              server=server or f"        root {root};", port=self.port,
                                              open_file_cache="max=100000" if cached else "off"))
        self.start([need("nginx", "nginx-light"), "-p", self.directory, "-c", config])

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def ready(self):
        return fetch(f"http://{self.address}/ready") is not None


def version(name):
    """What the program says of itself, in a line; None if it is not there."""
    path = find(name)
    if path is None:
        return None
    done = subprocess.run([path, VERSION_OPTIONS.get(name, "-v")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode().splitlines()[0].strip()
