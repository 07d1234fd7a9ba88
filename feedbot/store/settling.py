"""What came of claims: noted, or given back as if they had never been made.

A settlement counts only if the claim is still ours: a lease that has run out may have gone to somebody else.
Nothing here waits for a network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, bindparam, insert, select, update

from feedbot.attempt import SAID, Outcome, Sent, State, Unclear
from feedbot.model import EventKind
from feedbot.settlement import Settlement
from feedbot.store import articles, pings
from feedbot.store.db import to_us
from feedbot.store.deliveries import IS_SENDING, sent_before_us
from feedbot.store.outbox import AnnouncementClaim, Claim, PingClaim
from feedbot.store.schema import attempts, deliveries, posts
from feedbot.store.statements import Values, upsert
from feedbot.store.targets import put_health

# --- statements, made once: putting one together takes longer than running it ---

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


class Settled(Struct, frozen=True, kw_only=True):
    """What came of a claim, and what follows from it."""

    claim: Claim
    outcome: Outcome
    settlement: Settlement

    @property
    def was_sent_before(self) -> bool:
        """Whether it stands as sent for what happened before, and was not sent this time."""
        return self.settlement.state is State.SENT and not isinstance(self.outcome, Sent)

    @property
    def happened(self) -> State:
        """Where this attempt alone would have left it: what is logged and counted."""
        return State.SKIPPED if self.was_sent_before else self.settlement.state


def settle(
    connection: Connection,
    settled: Sequence[Settled],
    now: datetime,
    redact: Callable[[str], str],
    *,
    is_first: bool = True,
) -> set[int]:
    """Note what came of claims of one owner, those on one target in their order.

    Returns the keys of those that were still ours: of the others the lease had run out. `redact` takes the
    secrets out of what servers said, for they may have said ours. Unless it `is_first`, the same was tried
    before with the same `now`, and may have been committed though nobody heard of it.
    """
    if not settled:
        return set()
    claims = {one.claim.key: one.claim.row.attempts for one in settled}
    found = connection.execute(_OURS, {"_keys": list(claims), "_owner": settled[0].claim.owner})
    ours = {key for key, attempts_ in found if attempts_ == claims[key]}
    mine = [one for one in settled if one.claim.key in ours]
    noted = set() if is_first or len(mine) == len(settled) else _noted(connection, claims, now)
    settled = [one for one in settled if one.claim.key not in noted]
    tried = settled if len(mine) == len(settled) else _not_purged(connection, settled)
    if tried:
        connection.execute(ATTEMPT, [_attempt_of(one, now, redact, one.claim.key in ours) for one in tried])
    if mine:
        connection.execute(_SETTLE, [_values_of(one, now) for one in mine])
        pings.retire(connection, _pings_in(one.claim for one in mine), now)
        upsert(connection, posts, [post for one in mine if (post := _post_of(one, now))])
        before = {one.claim.row.target: one.claim.health for one in mine}
        after = {one.claim.row.target: one.settlement.health for one in mine}
        for name, health in sorted(after.items()):
            if health != before[name]:
                put_health(connection, name, health)
    return ours | noted


def _noted(connection: Connection, keys: Iterable[int], now: datetime) -> set[int]:
    """Those of these deliveries that have an attempt which ended just `now`."""
    there = select(attempts.c.delivery_key).where(
        attempts.c.delivery_key.in_(list(keys)), attempts.c.at_us == to_us(now)
    )
    return set(connection.execute(there).scalars())


def _not_purged(connection: Connection, settled: Sequence[Settled]) -> list[Settled]:
    """Those whose deliveries are still there: whoever was stopped for long may come back with older ones."""
    there = select(deliveries.c.key).where(deliveries.c.key.in_([one.claim.key for one in settled]))
    keys = set(connection.execute(there).scalars())
    return [one for one in settled if one.claim.key in keys]


def lock(connection: Connection, claims: Iterable[Claim]) -> None:
    """Lock the rows of `claims` in the order in which everybody locks rows: nobody waits in a circle."""
    keys = [one.key for one in claims]
    if keys and connection.dialect.name != "sqlite":  # where each transaction has the database for itself
        connection.execute(_LOCK, {"_keys": keys})


def live_again(connection: Connection, claims: Sequence[Claim]) -> set[int]:
    """The keys of those of these claims whose article is in its feeds now, though it was not then.

    Whoever announced that it came back took such a delivery for one that is being sent.
    """
    if not claims:
        return set()
    about = {one.key: one.row.article_key for one in claims if isinstance(one, AnnouncementClaim)}
    there = articles.live_among(connection, set(about.values()))
    return {key for key, article_key in about.items() if article_key in there}


def release(connection: Connection, claims: Sequence[Claim], now: datetime) -> None:
    """Give claims back as if they had never been made; nothing was sent."""
    for one in claims:
        # What may have arrived is looked for since its first attempt, though a person gave it all anew.
        is_first = one.row.attempts == 1 and not one.row.may_have_arrived
        untold = State.PENDING if one.row.attempts == 1 else State.RETRY
        connection.execute(
            update(deliveries)
            .where(deliveries.c.key == one.key, IS_SENDING, deliveries.c.lease_owner == one.owner)
            .values(
                state=State.UNCLEAR if one.row.may_have_arrived else untold,
                attempts=deliveries.c.attempts - 1,
                first_tried_us=None if is_first else one.row.first_tried_us,
                lease_owner=None,
                lease_until_us=None,
            )
        )
    pings.retire(connection, _pings_in(claims), now)


def _pings_in(claims: Iterable[Claim]) -> list[int]:
    return [one.key for one in claims if isinstance(one, PingClaim)]


def _values_of(one: Settled, now: datetime) -> Values:
    row, settlement = one.claim.row, one.settlement
    is_final = settlement.due is None
    settled_us = sent_before_us(row, now) if one.was_sent_before else to_us(now)
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
        "_settled_us": settled_us if is_final else None,
    }


def _attempt_of(one: Settled, now: datetime, redact: Callable[[str], str], is_ours: bool) -> Values:
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


def _post_of(one: Settled, now: datetime) -> Values | None:
    """What the target has of the article, if that changed."""
    claimed, receipt = one.claim, one.outcome.receipt
    if not isinstance(claimed, AnnouncementClaim):
        return None
    receipt = claimed.receipt if receipt is None else receipt
    posted = claimed.posted
    if isinstance(one.outcome, Sent):
        posted = None if claimed.row.event is EventKind.WITHDRAWN else (claimed.posted or now)
    if receipt == claimed.receipt and posted == claimed.posted:
        return None
    return {
        "target": claimed.row.target,
        "article_key": claimed.row.article_key,
        "posted_us": to_us(posted) if posted else None,
        "receipt": json.dumps(receipt, separators=(",", ":")),
    }
