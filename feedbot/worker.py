"""The always-on process: it waits for something to do, makes one pass, and waits again. Beside the passes it
delivers what they announced.

APScheduler, file events and signals only put a word into the mailbox; the main thread alone makes passes, so
a word that comes during a pass is never lost and two passes never run at once. What is due is in the store.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Literal, Protocol

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from msgspec import Struct

from feedbot.build import Builder, PassReport
from feedbot.clock import Clock, utc_now
from feedbot.deliver import Deliverer
from feedbot.errors import FeedbotError, StandbyError
from feedbot.process import give_back_memory
from feedbot.report.passes import log_pass
from feedbot.watch import watch_folders

if TYPE_CHECKING:
    from feedbot.config import Cron

log = logging.getLogger(__name__)

TICK = 5.0  # seconds: bounds how late a jump of the wall clock or a dead part is noticed
AGAIN = 1.1  # seconds until a file that may be half-written is looked at again
AFTERMATH = 0.5  # seconds after which that is looked at again of which events can have been missed
CROWD = 2000  # paths in one word: of so many events the system may have dropped some
FLOCK = 20  # changed files: of so many the end is waited for, so that their feeds are written once
LULL = 0.2  # seconds without a word that are the end
PATIENCE = 2.0  # seconds that it is waited for at the most
MANY = 50  # documents whose making leaves memory behind that is worth 4 ms to give back
RETRY_MIN, RETRY_MAX = 2.0, 300.0  # seconds between passes that fail
FAREWELL = 9.5  # seconds that all parts have to end; platforms kill after ten
SILENCE = 60.0  # seconds without a heartbeat after which the scheduler counts as dead

Everything = Literal["everything"]
EVERYTHING: Everything = "everything"
Stop = Literal["stop"]
STOP: Stop = "stop"
Word = frozenset[str] | Everything | Stop  # absolute paths to look at; none at all: see what is due


@dataclass
class Agenda:
    """What is to be looked at, and what later (monotonic seconds). Pure."""

    everything: bool = False
    paths: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)  # to be looked at after `paths`, and a little later
    asked: bool = False
    later: dict[str, float] = field(default_factory=dict)  # path -> when
    everything_at: float | None = None

    def note(self, word: Word, *, again: Iterable[str] = ()) -> None:
        """Take up a word from the mailbox; in the folders `again` things can have happened without a word."""
        self.asked = True
        if word == EVERYTHING:
            self.everything = True
        elif not isinstance(word, str):
            self.paths |= word
            self.again.update(again)

    def defer(self, paths: set[str], until: float) -> None:
        """Look at `paths` again at `until`; a path put off already keeps its time."""
        for path in paths:
            self.later.setdefault(path, until)

    def ripen(self, now: float) -> None:
        """Ask for what was put off until `now`."""
        ripe = {path for path, moment in self.later.items() if moment <= now}
        if ripe:
            self.asked = True
            self.paths |= ripe
        if self.everything_at is not None and self.everything_at <= now:
            self.everything_at = None
            self.note(EVERYTHING)

    def wait(self, now: float) -> float:
        """Seconds until something ripens, at most a tick."""
        moments = [*self.later.values(), *([self.everything_at] if self.everything_at is not None else [])]
        return max(0.0, min([TICK, *(moment - now for moment in moments)]))

    def lull(self) -> float:
        """Seconds to listen for what belongs to the same burst; 0 for a few files, which are not to wait."""
        return LULL if len(self.paths) >= FLOCK else 0.0

    def take(self, now: float) -> frozenset[str] | None:
        """What to look at now: everything (None), or some paths; forgets it, but for what is due again."""
        paths = None if self.everything else frozenset(self.paths)
        if paths is None:
            self.later = {}
        else:
            self.later = {path: moment for path, moment in self.later.items() if path not in paths}
            self.defer(self.again, now + AFTERMATH)
        self.everything, self.asked, self.paths, self.again = False, False, set(), set()
        return paths


class Service(Protocol):
    """Something that runs beside the passes, such as the HTTP server."""

    url: str  # where people find it

    def run(self) -> None:
        """Work until `stop`."""

    def stop(self) -> None:
        """Let `run` return; called from another thread."""


class Part(Struct, frozen=True, kw_only=True):
    """A thread beside the main one. One that ends by itself, without leave, ends the worker."""

    name: str
    thread: threading.Thread
    may_end: bool = False
    failures: list[BaseException] = []

    def is_dead(self) -> bool:
        """Whether the part has failed."""
        return bool(self.failures) or (not self.thread.is_alive() and not self.may_end)


def start_part(name: str, work: Callable[[], None], *, may_end: bool = False) -> Part:
    """Run `work` in a thread of its own."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which ends the process
            failures.append(error)

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    part = Part(name=name, thread=thread, may_end=may_end, failures=failures)
    thread.start()
    return part


class Worker:
    """Keeps the feeds of one configuration fresh until it is told to stop."""

    def __init__(
        self,
        builder: Builder,
        *,
        folders: Sequence[Path],
        scan: timedelta | Cron,
        timezone: tzinfo,
        deliverer: Deliverer,
        config: Path,
        server: Service | None = None,
        on_pass: Callable[[PassReport], None] = lambda _report: None,
        clock: Clock = utc_now,
    ) -> None:
        self._builder = builder
        self._lease = builder.lease
        self._folders = folders
        self._scan = scan
        self._timezone = timezone
        self._deliverer = deliverer
        self._config = config
        self._config_stamp = stamp_of(config)
        self._server = server
        self._on_pass = on_pass
        self._clock = clock
        self._mailbox: SimpleQueue[Word] = SimpleQueue()
        self._agenda = Agenda()
        self._stopping = threading.Event()
        self._heartbeat = time.monotonic()
        self._next_due: datetime | None = None
        self._is_behind = False  # the index page is still to be written
        self._failures = 0
        self._signalled = False
        self._ready = False  # one pass has succeeded

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; returns the exit code: 1 when a part of the worker died."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        log.info("started", extra={"facts": {"folders": [str(folder) for folder in self._folders]}})
        self._lease.stay()
        scheduler = self._start_scheduler()
        parts = [
            start_part(
                "file events",
                lambda: watch_folders(self._folders, self._notice, self._stopping),
                may_end=True,
            ),
            start_part("deliveries", self._deliverer.run),
            start_part("hints", lambda: self._deliverer.heed(self._stopping), may_end=True),
            start_part(
                "lease", lambda: self._lease.keep(self._stopping, self._look_at_everything), may_end=True
            ),
        ]
        if self._server:
            parts.append(start_part("server", self._server.run))
            log.info("serving", extra={"facts": {"url": self._server.url}})
        try:
            code = self._work(scheduler, parts)
        finally:
            self._stopping.set()
            self._lease.leave()  # at once, for another may be waiting to go on
            self._deliverer.stop()
            if self._server:
                self._server.stop()
            scheduler.shutdown(wait=False)
            deadline = time.monotonic() + FAREWELL
            for part in parts:
                part.thread.join(timeout=max(0.0, deadline - time.monotonic()))
        log.info("stopped")
        return code

    def _work(self, scheduler: BackgroundScheduler, parts: Sequence[Part]) -> int:
        self._agenda.note(EVERYTHING)
        while not self._stopping.is_set():
            if self._agenda.asked:
                paths = self._agenda.take(time.monotonic())
                self._pass(paths, patient=paths is not None)
                self._schedule_due(scheduler)
            self._read_mail()
            self._look_at_config()
            if dead := self._dead_part(parts):
                log.error("%s died, so the worker ends: start it again", dead)
                return 1
        log.info("stopping: what is under way is finished first")
        if self._is_behind:
            self._pass(frozenset(), patient=False)
        return 0

    def _read_mail(self) -> None:
        """Wait for a word, or for what was put off, or for a tick; then take all words there are."""
        agenda = self._agenda
        try:
            timeout = 0.0 if agenda.asked else agenda.wait(time.monotonic())
            self._hear(self._mailbox.get(timeout=timeout) if timeout else self._mailbox.get_nowait())
            while True:
                self._hear(self._mailbox.get_nowait())
        except Empty:
            pass
        self._hear_out()
        agenda.ripen(time.monotonic())
        if self._next_due is not None and self._next_due <= self._clock():
            agenda.note(frozenset())

    def _hear_out(self) -> None:
        """Let a burst of changes end, and get ready for it meanwhile."""
        until = time.monotonic() + PATIENCE
        with suppress(Empty):
            while (lull := self._agenda.lull()) and time.monotonic() < until and not self._stopping.is_set():
                self._builder.expect(len(self._agenda.paths))
                self._hear(self._mailbox.get(timeout=lull))

    def _look_at_config(self) -> None:
        """Say once for each change of the configuration that it takes a new start to be in force."""
        stamp = stamp_of(self._config)
        if stamp is not None and stamp != self._config_stamp:
            self._config_stamp = stamp
            log.warning("%s has changed: restart feedbot, and it will be in force", self._config.name)

    def _hear(self, word: Word) -> None:
        if word == STOP:
            self._stopping.set()
        else:
            self._agenda.note(word, again=() if isinstance(word, str) else gaps_of(word))

    def _pass(self, paths: frozenset[str] | None, *, patient: bool) -> None:
        """Make a pass; one that fails is told and tried again, later each time."""
        try:
            report = self._builder.run(paths, patient=patient)
        except StandbyError:
            self._next_due = None  # the lease says why, and gives its word when it is our turn
        except FeedbotError as error:
            self._fail(str(error))
        except Exception:  # whatever it is, readers are better served by a worker that tries again
            log.exception("the pass failed")
            self._fail("see above")
        else:
            if self._failures:  # what failed is not put off any longer
                self._agenda.everything_at = None if paths is None else time.monotonic()
            self._failures = 0
            self._next_due = report.next_due
            self._is_behind = report.index_due is not None
            self._agenda.defer(report.sync.unsettled, time.monotonic() + AGAIN)
            log_pass(report, full=paths is None, first=not self._ready)
            self._ready = True
            self._deliverer.wake()
            self._on_pass(report)
            if paths is None or report.written >= MANY:
                give_back_memory()

    def _fail(self, reason: str) -> None:
        wait = min(RETRY_MAX, RETRY_MIN * 2**self._failures)
        self._failures += 1
        self._next_due = None  # the retry looks at everything
        self._agenda.everything_at = time.monotonic() + wait
        log.error("the pass failed and is tried again in %.0f s: %s", wait, reason)

    def _schedule_due(self, scheduler: BackgroundScheduler) -> None:
        if self._next_due is None:
            if scheduler.get_job("due"):
                scheduler.remove_job("due")
            return
        trigger = DateTrigger(run_date=self._next_due)
        scheduler.add_job(self._notice, trigger, args=[set()], id="due", replace_existing=True)

    def _start_scheduler(self) -> BackgroundScheduler:
        # The default grace of one second drops a wake-up that comes late, as after a suspend.
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler = BackgroundScheduler(job_defaults=defaults, timezone="UTC")
        if isinstance(self._scan, timedelta):
            trigger = IntervalTrigger(seconds=max(1, int(self._scan.total_seconds())))
        else:
            trigger = CronTrigger.from_crontab(self._scan.expression, timezone=self._timezone)
        scheduler.add_job(self._look_at_everything, trigger, id="scan")
        scheduler.add_job(self._beat, IntervalTrigger(seconds=int(TICK)), id="heartbeat")
        scheduler.start()
        return scheduler

    def _beat(self) -> None:
        self._heartbeat = time.monotonic()

    def _dead_part(self, parts: Sequence[Part]) -> str:
        for part in parts:
            if part.is_dead():
                return f"{part.name} ({part.failures[0]!r})" if part.failures else part.name
        return "the scheduler" if time.monotonic() - self._heartbeat > SILENCE else ""

    def _look_at_everything(self) -> None:
        self._mailbox.put(EVERYTHING)

    def _notice(self, paths: set[str]) -> None:
        self._mailbox.put(frozenset(paths))

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The first signal finishes the pass, the second ends the process at once."""
        if self._signalled:
            os._exit(128 + number)
        self._signalled = True
        self._mailbox.put(STOP)  # safe in a signal handler: SimpleQueue.put is reentrant


def gaps_of(paths: Collection[str]) -> set[str]:
    """The folders in which something can have happened without an event: new ones, and those of a crowd.

    What is put into a folder before it is watched is not told. Around single files nothing is missed, and to
    scan their folder would cost more the more lies there.
    """
    if len(paths) >= CROWD:
        return {str(Path(path).parent) for path in paths}
    return {path for path in paths if Path(path).is_dir()}


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """What tells one state of a file from another; None while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
