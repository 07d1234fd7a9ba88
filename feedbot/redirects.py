"""The addresses that feeds had before: `_redirects`, in the form that static hosts and our server read.

One line for each slug that was, `/old/* /new/:splat 301`: everything below the old folder has moved, for
ever, below the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote, urlsplit

PATH = "_redirects"
MARK = "# generator: feedbot"  # the first line
_FROM, _TO, _STATUS = "/*", "/:splat", "301"


def render_redirects(feeds_url: str, moves: Mapping[str, str]) -> bytes:
    """`moves` leads from each former slug to the current one of its feed; `feeds_url` is where feeds are."""
    root = _root(feeds_url)
    lines = [
        f"{root}{quote(old)}{_FROM} {root}{quote(new)}{_TO} {_STATUS}" for old, new in sorted(moves.items())
    ]
    return "\n".join([MARK, *lines, ""]).encode()


def read_redirects(body: bytes, feeds_url: str) -> Iterator[tuple[str, str]]:
    """The folders that `body` leads from and to, decoded; lines of any other form mean nothing."""
    root = _root(feeds_url)
    for line in body.decode("utf-8", "replace").splitlines():
        words = line.split()
        if len(words) != 3 or words[2] != _STATUS:
            continue
        old, new = _folder(words[0], root, _FROM), _folder(words[1], root, _TO)
        if old and new:
            yield old, new


def _root(feeds_url: str) -> str:
    return urlsplit(feeds_url).path.rstrip("/") + "/"


def _folder(pattern: str, root: str, end: str) -> str:
    """The folder that `pattern` speaks of; "" if it is none below `root`."""
    if not (pattern.startswith(root) and pattern.endswith(end)):
        return ""
    return unquote(pattern[len(root) : -len(end)]).strip("/")
