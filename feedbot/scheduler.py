"""When the worker is woken by the clock: for each scan, and when something falls due.

Owns APScheduler. It only calls back: what is due lies in the store, and passes are made elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from feedbot.threads import starting_threads

if TYPE_CHECKING:
    from feedbot.config import Cron

BEAT = 5  # seconds between two heartbeats
SILENCE = 60.0  # seconds without a heartbeat after which the scheduler counts as dead


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
        # The default grace of one second drops a wake-up that comes late, as after a suspend.
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._jobs = BackgroundScheduler(job_defaults=defaults, timezone="UTC")
        self._jobs.add_job(on_scan, _trigger(scan, timezone), id="scan")
        self._jobs.add_job(self._beat, IntervalTrigger(seconds=BEAT), id="heartbeat")
        with starting_threads():
            self._jobs.start()

    def wake_at(self, due: datetime | None) -> None:
        """Call `on_due` then, instead of when it was to be called before; None: not at all."""
        if due is not None:
            self._jobs.add_job(self._on_due, DateTrigger(run_date=due), id="due", replace_existing=True)
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


def _trigger(scan: timedelta | Cron, timezone: tzinfo) -> IntervalTrigger | CronTrigger:
    if isinstance(scan, timedelta):
        return IntervalTrigger(seconds=max(1, int(scan.total_seconds())))
    return CronTrigger.from_crontab(scan.expression, timezone=timezone)
