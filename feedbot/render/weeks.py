"""The activity of a feed as a small drawing: one bar for each week. Pure.

Each feed has a scale of its own. On a common one the few large feeds would leave the others a flat line, and
how large a feed is stands beside the drawing as a number. What is worth drawing is when a feed is alive.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

STEP = 4  # from one bar to the next; page.css draws them 3 wide
HEIGHT = 24
FULL = 4  # articles of a week that fill the height, unless a week has more: one article is not a peak


class Drawing(Struct, frozen=True, kw_only=True):
    """An SVG path of vertical strokes with its view box, and the same in words."""

    box: str
    path: str
    words: str


def draw(weeks: Sequence[int]) -> Drawing | None:
    """`weeks` holds numbers of articles, the oldest first; None where there is nothing to say of any week."""
    if not weeks:
        return None
    scale = max(FULL, *weeks)
    strokes = (f"M{STEP * n} {HEIGHT}V{_top(count, scale)}" for n, count in enumerate(weeks) if count)
    return Drawing(box=f"-2 0 {STEP * len(weeks)} {HEIGHT}", path="".join(strokes), words=_words(weeks))


def _top(count: int, scale: int) -> int:
    """Where a bar ends, counted from above; a week with a single article can be seen, too."""
    return HEIGHT - max(2, round(HEIGHT * count / scale))


def _words(weeks: Sequence[int]) -> str:
    if not any(weeks):
        return f"Activity: none in {len(weeks)} weeks"
    return f"Activity: {sum(weeks)} in {len(weeks)} weeks, at most {max(weeks)} in one"
