"""The clock that feedbot runs by: one function, which tests replace by their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The moment, aware and in UTC."""
    return datetime.now(UTC)
