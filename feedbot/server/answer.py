"""What is sent back, as a value."""

from __future__ import annotations

from typing import NamedTuple

from feedbot.server.headers import Headers, written


class Answer(NamedTuple):
    """Status, headers and body of a response; the body is empty for HEAD, and the headers the same."""

    status: int
    headers: Headers
    body: bytes = b""

    def without_body(self) -> Answer:
        """The same for HEAD (RFC 9110, 9.3.2)."""
        return self._replace(body=b"")


def make_answer(status: int, headers: dict[str, str], body: str) -> Answer:
    """An answer that is put together when it is needed; with its length, unless it has none by its status."""
    content = body.encode()
    length = {} if status == 204 else {"Content-Length": str(len(content))}
    return Answer(status, written({**headers, **length}), content)
