"""The addresses that feeds had before: reads `_redirects`, which the worker writes beside the documents.

Each of its lines leads from a folder to another, for ever: `/old/* /new/:splat 301`. Others mean nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from feedbot.redirects import PATH, read_redirects
from feedbot.server.sources import Same, Source, Stamp

DEEPEST = 16  # folders; no document lies below more of them

log = logging.getLogger(__name__)


class Moves:
    """What `_redirects` among the documents says, read again whenever it changes."""

    def __init__(self, source: Source, feeds_url: str) -> None:
        """`feeds_url` is where the documents are reachable: the lines speak of paths of that server."""
        self._source = source
        self._feeds_url = feeds_url
        self._read: tuple[Stamp | None, Mapping[str, str]] = (None, {})

    def current(self) -> Mapping[str, str]:
        """From each former folder to the one it has moved to, both without slashes at their ends."""
        stamp, moves = self._read
        if stamp is not None and stamp.is_current():
            return moves
        try:
            found = self._source.read(PATH, stamp)
        except OSError as error:
            log.warning("cannot read %s (%s): feeds answer from their present addresses", PATH, error)
            return moves
        if found is None:
            stamp, moves = None, {}
        elif isinstance(found, Same):
            stamp = found.stamp
        else:
            stamp, moves = found.stamp, dict(read_redirects(found.body, self._feeds_url))
        self._read = stamp, moves
        return moves


def moved_to(path: str, moves: Mapping[str, str], is_there: Callable[[str], bool]) -> str | None:
    """Where the document at `path` has moved to; None if it has not, or is not there either.

    `is_there` tells whether there is something at a path.
    """
    for _ in moves:  # no more often than there are moves: some lead in a circle, or ever deeper
        path = _moved_once(path, moves)
        if not path or path.count("/") > DEEPEST:
            return None
        if is_there(path):
            return path
    return None


def _moved_once(path: str, moves: Mapping[str, str]) -> str:
    """`path` after the move of the innermost folder that moved; "" if none did."""
    folder, rest = path.rstrip("/"), path[len(path.rstrip("/")) :]
    while folder:
        if folder in moves:
            return moves[folder] + (rest or "/")
        folder, slash, name = folder.rpartition("/")
        rest = slash + name + rest
    return ""
