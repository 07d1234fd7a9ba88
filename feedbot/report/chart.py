"""Attempts over time as bars: what was sent rises above the line, what failed hangs below it. Pure.

Both have one scale, and are told apart without colours. Nothing is drawn here: this decides what is drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from feedbot.store.db import EPOCH

if TYPE_CHECKING:
    from feedbot.store.figures import Slot

HEIGHT = 100.0  # of the drawing, in its own units; each bar has a width of BAR
BAR = 10.0
LEAST = 1.5  # height of a bar that stands for anything at all
NEUTRAL = frozenset({"skipped"})  # outcomes of attempts that neither arrived nor failed


class Span(Struct, frozen=True, kw_only=True):
    """A length of time and its division into bars."""

    word: str  # what asks for it in an address
    label: str  # what it is called
    width: timedelta  # of one bar
    number: int  # of bars
    every: int  # bars from one label to the next; divides `number`

    def first(self, now: datetime) -> datetime:
        """When the first bar begins: the last is the one that `now` is in."""
        current = EPOCH + (now - EPOCH) // self.width * self.width
        return current - (self.number - 1) * self.width


HOURS = Span(word="hours", label="48 hours", width=timedelta(hours=1), number=48, every=6)
DAYS = Span(word="days", label="30 days", width=timedelta(days=1), number=30, every=5)
SPANS = {span.word: span for span in (HOURS, DAYS)}


class Bar(Struct, frozen=True, kw_only=True):
    """What happened within one slot of time, and how it is drawn."""

    begin: datetime
    sent: int
    failed: int
    x: float
    up: float  # heights
    down: float


class Chart(Struct, frozen=True, kw_only=True):
    """All bars, the oldest first."""

    span: Span
    bars: tuple[Bar, ...]
    line: float  # y of the line that they stand on
    most_sent: int  # in one bar
    most_failed: int
    sent: int  # in all
    failed: int

    @property
    def width(self) -> float:
        """Of the drawing, in its own units."""
        return BAR * self.span.number

    @property
    def busy(self) -> tuple[Bar, ...]:
        """The bars that stand for something, the newest first."""
        return tuple(bar for bar in reversed(self.bars) if bar.sent or bar.failed)

    @property
    def labelled(self) -> tuple[Bar, ...]:
        """The bars that have a label below them."""
        return self.bars[:: self.span.every]


def draw(slots: Sequence[Slot], span: Span, now: datetime) -> Chart:
    """The chart of `span` up to `now`; slots outside of it do not count."""
    sent: Counter[datetime] = Counter()
    failed: Counter[datetime] = Counter()
    for slot in slots:
        if slot.outcome not in NEUTRAL:
            (sent if slot.outcome == "sent" else failed)[slot.begin] += slot.number
    begins = [span.first(now) + number * span.width for number in range(span.number)]
    most_sent = max(sent[begin] for begin in begins)
    most_failed = max(failed[begin] for begin in begins)
    unit = HEIGHT / max(1, most_sent + most_failed)
    bars = tuple(
        Bar(
            begin=begin,
            sent=sent[begin],
            failed=failed[begin],
            x=number * BAR,
            up=_height(sent[begin], unit),
            down=_height(failed[begin], unit),
        )
        for number, begin in enumerate(begins)
    )
    return Chart(
        span=span,
        bars=bars,
        line=round(most_sent * unit, 2) if most_sent or most_failed else HEIGHT,
        most_sent=most_sent,
        most_failed=most_failed,
        sent=sum(bar.sent for bar in bars),
        failed=sum(bar.failed for bar in bars),
    )


def _height(number: int, unit: float) -> float:
    return round(max(LEAST, number * unit), 2) if number else 0.0
