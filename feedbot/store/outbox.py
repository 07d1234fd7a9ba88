"""The outbox: which delivery is next, and who sends it. What came of it is `settling`'s.

A claim is a conditional update under the lock of the target's row, so that one process at a time tells a
target, whoever asks. It is a lease: attempts rise when it is made, and it is void when it has run out, which
is how a delivery outlives the process that was sending it. Nothing here waits for a network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from feedbot.attempt import State
from feedbot.model import EventKind, JsonObject, Status
from feedbot.settlement import Health
from feedbot.store.db import from_us_or_none, to_us
from feedbot.store.deliveries import (
    COLUMNS,
    IS_OPEN,
    IS_SENDING,
    AnnouncementRow,
    DeliveryRow,
    PingRow,
    announcement_in,
    ping_in,
)
from feedbot.store.schema import articles, deliveries, feeds, posts, slugs, targets
from feedbot.store.targets import health_in
from feedbot.store.turns import Pace, is_in_pace


class Claim(Struct, frozen=True, kw_only=True):
    """A delivery that is ours to send, until the lease runs out: an announcement or a ping."""

    key: int
    row: DeliveryRow  # as it is now: under way, and this attempt counted
    owner: str
    health: Health  # of the target, and ...
    setup: str  # ... a digest of its options, as they stood then
    until: datetime  # the end of the lease, by the clock of those who send


class AnnouncementClaim(Claim, frozen=True, kw_only=True):
    """One about an event of an article."""

    row: AnnouncementRow
    article_id: str
    status: Status  # of the article
    body: str  # the article as text
    receipt: JsonObject
    posted: datetime | None
    is_uncertain: bool  # this delivery, or an earlier one of the article, may have arrived
    is_unheard: bool  # the announcement of the article was given up or left out, and nobody has it


class PingClaim(Claim, frozen=True, kw_only=True):
    """One about a feed that changed."""

    row: PingRow
    is_active: bool  # the configuration wants the feed
    slugs: tuple[str, ...]  # all that the feed ever had, the current one first; ("",): that of all articles


# --- statements, made once: putting one together takes longer than running it ---

_earlier = deliveries.alias("earlier")


def _has_for_article(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the target of a delivery has one about the same article for which `conditions` hold."""
    return exists(
        select(literal_column("1"))
        .select_from(_earlier)
        .where(
            _earlier.c.target == deliveries.c.target,
            _earlier.c.article_key == deliveries.c.article_key,
            *conditions,
        )
    )


_EARLIER_OF_ARTICLE = _has_for_article(_earlier.c.key < deliveries.c.key, _earlier.c.settled_us.is_(None))
_UNCERTAIN = _has_for_article(_earlier.c.key <= deliveries.c.key, _earlier.c.may_have_arrived)
_UNHEARD = _has_for_article(
    _earlier.c.key < deliveries.c.key,
    _earlier.c.event == EventKind.PUBLISHED,
    _earlier.c.settled_us.is_not(None),
    _earlier.c.state != State.SENT,
)  # and what may have arrived is _UNCERTAIN
_TARGETS = (
    select(targets)
    .where(targets.c.name.in_(bindparam("_targets", expanding=True)))
    .with_for_update(of=targets, skip_locked=True, key_share=True)
)
_BUSY = select(deliveries.c.target).where(
    IS_SENDING, deliveries.c.target.in_(bindparam("_targets", expanding=True))
)
_DUE = (
    select(deliveries.c.key)
    .where(IS_OPEN, deliveries.c.due_us <= bindparam("_now_us"), ~_EARLIER_OF_ARTICLE)
    .order_by(deliveries.c.key)
)
_NEXT = (
    _DUE.add_columns(deliveries.c.target)
    .where(deliveries.c.target == bindparam("_target"))
    .limit(bindparam("_most"))
)
_HEAD = _DUE.where(deliveries.c.target == targets.c.name).limit(1).correlate(targets).scalar_subquery()
_HEADS = select(_HEAD.label("key"), targets.c.name.label("target")).where(
    targets.c.name.in_(bindparam("_targets", expanding=True))
)


def _claiming(due: Select[Any]) -> ReturningUpdate[Any]:
    """The statement that claims these deliveries: of each target those before the first that is locked.

    A pass locks what it is about to correct. Nobody waits for it here, or two could wait for each other; and
    nothing may overtake it.
    """
    wanted = due.cte("wanted").prefix_with("MATERIALIZED")
    free = (
        select(deliveries.c.key)
        .where(deliveries.c.key.in_(select(wanted.c.key)), IS_OPEN)
        .order_by(deliveries.c.key)
        .with_for_update(of=deliveries, skip_locked=True)
        .cte("free")
        .prefix_with("MATERIALIZED")
    )
    overtakes = exists(
        select(literal_column("1")).where(
            wanted.c.target == deliveries.c.target,
            wanted.c.key < deliveries.c.key,
            wanted.c.key.not_in(select(free.c.key)),
        )
    )
    return (
        update(deliveries)
        .where(deliveries.c.key.in_(select(free.c.key)), ~overtakes)
        .values(
            state=State.SENDING,
            attempts=deliveries.c.attempts + 1,
            first_tried_us=func.coalesce(deliveries.c.first_tried_us, bindparam("_now_us")),
            lease_owner=bindparam("_owner"),
            lease_until_us=bindparam("_lease_until_us"),
        )
        .returning(deliveries.c.key)
    )


_CLAIM_NEXT = _claiming(_NEXT)
_CLAIM_HEADS = _claiming(_HEADS)
# Read after the claim, so that an edit which came just before it is not missed.
_CLAIMED = (
    select(
        deliveries.c.key,
        *COLUMNS,
        articles.c.id.label("article_id"),
        articles.c.status,
        articles.c.body,
        posts.c.receipt,
        posts.c.posted_us,
        _UNCERTAIN.label("is_uncertain"),
        _UNHEARD.label("is_unheard"),
    )
    .outerjoin(articles, articles.c.key == deliveries.c.article_key)
    .outerjoin(
        posts, (posts.c.target == deliveries.c.target) & (posts.c.article_key == deliveries.c.article_key)
    )
    .where(deliveries.c.key.in_(bindparam("_keys", expanding=True)))
    .order_by(deliveries.c.key)
)
_SLUGS = (
    select(feeds.c.key, feeds.c.active, slugs.c.slug)
    .outerjoin(slugs, slugs.c.feed_key == feeds.c.key)
    .where(feeds.c.key.in_(bindparam("_feeds", expanding=True)))
    .order_by(slugs.c.current.desc(), slugs.c.slug)
)


def claim_heads(
    connection: Connection,
    leases: Mapping[str, timedelta],
    now: datetime,
    *,
    owner: str,
    paces: Mapping[str, Pace] = MappingProxyType({}),
) -> dict[str, list[Claim]]:
    """For each of these targets the oldest delivery that is due, now ours, by target.

    A target that has nothing due, is busy, or may not be told now, is left out. Deliveries of one article
    keep their order: a later one waits for the earlier to be settled. `leases` says how long each may take.
    """
    names = {"_targets": list(leases)}
    found = {row.name: (health_in(row), row.setup) for row in connection.execute(_TARGETS, names)}
    busy = set(connection.execute(_BUSY, names).scalars())
    open_ = [
        name
        for name, (health, _) in found.items()
        if health.is_open(now) and name not in busy and is_in_pace(connection, name, paces.get(name), now)
    ]
    if not open_:
        return {}
    # The longest will do for all: it only tells how soon a killed process is noticed.
    until = now + max(leases[name] for name in open_)
    values = {
        "_targets": open_,
        "_now_us": to_us(now),
        "_owner": owner,
        "_lease_until_us": to_us(until),
    }
    keys = connection.execute(_CLAIM_HEADS, values).scalars().all()
    return {one.row.target: [one] for one in _claims(connection, keys, owner, found, until)}


def claim_next(
    connection: Connection,
    target: str,
    health: Health,
    now: datetime,
    *,
    setup: str,
    owner: str,
    lease: timedelta,
    most: int = 1,
) -> list[Claim]:
    """The oldest deliveries of `target` that are due, `most` of them, now ours.

    For one who settles deliveries of it in this transaction, and so knows its health and its setup: to
    everybody else the target is busy until the transaction ends, so nobody can come between.
    """
    if not health.is_open(now):
        return []
    values = {
        "_target": target,
        "_now_us": to_us(now),
        "_owner": owner,
        "_lease_until_us": to_us(now + lease),
        "_most": most,
    }
    keys = connection.execute(_CLAIM_NEXT, values).scalars().all()
    return _claims(connection, keys, owner, {target: (health, setup)}, now + lease)


def _claims(
    connection: Connection,
    keys: Sequence[int],
    owner: str,
    standing: Mapping[str, tuple[Health, str]],
    until: datetime,
) -> list[Claim]:
    if not keys:
        return []
    found = connection.execute(_CLAIMED, {"_keys": keys}).all()
    slugs_ = _slugs(connection, {row.feed_key for row in found if row.feed_key is not None})
    claims: list[Claim] = []
    for row in found:
        health, setup = standing[row.target]
        shared = {"key": row.key, "owner": owner, "health": health, "setup": setup, "until": until}
        if row.feed_key is None:
            claims.append(_announcement(row, shared))
        else:
            is_active, known = slugs_[row.feed_key]
            claims.append(PingClaim(**shared, row=ping_in(row), is_active=is_active, slugs=known))
    return claims


def _announcement(row: Any, shared: Mapping[str, Any]) -> AnnouncementClaim:
    return AnnouncementClaim(
        **shared,
        row=announcement_in(row),
        article_id=row.article_id,
        status=Status(row.status),
        body=row.body,
        receipt=json.loads(row.receipt) if row.receipt else {},
        posted=from_us_or_none(row.posted_us),
        is_uncertain=bool(row.is_uncertain),
        is_unheard=bool(row.is_unheard) and row.posted_us is None and not row.is_uncertain,
    )


def _slugs(connection: Connection, keys: set[int]) -> dict[int, tuple[bool, tuple[str, ...]]]:
    """Whether each of these feeds is wanted, and its slugs, by key."""
    found: dict[int, tuple[bool, tuple[str, ...]]] = {}
    for row in connection.execute(_SLUGS, {"_feeds": list(keys)}) if keys else ():
        _, known = found.get(row.key, (False, ()))
        found[row.key] = (row.active, (*known, row.slug or ""))
    return found
