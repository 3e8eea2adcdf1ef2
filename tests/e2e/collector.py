# SPDX-License-Identifier: Apache-2.0
"""A collector of OTLP over HTTP for tests: it keeps what it is told, and answers as it is told to."""
import http.server
import threading

from otlp import metrics_of, spans_of

DEADLINE = 30


class Collector:
    """`answers` are what it says to the first posts of spans: a status, or (status, Retry-After); then 200. While it is held it says
    nothing to anybody."""

    def __init__(self, answers=(), port=0):
        self.changed = threading.Condition()
        self.answers = list(answers)
        self.open = threading.Event()
        self.open.set()
        self.posts = []  # (path, headers, body), as they came in
        self.taken = []  # those that were answered with 200
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.handle(self, body)

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Listener(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def handle(self, handler, body):
        post = (handler.path, dict(handler.headers.items()), body)
        with self.changed:
            self.posts.append(post)
            answer = self.answers.pop(0) if self.answers and handler.path == "/v1/traces" else 200
            self.changed.notify_all()
        self.open.wait()
        status, retry_after = answer if isinstance(answer, tuple) else (answer, None)
        if status == 200:
            with self.changed:
                self.taken.append(post)
                self.changed.notify_all()
        try:
            handler.send_response(status)
            if retry_after is not None:
                handler.send_header("Retry-After", str(retry_after))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        except OSError:
            pass  # who asked is gone

    def wait_for(self, condition, what):
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE), f"not within {DEADLINE} s: {what}; posts: {len(self.posts)}"

    def bodies(self, path, taken=True):
        return [body for at, _, body in (self.taken if taken else self.posts) if at == path]

    def spans(self):
        return [span for body in self.bodies("/v1/traces") for span in spans_of(body)]

    def metrics(self):
        """The last that came; each tells all since the program began."""
        return metrics_of(self.bodies("/v1/metrics")[-1])

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
