"""Every shape of date that front matter holds, to aware UTC in whole seconds.

Pure: knows the configured time zone and never the clock. A date that could be read in two ways is refused
rather than guessed. Shapes and hazards: docs/front-matter.md, "Dates".
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

Day = tuple[int, int, int]  # year, month, day

FIRST_YEAR = 1970  # feeds, SQLite integers and readers all agree from here on
_HINT = "write it as 2026-11-04T20:01:00Z"


class DateError(ValueError):
    """A value that is no date feedbot can use; `what` follows the value, `hint` says what to write."""

    def __init__(self, what: str, hint: str = _HINT) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def moment(value: object, zone: tzinfo) -> datetime:
    """The moment that a front-matter value means, UTC, whole seconds, from 1970 to 9999.

    Takes what YAML makes of a date (datetime, date, int, float, str). One without an offset is in `zone`, one
    without a time is its midnight. Numbers are seconds or milliseconds since 1970, or YYYYMMDD.
    Raises DateError.
    """
    if isinstance(value, datetime):
        return _to_utc(value, zone)
    if isinstance(value, bool):
        raise DateError("is not a date")
    if isinstance(value, date):
        return _to_utc(datetime(value.year, value.month, value.day), zone)  # noqa: DTZ001 (zone follows)
    if isinstance(value, int | float):
        return _of_number(value, zone)
    if isinstance(value, str):
        return _of_text(value, zone)
    raise DateError("is not a date")


def in_filename(name: str, zone: tzinfo) -> datetime | None:
    """The date that a Jekyll post's file name begins with; None for no date. Raises DateError."""
    found = _FILENAME.match(name)
    if found is None:
        return None
    return _to_utc(_built((int(found["year"]), int(found["month"]), int(found["day"]))), zone)


def begins_with(name: str) -> bool:
    """Whether a file's name begins as that of a Jekyll post does."""
    return _FILENAME.match(name) is not None


# --- numbers ---

_SECONDS = range(10**8, 10**11)  # 1973 to 5138; smaller ones are years, days or slips of the pen
_MILLISECONDS = range(10**11, 10**14)
_DAYS = range(19700101, 99991232)


def _of_number(value: float, zone: tzinfo) -> datetime:
    try:
        number = int(value)
    except (ValueError, OverflowError):  # not-a-number, infinity
        raise DateError("is not a date") from None
    if number in _DAYS and number == value:
        return _to_utc(_built((number // 10000, number // 100 % 100, number % 100)), zone)
    if number in _MILLISECONDS:
        number //= 1000
    elif number not in _SECONDS:
        raise DateError("is a number that means no date")
    return datetime.fromtimestamp(number, UTC)


# --- text ---

_NUMBER = re.compile(r"\d{1,16}(?:\.\d{1,9})?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})[Tt](\d{2})(\d{2})(\d{2})?")
_BETWEEN = re.compile(r"(?<=\d)[Tt](?=\d)")  # date and time in ISO 8601
_TIME = re.compile(
    r"\b(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(?!\d)(?:\s*([ap])\.?m\b\.?)?", re.IGNORECASE
)
_ZONE = re.compile(r"(?:UTC|GMT)?([+-]\d{1,2}:?(?:\d{2})?|\b[a-z]{1,4})\s*(?:\([^()]*\))?$", re.IGNORECASE)
_FILENAME = re.compile(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})-")

_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s)?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_MONTH = r"(?P<month>[a-z]{3,9})\.?"
_DAYS_WRITTEN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
        rf"{_WEEKDAY}{_DAY}[\s-](?:of\s)?{_MONTH},?[\s-](?P<year>\d{{4}})",  # RFC 5322, HTTP, people
        rf"{_WEEKDAY}{_MONTH}\s{_DAY},?\s(?P<year>\d{{4}})",  # people, asctime
    )
)
_AMBIGUOUS = re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d{2,4}\b")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
# RFC 5322, section 4.3: the only names whose offset is agreed on
_ZONES = {"z": 0, "ut": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5}
_ZONES |= {"mst": -7, "mdt": -6, "pst": -8, "pdt": -7}


def _of_text(text: str, zone: tzinfo) -> datetime:
    text = " ".join(text.split())[:100].replace("\u2212", "-")
    if _NUMBER.fullmatch(text):
        return _of_number(float(text), zone)
    text = _BETWEEN.sub(" ", _COMPACT.sub(r"\1-\2-\3 \4:\5:\g<6>", text))
    time = _TIME.search(text)
    if time is None:
        return _to_utc(_built(_day(text)), zone)
    rest = text[time.end() :].strip()
    if (named := _ZONE.search(rest)) is not None:
        zone, rest = _zone_named(named[1]), rest[: named.start()]
    hour, minute, second = (int(part or 0) for part in time.groups()[:3])
    day = _day(f"{text[: time.start()]} {rest}")
    return _to_utc(_built(day, _on_the_clock(hour, time[4]), minute, second), zone)


def _day(text: str) -> Day:
    """Year, month and day of a date as it is written in ISO 8601 or with the month's English name."""
    text = _LOOSE_END.sub("", " ".join(text.split()))
    for pattern in _DAYS_WRITTEN:
        if found := pattern.fullmatch(text):
            month = found["month"]
            return int(found["year"]), int(month) if month.isdecimal() else _month(month), int(found["day"])
    if _AMBIGUOUS.match(text):
        raise DateError("can be read as two different dates", "write the year first: 2026-11-04")
    raise DateError("is not a date")


_LOOSE_END = re.compile(r"(?:,|\s(?:at|on)|\s)+$", re.IGNORECASE)


def _on_the_clock(hour: int, half: str | None) -> int:
    """The hour of 24 for an hour of 12 with `a` or `p`."""
    if half is None:
        return hour
    if not 1 <= hour <= 12:
        raise DateError("is not a date")
    return hour % 12 + (12 if half in "pP" else 0)


def _month(name: str) -> int:
    name = name.lower()
    for number, month in enumerate(_MONTHS, 1):
        if month.startswith(name) or (month == "september" and name == "sept"):
            return number
    raise DateError("is not a date")


def _zone_named(name: str) -> tzinfo:
    """The zone for `Z`, `+0200`, `+02:00`, `+2` or an agreed name."""
    if found := re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})?", name):
        hours, minutes = int(found[2]), int(found[3] or 0)
        if hours < 24 and minutes < 60:
            return timezone((1 if found[1] == "+" else -1) * timedelta(hours=hours, minutes=minutes))
    if (hours_off := _ZONES.get(name.lower())) is not None:
        return timezone(timedelta(hours=hours_off))
    raise DateError(
        "has a time zone that feedbot does not know", "write the offset, as in 2026-11-04T20:01:00+01:00"
    )


# --- building ---


def _built(day: Day, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """A naive datetime; 24:00 is the next day's midnight, a leap second the second before it."""
    try:
        if hour == 24 and minute == second == 0:
            return datetime(*day) + timedelta(days=1)  # noqa: DTZ001 (zone follows)
        return datetime(*day, hour, minute, 59 if second == 60 else second)  # noqa: DTZ001 (as above)
    except (ValueError, OverflowError):
        raise DateError("is a date that does not exist") from None


def _to_utc(value: datetime, zone: tzinfo) -> datetime:
    if value.tzinfo is not UTC or value.microsecond:
        value = _in_utc(value, zone)
    if value.year < FIRST_YEAR:
        raise DateError("lies before 1970", "give the real date, or remove the line to keep it out of feeds")
    return value


def _in_utc(value: datetime, zone: tzinfo) -> datetime:
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    try:
        return value.astimezone(UTC).replace(microsecond=0)
    except (OverflowError, ValueError):
        raise DateError("lies outside the years 1970 to 9999") from None
