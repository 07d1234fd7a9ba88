"""Deliveries as rows, and what is asked about them: by those who announce, and by people.

Claiming is `outbox`'s, what came of it `settling`'s, which pings there are `pings`', and counting `figures`'.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, or_, select, text, update

from feedbot.attempt import FeedEvent, State
from feedbot.model import EventKind, JsonObject
from feedbot.store.db import from_us, from_us_or_none, to_us
from feedbot.store.schema import articles, attempts, deliveries, feeds, posts, slugs, targets
from feedbot.store.statements import chunks


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


class AnnouncementRow(DeliveryRow, kw_only=True):
    """A delivery about an event of an article."""

    event: EventKind
    article_key: int
    event_number: int


class PingRow(DeliveryRow, kw_only=True):
    """A delivery about a feed that changed."""

    event: FeedEvent = FeedEvent.CHANGED
    feed_key: int


Row_co = TypeVar("Row_co", bound=DeliveryRow, covariant=True)


class StoredDelivery(Struct, Generic[Row_co], frozen=True, kw_only=True):
    """A row and its key."""

    key: int
    row: Row_co


class AttemptRow(Struct, frozen=True, kw_only=True):
    """What became of one try."""

    at: datetime
    outcome: str
    reason: str
    status: int | None
    seconds: float | None
    said: str

    def as_json(self) -> JsonObject:
        """For `--json`."""
        moment = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "at": moment,
            "outcome": self.outcome,
            "reason": self.reason,
            "status": self.status,
            "seconds": self.seconds,
            "said": self.said,
        }


class Selection(Struct, frozen=True, kw_only=True):
    """Which deliveries a person means: every part that is given must match."""

    ids: tuple[str, ...] = ()  # whole ids, or their beginnings
    targets: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    events: tuple[EventKind | FeedEvent, ...] = ()
    article: str = ""  # its id or its path
    article_keys: tuple[int, ...] = ()
    since: datetime | None = None  # of the event
    until: datetime | None = None


class ShownAnnouncement(Struct, frozen=True, kw_only=True):
    """A delivery with what a person knows its article by."""

    key: int
    row: AnnouncementRow
    article_id: str
    path: str
    body: str

    @property
    def title(self) -> str:
        """The title of the article as it is now, or where its file is if it has none."""
        return str(json.loads(self.body).get("title") or self.path)


class ShownPing(Struct, frozen=True, kw_only=True):
    """A delivery with what a person knows its feed by."""

    key: int
    row: PingRow
    slug: str  # "": the feed of all articles
    name: str  # as written; "" for the feed of all articles

    @property
    def title(self) -> str:
        """What the feed is called."""
        return self.name or "all articles"


ShownDelivery = ShownAnnouncement | ShownPing

# The very words of the indexes' conditions, or they would not be used.
IS_OPEN = text("deliveries.state in ('pending', 'retry', 'unclear')")
IS_SENDING = text("deliveries.state = 'sending'")
_SHARED = list(DeliveryRow.__struct_fields__)
_OWN = ["article_key", "event_number", "feed_key"]  # of the two kinds
COLUMNS = [deliveries.c[name] for name in (*_SHARED, *_OWN)]


def new_id() -> str:
    """An id that no other delivery has, and that may stand in a header (Standard Webhooks 1.0)."""
    return f"msg_{secrets.token_hex(16)}"


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


def of_articles(connection: Connection, article_keys: Iterable[int]) -> list[StoredDelivery[AnnouncementRow]]:
    """All deliveries of these articles, the oldest first; nobody claims one of them meanwhile."""
    found = [
        StoredDelivery(key=row.key, row=announcement_in(row))
        for chunk in chunks(article_keys)
        for row in connection.execute(
            select(deliveries.c.key, *COLUMNS)
            .where(deliveries.c.article_key.in_(chunk))
            .order_by(deliveries.c.key)
            .with_for_update()
        )
    ]
    return sorted(found, key=lambda stored: stored.key)


def posted(connection: Connection, article_keys: Iterable[int]) -> set[tuple[str, int]]:
    """Which of these articles were announced to which target, as (target, article key)."""
    return {
        (row.target, row.article_key)
        for chunk in chunks(article_keys)
        for row in connection.execute(
            select(posts.c.target, posts.c.article_key).where(
                posts.c.target.in_(select(targets.c.name)),  # the key begins with it
                posts.c.article_key.in_(chunk),
                posts.c.posted_us.is_not(None),
            )
        )
    }


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
    return and_(deliveries.c.event == EventKind.PUBLISHED, deliveries.c.at_us >= to_us(since))


def select_for(
    connection: Connection, selection: Selection, *, limit: int | None = None, newest: bool = True
) -> list[ShownDelivery]:
    """The deliveries that a person means, at most `limit`, by the order of their keys."""
    order = deliveries.c.key.desc() if newest else deliveries.c.key
    statement = (
        select(
            deliveries.c.key,
            *COLUMNS,
            articles.c.id.label("article_id"),
            articles.c.path,
            articles.c.body,
            slugs.c.slug,
            feeds.c.title.label("feed_title"),
        )
        .outerjoin(articles, articles.c.key == deliveries.c.article_key)
        .outerjoin(feeds, feeds.c.key == deliveries.c.feed_key)
        .outerjoin(slugs, (slugs.c.feed_key == deliveries.c.feed_key) & slugs.c.current)
        .where(*_conditions(selection))
        .order_by(order)
        .limit(limit)
    )
    return [_shown_in(row) for row in connection.execute(statement)]


def _shown_in(row: Any) -> ShownDelivery:
    if row.feed_key is not None:
        return ShownPing(key=row.key, row=ping_in(row), slug=row.slug or "", name=row.feed_title)
    return ShownAnnouncement(
        key=row.key, row=announcement_in(row), article_id=row.article_id, path=row.path, body=row.body
    )


def for_change(connection: Connection, selection: Selection) -> list[StoredDelivery[DeliveryRow]]:
    """The same without what they are about, the oldest first; nobody claims one of them meanwhile."""
    statement = (
        select(deliveries.c.key, *COLUMNS)
        .outerjoin(articles, articles.c.key == deliveries.c.article_key)
        .where(*_conditions(selection))
        .order_by(deliveries.c.key)
        .with_for_update(of=deliveries)
    )
    return [StoredDelivery(key=row.key, row=row_in(row)) for row in connection.execute(statement)]


def keys_of_article(connection: Connection, spelling: str, paths: Iterable[str] = ()) -> tuple[int, ...]:
    """The articles with the id or the link `spelling`, or last read at one of `paths`; the oldest first."""
    # The link stands in the article as text; this has the one form that `dump_article` gives it.
    link = f'"link":{json.dumps(spelling, ensure_ascii=False)}'
    statement = select(articles.c.key).where(
        or_(
            articles.c.id == spelling,
            articles.c.path.in_({spelling, *paths}),
            articles.c.body.contains(link, autoescape=True),
        )
    )
    return tuple(connection.execute(statement.order_by(articles.c.key)).scalars())


def post_of(connection: Connection, target: str, article_key: int) -> tuple[datetime | None, JsonObject]:
    """When an article was announced to a target (None: not, or it was taken back), and what it noted."""
    statement = select(posts).where(posts.c.target == target, posts.c.article_key == article_key)
    found = connection.execute(statement).one_or_none()
    if found is None:
        return None, {}
    receipt: JsonObject = json.loads(found.receipt)
    return from_us_or_none(found.posted_us), receipt


def attempts_of(connection: Connection, key: int) -> list[AttemptRow]:
    """Every try of a delivery that is still known, the oldest first."""
    statement = select(attempts).where(attempts.c.delivery_key == key).order_by(attempts.c.number)
    return [
        AttemptRow(
            at=from_us(row.at_us),
            outcome=row.outcome,
            reason=row.reason,
            status=row.status,
            seconds=None if row.took_us is None else row.took_us / 1e6,
            said=row.said,
        )
        for row in connection.execute(statement)
    ]


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if selection.ids:
        found.append(or_(*(deliveries.c.id.startswith(id_, autoescape=True) for id_ in selection.ids)))
    if selection.targets:
        found.append(deliveries.c.target.in_(selection.targets))
    if selection.states:
        found.append(deliveries.c.state.in_(selection.states))
    if selection.events:
        found.append(deliveries.c.event.in_(selection.events))
    if selection.article:
        found.append(or_(articles.c.id == selection.article, articles.c.path == selection.article))
    if selection.article_keys:
        found.append(articles.c.key.in_(selection.article_keys))
    if selection.since:
        found.append(deliveries.c.at_us >= to_us(selection.since))
    if selection.until:
        found.append(deliveries.c.at_us < to_us(selection.until))
    return [and_(*found)] if found else []


def _values(row: DeliveryRow) -> dict[str, Any]:
    """The columns of a row, the same for both kinds."""
    values = {name: getattr(row, name) for name in _SHARED}
    return values | {name: getattr(row, name, None) for name in _OWN}
