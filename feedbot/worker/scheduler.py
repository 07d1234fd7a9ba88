"""When the worker is woken by the clock: for each scan, and when something falls due.

Owns APScheduler. It only calls back: what is due lies in the store, and passes are made elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

from feedbot.clock import uptime
from feedbot.threads import starting_threads

if TYPE_CHECKING:
    from feedbot.config import Cron

BEAT = timedelta(seconds=5)  # between two heartbeats
SILENCE = 60.0  # seconds without a heartbeat after which the scheduler counts as dead
SET_BACK = 1.0  # seconds by which a clock that goes back at once was set


class Scheduler:
    """Calls `on_scan` as often as the configuration says, and `on_due` when something falls due.

    It runs in threads of its own, and calls from them.
    """

    def __init__(
        self,
        scan: timedelta | Cron,
        timezone: tzinfo,
        *,
        on_scan: Callable[[], None],
        on_due: Callable[[], None],
    ) -> None:
        """Begin. A cron expression is meant in `timezone`. Raises FeedbotError if it gets no thread."""
        self._on_due = on_due
        self._heartbeat = time.monotonic()
        self._zero = _zero()
        # The default grace of one second drops a wake-up that comes late, as after a suspend.
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._jobs = BackgroundScheduler(job_defaults=defaults, timezone=UTC)
        self._triggers = {"scan": _trigger(scan, timezone), "heartbeat": _Every(BEAT)}
        self._jobs.add_job(on_scan, self._triggers["scan"], id="scan")
        self._jobs.add_job(self._beat, self._triggers["heartbeat"], id="heartbeat")
        with starting_threads():
            self._jobs.start()

    def mind_clock(self) -> None:
        """See to it that nothing waits for a moment of a clock that was set back meanwhile.

        To be called every few seconds. What falls due is told by the clock as it is now.
        """
        zero, before = _zero(), self._zero
        self._zero = zero
        if zero < before - SET_BACK:
            self._heartbeat = time.monotonic()  # it could not beat
            for name, trigger in self._triggers.items():
                self._jobs.reschedule_job(name, trigger=trigger)

    def wake_at(self, due: datetime | None) -> None:
        """Call `on_due` then, instead of when it was to be called before; None: not at all."""
        if due is not None:
            trigger = DateTrigger(due, timezone=UTC)  # else it asks for that of the system
            self._jobs.add_job(self._on_due, trigger, id="due", replace_existing=True)
        elif self._jobs.get_job("due"):
            self._jobs.remove_job("due")

    def is_dead(self) -> bool:
        """Whether its heart has not beaten for too long."""
        return time.monotonic() - self._heartbeat > SILENCE

    def stop(self) -> None:
        """Call no more; what is being called goes on."""
        self._jobs.shutdown(wait=False)

    def _beat(self) -> None:
        self._heartbeat = time.monotonic()


def _zero() -> float:
    """When `uptime` began, by the clock of this machine: another moment when somebody has set that."""
    return time.time() - uptime()


class _Every(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """Again and again, a length of time after the last time."""

    def __init__(self, length: timedelta) -> None:
        self._length = length

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """Always in the future. APScheduler's own trigger names each moment that was missed, and these are
        hundreds of millions when a clock is put right that began in 1970.
        """
        return now + self._length


class _Moments(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """The moments that a cron expression names, without those that were missed."""

    def __init__(self, cron: CronTrigger) -> None:
        self._cron = cron

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime | None:
        """The next after `now`; None: there is none."""
        found: datetime | None = self._cron.get_next_fire_time(None, now + timedelta(microseconds=1))
        return found


def _trigger(scan: timedelta | Cron, timezone: tzinfo) -> BaseTrigger:
    if isinstance(scan, timedelta):
        return _Every(max(timedelta(seconds=1), scan))
    return _Moments(CronTrigger.from_crontab(scan.expression, timezone=timezone))
