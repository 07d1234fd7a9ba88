"""Content files from disk to readings, with what is needed to tell whether they can be relied on.

A file that somebody is just writing is left alone for a moment: its last good version stands meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from feedbot.articletext import dump_article, load_outline, visible_hash
from feedbot.content.fetch import Unreadable, fetch
from feedbot.content.reading import Broken, Excluded, Parsed, Read, Reader, Reading
from feedbot.content.scan import Found
from feedbot.content.withheld import Reason
from feedbot.model import Finding, Outline, Stamp

STILL = timedelta(seconds=1)  # a file that makes no sense and is younger may be half-written
TICK_NS = 20_000_000  # longer than the clock of common file systems takes to move on
COARSE_TICK_NS = 2_000_000_000  # ... and of those that keep no fractions of a second

PORTION = 512 * 1024  # bytes of files that are worked on together

Batch = Mapping[str, Found]  # by name


class Ready(Struct, frozen=True, kw_only=True):
    """An article that was read, ready for the store, with the outline that a pass decides by."""

    outline: Outline
    id: str  # as front matter gives it, clean; "" for none
    url: str  # this and the next as in `Read`
    findings: tuple[Finding, ...]
    body: str  # the article as text
    visible_hash: str  # the digest of what readers see of it

    def __reduce__(self) -> tuple[Callable[..., Ready], tuple[object, ...]]:
        """Between processes an article travels as its text alone, many times faster than as an object."""
        return _with_outline, (self.id, self.url, self.findings, self.body, self.visible_hash)


def _with_outline(id_: str, url: str, findings: tuple[Finding, ...], body: str, visible_hash: str) -> Ready:
    return Ready(
        outline=load_outline(body), id=id_, url=url, findings=findings, body=body, visible_hash=visible_hash
    )


Verdict: TypeAlias = Ready | Excluded | Broken  # what becomes of a file


class Taken(Struct, frozen=True):
    """What a file says, and the stat that stands for these bytes; None if no stat can stand for them."""

    reading: Verdict
    stamp: Stamp | None


class Intake(Struct, frozen=True, kw_only=True):
    """How files are taken during one pass."""

    reader: Reader
    now: datetime
    at_rest: bool  # nothing counts as in motion but a file that is gone

    def take(self, batch: Batch) -> dict[str, Taken | None]:
        """Take a batch of files; None for one that is gone or in motion, and worth another look in a moment.

        First some are parsed, then these are interpreted: a processor that stays with one kind of work does
        it a sixth faster than by turns.
        """
        taken: dict[str, Taken | None] = {}
        for some in _portions(batch.items()):
            opened = [(name, found, self._open(name, found)) for name, found in some]
            taken |= {name: self._taken(one, found) for name, found, one in opened}
        return taken

    def _open(self, name: str, found: Found) -> _Opened | Taken | None:
        fetched = fetch(found.path, found.stamp)
        if fetched is None:
            return None
        if isinstance(fetched, Unreadable):
            # A change of permissions does not show in the stat that is compared: look again at each pass.
            finding = Finding(path=name, what=fetched.why, hint=fetched.hint)
            return Taken(Broken(findings=(finding,)), None)
        is_racy = _is_racy(fetched.stamp)
        return _Opened(self.reader.parse(fetched.data, name=name), fetched.stamp, fetched.still, is_racy)

    def _taken(self, opened: _Opened | Taken | None, found: Found) -> Taken | None:
        if not isinstance(opened, _Opened):
            return opened
        parsed = opened.parsed
        reading = self.reader.interpret(parsed, found.relative) if isinstance(parsed, Parsed) else parsed
        if not self.at_rest and (not opened.still or _may_be_half(reading, opened.stamp, self.now)):
            return None
        stamp = None if opened.is_racy else opened.stamp
        return Taken(_made_ready(reading) if isinstance(reading, Read) else reading, stamp)


def _made_ready(read: Read) -> Ready:
    article = read.article
    return Ready(
        outline=article,
        id=article.given_id,
        url=read.url,
        findings=read.findings,
        body=dump_article(article),
        visible_hash=visible_hash(article),
    )


class _Opened(NamedTuple):
    """A file that was read and parsed, and what was seen of it in that moment."""

    parsed: Parsed | Excluded | Broken
    stamp: Stamp
    still: bool
    is_racy: bool


def _portions(files: Iterable[tuple[str, Found]]) -> Iterator[list[tuple[str, Found]]]:
    """`files` in lists that take a bounded room in memory while they are worked on."""
    some: list[tuple[str, Found]] = []
    room = PORTION
    for name, found in files:
        size = found.stamp[1]
        if some and size > room:
            yield some
            some, room = [], PORTION
        some.append((name, found))
        room -= size
    if some:
        yield some


def _may_be_half(reading: Reading, stamp: Stamp, now: datetime) -> bool:
    incomplete = isinstance(reading, Broken) or (
        isinstance(reading, Excluded) and reading.reason in (Reason.EMPTY, Reason.NO_FRONT_MATTER)
    )
    age = now.timestamp() - stamp[0] / 1e9
    # A little below zero: written after the pass began. Far below: a wrong clock, so do not wait.
    return incomplete and -60 < age < STILL.total_seconds()


def _is_racy(stamp: Stamp) -> bool:
    """Whether another write, in the same tick of the file system's clock, could still leave the same stat.

    git treats the entries of its index with the same care.
    """
    modified = stamp[0]
    tick = COARSE_TICK_NS if modified % 1_000_000 == 0 else TICK_NS
    return 0 <= time.time_ns() - modified < tick
