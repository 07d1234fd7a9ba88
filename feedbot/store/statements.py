"""Statements that every table needs, in the words that SQLite and PostgreSQL share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

T = TypeVar("T")

CHUNK = 1000  # values in one IN (...), well below the limits of both databases

Row = dict[str, Any]


def upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert `rows`, or overwrite the rows that have their primary keys; all rows have the same columns."""
    if not rows:
        return
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))


def _insert(connection: Connection, table: Table) -> Any:
    """The database's own INSERT, which both have with the same methods for conflicts."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - slow to import, and only for PostgreSQL

        return postgresql.insert(table)
    return sqlite.insert(table)


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """`values` in lists of at most `CHUNK`."""
    return batches(values, CHUNK)


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """`values` in lists of at most `size`, made as they are asked for."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
