"""The output folder over HTTP: serves the bytes that lie there, and never renders.

Conditional requests after RFC 9110, section 13: a strong ETag made of the content, and Last-Modified of the
last real change, so that an unchanged feed costs a reader nothing. Only what feedbot writes is served: no
hidden file, no listing, nothing outside the folder.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import re
import signal
import socket
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as GranianServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from feedbot.errors import ServeError
from feedbot.model import FILENAMES, MEDIA_TYPES

log = logging.getLogger(__name__)

MAX_AGE = 300  # seconds that a reader may keep a document without asking
RETRY_AFTER = 60  # seconds, where a document cannot be read just now
ROOM = 64 * 1024 * 1024  # bytes of documents held in memory
CLOCK_TICK = 20_000_000  # nanoseconds within which two changes of a file may bear the same time
GRACE = 3.0  # seconds for answers in flight at the end; less than platforms wait before they kill
CONNECTIONS = 800  # at once, idle ones included; usually a process may have 1,024 files open
IDLE_MS = 15_000  # without the next request, after which a connection is closed

UTF8 = "; charset=utf-8"
TYPES = {  # JSON is UTF-8 without being told (RFC 8259, section 11)
    FILENAMES[format_]: type_ + (UTF8 if type_.endswith("xml") else "")
    for format_, type_ in MEDIA_TYPES.items()
}
TYPES_BY_SUFFIX = {".html": "text/html" + UTF8, ".opml": "text/x-opml" + UTF8}
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
}
NOT_HERE = """\
<!doctype html><meta charset="utf-8"><title>Not here</title>
<p>There is no such feed here. <a href="/">All feeds</a></p>
"""
ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """A document as it is on disk now."""

    body: bytes
    etag: str
    modified: int  # whole seconds since 1970
    media_type: str

    def headers(self, now: float) -> dict[str, str]:
        """The headers that a 200 and a 304 share (RFC 9110, 15.4.5), and those that readers expect."""
        dated = {"Last-Modified": formatdate(self.modified, usegmt=True)} if self.is_dated(now) else {}
        return {
            "ETag": self.etag,
            **dated,
            "Cache-Control": f"public, max-age={MAX_AGE}",
            "Access-Control-Allow-Origin": "*",
            "X-Content-Type-Options": "nosniff",
            **(PAGE_HEADERS if self.media_type.startswith("text/html") else {}),
        }

    def is_dated(self, now: float) -> bool:
        """Whether `modified` can tell this content from a later one: not before its second is over."""
        return self.modified < int(now)


def is_current(resource: Resource, now: float, *, tags: str | None, since: str | None) -> bool:
    """Whether the client has the resource already: ETags win over dates (RFC 9110, 13.1.2 and 13.1.3).

    `tags` and `since` are the values of If-None-Match and If-Modified-Since.
    """
    if tags is not None:
        return tags.strip() == "*" or resource.etag in re.findall(r'"[^"]*"', tags)
    return since is not None and resource.is_dated(now) and resource.modified <= _seconds(since)


def _seconds(date: str) -> float:
    """Seconds since 1970 of an HTTP date, which is in GMT whether it says so or not; 0 if it is none."""
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


class Shelf:
    """Documents by their path, read again whenever their stat changes; holds at most `room` bytes of them."""

    def __init__(self, folder: Path, room: int = ROOM) -> None:
        self._folder = folder
        self._room = room
        self._held: OrderedDict[str, tuple[Stamp, Resource]] = OrderedDict()
        self.size = 0  # bytes held

    def find(self, path: str) -> Resource | None:
        """The document at `path`, or None: nothing outside the folder, nothing hidden, no listing.

        Raises OSError when it is there and cannot be read.
        """
        parts = path.split("/")
        if any(part == "" or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            return None
        media_type = TYPES.get(parts[-1]) or TYPES_BY_SUFFIX.get(Path(parts[-1]).suffix)
        if media_type is None:
            return None
        try:
            return self._look_up(path, media_type)
        except UnicodeEncodeError:  # not a name that a file can have
            return None
        except OSError as error:
            self._drop(path)
            if error.errno in ABSENT:
                return None
            raise

    def is_folder(self, path: str) -> bool:
        """Whether `path` names a feed's folder."""
        return self.find(f"{path}/index.html") is not None

    def _look_up(self, path: str, media_type: str) -> Resource | None:
        target = self._folder / path
        stamp, held = _stamp(target.stat()), self._held.get(path)
        if held and held[0] == stamp:
            self._held.move_to_end(path)
            return held[1]
        self._drop(path)
        resolved = target.resolve(strict=True)
        if not resolved.is_relative_to(self._folder.resolve()):
            return None  # a symbolic link that leads out
        return self._read(path, resolved, media_type)

    def _read(self, path: str, target: Path, media_type: str) -> Resource | None:
        # Without waiting, should it be a pipe; and the stat of what is open, for the path may be replaced.
        with os.fdopen(os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            body = file.read()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        resource = Resource(body, etag, int(status.st_mtime), media_type)
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > CLOCK_TICK:
            self._hold(path, _stamp(status), resource)
        return resource

    def _hold(self, path: str, stamp: Stamp, resource: Resource) -> None:
        self._held[path] = (stamp, resource)
        self.size += len(resource.body)
        while self.size > self._room:
            self._drop(next(iter(self._held)))

    def _drop(self, path: str) -> None:
        if dropped := self._held.pop(path, None):
            self.size -= len(dropped[1].body)


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)


def make_app(folder: Path) -> Starlette:
    """The application that serves `folder`."""
    shelf = Shelf(folder)

    async def answer(request: Request) -> Response:
        return _answer(shelf, request)

    return Starlette(
        routes=[Route("/{path:path}", answer, methods=["GET", "HEAD"])],
        exception_handlers={OSError: _apologise, Exception: _apologise},
    )


def _answer(shelf: Shelf, request: Request) -> Response:
    path: str = request.path_params["path"]
    resource = shelf.find(f"{path}index.html" if path == "" or path.endswith("/") else path)
    if resource is None:
        if path and shelf.is_folder(path):
            # Relative, so that it holds behind a proxy that serves the feeds below a path of its own.
            name = quote(path.rpartition("/")[2])
            return Response(status_code=301, headers={"Location": f"./{name}/"})
        return HTMLResponse(NOT_HERE, status_code=404, headers={**PAGE_HEADERS, "Cache-Control": "no-cache"})
    now = time.time()
    lists = request.headers.getlist("if-none-match")
    tags = ", ".join(lists) if lists else None
    if is_current(resource, now, tags=tags, since=request.headers.get("if-modified-since")):
        return Response(status_code=304, headers=resource.headers(now))
    return Response(resource.body, headers=resource.headers(now), media_type=resource.media_type)


async def _apologise(request: Request, error: Exception) -> Response:
    """For what is there and cannot be read. Not 404, for which readers give a feed up."""
    log.error("cannot answer a request for %r: %r", request.url.path, error)
    headers = {"Retry-After": str(RETRY_AFTER)}
    return PlainTextResponse("This cannot be read just now.\n", status_code=503, headers=headers)


# Where people find a server that listens on every address of the machine.
SHOWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only shown


class Server:
    """An HTTP server in this process; `run` blocks until `stop` is called from any thread, even before it."""

    def __init__(self, folder: Path, host: str, port: int) -> None:
        """Raises ServeError when the address cannot be had."""
        self._address = find_address(host, port)
        self._host = host
        self._port = port
        self._app = make_app(folder)
        shown = SHOWN.get(host, host)
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
        self._lock = threading.Lock()
        self._stopped = False
        self._wake: Callable[[], object] | None = None

    def run(self, *, until_signal: bool = False) -> None:
        """Serve until `stop`, or in the main thread until SIGTERM or SIGINT; a second one ends the process.

        Raises ServeError when the server cannot start, or ends by itself.
        """
        asyncio.run(self._serve(until_signal))

    def stop(self) -> None:
        """Let `run` return once the answers in flight are given, after GRACE seconds at the latest."""
        with self._lock:
            self._stopped = True
            if self._wake:
                self._wake()

    async def _serve(self, until_signal: bool) -> None:
        loop, asked = asyncio.get_running_loop(), asyncio.Event()
        if until_signal:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, _on_signal, number, asked)
        with self._lock:
            if self._stopped:
                return
            self._wake = lambda: loop.call_soon_threadsafe(asked.set)
        try:
            await self._serve_until(asked)
        finally:
            with self._lock:
                self._wake = None

    async def _serve_until(self, asked: asyncio.Event) -> None:
        server = self._granian()
        serving, waiting = asyncio.create_task(server.serve()), asyncio.create_task(asked.wait())
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if asked.is_set():
            server.stop()  # type: ignore[no-untyped-call] # granian leaves it so
            await asyncio.wait({serving}, timeout=GRACE)
        if not serving.done():
            serving.cancel()  # somebody takes an answer too slowly, or never ends a request
            return
        try:
            serving.result()
        except OSError as error:
            raise ServeError(_cannot_listen(self._host, self._port, error)) from error
        if not asked.is_set():
            raise ServeError(f"the HTTP server at {self.url} ended by itself: start it again")

    def _granian(self) -> GranianServer:
        return GranianServer(
            self._app,
            address=self._address,
            port=self._port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
            backpressure=CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=IDLE_MS),
        )


def _on_signal(number: int, asked: asyncio.Event) -> None:
    if asked.is_set():
        os._exit(128 + number)
    asked.set()


def find_address(host: str, port: int) -> str:
    """The IP address of `host`. Raises ServeError unless it and `port` can be listened on now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise ServeError(_cannot_listen(host, port, error)) from error
    return str(address[0])


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> str:
    """What is wrong with an address, and what to do."""
    what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    hints = {
        errno.EADDRINUSE: "another program uses the port: end it, or choose another with --port",
        errno.EACCES: "ports below 1024 are for the administrator: choose another with --port",
    }
    number = error.errno if isinstance(error, OSError) else None
    hint = hints.get(number or 0, "choose an address of this machine with --host, such as 127.0.0.1")
    return f"cannot listen on {host}:{port} ({what}); {hint}"
