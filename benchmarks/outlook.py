"""What ten million articles would come to, if what was measured goes on growing as it does. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from measure import short
from programs import Feedbot
from questions import cold, idle, start
from results import Results

ARTICLES = 10_000_000


@dataclass(frozen=True)
class Growth:
    """What one more article costs, and the size at which that was measured."""

    what: str
    each: float
    unit: str
    many: float  # units that make one of the next line
    large_unit: str
    articles: int

    @property
    def told_each(self) -> str:
        return f"{short(self.each)} {self.unit}"

    @property
    def told_in_all(self) -> str:
        return f"{short(self.each * ARTICLES / self.many)} {self.large_unit}"


def growths(results: Results) -> Iterator[Growth]:
    """What of it was measured."""
    for what, fact in {"articles on the disk": "articles", "the state": "state"}.items():
        if (grown := _grown(results, cold.PART, Feedbot.name, f"bytes of {fact}")) is not None:
            yield Growth(what, grown[0], "bytes", 1e9, "GB", grown[1])
    if (grown := _grown(results, cold.PART, Feedbot.name, "cpu")) is not None:
        yield Growth("CPU of a first build", 1e6 * grown[0], "µs", 3600e6, "hours", grown[1])
    passes = {"a pass of the worker without changes": idle.WORKER, "a bare walk": idle.WALK}
    for what, program in passes.items():
        if (grown := _grown(results, idle.PART, program, "seconds")) is not None:
            yield Growth(what, 1e6 * grown[0], "µs", 1e6, "s", grown[1])
    if (grown := _grown(results, start.PART, Feedbot.name, "memory")) is not None:
        yield Growth("memory of a worker that is ready", 1e6 * grown[0], "bytes", 1e9, "GB", grown[1])


def _grown(results: Results, part: str, program: str, of: str) -> tuple[float, int] | None:
    """By how much a figure grows for each article between the two largest sizes, and the largest."""
    sizes = [size for size in results.sizes(part) if _figure(results, part, program, size, of) is not None]
    if len(sizes) < 2:
        return None
    small, large = (_figure(results, part, program, size, of) or 0.0 for size in sizes[-2:])
    return (large - small) / (sizes[-1] - sizes[-2]), sizes[-1]


def _figure(results: Results, part: str, program: str, size: int, of: str) -> float | None:
    if of in {"seconds", "cpu", "memory"}:
        return results.median(part, program, size, of=of)
    one = results.get(part, program, size)
    return one.facts.get(of) if one else None
