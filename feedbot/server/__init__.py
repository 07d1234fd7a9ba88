"""The output over HTTP: serves the bytes that lie there, and never renders.

Conditional requests after RFC 9110, section 13: a strong ETag made of the content, one for each coding, and
Last-Modified of the last real change, so that an unchanged feed costs a reader nothing. Only what feedbot
writes is served: no hidden file, no listing, nothing outside the folder.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Sequence

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as GranianServer
from starlette.routing import Route

from feedbot.errors import ServeError, first_line
from feedbot.server.app import App
from feedbot.server.headers import Terms
from feedbot.server.listening import cannot_listen, find_address, system_error, url_of
from feedbot.server.quick import worker_for
from feedbot.server.sources import Disk, Source, source_of

__all__ = ["App", "Disk", "Server", "Source", "Terms", "source_of"]

GRACE = 3.0  # seconds for answers in flight at the end; less than platforms wait before they kill
CONNECTIONS = 800  # at once, idle ones included; usually a process may have 1,024 files open
IDLE = 15.0  # seconds without a whole request, after which a connection is closed
PATIENCE = 30.0  # seconds in which a client takes nothing of its answer, after which it is left
BUFFER = 64 * 1024  # bytes that the headers of a request may have, and that wait to be written


class Server:
    """An HTTP server in this process; `run` blocks until `stop` is called from any thread, even before it."""

    def __init__(
        self,
        source: Source,
        host: str,
        port: int,
        terms: Terms | None = None,
        routes: Sequence[Route] = (),
        *,
        idle: float = IDLE,
        patience: float = PATIENCE,
    ) -> None:
        """`routes` come before the documents. Raises ServeError when the address cannot be had."""
        self._address = find_address(host, port)
        self._host = host
        self._port = port
        self._app = App(source, terms or Terms(), routes)
        self._idle = idle
        self._patience = patience
        self.url = url_of(host, port)
        self._lock = threading.Lock()
        self._stopped = False
        self._wake: Callable[[], object] | None = None

    def has_documents(self) -> bool:
        """Whether there is anything to serve yet; True also where that cannot be told."""
        return self._app.has_documents()

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
        serving = asyncio.create_task(server.serve(worker_for(self._app, self._patience)))
        waiting = asyncio.create_task(asked.wait())
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
        except (OSError, RuntimeError) as error:
            raise ServeError(self._told(error)) from error
        if not asked.is_set():
            raise ServeError(f"the HTTP server at {self.url} ended by itself: start it again")

    def _told(self, error: OSError | RuntimeError) -> str:
        """Why the server ended: most likely it could not have its address after all."""
        if refusal := error if isinstance(error, OSError) else system_error(error):
            return cannot_listen(self._host, self._port, refusal)
        return f"the HTTP server at {self.url} ended by itself ({first_line(error)}): start it again"

    def _granian(self) -> GranianServer:
        return GranianServer(
            self._app,
            address=self._address,
            port=self._port,
            interface=Interfaces.RSGI,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
            backpressure=CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=int(self._idle * 1000), max_buffer_size=BUFFER),
        )


def _on_signal(number: int, asked: asyncio.Event) -> None:
    if asked.is_set():
        os._exit(128 + number)
    asked.set()
