"""What leaves the program as words: logging set-up, and no secret in logs or error messages.

Text on a terminal, a JSON object a line elsewhere. Knows secrets only by what it is given.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO
from urllib.parse import SplitResult, quote, quote_plus, unquote, urlsplit

# These speak of their own inside.
QUIET = ("apscheduler", "watchfiles", "urllib3", "alembic", "_granian", "granian", "asyncio")
LEVELS = {-1: logging.WARNING, 0: logging.INFO, 1: logging.DEBUG}
STARS = "***"
WORDS = {True: "true", False: "false", None: "none"}  # in lines for people

Redact = Callable[[str], str]


def redactor(secrets: Iterable[str]) -> Redact:
    """A function that replaces every secret in a text, however it is spelled there.

    What has fewer than `SHORT` characters is replaced where no letter or digit touches it: it would be found
    in other words all over.
    """
    patterns: dict[str, str] = {}
    for secret in secrets:
        for part, where in _parts_of(secret):
            for form in filter(lambda form: form.strip("/"), _spellings(part)):
                is_short = where == _ANYWHERE and len(form) < SHORT
                if where == _ANYWHERE or form not in patterns:
                    patterns[form] = (_ALONE if is_short else where) % re.escape(form)
    # The longest first, for one secret may hold another.
    pattern = re.compile("|".join(patterns[form] for form in sorted(patterns, key=len, reverse=True)))
    return (lambda text: pattern.sub(STARS, text)) if patterns else str


SHORT = 8  # characters; what has so many and more is replaced wherever it stands
_KEY = 16  # characters of a word that can be a key by itself
_ANYWHERE = "%s"
_ALONE = r"(?:(?<![^\W_])|(?<=\\[nrt]))%s(?![^\W_])"  # a line break before it may be spelled out
_WHOLE = r"%s(?!/?[\w-])"  # an address or a path that does not go on
_TELLING = re.compile(r"(?i)key|token|secret|sig|pass|pwd|auth|code|hash")  # names of parameters with keys
_KIND = re.compile(r"(?i)(?:bearer|basic|token|bot|apikey)\s+|whsec_")  # words before the secret itself


def _parts_of(secret: str) -> Iterator[tuple[str, str]]:
    """What of `secret` must not show, and where it is to be looked for.

    An address without anything in it that could be a key is no more than the way to a receiver: whole it does
    not show, but a path such as /news is part of other addresses too.
    """
    try:
        url = urlsplit(secret)
    except ValueError:
        url = SplitResult("", "", secret, "", "")
    if url.scheme not in {"http", "https"} or not url.netloc:
        yield secret, _ANYWHERE
        if bare := secret[match.end() :] if (match := _KIND.match(secret)) else "":
            yield bare, _ANYWHERE
        return
    parts = list(_parts_of_url(url))
    yield from parts
    if url.path.strip("/") or url.query or parts:
        yield secret, _ANYWHERE if any(where == _ANYWHERE for _, where in parts) else _WHOLE


def _parts_of_url(url: SplitResult) -> Iterator[tuple[str, str]]:
    """What errors show of a secret address apart from its host: the path is the key of a chat channel."""
    if login := url.password or url.username:
        yield login, _ANYWHERE
    if len(url.path.strip("/")) >= SHORT:
        looks_made_up = any(char.isdigit() or char.isupper() for char in url.path)
        yield url.path, _ANYWHERE if looks_made_up else _WHOLE
    yield from ((word, _ANYWHERE) for word in url.path.split("/") if _is_key(word))
    if len(url.query) >= SHORT:
        yield url.query, _ANYWHERE
        yield f"{url.path}?{url.query}", _ANYWHERE
    for name, _, value in (parameter.partition("=") for parameter in url.query.split("&")):
        if _TELLING.search(name) or _is_key(value):
            yield value, _ANYWHERE


def _is_key(word: str) -> bool:
    """Whether `word` looks as if a machine had made it up."""
    return len(word) >= _KEY and any(map(str.isdigit, word)) and any(map(str.isalpha, word))


def _spellings(secret: str) -> Iterator[str]:
    """`secret` as URLs, JSON, Python and the shell write it."""
    for form in {secret, unquote(secret), quote(secret, safe=""), quote(secret), quote_plus(secret)}:
        yield form
        yield json.dumps(form)[1:-1]
        yield json.dumps(form, ensure_ascii=False)[1:-1]
        yield repr(form)[1:-1]


def printable(text: str) -> str:
    """`text` on one line and without what a terminal would obey: such characters as Python escapes them."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


# What a terminal might obey, or what turns the order of letters round.
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


def harmless(text: str) -> str:
    """`text`, which is JSON, with such characters spelled out."""
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def set_up_logging(
    stream: TextIO, *, verbosity: int = 0, redact: Redact = str, as_json: bool | None = None
) -> None:
    """Log to `stream`: warnings at verbosity -1, what was done at 0, everything at 1.

    `as_json` is decided by the stream if it is not given: text on a terminal only.
    """
    handler = _Handler(stream)
    if as_json is None:
        as_json = not stream.isatty()
    handler.setFormatter(JsonFormatter(redact) if as_json else TextFormatter(redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[max(-1, min(verbosity, 1))])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Handler(logging.StreamHandler[TextIO]):
    """Says nothing when nobody reads the log any more, or its disk is full: the feeds matter more."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Called while the error that kept `record` from being written is handled."""
        error = sys.exception()
        if isinstance(error, BrokenPipeError):
            silence(self.stream)
        elif not isinstance(error, OSError):
            super().handleError(record)  # a mistake in the call, which logging tells on stderr


def silence(stream: TextIO) -> None:
    """Lead `stream`, whose reader is gone, to nowhere: else its buffer is complained about at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class TextFormatter(logging.Formatter):
    """`12:30:45 looked at what changed  written=3`, with the level where it is not info."""

    def __init__(self, redact: Redact = str) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """One line, then the traceback if there is one."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        facts = " ".join(f"{key}={value}" for key, value in _flat(_facts(record)))
        told = printable(f"{level}{record.getMessage()}" + (f"  {facts}" if facts else ""))
        trace = self.formatException(record.exc_info).split("\n") if record.exc_info else ()
        lines = "\n".join([told, *map(printable, trace)])
        return f"{moment:%H:%M:%S} {self._redact(lines)}"


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, message, and the facts given with `extra={"facts": {...}}`."""

    def __init__(self, redact: Redact = str) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        said = {"message": record.getMessage(), **_facts(record)}
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            # Redacted before it becomes JSON, so that no secret can break the line.
            **{key: self._redacted(value) for key, value in said.items()},
        }
        return harmless(json.dumps(line, ensure_ascii=False))

    def _redacted(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {self._redact(str(key)): self._redacted(part) for key, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._redacted(part) for part in value]
        return self._redact(str(value))


def _flat(facts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Facts as text: `announced.held=3 folders=/a,/b`."""
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{name}", part) for name, part in _flat(value))
        elif isinstance(value, list | tuple | set | frozenset):
            yield key, ",".join(map(str, value))
        else:
            yield key, WORDS.get(value, str(value)) if isinstance(value, bool | None) else str(value)


def _facts(record: logging.LogRecord) -> dict[str, object]:
    facts = getattr(record, "facts", None)
    return facts if isinstance(facts, dict) else {}
