"""What people ask about deliveries: which they mean, what these are about, and what came of each try."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace
from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

from feedbot.attempt import FeedEvent, State
from feedbot.model import EventKind, JsonObject
from feedbot.store.db import from_us, to_us
from feedbot.store.deliveries import (
    COLUMNS,
    AnnouncementRow,
    DeliveryRow,
    PingRow,
    StoredDelivery,
    announcement_in,
    ping_in,
    row_in,
)
from feedbot.store.schema import articles, attempts, deliveries, feeds, slugs
from feedbot.store.statements import among


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
        return asdict(self) | {"at": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


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
    status: str  # of the article now, as in `Status`

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
            articles.c.status.label("article_status"),
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
        key=row.key,
        row=announcement_in(row),
        article_id=row.article_id,
        path=row.path,
        body=row.body,
        status=row.article_status,
    )


def chosen(
    connection: Connection, selection: Selection, *, to_change: bool
) -> list[StoredDelivery[DeliveryRow]]:
    """The same without what they are about, the oldest first; `to_change`: nobody claims one meanwhile."""
    statement = (
        select(deliveries.c.key, *COLUMNS)
        .outerjoin(articles, articles.c.key == deliveries.c.article_key)
        .order_by(deliveries.c.key)
    )
    if to_change:
        statement = statement.with_for_update(of=deliveries)
    statement = statement.where(*_conditions(replace(selection, ids=())))
    found: Iterable[Row[Any]]
    if selection.ids:  # thousands, perhaps, from a list
        found = among(connection, statement, deliveries.c.key, _keys_of(connection, selection.ids))
    else:
        found = connection.execute(statement)
    return [StoredDelivery(key=row.key, row=row_in(row)) for row in found]


def _keys_of(connection: Connection, ids: Sequence[str]) -> list[int]:
    """The keys, in their order, of the deliveries whose ids are, or begin with, one of `ids`."""
    statement = select(deliveries.c.id, deliveries.c.key)
    whole = dict(among(connection, statement, deliveries.c.id, ids))
    begun = {
        key
        for id_ in ids
        if id_ not in whole
        for key in connection.execute(select(deliveries.c.key).where(_begins_with(id_))).scalars()
    }
    return sorted({*whole.values(), *begun})


def _begins_with(id_: str) -> ColumnElement[bool]:
    """The same as LIKE, for which no index is used."""
    return and_(deliveries.c.id >= id_, deliveries.c.id < f"{id_}\U0010ffff")


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if selection.ids:
        found.append(or_(*map(_begins_with, selection.ids)))
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


def ahead_of(connection: Connection, one: ShownDelivery) -> str:
    """The id of the delivery that comes before this one, for both are about one article; "": none does."""
    if not isinstance(one, ShownAnnouncement):
        return ""
    statement = (
        select(deliveries.c.id)
        .where(
            deliveries.c.target == one.row.target,
            deliveries.c.article_key == one.row.article_key,
            deliveries.c.key < one.key,
            deliveries.c.settled_us.is_(None),
        )
        .order_by(deliveries.c.key)
        .limit(1)
    )
    return connection.execute(statement).scalar() or ""


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
