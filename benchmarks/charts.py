"""From results to the charts of docs/benchmarks.md. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drawing import Line, chart
from programs import PROGRAMS, Feedbot, FeedsAlone, Hugo
from questions import cold, edit, endurance, idle
from results import Results

NAMES = [program.name for program in PROGRAMS if program is not Feedbot]  # whose line would hide its other
COLOURS = {name: number for number, name in enumerate(NAMES)}
COLOURS[Feedbot.name] = COLOURS[FeedsAlone.name]


def cold_chart(results: Results) -> str:
    """Seconds of a cold build against size."""
    return _size_chart(
        "A cold build of every feed",
        "Seconds of a build from nothing against the number of articles, for each program.",
        [_line(results, cold.PART, name, name, COLOURS[name]) for name in NAMES],
        "seconds",
    )


def memory_chart(results: Results) -> str:
    """Memory of a cold build against size."""
    return _size_chart(
        "Memory of a cold build",
        "Megabytes that a build holds at most, against the number of articles, for each program.",
        [_line(results, cold.PART, name, name, COLOURS[name], of="memory") for name in NAMES],
        "megabytes at most",
    )


def idle_chart(results: Results) -> str:
    """A pass without changes against size."""
    names = {idle.WORKER: "pass of a worker", idle.BUILD: "feedbot build", idle.WALK: "bare walk"}
    lines = [
        _line(results, idle.PART, name, shown, number) for number, (name, shown) in enumerate(names.items())
    ]
    said = "Seconds of a pass in which nothing has changed, beside a bare walk through the same folder."
    return _size_chart("A pass without changes", said, lines, "seconds")


def edit_chart(results: Results) -> str:
    """From an edit to the feeds against size."""
    lines = [_line(results, edit.PART, name, name, COLOURS[name]) for name in (Feedbot.name, Hugo.name)]
    said = "Seconds from the edit of one file to the last of six documents, against the number of articles."
    return _size_chart("From an edit to the feeds", said, lines, "seconds")


def endurance_chart(results: Results) -> str:
    """Memory against edits."""
    lines = []
    for number, name in enumerate(endurance.WORKERS):
        for one in results.of(endurance.PART, name):
            every = one.facts["edits"] / (len(one.memory) - 1)
            points = [(index * every, value) for index, value in enumerate(one.memory)]
            lines.append(Line(f"{name}, {one.articles:,} articles", number, points))
    said = "Megabytes that each worker holds, after each of twenty batches of edits."
    return chart(
        "Memory of three workers over their edits", said, lines, across="edits", up="megabytes", is_log=False
    )


def _size_chart(title: str, said: str, lines: Sequence[Line], up: str) -> str:
    return chart(title, said, lines, across="articles", up=up)


def _line(results: Results, part: str, name: str, shown: str, colour: int, *, of: str = "seconds") -> Line:
    sizes = results.sizes(part)
    found = ((size, results.median(part, name, size, of=of)) for size in sizes)
    return Line(shown, colour, [(size, value) for size, value in found if value])


CHARTS: dict[str, Callable[[Results], str]] = {
    "benchmark-cold.svg": cold_chart,
    "benchmark-memory.svg": memory_chart,
    "benchmark-idle.svg": idle_chart,
    "benchmark-edit.svg": edit_chart,
    "benchmark-endurance.svg": endurance_chart,
}
