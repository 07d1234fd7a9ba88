"""Content files from disk to readings, with what is needed to tell whether they can be relied on.

A file that somebody is just writing is left alone for a moment: its last good version stands meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from feedbot.content.reading import Broken, Excluded, Read, Reader, Reading, Reason
from feedbot.content.scan import Fetched, Found, Stamp, Unreadable, fetch
from feedbot.model import Finding, dump_article, load_article, visible_hash

STILL = timedelta(seconds=1)  # a file that makes no sense and is younger may be half-written
TICK_NS = 20_000_000  # longer than the clock of common file systems takes to move on
COARSE_TICK_NS = 2_000_000_000  # ... and of those that keep no fractions of a second

Batch = Mapping[str, Found]  # by name


class Taken(Struct, frozen=True, kw_only=True):
    """What a file says, and the stat that stands for these bytes; None if no stat can stand for them.

    Of an article also its text for the store and the digest of what readers see of it.
    """

    reading: Reading
    stamp: Stamp | None
    body: str = ""
    visible_hash: str = ""

    def __reduce__(self) -> tuple[Callable[..., Taken], tuple[object, ...]]:
        """Between processes an article travels as its text alone, many times faster than as an object."""
        reading = self.reading
        if not isinstance(reading, Read):
            return _with_reading, (reading, self.stamp)
        return _with_article, (
            reading.id,
            reading.url,
            reading.findings,
            self.stamp,
            self.body,
            self.visible_hash,
        )


def _with_reading(reading: Reading, stamp: Stamp | None) -> Taken:
    return Taken(reading=reading, stamp=stamp)


def _with_article(
    id_: str, url: str, findings: tuple[Finding, ...], stamp: Stamp | None, body: str, visible_hash: str
) -> Taken:
    reading = Read(article=load_article(body), id=id_, url=url, findings=findings)
    return Taken(reading=reading, stamp=stamp, body=body, visible_hash=visible_hash)


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
    stamp = None if _is_racy(fetched) else fetched.stamp
    if not isinstance(reading, Read):
        return Taken(reading=reading, stamp=stamp)
    article = reading.article
    return Taken(reading=reading, stamp=stamp, body=dump_article(article), visible_hash=visible_hash(article))


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


class Intake(Struct, frozen=True, kw_only=True):
    """How files are taken during one pass."""

    reader: Reader
    now: datetime
    settled: bool  # nothing counts as in motion but a file that is gone

    def take(self, batch: Batch) -> dict[str, Taken | None]:
        """Take a batch of files; those in motion or gone are None."""
        return {
            name: take(self.reader, name, found, self.now, settled=self.settled)
            for name, found in batch.items()
        }
