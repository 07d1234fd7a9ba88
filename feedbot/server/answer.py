"""What is asked, as granian hands it over, and what is sent back, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from feedbot.server.headers import Headers, written


class HeaderFields(Protocol):
    """The headers of a request; names in lower case."""

    def get(self, name: str, /) -> str | None:
        """The value of a header, the first if there are several."""

    def get_all(self, name: str, /) -> Sequence[str]:
        """All values of a header that is a list, which may be spread (RFC 9110, 5.3)."""

    def keys(self) -> Sequence[str]:
        """Names, those of values that are not told too."""

    def items(self) -> Sequence[tuple[str, str]]:
        """Names and values; without values that are not ASCII."""


class Scope(Protocol):
    """A request, as granian hands it over."""

    http_version: str
    scheme: str
    client: str  # address and port
    method: str
    path: str  # decoded
    query_string: str

    @property
    def headers(self) -> HeaderFields:
        """The headers of the request."""


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
