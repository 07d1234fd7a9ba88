"""The last step: what is due is sent, targets side by side in a bounded number of threads.

Looks which target's turn it is and hands it to its courier; starts, stops, and purges what is old. Decides
nothing about what is announced.
"""

from __future__ import annotations

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from feedbot.attempt import State
from feedbot.audience import audience_of
from feedbot.courier import Clock, Courier, Depot
from feedbot.observe import Redact
from feedbot.settlement import Settlement
from feedbot.store import outbox
from feedbot.store.outbox import Claim, Pace, Turn
from feedbot.targets import Sender, make_sender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from feedbot.config import Config

log = logging.getLogger(__name__)

IN_A_ROW = 20  # deliveries to one target before others have their turn
TICK = 5.0  # seconds: a wake-up that was missed costs no more
REST = 1.0  # seconds for which a target is not asked that gave nothing to claim, or trouble
LOOK = 1.0  # seconds between two looks at what is due while more targets wait than there are threads
BREATH = 0.02  # seconds between two looks at what is due while targets are busy
GRACE = 7.0  # seconds that a delivery under way has when the worker stops; platforms kill after ten
PURGES = timedelta(hours=1)  # between two purges


def utc_now() -> datetime:
    """The clock that feedbot runs by."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """A target that can be told: how it is spoken to, and how fast."""

    sender: Sender
    pace: Pace


@dataclass(kw_only=True)
class DeliverReport:
    """What was settled, by its state."""

    counts: dict[str, int] = field(default_factory=dict)

    def count(self, state: State) -> None:
        """One more."""
        self.counts[state.value] = self.counts.get(state.value, 0) + 1


class Deliverer:
    """Sends what is due until it is told to stop; the worker and the commands both use it."""

    def __init__(
        self,
        engine: Engine,
        recipients: Mapping[str, Recipient],
        *,
        max_age: timedelta,
        keep: timedelta,
        parallel: int,
        redact: Redact = str,
        clock: Clock = utc_now,
        jitter: Callable[[], float] = lambda: random.uniform(-1, 1),  # noqa: S311 - spreads load, guards nothing
    ) -> None:
        self._engine = engine
        self._recipients = recipients
        self._paces = {name: recipient.pace for name, recipient in recipients.items()}
        self._keep = keep
        self._clock = clock
        self._parallel = max(1, min(parallel, len(recipients)))
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._busy: set[str] = set()
        self._is_ended = False  # what was under way was cut off, because we stop
        self._queued = 0  # targets that wait for a thread
        self._resting: dict[str, float] = {}  # had nothing to claim; not asked again before then (monotonic)
        self._guard = threading.Lock()  # of what the threads share here
        # SQLite has one writer; its own way of waiting for a turn sleeps too long when many wait.
        self._turn: AbstractContextManager[object] = (
            threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )
        self._purge_at: datetime | None = None
        depot = Depot(
            transaction=self._transaction,
            owner=secrets.token_hex(8),
            max_age=max_age,
            redact=redact,
            clock=clock,
            jitter=jitter,
            tell=self._tell,
            is_stopping=self._stopping.is_set,
            is_cut_off=lambda: self._is_ended,
        )
        self._couriers = {
            name: Courier(name, recipient.sender, depot) for name, recipient in recipients.items()
        }
        self.report = DeliverReport()

    def wake(self) -> None:
        """Look at once: there may be something new to send."""
        self._awake.set()

    def stop(self) -> None:
        """Claim nothing more; what is under way is finished, or ended and noted after GRACE."""
        self._stopping.set()
        self._awake.set()

    def run(self) -> None:
        """Send what falls due until `stop`."""
        if not self._recipients:
            self._stopping.wait()
            return
        with self._pool() as pool:
            while not self._stopping.is_set():
                self._look(pool)

    def run_due(self, until: datetime | None = None) -> DeliverReport:
        """Send what is due now, or falls due until then, and return when that is done."""
        if self._recipients:
            with self._pool() as pool:
                while not self._stopping.is_set():
                    self._look(pool, most=BREATH)
                    if not self._has_work(until):
                        break
        return self.report

    def _look(self, pool: ThreadPoolExecutor, most: float = TICK) -> None:
        """Hand out what is due, then wait: for a word, for the next turn, or for `most` seconds."""
        self._awake.clear()
        started = time.monotonic()
        wait = self._dispatch(pool)
        cost = time.monotonic() - started
        self._awake.wait(min(wait, most))
        if self._busy:  # each target that is done wakes us, and not each of them is worth a look
            self._stopping.wait(max(BREATH, 4 * cost) - (time.monotonic() - started))
        while (
            self._queued > self._parallel
            and time.monotonic() - started < LOOK
            and not self._stopping.is_set()
        ):
            self._stopping.wait(BREATH)  # there is enough to do

    def _has_work(self, until: datetime | None) -> bool:
        with self._guard:
            if self._busy:
                return True
        horizon = max(self._clock(), until) if until else self._clock()
        with self._transaction() as connection:
            return any(turn.due <= horizon for turn in self._turns(connection))

    @contextmanager
    def _pool(self) -> Iterator[ThreadPoolExecutor]:
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="delivery")
        try:
            yield pool
        finally:
            self._stopping.set()
            self._finish(pool)

    def _finish(self, pool: ThreadPoolExecutor) -> None:
        """Let what is under way finish; after GRACE end it, which is noted like any other end."""
        pool.shutdown(wait=False, cancel_futures=True)
        timer = threading.Timer(GRACE, self._abort)
        timer.daemon = True
        timer.start()
        pool.shutdown(wait=True)
        timer.cancel()
        for recipient in self._recipients.values():
            recipient.sender.close()

    def _abort(self) -> None:
        self._is_ended = True
        for recipient in self._recipients.values():
            recipient.sender.abort()

    def _dispatch(self, pool: ThreadPoolExecutor) -> float:
        """Hand out the targets whose turn it is; returns the seconds until somebody's turn comes."""
        now = self._clock()
        try:
            with self._transaction() as connection:
                outbox.recover(connection, now)
                turns = self._turns(connection)
                self._purge(connection, now)
        except Exception:  # whatever it is: what is due stays due
            log.exception("cannot look for what is to be sent; trying again")
            return TICK
        for turn in turns:
            if turn.due <= now:
                self._hand_out(pool, turn)
        waits = [(turn.due - now).total_seconds() for turn in turns if turn.due > now]
        return min([TICK, *waits])

    def _turns(self, connection: Connection) -> list[Turn]:
        now = time.monotonic()
        with self._guard:
            away = {*self._busy, *(name for name, until in self._resting.items() if until > now)}
        paces = {name: pace for name, pace in self._paces.items() if name not in away}
        return outbox.turns(connection, paces)

    def _purge(self, connection: Connection, now: datetime) -> None:
        if self._purge_at is None or self._purge_at <= now:
            outbox.purge(connection, now - self._keep)
            self._purge_at = now + PURGES

    def _hand_out(self, pool: ThreadPoolExecutor, turn: Turn) -> None:
        name = turn.target
        with self._guard:
            if name in self._busy or self._stopping.is_set():
                return
            self._busy.add(name)
            self._queued += 1
        try:
            pool.submit(self._serve, name, turn.number)
        except RuntimeError:  # the pool was shut down meanwhile
            with self._guard:
                self._busy.discard(name)

    def _serve(self, name: str, expected: int) -> None:
        """Send to one target what is due, one after the other; after IN_A_ROW others have their turn."""
        with self._guard:
            self._queued -= 1
        try:
            if not self._couriers[name].serve(partial(self._may_go_on, name, expected)):
                self._let_rest(name)  # another worker has it, or what is due waits for something earlier
        except Exception:  # one target's trouble is not the others'
            log.exception("cannot serve %s; trying again", name)
            self._let_rest(name)
        finally:
            with self._guard:
                self._busy.discard(name)
            self._awake.set()

    def _may_go_on(self, name: str, expected: int, number: int) -> bool:
        """Whether a target that was sent so many, of those that waited, is sent more now."""
        is_free = self._paces[name] == Pace() and (number < IN_A_ROW or not self._queued)
        return is_free and number < expected

    def _let_rest(self, name: str) -> None:
        with self._guard:
            self._resting[name] = time.monotonic() + REST

    def _tell(self, claim: Claim, settlement: Settlement) -> None:
        row = claim.row
        facts = {"target": row.target, "event": row.event.value, "article": claim.article_id, "id": row.id}
        with self._guard:
            self.report.count(settlement.state)
        if settlement.reason:
            facts["reason"] = settlement.reason
        if settlement.due:
            facts["next"] = settlement.due.isoformat(timespec="seconds")
        is_fine = settlement.state in {State.SENT, State.SKIPPED, State.SUPERSEDED}
        log.log(logging.INFO if is_fine else logging.WARNING, settlement.state.value, extra={"facts": facts})

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._turn, self._engine.begin() as connection:
            yield connection


def make_deliverer(config: Config, engine: Engine, *, redact: Redact) -> Deliverer:
    """The deliverer of a configuration; imports what its types of target need."""
    site = config.site_model()
    recipients = {
        target.name: Recipient(sender=make_sender(target, site), pace=audience_of(target).pace)
        for target in config.targets
    }
    announce = config.announce
    return Deliverer(
        engine,
        recipients,
        max_age=announce.max_age,
        keep=announce.keep,
        parallel=announce.parallel,
        redact=redact,
    )
