"""What the commands cost that an operator types all day."""

from __future__ import annotations

from measure import cost_of
from programs import Feedbot

from questions import Run
from questions.edit import measured

PART = "commands"
SIZES = (100_000,)
COMMANDS = {"feedbot --help": ["--help"], "feedbot status": ["status"]}
TIMES = 4  # for each repeat: they are quick


def measure(run: Run) -> None:
    """All commands in turn."""
    for articles in run.sizes:
        feedbot = run.archive(articles)
        costs = {
            what: [
                cost_of([*feedbot.command, *arguments], feedbot.folder, run.limit)
                for _ in range(TIMES * run.repeats)
            ]
            for what, arguments in COMMANDS.items()
        }
        for what, taken in costs.items():
            run.keep(measured(PART, Feedbot.name, articles, taken, what))
