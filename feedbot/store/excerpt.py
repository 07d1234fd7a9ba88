"""What the store knows of one article, copied into an empty store: enough to rehearse a pass over it."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Table, insert, select, update

from feedbot.model import EventKind
from feedbot.store.schema import articles, deliveries, events, feeds, files, posts, state, targets


class PastEvent(Struct, frozen=True, kw_only=True):
    """What happened to an article."""

    number: int
    kind: EventKind
    is_announced: bool  # its deliveries are recorded


_OF_ARTICLE = (events, files, deliveries, posts)  # in the order in which rows may refer to others


def copy_article(source: Connection, copy: Connection, article_key: int | None) -> None:
    """Copy an article (None: no one's yet) with its file, events, deliveries and posts; and all targets."""
    _copy(source, copy, state)
    _copy(source, copy, targets)
    if article_key is not None:
        _copy(source, copy, articles, articles.c.key == article_key)
        for table in _OF_ARTICLE:
            _copy(source, copy, table, table.c.article_key == article_key)
    # Targets begin after an event of some number; here the next event may have a lower one.
    newest = max(copy.execute(select(events.c.number)).scalars(), default=0)
    copy.execute(update(targets).where(targets.c.first_event > newest).values(first_event=newest))


def events_of(connection: Connection, article_key: int | None) -> list[PastEvent]:
    """The events of an article that are still known, the oldest first."""
    statement = select(events).where(events.c.article_key == article_key).order_by(events.c.number)
    return [
        PastEvent(number=row.number, kind=EventKind(row.kind), is_announced=row.announced_us is not None)
        for row in connection.execute(statement)
    ]


def count_as_written(copy: Connection) -> None:
    """Let all documents of a copy count as written: it has none."""
    copy.execute(update(feeds).values(rendered=feeds.c.changed))


def _copy(source: Connection, copy: Connection, table: Table, *conditions: ColumnElement[bool]) -> None:
    found = source.execute(select(table).where(*conditions)).mappings()
    if rows := [dict(row) for row in found]:
        copy.execute(insert(table), rows)
