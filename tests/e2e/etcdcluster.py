# SPDX-License-Identifier: Apache-2.0
"""A real etcd cluster whose members can be killed, stopped, and cut off from each other and from their clients.

A member tells the others a proxy's address as its own, and its clients too if they are to have one: that is how it can be
cut off without leave from the system. It does not wait for the disk: a member is killed here, never the machine."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request

from certificates import Certificates
from cuttable import PASS, REFUSE, Network
from etcd import etcd_path
from etcdctl import Etcdctl
from ports import free_ports
from server import suspend, wait_until

DEADLINE = 60
ASK_DEADLINE = 2
START_ATTEMPTS = 3
FAST = ["--heartbeat-interval", "50", "--election-timeout", "500"]
ROOT, ROOT_PASSWORD = "root", "all powers"
USER, PASSWORD = "cook", "open-sesame"


def owner_of_port(port, pids):
    """Which of the processes has a connection from that local port; None: none of them."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp") as table:
        inodes = {fields[9] for fields in map(str.split, table) if fields[1] == wanted}
    links = {f"socket:[{inode}]" for inode in inodes if inode != "0"}
    for pid in pids:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(entry.path) in links:
                        return pid
    return None


class Member:
    """What one member is and where; the cluster starts and ends it. `wrapper`: what its command is started through."""

    host = "127.0.0.1"
    wrapper = ()

    def __init__(self, cluster, place, client_proxy):
        self.place = place
        self.name = f"m{place}"
        self.directory = cluster.directory / self.name
        self.log_path = cluster.directory / f"{self.name}.log"
        self.client_port, self.peer_port, peer_proxy, client_proxy_port = free_ports(4)
        self.peer_url = f"http://127.0.0.1:{peer_proxy}"
        self.peer_proxy = cluster.network.proxy(place, peer_proxy, self.peer_port, cluster.name_source)
        # Where clients go.
        self.port = client_proxy_port if client_proxy else self.client_port
        self.client_proxy = cluster.network.proxy(f"client {place}", self.port, self.client_port) if client_proxy else None
        self.process = None
        self.stopped = False

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_path.read_bytes()[-3000:].decode("utf-8", "replace") if self.log_path.exists() else ""

    def signal(self, number):
        self.stopped = number == signal.SIGSTOP
        if self.stopped:
            suspend(self.pid)
            return
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait(DEADLINE)


class Cluster:
    """`arguments`: further ones of each etcd. `quota`: bytes. `fast`: elections after half a second. `tls`: clients come by
    TLS, and with a certificate. `auth`: USER may read and write what begins with `prefix`, ROOT everything. It is healthy
    when this returns, unless it is not to be `started` yet."""

    def __init__(self, directory, size=3, arguments=(), client_proxies=False, tls=False, auth=False, prefix="", quota=0,
                 fast=False, started=True):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.network = None
        self.certificates = Certificates(self.directory / "certificates") if tls else None
        self.scheme = "https" if tls else "http"
        self.members = {}  # by place
        self._generation = 0
        self._client_proxies = client_proxies
        self._auth, self._prefix = auth, prefix
        self._arguments = [*(FAST if fast else []), *(["--quota-backend-bytes", str(quota)] if quota else []),
                           *(["--bcrypt-cost", "4"] if auth else []), *arguments]
        self._clients = []
        for attempt in range(START_ATTEMPTS):  # somebody else may take a port before a member does
            try:
                self.network = self._make_network()
                self.members = {place: self._make_member(place) for place in range(size)}
                if started:
                    self.start()
                return
            except BaseException as error:
                self.stop()
                if "address already in use" not in str(error) or attempt == START_ATTEMPTS - 1:
                    raise
                self._wipe()

    # --- where it is; for those who have it elsewhere ---

    def _make_network(self):
        return Network()

    def _make_member(self, place):
        return Member(self, place, self._client_proxies)

    # --- lives ---

    def start(self, healthy=True):
        """All members, on what they have. A new cluster if they have nothing."""
        fresh = not any(member.directory.exists() for member in self.members.values())
        for member in self.members.values():
            if not member.is_alive():
                self._run(member, "new")
        if healthy:
            self.wait_healthy()
        if fresh and self._auth:
            self._enable_auth()

    def start_anew(self):
        """Ends it and starts another cluster, which is empty, at the same addresses."""
        for member in self.members.values():
            if member.is_alive():
                member.signal(signal.SIGKILL)
        self._wipe()
        self.start()

    def _wipe(self):
        for member in self.members.values():
            shutil.rmtree(member.directory, ignore_errors=True)
            member.log_path.unlink(missing_ok=True)
        self._generation += 1

    def _run(self, member, state):
        self.network.turn(member.peer_proxy, PASS)
        client, own = f"{self.scheme}://{member.host}:{member.client_port}", f"http://{member.host}:{member.peer_port}"
        everybody = ",".join(f"{each.name}={each.peer_url}" for each in self.members.values())
        command = [
            *member.wrapper, etcd_path(), "--name", member.name, "--data-dir", member.directory, "--listen-client-urls", client,
            "--advertise-client-urls", self.url(member.place), "--listen-peer-urls", own,
            "--initial-advertise-peer-urls", member.peer_url, "--initial-cluster", everybody,
            "--initial-cluster-token", f"{self.directory}-{self._generation}", "--initial-cluster-state", state,
            "--logger", "zap", "--log-level", "warn", "--unsafe-no-fsync",
            # Else members must have stood for five seconds before another one may come.
            "--strict-reconfig-check=false", *self._arguments]
        if self.certificates is not None:
            certificate, key = self.certificates.server
            command += ["--cert-file", certificate, "--key-file", key, "--client-cert-auth", "--trusted-ca-file",
                        self.certificates.authority]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
        with open(member.log_path, "ab") as log:
            member.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                              stderr=log, env=environment)
        member.stopped = False

    def kill(self, place):
        """kill -9."""
        self.members[place].signal(signal.SIGKILL)
        # As the port of one that is dead does: the others try again with each of their messages, and each time it would be
        # asked here who comes.
        self.network.turn(self.members[place].peer_proxy, REFUSE)

    def kill_all(self):
        for place, member in self.members.items():
            if member.is_alive():
                self.kill(place)

    def restart(self, place, healthy=True):
        """Starts it again after kill(), where it was and on what it had."""
        assert not self.members[place].is_alive()
        self._run(self.members[place], "new")
        if healthy:
            self.wait_healthy()

    def restore(self, place, file):
        """A cluster of one member goes back to a snapshot of its own; it stays the same cluster."""
        member, = self.members.values()
        member.signal(signal.SIGKILL)
        shutil.rmtree(member.directory)
        done = self.etcdctl(place).run(
            "snapshot", "restore", file, "--data-dir", member.directory, "--name", member.name, "--initial-cluster",
            f"{member.name}={member.peer_url}", "--initial-advertise-peer-urls", member.peer_url,
            "--initial-cluster-token", f"{self.directory}-{self._generation}")
        assert done.returncode == 0, done
        self.restart(place)

    def suspend(self, place):
        """It does nothing more, and does not close anything."""
        self.members[place].signal(signal.SIGSTOP)

    def resume(self, place):
        self.members[place].signal(signal.SIGCONT)

    def add_member(self):
        """Another member, with its place."""
        place = max(self.members) + 1
        member = self._make_member(place)
        self.etcdctl()("member", "add", member.name, "--peer-urls", member.peer_url)
        self.members[place] = member
        self._run(member, "existing")
        self.wait_healthy()
        return place

    def remove_member(self, place):
        """It leaves the cluster, and ends."""
        others = [each for each in self.members if each != place]
        self.etcdctl(others[0])("member", "remove", f"{self.member_id(place):x}")
        self.members.pop(place).signal(signal.SIGKILL)
        self.wait_healthy()

    def stop(self):
        """Ends all of it, and leaves nothing but the logs: a member's files are large. May be called twice."""
        for client in self._clients:
            client.end()
        for member in self.members.values():
            if member.is_alive():
                member.signal(signal.SIGKILL)
            shutil.rmtree(member.directory, ignore_errors=True)
        if self.network is not None:
            self.network.close()
            self.network = None

    # --- what is between them ---

    def name_source(self, peer):
        """The place of the member that has connected from an address."""
        places = {member.pid: place for place, member in self.members.items() if member.process is not None}
        return places.get(owner_of_port(peer[1], places))

    def cut(self, place, incoming=True, outgoing=True):
        """Nothing passes between this member and the others any more. Clients still reach it."""
        self.network.cut(self._ways(place, incoming, outgoing))

    def heal(self, place):
        """What has waited passes now."""
        self.network.heal(self._ways(place, True, True))

    def _ways(self, place, incoming, outgoing):
        others = [each for each in self.members if each != place]
        return [(other, place) for other in others if incoming] + [(place, other) for other in others if outgoing]

    def turn_clients(self, place, mode):
        """What the proxy before a member does to its clients from now on: see Network.turn. PASS: nothing."""
        self.network.turn(self.members[place].client_proxy, mode)

    def free_clients(self, place):
        self.turn_clients(place, PASS)

    # --- what a member is told to do; it may not be able to ---

    def compact(self, place, revision):
        self._http(place, "/v3/kv/compaction", json.dumps({"revision": revision}).encode())

    def defragment(self, place):
        self._http(place, "/v3/maintenance/defragment", b"{}")

    # --- questions ---

    def url(self, place):
        return f"{self.scheme}://{self.members[place].host}:{self.members[place].port}"

    def endpoints(self, *places):
        """"127.0.0.1:PORT,..." of all members, or of those named."""
        return ",".join(f"{self.members[place].host}:{self.members[place].port}" for place in places or self.members)

    def store_url(self, *places):
        """What --store takes."""
        return ("etcds://" if self.certificates else "etcd://") + self.endpoints(*places)

    def _context(self):
        if self.certificates is None:
            return None
        context = ssl.create_default_context(cafile=self.certificates.authority)
        context.load_cert_chain(*self.certificates.client)
        return context

    def _http(self, place, path, body=None):
        """What a member answers, past any proxy; None: it does not."""
        member = self.members[place]
        if not member.is_alive() or member.stopped:
            return None
        url = f"{self.scheme}://{member.host}:{member.client_port}{path}"
        try:
            with urllib.request.urlopen(url, body, ASK_DEADLINE, context=self._context()) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def status(self, place):
        """A member's own Status, with numbers for numbers; None: it does not answer."""
        answer = self._http(place, "/v3/maintenance/status", b"{}")
        if answer is None:
            return None
        header = answer["header"]
        return {"cluster": int(header["cluster_id"]), "id": int(header["member_id"]),
                "revision": int(header.get("revision", 0)), "term": int(header.get("raft_term", 0)),
                "leader": int(answer.get("leader", 0)), "bytes": int(answer.get("dbSize", 0)),
                "version": answer["version"], "errors": answer.get("errors", [])}

    def member_id(self, place):
        return wait_until(lambda: self.status(place), DEADLINE, f"m{place} answers Status")["id"]

    def revision(self, place):
        return self.status(place)["revision"]

    def leader(self):
        """The place of the one that leads, by the newest term that anybody knows of; None: nobody does."""
        known = {place: status for place in self.members if (status := self.status(place))}
        newest = max((status["term"] for status in known.values()), default=0)
        for status in known.values():
            if status["term"] == newest and status["leader"] != 0:
                return next((place for place in known if known[place]["id"] == status["leader"]), None)
        return None

    def wait_leader(self, *places):
        """Until one leads (one of `places`, if given); returns its place."""
        def found():
            place = self.leader()
            return None if place is None or (places and place not in places) else (place,)
        return wait_until(found, DEADLINE, lambda: f"a leader; {self.logs()}")[0]

    def follower(self):
        """The place of one that does not lead."""
        leader = self.wait_leader()
        return next(place for place in self.members if place != leader)

    def is_healthy(self):
        """All members that run, and are not stopped, have the same leader and reach a majority."""
        running = [place for place, member in self.members.items() if member.is_alive() and not member.stopped]
        known = [self.status(place) for place in running]
        if not all(known) or len({status["leader"] for status in known}) != 1 or known[0]["leader"] == 0:
            return False
        return all((self._http(place, "/health") or {}).get("health") == "true" for place in running)

    def wait_healthy(self):
        def check():
            dead = [member.name for member in self.members.values() if member.process and member.process.poll() not in
                    (None, -signal.SIGKILL)]
            assert not dead, f"{dead} ended: {self.logs()}"
            return self.is_healthy()
        wait_until(check, DEADLINE, lambda: f"the cluster is healthy; {self.logs()}")

    def logs(self):
        return "\n".join(f"--- {member.name}:\n{member.log()}" for member in self.members.values())

    def etcdctl(self, place=None, user=None):
        """etcdctl against one member, past any proxy; as ROOT if the cluster asks who it is. `user`: "name:password"."""
        place = next(iter(self.members)) if place is None else place
        options = []
        if self.certificates is not None:
            certificate, key = self.certificates.client
            options = ["--cacert", self.certificates.authority, "--cert", certificate, "--key", key]
        if user is None and self._auth:
            user = f"{ROOT}:{ROOT_PASSWORD}"
        self._clients.append(Etcdctl(self.members[place].client_port, user, options))
        return self._clients[-1]

    def count_keys(self, place, prefix):
        """How many keys of the prefix a member has, by what it knows itself."""
        fields = self.etcdctl(place)("get", prefix, "--prefix", "--consistency", "s", "--limit", "1", "-w", "fields")
        return next(int(line.split(":")[1]) for line in fields.splitlines() if line.startswith('"Count"'))

    def wait_same_revision(self):
        """All that run have done the same; returns the revision."""
        def same():
            revisions = {status["revision"] for place in self.members if (status := self.status(place))}
            return revisions.pop() if len(revisions) == 1 else None
        return wait_until(same, DEADLINE, "all members have the same revision")

    def _enable_auth(self):
        ctl = self.etcdctl(user="")
        ctl("user", "add", f"{ROOT}:{ROOT_PASSWORD}")
        ctl("user", "grant-role", ROOT, "root")
        ctl("role", "add", USER)
        ctl("role", "grant-permission", USER, "--prefix=true", "readwrite", self._prefix)
        ctl("user", "add", f"{USER}:{PASSWORD}")
        ctl("user", "grant-role", USER, USER)
        ctl("auth", "enable")
