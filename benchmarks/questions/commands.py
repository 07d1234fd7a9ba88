"""What the commands cost that an operator types all day."""

from __future__ import annotations

from measure import Cost, cost_of
from programs import Feedbot

from questions import Run
from questions.edit import measured

PART = "commands"
SIZES = (100_000,)
COMMANDS = ("--help", "status")
TIMES = 4  # for each repeat: they are quick


def measure(run: Run) -> None:
    """All commands in turn."""
    for articles in run.sizes:
        feedbot = run.archive(articles)
        costs: dict[str, list[Cost]] = {what: [] for what in COMMANDS}
        for _ in range(TIMES * run.repeats):
            for what, taken in costs.items():
                taken.append(cost_of([*feedbot.command, what], feedbot.folder, run.limit))
        for what, taken in costs.items():
            run.keep(measured(PART, Feedbot.name, articles, taken, what))
