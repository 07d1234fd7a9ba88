"""The documents on record: which feedbot wrote and has not removed, whose they are, and how they were left.

Without the bytes: these lie in the place of the output alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, false, func, or_, select, update

from feedbot.places import DocumentRow
from feedbot.store.schema import documents
from feedbot.store.statements import CHUNK, among, chunks, execute_many, upsert


class DocumentStamp(NamedTuple):
    """Whose a document is, and by what it is known again."""

    path: str
    feed_key: int | None
    archive_key: int | None
    mtime_ns: int
    size: int
    e_tag: str | None


def load(connection: Connection, feed_keys: Collection[int | None] | None = None) -> dict[str, DocumentRow]:
    """The documents that feedbot wrote and has not removed, by path: all, or those of some feeds.

    The key None stands for the documents that belong to no feed. Those of archives are only among all.
    """
    statement = select(documents)
    if feed_keys is not None:
        with_key = documents.c.feed_key.in_([key for key in feed_keys if key is not None])
        without = documents.c.feed_key.is_(None) if None in feed_keys else false()
        # An "archive_key is null" SQLite would take for the rare case, and begin with nearly all documents.
        of_archive = func.coalesce(documents.c.archive_key, 0)
        statement = statement.where(or_(with_key, without), of_archive == 0)
    return {row.path: DocumentRow(**row._mapping) for row in connection.execute(statement)}


def of_archives(connection: Connection, keys: Sequence[int]) -> dict[str, DocumentRow]:
    """The documents of some archives that feedbot wrote and has not removed, by path."""
    statement = select(documents).where(documents.c.archive_key.in_(keys))
    return {row.path: DocumentRow(**row._mapping) for row in connection.execute(statement)}


def find_paths(connection: Connection, paths: Iterable[str]) -> set[str]:
    """Those of `paths` at which feedbot wrote documents and has not removed them."""
    return {path for (path,) in among(connection, select(documents.c.path), documents.c.path, paths)}


def put(connection: Connection, rows: Sequence[DocumentRow]) -> None:
    """Record that feedbot wrote these."""
    upsert(
        connection, documents, [{name: getattr(row, name) for name in row.__struct_fields__} for row in rows]
    )


def stamps(connection: Connection) -> Iterator[DocumentStamp]:
    """By what every document is known that feedbot wrote and has not removed."""
    columns = [documents.c[name] for name in DocumentStamp._fields]
    for some in connection.execute(select(*columns)).partitions(CHUNK):  # a site has a hundred thousand
        yield from map(DocumentStamp._make, some)


def distrust(connection: Connection, seen: Mapping[str, str], *, mtime_ns: int) -> None:
    """Record what a bucket calls what was seen at these paths, and a time that no document has."""
    rows = [{"_path": path, "_e_tag": e_tag, "_mtime_ns": mtime_ns} for path, e_tag in seen.items()]
    execute_many(connection, _DISTRUST, rows)


_DISTRUST = (
    update(documents)
    .where(documents.c.path == bindparam("_path"))
    .values(e_tag=bindparam("_e_tag"), mtime_ns=bindparam("_mtime_ns"))
)


def distrust_all(connection: Connection, *, mtime_ns: int) -> None:
    """Record a modification time for all documents that none has, so that each is written again."""
    connection.execute(update(documents).values(mtime_ns=mtime_ns))


def forget_all(connection: Connection) -> None:
    """Record that feedbot wrote nothing, as where the output has a new place."""
    connection.execute(delete(documents))


def forget(connection: Connection, paths: Iterable[str]) -> None:
    """Record that feedbot removed these."""
    for chunk in chunks(paths):
        connection.execute(delete(documents).where(documents.c.path.in_(chunk)))
