"""A web server on loopback for a folder of documents. Its validators are made of bytes, not of times."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

TYPES = {
    "rss.xml": "application/rss+xml",
    "atom.xml": "application/atom+xml",
    "feed.json": "application/feed+json",
}


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, folder: Path, *arguments: Any) -> None:
        self._folder = folder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        path = self._folder / unquote(self.path).lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        body = path.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        current = self.headers.get("If-None-Match") == etag
        self.send_response(304 if current else 200)
        self.send_header("ETag", etag)
        self.send_header("Content-Type", TYPES.get(path.name, "text/html"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not current:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Nothing: tests are quiet."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve `folder` as it is at each request; gives the URL of its root, which ends in a slash."""
    with answering(partial(_Handler, folder)) as url:
        yield url


@contextmanager
def answering(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Let `handler` answer requests in threads of its own; gives the URL of the root, with its slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
