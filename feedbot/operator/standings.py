"""How each target stands: whether it is sent anything, and what waits for it.

Reads the store; the one thing it writes is that a target is to be tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from feedbot.attempt import OPEN, State
from feedbot.audience import setup_of
from feedbot.errors import ConfigError
from feedbot.model import JsonObject
from feedbot.moments import iso
from feedbot.settlement import Condition, Health
from feedbot.store import deliveries, figures, targets

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config


NEW = "is set up when the worker is restarted, or by `feedbot build` where none runs; it gets what comes then"
CHANGED = "changed in config.yaml since the last pass: restart the worker, if one runs"


class Configured(Struct, frozen=True, kw_only=True):
    """A target as the configuration has it."""

    type: str
    setup: str  # a digest of its options


class Standing(Struct, frozen=True, kw_only=True):
    """A target with its queue."""

    name: str
    type: str  # "" where it is no longer configured
    health: Health | None  # None: it is set up by the next pass
    counts: Mapping[str, int]  # deliveries by state
    oldest: datetime | None  # event of the oldest delivery that waits to be sent
    last_sent: datetime | None
    is_changed: bool = False  # the newest pass had other options of it

    @property
    def depth(self) -> int:
        """How many deliveries wait to be sent."""
        return sum(self.counts.get(state, 0) for state in (*OPEN, State.SENDING))

    @property
    def word(self) -> str:
        """How it stands, in one word."""
        if not self.type:
            return "removed"
        return "new" if self.health is None else self.health.condition.value

    @property
    def remark(self) -> str:
        """Where the configuration is not in force yet, and what puts it in force."""
        if self.word == "new":
            return NEW
        return CHANGED if self.is_changed else ""

    def as_json(self) -> JsonObject:
        """For `--json`."""
        health = self.health or Health()
        return {
            "name": self.name,
            "type": self.type or None,
            "state": self.word,
            "reason": health.reason,
            "failures": health.failures,
            "since": iso(health.since),
            "until": iso(health.until),
            "depth": self.depth,
            "held": self.counts.get(State.HELD, 0),
            "dead": self.counts.get(State.DEAD, 0),
            "oldest_waiting": iso(self.oldest),
            "last_sent": iso(self.last_sent),
            "remark": self.remark,
        }


def standings(
    connection: Connection,
    wanted: Mapping[str, Configured],
    numbers: Mapping[tuple[str, str], int] | None = None,
) -> list[Standing]:
    """Every configured target (`wanted`), then those that are no more with something open.

    `numbers` of deliveries by target and state are counted where they are not given.
    """
    known = targets.load(connection)
    oldest = figures.oldest_waiting(connection)
    counts: dict[str, dict[str, int]] = {}
    if numbers is None:
        numbers = figures.count_states(connection)
    for (name, state), number in numbers.items():
        counts.setdefault(name, {})[state] = number
    unsettled = {State.HELD, State.SENDING, *OPEN}
    gone = [name for name in known if name not in wanted and unsettled & counts.get(name, {}).keys()]
    return [
        Standing(
            name=name,
            type=wanted[name].type if name in wanted else "",
            health=known[name].health if name in known else None,
            counts=counts.get(name, {}),
            oldest=oldest.get(name),
            last_sent=figures.last_sent(connection, name),
            is_changed=name in known and name in wanted and known[name].setup != wanted[name].setup,
        )
        for name in (*wanted, *gone)
    ]


def standing_of(connection: Connection, config: Config, name: str) -> Standing:
    """How the configured target `name` stands."""
    return next(one for one in standings(connection, configured(config)) if one.name == name)


def configured(config: Config) -> dict[str, Configured]:
    """The configured targets by name, and the hub after them."""
    return {one.name: Configured(type=one.type, setup=setup_of(one)) for one in config.all_targets}


def disabled_targets(connection: Connection) -> frozenset[str]:
    """The targets that get nothing until somebody enables them."""
    known = targets.load(connection)
    return frozenset(name for name in known if known[name].health.condition is Condition.DISABLED)


def require_known(connection: Connection, config: Config, names: Iterable[str]) -> None:
    """Raise ConfigError for a name that no target has or had."""
    known = {**configured(config), **targets.load(connection)}
    for name in names:
        if name not in known:
            there = f"there are: {', '.join(known)}" if known else "there are none"
            raise ConfigError(f"no target is called {name!r}; {there}")


def resume(connection: Connection, name: str) -> Health | None:
    """Let the target `name` be sent to again; returns how it stood. None: there was nothing to resume."""
    if _health_to_mend(connection, name) is None:
        return None  # so that trying a target that is ready waits for nobody
    deliveries.steer(connection)
    health = _health_to_mend(connection, name)
    if health is not None:
        targets.try_again(connection, name)
    return health


def _health_to_mend(connection: Connection, name: str) -> Health | None:
    row = targets.load(connection).get(name)
    return None if row is None or row.health == Health() else row.health
