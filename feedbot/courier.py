"""Sending what was claimed for one target, one delivery after the other, and what follows from it.

The network's side of delivering: it touches no database, and decides neither what is announced nor whose turn
it is. A target whose receivers know a double when they see one, and that answers at once, is given several
claims at a time; one request is under way in any case. How a claim is told is what distinguishes the hub from
the other targets, and nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from feedbot.articletext import load_article
from feedbot.attempt import Delivery, Outcome, Refused, Sent, Skipped, State, Unclear
from feedbot.clock import Clock
from feedbot.model import Article, Entry, EventKind, Format, Site
from feedbot.moments import iso
from feedbot.relevance import NOT_SO, WITHDRAWN_FIRST, pointless
from feedbot.render import topics
from feedbot.settlement import Condition, Health, Settlement, settle
from feedbot.store.clock import ahead_of_machine
from feedbot.store.db import from_us, from_us_or_none
from feedbot.store.deliveries import not_anew
from feedbot.store.outbox import AnnouncementClaim, Claim, PingClaim
from feedbot.store.settling import Settled
from feedbot.store.targets import TargetRow
from feedbot.store.turns import Pace
from feedbot.targets import Pinger, Sender

log = logging.getLogger(__name__)

MOST = 32  # claims at a time
SPAN = 0.05  # seconds: so much is claimed at a time as was sent in so long before
PATIENCE = 0.5  # seconds after which what was sent is noted, however much is left
ANOTHER_KIND = "it was for another target of that name"
NO_FEED = "the feed is no more"

Claims = dict[str, list[Claim]]  # by target
Pair = tuple[Claim, Outcome]


class Return(Struct, frozen=True, kw_only=True):
    """What a courier brings back."""

    target: str
    sent: Sequence[Pair]
    left: Sequence[Claim]  # not sent, because they had to wait

    @property
    def claims(self) -> list[Claim]:
        """All that it was given."""
        return [*(claim for claim, _ in self.sent), *self.left]


class Recipient(Struct, frozen=True, kw_only=True):
    """A target that can be told: how it is spoken to, and how fast."""

    line: Sender
    pace: Pace

    def tell(self, claim: Claim, now: datetime, max_age: timedelta) -> Outcome:
        """Make one attempt; articles that are older than `max_age` are not announced."""
        if not isinstance(claim, AnnouncementClaim):
            return Skipped(reason=ANOTHER_KIND)
        article = load_article(claim.body)
        if reason := pointless(claim, article, now, max_age):
            return Skipped(reason=reason)
        return self.line.send(delivery_of(claim, article), now)


class HubRecipient(Struct, frozen=True, kw_only=True):
    """The WebSub hub beside the targets: as fast as it answers, and whatever the age of articles."""

    line: Pinger
    site: Site
    formats: Sequence[Format]
    pace: Pace = field(default_factory=Pace)

    def tell(self, claim: Claim, _now: datetime, _max_age: timedelta) -> Outcome:
        """Make one attempt: under former addresses of the feed, too, for some subscribed there."""
        if not isinstance(claim, PingClaim):
            return Skipped(reason=ANOTHER_KIND)
        if not claim.is_active:
            return Skipped(reason=NO_FEED)
        return self.line.ping(topics(self.site, claim.slugs, self.formats))


class Courier:
    """Serves one target, in one thread at a time."""

    def __init__(
        self,
        recipient: Recipient | HubRecipient,
        *,
        max_age: timedelta,
        clock: Clock,
        is_stopping: Callable[[], bool],
    ) -> None:
        self.size = 1  # claims to be given next time
        self.pace = recipient.pace
        line = recipient.line
        # Longer than anything that one attempt may take.
        self.lease = timedelta(seconds=2 * line.budget + PATIENCE)
        self._budget = timedelta(seconds=line.budget)
        self._recipient = recipient
        self._max_age = max_age
        self._clock = clock
        self._is_stopping = is_stopping

    def send(self, claims: Sequence[Claim]) -> Return:
        """Send one after the other, until one shows that the others have to wait.

        Nor is one sent whose lease may end meanwhile, for this process stood still since it was claimed:
        another may have sent it by now, or do so.
        """
        began = time.monotonic()
        sent: list[Pair] = []
        for claim in claims:
            if self._clock() + self._budget > claim.until:
                break
            outcome = self._attempt(claim)
            sent.append((claim, outcome))
            late = time.monotonic() - began > PATIENCE
            is_plain = isinstance(outcome, Sent | Skipped | Refused) and outcome.after is None
            if late or self._is_stopping() or not is_plain:
                break
        each = (time.monotonic() - began) / max(len(sent), 1)
        is_quick = len(sent) == len(claims) and self._recipient.line.knows_doubles
        self.size = max(1, min(MOST, int(SPAN / max(each, 1e-6)))) if is_quick else 1
        return Return(target=self._recipient.line.name, sent=sent, left=claims[len(sent) :])

    def _attempt(self, claim: Claim) -> Outcome:
        try:
            outcome = self._recipient.tell(claim, self._clock(), self._max_age)
            return in_time_of(self._clock, outcome)
        except Exception:  # a bug of ours; what was sent before it is not known
            log.exception("sending to %s failed", claim.row.target, extra={"facts": {"id": claim.row.id}})
            return Unclear(reason="feedbot itself failed; its log says where")


def in_time_of(clock: Clock, outcome: Outcome) -> Outcome:
    """The same outcome with its server's wish, which is read by this machine's clock, told by `clock`."""
    if outcome.after is None or outcome.answer is None:
        return outcome  # no wish, or one of ours
    return replace(outcome, after=outcome.after + ahead_of_machine(clock))


def delivery_of(claim: AnnouncementClaim, article: Article) -> Delivery:
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
        first_tried=None if is_first else from_us_or_none(row.first_tried_us),
        generation=row.generation,
        receipt=claim.receipt,
        posted=claim.posted,
    )


def settled_of(sent: Sequence[Pair], now: datetime, jitter: Callable[[], float]) -> list[Settled]:
    """What follows from outcomes at one target, each from the health that the one before it left."""
    settled: list[Settled] = []
    health = sent[0][0].health if sent else Health()
    for claim, outcome in sent:
        settlement = settlement_of(claim, outcome, health, now, jitter())
        health = settlement.health
        settled.append(Settled(claim=claim, outcome=outcome, settlement=settlement))
    return settled


def changes_health(settled: Sequence[Settled]) -> bool:
    """Whether a target fares otherwise after these than when they were claimed."""
    return bool(settled) and settled[-1].settlement.health != settled[-1].claim.health


def after_another_chance(one: Settled, target: TargetRow, now: datetime) -> Settled:
    """The same if its target was given another chance after the claim, by a person or a new configuration.

    What came of an attempt that began before says nothing of how the target fares now. Pure.
    """
    settlement, claim = one.settlement, one.claim
    if (target.health, target.setup) == (claim.health, claim.setup):
        return one
    waits_for_target = settlement.due is not None and not settlement.is_charged
    due = now if waits_for_target else settlement.due
    return Settled(
        claim=replace(claim, health=target.health, setup=target.setup),
        outcome=one.outcome,
        settlement=replace(settlement, health=target.health, due=due),
    )


def settlement_of(claim: Claim, outcome: Outcome, health: Health, now: datetime, jitter: float) -> Settlement:
    """What follows from an outcome; what is not so any more is superseded, and what was sent stays sent."""
    found = settle(outcome, attempt=claim.row.attempts, health=health, now=now, jitter=jitter)
    if found.state is not State.SKIPPED:
        return found
    if claim.row.is_anew:
        return replace(found, state=State.SENT, reason=not_anew(found.reason))
    return replace(found, state=State.SUPERSEDED) if outcome.reason in NOT_SO else found


def was_withdrawn(one: Settled) -> bool:
    """Whether it was not sent because its article was withdrawn when it was claimed."""
    return isinstance(one.outcome, Skipped) and one.outcome.reason == WITHDRAWN_FIRST


def tell(one: Settled) -> None:
    """Log what became of a delivery."""
    row, settlement = one.claim.row, one.settlement
    facts: dict[str, str | None] = {
        "target": row.target, "event": row.event.value, **_subject(one.claim), "id": row.id
    }  # fmt: skip
    if settlement.reason:
        facts["reason"] = settlement.reason
    if settlement.due:
        facts["next"] = iso(settlement.due)
    is_fine = settlement.state in {State.SENT, State.SKIPPED, State.SUPERSEDED}
    log.log(logging.INFO if is_fine else logging.WARNING, one.happened.value, extra={"facts": facts})


def _subject(claim: Claim) -> dict[str, str | None]:
    """What a delivery is about, for the log."""
    match claim:
        case AnnouncementClaim():
            return {"article": claim.article_id}
        case PingClaim():
            return {"feed": claim.slugs[0] or "all articles"}
    return {}


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
        until = iso(after.until) or "later"
        log.warning("%s pauses until %s: %s", name, until, after.reason)
