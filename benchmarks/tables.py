"""From results to the tables of docs/benchmarks.md. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence

from aims import FIGURES, aims_of, growth, quarters
from install import HOW
from measure import Spread, short
from outlook import growths
from programs import PROGRAMS, Feedbot, FeedsAlone, Hugo
from questions import burst, cold, commands, edit, endurance, idle, shapes, start
from results import Measured, Results

NAMES = [program.name for program in PROGRAMS]


def conditions(results: Results) -> Iterator[str]:
    """Where and with what it was measured, and what was not to be had."""
    here = ", ".join(f"{name} {version}" for name, version in results.versions.items() if version)
    yield f"{results.machine}. {here}."
    for name in NAMES:
        if name in results.versions and not results.versions[name]:
            yield f"**{name} is missing** in these figures, for it was not to be had: {HOW[name]}."


def aims(results: Results) -> Iterator[str]:
    """Each aim beside what was measured."""
    yield from _head("what", "articles", "aim", "measured", "reached")
    for aim in aims_of(results):
        cells = [aim.what, f"{aim.articles:,}", aim.told]
        if aim.found is None:
            yield _row(*cells, "not measured", "")
        else:
            yield _row(*cells, short(aim.found), "yes" if aim.is_reached else "**no**")


def cold_builds(results: Results) -> Iterator[str]:
    """Every program at every size, and how many times as much as feedbot, with feeds alone, it takes."""
    yield from _head("articles", "program", "builds", "seconds", "CPU", "MB", "÷ feedbot", "CPU", "MB")
    for one in _by_program(results, cold.PART):
        ours = results.get(cold.PART, FeedsAlone.name, one.articles)
        cells = [f"{one.articles:,}", one.program, f"{len(one.seconds)}"]
        if not one.seconds:
            yield _row(*cells, f"more than {one.facts['stopped after']:,.0f}", *[""] * 5)
            continue
        cells += [str(Spread(values)) for values in (one.seconds, one.cpu, one.memory)]
        if ours and one is not ours:
            cells += [_ratio(getattr(one, of), getattr(ours, of)) for of in ("seconds", "cpu", "memory")]
        yield _row(*cells, *[""] * (9 - len(cells)))


def no_change(results: Results) -> Iterator[str]:
    """The pass beside the walk."""
    names = (idle.WALK, idle.WORKER, idle.BUILD)
    yield from _head("articles", "bare walk", "pass of a worker", "CPU", "÷ walk", "`feedbot build`", "CPU")
    for size in results.sizes(idle.PART):
        walk, worker, build = (results.get(idle.PART, name, size) for name in names)
        if walk and worker and build:
            figures = (walk.seconds, worker.seconds, worker.cpu)
            ratio = _ratio(worker.seconds, walk.seconds)
            more = [str(Spread(values)) for values in (build.seconds, build.cpu)]
            yield _row(f"{size:,}", *(str(Spread(values)) for values in figures), ratio, *more)


def edits(results: Results) -> Iterator[str]:
    """feedbot beside Hugo."""
    yield from _head("articles", "feedbot", "CPU", "`hugo --watch`", "CPU", "Hugo ÷ feedbot")
    for size in results.sizes(edit.PART):
        ours, theirs = (results.get(edit.PART, name, size) for name in (Feedbot.name, Hugo.name))
        if ours:
            cells = [f"{size:,}", str(Spread(ours.seconds)), str(Spread(ours.cpu))]
            cells += [str(Spread(theirs.seconds)), str(Spread(theirs.cpu))] if theirs else ["", ""]
            yield _row(*cells, _ratio(theirs.seconds, ours.seconds) if theirs else "")


def bursts(results: Results) -> Iterator[str]:
    """Seconds, and who wrote what how often."""
    yield from _head(
        "articles", "files", "seconds", "CPU", "documents changed", "writes", "most writes of one document"
    )
    for one in results.of(burst.PART):
        counts = [f"{one.facts.get(name, 0):,.0f}" for name in COUNTS]
        yield _row(
            f"{one.articles:,}", counts[0], str(Spread(one.seconds)), str(Spread(one.cpu)), *counts[1:]
        )


COUNTS = ("files", "documents changed", "writes", "most writes of one document")


def starts(results: Results) -> Iterator[str]:
    """Seconds and memory."""
    yield from _head("articles", "seconds until ready", "CPU", "MB when ready", "MB at most (RSS)")
    for one in results.of(start.PART):
        figures = [str(Spread(values)) for values in (one.seconds, one.cpu, one.memory)]
        yield _row(f"{one.articles:,}", *figures, short(one.facts.get("most megabytes", 0)))


def lasting(results: Results) -> Iterator[str]:
    """The memory of each worker before the edits and in each quarter of them."""
    yield from _head(
        "articles",
        "edits",
        "passes",
        "MB before",
        "MB, first quarter",
        "second",
        "third",
        "last",
        "last ÷ second",
    )
    for one in (one for name in endurance.WORKERS for one in results.of(endurance.PART, name)):
        counts = [f"{one.facts.get(name, 0):,.0f}" for name in ("edits", "passes")]
        spreads = [str(Spread(values)) for values in quarters(one)]
        yield _row(f"{one.articles:,}", *counts, short(one.memory[0]), *spreads, f"**{growth(one):.3g}**")


def typed(results: Results) -> Iterator[str]:
    """The commands."""
    yield from _head("command", "articles", "seconds", "CPU")
    for what in commands.COMMANDS:
        for one in results.of(commands.PART, what):
            yield _row(f"`{what}`", f"{one.articles:,}", str(Spread(one.seconds)), str(Spread(one.cpu)))


def odd_shapes(results: Results) -> Iterator[str]:
    """Milliseconds of a single edit, and of each of many."""
    yield from _head(
        "articles", "shape", "edit to feed, ms", "times usual", "CPU of a file in a burst, ms", "times usual"
    )
    for size in results.sizes(shapes.PART, f"edit, {shapes.USUAL}"):
        for shape in shapes.shapes(size):
            cells = [f"{size:,}", shape]
            for what, figure in FIGURES.items():
                one = results.get(shapes.PART, Feedbot.name, size, f"{what}, {shape}")
                usual = results.get(shapes.PART, Feedbot.name, size, f"{what}, {shapes.USUAL}")
                if one and usual:
                    cells += [str(Spread(figure(one))), _ratio(figure(one), figure(usual))]
            yield _row(*cells)


def ten_million(results: Results) -> Iterator[str]:
    """What one more article costs, and ten million of them."""
    yield from _head("what", "measured up to", "for each article", "for ten million")
    for one in growths(results):
        yield _row(one.what, f"{one.articles:,}", one.told_each, one.told_in_all)


TABLES: dict[str, Callable[[Results], Iterator[str]]] = {
    "conditions": conditions,
    "aims": aims,
    cold.PART: cold_builds,
    idle.PART: no_change,
    edit.PART: edits,
    burst.PART: bursts,
    start.PART: starts,
    endurance.PART: lasting,
    commands.PART: typed,
    shapes.PART: odd_shapes,
    "ten million": ten_million,
}


def _head(first: str, *others: str) -> Iterator[str]:
    yield _row(first, *others)
    yield f"|---|{'--:|' * len(others)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    if not theirs or not ours:
        return ""
    times = statistics.median(theirs) / statistics.median(ours)
    return f"**{times:,.0f}**" if times >= 10 else f"**{times:.2g}**"


def _by_program(results: Results, part: str) -> list[Measured]:
    return sorted(results.of(part), key=lambda one: (one.articles, NAMES.index(one.program)))
