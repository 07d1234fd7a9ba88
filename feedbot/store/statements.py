"""Statements that every table needs, in the words that SQLite and PostgreSQL share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, TypeVar, TypeVarTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Row,
    Select,
    Table,
    func,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from feedbot.batches import batches

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CHUNK = 1000  # values in one IN (...), well below the limits of both databases

Values = dict[str, Any]  # of a row, by column


class database_now_us(FunctionElement[int]):  # noqa: N801 - a function of SQL
    """Microseconds since 1970 by the database's clock, the moment it is asked: one clock for all machines."""

    type = BigInteger()
    inherit_cache = True


@compiles(database_now_us, "postgresql")
def _now_in_postgresql(*_: Any, **__: Any) -> str:
    return "(extract(epoch from clock_timestamp()) * 1000000)::bigint"


@compiles(database_now_us, "sqlite")
def _now_in_sqlite(*_: Any, **__: Any) -> str:
    return "cast((julianday('now') - 2440587.5) * 86400000000 as integer)"


def execute_many(connection: Connection, statement: Any, rows: Sequence[Values]) -> None:
    """Run an INSERT, UPDATE or DELETE once for each of `rows`, which all have the same keys.

    What `connection.execute` does, without what it does for each row: there must be nothing to convert.
    """
    if rows:
        columns = tuple(rows[0])
        execute_rows(connection, statement, columns, [tuple(map(row.__getitem__, columns)) for row in rows])


def execute_rows(
    connection: Connection, statement: Any, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """The same for rows that are nothing but their values, in the order of `columns`."""
    if rows:
        text, arrange = _compiled(statement, connection.dialect, columns)
        connection.exec_driver_sql(text, list(map(arrange, rows)) if arrange else list(rows))


@cache
def _compiled(
    statement: Any, dialect: Dialect, columns: tuple[str, ...]
) -> tuple[str, Callable[[tuple[Any, ...]], Any] | None]:
    """The text of a statement, and what makes its parameters of a row; None if they are the row itself."""
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    constants = {key: value for key, value in compiled.params.items() if key not in columns}
    if compiled.positiontup is None:
        return str(compiled), lambda row: {**constants, **dict(zip(columns, row, strict=True))}
    names, values = (*columns, *constants), tuple(constants.values())
    places = [names.index(name) for name in compiled.positiontup]
    if places == list(range(len(columns))):
        return str(compiled), None
    return str(compiled), lambda row: tuple([(*row, *values)[place] for place in places])


def upsert(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert `rows`, or overwrite the rows that have their primary keys; all rows have the same columns."""
    if rows:
        execute_many(connection, _upsert(connection.dialect.name, table, tuple(rows[0])), rows)


def upsert_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """The same for rows that are nothing but their values, in the order of `columns`."""
    execute_rows(connection, _upsert(connection.dialect.name, table, columns), columns, rows)


def add_to_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert `rows`, or add their numbers to those of the rows that have their primary keys."""
    execute_rows(connection, _upsert(connection.dialect.name, table, columns, adds=True), columns, rows)


def insert_new(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert those of `rows` whose primary keys are not there yet, whoever may be inserting them now."""
    execute_many(connection, _insert_new(connection.dialect.name, table), rows)


def insert_new_rows(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """The same for rows that are nothing but their values, in the order of `columns`.

    Where rows refer to other tables, SQLite writes half as much for it as for `upsert_rows`: what changes a
    row might have to be taken back, so that it copies each page before it touches it.
    """
    execute_rows(connection, _insert_new(connection.dialect.name, table), columns, rows)


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    keys = [column.name for column in table.primary_key]
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=keys)


def lock_in_order(connection: Connection, key: Column[int], keys: Sequence[int] | None = None) -> None:
    """Lock rows by their keys (None: all) before they are updated, in the order in which everybody does.

    One UPDATE of many rows locks them in the order in which it comes upon them, and two of them could wait
    for each other. On SQLite each transaction has the database for itself.
    """
    if connection.dialect.name != "sqlite":
        rows = select(key).order_by(key).with_for_update(key_share=True)
        connection.execute(rows if keys is None else rows.where(key.in_(keys)))


@cache  # putting the statement together takes longer than running it
def _upsert(dialect: str, table: Table, columns: tuple[str, ...], *, adds: bool = False) -> Any:
    statement = _insert(dialect, table)
    given = {name: statement.excluded[name] for name in columns if not table.c[name].primary_key}
    changes = {name: table.c[name] + value for name, value in given.items()} if adds else given
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)


def _insert(dialect: str, table: Table) -> Any:
    """The database's own INSERT, which both have with the same methods for conflicts."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - slow to import, and only for PostgreSQL

        return postgresql.insert(table)
    return sqlite.insert(table)


def among(
    connection: Connection, statement: Select[*Ts], column: ColumnElement[Any], values: Iterable[Any]
) -> Iterator[Row[*Ts]]:
    """The rows that `statement` finds of those whose `column` is one of `values`, however many these are."""
    for chunk in chunks(values):
        yield from connection.execute(statement.where(column.in_(chunk)))


def count_rows(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    """How many rows of `table` meet all `conditions`."""
    return connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """`values` in lists of at most `CHUNK`."""
    return batches(values, CHUNK)
