"""Logging set-up: text on a terminal, a JSON object a line elsewhere, and no secret in either."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

QUIET = (
    "apscheduler",
    "watchfiles",
    "urllib3",
    "alembic",
    "_granian",
    "granian",
)  # speak of their own inside


def set_up_logging(stream: TextIO, *, verbosity: int = 0, secrets: Iterable[str] = ()) -> None:
    """Log to `stream`: warnings at verbosity -1, what was done at 0, everything at 1."""
    level = {-1: logging.WARNING, 0: logging.INFO}.get(max(-1, min(verbosity, 1)), logging.DEBUG)
    handler = logging.StreamHandler(stream)
    inner = TextFormatter() if stream.isatty() else JsonFormatter()
    handler.setFormatter(RedactingFormatter(inner, secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class TextFormatter(logging.Formatter):
    """`12:30:45 feeds written=3`, with the level where it is not info."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, then the traceback if there is one."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        line = f"{moment:%H:%M:%S} {level}{record.getMessage()}"
        facts = " ".join(f"{key}={value}" for key, value in _facts(record).items())
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{line}  {facts}{trace}" if facts else f"{line}{trace}"


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, message, and the facts given with `extra={"facts": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class RedactingFormatter(logging.Formatter):
    """Replaces every secret in what another formatter made, tracebacks included."""

    def __init__(self, inner: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._inner = inner
        # Both as it is and as JSON writes it; the longest first, for one secret may hold another.
        spelled = {form for secret in secrets if secret for form in (secret, json.dumps(secret)[1:-1])}
        ordered = sorted(spelled, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def format(self, record: logging.LogRecord) -> str:
        """The inner formatter's text without secrets."""
        text = self._inner.format(record)
        return self._pattern.sub("***", text) if self._pattern else text


def _facts(record: logging.LogRecord) -> dict[str, object]:
    facts = getattr(record, "facts", None)
    return facts if isinstance(facts, dict) else {}
