"""The clocks that feedbot runs by: one for moments, which tests replace by their own, and one for waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

# Where there is one, a clock that goes on while the machine sleeps.
_UPTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def utc_now() -> datetime:
    """The moment, aware and in UTC."""
    return datetime.now(UTC)


def uptime() -> float:
    """Seconds since some moment that is the same for all processes of this machine; nothing sets it back."""
    return time.clock_gettime(_UPTIME)
