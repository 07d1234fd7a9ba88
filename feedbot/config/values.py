"""The kinds of value an option can have, beyond text and numbers: durations, sizes, addresses, schedules.

Each is a pure function from what stands in the file to what the program uses, and a pydantic type made of it.
A function raises `wrong(what, hint)`; the words must fit behind the option's path.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

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


@dataclass(frozen=True, slots=True)
class Cron:
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


# --- addresses ---


def web_address(value: str) -> str:
    """An absolute http or https URL, with its host in lower case ASCII and its path percent-encoded."""
    address = value.strip()
    hint = "write it with https:// and a host, such as https://news.example.com/"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:
        raise wrong("must be an absolute http or https address", hint) from None
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[\w.:-]+", ascii_host) or " " in address:
        raise wrong("must be an absolute http or https address", hint)
    if parts.username is not None or parts.password is not None:
        raise wrong("must not hold a user name or password", "everybody can read this address")
    netloc = (f"[{ascii_host}]" if ":" in ascii_host else ascii_host) + (
        f":{port}" if port is not None else ""
    )
    safe = "/%:@!$&'()*+,;=~-._"
    return urlunsplit(
        (
            parts.scheme,
            netloc,
            quote(parts.path, safe=safe),
            quote(parts.query, safe=f"{safe}?"),
            parts.fragment,
        )
    )


def web_folder(value: str) -> str:
    """A web address that others are appended to: without query and fragment, with a slash at its end."""
    address = web_address(value)
    if "?" in address or "#" in address:
        raise wrong("must be the address of a folder", "leave away what follows ? or #")
    return address if address.endswith("/") else address + "/"


def secret_address(value: SecretStr) -> SecretStr:
    """A web address that holds a token, as those of webhooks do; kept as it is, shown as stars."""
    parts = value.get_secret_value().strip()
    if not re.fullmatch(r"https?://[^\s/?#]+\S*", parts):
        raise wrong(
            "must be an absolute http or https address", "usually ${NAME} of a variable that holds it"
        )
    return SecretStr(parts)


def id_base(value: str) -> str:
    """The absolute URI that every id begins with (RFC 3986, RFC 4151)."""
    hint = 'the best form is a tag URI: "tag:news.example.com,2026:"'
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+", value):
        raise wrong("must begin with an absolute URI in plain ASCII, without spaces", hint)
    tag = re.fullmatch(r"tag:[A-Za-z0-9.@_-]+,\d{4}(-\d\d(-\d\d)?)?:.*", value)
    if value.lower().startswith("tag:") and not tag:
        raise wrong("is not a tag URI: that is tag:, a domain, a comma, a year and a colon", hint)
    if value.lower().startswith(("http:", "https:")) and not re.match(r"https?://[^/]", value, re.IGNORECASE):
        raise wrong("is not an absolute address", hint)
    return value


Url = Annotated[str, AfterValidator(web_address), WithJsonSchema({"type": "string", "title": "URL"})]
FolderUrl = Annotated[str, AfterValidator(web_folder), WithJsonSchema({"type": "string", "title": "URL"})]
IdBase = Annotated[str, AfterValidator(id_base)]
_SECRET_SCHEMA = {"type": "string", "writeOnly": True}
Secret = Annotated[SecretStr, Field(min_length=1), WithJsonSchema({**_SECRET_SCHEMA, "title": "secret"})]
SecretUrl = Annotated[
    SecretStr, AfterValidator(secret_address), WithJsonSchema({**_SECRET_SCHEMA, "title": "secret URL"})
]


def signing_secret(value: SecretStr) -> SecretStr:
    """A key of the Standard Webhooks specification: `whsec_` and the base64 of 24 to 64 bytes."""
    text = value.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise wrong(
            "must be whsec_ and the base64 of 24 to 64 random bytes",
            "put whsec_ before what `openssl rand -base64 32` prints",
        )
    return value


SigningSecret = Annotated[Secret, AfterValidator(signing_secret)]


# --- text and lists ---


def language(value: str) -> str:
    """A language tag of the usual shape (BCP 47)."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", value):
        raise wrong("must be a language tag", "such as en, de-AT or zh-Hant")
    return value


ONE_OR_MORE: dict[str, Any] = {"type": ["array", "string"]}


def one_or_more(value: object) -> object:
    """A single text as the list of itself."""
    return [value] if isinstance(value, str) else value


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
Text = Annotated[str, Field(min_length=1)]
Template = Annotated[Text, AfterValidator(template)]
Names = Annotated[
    tuple[Text, ...],
    BeforeValidator(one_or_more),
    WithJsonSchema({**ONE_OR_MORE, "items": {"type": "string"}, "title": "text or list"}),
]
Count = Annotated[int, Field(ge=1, le=1000), BeforeValidator(no_bool)]
Score = Annotated[int, Field(ge=0), BeforeValidator(no_bool)]
