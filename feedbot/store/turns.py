"""Whose turn it is: the targets that wait, and what their pace allows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection, bindparam, func, select

from feedbot.attempt import State
from feedbot.settlement import Condition
from feedbot.store.db import from_us, to_us
from feedbot.store.deliveries import IS_OPEN
from feedbot.store.schema import deliveries, targets
from feedbot.store.targets import health_in


class Pace(Struct, frozen=True, kw_only=True):
    """How fast a target may be told: both 0 or None for as fast as it answers."""

    max_per_hour: int | None = None
    min_interval: timedelta = timedelta(0)


class Turn(Struct, frozen=True, kw_only=True):
    """A target with something to send, and when its turn comes."""

    target: str
    due: datetime
    number: int  # of deliveries that wait, due or not


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
    .where(IS_OPEN, deliveries.c.target.in_(bindparam("_targets", expanding=True)))
    .group_by(deliveries.c.target)
)


def turns(connection: Connection, paces: Mapping[str, Pace], now: datetime) -> list[Turn]:
    """The targets in `paces` that have something to send and are not disabled, the next turn first."""
    healths = {row.name: health_in(row) for row in connection.execute(select(targets)) if row.name in paces}
    # What waits for a disabled target may be what came in years.
    names = [name for name, one in healths.items() if one.condition is not Condition.DISABLED]
    found = []
    for row in connection.execute(_WAITING, {"_targets": names}) if names else ():
        moments = [from_us(row.due_us), pace_allows(connection, row.target, paces[row.target], now)]
        due = max(moment for moment in (*moments, healths[row.target].until) if moment is not None)
        found.append(Turn(target=row.target, due=due, number=row.number))
    return sorted(found, key=lambda turn: turn.due)


def pace_allows(connection: Connection, target: str, pace: Pace, now: datetime) -> datetime | None:
    """When the pace of `target` lets the next one go; None: at any time."""
    moments = []
    if pace.min_interval:
        moments += _sent(connection, target, 1, pace.min_interval, now)
    if pace.max_per_hour:
        moments += _sent(connection, target, pace.max_per_hour, timedelta(hours=1), now)
    return max(moments, default=None)


def is_in_pace(connection: Connection, target: str, pace: Pace | None, now: datetime) -> bool:
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
