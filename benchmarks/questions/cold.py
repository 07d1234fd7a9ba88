"""From the articles alone to every feed, with no state and no output: feedbot and its peers, in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

from agreement import disagreements
from install import say
from measure import Cost, TooSlowError, cost_of, memory_of
from newsrooms import newsroom
from programs import PROGRAMS, Feedbot, FeedsAlone, Program
from results import Measured

from questions import Run

T = TypeVar("T")

PART = "cold build"
SIZES = (1_000, 10_000, 50_000)


def measure(run: Run) -> None:
    """Builds for the clock first, then builds whose memory is looked at, which slows them down."""

    def clocked(program: Program) -> Cost:
        program.clear()
        return cost_of(program.build_command, program.folder, run.limit)

    def weighed(program: Program) -> float:
        program.clear()
        return memory_of(program.build_command, program.folder, run.limit)

    for articles in run.sizes:
        programs = list(contestants(run, articles))
        costs = in_turn(programs, run.repeats, clocked)
        finished = [program for program in programs if costs[program.name]]
        compare(finished)
        sizes = in_turn(finished, min(run.repeats, 3), weighed)
        for program in programs:
            program.sweep()
        for name, taken in costs.items():
            run.keep(
                Measured(
                    part=PART,
                    program=name,
                    articles=articles,
                    seconds=[cost.wall for cost in taken],
                    cpu=[cost.cpu for cost in taken],
                    memory=sizes.get(name, []),
                    facts=leftovers(name, programs) if taken else {"stopped after": run.limit},
                )
            )


def leftovers(name: str, programs: Sequence[Program]) -> dict[str, float]:
    """What lies on the disk after a build of feedbot: its documents and its state."""
    if name != Feedbot.name:
        return {}
    left: dict[str, float] = {}
    for part, what in PLACES.items():
        files = [path for path in (programs[0].folder / part).rglob("*") if path.is_file()]
        left[f"files of {what}"] = len(files)
        left[f"bytes of {what}"] = sum(path.stat().st_size for path in files)
    return left


PLACES = {"content": "articles", "feeds": "documents", ".feedbot": "state"}


def contestants(run: Run, articles: int) -> Iterator[Program]:
    """The programs that are here and are worth the wait at this size; feedbot is the first."""
    commands = {name: peer.command for name, peer in run.peers.items()}
    commands |= dict.fromkeys((FeedsAlone.name, Feedbot.name), (str(run.feedbot),))
    for kind in PROGRAMS:
        if kind.name in commands and articles <= (kind.largest or articles):
            yield kind(commands[kind.name], newsroom(run.work, articles, fields=kind.fields))


def in_turn(
    programs: Sequence[Program], repeats: int, measure_one: Callable[[Program], T]
) -> dict[str, list[T]]:
    """Measure one after the other, again and again, so that a busy moment of the machine meets each.

    A program that takes too long is not measured again.
    """
    taken: dict[str, list[T]] = {program.name: [] for program in programs}
    left = list(programs)
    for turn in range(repeats):
        for program in list(left):
            if turn >= (program.repeats or repeats):
                continue
            try:
                taken[program.name].append(measure_one(program))
            except TooSlowError:
                say(f"{program.name} took too long and was stopped")
                left.remove(program)
    return taken


def compare(programs: Sequence[Program]) -> None:
    """There are no figures about programs that do not publish the same."""
    for one, other in pairwise(programs):
        if found := disagreements(one, other):
            raise SystemExit(f"{one.name} and {other.name} do not agree: {'; '.join(found)}")
