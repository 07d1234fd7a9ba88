"""The always-on process: it waits for something to do, makes one pass, and waits again. Beside the passes it
delivers what they announced.

The scheduler, file events and signals only put a wake-up into the mailbox; the main thread alone makes
passes, so a wake-up that comes during a pass is never lost and two passes never run at once. What is due lies
in the store.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from feedbot.clock import Clock, utc_now
from feedbot.config import digest_of
from feedbot.content.intake import STILL
from feedbot.errors import FeedbotError, StandbyError, first_line
from feedbot.passes.build import Builder, PassReport
from feedbot.process import collect_garbage_early, give_back_memory, keep_memory_together
from feedbot.report.passes import log_pass
from feedbot.sending.deliver import Deliverer
from feedbot.threads import Part, start_part
from feedbot.worker.backlog import ALARM, EVERYTHING, STOP, Backlog, WakeUp, gaps_of
from feedbot.worker.scheduler import Scheduler
from feedbot.worker.watch import watch_folders

if TYPE_CHECKING:
    from feedbot.config import Config

log = logging.getLogger(__name__)

AGAIN = STILL.total_seconds() + 0.1  # seconds until what may be half-written is looked at again
PATIENCE = 2.0  # seconds that the end of a burst is waited for at the most
MANY = 50  # documents made, or files read, that leave memory behind which is worth 4 ms to give back
RETRY_MIN, RETRY_MAX = 2.0, 300.0  # seconds between passes that fail
FAREWELL = 9.5  # seconds that all parts have to end; platforms kill after ten


class Service(Protocol):
    """Something that runs beside the passes, such as the HTTP server."""

    url: str  # where people find it

    def run(self) -> None:
        """Work until `stop`."""

    def stop(self) -> None:
        """Let `run` return; called from another thread."""


class Worker:
    """Keeps the feeds of one configuration fresh until it is told to stop."""

    def __init__(
        self,
        builder: Builder,
        *,
        deliverer: Deliverer,
        config: Config,
        server: Service | None = None,
        on_pass: Callable[[PassReport], None] = lambda _report: None,
        clock: Clock = utc_now,
    ) -> None:
        self._builder = builder
        self._lease = builder.lease
        self._folders = config.content.paths
        self._deliverer = deliverer
        self._config = config
        self._config_digest = config.digest  # of its file, as it was told last
        self._server = server
        self._on_pass = on_pass
        self._clock = clock
        self._mailbox: SimpleQueue[WakeUp] = SimpleQueue()
        self._backlog = Backlog()
        self._stopping = threading.Event()
        self._next_due: datetime | None = None
        self._is_behind = False  # the index page is still to be written
        self._failures = 0
        self._signalled = False
        self._ready = False  # one pass has succeeded

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; returns the exit code: 1 when a part of the worker died."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        keep_memory_together()
        collect_garbage_early()
        log.info("started", extra={"facts": {"folders": [str(folder) for folder in self._folders]}})
        self._lease.stay()
        scheduler = Scheduler(
            self._config.schedule.scan,
            self._config.content.timezone,
            on_scan=self._look_at_everything,
            on_due=self._look_at_what_is_due,
        )
        parts: list[Part] = []
        try:
            self._start(parts)
            code = self._work(scheduler, parts)
        finally:
            self._end(parts, scheduler)
        log.info("stopped")
        return code

    def _start(self, parts: list[Part]) -> None:
        """Start what runs beside the passes; each is among `parts` from then on, also if the next cannot."""

        def start(name: str, work: Callable[[], None], *, may_end: bool = False) -> None:
            alarm = partial(self._mailbox.put, ALARM)
            parts.append(start_part(name, work, may_end=may_end, alarm=alarm))

        stopping = self._stopping
        start("file events", lambda: watch_folders(self._folders, self._notice, stopping), may_end=True)
        start("deliveries", self._deliverer.run)
        start("hints", lambda: self._deliverer.listen(stopping), may_end=True)
        start("lease", lambda: self._lease.keep(stopping, self._look_at_everything), may_end=True)
        if self._server:
            start("server", self._server.run)
            log.info("serving", extra={"facts": {"url": self._server.url}})

    def _end(self, parts: Sequence[Part], scheduler: Scheduler) -> None:
        """Let all parts end, and wait for them for as long as platforms do."""
        self._stopping.set()
        self._lease.leave()  # at once, for another may be waiting to go on
        self._deliverer.stop()
        if self._server:
            self._server.stop()
        scheduler.stop()
        deadline = time.monotonic() + FAREWELL
        for part in parts:
            part.thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def _work(self, scheduler: Scheduler, parts: Sequence[Part]) -> int:
        self._backlog.note(EVERYTHING)
        while not self._stopping.is_set():
            if self._backlog.asked:
                paths = self._backlog.take(time.monotonic())
                self._pass(paths, patient=paths is not None)
                scheduler.wake_at(self._next_due)
            self._read_mail()
            self._look_at_config()
            scheduler.mind_clock()
            if reason := reason_to_end(parts, scheduler):
                log.error("%s", reason)
                return 1
        log.info("stopping: what is under way is finished first")
        if self._is_behind:
            self._pass(frozenset(), patient=False)
        return 0

    def _read_mail(self) -> None:
        """Wait for a wake-up, or for what was put off, or for a tick; then take all wake-ups there are."""
        backlog = self._backlog
        try:
            timeout = 0.0 if backlog.asked else backlog.wait(time.monotonic())
            self._hear(self._mailbox.get(timeout=timeout) if timeout else self._mailbox.get_nowait())
            while True:
                self._hear(self._mailbox.get_nowait())
        except Empty:
            pass
        self._hear_out()
        backlog.ripen(time.monotonic())
        if self._next_due is not None and self._next_due <= self._clock():
            backlog.note(frozenset())

    def _hear_out(self) -> None:
        """Let a burst of changes end, and get ready for it meanwhile."""
        until = time.monotonic() + PATIENCE
        with suppress(Empty):
            while (lull := self._backlog.lull()) and time.monotonic() < until and not self._stopping.is_set():
                self._builder.expect(len(self._backlog.paths))
                self._hear(self._mailbox.get(timeout=lull))

    def _look_at_config(self) -> None:
        """Say once for each change of the configuration that it takes a new start to be in force."""
        digest = digest_of(self._config.path)
        if digest is not None and digest != self._config_digest:
            self._config_digest = digest
            log.warning("%s has changed: restart feedbot, and it will be in force", self._config.path.name)

    def _hear(self, wake_up: WakeUp) -> None:
        if wake_up == STOP:
            self._stopping.set()
        elif wake_up != ALARM:  # for which it is enough that the main thread looks around
            self._backlog.note(wake_up, again=() if isinstance(wake_up, str) else gaps_of(wake_up))

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
                self._backlog.everything_at = None if paths is None else time.monotonic()
            self._failures = 0
            self._next_due = report.next_due
            self._is_behind = report.index_due is not None
            self._backlog.defer(report.sync.in_motion, time.monotonic() + AGAIN)
            log_pass(report, full=paths is None, first=not self._ready)
            self._ready = True
            self._deliverer.wake()
            self._on_pass(report)
            if paths is None or max(report.written, report.sync.read) >= MANY:
                give_back_memory()

    def _fail(self, reason: str) -> None:
        wait = min(RETRY_MAX, RETRY_MIN * 2**self._failures)
        self._failures += 1
        self._next_due = None  # the retry looks at everything
        self._backlog.everything_at = time.monotonic() + wait
        log.error("the pass failed and is tried again in %.0f s: %s", wait, reason)

    def _look_at_everything(self) -> None:
        self._mailbox.put(EVERYTHING)

    def _look_at_what_is_due(self) -> None:
        self._mailbox.put(frozenset())

    def _notice(self, paths: set[str]) -> None:
        self._mailbox.put(frozenset(paths))

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The first signal finishes the pass, the second ends the process at once."""
        if self._signalled:
            os._exit(128 + number)
        self._signalled = True
        self._mailbox.put(STOP)  # safe in a signal handler: SimpleQueue.put is reentrant


def reason_to_end(parts: Sequence[Part], scheduler: Scheduler) -> str:
    """Why the worker cannot go on; "" while all of its parts are well."""
    for part in parts:
        if part.is_dead():
            return _obituary(part.name, part.failures)
    return _obituary("the scheduler", []) if scheduler.is_dead() else ""


def _obituary(name: str, failures: Sequence[BaseException]) -> str:
    if failures and isinstance(failures[0], FeedbotError):
        return f"the worker ends: {failures[0]}"
    why = f" ({_told(failures[0])})" if failures else ""
    return f"{name}{why} died, so the worker ends: start it again"


def _told(failure: BaseException) -> str:
    """An error in one line: its kind, and how it begins."""
    return f"{type(failure).__name__}: {first_line(failure)}"
