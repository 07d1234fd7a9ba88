"""A wire on loopback between a feed reader and a server, which keeps what went over it.

The server logs no requests, so a test puts a recorder in between and reads there what was asked and answered:

with recording("http://127.0.0.1:8000/") as wire:
    ...                                 # a reader polls wire.url + "rss.xml"
    assert wire.take()[0].status == 304
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 60.0  # seconds that the server has for an answer
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding"}  # not handed on (RFC 9110, 7.6.1)


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; headers are read without regard to case."""

    method: str
    path: str  # with the query
    asked: Message
    status: int
    answered: Message
    length: int  # bytes of the body as they were sent, compressed or not

    @property
    def is_conditional(self) -> bool:
        """Whether the reader said what it has already."""
        return "If-None-Match" in self.asked or "If-Modified-Since" in self.asked


class Wire:
    """What went over it since the last look."""

    def __init__(self, upstream: str) -> None:
        self.url = ""  # of the root of what the server serves; ends in a slash
        self.upstream = urlsplit(upstream).netloc
        self._exchanges: list[Exchange] = []
        self._lock = threading.Lock()

    def note(self, exchange: Exchange) -> None:
        """Keep one more."""
        with self._lock:
            self._exchanges.append(exchange)

    def take(self) -> tuple[Exchange, ...]:
        """The exchanges since the last call, in the order in which they were answered; forgets them."""
        with self._lock:
            taken, self._exchanges = tuple(self._exchanges), []
        return taken


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, wire: Wire, *arguments: Any) -> None:
        self._wire = wire
        super().__init__(*arguments)

    def do_GET(self) -> None:
        status, headers, body = self._fetch()
        exchange = Exchange(self.command, self.path, self.headers, status, headers, len(body))
        self._wire.note(exchange)  # before the reader has the answer, and may ask for the record
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in OF_THE_CONNECTION:
                self.send_header(name, value)
        if "Content-Length" not in headers and status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 (the name is the base class's)

    def _fetch(self) -> tuple[int, Message, bytes]:
        """The server's answer, byte for byte; 502 where there is none."""
        connection = HTTPConnection(self._wire.upstream, timeout=PATIENCE)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in OF_THE_CONNECTION:
                    connection.putheader(name, value)
            connection.endheaders()
            with connection.getresponse() as answer:
                return answer.status, answer.headers, answer.read()
        except (OSError, HTTPException):
            return 502, HTTPMessage(), b""
        finally:
            connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Nothing: tests are quiet."""


@contextmanager
def recording(upstream: str) -> Iterator[Wire]:
    """A wire to the server at `upstream`, which need not run yet."""
    wire = Wire(upstream)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Relay, wire)) as server:
        wire.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield wire
        finally:
            server.shutdown()
            thread.join()
