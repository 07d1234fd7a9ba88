"""One target's turn: what is due is claimed, sent and settled, the oldest first.

    claim (a transaction) -> send (the network) -> settle and claim the next (a transaction)

No transaction is open while a server is waited for, and a process that is killed anywhere leaves a lease that
runs out. A target whose receivers know a double when they see one, and that answers at once, has several
claimed and settled at a time; one request is under way in any case.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from feedbot.announce import WITHDRAWN_FIRST, too_old
from feedbot.attempt import Busy, Delivery, Denied, Gone, Outcome, Skipped, State, Unclear
from feedbot.model import Article, Entry, EventKind, Status, load_article
from feedbot.observe import Redact
from feedbot.settlement import Condition, Health, Settlement, settle
from feedbot.store import outbox
from feedbot.store.db import from_us
from feedbot.store.outbox import Claim, Settled
from feedbot.targets import Sender

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

MOST = 32  # claims at a time
SPAN = 0.05  # seconds: how much is claimed at a time is what was sent in so long before
PATIENCE = 0.5  # seconds after which what was sent is settled, however much is left
PERSISTENCE = 30.0  # seconds for which noting an outcome is tried again: it is worth more than a new claim

Clock = Callable[[], datetime]
Sent = tuple[Claim, Outcome]


@dataclass(frozen=True, kw_only=True)
class Depot:
    """What all couriers share: the outbox, the clock, and the rules."""

    transaction: Callable[[], AbstractContextManager[Connection]]
    owner: str  # of the claims
    max_age: timedelta
    redact: Redact
    clock: Clock
    jitter: Callable[[], float]  # from -1 to 1
    tell: Callable[[Claim, Settlement], None]  # what was settled
    is_stopping: Callable[[], bool]  # nothing more is to be claimed
    is_cut_off: Callable[[], bool]  # what is under way was ended by us


class Courier:
    """Serves one target, in one thread at a time."""

    def __init__(self, name: str, sender: Sender, depot: Depot) -> None:
        self._name = name
        self._sender = sender
        self._depot = depot
        self._size = 1
        # Longer than anything that the sender may take.
        self._lease = timedelta(seconds=2 * sender.budget + PATIENCE)

    def serve(self, may_go_on: Callable[[int], bool]) -> bool:
        """Send what is due for as long as `may_go_on`, which is asked with the number sent; was there any?"""
        with self._depot.transaction() as connection:
            claims = self._claim(connection, None)
        if not claims:
            return False
        number = 0
        while claims:
            sent, left = self._send(claims)
            number += len(sent)
            claims = self._settle(sent, left, go_on=may_go_on(number))
        return True

    def _claim(self, connection: Connection, health: Health | None) -> list[Claim]:
        """Take what is due; `health` is known to one who settles in the same transaction."""
        depot = self._depot
        if depot.is_stopping():
            return []
        now = depot.clock()
        if health is None:
            return outbox.claim(
                connection, self._name, now, owner=depot.owner, lease=self._lease, most=self._size
            )
        return outbox.claim_next(
            connection, self._name, health, now, owner=depot.owner, lease=self._lease, most=self._size
        )

    def _send(self, claims: Sequence[Claim]) -> tuple[list[Sent], Sequence[Claim]]:
        """Send one after the other; returns what was sent, and what is left because it had to wait."""
        began = time.monotonic()
        sent: list[Sent] = []
        for claim in claims:
            outcome = self._attempt(claim)
            sent.append((claim, outcome))
            late = time.monotonic() - began > PATIENCE
            if late or self._depot.is_stopping() or isinstance(outcome, Busy | Denied | Gone):
                break
        each = (time.monotonic() - began) / len(sent)
        is_quick = len(sent) == len(claims) and self._sender.knows_doubles
        self._size = max(1, min(MOST, int(SPAN / max(each, 1e-6)))) if is_quick else 1
        return sent, claims[len(sent) :]

    def _attempt(self, claim: Claim) -> Outcome:
        now = self._depot.clock()
        article = load_article(claim.body)
        if reason := pointless(claim, article, now, self._depot.max_age):
            return Skipped(reason=reason)
        try:
            return self._sender.send(delivery_of(claim, article), now)
        except Exception:  # a bug of ours; what was sent before it is not known
            log.exception("sending to %s failed", self._name, extra={"facts": {"id": claim.row.id}})
            return Unclear(reason="feedbot itself failed; its log says where")

    def _settle(self, sent: Sequence[Sent], left: Sequence[Claim], *, go_on: bool) -> list[Claim]:
        """Note the outcomes, and claim the next in the same transaction."""
        deadline = time.monotonic() + PERSISTENCE
        while True:
            try:
                with self._depot.transaction() as connection:
                    settled, ours = self._note(connection, sent, left)
                    health = settled[-1].settlement.health if settled else None
                    is_whole = len(ours) == len(sent)
                    claims = self._claim(connection, health) if go_on and is_whole else []
            except Exception:
                if time.monotonic() > deadline:
                    raise  # the leases run out, and the deliveries count as unclear
                log.exception("cannot note what %s was told; trying again", self._name)
                time.sleep(0.2)
            else:
                self._tell(settled, ours)
                return claims

    def _note(
        self, connection: Connection, sent: Sequence[Sent], left: Sequence[Claim]
    ) -> tuple[list[Settled], set[int]]:
        depot, now = self._depot, self._depot.clock()
        settled: list[Settled] = []
        back = list(left)
        health = sent[0][0].health
        for claim, outcome in sent:
            if depot.is_cut_off() and isinstance(outcome, Busy):
                back.append(claim)  # it was us who did not let it go out
                continue
            settlement = settlement_of(claim, outcome, health, now, depot.jitter())
            health = settlement.health
            settled.append(Settled(claim=claim, outcome=outcome, settlement=settlement))
        outbox.release(connection, back)
        return settled, outbox.settle(connection, settled, now, depot.redact)

    def _tell(self, settled: Sequence[Settled], ours: set[int]) -> None:
        for one in settled:
            if one.claim.key in ours:
                self._depot.tell(one.claim, one.settlement)
            else:
                facts = {"target": self._name, "id": one.claim.row.id}
                log.warning("took longer than its lease; another worker goes on", extra={"facts": facts})
        if settled and ours:
            tell_health(self._name, settled[0].claim.health, settled[-1].settlement.health)


def delivery_of(claim: Claim, article: Article) -> Delivery:
    """What the target is given."""
    row = claim.row
    is_first = row.attempts == 1 and not row.may_have_arrived
    return Delivery(
        id=row.id,
        event=row.event,
        at=from_us(row.at_us),
        entry=Entry(id=claim.article_id, article=article),
        attempt=row.attempts,
        may_have_arrived=claim.is_uncertain and (row.event is EventKind.PUBLISHED or not claim.posted),
        first_tried=None if is_first or row.first_tried_us is None else from_us(row.first_tried_us),
        generation=row.generation,
        receipt=claim.receipt,
        posted=claim.posted,
    )


def pointless(claim: Claim, article: Article, now: datetime, max_age: timedelta) -> str | None:
    """Why a claimed delivery is not to be sent any more; None: it is."""
    row = claim.row
    if row.event is EventKind.WITHDRAWN:
        return None
    if claim.status is not Status.LIVE:
        return WITHDRAWN_FIRST
    if row.event is EventKind.PUBLISHED and not row.by_hand and row.attempts == 1:
        return too_old(article, now, max_age)
    return None


def settlement_of(claim: Claim, outcome: Outcome, health: Health, now: datetime, jitter: float) -> Settlement:
    """What follows from an outcome; what was not sent because of a withdrawal is superseded, not skipped."""
    found = settle(outcome, attempt=claim.row.attempts, health=health, now=now, jitter=jitter)
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
