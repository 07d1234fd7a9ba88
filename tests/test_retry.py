"""When something is tried again: tables and properties of the pure functions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedbot.retry import ATTEMPTS, LONGEST, LONGEST_PAUSE, WAITS, next_attempt, next_probe

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
JITTERS = st.floats(-1, 1)
WISHES = st.none() | st.timedeltas(timedelta(days=-20_000), timedelta(days=20_000)).map(NOW.__add__)


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [(1, "0:00:05"), (2, "0:05:00"), (3, "0:30:00"), (4, "2:00:00"), (5, "5:00:00"), (6, "10:00:00"),
     (7, "14:00:00"), (8, "20:00:00"), (9, "1 day, 0:00:00")],
)  # fmt: skip
def test_waits_grow_from_five_seconds_to_a_day(attempt: int, wait: str) -> None:
    again = next_attempt(attempt, NOW, jitter=0)
    assert again is not None
    assert str(again - NOW) == wait


def test_a_delivery_is_tried_for_about_three_days() -> None:
    assert timedelta(days=3) < sum(WAITS, timedelta(0)) < timedelta(days=3.5)
    assert next_attempt(ATTEMPTS, NOW, jitter=0) is None


@given(st.integers(1, ATTEMPTS - 1), JITTERS, WISHES)
def test_a_retry_is_never_sooner_than_planned_and_never_later_than_a_day_and_its_jitter(
    attempt: int, jitter: float, wish: datetime | None
) -> None:
    again = next_attempt(attempt, NOW, jitter=jitter, wish=wish)
    assert again is not None
    wait = again - NOW
    assert WAITS[attempt - 1] * 0.9 <= wait <= max(LONGEST, WAITS[attempt - 1] * 1.1)
    assert wish is None or again >= min(wish, NOW + LONGEST)


@given(st.integers(1, ATTEMPTS - 1), JITTERS)
def test_jitter_moves_a_wait_by_a_tenth_at_the_most(attempt: int, jitter: float) -> None:
    again = next_attempt(attempt, NOW, jitter=jitter)
    assert again is not None
    assert abs((again - NOW) / WAITS[attempt - 1] - 1) <= 0.1 + 1e-6


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (500, 3600)]
)
def test_a_target_is_probed_at_growing_intervals_up_to_an_hour(failures: int, seconds: int) -> None:
    assert next_probe(failures, NOW, jitter=0) - NOW == timedelta(seconds=seconds)


@given(st.integers(0, 10_000), JITTERS, WISHES)
def test_a_probe_lies_ahead_and_within_a_day(failures: int, jitter: float, wish: datetime | None) -> None:
    probe = next_probe(failures, NOW, jitter=jitter, wish=wish)
    assert NOW < probe <= NOW + max(LONGEST, LONGEST_PAUSE * 1.1)
    if wish is not None and NOW < wish <= NOW + LONGEST:
        assert probe == wish
