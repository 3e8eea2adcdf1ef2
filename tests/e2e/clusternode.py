# SPDX-License-Identifier: Apache-2.0
"""A node whose store groups are in an etcd cluster."""
import pathlib

from httpwire import ask
from server import Server, wait_until
from wire import Connection

GROUPS = '[group "config"]\nbacking = store\nprefix = larder/\n\n[group "mem"]\n'
PREFIX = "larder/"
# A member that says nothing is left soon; an election on a busy machine is waited for.
TIMES = ["--store-timeout", "10s", "--store-attempt-timeout", "400ms"]
# Where nobody will answer.
TIMEOUT = 1
SHORT_TIMES = ["--store-timeout", f"{TIMEOUT}s", "--store-attempt-timeout", "400ms"]
DEADLINE = 30


class ClusterNode(Server):
    """The store group "config", its keys below PREFIX in the cluster, and the memory group "mem". `cluster`: what `store`
    comes from, and the certificates and the user if it has them; `store` stands instead of its own URL."""

    def __init__(self, directory, cluster, extra=(), store=None, config=GROUPS, times=TIMES, **options):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "conf").write_text(config)
        words = ["--config", str(directory / "conf"), "--store", store or cluster.store_url(), *times, *extra]
        super().__init__(directory, extra=words, **options)

    # --- questions ---

    def readiness(self):
        """(status, text) of /readyz."""
        answer = ask(self, "GET", "/readyz")
        return answer.status, answer.body.decode()

    def wait_ready(self):
        wait_until(lambda: self.readiness()[0] == 200, DEADLINE, lambda: f"ready: {self.readiness()}; {self.stderr()}")

    def wait_not_ready(self, why=""):
        """Until it is not, and says `why` among the reasons. Returns what it says."""
        def check():
            status, text = self.readiness()
            return status == 503 and why in text and text
        return wait_until(check, DEADLINE, lambda: f"not ready because of {why!r}: {self.readiness()}; {self.stderr()}")

    def cluster(self):
        """What it says of its cluster: the lines of "stats cluster"."""
        with Connection(self) as connection:
            connection.send(b"stats cluster\r\n")
            text = connection.read_until(lambda seen: len(seen) if seen.endswith(b"END\r\n") else 0, "the statistics")
        lines = [line.split(" ", 2) for line in text.decode().split("\r\n") if line.startswith("STAT ")]
        return {line[1]: line[2] if len(line) > 2 else "" for line in lines}

    def member_in_use(self, cluster):
        """The place of the member that requests go to. What a node tells is as of a moment ago: it may still name one that
        has been removed, which is waited for."""
        places = {cluster.url(place): place for place in cluster.members}

        def find():
            said = self.cluster()
            for place in range(int(said["members"])):
                if said[f"member:{place}:in_use"] == "1" and said[f"member:{place}:health"] == "good":
                    return [places[endpoint] for endpoint in [said[f"member:{place}:endpoint"]] if endpoint in places]
            return []
        return wait_until(find, DEADLINE, "a member is in use")[0]

    def wait_left(self, cluster, place):
        """Until requests go to another member than that."""
        wait_until(lambda: self.member_in_use(cluster) != place, DEADLINE, lambda: f"m{place} is left: {self.stderr()}")

    def wait_metric(self, series, condition):
        """Until its value is so. What a node tells of its cluster is as of a moment ago."""
        wait_until(lambda: condition(self.metrics().get(series, 0)), DEADLINE,
                   lambda: f"{series}: {self.metrics().get(series)}")

    def get(self, key):
        return ask(self, "GET", f"/config/{key}")

    def put(self, key, value, **headers):
        return ask(self, "PUT", f"/config/{key}", value, headers)

    def metrics(self):
        """Each series and its value."""
        lines = ask(self, "GET", "/metrics").body.decode().splitlines()
        return {series: float(value) for series, value in
                (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))}
