"""A server over a folder in this process, and somebody who asks it over real sockets."""

from __future__ import annotations

import gzip
import http.client
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import brotli
from starlette.routing import Route

from feedbot.server import Disk, Server, Source, Terms

PATIENCE = 60.0  # seconds until a test gives up

_numbers = itertools.count(os.getpid())

DECODERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "br": brotli.decompress}


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]  # names in lower case; no header of ours comes twice
    body: bytes

    @property
    def content(self) -> bytes:
        """The body without its coding."""
        coding = self.headers.get("content-encoding")
        return DECODERS[coding](self.body) if coding else self.body


@dataclass
class Visited:
    """A served folder, and a visitor of it."""

    folder: Path
    port: int

    def ask(self, path: str, method: str = "GET", **headers: str | Sequence[str]) -> Reply:
        """Ask once, for no coding. `If_Range="x"` is a header, and a list of values is one for each."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            return ask(connection, path, method, **headers)
        finally:
            connection.close()

    def say(self, text: bytes) -> bytes:
        """Send bytes, and give what comes until the server closes the connection."""
        with self.connect() as connection:
            connection.sendall(text)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


def ask(
    connection: http.client.HTTPConnection, path: str, method: str = "GET", **headers: str | Sequence[str]
) -> Reply:
    """Ask over a connection that stays open."""
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, values in headers.items():
        for value in [values] if isinstance(values, str) else values:
            connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    response = connection.getresponse()
    told = [(name.lower(), value) for name, value in response.getheaders()]
    assert len(dict(told)) == len(told), told
    return Reply(response.status, dict(told), response.read())


def free_port() -> int:
    """A port of loopback on which nobody listens, and on which nobody will before it is used.

    It is below those that the system gives to whoever wants any, and those who test beside us have others.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for number in _numbers:
        port = 20_000 + 1000 * (worker % 12) + number % 1000
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("numbers never end")


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def visited(
    folder: Path,
    terms: Terms | None = None,
    routes: Sequence[Route] = (),
    source: Source | None = None,
    **settings: float,
) -> Iterator[Visited]:
    """A server over `folder`, or over `source` with the same documents, in a thread of this process."""
    port = free_port()
    server = Server(source or Disk(folder), "127.0.0.1", port, terms, routes, **settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: is_listening(port), "the server")
        yield Visited(folder, port)
    finally:
        server.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()
