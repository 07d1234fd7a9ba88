"""Moments as people write and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from feedbot.moments import distance, iso, moment_of, number_of, span

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-30", "2026-05-29T22:00:00Z"),
        ("2026-05-30T10:00", "2026-05-30T08:00:00Z"),
        ("2026-05-30 10:00:30", "2026-05-30T08:00:30Z"),
        ("2026-05-30T10:00Z", "2026-05-30T10:00:00Z"),
        ("2026-05-30T10:00:00-04:00", "2026-05-30T14:00:00Z"),
        ("2h", "2026-06-01T10:00:00Z"),
        ("1d12h", "2026-05-31T00:00:00Z"),
        ("0s", "2026-06-01T12:00:00Z"),
    ],
)
def test_a_person_names_a_moment_by_date_time_or_how_long_ago_it_was(text: str, moment: str) -> None:
    assert iso(moment_of(text, NOW, VIENNA)) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2", "-2h", "2026-13-01", "2h ago", "99999999w", "a" * 5000]
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert moment_of(text, NOW, VIENNA) is None


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (0, "0 seconds", "0 s"),
        (1, "1 second", "1 s"),
        (59.9, "59 seconds", "59 s"),
        (60, "1 minute", "1 min"),
        (7199, "1 hour", "1 h"),
        (86_400 * 3, "3 days", "3 d"),
        (-5, "0 seconds", "0 s"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit(seconds: float, long: str, short: str) -> None:
    length = timedelta(seconds=seconds)
    assert (span(length), span(length, short=True)) == (long, short)


def test_a_moment_is_told_by_how_far_it_is_away() -> None:
    assert distance(NOW + timedelta(minutes=5), NOW) == "in 5 minutes"
    assert distance(NOW - timedelta(hours=2), NOW, short=True) == "2 h ago"
    assert distance(NOW, NOW) == "now"


def test_numbers_of_things_have_the_right_form() -> None:
    assert [number_of(n, "file") for n in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert number_of(2, "delivery", "deliveries") == "2 deliveries"
    assert number_of(1_234_567, "file") == "1,234,567 files"
