"""What follows from each outcome, for the delivery and for its target."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedbot.attempt import Busy, Denied, Gone, Outcome, Refused, Retry, Sent, Skipped, State, Unclear
from feedbot.retry import ATTEMPTS
from feedbot.settlement import TOLERATED, Condition, Health, settle

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WELL = Health()
ILL = Health(condition=Condition.PAUSED, failures=3, reason="busy", since=NOW - timedelta(hours=1))
KINDS: tuple[type[Outcome], ...] = (Sent, Skipped, Retry, Unclear, Busy, Refused, Denied, Gone)


@pytest.mark.parametrize(
    ("outcome", "state", "condition", "is_charged"),
    [
        (Sent(), State.SENT, Condition.READY, True),
        (Skipped(reason="nothing new"), State.SKIPPED, Condition.READY, False),
        (Refused(reason="400"), State.DEAD, Condition.READY, True),
        (Retry(reason="500"), State.RETRY, Condition.READY, True),
        (Unclear(reason="no answer"), State.UNCLEAR, Condition.READY, True),
        (Busy(reason="429"), State.RETRY, Condition.PAUSED, False),
        (Denied(reason="401"), State.RETRY, Condition.PAUSED, False),
        (Gone(reason="410"), State.RETRY, Condition.DISABLED, False),
    ],
)
def test_each_outcome_has_its_consequences(
    outcome: Outcome, state: State, condition: Condition, is_charged: bool
) -> None:
    found = settle(outcome, attempt=1, health=WELL, now=NOW, jitter=0)
    assert (found.state, found.health.condition, found.is_charged) == (state, condition, is_charged)
    assert found.reason == outcome.reason


@pytest.mark.parametrize("outcome", [Sent(), Refused(reason="422")])
def test_a_target_that_answers_is_well_again(outcome: Outcome) -> None:
    assert settle(outcome, attempt=1, health=ILL, now=NOW, jitter=0).health == WELL


def test_a_bad_item_alone_pauses_nobody_but_several_in_a_row_do() -> None:
    health = WELL
    for _ in range(TOLERATED - 1):
        health = settle(Retry(reason="500"), attempt=1, health=health, now=NOW, jitter=0).health
        assert health.condition is Condition.READY
    health = settle(Retry(reason="500"), attempt=1, health=health, now=NOW, jitter=0).health
    assert health.condition is Condition.PAUSED
    assert health.until == NOW + timedelta(seconds=5)
    assert "5 failures in a row: 500" in health.reason
    health = settle(Retry(reason="500"), attempt=1, health=health, now=NOW, jitter=0).health
    assert health.until == NOW + timedelta(seconds=10)


def test_the_pauses_of_a_target_double_and_remember_since_when() -> None:
    health, pauses = WELL, []
    for hour in range(4):
        now = NOW + timedelta(hours=hour)
        health = settle(Busy(reason="refused"), attempt=1, health=health, now=now, jitter=0).health
        assert health.until is not None
        pauses.append((health.until - now).total_seconds())
    assert pauses == [5, 10, 20, 40]
    assert health.since == NOW


def test_a_target_says_when_it_wants_the_next_one() -> None:
    wish = NOW + timedelta(minutes=7)
    found = settle(Busy(reason="429", after=wish), attempt=1, health=WELL, now=NOW, jitter=1)
    assert (found.due, found.health.until) == (wish, wish)
    rested = settle(Sent(after=wish), attempt=1, health=WELL, now=NOW, jitter=1).health
    assert (rested.condition, rested.until) == (Condition.READY, wish)
    assert not rested.is_open(NOW)


def test_credentials_that_were_revoked_are_tried_again_every_hour() -> None:
    health = settle(Denied(reason="401"), attempt=1, health=WELL, now=NOW, jitter=0).health
    assert health.until == NOW + timedelta(hours=1)


def test_a_target_that_is_gone_gets_nothing_however_long_one_waits() -> None:
    health = settle(Gone(reason="410"), attempt=1, health=WELL, now=NOW, jitter=0).health
    assert not health.is_open(NOW + timedelta(days=1000))


@pytest.mark.parametrize("kind", [Retry, Unclear])
def test_the_last_attempt_is_the_last(kind: type[Outcome]) -> None:
    found = settle(kind(reason="500"), attempt=ATTEMPTS, health=WELL, now=NOW, jitter=0)
    assert (found.state, found.due) == (State.DEAD, None)
    assert found.reason == "given up after 10 attempts: 500"


@given(
    st.sampled_from(KINDS),
    st.integers(1, ATTEMPTS),
    st.integers(0, 100),
    st.sampled_from(Condition),
    st.none() | st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    st.floats(-1, 1),
)
def test_whatever_happens_a_delivery_is_settled_or_due_and_never_in_the_past(
    kind: type[Outcome],
    attempt: int,
    failures: int,
    condition: Condition,
    wish: timedelta | None,
    jitter: float,
) -> None:
    outcome = kind(reason="so it was", after=None if wish is None else NOW + wish)
    health = Health(condition=condition, failures=failures)
    found = settle(outcome, attempt=attempt, health=health, now=NOW, jitter=jitter)
    is_open = found.state in {State.RETRY, State.UNCLEAR}
    assert is_open == (found.due is not None)
    assert found.due is None or NOW <= found.due <= NOW + timedelta(hours=27)
    assert found.health.until is None or found.health.until <= NOW + timedelta(days=400)


def test_a_value_that_is_no_outcome_is_a_bug() -> None:
    with pytest.raises(TypeError):
        settle(Outcome(), attempt=1, health=WELL, now=NOW, jitter=0)
