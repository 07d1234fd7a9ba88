"""One content file from disk to a reading, with what is needed to tell whether it can be relied on.

A file that somebody is just writing is left alone for a moment: its last good version stands meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from feedbot.content.reading import Broken, Excluded, Reader, Reading, Reason
from feedbot.content.scan import Fetched, Found, Stamp, Unreadable, fetch
from feedbot.model import Finding

STILL = timedelta(seconds=1)  # a file that makes no sense and is younger may be half-written
TICK_NS = 20_000_000  # longer than the clock of common file systems takes to move on
COARSE_TICK_NS = 2_000_000_000  # ... and of those that keep no fractions of a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a file says, and the stat that stands for these bytes; None if no stat can stand for them."""

    reading: Reading
    stamp: Stamp | None


def take(reader: Reader, name: str, found: Found, now: datetime, *, settled: bool) -> Taken | None:
    """Read the file `found`; None where it is gone or in motion, and worth another look in a moment.

    With `settled` nothing counts as in motion but a file that is gone.
    """
    fetched = fetch(found.path)
    if fetched is None:
        return None
    if isinstance(fetched, Unreadable):
        # A change of permissions does not show in the stat that is compared: look again at each pass.
        finding = Finding(path=name, what=fetched.why, hint=fetched.hint)
        return Taken(reading=Broken(findings=(finding,)), stamp=None)
    reading = reader.read(fetched.data, name=name, relative=found.relative)
    if not settled and (not fetched.still or _may_be_half(reading, fetched, now)):
        return None
    return Taken(reading=reading, stamp=None if _is_racy(fetched) else fetched.stamp)


def _may_be_half(reading: Reading, fetched: Fetched, now: datetime) -> bool:
    incomplete = isinstance(reading, Broken) or (
        isinstance(reading, Excluded) and reading.reason in (Reason.EMPTY, Reason.NO_FRONT_MATTER)
    )
    age = now.timestamp() - fetched.stamp[0] / 1e9
    # A little below zero: written after the pass began. Far below: a wrong clock, so do not wait.
    return incomplete and -60 < age < STILL.total_seconds()


def _is_racy(fetched: Fetched) -> bool:
    """Whether another write, in the same tick of the file system's clock, could still leave the same stat.

    git treats the entries of its index with the same care.
    """
    modified = fetched.stamp[0]
    tick = COARSE_TICK_NS if modified % 1_000_000 == 0 else TICK_NS
    return 0 <= time.time_ns() - modified < tick
