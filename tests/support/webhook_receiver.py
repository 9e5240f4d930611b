"""A real receiver of the owner's webhook: an HTTP server that keeps what it is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.http_server import serving

PATH = "/services/T0001/B0002/token-of-the-webhook-3"
"""What Slack's URLs look like; nobody but the fleet may know it."""


class Receiver:
    """What one receiver was told, and how it answers."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
        self.status = 200
        self.texts: list[str] = []
        """What it took, in order."""
        self.refused = 0
        """How often it answered anything but 200."""


@contextlib.contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if receiver.status == 200:
                assert self.path == PATH
                assert self.headers["Content-Type"] == "application/json"
                assert list(body) == ["text"]
                receiver.texts.append(body["text"])
            else:
                receiver.refused += 1
            self.send_response(receiver.status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver = Receiver(server)
    with serving(server):
        yield receiver
