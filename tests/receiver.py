"""A scripted HTTP server on loopback: keeps what it was sent, and answers as a test wants it to.

with receiving() as receiver:
    receiver.replies.append(Reply(503, {"Retry-After": "30"}))
    ...
    receiver.requests[0].json()
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 60.0  # seconds that anything here waits for a test before it gives up


@dataclass(frozen=True)
class Request:
    """What came; headers are read without regard to case."""

    method: str
    path: str  # with the query
    headers: Message
    body: bytes
    connection: int  # counted from 1, in the order in which they were made

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer and how it is given. Content-Length is added unless `headers` say how long the body is."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lost: bool = False  # the request was read and acted on, then the connection closes without an answer
    drip: float | None = None  # seconds between the bytes of the body
    drip_head: float | None = None  # ... and between those of status line and headers
    hold: threading.Event | None = None  # wait for it before answering
    raw: bytes | None = None  # these bytes instead of an HTTP answer, then the connection closes
    close: bool = False  # the connection closes after the answer, which says so


Act = Callable[[Request], Reply]


class Receiver:
    """What arrived, and what is answered next."""

    def __init__(self, url: str = "") -> None:
        self.url = url  # without a slash at its end
        self.requests: list[Request] = []
        self.replies: deque[Reply | Act] = deque()  # one for each request; when empty: `otherwise`
        self.otherwise: Reply | Act = Reply()
        self.violations: list[str] = []  # what a strict server would refuse
        self.connections = 0  # that were made
        self.closed = 0  # ... and closed again by this side
        self.faults: list[str] = []  # exceptions in functions of the test
        self.stopping = threading.Event()
        self._came = threading.Condition()

    def wait_for(self, count: int) -> list[Request]:
        """Wait until `count` requests have come in all; fails when no more come."""
        with self._came:
            while len(self.requests) < count:
                assert self._came.wait(PATIENCE), f"{len(self.requests)} requests came, not {count}"
        return self.requests

    def wait_for_closed(self, count: int) -> None:
        """Wait until this side has closed `count` connections in all."""
        with self._came:
            assert self._came.wait_for(lambda: self.closed >= count, PATIENCE)

    def hung_up(self) -> None:
        """A connection was closed."""
        with self._came:
            self.closed += 1
            self._came.notify_all()

    def connected(self) -> int:
        """The number of a new connection."""
        with self._came:
            self.connections += 1
            return self.connections

    def take(self, request: Request) -> Reply:
        """Keep `request` and decide its answer."""
        with self._came:
            self.violations.extend(violations(request))
            reply = self.replies.popleft() if self.replies else self.otherwise
        try:
            return reply if isinstance(reply, Reply) else reply(request)
        finally:
            with self._came:
                self.requests.append(request)
                self._came.notify_all()


def violations(request: Request) -> Iterator[str]:
    """What is wrong with a request in the eyes of a server that is strict."""
    headers = request.headers
    for name in ("Host", "User-Agent"):
        if len(headers.get_all(name, [])) != 1:
            yield f"not one {name}"
    doubled = {name for name in map(str.lower, headers) if len(headers.get_all(name, [])) > 1}
    if doubled:
        yield f"headers that came twice: {sorted(doubled)}"
    if "Cookie" in headers:
        yield "a cookie"
    if request.method in {"POST", "PUT", "PATCH"} and "Content-Length" not in headers:
        yield "no Content-Length"
    if request.body:
        yield from _violations_of_body(headers.get("Content-Type", ""), request.body)


def _violations_of_body(kind: str, body: bytes) -> Iterator[str]:
    essence = kind.partition(";")[0].strip().lower()
    if not essence:
        yield "a body without Content-Type"
    elif essence == "application/x-www-form-urlencoded":
        yield "a form body"
    elif essence.endswith("json"):
        try:
            told = json.loads(body.decode())
        except ValueError:
            yield "a body that is not JSON in UTF-8"
        else:
            yield from ["null in JSON"] * _has_null(told)


def _has_null(told: Any) -> bool:
    if isinstance(told, dict):
        return any(map(_has_null, told.values()))
    return any(map(_has_null, told)) if isinstance(told, list) else told is None


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True  # no thread of a test outlives it
    request_queue_size = 128

    def __init__(self, receiver: Receiver, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver
        self.tls = tls
        self.open: set[socket.socket] = set()
        receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note it before its thread begins, so that none is left open by `hang_up`."""
        self.open.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(PATIENCE)
        if self.tls is not None:
            request = self.tls.wrap_socket(request, server_side=True)
            self.open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            request.close()
            self.receiver.hung_up()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news; anything else is a mistake in the test."""

    def hang_up(self) -> None:
        for connection in list(self.open):
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a whole answer in one packet
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.number = self.server.receiver.connected()

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self._chunks() if self.headers.get("Transfer-Encoding") else self.rfile.read(length)
        if len(body) < length:  # whoever sent it ended halfway
            self.close_connection = True
            return
        request = Request(self.command, self.path, self.headers, body, self.number)
        try:
            reply = self.server.receiver.take(request)
        except Exception as fault:
            self.server.receiver.faults.append(repr(fault))
            raise
        if reply.hold is not None:
            self._wait(reply.hold)
        self._give(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_CONNECT = handle_any  # noqa: N815 (http.server's names)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _wait(self, event: threading.Event) -> None:
        for _ in range(int(PATIENCE / 0.01)):
            if event.wait(0.01) or self.server.receiver.stopping.is_set():
                return

    def _give(self, reply: Reply) -> None:
        if reply.lost or reply.raw is not None or reply.close:
            self.close_connection = True
        if reply.lost:
            return
        if reply.raw is not None:
            self._write(reply.raw, reply.drip)
            return
        self._write(self._head(reply), reply.drip_head)
        if self.command != "HEAD":
            self._write(reply.body, reply.drip)

    def _head(self, reply: Reply) -> bytes:
        known = {name.lower() for name in reply.headers}
        headers = dict(reply.headers)
        if not known & {"content-length", "transfer-encoding"} and reply.status not in {204, 304}:
            headers["Content-Length"] = str(len(reply.body))
        if reply.close:
            headers["Connection"] = "close"
        phrase = HTTPStatus(reply.status).phrase if reply.status in list(HTTPStatus) else "?"
        lines = [f"HTTP/1.1 {reply.status} {phrase}", *map(": ".join, headers.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def _write(self, data: bytes, drip: float | None) -> None:
        if drip is None:
            self.wfile.write(data)
            self.wfile.flush()
            return
        for at in range(len(data)):
            self.wfile.write(data[at : at + 1])
            self.wfile.flush()
            if self.server.receiver.stopping.wait(drip):
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Nothing: tests are quiet."""


@contextmanager
def receiving(*, strict: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a free port of loopback. `strict`: fails in the end if a request broke a rule."""
    receiver = Receiver()
    server = _Server(receiver, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stopping.set()
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()
    assert receiver.faults == []
    assert not strict or receiver.violations == []
