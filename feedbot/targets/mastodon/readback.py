"""Finding a post of ours among the account's own: was it made, although nobody said so? Pure.

A post is known by the article's link. Servers shorten what is seen of a link, so
it is compared where it leads.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import Struct

from feedbot.model import JsonObject

_PORTS = {"http": 80, "https": 443}
_BLOCKS = {"p", "br", "div", "li", "blockquote", "pre", "h1", "h2", "h3"}


class Sought(Struct, frozen=True):
    """What a post of ours holds: the link, if it is in the text; else the text itself is compared."""

    link: str
    text: str
    since: datetime  # no post of ours is older

    @property
    def has_link(self) -> bool:
        """Whether the post can be known by its link."""
        return bool(self.link) and self.link in self.text


def own_posts(answer: Any) -> list[JsonObject] | None:
    """The posts in an answer about an account; None where it cannot be read."""
    if not isinstance(answer, list):
        return None
    if not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in answer):
        return None
    return answer


def find(posts: Iterable[JsonObject], sought: Sought) -> JsonObject | None:
    """The newest of `posts` that says what is sought; None if there is none."""
    return next((post for post in posts if _is_sought(post, sought)), None)


def is_beyond(posts: Iterable[JsonObject], sought: Sought) -> bool:
    """Whether `posts`, the newest first, go back further than any post that is sought."""
    return any((made := moment_of(post)) is not None and made < sought.since for post in posts)


def moment_of(post: JsonObject) -> datetime | None:
    """When a post was made; None if it does not say."""
    try:
        moment = datetime.fromisoformat(post["created_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _is_sought(post: JsonObject, sought: Sought) -> bool:
    made, content = moment_of(post), post.get("content")
    if post.get("reblog") or not isinstance(content, str) or (made is not None and made < sought.since):
        return False
    seen = _Seen()
    seen.feed(content)
    seen.close()
    words = seen.text.split()
    if not sought.has_link:
        return words == sought.text.split()
    # A server makes no link of a host that it does not know, such as an intranet's: it stands there as text.
    return normal(sought.link) in {normal(link) for link in seen.links} or sought.link in words


class _Seen(HTMLParser):
    """Where the links of a post lead, and what is read in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]
        elif tag in _BLOCKS:
            self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


def normal(url: str) -> str:
    """One spelling for all URLs that are the same (RFC 3986, 6.2): case, escapes, port, empty path, IDNA."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:
        return url.strip()
    address = host if port in {None, _PORTS.get(parts.scheme)} else f"{host}:{port}"
    rest = (_spelled(part) for part in (parts.path or "/", parts.query, parts.fragment))
    return urlunsplit((parts.scheme, address, *rest))


def _spelled(part: str) -> str:
    return _ESCAPE.sub(_unescaped, quote(part, safe=_RESERVED))


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_RESERVED = ":/?#[]@!$&'()*+,;=%"
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
