"""The clock of those who send: one for all who share a store, whatever the clocks of their machines show.

On PostgreSQL it is the server's; on SQLite all are on one machine, and have the clock of that. By its moments
it is told what is due, when a claim is void, and how long ago a target was told. What it decides is known
elsewhere.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from feedbot.clock import Clock, uptime, utc_now
from feedbot.store.db import from_us
from feedbot.store.statements import database_now_us

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

TOLERATED = timedelta(seconds=30)  # that a machine may differ from the database before it is told

_NOW = select(database_now_us())


class StoreClock:
    """A clock that is set by the database. For use in any thread.

    Between two settings it goes on by `uptime`, so that nobody who sets the machine's clock moves it.
    """

    def __init__(self, machine: Clock = utc_now) -> None:
        """`machine` is the clock of this machine, which is shown until the database has been asked."""
        self._machine = machine
        self._set: tuple[datetime, float] | None = None  # the moment that it was set to, and `uptime` then
        self._is_told = False  # that the machine's clock differs

    def __call__(self) -> datetime:
        """The moment."""
        if self._set is None:
            return self._machine()
        moment, then = self._set
        return moment + timedelta(seconds=uptime() - then)

    def set_by(self, connection: Connection) -> None:
        """Ask the database what time it is."""
        if connection.dialect.name != "sqlite":
            moment = from_us(connection.execute(_NOW).scalar_one())
            self._set = moment, uptime()
            self._tell_difference()

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of this machine's clock; below 0: behind."""
        return timedelta(0) if self._set is None else self() - self._machine()

    def _tell_difference(self) -> None:
        """Warn, once until it is mended, that the machine's clock differs."""
        is_wrong = abs(self.ahead) > TOLERATED
        if is_wrong and not self._is_told:
            way = "behind" if self.ahead > timedelta(0) else "ahead of"
            told = "this machine's clock is %.0f s %s the database's, by which is sent: let NTP set both"
            log.warning(told, abs(self.ahead).total_seconds(), way)
        self._is_told = is_wrong


def set_clock(clock: Clock, connection: Connection) -> None:
    """Let the database set `clock`, if it is a store's."""
    if isinstance(clock, StoreClock):
        clock.set_by(connection)


def ahead_of_machine(clock: Clock) -> timedelta:
    """How far `clock` is ahead of that of the machine, which others than a store's never are."""
    return clock.ahead if isinstance(clock, StoreClock) else timedelta(0)
