"""The content files that were there at the last look, and what became of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, select, text

from feedbot.model import Stamp
from feedbot.store.schema import files
from feedbot.store.statements import CHUNK, among, chunks, count_rows, insert_new_rows, upsert_rows

# The very words of the index's condition, or it would not be used.
IS_UNREAD = text("files.fate != 'read'")
UNTRUSTED: Stamp = (-1, -1, -1)  # equals no file's stamp: read the file again at the next pass


class Fate(StrEnum):
    """What became of a file when it was read."""

    READ = "read"  # it is an article
    EXCLUDED = "excluded"  # its front matter keeps it out
    BROKEN = "broken"  # it cannot be read; its last good version stays
    DUPLICATE = "duplicate"  # another file has its id


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    path: str
    stamp: Stamp
    fate: Fate
    reason: str = ""
    article_key: int | None = None


def load_stamps(connection: Connection, paths: Collection[str] | None = None) -> dict[str, Stamp]:
    """The stamp of every known file, or of those among `paths`."""
    if paths is None:
        return _stamps(connection.execute(_STAMPS))
    found: dict[str, Stamp] = {}
    for chunk in chunks(paths):
        found |= _stamps(connection.execute(_STAMPS.where(files.c.path.in_(chunk))))
    return found


def load_under(connection: Connection, folder: str) -> dict[str, Stamp]:
    """The stamps of all known files below `folder`, at any depth."""
    start = f"{folder}/"
    # All paths that begin with `start`: from it up to the next string of its length ("0" follows "/").
    below = _STAMPS.where(files.c.path >= start, files.c.path < f"{folder}0")
    return _stamps(connection.execute(below))


_STAMP = ("mtime_ns", "size", "inode")
_STAMPS = select(files.c.path, *[files.c[name] for name in _STAMP])


def _stamps(rows: Any) -> dict[str, Stamp]:
    # A thousand rows at a time come nearly twice as fast as one by one.
    return {row[0]: tuple(row[1:]) for some in rows.partitions(CHUNK) for row in some}


def find(connection: Connection, paths: Iterable[str]) -> dict[str, FileRow]:
    """The rows of those `paths` that are known."""
    return {
        row.path: FileRow(
            path=row.path,
            stamp=(row.mtime_ns, row.size, row.inode),
            fate=Fate(row.fate),
            reason=row.reason,
            article_key=row.article_key,
        )
        for row in among(connection, select(files), files.c.path, paths)
    }


def put(connection: Connection, rows: Iterable[FileRow], newcomers: Collection[str]) -> None:
    """Insert or replace `rows`; `newcomers` are the paths that have none yet."""
    values = [(row.path, *row.stamp, row.fate, row.reason, row.article_key) for row in rows]
    insert_new_rows(connection, files, _COLUMNS, [row for row in values if row[0] in newcomers])
    upsert_rows(connection, files, _COLUMNS, [row for row in values if row[0] not in newcomers])


_COLUMNS = ("path", *_STAMP, "fate", "reason", "article_key")


def forget(connection: Connection, paths: Iterable[str]) -> None:
    """Delete the rows of `paths`."""
    for chunk in chunks(paths):
        connection.execute(delete(files).where(files.c.path.in_(chunk)))


def distrust_all(connection: Connection) -> None:
    """Let the next pass read every file again."""
    connection.execute(files.update().values(dict(zip(_STAMP, UNTRUSTED, strict=True))))


def count_fates(connection: Connection) -> dict[tuple[str, str], int]:
    """How many files have each (fate, reason); those that are articles, nearly all, have none."""
    statement = select(files.c.fate, files.c.reason, func.count()).where(IS_UNREAD)
    unread = connection.execute(statement.group_by(files.c.fate, files.c.reason))
    counts = {(fate, reason): number for fate, reason, number in unread}
    return {(Fate.READ, ""): count_rows(connection, files) - sum(counts.values()), **counts}
