"""A proxy on loopback between two parts, which delays, cuts, swallows or refuses what passes, as a test says.

It relays bytes and knows of HTTP only so much that it can name requests, and answer one for the server.
Faults are taken in the order in which they were added; a request that none is for passes. A connection on
which something was swallowed stays silent for good, as those from before a network died do.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

CHUNK = 65536
REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
PATIENCE = 120.0  # seconds that something is held at most, should a test forget about it

_closing = threading.Lock()  # held by the one who closes a connection


class Fault(Enum):
    """What happens to what a client says."""

    CUT = "the connection is closed, and the server hears nothing"
    LOSE = "the server hears it, and the connection is closed before its answer"
    SWALLOW = "nobody hears it, and nobody answers"
    HOLD = "the server hears it when the test lets it go"
    ANSWER = "the proxy answers for the server"


@dataclass
class Rule:
    """A fault, and what it is for."""

    fault: Fault
    when: Callable[[str], bool]  # of a request, `PUT /bucket/rss.xml`; "" where it is none
    times: float
    answer: bytes = b""
    reached: threading.Event = field(default_factory=threading.Event)  # it has happened
    released: threading.Event = field(default_factory=threading.Event)  # what was held may go on
    is_over: bool = False  # ... and did, because no test let it


class Proxy:
    """Relays connections to a port of this machine, or to a Unix socket by its path.

    `requests` are those that came, in order.
    """

    def __init__(self, upstream: int | str) -> None:
        self._upstream = upstream
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def fail(
        self,
        fault: Fault,
        when: Callable[[str], bool] = lambda _: True,
        *,
        times: float = float("inf"),
        answer: bytes = b"",
    ) -> Rule:
        """Let a fault happen to what comes from now on, so many times."""
        rule = Rule(fault, when, times, answer)
        with self._lock:
            self._rules.append(rule)
        return rule

    def heal(self) -> None:
        """Let everything pass from now on; what was held goes on."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.released.set()

    def cut(self) -> Rule:
        """Close all connections at once, and each new one when it says something."""
        rule = self.fail(Fault.CUT)
        self._hang_up()
        return rule

    def told(self, method: str) -> list[str]:
        """The paths of the requests with a method."""
        return [path for one in self.requests for verb, path in [one.split(" ", 1)] if verb == method]

    def close(self) -> None:
        """End all connections."""
        self.heal()
        _close(self._listener)
        self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            left = list(self._open)
        for connection in left:
            _close(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        try:
            server = self._connect()
        except OSError:
            _close(client)
            return
        with self._lock:
            self._open |= {client, server}
        losing = threading.Event()
        back = threading.Thread(target=_answers, args=(server, client, losing), daemon=True)
        back.start()
        with suppress(OSError):
            self._requests(client, server, losing)
        _close(server)
        _close(client)
        back.join()
        with self._lock:
            self._open -= {client, server}

    def _connect(self) -> socket.socket:
        if isinstance(self._upstream, int):
            return socket.create_connection(("127.0.0.1", self._upstream))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._upstream)
        return server

    def _requests(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        while chunk := client.recv(CHUNK):
            found = REQUEST.match(chunk)
            request = f"{found[1].decode()} {found[2].decode()}" if found else ""
            if request:
                self.requests.append(request)
            rule = self._rule_for(request)
            if rule is None:
                server.sendall(chunk)
                continue
            rule.reached.set()
            if rule.fault is Fault.CUT:
                return
            if rule.fault is Fault.SWALLOW:
                while client.recv(CHUNK):
                    pass
                return
            if rule.fault is Fault.ANSWER:
                _hear_out(client, chunk)
                client.sendall(rule.answer)
                continue
            if rule.fault is Fault.HOLD:
                rule.is_over = not rule.released.wait(PATIENCE)
            else:
                losing.set()
            server.sendall(chunk)

    def _rule_for(self, request: str) -> Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.times > 0 and rule.when(request):
                    rule.times -= 1
                    return rule
        return None


def answer(status: str, body: str = "", **headers: str) -> bytes:
    """An answer in HTTP, such as `500 Internal Server Error`."""
    told = {"Content-Type": "application/xml", "Content-Length": str(len(body.encode())), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in told.items())]
    return "\r\n".join([*lines, "", body]).encode()


def _answers(server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
    with suppress(OSError):
        while chunk := server.recv(CHUNK):
            if losing.is_set():
                break
            client.sendall(chunk)
    _close(client)


def _hear_out(client: socket.socket, heard: bytes) -> None:
    """Take in the rest of a request, so that the client is done when it is answered."""
    while b"\r\n\r\n" not in heard:
        heard += _more(client)
    head, _, body = heard.partition(b"\r\n\r\n")
    length = LENGTH.search(head + b"\r\n")
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        missing -= len(_more(client))


def _more(client: socket.socket) -> bytes:
    """What it says next. Raises ConnectionError if it has gone in the midst of a request."""
    chunk = client.recv(CHUNK)
    if not chunk:
        raise ConnectionError
    return chunk


def _close(connection: socket.socket) -> None:
    """Close it, perhaps while another thread does: never what got its number in the system meanwhile."""
    with _closing:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


@contextmanager
def proxy_to(upstream: int | str) -> Iterator[Proxy]:
    """A proxy that ends with the test."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
