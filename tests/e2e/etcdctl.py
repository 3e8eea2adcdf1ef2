# SPDX-License-Identifier: Apache-2.0
"""etcdctl, the client of etcd that is not ours: run to its end, or in the background line by line."""
import os
import re
import shutil
import signal
import subprocess

from reader import Ended, Reader

DEADLINE = 60
# What differs between two servers, or two runs, and says nothing about the answer.
OWN = [
    (r'"(cluster_id|member_id|raft_term)":\d+', r'"\1":0'),
    (r'"(ClusterID|MemberID|RaftTerm)" : \d+', r'"\1" : 0'),
]


def etcdctl_path():
    path = shutil.which("etcdctl")
    assert path, "there is no etcdctl; scripts/setup test installs Debian's etcd-client"
    return path


def without_ids(text):
    """The text with nought for the ids of the cluster and its member and for the term."""
    for pattern, instead in OWN:
        text = re.sub(pattern, instead, text)
    return text


class Background:
    """An etcdctl that goes on. Its lines are read as they come."""

    def __init__(self, command, environment):
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True, bufsize=1)
        self._out = Reader(lambda: self._process.stdout.readline() or None)
        self._err = Reader(lambda: self._process.stderr.readline() or None)

    @property
    def pid(self):
        return self._process.pid

    def line(self):
        """The next line that it prints, without its end."""
        return self._out.take(DEADLINE).rstrip("\n")

    def lines(self, count):
        return [self.line() for _ in range(count)]

    def error_line(self):
        return self._err.take(DEADLINE).rstrip("\n")

    def write(self, text):
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, deadline=DEADLINE):
        """Its status, what else it printed, and what else it said on stderr."""
        code = self._process.wait(deadline)
        return code, "".join(self._out.take_all(DEADLINE)), "".join(self._err.take_all(DEADLINE))

    def end(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(DEADLINE)
        for reader in (self._out, self._err):
            try:
                while True:
                    reader.take(DEADLINE)
            except Ended:
                pass
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.stderr.close()


class Etcdctl:
    """etcdctl against one port. Call it with its words: what it prints comes back, and it must end well and say nothing
    else. `user`: "name:password"; `options` go before the words."""

    def __init__(self, port, user=None, options=()):
        self.port = port
        self.endpoint = f"127.0.0.1:{port}"
        self._user = user
        self._options = [str(option) for option in options]
        self._running = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ETCDCTL_", "LARDER_"))}
        self._environment = {**kept, "ETCDCTL_API": "3"}

    def as_user(self, user):
        """The same, logged in. Used up together with this one."""
        other = Etcdctl(self.port, user, self._options)
        other._running = self._running
        return other

    def _command(self, words):
        user = ["--user", self._user] if self._user else []
        # A busy machine is no failure; who wants less says so in `words`, of which the last counts. To log in is part of dialling.
        patience = ["--command-timeout", "20s", "--dial-timeout", "20s"]
        return [etcdctl_path(), "--endpoints", self.endpoint, *patience, *self._options, *user, *(str(word) for word in words)]

    def run(self, *words, stdin=""):
        return subprocess.run(self._command(words), env=self._environment, input=stdin, capture_output=True, text=True,
                              timeout=DEADLINE)

    def __call__(self, *words, stdin=""):
        """What it prints. On a busy machine it may say that it has tried again: a line of its log."""
        done = self.run(*words, stdin=stdin)
        said = [line for line in done.stderr.splitlines() if not line.startswith('{"level":"warn"')]
        assert (done.returncode, said) == (0, []), f"etcdctl {words}: {done}"
        return done.stdout

    def plain(self, *words, stdin=""):
        return without_ids(self(*words, stdin=stdin))

    def fails(self, *words, stdin=""):
        """(status, error text): it must print nothing but an error."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode != 0 and done.stdout == "", f"etcdctl {words}: {done}"
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1, f"etcdctl {words}: {done}"
        return done.returncode, errors[0].removeprefix("Error: ")

    def start(self, *words):
        self._running.append(Background(self._command(words), self._environment))
        return self._running[-1]

    def end(self):
        for each in self._running:
            each.end()


def interrupt(background):
    """Ends a lock or an election as a person does; it gives back what it holds first."""
    background.signal(signal.SIGINT)
    return background.wait()
