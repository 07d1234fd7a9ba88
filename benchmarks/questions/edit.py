"""From an edit of one file to the documents on the disk, while a program follows edits: feedbot and Hugo."""

from __future__ import annotations

from collections.abc import Sequence

from measure import Cost
from newsrooms import newsroom
from programs import Hugo, Watching
from results import Measured
from watching import latencies

from questions import Run

PART = "edit to feed"
SIZES = (1_000, 10_000, 100_000)
TURNS = 2  # of each program at each size: a part of the edits each
LARGEST_FOR_HUGO = 10_000  # articles; it reads all of them at its start


def measure(run: Run) -> None:
    """All sizes in turn, so that a busy moment of the machine meets each."""
    programs: dict[int, list[Watching]] = {}
    for articles in run.sizes:
        programs[articles] = [run.archive(articles)]
        if (hugo := run.peers.get(Hugo.name)) and articles <= LARGEST_FOR_HUGO:
            programs[articles].append(Hugo(hugo.command, newsroom(run.work, articles)))
    costs: dict[tuple[int, str], list[Cost]] = {}
    for share in shares(run.edits):
        for articles, watching in programs.items():
            for program in watching:
                taken = latencies(program, share, run.idle_after)
                costs.setdefault((articles, program.name), []).extend(taken)
    for (articles, name), taken in costs.items():
        run.keep(measured(PART, name, articles, taken))


def shares(edits: int) -> list[int]:
    """How many of the edits each turn has."""
    return [len(range(turn, edits, TURNS)) for turn in range(min(TURNS, edits))]


def measured(part: str, name: str, articles: int, costs: Sequence[Cost], what: str = "") -> Measured:
    """The answer that these costs are."""
    return Measured(
        part=part,
        program=name,
        articles=articles,
        what=what,
        seconds=[cost.wall for cost in costs],
        cpu=[cost.cpu for cost in costs],
    )
