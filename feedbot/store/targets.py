"""The targets that were ever configured, and how each fares."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, case, func, select, update

from feedbot.attempt import State
from feedbot.settlement import Condition, Health
from feedbot.store.db import from_us_or_none, to_us
from feedbot.store.schema import deliveries, events, targets
from feedbot.store.statements import insert_new


class TargetRow(Struct, frozen=True, kw_only=True):
    """One row of the table."""

    name: str
    first_event: int
    setup: str
    health: Health


def load(connection: Connection) -> dict[str, TargetRow]:
    """All targets by name, those that are configured no more too."""
    return {row.name: _row(row) for row in connection.execute(select(targets).order_by(targets.c.name))}


def meet(connection: Connection, setups: Mapping[str, str]) -> list[str]:
    """Take up the configured targets, each with a digest of its options; returns the names of new ones.

    A new target starts at now: events up to this moment are not for it. One whose options changed is given
    another chance, whatever was wrong with it.
    """
    known = load(connection)
    new = [name for name in setups if name not in known]
    if new:
        latest = connection.execute(select(func.max(events.c.number))).scalar() or 0
        fresh = {"first_event": latest, **_values(Health())}
        insert_new(connection, targets, [{"name": name, "setup": setups[name], **fresh} for name in new])
    for name, setup in sorted(setups.items()):  # rows are locked in the order of their names
        if name in known and known[name].setup != setup:
            connection.execute(update(targets).where(targets.c.name == name).values(setup=setup))
            try_again(connection, name)
    return new


def try_again(connection: Connection, name: str) -> None:
    """Give the target `name` another chance: it is well, and what waited for it is due."""
    put_health(connection, name, Health())
    waits = (deliveries.c.target == name, deliveries.c.state == State.RETRY)
    # Both moments are past, unless the clock that told them was wrong then.
    begun = func.coalesce(deliveries.c.first_tried_us, deliveries.c.at_us)
    earlier = case((deliveries.c.at_us < begun, deliveries.c.at_us), else_=begun)
    connection.execute(update(deliveries).where(*waits).values(due_us=earlier))


def lock(connection: Connection, names: Collection[str]) -> dict[str, TargetRow]:
    """These targets as they stand, which nobody changes until this transaction ends.

    Whoever locks targets and deliveries begins with the targets.
    """
    if not names:
        return {}
    statement = select(targets).where(targets.c.name.in_(names)).order_by(targets.c.name)
    return {row.name: _row(row) for row in connection.execute(statement.with_for_update(key_share=True))}


def put_health(connection: Connection, name: str, health: Health) -> None:
    """Note how the target `name` fares."""
    connection.execute(update(targets).where(targets.c.name == name).values(**_values(health)))


def health_in(row: Any) -> Health:
    """The health in a row that holds the table's columns for it."""
    return Health(
        condition=Condition(row.condition),
        reason=row.reason,
        failures=row.failures,
        since=from_us_or_none(row.since_us),
        until=from_us_or_none(row.until_us),
    )


def _row(row: Row[Any]) -> TargetRow:
    return TargetRow(name=row.name, first_event=row.first_event, setup=row.setup, health=health_in(row))


def _values(health: Health) -> dict[str, Any]:
    return {
        "condition": health.condition,
        "reason": health.reason,
        "failures": health.failures,
        "since_us": to_us(health.since) if health.since else None,
        "until_us": to_us(health.until) if health.until else None,
    }
