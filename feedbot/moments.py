"""Moments and lengths of time as people read and write them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from feedbot.config.values import duration
from feedbot.store.db import from_us_or_none

UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
FAR = timedelta(days=30)  # what is further away is told to people by its date
SHORT = {"day": "d", "hour": "h", "minute": "min", "second": "s"}


def iso(moment: datetime | None) -> str | None:
    """A moment in UTC to the second, as all JSON output has it."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def iso_us(microseconds: int | None) -> str | None:
    """The same for one of the store's moments."""
    return iso(from_us_or_none(microseconds))


def span(length: timedelta, *, short: bool = False) -> str:
    """A length of time in its largest unit: `2 hours`, or short `2 h`."""
    seconds = max(0, int(length.total_seconds()))
    unit, size = next((one for one in UNITS if seconds >= one[1]), UNITS[-1])
    count = seconds // size
    return f"{count} {SHORT[unit]}" if short else number_of(count, unit)


def distance(moment: datetime, now: datetime, *, short: bool = False) -> str:
    """How far a moment is away: `2 hours ago`, `in 5 minutes`, `now`."""
    away = moment - now
    if abs(away) < timedelta(seconds=1):
        return "now"
    return f"in {span(away, short=short)}" if away > timedelta(0) else f"{span(-away, short=short)} ago"


def number_of(count: int, noun: str, plural: str = "") -> str:
    """`1 file`, `2 files`, `1,234 files`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def moment_of(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """The moment that a person means: a date (its beginning), a date and time, or a duration ago.

    A time that names no zone is in `zone`. None: it is none of these.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _ago(text, now)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _ago(text: str, now: datetime) -> datetime | None:
    try:
        return now - duration(text)
    except (ValueError, OverflowError):
        return None
