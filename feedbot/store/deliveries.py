"""Deliveries as rows, as those who announce read and write them.

What people ask is `inquiry`'s, claiming `outbox`'s, what came of it `settling`'s, which pings there are
`pings`', and counting `figures`'.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, select, text, update

from feedbot.attempt import FeedEvent, State
from feedbot.model import EventKind, JsonObject
from feedbot.store.db import from_us_or_none, to_us
from feedbot.store.schema import deliveries, events, posts, targets
from feedbot.store.statements import CHUNK, among, chunks, lock_in_order

STEERING = 7305815  # what PostgreSQL knows the lock of `steer` by


class DeliveryRow(Struct, kw_only=True):
    """What all deliveries have, but for the key; moments are microseconds since 1970."""

    id: str
    target: str
    event: EventKind | FeedEvent
    at_us: int
    state: State
    due_us: int
    reason: str = ""
    attempts: int = 0
    generation: int = 1
    by_hand: bool = False
    may_have_arrived: bool = False
    first_tried_us: int | None = None
    settled_us: int | None = None

    @property
    def is_anew(self) -> bool:
        """Whether somebody asked for it anew after it was sent: only then does its generation rise."""
        return self.generation > 1


class AnnouncementRow(DeliveryRow, kw_only=True):
    """A delivery about an event of an article."""

    event: EventKind
    article_key: int
    event_number: int

    @property
    def is_unsent(self) -> bool:
        """Whether it is certain that nobody was told by it yet, though somebody may still be."""
        return self.state in {State.PENDING, State.HELD, State.RETRY} and not self.may_have_arrived

    @property
    def was_overtaken(self) -> bool:
        """Whether it is a first announcement that a withdrawal overtook."""
        is_first = self.event is EventKind.PUBLISHED
        return is_first and self.state is State.SUPERSEDED and not self.may_have_arrived

    @property
    def may_be_known(self) -> bool:
        """Whether the target was told by it, or may have been."""
        return self.state in {State.SENT, State.SENDING} or self.may_have_arrived


class PingRow(DeliveryRow, kw_only=True):
    """A delivery about a feed that changed."""

    event: FeedEvent = FeedEvent.CHANGED
    feed_key: int


Row_co = TypeVar("Row_co", bound=DeliveryRow, covariant=True)


class StoredDelivery(Struct, Generic[Row_co], frozen=True, kw_only=True):
    """A row and its key."""

    key: int
    row: Row_co


# The very words of the indexes' conditions, or they would not be used.
IS_OPEN = text("deliveries.state in ('pending', 'retry', 'unclear')")
IS_SENDING = text("deliveries.state = 'sending'")
_SHARED = list(DeliveryRow.__struct_fields__)
_OWN = ["article_key", "event_number", "feed_key"]  # of the two kinds
COLUMNS = [deliveries.c[name] for name in (*_SHARED, *_OWN)]


def new_id() -> str:
    """An id that no other delivery has, and that may stand in a header (Standard Webhooks 1.0)."""
    return f"msg_{secrets.token_hex(16)}"


def left_out(row: DeliveryRow, state: State, reason: str, now: datetime) -> tuple[State, str, int]:
    """The state, the reason and the moment of settlement of a delivery that is not to be sent, as of `now`.

    One that was sent and was only to be sent anew is told as sent, or the record would deny what happened.
    """
    if row.is_anew:
        return State.SENT, not_anew(reason), sent_before_us(row, now)
    return state, reason, to_us(now)


def not_anew(reason: str) -> str:
    """Why what was sent before was not sent once more."""
    return f"sent before, and not anew: {reason}"


def sent_before_us(row: DeliveryRow, now: datetime) -> int:
    """About when a delivery was sent that is not sent anew: no pace counts it as sent now."""
    return to_us(now) if row.first_tried_us is None else row.first_tried_us


def row_in(row: Any) -> AnnouncementRow | PingRow:
    """The delivery in a row that holds COLUMNS."""
    return announcement_in(row) if row.feed_key is None else ping_in(row)


def announcement_in(row: Any) -> AnnouncementRow:
    """The delivery about an article in a row that holds the table's columns."""
    return AnnouncementRow(
        **_shared_in(row),
        event=EventKind(row.event),
        article_key=row.article_key,
        event_number=row.event_number,
    )


def ping_in(row: Any) -> PingRow:
    """The delivery about a feed in a row that holds the table's columns."""
    return PingRow(**_shared_in(row), event=FeedEvent(row.event), feed_key=row.feed_key)


def _shared_in(row: Any) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _SHARED if name != "event"}
    return {**values, "state": State(row.state)}


def steer(connection: Connection) -> None:
    """Say what is to become of deliveries as the only one, pass or person, until this transaction ends.

    Each of them locks many rows, in several steps and in an order of its own, so two could wait for each
    other. Those who send ask for nothing here: they wait for rows only in the order of their keys.
    """
    if connection.dialect.name != "sqlite":  # where each transaction has the database for itself
        connection.execute(select(func.pg_advisory_xact_lock(STEERING)))


def of_articles(
    connection: Connection, article_keys: Collection[int]
) -> list[StoredDelivery[AnnouncementRow]]:
    """All deliveries of these articles, the oldest first; nobody claims one of them meanwhile."""
    if len(article_keys) > CHUNK:
        _lock_of_articles(connection, article_keys)
    statement = select(deliveries.c.key, *COLUMNS).order_by(deliveries.c.key).with_for_update()
    found = among(connection, statement, deliveries.c.article_key, article_keys)
    stored = [StoredDelivery(key=row.key, row=announcement_in(row)) for row in found]
    return sorted(stored, key=lambda one: one.key)


def _lock_of_articles(connection: Connection, article_keys: Collection[int]) -> None:
    """Lock them by their keys over all chunks, in which they come by their articles."""
    if connection.dialect.name == "sqlite":
        return
    found = among(connection, select(deliveries.c.key), deliveries.c.article_key, article_keys)
    for chunk in chunks(sorted(key for (key,) in found)):
        lock_in_order(connection, deliveries.c.key, chunk)


def posted(connection: Connection, article_keys: Iterable[int]) -> set[tuple[str, int]]:
    """Which of these articles were announced to which target, as (target, article key)."""
    statement = select(posts.c.target, posts.c.article_key).where(
        posts.c.target.in_(select(targets.c.name)),  # the key begins with it
        posts.c.posted_us.is_not(None),
    )
    return {(name, key) for name, key in among(connection, statement, posts.c.article_key, article_keys)}


def add(connection: Connection, rows: Sequence[DeliveryRow]) -> None:
    """Insert `rows`, to be sent in this order."""
    if rows:
        connection.execute(insert(deliveries), [_values(row) for row in rows])


def change(connection: Connection, rows: Sequence[StoredDelivery[DeliveryRow]]) -> None:
    """Overwrite the rows that have these keys, unless they are under way."""
    if rows:
        statement = update(deliveries).where(
            deliveries.c.key == bindparam("_key"), deliveries.c.state != State.SENDING
        )
        connection.execute(statement, [{"_key": stored.key, **_values(stored.row)} for stored in rows])


def came_since(connection: Connection, since: datetime) -> set[int]:
    """The articles whose first announcement was recorded since then, whether it has been sent or not."""
    states = (State.PENDING, State.HELD, State.SENDING, State.SENT)
    statement = select(deliveries.c.article_key).where(_is_first_since(since), deliveries.c.state.in_(states))
    return set(connection.execute(statement.distinct()).scalars())


def unsent_since(connection: Connection, since: datetime) -> list[StoredDelivery[AnnouncementRow]]:
    """The first announcements recorded since then that wait to be sent; nobody claims one of them meanwhile.

    Without those that a person asked for.
    """
    statement = (
        select(deliveries.c.key, *COLUMNS)
        .where(_is_first_since(since), deliveries.c.state == State.PENDING, ~deliveries.c.by_hand)
        .order_by(deliveries.c.key)
        .with_for_update()
    )
    return [StoredDelivery(key=row.key, row=announcement_in(row)) for row in connection.execute(statement)]


def _is_first_since(since: datetime) -> ColumnElement[bool]:
    """Read from the newest event backwards, however many deliveries are kept."""
    before = (
        select(events.c.number)
        .where(events.c.at_us < to_us(since))
        .order_by(events.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    after = select(events.c.number).where(
        events.c.number > func.coalesce(before, -1), events.c.at_us >= to_us(since)
    )
    return and_(deliveries.c.event == EventKind.PUBLISHED, deliveries.c.event_number.in_(after))


def post_of(connection: Connection, target: str, article_key: int) -> tuple[datetime | None, JsonObject]:
    """When an article was announced to a target (None: not, or it was taken back), and what it noted."""
    statement = select(posts).where(posts.c.target == target, posts.c.article_key == article_key)
    found = connection.execute(statement).one_or_none()
    if found is None:
        return None, {}
    receipt: JsonObject = json.loads(found.receipt)
    return from_us_or_none(found.posted_us), receipt


def _values(row: DeliveryRow) -> dict[str, Any]:
    """The columns of a row, the same for both kinds."""
    values = {name: getattr(row, name) for name in _SHARED}
    return values | {name: getattr(row, name, None) for name in _OWN}
