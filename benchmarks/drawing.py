"""A chart of cost against size as SVG: a few lines with their names at their ends. Pure; knows no program.

Readable on light and dark pages, for it has a ground of its own and follows what the reader prefers; without
scripts and without anything to load; with a title and a description for those who cannot see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 556, 76, 340  # of the plot; the names of the lines are right of it
LINE = 15  # pixels between two names at least

STYLE = """
  svg { --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #e4e7eb;
    --c0: #0a5bd3; --c1: #b3420a; --c2: #0f7b55; --c3: #8a3ea8; --c4: #7a6100; }
  @media (prefers-color-scheme: dark) { svg { --ground: #14181d; --ink: #f0f3f6; --faint: #a3adb8;
    --grid: #2c333b; --c0: #6cb0ff; --c1: #ff9b5e; --c2: #4fd09d; --c3: #d79bf0; --c4: #e0c044; } }
  text { font: 12px system-ui, sans-serif; fill: var(--faint); }
  .title { font-size: 16px; font-weight: 600; fill: var(--ink); }
  .grid { stroke: var(--grid); } .axis { stroke: var(--faint); }
  path { fill: none; stroke-width: 2; stroke-linejoin: round; }
"""


@dataclass(frozen=True)
class Line:
    """Points with a name, in the order of their sizes; `colour` is a number from 0 to 4."""

    name: str
    colour: int
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Scale:
    """From values to pixels, by their logarithm or as they are."""

    least: float
    most: float
    start: float
    end: float
    is_log: bool

    def at(self, value: float) -> float:
        least, most = self.least, self.most
        if self.is_log:
            least, most, value = map(math.log10, (least, most, value))
        return self.start + (value - least) / (most - least) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """A few round values in its range."""
        if not self.is_log:
            step = 10.0 ** math.floor(math.log10(self.most / 2))
            step *= next(by for by in (1, 2, 5, 10) if self.most / (step * by) <= 6)
            return self._within(step * number for number in range(7))
        powers = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        for steps in ((1,), (1, 2, 5), range(1, 10)):
            found = self._within(step * 10.0**power for power in powers for step in steps)
            if len(found) > 2:
                break
        return found

    def _within(self, values: Iterable[float]) -> list[float]:
        return [value for value in values if self.least * 0.999 <= value <= self.most * 1.001]


def chart(
    title: str, description: str, lines: Sequence[Line], *, across: str, up: str, is_log: bool = True
) -> str:
    """The whole SVG document, or nothing if there are no points. `across` and `up` name the axes.

    Logarithmic values have to be above zero.
    """
    lines = sorted((line for line in lines if line.points), key=lambda line: -line.points[-1][1])
    if not lines:
        return ""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    x = Scale(*_range(xs, is_log=is_log), LEFT, RIGHT, is_log)
    y = Scale(*_range(ys, is_log=is_log, wide=True), BOTTOM, TOP, is_log)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        f'  width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(description)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" style="fill: var(--ground)"/>',
        _text(20, 30, title, "title"),
        _text(20, 52, up),
        _text(RIGHT, HEIGHT - 14, across, anchor="end"),
        *_grid(x, y),
        *_lines(lines, x, y),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _range(values: Iterable[float], *, is_log: bool, wide: bool = False) -> tuple[float, float]:
    """The ends of an axis: from zero where it is not logarithmic, with room around the lines if `wide`."""
    least, most = min(values), max(values)
    if not is_log:
        return 0.0, most * 1.15 if wide else most
    if wide or least == most:
        return least / 1.6, most * 1.6
    return least, most


def _grid(x: Scale, y: Scale) -> Iterable[str]:
    for tick in y.ticks():
        at = y.at(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield _text(LEFT - 8, at + 4, f"{tick:,.10g}", anchor="end")
    yield f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>'
    for tick in x.ticks():
        at = x.at(tick)
        yield f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{BOTTOM}" y2="{BOTTOM + 5}"/>'
        yield _text(at, BOTTOM + 20, f"{tick:,.10g}", anchor="middle")


def _lines(lines: Sequence[Line], x: Scale, y: Scale) -> Iterable[str]:
    ends = _apart([y.at(line.points[-1][1]) for line in lines])
    for line, end in zip(lines, ends, strict=True):
        colour = f"var(--c{line.colour})"
        dots = [(x.at(size), y.at(cost)) for size, cost in line.points]
        way = "L".join(f"{across:.1f} {up:.1f}" for across, up in dots)
        yield f'<path d="M{way}" style="stroke: {colour}"/>'
        if len(dots) <= 8:
            for across, up in dots:
                yield f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3.5" style="fill: {colour}"/>'
        last, up = dots[-1]
        yield (
            f'<path d="M{last + 5:.1f} {up:.1f}L{RIGHT + 16} {end:.1f}"'
            f' style="stroke: {colour}; stroke-width: 1; stroke-dasharray: 2 2"/>'
        )
        yield _text(RIGHT + 20, end + 4, line.name, colour=colour)


def _apart(places: Sequence[float]) -> list[float]:
    """Places from above to below, moved so that names there do not touch."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + LINE) if moved else place)
    excess = max(0.0, moved[-1] - BOTTOM) if moved else 0.0
    return [place - excess for place in moved]


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start", colour: str = "") -> str:
    more = (f' class="{kind}"' if kind else "") + (f' style="fill: {colour}"' if colour else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
