"""What follows from the outcomes that a courier brings back, and what is logged of it.

`settlement` has the rules for one outcome. Here they are applied to several in a row at one target, and to
what has happened to it and to its articles since the claim. Writes nothing to the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec.structs import replace

from feedbot.attempt import Outcome, Skipped, State
from feedbot.moments import iso
from feedbot.relevance import NOT_SO, WITHDRAWN_FIRST
from feedbot.sending.courier import Pair
from feedbot.settlement import Condition, Health, Settlement, settle
from feedbot.store.deliveries import not_anew
from feedbot.store.outbox import AnnouncementClaim, Claim, PingClaim
from feedbot.store.settling import Settled
from feedbot.store.targets import TargetRow

log = logging.getLogger(__name__)


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


def log_settled(one: Settled) -> None:
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


def log_health(name: str, before: Health, after: Health) -> None:
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
