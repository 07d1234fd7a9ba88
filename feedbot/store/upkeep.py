"""Putting the outbox in order: claims of killed processes, moments of a wrong clock, and what is old."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, delete, exists, func, or_, select, update

from feedbot.attempt import State
from feedbot.retry import LONGEST, next_attempt
from feedbot.store import pings
from feedbot.store.db import to_us
from feedbot.store.deliveries import IS_OPEN, IS_SENDING
from feedbot.store.schema import attempts, deliveries, events, targets
from feedbot.store.settling import ATTEMPT
from feedbot.store.statements import chunks

MOST = 10_000  # deliveries that are forgotten at once: until that is done, nothing is sent
INTERRUPTED = "the program ended while it was being sent"


def recover(connection: Connection, now: datetime, *, owner: str = "", under_way: Iterable[str] = ()) -> int:
    """Take back the deliveries whose lease ran out: they may have arrived. Returns how many there were.

    They wait like any that failed: a program that dies at every start must not use up what it never sent.
    """
    is_ours = (deliveries.c.lease_owner == owner) & deliveries.c.target.in_(list(under_way))
    void = select(deliveries.c.key, deliveries.c.attempts, deliveries.c.feed_key).where(
        IS_SENDING, deliveries.c.lease_until_us < to_us(now), ~is_ours
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
            ATTEMPT,
            [{"delivery_key": row.key, "at_us": to_us(now), "outcome": "interrupted", "reason": INTERRUPTED,
              "status": None, "took_us": None, "said": ""}],
        )  # fmt: skip
    pings.retire(connection, [row.key for row in rows if row.feed_key is not None], now)
    return len(rows)


def mend_clock(connection: Connection, now: datetime) -> None:
    """Let nothing wait for a moment that only a wrong clock can have meant.

    What others hold, here and in `purge`, is left for the next time: the caller may hold what they wait for.
    """
    absurd = to_us(now + LONGEST + timedelta(hours=3))
    moment = to_us(now)
    waiting = select(targets.c.name).where(targets.c.until_us > absurd)
    free = waiting.with_for_update(skip_locked=True, key_share=True).correlate(None)
    connection.execute(update(targets).where(targets.c.name.in_(free)).values(until_us=moment))
    waits = deliveries.c.state.in_((State.RETRY, State.UNCLEAR))
    # One that was never tried may wait for long by the configuration; but not for what has not happened yet,
    # and not because of an edit that has not.
    is_edited_ahead = exists().where(
        events.c.article_key == deliveries.c.article_key, events.c.at_us > absurd
    )
    is_from_ahead = or_(deliveries.c.at_us > absurd, deliveries.c.by_hand, is_edited_ahead)
    put_off = _free().where(IS_OPEN, or_(waits, is_from_ahead), deliveries.c.due_us > absurd)
    connection.execute(update(deliveries).where(deliveries.c.key.in_(put_off)).values(due_us=moment))
    claimed = _free().where(IS_SENDING, deliveries.c.lease_until_us > absurd)
    connection.execute(update(deliveries).where(deliveries.c.key.in_(claimed)).values(lease_until_us=moment))


def _free() -> Select[tuple[int]]:
    """The keys of deliveries that nobody else holds."""
    return select(deliveries.c.key).with_for_update(skip_locked=True).correlate(None)


def purge(connection: Connection, before: datetime) -> int:
    """Forget attempts, settled deliveries and announced events older than that; returns how many deliveries.

    They are MOST if there may be more. What each target has of an article (`posts`) is kept, so that it can
    still be changed or taken back.
    """
    limit = to_us(before)
    of_any = deliveries.c.target.in_(select(targets.c.name))
    # By their keys, which are ours now: where the one statement was part of the other, PostgreSQL looked at
    # all of them for each of them.
    old = _free().where(of_any, deliveries.c.settled_us < limit).limit(MOST)
    keys = connection.execute(old).scalars().all()
    for chunk in chunks(keys):
        connection.execute(delete(attempts).where(attempts.c.delivery_key.in_(chunk)))
        connection.execute(delete(deliveries).where(deliveries.c.key.in_(chunk)))
    waiting = select(deliveries.c.key).where(of_any, deliveries.c.settled_us.is_(None))
    connection.execute(delete(attempts).where(attempts.c.at_us < limit, attempts.c.delivery_key.in_(waiting)))
    is_told = exists().where(deliveries.c.event_number == events.c.number)
    # The newest stays, for targets count by its number: SQLite would give it to the next event.
    newest = select(func.max(events.alias().c.number)).scalar_subquery()
    connection.execute(
        delete(events).where(events.c.announced_us < limit, events.c.number < newest, ~is_told)
    )
    return len(keys)
