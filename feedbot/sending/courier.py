"""Sending what was claimed for one target, one delivery after the other.

The network's side of delivering: it touches no database, and decides neither what is announced nor whose turn
it is, nor what follows from an outcome. A target whose receivers know a double when they see one, and that
answers at once, is given several claims at a time; one request is under way in any case. How a claim is told
is what distinguishes the hub from the other targets, and nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from feedbot.articletext import load_article
from feedbot.attempt import Delivery, Outcome, Refused, Sent, Skipped, Unclear
from feedbot.clock import Clock
from feedbot.model import Article, Entry, EventKind, Format, Site
from feedbot.relevance import pointless
from feedbot.render import topics
from feedbot.store.clock import ahead_of_machine
from feedbot.store.db import from_us, from_us_or_none
from feedbot.store.outbox import AnnouncementClaim, Claim, PingClaim
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

    transport: Sender
    pace: Pace

    def tell(self, claim: Claim, now: datetime, max_age: timedelta) -> Outcome:
        """Make one attempt; articles that are older than `max_age` are not announced."""
        if not isinstance(claim, AnnouncementClaim):
            return Skipped(reason=ANOTHER_KIND)
        article = load_article(claim.body)
        if reason := pointless(claim, article, now, max_age):
            return Skipped(reason=reason)
        return self.transport.send(delivery_of(claim, article), now)


class HubRecipient(Struct, frozen=True, kw_only=True):
    """The WebSub hub beside the targets: as fast as it answers, and whatever the age of articles."""

    transport: Pinger
    site: Site
    formats: Sequence[Format]
    pace: Pace = field(default_factory=Pace)

    def tell(self, claim: Claim, _now: datetime, _max_age: timedelta) -> Outcome:
        """Make one attempt: under former addresses of the feed, too, for some subscribed there."""
        if not isinstance(claim, PingClaim):
            return Skipped(reason=ANOTHER_KIND)
        if not claim.is_active:
            return Skipped(reason=NO_FEED)
        return self.transport.ping(topics(self.site, claim.slugs, self.formats))


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
        # Longer than anything that one attempt may take.
        self.lease = timedelta(seconds=2 * recipient.transport.budget + PATIENCE)
        self._budget = timedelta(seconds=recipient.transport.budget)
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
        is_quick = len(sent) == len(claims) and self._recipient.transport.knows_doubles
        self.size = max(1, min(MOST, int(SPAN / max(each, 1e-6)))) if is_quick else 1
        return Return(target=self._recipient.transport.name, sent=sent, left=claims[len(sent) :])

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
