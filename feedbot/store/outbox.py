"""The outbox: which delivery is next, who sends it, and what came of it.

A claim is a conditional update under the lock of the target's row, so that one process at a time tells a
target, whoever asks. It is a lease: attempts rise when it is made, and it is void when it has run out, which
is how a delivery outlives the process that was sending it. Nothing here waits for a network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import (
    Connection,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)

from feedbot.attempt import SAID, Outcome, State, Unclear
from feedbot.model import EventKind, JsonObject, Status
from feedbot.settlement import Health, Settlement
from feedbot.store.db import from_us, to_us
from feedbot.store.deliveries import COLUMNS, IS_OPEN, IS_SENDING, DeliveryRow, row_in
from feedbot.store.schema import articles, attempts, deliveries, posts, targets
from feedbot.store.statements import Row, upsert
from feedbot.store.targets import health_in, put_health
from feedbot.store.turns import Pace, is_in_pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery that is ours to send, until the lease runs out."""

    key: int
    row: DeliveryRow  # as it is now: under way, and this attempt counted
    owner: str
    article_id: str
    status: Status  # of the article
    published: datetime  # of the article
    body: str  # the article as text
    receipt: JsonObject
    posted: datetime | None
    is_uncertain: bool  # this delivery, or an earlier one of the article, may have arrived
    health: Health


# --- statements, made once: putting one together takes longer than running it ---

_earlier = deliveries.alias("earlier")
_EARLIER_OF_ARTICLE = exists(
    select(literal_column("1"))
    .select_from(_earlier)
    .where(
        _earlier.c.target == deliveries.c.target,
        _earlier.c.article_key == deliveries.c.article_key,
        _earlier.c.key < deliveries.c.key,
        _earlier.c.settled_us.is_(None),
    )
)
_TARGETS = (
    select(
        targets.c.name,
        targets.c.condition,
        targets.c.reason,
        targets.c.failures,
        targets.c.since_us,
        targets.c.until_us,
    )
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
    .with_for_update(of=deliveries, skip_locked=True)
)
_NEXT = _DUE.where(deliveries.c.target == bindparam("_target")).limit(bindparam("_most"))
_HEADS = select(
    _DUE.where(deliveries.c.target == targets.c.name).limit(1).correlate(targets).scalar_subquery()
).where(targets.c.name.in_(bindparam("_targets", expanding=True)))
_SENDING = {
    "state": State.SENDING,
    "attempts": deliveries.c.attempts + 1,
    "first_tried_us": func.coalesce(deliveries.c.first_tried_us, bindparam("_now_us")),
    "lease_owner": bindparam("_owner"),
}
_CLAIM_NEXT = (
    update(deliveries)
    .where(deliveries.c.key.in_(_NEXT), IS_OPEN)
    .values(lease_until_us=bindparam("_lease_until_us"), **_SENDING)
    .returning(deliveries.c.key)
)
_CLAIM_HEADS = (
    update(deliveries)
    .where(deliveries.c.key.in_(_HEADS), IS_OPEN)
    .values(lease_until_us=bindparam("_lease_until_us"), **_SENDING)
    .returning(deliveries.c.key)
)
# Read after the claim, so that an edit which came just before it is not missed.
_CLAIMED = (
    select(
        deliveries.c.key,
        *COLUMNS,
        articles.c.id.label("article_id"),
        articles.c.status,
        articles.c.published_us,
        articles.c.body,
        posts.c.receipt,
        posts.c.posted_us,
        exists(
            select(literal_column("1"))
            .select_from(_earlier)
            .where(
                _earlier.c.target == deliveries.c.target,
                _earlier.c.article_key == deliveries.c.article_key,
                _earlier.c.key <= deliveries.c.key,
                _earlier.c.may_have_arrived,
            )
        ).label("is_uncertain"),
    )
    .join(articles, articles.c.key == deliveries.c.article_key)
    .outerjoin(
        posts, (posts.c.target == deliveries.c.target) & (posts.c.article_key == deliveries.c.article_key)
    )
    .where(deliveries.c.key.in_(bindparam("_keys", expanding=True)))
    .order_by(deliveries.c.key)
)
_OURS = (
    select(deliveries.c.key, deliveries.c.attempts)
    .where(
        deliveries.c.key.in_(bindparam("_keys", expanding=True)),
        IS_SENDING,
        deliveries.c.lease_owner == bindparam("_owner"),
    )
    .order_by(deliveries.c.key)
    .with_for_update()
)
_LOCK = (
    select(deliveries.c.key)
    .where(deliveries.c.key.in_(bindparam("_keys", expanding=True)))
    .order_by(deliveries.c.key)
    .with_for_update()
)
_SETTLE = (
    update(deliveries)
    .where(deliveries.c.key == bindparam("_key"))
    .values(
        state=bindparam("_state"),
        reason=bindparam("_reason"),
        due_us=bindparam("_due_us"),
        attempts=bindparam("_attempts"),
        may_have_arrived=bindparam("_may_have_arrived"),
        settled_us=bindparam("_settled_us"),
        lease_owner=None,
        lease_until_us=None,
    )
)
ATTEMPT = insert(attempts)


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
    healths = {row.name: health_in(row) for row in connection.execute(_TARGETS, names)}
    busy = set(connection.execute(_BUSY, names).scalars())
    open_ = [
        name
        for name, health in healths.items()
        if health.is_open(now) and name not in busy and is_in_pace(connection, name, paces.get(name), now)
    ]
    if not open_:
        return {}
    values = {
        "_targets": open_,
        "_now_us": to_us(now),
        "_owner": owner,
        # The longest will do for all: it only tells how soon a killed process is noticed.
        "_lease_until_us": to_us(now + max(leases[name] for name in open_)),
    }
    keys = connection.execute(_CLAIM_HEADS, values).scalars().all()
    return {one.row.target: [one] for one in _claims(connection, keys, owner, healths)}


def claim_next(
    connection: Connection,
    target: str,
    health: Health,
    now: datetime,
    *,
    owner: str,
    lease: timedelta,
    most: int = 1,
) -> list[Claim]:
    """The oldest deliveries of `target` that are due, `most` of them, now ours.

    For one who settles deliveries of it in this transaction, and so knows its health: to everybody else the
    target is busy until the transaction ends, so nobody can come between.
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
    return _claims(connection, keys, owner, {target: health})


def _claims(
    connection: Connection, keys: Sequence[int], owner: str, healths: Mapping[str, Health]
) -> list[Claim]:
    if not keys:
        return []
    return [
        Claim(
            key=row.key,
            row=row_in(row),
            owner=owner,
            article_id=row.article_id,
            status=Status(row.status),
            published=from_us(row.published_us),
            body=row.body,
            receipt=json.loads(row.receipt) if row.receipt else {},
            posted=None if row.posted_us is None else from_us(row.posted_us),
            is_uncertain=bool(row.is_uncertain),
            health=healths[row.target],
        )
        for row in connection.execute(_CLAIMED, {"_keys": keys})
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of a claim, and what follows from it."""

    claim: Claim
    outcome: Outcome
    settlement: Settlement


def settle(
    connection: Connection, settled: Sequence[Settled], now: datetime, redact: Callable[[str], str]
) -> set[int]:
    """Note what came of claims of one owner, those on one target in their order.

    Returns the keys of those that were still ours: of the others the lease had run out. `redact` takes the
    secrets out of what servers said, for they may have said ours.
    """
    if not settled:
        return set()
    claims = {one.claim.key: one.claim.row.attempts for one in settled}
    found = connection.execute(_OURS, {"_keys": list(claims), "_owner": settled[0].claim.owner})
    ours = {key for key, attempts_ in found if attempts_ == claims[key]}
    mine = [one for one in settled if one.claim.key in ours]
    connection.execute(ATTEMPT, [_attempt_of(one, now, redact, one.claim.key in ours) for one in settled])
    if mine:
        connection.execute(_SETTLE, [_values_of(one, now) for one in mine])
        upsert(connection, posts, [post for one in mine if (post := _post_of(one, now))])
        before = {one.claim.row.target: one.claim.health for one in mine}
        after = {one.claim.row.target: one.settlement.health for one in mine}
        for name, health in after.items():
            if health != before[name]:
                put_health(connection, name, health)
    return ours


def lock(connection: Connection, claims: Iterable[Claim]) -> None:
    """Lock the rows of `claims` in the order in which everybody locks rows: nobody waits in a circle."""
    keys = [one.key for one in claims]
    if keys and connection.dialect.name != "sqlite":  # where each transaction has the database for itself
        connection.execute(_LOCK, {"_keys": keys})


def release(connection: Connection, claims: Iterable[Claim]) -> None:
    """Give claims back as if they had never been made; nothing was sent."""
    for one in claims:
        first_tried = None if one.row.attempts == 1 else one.row.first_tried_us
        before = State.UNCLEAR if one.row.may_have_arrived else State.PENDING
        connection.execute(
            update(deliveries)
            .where(deliveries.c.key == one.key, IS_SENDING, deliveries.c.lease_owner == one.owner)
            .values(
                state=before,
                attempts=deliveries.c.attempts - 1,
                first_tried_us=first_tried,
                lease_owner=None,
                lease_until_us=None,
            )
        )


def _values_of(one: Settled, now: datetime) -> Row:
    row, settlement = one.claim.row, one.settlement
    is_final = settlement.due is None
    may_have_arrived = isinstance(one.outcome, Unclear) or (
        row.may_have_arrived and settlement.state not in {State.SENT, State.SKIPPED}
    )
    return {
        "_key": one.claim.key,
        "_state": settlement.state,
        "_reason": settlement.reason,
        "_due_us": row.due_us if settlement.due is None else to_us(settlement.due),
        "_attempts": row.attempts if settlement.is_charged else row.attempts - 1,
        "_may_have_arrived": may_have_arrived,
        "_settled_us": to_us(now) if is_final else None,
    }


def _attempt_of(one: Settled, now: datetime, redact: Callable[[str], str], is_ours: bool) -> Row:
    outcome, answer = one.outcome, one.outcome.answer
    return {
        "delivery_key": one.claim.key,
        "at_us": to_us(now),
        "outcome": type(outcome).__name__.lower(),
        "reason": outcome.reason if is_ours else f"too late: {outcome.reason}",
        "status": answer.status if answer else None,
        "took_us": int(answer.seconds * 1e6) if answer else None,
        # Redacted before it is cut, or half a secret could stay.
        "said": redact(answer.text).replace("\0", "")[:SAID] if answer and answer.body else "",
    }


def _post_of(one: Settled, now: datetime) -> Row | None:
    """What the target has of the article, if that changed."""
    claimed, receipt = one.claim, one.outcome.receipt
    receipt = claimed.receipt if receipt is None else receipt
    posted = claimed.posted
    if one.settlement.state is State.SENT:
        posted = None if claimed.row.event is EventKind.WITHDRAWN else (claimed.posted or now)
    if receipt == claimed.receipt and posted == claimed.posted:
        return None
    return {
        "target": claimed.row.target,
        "article_key": claimed.row.article_key,
        "posted_us": to_us(posted) if posted else None,
        "receipt": json.dumps(receipt, separators=(",", ":")),
    }
