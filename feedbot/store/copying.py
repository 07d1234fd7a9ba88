"""Taking the state from one database to another: every row of every table, or nothing.

Knows no table by itself, so that what a later schema adds is taken along. Nobody uses the source meanwhile,
and it is let go only after the target has everything.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, Table, exists, func, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from feedbot.errors import StoreError
from feedbot.model import Progress
from feedbot.store.db import has_state, only_user, open_store, shown
from feedbot.store.schema import articles, deliveries, leases, metadata, workers
from feedbot.store.statements import count_rows
from feedbot.store.trouble import reason_of

ROWS = 500  # held in memory at a time

# Those that are left out tell of processes.
STATE = [table for table in metadata.sorted_tables if table not in (leases, workers)]


class Copied(Struct, frozen=True, kw_only=True):
    """What was taken along."""

    rows: int
    articles: int
    deliveries: int
    waiting: int  # deliveries that are to be sent, or held


def copy_state(source: str, target: str, progress: Progress = lambda _done, _total: None) -> Copied:
    """Copy the state at the URL `source` to `target`, where there is none; both get the newest schema.

    Raises StoreError, with what to do, if there is no source, if somebody uses it, or if there is something
    in the target; and if it fails on the way, when the target is as empty as before.
    """
    if not has_state(source):
        raise StoreError(f"there is no state at {shown(source)}: name the one that is to be copied")
    # Before anything is changed anywhere.
    if has_state(target):
        with only_user(target) as connection:
            _require_empty(connection, target)
    with only_user(source):
        pass
    for url in (source, target):
        open_store(url).dispose()
    try:
        # They end from right to left: others can use the source again when the target has everything.
        with only_user(source) as reading, only_user(target) as writing:
            _require_empty(writing, target)
            return _copy(reading, writing, progress)
    except SQLAlchemyError as error:
        raise StoreError(f"copying failed, so nothing was copied: {reason_of(error)}") from error


def _require_empty(connection: Connection, url: str) -> None:
    there = set(inspect(connection).get_table_names())
    for table in STATE:
        if table.name in there and connection.execute(select(exists().select_from(table))).scalar():
            raise StoreError(f"{shown(url)} holds a state already: name a database that does not")


def _copy(reading: Connection, writing: Connection, progress: Progress) -> Copied:
    numbers = {table.name: count_rows(reading, table) for table in STATE}
    total, done = sum(numbers.values()), 0
    for table in STATE:
        oldest_first = select(table).order_by(*table.primary_key)
        rows = reading.execution_options(yield_per=ROWS).execute(oldest_first).mappings()
        for batch in rows.partitions():
            writing.execute(insert(table), [dict(row) for row in batch])
            done += len(batch)
            progress(done, total)
        if writing.dialect.name == "postgresql":
            _go_on_counting(writing, table)
    return Copied(
        rows=total,
        articles=numbers[articles.name],
        deliveries=numbers[deliveries.name],
        waiting=count_rows(reading, deliveries, deliveries.c.settled_us.is_(None)),
    )


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Let the keys of rows to come follow on those that are there; SQLite finds the last by itself."""
    key = table.autoincrement_column
    if key is None:
        return
    last = select(func.max(key)).scalar_subquery()
    sequence = func.pg_get_serial_sequence(table.name, key.name)
    connection.execute(select(func.setval(sequence, last)).where(last.is_not(None)))
