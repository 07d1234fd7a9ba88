"""The way from granian's interface to Starlette, for the few pages that are made when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message

from feedbot.server.answer import Answer, Scope

LATIN = "latin-1"  # of headers


class Bridge:
    """Some routes of Starlette."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """A route is led to when its path is all that was asked for, without parameters."""
        self._paths = frozenset(route.path for route in routes)
        self._app = Starlette(routes=routes)

    def leads_to(self, path: str) -> bool:
        """Whether a path belongs to one of the routes."""
        return path in self._paths

    async def answer(self, scope: Scope, protocol: Any) -> Answer:
        """The answer to a request for such a path. Raises what the route raises."""
        said: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": await protocol()}

        async def send(message: Message) -> None:
            said.append(message)

        await self._app(_as_asgi(scope), receive, send)
        start, *parts = said
        headers = [(name.decode(LATIN), value.decode(LATIN)) for name, value in start["headers"]]
        return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in parts))


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """All headers; those whose values granian cannot tell, not being ASCII, by their names."""
    told = [(name.encode(LATIN), value.encode(LATIN)) for name, value in scope.headers.items()]
    names = {name for name, _ in told}
    untold = (name.encode(LATIN) for name in scope.headers.keys())  # noqa: SIM118 - no mapping
    return told + [(name, b"") for name in untold if name not in names]


def _as_asgi(scope: Scope) -> dict[str, Any]:
    host, _, port = scope.client.rpartition(":")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": scope.http_version,
        "method": scope.method,
        "scheme": scope.scheme,
        "path": scope.path,
        "raw_path": scope.path.encode(),
        "query_string": scope.query_string.encode(),
        "root_path": "",
        "headers": _headers(scope),
        "client": (host.strip("[]"), int(port)),
        "server": None,
    }
