"""The last step: what is due is claimed, sent and settled, target by target, side by side.

    claim (a transaction) -> send (the network) -> settle and claim the next (a transaction)

A target has one delivery under way; threads are bounded. No transaction is open while a server is waited for,
and a process that is killed anywhere leaves a lease that runs out. Decides nothing about what is announced.
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
from typing import TYPE_CHECKING

from feedbot.announce import WITHDRAWN_FIRST, too_old
from feedbot.attempt import Busy, Delivery, Outcome, Skipped, State, Unclear
from feedbot.audience import audience_of
from feedbot.model import Article, Entry, EventKind, Status, load_article
from feedbot.observe import Redact
from feedbot.settlement import Condition, Health, Settlement, settle
from feedbot.store import outbox
from feedbot.store.db import from_us
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
BREATH = 0.02  # seconds between two looks at what is due while targets are busy
GRACE = 7.0  # seconds that a delivery under way has when the worker stops; platforms kill after ten
PERSISTENCE = 30.0  # seconds for which noting an outcome is tried again: it is worth more than a new claim
PURGES = timedelta(hours=1)  # between two purges

Clock = Callable[[], datetime]


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
        self._max_age = max_age
        self._keep = keep
        self._redact = redact
        self._clock = clock
        self._jitter = jitter
        self._parallel = max(1, min(parallel, len(recipients)))
        self._owner = secrets.token_hex(8)
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
                self._hand_out(pool, turn.target)
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

    def _hand_out(self, pool: ThreadPoolExecutor, name: str) -> None:
        with self._guard:
            if name in self._busy or self._stopping.is_set():
                return
            self._busy.add(name)
            self._queued += 1
        try:
            pool.submit(self._serve, name)
        except RuntimeError:  # the pool was shut down meanwhile
            with self._guard:
                self._busy.discard(name)

    def _serve(self, name: str) -> None:
        """Send to one target what is due, one after the other; after IN_A_ROW others have their turn."""
        with self._guard:
            self._queued -= 1
        try:
            self._send_in_a_row(name)
        except Exception:  # one target's trouble is not the others'
            log.exception("cannot serve %s; trying again", name)
            self._let_rest(name)
        finally:
            with self._guard:
                self._busy.discard(name)
            self._awake.set()

    def _send_in_a_row(self, name: str) -> None:
        is_paced = self._paces[name] != Pace()
        number = 0
        claimed = self._claim_first(name)
        if claimed is None:  # another worker has it, or what is due waits for something earlier
            self._let_rest(name)
        while claimed:
            number += 1
            outcome = self._attempt(claimed)
            go_on = not is_paced and (number < IN_A_ROW or not self._queued)
            claimed = self._settle(claimed, outcome, go_on=go_on)

    def _let_rest(self, name: str) -> None:
        with self._guard:
            self._resting[name] = time.monotonic() + REST

    def _claim_first(self, name: str) -> Claim | None:
        if self._stopping.is_set():
            return None
        with self._transaction() as connection:
            lease = self._lease(name)
            return outbox.claim(connection, name, self._clock(), owner=self._owner, lease=lease)

    def _claim_next(self, connection: Connection, name: str, health: Health) -> Claim | None:
        if self._stopping.is_set():
            return None
        lease = self._lease(name)
        return outbox.claim_next(connection, name, health, self._clock(), owner=self._owner, lease=lease)

    def _lease(self, name: str) -> timedelta:
        """Longer than anything that the sender may take."""
        return timedelta(seconds=2 * self._recipients[name].sender.budget)

    def _attempt(self, claimed: Claim) -> Outcome:
        now = self._clock()
        article = load_article(claimed.body)
        if reason := pointless(claimed, article, now, self._max_age):
            return Skipped(reason=reason)
        try:
            return self._recipients[claimed.row.target].sender.send(delivery_of(claimed, article), now)
        except Exception:  # a bug of ours; what was sent before it is not known
            log.exception("sending to %s failed", claimed.row.target, extra={"facts": {"id": claimed.row.id}})
            return Unclear(reason="feedbot itself failed; its log says where")

    def _settle(self, claimed: Claim, outcome: Outcome, *, go_on: bool) -> Claim | None:
        """Note the outcome, and claim the next one in the same transaction."""
        deadline = time.monotonic() + PERSISTENCE
        while True:
            try:
                with self._transaction() as connection:
                    settlement = self._note(connection, claimed, outcome)
                    following = None
                    if go_on and settlement:
                        following = self._claim_next(connection, claimed.row.target, settlement.health)
            except Exception:
                if time.monotonic() > deadline:
                    raise  # the lease runs out, and the delivery counts as unclear
                log.exception("cannot note what became of %s; trying again", claimed.row.id)
                time.sleep(0.2)
            else:
                self._tell(claimed, settlement)
                return following

    def _note(self, connection: Connection, claimed: Claim, outcome: Outcome) -> Settlement | None:
        now = self._clock()
        if self._is_ended and isinstance(outcome, Busy):
            outbox.release(connection, claimed)  # it was us who did not let it go out
            return None
        settlement = settlement_of(claimed, outcome, now, self._jitter())
        is_ours = outbox.settle(connection, claimed, outcome, settlement, now, self._redact)
        return settlement if is_ours else None

    def _tell(self, claimed: Claim, settlement: Settlement | None) -> None:
        row = claimed.row
        facts = {"target": row.target, "event": row.event.value, "article": claimed.article_id, "id": row.id}
        if settlement is None and self._is_ended:
            return
        if settlement is None:
            log.warning("took longer than its lease; another worker goes on", extra={"facts": facts})
            return
        with self._guard:
            self.report.count(settlement.state)
        if settlement.reason:
            facts["reason"] = settlement.reason
        if settlement.due:
            facts["next"] = settlement.due.isoformat(timespec="seconds")
        is_fine = settlement.state in {State.SENT, State.SKIPPED, State.SUPERSEDED}
        log.log(logging.INFO if is_fine else logging.WARNING, settlement.state.value, extra={"facts": facts})
        tell_health(row.target, claimed.health, settlement.health)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._turn, self._engine.begin() as connection:
            yield connection


def delivery_of(claimed: Claim, article: Article) -> Delivery:
    """What the target is given."""
    row = claimed.row
    first_tried = None if row.attempts == 1 and not row.may_have_arrived else row.first_tried_us
    return Delivery(
        id=row.id,
        event=row.event,
        at=from_us(row.at_us),
        entry=Entry(id=claimed.article_id, article=article),
        attempt=row.attempts,
        may_have_arrived=claimed.is_uncertain and (row.event is EventKind.PUBLISHED or not claimed.posted),
        first_tried=None if first_tried is None else from_us(first_tried),
        generation=row.generation,
        receipt=claimed.receipt,
        posted=claimed.posted,
    )


def pointless(claimed: Claim, article: Article, now: datetime, max_age: timedelta) -> str | None:
    """Why a claimed delivery is not to be sent any more; None: it is."""
    row = claimed.row
    if row.event is EventKind.WITHDRAWN:
        return None
    if claimed.status is not Status.LIVE:
        return WITHDRAWN_FIRST
    if row.event is EventKind.PUBLISHED and not row.by_hand and row.attempts == 1:
        return too_old(article, now, max_age)
    return None


def settlement_of(claimed: Claim, outcome: Outcome, now: datetime, jitter: float) -> Settlement:
    """What follows from an outcome; what was not sent because of a withdrawal is superseded, not skipped."""
    found = settle(outcome, attempt=claimed.row.attempts, health=claimed.health, now=now, jitter=jitter)
    if outcome.reason == WITHDRAWN_FIRST and found.state is State.SKIPPED:
        return Settlement(
            state=State.SUPERSEDED, reason=outcome.reason, health=found.health, is_charged=False
        )
    return found


def tell_health(name: str, before: Health, after: Health) -> None:
    """Log when a target pauses, is disabled, or is well again."""
    if after.condition is before.condition:
        return
    if after.condition is Condition.READY:
        log.info("%s takes announcements again", name)
    elif after.condition is Condition.DISABLED:
        log.error(
            "%s is disabled: %s. `feedbot targets resume %s` enables it again", name, after.reason, name
        )
    else:
        until = after.until.isoformat(timespec="seconds") if after.until else "later"
        log.warning("%s pauses until %s: %s", name, until, after.reason)


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
