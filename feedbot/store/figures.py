"""What is counted for those who watch: how much waits, what was tried when, which feeds changed last.

Cheap enough to be asked every few seconds: nothing here reads rows one by one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select

from feedbot.attempt import State
from feedbot.store.activity import sizes
from feedbot.store.db import from_us, from_us_or_none, to_us
from feedbot.store.deliveries import IS_OPEN, IS_SENDING
from feedbot.store.schema import attempts, deliveries, documents, events, feeds, passes, slugs
from feedbot.store.statements import count_rows


class Queue(Struct, frozen=True, kw_only=True):
    """What waits to be sent, those under way included."""

    number: int
    oldest: datetime | None  # event of the oldest


class Slot(Struct, frozen=True, kw_only=True):
    """How often attempts came to one outcome within a length of time."""

    begin: datetime
    outcome: str  # as in the table: sent, retry, ...
    number: int


class LatestFeed(Struct, frozen=True, kw_only=True):
    """A feed with the moment at which one of its documents last changed on disk."""

    title: str
    slug: str  # "": the feed of all articles
    written: datetime
    articles: int


def queue(connection: Connection) -> Queue:
    """What waits at all targets."""
    statement = select(func.count(), func.min(deliveries.c.at_us))
    parts = [connection.execute(statement.where(part)).one() for part in (IS_OPEN, IS_SENDING)]
    oldest = min((moment for _, moment in parts if moment is not None), default=None)
    return Queue(number=sum(number for number, _ in parts), oldest=from_us_or_none(oldest))


def count_states(connection: Connection) -> dict[tuple[str, str], int]:
    """How many deliveries there are for each (target, state)."""
    statement = select(deliveries.c.target, deliveries.c.state, func.count())
    rows = connection.execute(statement.group_by(deliveries.c.target, deliveries.c.state))
    return {(target, state): number for target, state, number in rows}


def oldest_waiting(connection: Connection) -> dict[str, datetime]:
    """For each target with deliveries that wait to be sent: the moment of the oldest one's event."""
    statement = select(deliveries.c.target, func.min(deliveries.c.at_us)).group_by(deliveries.c.target)
    found: dict[str, int] = {}
    for condition in (IS_OPEN, IS_SENDING):
        for target, moment in connection.execute(statement.where(condition)):
            found[target] = min(moment, found.get(target, moment))
    return {target: from_us(moment) for target, moment in found.items()}


def last_sent(connection: Connection, target: str) -> datetime | None:
    """When something was last sent to `target`, as far back as deliveries are kept."""
    statement = (
        select(deliveries.c.settled_us)
        .where(
            deliveries.c.target == target,
            deliveries.c.settled_us.is_not(None),
            deliveries.c.state == State.SENT,
        )
        .order_by(deliveries.c.settled_us.desc())
        .limit(1)
    )
    return from_us_or_none(connection.execute(statement).scalar())


def count_unannounced(connection: Connection) -> int:
    """How many events wait for their feeds to be written before they become deliveries."""
    return count_rows(connection, events, events.c.announced_us.is_(None))


def count_slots(connection: Connection, since: datetime, width: timedelta) -> list[Slot]:
    """The attempts since then by outcome, in slots of `width` that begin at whole multiples of it."""
    microseconds = width // timedelta(microseconds=1)
    slot = (attempts.c.at_us // microseconds).label("slot")
    statement = (
        select(slot, attempts.c.outcome, func.count().label("number"))
        .where(_is_after(since))
        .group_by(slot, attempts.c.outcome)
        .order_by(slot, attempts.c.outcome)
    )
    return [
        Slot(begin=from_us(row.slot * microseconds), outcome=row.outcome, number=row.number)
        for row in connection.execute(statement)
    ]


def count_outcomes(connection: Connection, since: datetime) -> dict[tuple[str, str], int]:
    """How many attempts since then came to what, by (target, outcome)."""
    statement = (
        select(deliveries.c.target, attempts.c.outcome, func.count())
        .join(deliveries, deliveries.c.key == attempts.c.delivery_key)
        .where(_is_after(since))
        .group_by(deliveries.c.target, attempts.c.outcome)
    )
    return {(target, outcome): number for target, outcome, number in connection.execute(statement)}


def _is_after(since: datetime) -> ColumnElement[bool]:
    """Attempts that ended since then: read from the newest backwards, for their times have no index.

    Their numbers rise with time, so that the walk ends at the first that is older.
    """
    older = (
        select(attempts.c.number)
        .where(attempts.c.at_us < to_us(since))
        .order_by(attempts.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (attempts.c.number > func.coalesce(older, -1)) & (attempts.c.at_us >= to_us(since))


def latest_feeds(connection: Connection, limit: int) -> list[LatestFeed]:
    """The feeds whose documents changed last, the latest first; archives do not count."""
    written = func.max(documents.c.mtime_ns).label("written_ns")
    latest = (
        select(feeds.c.key, feeds.c.title, slugs.c.slug, written)
        .join(documents, documents.c.feed_key == feeds.c.key)
        .outerjoin(slugs, (slugs.c.feed_key == feeds.c.key) & slugs.c.current)
        .where(feeds.c.active, documents.c.archive_key.is_(None))
        .group_by(feeds.c.key, feeds.c.title, slugs.c.slug)
        .order_by(written.desc(), feeds.c.key)
        .limit(limit)
    )
    rows = connection.execute(latest).all()
    articles = sizes(connection, [row.key for row in rows])
    return [
        LatestFeed(
            title=row.title,
            slug=row.slug or "",
            written=from_us(row.written_ns // 1000),
            articles=articles[row.key],
        )
        for row in rows
    ]


def count_documents(connection: Connection) -> int:
    """How many documents there are in the output folder."""
    return count_rows(connection, documents)


def count_stale(connection: Connection) -> int:
    """How many feeds have documents that do not show what they should."""
    return count_rows(connection, feeds, feeds.c.changed > feeds.c.rendered)


def count_passes(connection: Connection) -> int:
    """How many passes there ever were: each has the next number, and the newest is never forgotten."""
    return connection.execute(select(func.max(passes.c.number))).scalar() or 0
