"""What follows from an outcome, for the delivery and for its target. Pure.

Sent      the delivery is done                       the target is well
Skipped   done, with the reason                      as it was
Refused   dead                                       well: it answered
Retry     again after a while, ten times at most     pauses after several in a row
Unclear   the same, and it may have arrived          pauses after several in a row
Busy      again when the target is, free of charge   pauses
Denied    the same                                   pauses until mended, probed every hour
Gone      waits                                      disabled
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import Busy, Denied, Gone, Outcome, Refused, Retry, Sent, Skipped, State, Unclear
from feedbot.retry import next_attempt, next_probe

TOLERATED = 5  # failures in a row, of whatever deliveries, after which the trouble is the target's
MENDING = timedelta(hours=1)  # between two probes of a target that does not let us in


class Condition(StrEnum):
    """Whether a target is sent anything."""

    READY = "ready"
    PAUSED = "paused"  # until a moment; then one delivery probes it
    DISABLED = "disabled"  # until somebody says otherwise


class Health(Struct, frozen=True, kw_only=True):
    """How a target fares."""

    condition: Condition = Condition.READY
    reason: str = ""  # why it is not ready, or waits
    failures: int = 0  # in a row
    since: datetime | None = None  # it has not been ready since then
    until: datetime | None = None  # nothing is sent before then

    def is_open(self, now: datetime) -> bool:
        """Whether something may be sent now."""
        return self.condition is not Condition.DISABLED and (self.until is None or self.until <= now)


class Settlement(Struct, frozen=True, kw_only=True):
    """Where a delivery stands after an attempt, and how its target fares."""

    state: State
    reason: str
    health: Health
    due: datetime | None = None  # None: it is settled for good
    is_charged: bool = True  # whether the attempt counts


def settle(outcome: Outcome, *, attempt: int, health: Health, now: datetime, jitter: float) -> Settlement:
    """What follows from `outcome` of attempt number `attempt`; `health` is the target's as it was before."""
    said = outcome.reason
    match outcome:
        case Sent():
            waits = outcome.after is not None and outcome.after > now
            well = Health(until=outcome.after, reason="its rate limit is used up") if waits else Health()
            return Settlement(state=State.SENT, reason=said, health=well)
        case Skipped():
            return Settlement(state=State.SKIPPED, reason=said, health=health, is_charged=False)
        case Refused():
            return Settlement(state=State.DEAD, reason=said, health=Health())
        case Retry() | Unclear():
            return _again(outcome, attempt, health, now, jitter)
        case Busy():
            ill = _paused(health, said, now)
            until = next_probe(ill.failures, now, jitter=jitter, wish=outcome.after)
        case Denied():
            ill, until = _paused(health, said, now), now + MENDING
        case Gone():
            ill, until = replace(_paused(health, said, now), condition=Condition.DISABLED), now
        case _:
            raise TypeError(f"no outcome: {outcome!r}")
    return Settlement(
        state=State.RETRY, reason=said, health=replace(ill, until=until), due=until, is_charged=False
    )


def _again(outcome: Outcome, attempt: int, health: Health, now: datetime, jitter: float) -> Settlement:
    failures = health.failures + 1
    ill = replace(health, failures=failures)
    if failures >= TOLERATED:
        until = next_probe(failures - TOLERATED + 1, now, jitter=jitter, wish=outcome.after)
        ill = replace(_paused(health, f"{failures} failures in a row: {outcome.reason}", now), until=until)
    due = next_attempt(attempt, now, jitter=jitter, wish=outcome.after)
    if due is None:
        given_up = f"given up after {attempt} attempts: {outcome.reason}"
        return Settlement(state=State.DEAD, reason=given_up, health=ill)
    state = State.UNCLEAR if isinstance(outcome, Unclear) else State.RETRY
    return Settlement(state=state, reason=outcome.reason, health=ill, due=due)


def _paused(health: Health, reason: str, now: datetime) -> Health:
    return Health(
        condition=Condition.PAUSED,
        reason=reason,
        failures=health.failures + 1,
        since=health.since or now,
    )
