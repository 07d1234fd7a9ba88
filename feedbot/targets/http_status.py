"""What a status means to a delivery, and when a server wants to be asked again. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from feedbot.attempt import Answer, Busy, Denied, Gone, Outcome, Refused, Retry, Sent
from feedbot.retry import LONGEST

QUOTED = 120  # characters of what a server says that go into a reason

_NUMBER = re.compile(r"\s*([0-9]{1,300}(?:\.[0-9]{0,300})?)\s*(?:,.*)?", re.DOTALL)
_EPOCH = 1_000_000_000  # seconds: less than that counts from now
_EPOCH_MS = 100_000_000_000

_NOT_NOW = {404, 405, 408, 409, 421, 423, 425}
_HINTS = {
    301: "it redirects, which feedbot does not follow; set the new address",
    401: "check the token or the address",
    403: "check what the token or the address is allowed to do",
    404: "check the address",
    407: "give the proxy's user name and password in HTTP_PROXY or HTTPS_PROXY",
    410: "the receiver wants nothing more",
}
_HINTS |= dict.fromkeys((302, 303, 307, 308), _HINTS[301])


def judge(answer: Answer, *, server_error: type[Outcome] = Retry) -> Outcome:
    """What `answer` means by its status alone (posting handbook, 4.1 and 5).

    An error of the server becomes `server_error`: Retry, or Unclear where it may have acted all the same.
    """
    kind = _kind(answer.status, server_error)
    after = None if kind in {Refused, Denied, Gone} else wish(answer)
    return kind(reason=reason(answer), answer=answer, after=after)


def _kind(status: int, server_error: type[Outcome]) -> type[Outcome]:
    if 200 <= status < 300:
        return Sent
    if status in {429, 503}:
        return Busy
    if status in {401, 403, 407}:
        return Denied
    if status == 410:
        return Gone
    if status < 400 or status in _NOT_NOW:
        return Retry
    return Refused if status < 500 else server_error


# --- why, in words ---


def reason(answer: Answer) -> str:
    """`422 Unprocessable Entity: what the server says`, with the next step where there is one."""
    status = answer.status
    phrase = _phrase(status)
    told = f"answered {status} {phrase}".rstrip()
    said = "" if 200 <= status < 400 else quote(answer)
    said = "" if said.rstrip(".").casefold() == phrase.casefold() else said
    return "; ".join(part for part in (f"{told}: {said}" if said else told, _HINTS.get(status, "")) if part)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def quote(answer: Answer) -> str:
    """The first words of an error message in JSON or plain text; "" where there is none, or a whole page."""
    said = answer.json()
    text = _message(said) if said is not None else answer.text
    if re.search(r"<[a-zA-Z!/?]", text) or "\ufffd" in text[:QUOTED]:
        return ""
    line = "".join(c if c.isprintable() else " " for c in text[: 10 * QUOTED])
    line = " ".join(line.split())
    return line if len(line) <= QUOTED else f"{line[: QUOTED - 1]}…"


def _message(said: object, depth: int = 3) -> str:
    """The text in an error object, under the names that services give it."""
    if isinstance(said, str):
        return said
    if isinstance(said, list) and said and depth:
        return _message(said[0], depth - 1)
    if isinstance(said, dict) and depth:
        names = ("error_description", "message", "detail", "error", "title", "errors", "msg")
        return next((text for name in names if (text := _message(said.get(name), depth - 1))), "")
    return ""


# --- not before ---


def wish(answer: Answer) -> datetime | None:
    """The moment before which the server wants nothing more, by our clock; None: it did not say.

    Retry-After of an error as seconds, whole or not, or as a date (RFC 9110, 10.2.3); the reset of a rate
    limit that is used up, as seconds, as seconds since 1970 or as ISO 8601 (Mastodon). The server's own Date
    says how wrong clocks are. Never more than a day ahead, never in the past.
    """
    waits = [_until_reset(answer)] if _used_up(answer) else []
    if not 200 <= answer.status < 300:
        waits.insert(0, _retry_after(answer))
    wait = next((wait for wait in waits if wait is not None), None)
    return None if wait is None else answer.at + min(wait, LONGEST)


def _used_up(answer: Answer) -> bool:
    remaining = [_header(answer.headers, f"{prefix}RateLimit-Remaining").strip() for prefix in ("X-", "")]
    return answer.status == 429 or "0" in remaining


def _retry_after(answer: Answer) -> timedelta | None:
    text = _header(answer.headers, "Retry-After")
    number = _number(text)
    return _seconds(number) if number is not None else _until(answer, _moment(parsedate_to_datetime, text))


def _until_reset(answer: Answer) -> timedelta | None:
    names = ("X-RateLimit-Reset-After", "X-RateLimit-Reset", "RateLimit-Reset")
    text = next((text for name in names if (text := _header(answer.headers, name))), "")
    number = _number(text)
    if number is None:
        return _until(answer, _moment(datetime.fromisoformat, text.strip()))
    if number < _EPOCH:
        return _seconds(number)
    seconds = number / 1000 if number >= _EPOCH_MS else number
    return _until(answer, _moment(lambda at: datetime.fromtimestamp(float(at), UTC), str(seconds)))


def _until(answer: Answer, moment: datetime | None) -> timedelta | None:
    """From the server's now to `moment`, or from ours where it does not tell its own."""
    if moment is None:
        return None
    now = _moment(parsedate_to_datetime, _header(answer.headers, "Date")) or answer.at
    return moment - now if moment > now else None


def _seconds(number: float) -> timedelta | None:
    return timedelta(seconds=min(number, LONGEST.total_seconds())) if number > 0 else None


def _number(text: str) -> float | None:
    """The first number of a header that may have been sent twice; None where it does not begin with one."""
    match = _NUMBER.fullmatch(text)
    return float(match[1]) if match else None


def _moment(read: Callable[[str], datetime], text: str) -> datetime | None:
    """What `read` makes of `text`, in UTC; None where that is no moment."""
    try:
        moment = read(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, OSError):
        return None


def _header(headers: Mapping[str, str], name: str) -> str:
    """A header without regard to case, whatever mapping holds them."""
    value = headers.get(name)
    if value is None:
        value = next((value for key, value in headers.items() if key.lower() == name.lower()), "")
    return value
