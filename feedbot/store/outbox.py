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
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)

from feedbot.attempt import SAID, Outcome, State, Unclear
from feedbot.model import EventKind, JsonObject, Status
from feedbot.retry import LONGEST, next_attempt
from feedbot.settlement import Condition, Health, Settlement
from feedbot.store.db import from_us, to_us
from feedbot.store.deliveries import COLUMNS, DeliveryRow, row_in
from feedbot.store.schema import articles, attempts, deliveries, events, posts, targets
from feedbot.store.statements import Row, upsert
from feedbot.store.targets import health_in, put_health

INTERRUPTED = "the program ended while it was being sent"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a target may be told: both 0 or None for as fast as it answers."""

    max_per_hour: int | None = None
    min_interval: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A target with something to send, and when its turn comes."""

    target: str
    due: datetime
    number: int  # of deliveries that wait, due or not


# --- statements, made once: putting one together takes longer than running it ---

# The very words of the index's condition, or it would not be used.
_IS_OPEN = text("deliveries.state in ('pending', 'retry', 'unclear')")
_IS_SENDING = text("deliveries.state = 'sending'")

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
    _IS_SENDING, deliveries.c.target.in_(bindparam("_targets", expanding=True))
)
_DUE = (
    select(deliveries.c.key)
    .where(_IS_OPEN, deliveries.c.due_us <= bindparam("_now_us"), ~_EARLIER_OF_ARTICLE)
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
    .where(deliveries.c.key.in_(_NEXT), _IS_OPEN)
    .values(lease_until_us=bindparam("_lease_until_us"), **_SENDING)
    .returning(deliveries.c.key)
)
_CLAIM_HEADS = (
    update(deliveries)
    .where(deliveries.c.key.in_(_HEADS), _IS_OPEN)
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
        _IS_SENDING,
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
_ATTEMPT = insert(attempts)
_SENT_LATELY = (
    select(deliveries.c.settled_us)
    .where(
        deliveries.c.target == bindparam("_target"),
        deliveries.c.settled_us <= bindparam("_now_us"),  # what a wrong clock noted counts for nothing
        deliveries.c.state == State.SENT,
    )
    .order_by(deliveries.c.settled_us.desc())
)
_WAITING = (
    select(
        deliveries.c.target,
        func.min(deliveries.c.due_us).label("due_us"),
        func.count().label("number"),
    )
    .where(_IS_OPEN)
    .group_by(deliveries.c.target)
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
    healths = {row.name: health_in(row) for row in connection.execute(_TARGETS, names)}
    busy = set(connection.execute(_BUSY, names).scalars())
    open_ = [
        name
        for name, health in healths.items()
        if health.is_open(now) and name not in busy and _is_in_pace(connection, name, paces.get(name), now)
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
    connection.execute(_ATTEMPT, [_attempt_of(one, now, redact, one.claim.key in ours) for one in settled])
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
    if keys:
        connection.execute(_LOCK, {"_keys": keys})


def release(connection: Connection, claims: Iterable[Claim]) -> None:
    """Give claims back as if they had never been made; nothing was sent."""
    for one in claims:
        first_tried = None if one.row.attempts == 1 else one.row.first_tried_us
        before = State.UNCLEAR if one.row.may_have_arrived else State.PENDING
        connection.execute(
            update(deliveries)
            .where(deliveries.c.key == one.key, _IS_SENDING, deliveries.c.lease_owner == one.owner)
            .values(
                state=before,
                attempts=deliveries.c.attempts - 1,
                first_tried_us=first_tried,
                lease_owner=None,
                lease_until_us=None,
            )
        )


def recover(connection: Connection, now: datetime, *, owner: str = "", under_way: Iterable[str] = ()) -> int:
    """Take back the deliveries whose lease ran out: they may have arrived. Returns how many there were.

    They wait like any that failed: a program that dies at every start must not use up what it never sent.
    """
    is_ours = (deliveries.c.lease_owner == owner) & deliveries.c.target.in_(list(under_way))
    void = select(deliveries.c.key, deliveries.c.attempts).where(
        _IS_SENDING, deliveries.c.lease_until_us < to_us(now), ~is_ours
    )
    rows = connection.execute(void.with_for_update(skip_locked=True)).all()
    for row in rows:
        due = next_attempt(row.attempts, now, jitter=0)
        is_last = due is None
        connection.execute(
            update(deliveries)
            .where(deliveries.c.key == row.key)
            .values(
                state=State.DEAD if is_last else State.UNCLEAR,
                reason=f"given up after {row.attempts} attempts: {INTERRUPTED}" if is_last else INTERRUPTED,
                may_have_arrived=True,
                due_us=to_us(due or now),
                settled_us=to_us(now) if is_last else None,
                lease_owner=None,
                lease_until_us=None,
            )
        )
        connection.execute(
            _ATTEMPT,
            [{"delivery_key": row.key, "at_us": to_us(now), "outcome": "interrupted", "reason": INTERRUPTED,
              "status": None, "took_us": None, "said": ""}],
        )  # fmt: skip
    return len(rows)


def mend_clock(connection: Connection, now: datetime) -> None:
    """Let nothing wait for a moment that only a wrong clock can have meant."""
    absurd = to_us(now + LONGEST + timedelta(hours=3))
    moment = to_us(now)
    connection.execute(update(targets).where(targets.c.until_us > absurd).values(until_us=moment))
    waits = deliveries.c.state.in_((State.RETRY, State.UNCLEAR))
    connection.execute(
        update(deliveries).where(_IS_OPEN, waits, deliveries.c.due_us > absurd).values(due_us=moment)
    )
    connection.execute(
        update(deliveries)
        .where(_IS_SENDING, deliveries.c.lease_until_us > absurd)
        .values(lease_until_us=moment)
    )


def turns(connection: Connection, paces: Mapping[str, Pace], now: datetime) -> list[Turn]:
    """The targets in `paces` that have something to send and are not disabled, the next turn first."""
    waiting = {row.target: row for row in connection.execute(_WAITING) if row.target in paces}
    if not waiting:
        return []
    found = []
    for row in connection.execute(select(targets)):
        if row.name not in waiting:
            continue
        health = health_in(row)
        if health.condition is Condition.DISABLED:
            continue
        moments = [from_us(waiting[row.name].due_us), pace_allows(connection, row.name, paces[row.name], now)]
        due = max(moment for moment in (*moments, health.until) if moment is not None)
        found.append(Turn(target=row.name, due=due, number=waiting[row.name].number))
    return sorted(found, key=lambda turn: turn.due)


def pace_allows(connection: Connection, target: str, pace: Pace, now: datetime) -> datetime | None:
    """When the pace of `target` lets the next one go; None: at any time."""
    moments = []
    if pace.min_interval:
        moments += _sent(connection, target, 1, pace.min_interval, now)
    if pace.max_per_hour:
        moments += _sent(connection, target, pace.max_per_hour, timedelta(hours=1), now)
    return max(moments, default=None)


def _is_in_pace(connection: Connection, target: str, pace: Pace | None, now: datetime) -> bool:
    """Whether a target may be told now, asked once more under its lock: others may have told it since."""
    if pace is None or pace == Pace():
        return True
    moment = pace_allows(connection, target, pace, now)
    return moment is None or moment <= now


def _sent(connection: Connection, target: str, number: int, wait: timedelta, now: datetime) -> list[datetime]:
    """`wait` after the last but `number` - 1 was sent, if so many were."""
    statement = _SENT_LATELY.offset(number - 1).limit(1)
    values = {"_target": target, "_now_us": to_us(now)}
    return [from_us(us) + wait for us in connection.execute(statement, values).scalars()]


def purge(connection: Connection, before: datetime) -> int:
    """Forget attempts, settled deliveries and announced events older than that; returns how many deliveries.

    What each target has of an article (`posts`) is kept, so that it can still be changed or taken back.
    """
    limit = to_us(before)
    is_old = (deliveries.c.target.in_(select(targets.c.name)), deliveries.c.settled_us < limit)
    old = select(deliveries.c.key).where(*is_old)
    connection.execute(
        delete(attempts).where(or_(attempts.c.at_us < limit, attempts.c.delivery_key.in_(old)))
    )
    number = connection.execute(delete(deliveries).where(*is_old)).rowcount
    is_told = exists().where(deliveries.c.event_number == events.c.number)
    # The newest stays, for targets count by its number: SQLite would give it to the next event.
    newest = select(func.max(events.alias().c.number)).scalar_subquery()
    connection.execute(
        delete(events).where(events.c.announced_us < limit, events.c.number < newest, ~is_told)
    )
    return number


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
