"""The addresses that feeds had before: reads `_redirects`, which the worker writes beside the documents.

Each of its lines leads from a folder to another, for ever: `/old/* /new/:splat 301`. Others mean nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from feedbot.redirects import PATH, read_redirects
from feedbot.server.shelf import Stamp, read_whole, stamp_of

DEEPEST = 16  # folders; no document lies below more of them

log = logging.getLogger(__name__)


class Moves:
    """What `_redirects` in a folder says, read again whenever it changes."""

    def __init__(self, folder: Path, feeds_url: str) -> None:
        """`feeds_url` is where the folder is reachable: the lines speak of paths of that server."""
        self._file = folder / PATH
        self._feeds_url = feeds_url
        self._read: tuple[Stamp | None, Mapping[str, str]] = (None, {})

    def current(self) -> Mapping[str, str]:
        """From each former folder to the one it has moved to, both without slashes at their ends."""
        stamp, moves = self._read
        try:
            if stamp is None or stamp_of(str(self._file)) != stamp:
                body, stamp, _ = read_whole(self._file) or (b"", None, 0)
                moves = dict(read_redirects(body, self._feeds_url))
        except FileNotFoundError:
            stamp, moves = None, {}
        except OSError as error:
            log.warning("cannot read %s (%s): feeds answer from their present addresses", self._file, error)
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
