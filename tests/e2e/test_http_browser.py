# SPDX-License-Identifier: Apache-2.0
"""A browser's EventSource: it understands the stream, and comes back by itself with the last id it was told."""
import http.server
import json
import shutil
import subprocess
import threading

import pytest

from httpwire import ask
from server import wait_until

pytestmark = pytest.mark.larder("memcached speaks no HTTP")
DEADLINE = 90
CHROMIUM = shutil.which("chromium")

PAGE = """<!doctype html><title>watch</title><script>
const source = new EventSource("%s");
const tell = (kind, e) => fetch("/seen", {method: "POST", body: JSON.stringify(
    {kind, id: e.lastEventId ?? null, data: e.data ? JSON.parse(e.data) : null})});
for (const kind of ["put", "delete", "progress", "compacted"]) {
    source.addEventListener(kind, e => tell(kind, e));
}
source.onopen = e => tell("open", e);
source.onerror = e => tell("error", e);
</script>
"""


class Listener(http.server.ThreadingHTTPServer):
    """Serves the page, and gathers what it tells."""

    def __init__(self, page):
        self.page = page.encode()
        self.seen = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page)

    def do_POST(self):
        self.server.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def browser(tmp_path):
    """Opens a page that watches a URL; the page and the node are of different origins, which a browser minds by itself."""
    opened = []

    def watch(url):
        listener = Listener(PAGE % url)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        program = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-web-security",
             f"--user-data-dir={tmp_path / 'profile'}", f"http://127.0.0.1:{listener.server_port}/"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(tmp_path / "browser", "wb"))
        opened.append((listener, program))
        return listener.seen
    yield watch
    for listener, program in opened:
        program.terminate()
        program.wait(DEADLINE)
        listener.shutdown()
        listener.server_close()


def test_event_source(tmp_path, browser, start):
    assert CHROMIUM, "chromium is missing: scripts/setup test installs it"
    running = start(tmp_path / "node")
    target = "/config/?watch&prefix=page/"
    seen = browser(f"http://{running.host}:{running.port}{target}")

    def of_kind(*kinds):
        return [event for event in seen if event["kind"] in kinds]

    def waits_for(count, *kinds):
        wait_until(lambda: len(of_kind(*kinds)) >= count, DEADLINE, lambda: f"{count} of {kinds} among {seen}")
    waits_for(1, "progress")
    first = ask(running, "PUT", "/config/page/1", "grüße\n\"zwei\"".encode()).revision
    ask(running, "PUT", "/config/other", b"x")
    waits_for(1, "put")
    assert of_kind("put")[0] == {"kind": "put", "id": str(first), "data": {
        "key": "config/page/1", "create_revision": first, "mod_revision": first, "version": 1, "value": "grüße\n\"zwei\""}}
    gone = ask(running, "DELETE", "/config/page/1").revision
    waits_for(1, "delete")
    assert of_kind("delete")[0]["id"] == str(gone)

    # The node goes away and comes back; meanwhile nothing is lost.
    port = running.port
    running.stop()
    running.port_file.unlink(missing_ok=True)
    waits_for(1, "error")
    running = start(tmp_path / "node", extra=["--listen", f"127.0.0.1:{port}"])
    second = ask(running, "PUT", "/config/page/2", b"back").revision
    waits_for(2, "put")
    assert of_kind("put")[1]["id"] == str(second) and of_kind("put")[1]["data"]["value"] == "back"
    waits_for(2, "progress")  # what the page passes on may overtake what it had before
    assert of_kind("progress")[-1]["id"] in (str(gone), str(second)), "it came back with the last id"
    running.stop()
