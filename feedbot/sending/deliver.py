"""The last step: what is due is claimed, sent and settled, targets side by side in a few threads.

    outcomes come back -> one transaction: settle them, claim for the threads that are free -> couriers send

One thread talks to the database and decides whose turn it is; the others talk to the network. No transaction
is open while a server is waited for, and a process that is killed anywhere leaves leases that run out. What
is announced is decided elsewhere.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from feedbot.attempt import Busy, State
from feedbot.audience import audience_of, setup_of_all
from feedbot.clock import Clock
from feedbot.errors import StoreError
from feedbot.observe import Redact
from feedbot.sending.agenda import BREATH, REST, TICK, Agenda
from feedbot.sending.claims import Claimer
from feedbot.sending.courier import Claims, HubRecipient, Pair, Recipient, Return
from feedbot.sending.dispatch import GRACE, Dispatch
from feedbot.sending.outcomes import (
    after_another_chance,
    changes_health,
    log_health,
    log_settled,
    settled_of,
    was_withdrawn,
)
from feedbot.sending.transports import pinger_of
from feedbot.store import notification, settling, targets, trouble
from feedbot.store.clock import StoreClock, set_clock
from feedbot.store.outbox import Claim
from feedbot.store.settling import Settled
from feedbot.targets import Sender, make_sender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from feedbot.config import Config, Target
    from feedbot.model import Site

log = logging.getLogger(__name__)

PERSISTENCE = 300.0  # seconds for which noting an outcome is tried again: a long pass holds up the database
TOLERATED = 3  # failures of the database in a row before a run that is to end gives up


class Deliverer:
    """Sends what is due until it is told to stop; the worker and the commands both use it.

    Everything here belongs to the thread that runs it, but for `wake` and `stop`.
    """

    def __init__(
        self,
        engine: Engine,
        recipients: Mapping[str, Recipient | HubRecipient],
        *,
        max_age: timedelta,
        keep: timedelta,
        parallel: int,
        setup: str | None = None,
        redact: Redact = str,
        clock: Clock,
        jitter: Callable[[], float] = lambda: random.uniform(-1, 1),  # noqa: S311 - spreads load, guards nothing
    ) -> None:
        """`clock` is the one of all who send from this store."""
        self._engine = engine
        self._redact = redact
        self._clock = clock
        self._jitter = jitter
        self._dispatch = Dispatch(recipients, max_age=max_age, parallel=parallel, clock=clock)
        self._stopping = self._dispatch.stopping
        self._agenda = Agenda(self._dispatch.parallel)
        self._claimer = Claimer(self._agenda, self._dispatch.couriers, keep=keep, setup=setup)
        self._failures: list[Exception] = []  # of the database, in a row
        self._in_doubt: dict[int, Claim] = {}  # by key: the commit may have been made whose answer was lost
        self.counts: Counter[State] = Counter()  # of what was settled

    def wake(self) -> None:
        """Look at once: there may be something new to send."""
        self._dispatch.wake()

    def stop(self) -> None:
        """Claim nothing more; what is under way is finished, or ended and noted after GRACE."""
        self._dispatch.stop()

    def listen(self, stopping: threading.Event) -> None:
        """Wake when another process says that there is something to send, until `stopping`."""
        notification.listen(self._engine, stopping, self.wake)

    def run(self) -> None:
        """Send what falls due until `stop`."""
        if not self._dispatch.couriers:
            self._stopping.wait()
            return
        with self._at_work():
            while not self._stopping.is_set():
                self._step(TICK)

    def run_due(self, within: timedelta = timedelta(0)) -> Counter[State]:
        """Send what is due now, or falls due `within` so long, and return what was settled when that is done.

        Raises StoreError when the database cannot be used.
        """
        until: datetime | None = None
        if self._dispatch.couriers:
            with self._at_work():
                while not self._stopping.is_set():
                    self._step(BREATH)
                    if len(self._failures) >= TOLERATED and not self._agenda.under_way:
                        raise StoreError(f"the outbox cannot be used: {self._failures[-1]}")
                    now = self._clock()
                    if until is None and not self._failures:  # the clock is set by now
                        until = now + within
                    if not self._agenda.under_way and not self._agenda.has_until(max(now, until or now)):
                        break
        return self.counts

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Within it claims can be handed out; at its end what is under way comes home, and is noted."""
        self._dispatch.start()
        try:
            yield
        finally:
            with self._dispatch.closing():
                while self._agenda.under_way:
                    self._note_and_claim(self._collect(TICK))

    def _step(self, longest: float) -> None:
        """Wait for outcomes or the next turn; note and claim in one transaction; hand out."""
        returns = self._collect(min(longest, self._agenda.wait(self._clock())))
        self._dispatch.hand_out(self._note_and_claim(returns))

    def _collect(self, wait: float) -> list[Return]:
        returns, is_woken = self._dispatch.collect(wait)
        if is_woken:
            self._agenda.look_soon()
        return returns

    def _note_and_claim(self, returns: Sequence[Return]) -> Claims:
        """One transaction. If it fails, what came back is noted later; what is due stays due."""
        began, wait = time.monotonic(), BREATH
        is_first = True
        noted_at: datetime | None = None  # the same for each try, so that one that counted is known again
        while True:
            claims: Claims = {}
            try:
                with self._engine.begin() as connection:
                    set_clock(self._clock, connection)
                    noted_at = noted_at or self._clock()
                    settled, ours = self._note(connection, returns, noted_at, is_first=is_first)
                    if is_first and not self._stopping.is_set():
                        claims = self._claimer.claim(connection, returns, settled, ours, self._clock())
            except Exception as error:  # noqa: BLE001 - it is told, and tried again
                self._failures.append(error)
                self._in_doubt |= {one.key: one for given in claims.values() for one in given}
                self._tell_trouble(error)
                self._agenda.look_soon()
                patience = GRACE if self._stopping.is_set() else PERSISTENCE
                if not returns or time.monotonic() - began > patience:
                    # The leases run out then, and the deliveries count as unclear.
                    self._pass_on(returns, {})
                    self._stopping.wait(REST)
                    return {}
                is_first = False
                time.sleep(wait)
                wait = min(2 * wait, TICK)
            else:
                self._failures.clear()
                self._in_doubt.clear()
                self._tell(settled, ours)
                self._pass_on(returns, claims)
                return claims

    def _tell_trouble(self, error: Exception) -> None:
        """Log why the outbox cannot be used."""
        if trouble.is_refused(error):
            level = logging.ERROR if len(self._failures) == 1 else logging.DEBUG
            log.log(level, "the outbox cannot be used; trying again: %s", trouble.reason_of(error))
            return
        # A database that is away is told of by the lease, once for all who use it.
        is_away = trouble.is_away(error) or trouble.is_locked(error)
        level = logging.DEBUG if is_away else logging.ERROR
        log.log(level, "the outbox cannot be used; trying again", exc_info=error)

    def _note(
        self, connection: Connection, returns: Sequence[Return], now: datetime, *, is_first: bool
    ) -> tuple[dict[str, list[Settled]], set[int]]:
        """Settle what came back; returns that by target, and the keys of what was still ours.

        Unless it `is_first`, it may count already. What was claimed in doubt was handed to nobody.
        """
        settled = self._settled(connection, returns, now)
        in_doubt = list(self._in_doubt.values())
        settling.lock(connection, [*(claim for one in returns for claim in one.claims), *in_doubt])
        withdrawn = [one.claim for some in settled.values() for one in some if was_withdrawn(one)]
        back = settling.live_again(connection, withdrawn)
        settled = {name: [one for one in some if one.claim.key not in back] for name, some in settled.items()}
        everything = [one for some in settled.values() for one in some]
        noted = {one.claim.key for one in everything}
        for one in returns:
            settling.release(connection, [claim for claim in one.claims if claim.key not in noted], now)
        settling.release(connection, in_doubt, now)
        ours = settling.settle(connection, everything, now, self._redact, is_first=is_first)
        return settled, ours

    def _settled(
        self, connection: Connection, returns: Sequence[Return], now: datetime
    ) -> dict[str, list[Settled]]:
        """What follows from what came back, by target; those that fare otherwise by it are locked."""
        settled = {one.target: settled_of(self._sent_of(one), now, self._jitter) for one in returns}
        changed = [name for name, some in settled.items() if changes_health(some)]
        for name, target in targets.lock(connection, changed).items():
            settled[name] = [after_another_chance(one, target, now) for one in settled[name]]
        return settled

    def _sent_of(self, one: Return) -> list[Pair]:
        """What went out of what came back, without the secrets that servers may have said."""
        return [
            (claim, replace(got, reason=self._redact(got.reason)) if got.reason else got)
            for claim, got in one.sent
            # What we did not let go out ourselves was not sent.
            if not (self._dispatch.is_cut_off and isinstance(got, Busy))
        ]

    def _pass_on(self, returns: Sequence[Return], claims: Claims) -> None:
        """Note who is under way now."""
        self._agenda.pass_on({one.target: len(one.sent) for one in returns}, claims)

    def _tell(self, settled: Mapping[str, Sequence[Settled]], ours: set[int]) -> None:
        for name, some in settled.items():
            for one in some:
                if one.claim.key in ours:
                    self.counts[one.happened] += 1
                    log_settled(one)
                else:
                    facts = {"target": name, "id": one.claim.row.id}
                    log.warning("took longer than its lease; another worker goes on", extra={"facts": facts})
            if some:
                log_health(name, some[0].claim.health, some[-1].settlement.health)


def make_deliverer(
    config: Config,
    engine: Engine,
    *,
    redact: Redact,
    clock: Clock | None = None,
    make: Callable[[Target, Site], Sender] = make_sender,
) -> Deliverer:
    """The deliverer of a configuration; imports what its types of target need.

    `clock` is the one of all who send from this store; None: as the database has it.
    """
    site = config.site_model()
    recipients: dict[str, Recipient | HubRecipient] = {
        target.name: Recipient(transport=make(target, site), pace=audience_of(target).pace)
        for target in config.targets
    }
    if hub := config.hub:
        recipients[hub.name] = HubRecipient(
            transport=pinger_of(config, hub), site=site, formats=config.feeds.formats
        )
    announce = config.announce
    return Deliverer(
        engine,
        recipients,
        max_age=announce.max_age,
        keep=announce.keep,
        parallel=announce.parallel,
        setup=setup_of_all(config),
        redact=redact,
        clock=clock or StoreClock(),
    )
