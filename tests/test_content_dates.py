"""Dates of every shape: one moment in UTC, or words about what is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedbot.content.dates import DateError, in_filename, moment

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.integers(86_400, 253_402_128_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    "written",
    [
        "2020-11-04T20:01:00Z",
        "2020-11-04T20:01Z",
        "2020-11-04t20:01:00.999z",
        "2020-11-04 20:01:00 UTC",
        "2020-11-04T21:01:00+01:00",
        "2020-11-04T21:01:00+0100",
        "2020-11-04 21:01:00 +01",
        "2020-11-04T15:01:00−05:00",
        "2020-11-04 21:01",
        "2020-11-04 9:01 PM",
        "2020/11/04 21:01:00",
        "20201104T200100Z",
        "Wed, 04 Nov 2020 20:01:00 +0000",
        "Wed, 4 Nov 2020 15:01:00 EST",
        "Wed Nov  4 21:01:00 2020",
        "Wed Nov 04 2020 21:01:00 GMT+0100 (Central European Standard Time)",
        "Nov 4, 2020 9:01 pm",
        "November 4th, 2020 at 21:01",
        "4 Nov. 2020, 21:01",
        "04-Nov-2020 21:01:00",
        "1604520060",
        1604520060,
        1604520060.75,
        1604520060000,
        datetime(2020, 11, 4, 20, 1, 0, 999, tzinfo=UTC),
        datetime.fromisoformat("2020-11-04T21:01"),
    ],
)
def test_every_common_way_to_write_a_moment_is_read(written: object) -> None:
    assert moment(written, BERLIN) == datetime(2020, 11, 4, 20, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2020-11-04",
        "2020-11-4",
        "20201104",
        20201104,
        "Nov 4, 2020",
        "4th of November 2020",
        "Wed, 4 Nov 2020",
        date(2020, 11, 4),
    ],
)
def test_a_day_without_a_time_is_its_midnight_in_the_configured_zone(written: object) -> None:
    assert moment(written, BERLIN) == datetime(2020, 11, 3, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2020-13-45", "does not exist"),
        ("2021-02-29", "does not exist"),
        ("2020-11-04T25:00:00Z", "does not exist"),
        ("Feb 30, 2020", "does not exist"),
        ("11/04/2020", "two different dates"),
        ("4.11.2020", "two different dates"),
        ("04-11-20", "two different dates"),
        ("2020-11-04 20:01 CET", "time zone"),
        ("2020-11-04T20:01:00+25:00", "time zone"),
        ("0001-01-01T00:00:00Z", "1970"),
        (datetime.fromisoformat("0001-01-01"), "1970"),
        (date(1969, 12, 31), "1970"),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))), "9999"),
        (2020, "no date"),
        (-1604520060, "no date"),
        (10**400, "no date"),
        (float("nan"), "is not a date"),
        (float("inf"), "is not a date"),
        (True, "is not a date"),
        (None, "is not a date"),
        (["2020-11-04"], "is not a date"),
        ("", "is not a date"),
        ("soon", "is not a date"),
        ("May 2020", "is not a date"),
        ("20:01", "is not a date"),
        ("4 Brumaire 2020", "is not a date"),
        ("2020-11-04 21:01 XM", "time zone"),
        ("2020-11-04T20:01:00Z and so on", "time zone"),
        ("on 2020-11-04", "is not a date"),
    ],
)
def test_what_is_no_date_or_could_be_two_is_refused_in_words(written: object, words: str) -> None:
    with pytest.raises(DateError, match=words) as refused:
        moment(written, BERLIN)
    assert refused.value.hint


def test_midnight_at_the_end_of_a_day_and_a_leap_second_are_moments() -> None:
    assert moment("2020-12-31T24:00:00Z", UTC) == datetime(2021, 1, 1, tzinfo=UTC)
    assert moment("2016-12-31T23:59:60Z", UTC) == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@given(MOMENTS, OFFSETS)
def test_iso_and_mail_dates_of_any_zone_come_back_as_the_same_moment(value: datetime, zone: timezone) -> None:
    try:
        local = value.astimezone(zone)
    except OverflowError:
        return
    for written in (
        local.isoformat(),
        local.isoformat(" "),
        format_datetime(local),
        f"{local:%B %d, %Y %H:%M:%S %z}",
    ):
        assert moment(written, BERLIN) == value


@given(MOMENTS.filter(lambda value: value.year < 5000 and value.year >= 1974))
def test_seconds_and_milliseconds_are_told_apart(value: datetime) -> None:
    seconds = int(value.timestamp())
    assert moment(seconds, BERLIN) == moment(seconds * 1000, BERLIN) == moment(str(seconds), BERLIN) == value


@given(
    st.text(max_size=40) | st.from_regex(r"[0-9TZ:+/. -]{4,30}", fullmatch=True) | st.integers() | st.floats()
)
def test_anything_is_either_a_moment_in_whole_seconds_of_utc_or_refused(value: object) -> None:
    try:
        found = moment(value, BERLIN)
    except DateError:
        return
    assert found.tzinfo is UTC
    assert found.microsecond == 0
    assert 1970 <= found.year <= 9999


def test_a_post_is_dated_by_its_file_name() -> None:
    assert in_filename("2020-11-04-a-post.md", UTC) == datetime(2020, 11, 4, tzinfo=UTC)
    assert in_filename("about.md", UTC) is None
    with pytest.raises(DateError, match="does not exist"):
        in_filename("2020-13-45-a-post.md", UTC)
