"""The output folder over HTTP: serves the bytes that lie there, and never renders.

Conditional requests after RFC 9110, section 13: a strong ETag made of the content, and Last-Modified of the
last real change, so that an unchanged feed costs a reader nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from granian.constants import Interfaces
from granian.server.embed import Server as GranianServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from feedbot.errors import ServeError
from feedbot.model import FILENAMES, MEDIA_TYPES

MAX_AGE = 300  # seconds that a reader may keep a document without asking

TYPES = {FILENAMES[format_]: f"{type_}; charset=utf-8" for format_, type_ in MEDIA_TYPES.items()}
TYPES_BY_SUFFIX = {".html": "text/html; charset=utf-8", ".opml": "text/x-opml; charset=utf-8"}
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A document as it is on disk now."""

    body: bytes
    etag: str
    modified: float  # seconds since 1970
    media_type: str

    def headers(self) -> dict[str, str]:
        """The headers that a 200 and a 304 share (RFC 9110, 15.4.5), and those that readers expect."""
        return {
            "ETag": self.etag,
            "Last-Modified": formatdate(self.modified, usegmt=True),
            "Cache-Control": f"public, max-age={MAX_AGE}",
            "Access-Control-Allow-Origin": "*",
            **(PAGE_HEADERS if self.media_type.startswith("text/html") else {}),
        }


class Shelf:
    """Documents by their path, read again whenever their stat changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, tuple[tuple[int, int, int], Resource]] = {}

    def find(self, path: str) -> Resource | None:
        """The document at `path`, or None: nothing outside the folder, nothing hidden, no listing."""
        parts = path.split("/")
        if any(part in ("", ".", "..") or part.startswith(".") or "\0" in part for part in parts):
            return None
        media_type = TYPES.get(parts[-1]) or TYPES_BY_SUFFIX.get(Path(parts[-1]).suffix)
        if media_type is None:
            return None
        try:
            return self._open(path, media_type)
        except OSError:
            return None

    def is_folder(self, path: str) -> bool:
        """Whether `path` names a feed's folder."""
        return self.find(f"{path}/index.html") is not None

    def _open(self, path: str, media_type: str) -> Resource | None:
        target = self._folder / path
        if not target.resolve().is_relative_to(self._folder.resolve()):
            return None
        # The stat of the open file, not of the path: it may be replaced at any moment.
        with target.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            kept = self._kept.get(path)
            if kept and kept[0] == stamp:
                return kept[1]
            body = file.read()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        resource = Resource(body, etag, status.st_mtime, media_type)
        self._kept[path] = (stamp, resource)
        return resource


def is_current(resource: Resource, headers: Mapping[str, str]) -> bool:
    """Whether the client has the resource already (RFC 9110, 13.1.2 and 13.1.3): ETags win over dates."""
    if (tags := headers.get("if-none-match")) is not None:
        return tags.strip() == "*" or resource.etag in re.findall(r'"[^"]*"', tags)
    if (since := headers.get("if-modified-since")) is not None:
        try:
            return int(resource.modified) <= parsedate_to_datetime(since).timestamp()
        except ValueError:
            return False
    return False


def make_app(folder: Path) -> Starlette:
    """The application that serves `folder`."""
    shelf = Shelf(folder)

    async def answer(request: Request) -> Response:
        path = request.path_params["path"]
        resource = shelf.find(f"{path}index.html" if path == "" or path.endswith("/") else path)
        if resource is None:
            if path and shelf.is_folder(path):
                return RedirectResponse(f"/{quote(path)}/", status_code=301)
            return PlainTextResponse(
                "There is no such feed here. The list of all feeds is at /\n", status_code=404
            )
        if is_current(resource, request.headers):
            return Response(status_code=304, headers=resource.headers())
        return Response(resource.body, headers=resource.headers(), media_type=resource.media_type)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "HEAD"])])


# Where people find a server that listens on every address of the machine.
SHOWN = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - only shown


class Server:
    """An HTTP server in this process; `run` blocks until `stop` is called from any thread."""

    def __init__(self, folder: Path, host: str, port: int) -> None:
        """Raises ServeError when the address cannot be had."""
        require_address(host, port)
        self.host = host
        self.port = port
        self._app = make_app(folder)
        self.url = f"http://{SHOWN.get(host, host)}:{port}/"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: GranianServer | None = None

    def run(self, *, until_signal: bool = False) -> None:
        """Serve until `stop`, or in the main thread until SIGTERM or SIGINT."""
        asyncio.run(self._serve(until_signal))

    async def _serve(self, until_signal: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = GranianServer(
            self._app,
            address=self.host,
            port=self.port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
        )
        if until_signal:
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self._server.stop)
        await self._server.serve()

    def stop(self) -> None:
        """Finish the answers in flight and return from `run`; may be called before `run` has begun."""
        if self._loop and self._server:
            self._loop.call_soon_threadsafe(self._server.stop)


def require_address(host: str, port: int) -> None:
    """Raise ServeError unless `host` and `port` can be listened on now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ServeError(
            f"cannot listen on {host}:{port}: {error.strerror or error}. Another program may use the port:"
            " choose another with --port"
        ) from error
