"""What was to be reached, beside what was measured. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from programs import Eleventy, Feedbot, FeedsAlone, Hugo, Jekyll, Pelican
from questions import burst, cold, commands, edit, endurance, idle, shapes, start
from results import Measured, Results

LARGE = 100_000  # articles, where nothing else is said


@dataclass(frozen=True)
class Aim:
    """A figure that is to be within bounds; `found` is None where it was not measured."""

    what: str
    found: float | None
    articles: int = LARGE
    least: float = -math.inf
    most: float = math.inf

    @property
    def told(self) -> str:
        return f"at least {self.least:g}" if self.most == math.inf else f"at most {self.most:g}"

    @property
    def is_reached(self) -> bool:
        return self.found is not None and self.least <= self.found <= self.most


def aims_of(results: Results) -> Iterator[Aim]:
    """All of them."""
    yield from _of_builds(results)
    yield from _of_passes(results)
    yield from _of_the_worker(results)
    yield from _of_shapes(results)


# A cold build is to take so many times less than this program, at these sizes.
BESIDE = (
    (Hugo.name, "seconds", 3, (10_000, 50_000)),
    (Hugo.name, "cpu", 2, (10_000, 50_000)),
    (Hugo.name, "memory", 10, (50_000,)),
    (Eleventy.name, "seconds", 5, (10_000, 50_000)),
    (Jekyll.name, "seconds", 5, (10_000, 50_000)),
    (Pelican.name, "seconds", 30, (10_000, 50_000)),
)
UNITS = {"seconds": "time", "cpu": "CPU", "memory": "memory"}


def _of_builds(results: Results) -> Iterator[Aim]:
    for name, of, times, sizes in BESIDE:
        for size in sizes:
            theirs, ours = (results.median(cold.PART, one, size, of=of) for one in (name, FeedsAlone.name))
            yield Aim(f"cold build, {UNITS[of]}: {name} ÷ feedbot", _ratio(theirs, ours), size, least=times)


def _of_passes(results: Results) -> Iterator[Aim]:
    walk, worker = (results.median(idle.PART, name, LARGE) for name in (idle.WALK, idle.WORKER))
    yield Aim("no-change pass ÷ bare walk", _ratio(worker, walk), most=3)
    few, many = (results.median(edit.PART, Feedbot.name, size) for size in (10_000, LARGE))
    yield Aim("edit to feed, seconds", few, 10_000, most=0.06)
    yield Aim("edit to feed, seconds", many, most=0.06)
    yield Aim("edit to feed, 100,000 ÷ 10,000", _ratio(many, few), most=1.3)
    yield Aim("burst, seconds", results.median(burst.PART, Feedbot.name, LARGE), most=2)
    one = results.get(burst.PART, Feedbot.name, LARGE)
    writes = one.facts["writes"] / one.facts["documents changed"] if one else None
    yield Aim("burst, writes of each document that changed", writes, most=1)


def _of_the_worker(results: Results) -> Iterator[Aim]:
    yield Aim("start, seconds until ready", results.median(start.PART, Feedbot.name, LARGE), most=1.5)
    yield Aim("start, MB when ready", results.median(start.PART, Feedbot.name, LARGE, of="memory"), most=150)
    lasted = [results.get(endurance.PART, Feedbot.name, LARGE, name) for name in endurance.WORKERS]
    grown = [growth(one) for one in lasted if one]
    yield Aim(
        "endurance, MB of the last quarter ÷ second", statistics.median(grown) if grown else None, most=1.05
    )
    for what, most in {"--help": 0.15, "status": 0.4}.items():
        used = results.median(commands.PART, Feedbot.name, LARGE, what, of="cpu")
        yield Aim(f"`{what}`, CPU", used, most=most)


def _of_shapes(results: Results) -> Iterator[Aim]:
    for shape in list(shapes.shapes(LARGE))[1:]:
        for what, figure in FIGURES.items():
            odd, usual = (
                statistics.median(figure(one))
                if (one := results.get(shapes.PART, Feedbot.name, LARGE, f"{what}, {name}"))
                else None
                for name in (shape, shapes.USUAL)
            )
            yield Aim(f"{what}, {shape} ÷ usual", _ratio(odd, usual), most=2)


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


# --- figures that are made of several values ---


def quarters(one: Measured) -> list[Sequence[float]]:
    """The looks at the memory in four parts, without that before the first edit.

    Caches are filled in the first one. (Fewer than four looks are in several parts.)
    """
    looks = one.memory[1:]
    return [looks[len(looks) * part // 4 :][: max(1, len(looks) // 4)] for part in range(4)]


def growth(one: Measured) -> float:
    """How many times as much a worker holds in the last quarter as in the second."""
    _, second, _, last = map(statistics.median, quarters(one))
    return last / second


def _latency(one: Measured) -> list[float]:
    return [1000 * value for value in one.seconds]


def _cost_of_a_file(one: Measured) -> list[float]:
    return [1000 * value / one.facts["files"] for value in one.cpu]


# Milliseconds: until a single edit is in the feeds, and of processor time for each file of a burst.
FIGURES = {"edit": _latency, "burst": _cost_of_a_file}
