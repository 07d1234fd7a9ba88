"""Connections of urllib3 whose requests can be ended at any moment. Knows sockets, not messages.

Each tells the request's watch how it is ended: while it looks up a name, connects, greets, sends, or reads.
To shut the line wakes whoever waits for it. Nothing is ever sent twice.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError

from feedbot.targets.http_watch import CutShortError, Watch, waited, watch_here, watch_if_any

SERVERS = 128  # to which connections are kept, the last ones used
KEPT = 64  # connections to each, as many as there can be threads
IDLE = 4.0  # seconds after which a kept connection is not used again: many servers close theirs after five


# --- connecting ---


def _addresses(host: str, port: int, watch: Watch) -> list[tuple[Any, ...]]:
    """What getaddrinfo knows."""
    name = host.strip("[]")
    with suppress(socket.gaierror):  # an address needs no look-up, and no thread
        return list(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    return waited(lambda: list(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)), watch)


def _connected(address: tuple[Any, ...], options: Any, seconds: float, watch: Watch) -> socket.socket:
    family, kind, protocol, _, place = address
    line = socket.socket(family, kind, protocol)
    try:
        for option in options or ():
            line.setsockopt(*option)
        line.settimeout(seconds)
        watch.guard(lambda: shut(line))
        line.connect(place)
        line.settimeout(watch.left)
    except BaseException:
        line.close()
        raise
    return line


def _first_connected(host: str, port: int, options: Any, watch: Watch) -> socket.socket:
    """A socket to the first address that takes one; each gets its share of the time that is left."""
    failure: OSError | None = None
    addresses = _addresses(host, port, watch)
    for at, address in enumerate(addresses):
        try:
            return _connected(address, options, watch.left / (len(addresses) - at), watch)
        except OSError as error:
            failure = error
    raise failure or OSError


def shut(line: socket.socket) -> None:
    """Wake whoever sends to or reads from `line`, or from another socket on the same connection."""
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


# --- urllib3's connections, under watch ---


class _Watched(HTTPConnection):
    """A connection that tells the request's watch how it is ended, and what has gone wrong."""

    _line: socket.socket | None = None  # the TCP connection once more, for TLS takes its socket away
    _used = 0.0

    def _new_conn(self) -> socket.socket:
        watch = watch_here()
        try:
            connected = _first_connected(self._dns_host, self.port, self.socket_options, watch)
        except (OSError, UnicodeError) as error:
            watch.trouble, watch.at_proxy = error, self.proxy is not None
            # urllib3 takes a bare ECONNRESET for one that came after the request, and reads on.
            raise NewConnectionError(self, "no connection") from error
        try:
            self._line = line = connected.dup()
            watch.guard(lambda: shut(line))
        except OSError:
            connected.close()
            raise
        return connected

    def connect(self) -> None:
        """Connect, with a proxy's tunnel and TLS where there are such."""
        watch = watch_here()
        try:
            with watch.noting():
                super().connect()
        finally:
            watch.sent = False  # what a proxy was told is not the request

    def _tunnel(self) -> None:
        super()._tunnel()
        if watch_here().cut is not None:
            raise CutShortError  # a line that was cut looks like the end of the proxy's headers

    @property
    def is_connected(self) -> bool:
        """Whether it can be used again."""
        return monotonic() - self._used < IDLE and super().is_connected

    def request(self, *arguments: Any, **options: Any) -> None:
        """Send a request, over a kept connection where there is one."""
        self._used = monotonic()
        if self._line is not None:
            line = self._line
            watch_here().guard(lambda: shut(line))
        super().request(*arguments, **options)

    def send(self, data: Any) -> None:
        """Send bytes; connects first where that is not done."""
        if self.sock is None:
            self.connect()
        watch = watch_here()
        watch.sent = True
        with watch.noting():
            super().send(data)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 overrides it so, too
        """The answer, up to its body."""
        watch = watch_here()
        with watch.noting():
            response = super().getresponse()
            if watch.cut is not None:
                response.close()
                raise CutShortError  # a line that was cut looks like the end of the headers
            return response

    def close(self) -> None:
        """Close; an answer that is still being read stays under watch."""
        super().close()
        line, self._line = self._line, None
        watch = watch_if_any()
        if line is not None and watch is not None:
            watch.at_end(line.close)
        elif line is not None:
            line.close()


class _WatchedTls(_Watched, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


POOLS = {"http": _Pool, "https": _TlsPool}


class WatchedAdapter(HTTPAdapter):
    """The way of `requests` to these connections, straight or through a proxy. It sends nothing again."""

    def __init__(self) -> None:
        super().__init__(max_retries=0, pool_connections=SERVERS, pool_maxsize=KEPT)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Pools of connections straight to servers."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Pools of connections through `proxy`."""
        if proxy.lower().startswith("socks"):
            raise requests.exceptions.InvalidSchema  # its connections could not be watched
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = POOLS
        return manager
