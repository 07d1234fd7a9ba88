"""Whether feedbot is well, by what the store knows: when the last pass succeeded, when the next is overdue.

One verdict for `/healthz`, the metrics and the operator's page. It is about passes alone: a target that takes
nothing is told on the page, and no reason to restart anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from feedbot.moments import iso
from feedbot.store import figures, journal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Cron
    from feedbot.model import JsonObject

MISSED = 3  # scans that may fail to come before the last pass counts as old
GRACE = timedelta(minutes=5)  # for a pass that takes its time, and for a restart


class Verdict(StrEnum):
    """How passes fare."""

    OK = "ok"  # the newest pass succeeded, and not too long ago
    STALE = "stale"  # no pass for too long: nothing seems to make any
    FAILING = "failing"  # the newest pass failed; it is tried again
    UNKNOWN = "unknown"  # there was none yet, or the state cannot be read


class Pulse(Struct, frozen=True, kw_only=True):
    """What the store says of passes and of the queue. Moments are aware UTC."""

    last_pass: datetime | None = None  # end of the newest that succeeded
    failed: datetime | None = None  # the newest pass failed then; None: it succeeded
    queue: figures.Queue | None = None  # None: not known


class Diagnosis(Struct, frozen=True, kw_only=True):
    """A pulse as it is judged at a moment."""

    now: datetime
    pulse: Pulse
    stale_after: datetime | None  # the last pass counts as old from then on; None: never

    @property
    def is_recent(self) -> bool:
        """Whether the last good pass is recent enough: what a health check is told."""
        is_late = self.stale_after is not None and self.now > self.stale_after
        return self.pulse.last_pass is not None and not is_late

    @property
    def verdict(self) -> Verdict:
        """The same in a word."""
        if self.pulse.failed:
            return Verdict.FAILING
        if self.pulse.last_pass is None:
            return Verdict.UNKNOWN
        return Verdict.OK if self.is_recent else Verdict.STALE

    @property
    def age(self) -> timedelta | None:
        """How long ago the last good pass ended; a clock that ran ahead makes it no less than nothing."""
        last = self.pulse.last_pass
        return None if last is None else max(self.now - last, timedelta(0))

    def as_json(self) -> JsonObject:
        """For `/healthz`; the keys are documented in docs/operating.md. Without names, titles and paths."""
        queue = self.pulse.queue
        oldest = queue.oldest if queue else None
        return {
            "status": self.verdict.value,
            "last_pass": iso(self.pulse.last_pass),
            "age": _seconds(self.age),
            "stale_after": iso(self.stale_after),
            "queue": queue.number if queue else None,
            "oldest_waiting": iso(oldest),
            "oldest_waiting_age": None if oldest is None else _seconds(self.now - oldest),
        }


def load_pulse(connection: Connection) -> Pulse:
    """The pulse as it is now."""
    failure = journal.load_failure(connection)
    newest = journal.load_passes(connection, 1)
    return Pulse(
        last_pass=newest[0][0] + timedelta(seconds=newest[0][1]["seconds"]) if newest else None,
        failed=failure.at if failure else None,
        queue=figures.queue(connection),
    )


def diagnose(pulse: Pulse, scan: timedelta | Cron, zone: tzinfo, now: datetime) -> Diagnosis:
    """Judge a pulse by `schedule.scan`; `zone` is that of a cron expression. Pure."""
    last = pulse.last_pass
    return Diagnosis(now=now, pulse=pulse, stale_after=None if last is None else _overdue(last, scan, zone))


def _overdue(last: datetime, scan: timedelta | Cron, zone: tzinfo) -> datetime | None:
    """When a pass that ended at `last` is too old: a few scans later, or two moments of a cron expression.

    None: the expression names no moment that comes.
    """
    if isinstance(scan, timedelta):
        return last + max(MISSED * scan, GRACE)
    # An expression is rare, and this takes a while to load.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - see above

    trigger = CronTrigger.from_crontab(scan.expression, timezone=zone)
    first = trigger.get_next_fire_time(None, last.astimezone(zone))
    second: datetime | None = first and trigger.get_next_fire_time(first, first)
    return second + GRACE if second else None


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else round(length.total_seconds(), 1)
