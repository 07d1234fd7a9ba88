"""A proxy before a socket that forwards until it is told to keep everything to itself, as dead networks do.

with blackhole("/tmp/postgres/.s.PGSQL.5432") as proxy:
    ...                        # connect to 127.0.0.1:proxy.port
    proxy.swallow()            # connections stay open and silent; new ones, too
    proxy.forward()            # new connections work; those from before stay silent
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Proxy:
    """Forwards bytes both ways."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._swallows = threading.Event()
        self.port = int(self._listening.getsockname()[1])

    def swallow(self) -> None:
        """Pass nothing on any more."""
        self._swallows.set()

    def forward(self) -> None:
        """Pass on what comes over new connections."""
        self._swallows = threading.Event()

    def run(self) -> None:
        """Accept connections until `close`."""
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                self._open.append(near)
                if self._swallows.is_set():
                    continue
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._path)
                self._open.append(far)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._pump, args=(one, other, self._swallows), daemon=True
                    ).start()

    def _pump(self, one: socket.socket, other: socket.socket, swallows: threading.Event) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if not swallows.is_set():
                    other.sendall(data)
            if not swallows.is_set():
                other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Hang up everywhere."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def blackhole(path: str) -> Iterator[Proxy]:
    """A proxy before the Unix socket at `path`."""
    proxy = Proxy(path)
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
