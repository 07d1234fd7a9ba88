"""The kinds of value an option can have, beyond text and numbers: durations, sizes, addresses, schedules.

Each is a pure function from what stands in the file to what the program uses, and a pydantic type made of it.
A function raises `wrong(what, hint)`; the words must fit behind the option's path.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, timedelta, tzinfo
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from feedbot.permalink import FROM_NAME, PLACEHOLDERS, STYLES, placeholders_of

T = TypeVar("T")


def wrong(what: str, hint: str = "") -> PydanticCustomError:
    """The error for a value that cannot be used."""
    return PydanticCustomError("feedbot", "{what}", {"what": what, "hint": hint})


def parsed(function: Callable[[Any], Any], kind: str, *examples: object, **schema: object) -> tuple[Any, Any]:
    """What makes a type of `function`: how it is read, and how the schema describes it."""
    said = {"type": "string", "title": kind, **({"examples": list(examples)} if examples else {})}
    return PlainValidator(function), WithJsonSchema({**said, **schema})


# --- durations and sizes ---

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST = timedelta(days=3650)


def duration(value: object) -> timedelta:
    """`90s`, `5m`, `1h30m`, `14d`, `2w`: a whole or broken number and its unit, one or several."""
    hint = "write a number with ms, s, m, h, d or w, such as 90s or 14d"
    if value == 0 and not isinstance(value, bool):
        return timedelta(0)
    if not isinstance(value, str) or not re.fullmatch(r"\s*(\d{1,9}(\.\d{1,6})?\s*(ms|[smhdw])\s*)+", value):
        raise wrong("must be a duration", hint)
    parts = re.findall(r"([\d.]+)\s*(ms|[smhdw])", value)
    seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise wrong("must be a duration of at most ten years", hint)
    return timedelta(seconds=seconds)


def size(value: object) -> int:
    """Bytes: a whole number, or one with KB, MB (1,024 bytes and 1,024 times that)."""
    units = {"": 1, "B": 1, "K": 1024, "KB": 1024, "KIB": 1024, "M": 1 << 20, "MB": 1 << 20, "MIB": 1 << 20}
    match = None if isinstance(value, bool) else re.fullmatch(r"\s*(\d{1,10})\s*([A-Za-z]*)\s*", str(value))
    if match is None or match[2].upper() not in units:
        raise wrong("must be a size", "write a number of bytes, or one with KB or MB, such as 64KB")
    return int(match[1]) * units[match[2].upper()]


Duration = Annotated[timedelta, *parsed(duration, "duration", "2s", "5m", "1h30m", "14d")]
Size = Annotated[int, *parsed(size, "size", "64KB", "1MB", type=["string", "integer"])]


# --- schedules ---

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # as cron counts; 7 is Sunday again
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _WEEKDAYS),
)


class Cron(Struct, frozen=True):
    """A cron expression of five fields; days of the week are names, which nobody counts otherwise."""

    expression: str


def scan(value: object) -> timedelta | Cron:
    """A duration of a second or more, or a cron expression."""
    if isinstance(value, str) and len(value.split()) == len(_FIELDS) and not re.search(r"\d[a-z]", value):
        return cron(value)
    try:
        every = duration(value)
    except PydanticCustomError:
        raise wrong(
            "must be a duration or a cron expression of five fields", "such as 60s, 5m or */10 6-22 * * *"
        ) from None
    if every < timedelta(seconds=1):
        raise wrong("must be at least 1s", "file events make it sooner anyway")
    return every


def cron(value: str) -> Cron:
    """A cron expression as crontab(5) has it, but for one rule: not both kinds of day at once."""
    fields = value.lower().split()
    numbers = [_cron_numbers(text, *field) for text, field in zip(fields, _FIELDS, strict=True)]
    if fields[2] != "*" and fields[4] != "*":
        raise wrong("must not name days of the month and days of the week at once", "put * in one of the two")
    if fields[4] != "*":
        fields[4] = ",".join(dict.fromkeys(_WEEKDAYS[number % 7] for number in numbers[4]))
    return Cron(" ".join(fields))


def _cron_numbers(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> list[int]:
    """The values that one field of a cron expression takes."""
    numbers: list[int] = []
    for part in text.split(","):
        span, slash, step = part.partition("/")
        begin, end = _cron_span(span, low, high, names)
        is_step = begin < end and re.fullmatch(r"[1-9][0-9]?", step)
        if not low <= begin <= end <= high or (slash and not is_step):
            raise wrong(
                f"has an impossible {name}", f"a number from {low} to {high}, a range, a list, or */step"
            )
        numbers.extend(range(begin, end + 1, int(step or 1)))
    return numbers


def _cron_span(span: str, low: int, high: int, names: tuple[str, ...]) -> tuple[int, int]:
    """The first and the last value of `*`, `5`, `mon` or `mon-fri`."""
    if span == "*":
        return low, 6 if names is _WEEKDAYS else high
    first, dash, last = span.partition("-")
    begin = _cron_number(first, low, names)
    return begin, _cron_number(last, low, names) if dash else begin


def _cron_number(text: str, low: int, names: tuple[str, ...]) -> int:
    """A number or name as a number; -1 for anything else, which lies in no range."""
    if text in names:
        return names.index(text) + low
    return int(text) if re.fullmatch(r"[0-9]{1,2}", text) else -1


Scan = Annotated[
    timedelta | Cron, *parsed(scan, "duration or cron expression", "60s", "5m", "*/10 6-22 * * *")
]


def zone(value: object) -> tzinfo:
    """A time zone of the IANA database."""
    if value == "UTC":
        return UTC  # without asking for a database that small systems lack
    try:
        return ZoneInfo(value if isinstance(value, str) else "")
    except (ValueError, LookupError, OSError):
        raise wrong("must be a time zone", "a name such as UTC or Europe/Vienna") from None


Zone = Annotated[tzinfo, *parsed(zone, "time zone", "UTC", "Europe/Vienna")]


# --- text and lists ---


def language(value: str) -> str:
    """A language tag of the usual shape (BCP 47)."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", value):
        raise wrong("must be a language tag", "such as en, de-AT or zh-Hant")
    return value


def permalink(value: str) -> str:
    """A pattern of addresses on the site; the word by which Jekyll knows one stands for it."""
    pattern = STYLES.get(value, value)
    example = "such as /:year/:month/:title/"
    names = placeholders_of(pattern)
    if unknown := [name for name in names if name not in PLACEHOLDERS]:
        known = ", ".join(f":{name}" for name in sorted(PLACEHOLDERS))
        raise wrong(f"has :{unknown[0]}, which stands for nothing", f"there are {known}")
    if "://" in pattern or not pattern.isprintable() or set(pattern) & set("{}[]<>\\ ?#"):
        raise wrong("must be a path on the site", example)
    if not FROM_NAME & set(names):
        raise wrong("would give articles the same address", f"name them by :title or :name, {example}")
    return pattern


NAME_LIMIT = 80  # characters of a target's name, which stands in every line about it


def target_name(value: str) -> str:
    """A name that can be typed on a command line, and that a line of a table or a log can hold."""
    if not value.isprintable():
        raise wrong("must not have line breaks or characters that nobody sees", "such as newsdesk")
    if value != value.strip():
        raise wrong("must not begin or end with a space", f"write {value.strip() or 'newsdesk'}")
    if value.startswith("-"):
        raise wrong("must not begin with a hyphen", "commands would take it for one of their options")
    if len(value) > NAME_LIMIT:
        raise wrong(f"must have at most {NAME_LIMIT} characters", "it stands in every line about the target")
    return value


HASHTAG_LIMIT = 100  # characters, as GoToSocial has it
_HASHTAG_KINDS = {"Nd", "Pc"}  # besides letters and marks; and between them a middle dot or a joiner


def hashtag_alias(value: str) -> str:
    """The name of a hashtag as servers recognise it, with or without #; "" for none."""
    name = unicodedata.normalize("NFC", value.strip().removeprefix("#"))
    if not value.strip() or (_is_hashtag(name) and len(name) <= HASHTAG_LIMIT):
        return value
    if len(name) > HASHTAG_LIMIT:
        raise wrong(
            f"must have at most {HASHTAG_LIMIT} characters", "long hashtags are cut or not recognised"
        )
    words = "".join(char if _in_hashtag(char) else " " for char in name).split()
    meant = "".join(word[0].title() + word[1:] for word in words)
    hint = f"such as {meant}" if _is_hashtag(meant) else 'letters and digits; "" for no hashtag'
    raise wrong("is no hashtag: those have letters, digits and _ only, and a letter among them", hint)


def _is_hashtag(name: str) -> bool:
    inside = all(_in_hashtag(char) or char in "·\u200c" for char in name)
    return (
        inside
        and name.strip("·\u200c") == name
        and any(unicodedata.category(char)[0] == "L" for char in name)
    )


def _in_hashtag(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category in _HASHTAG_KINDS


ONE_OR_MORE: dict[str, Any] = {"type": ["array", "string"]}


def one_or_more(value: object) -> object:
    """A single text as the list of itself."""
    return [value] if isinstance(value, str) else value


def named(value: tuple[str, ...]) -> tuple[str, ...]:
    """Names to choose by, at least one: an empty list would choose nothing or everything, nobody knows."""
    if not value:
        raise wrong("names none", "leave it away if all are meant")
    return value


def no_bool(value: object) -> object:
    """Everything but true and false, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise wrong("must be a whole number", "true and false are none")
    return value


def template(value: str) -> str:
    """A template of messages that can be filled in, as far as that shows before there is an article."""
    from feedbot.template import check_template  # noqa: PLC0415 - loads jinja2, which few commands need

    if (error := check_template(value)) is not None:
        place = f", in its line {error.line}" if error.line is not None and "\n" in value.strip() else ""
        raise wrong(error.what + place, error.hint)
    return value


Language = Annotated[str, AfterValidator(language)]
Permalink = Annotated[str, AfterValidator(permalink)]
Text = Annotated[str, Field(min_length=1)]
TargetName = Annotated[Text, AfterValidator(target_name)]
HashtagAlias = Annotated[str, AfterValidator(hashtag_alias)]
Template = Annotated[Text, AfterValidator(template)]
Names = Annotated[
    tuple[Text, ...],
    BeforeValidator(one_or_more),
    WithJsonSchema({**ONE_OR_MORE, "items": {"type": "string"}, "title": "text or list"}),
]
Wanted = Annotated[
    tuple[Text, ...],
    BeforeValidator(one_or_more),
    AfterValidator(named),
    WithJsonSchema({**ONE_OR_MORE, "items": {"type": "string"}, "minItems": 1, "title": "text or list"}),
]
Count = Annotated[int, Field(ge=1, le=1000), BeforeValidator(no_bool)]
Score = Annotated[int, Field(ge=0), BeforeValidator(no_bool)]
