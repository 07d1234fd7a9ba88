"""Pings: deliveries that tell the hub of feeds that changed.

A ping says that there is something new, not what: whoever comes to look sees all changes at once. So of each
feed one ping at most waits to be sent, whatever happens to it meanwhile; one that failed gives way to a newer
one. Claiming, sending and settling is the same as for announcements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, case, exists, func, literal_column, select, update

from feedbot.attempt import OPEN, FeedEvent, State
from feedbot.store import deliveries as rows
from feedbot.store.db import to_us
from feedbot.store.deliveries import COLUMNS, IS_OPEN, PingRow, StoredDelivery, new_id, ping_in
from feedbot.store.schema import deliveries, documents, targets
from feedbot.store.statements import among, chunks

REPLACED = "a later change of the feed is told instead"
NO_HUB = "feeds.hub is not set any more"
OTHER_HUB = "feeds.hub is another one now"
# Asked for by their states, which an index has, and so without all that a feed was told of before.
_WAITING = (*OPEN, State.HELD)


def is_met(connection: Connection, hub: str, setup: str) -> bool:
    """Whether the hub stood in the configuration as it does now when the last pass ended.

    If not, nobody who could be told has subscribed there yet.
    """
    return _setup_of(connection, hub) == setup


def _setup_of(connection: Connection, hub: str) -> str | None:
    return connection.execute(select(targets.c.setup).where(targets.c.name == hub)).scalar()


def digests(connection: Connection, paths: Iterable[str]) -> dict[str, str]:
    """The digests of those of these documents that are on record with one.

    Nobody else changes what is on record until the transaction ends: of two processes that write the same
    documents, the second finds that nothing has changed.
    """
    statement = select(documents.c.path, documents.c.digest).where(documents.c.digest.is_not(None))
    locked = statement.order_by(documents.c.path).with_for_update()
    return dict(among(connection, locked, documents.c.path, sorted(paths)))


def part_with(connection: Connection, hub: str, setup: str | None, now: datetime) -> None:
    """Skip what waits if there is no hub any more (None), or another one: that one starts at now."""
    known = _setup_of(connection, hub)
    if known is None or known == setup:
        return
    waits = (
        deliveries.c.target == hub,
        deliveries.c.settled_us.is_(None),
        deliveries.c.state != State.SENDING,
    )
    reason = NO_HUB if setup is None else OTHER_HUB
    connection.execute(update(deliveries).where(*waits).values(_left_out(State.SKIPPED, reason, now)))
    if setup is None and known:
        # Should the same hub come back, it starts at that moment, too.
        connection.execute(update(targets).where(targets.c.name == hub).values(setup=""))


def record(
    connection: Connection, hub: str, feed_keys: Collection[int], now: datetime, delay: timedelta
) -> int:
    """Note that these feeds changed, for the hub to be told `delay` later; returns how many pings are new."""
    known = _unsent(connection, hub, feed_keys)
    new: list[PingRow] = []
    changed: list[StoredDelivery[PingRow]] = []
    for feed_key in sorted(feed_keys):
        waiting, failed = known.get(feed_key, ([], []))
        changed += [_replaced(stored, now) for stored in failed]
        due_us = due_with(waiting[-1].row, now, delay) if waiting else None
        if due_us is None:
            new.append(_ping(hub, feed_key, now, delay))
        elif due_us != waiting[-1].row.due_us:
            waiting[-1].row.due_us = due_us
            changed.append(waiting[-1])
    rows.change(connection, changed)
    rows.add(connection, new)
    return len(new)


def due_with(waiting: PingRow, now: datetime, delay: timedelta) -> int | None:
    """When a ping that waits is to be sent if it tells of a change at `now` as well, in microseconds.

    None: the change needs one of its own, for a feed that changes all the time would put it off for ever.
    Pure.
    """
    due_us, delay_us = to_us(now + delay), delay // timedelta(microseconds=1)
    if not delay or waiting.due_us >= due_us:
        return waiting.due_us
    is_late = waiting.due_us <= to_us(now)  # the hub takes nothing at the moment
    return due_us if is_late or due_us <= waiting.at_us + 2 * delay_us else None


def retire(connection: Connection, keys: Iterable[int], now: datetime) -> None:
    """Let those of these pings that wait again give way to later ones of their feeds."""
    for chunk in chunks(keys):
        statement = update(deliveries).where(deliveries.c.key.in_(chunk), IS_OPEN, _IS_OVERTAKEN)
        connection.execute(statement.values(_left_out(State.SUPERSEDED, REPLACED, now)))


_later = deliveries.alias("later")
_IS_OVERTAKEN = exists(
    select(literal_column("1"))
    .select_from(_later)
    .where(
        _later.c.feed_key == deliveries.c.feed_key,
        _later.c.target == deliveries.c.target,
        _later.c.key > deliveries.c.key,
        _later.c.state.in_((*_WAITING, State.SENDING)),
    )
)

Stored = list[StoredDelivery[PingRow]]


def _unsent(connection: Connection, hub: str, feed_keys: Collection[int]) -> dict[int, tuple[Stored, Stored]]:
    """By feed: the pings that wait for their first attempt, and those that failed or were given up."""
    found: dict[int, tuple[Stored, Stored]] = {}
    statement = (
        select(deliveries.c.key, *COLUMNS)
        .where(
            deliveries.c.target == hub,
            deliveries.c.state.in_((*_WAITING, State.DEAD)),
        )
        .order_by(deliveries.c.key)
        # One that somebody holds is being claimed: it counts as under way.
        .with_for_update(of=deliveries, skip_locked=True)
    )
    for row in among(connection, statement, deliveries.c.feed_key, sorted(feed_keys)):
        waiting, failed = found.setdefault(row.feed_key, ([], []))
        kind = waiting if row.state == State.PENDING else failed
        kind.append(StoredDelivery(key=row.key, row=ping_in(row)))
    return found


def _ping(hub: str, feed_key: int, now: datetime, delay: timedelta) -> PingRow:
    return PingRow(
        id=new_id(),
        target=hub,
        event=FeedEvent.CHANGED,
        feed_key=feed_key,
        at_us=to_us(now),
        state=State.PENDING,
        due_us=to_us(now + delay),
    )


def _replaced(stored: StoredDelivery[PingRow], now: datetime) -> StoredDelivery[PingRow]:
    state, reason, settled_us = rows.left_out(stored.row, State.SUPERSEDED, REPLACED, now)
    row = replace(stored.row, state=state, reason=reason, settled_us=settled_us)
    return StoredDelivery(key=stored.key, row=row)


def _left_out(state: State, reason: str, now: datetime) -> dict[str, Any]:
    """The same as `deliveries.left_out`, as values of a statement."""
    was_sent = deliveries.c.generation > 1
    then = func.coalesce(deliveries.c.first_tried_us, to_us(now))
    return {
        "state": case((was_sent, State.SENT.value), else_=state.value),
        "reason": case((was_sent, rows.not_anew(reason)), else_=reason),
        "settled_us": case((was_sent, then), else_=to_us(now)),
    }
