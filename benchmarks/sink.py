"""A web server on loopback that takes messages as fast as anybody can send them, and remembers them.

Just enough HTTP/1.1 for POST requests with a Content-Length over kept connections. Knows nothing of feedbot.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True)
class Message:
    """One request."""

    at: float  # seconds of time.perf_counter when the last of it came
    path: str
    headers: dict[str, str]  # by their names in small letters
    body: bytes


class Sink:
    """Answers in a thread of its own; `delays` are the seconds that answers at a path take."""

    def __init__(self) -> None:
        self.url = ""
        self.delays: dict[str, float] = {}
        self._messages: list[Message] = []
        self._counts: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(lambda: _Line(self), "127.0.0.1", 0, backlog=1024)

    def take(self, message: Message) -> None:
        """Remember a message."""
        self._messages.append(message)
        self._counts[message.path] += 1

    def forget(self) -> None:
        """Begin anew."""
        self._messages = []
        self._counts = Counter()

    def count(self, besides: Collection[str] = ()) -> int:
        """How many came, those to some paths left out."""
        return len(self._messages) - sum(self._counts[path] for path in besides)

    def messages(self, besides: Collection[str] = ()) -> list[Message]:
        """What came, that to some paths left out."""
        return [message for message in self._messages if message.path not in besides]


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._came = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            first, *lines = bytes(self._came[:end]).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
            }
            until = end + 4 + int(headers.get("content-length", "0"))
            if len(self._came) < until:
                return
            body = bytes(self._came[end + 4 : until])
            del self._came[:until]
            self._answer(first.split()[1], headers, body)

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self._sink.take(Message(time.perf_counter(), path, headers, body))
        delay = self._sink.delays.get(path)
        if delay is None:
            self._transport.write(ANSWER)
        else:
            asyncio.get_running_loop().call_later(delay, self._transport.write, ANSWER)
