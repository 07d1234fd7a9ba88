"""What the benchmarks ask: a module for each question, with a function that measures and keeps the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from install import Installed, say
from measure import Spread, cost_of
from newsrooms import TOPICS, newsroom
from programs import Feedbot
from results import Measured, Results

FIRST_LIMIT = 3600.0  # seconds for a first build that is not measured


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a question: how large, how often, and where."""

    work: Path
    results: Results
    feedbot: Path
    peers: dict[str, Installed]  # those that are here
    sizes: Sequence[int]  # articles
    repeats: int
    edits: int  # of one file, one after the other
    burst: int  # files that change at once
    endurance: int  # edits while the memory is looked at
    idle_after: float  # seconds without work
    limit: float  # seconds for one command

    def archive(self, articles: int, topics: int = TOPICS) -> Feedbot:
        """feedbot in a newsroom of which it knows every article."""
        feedbot = Feedbot((str(self.feedbot),), newsroom(self.work, articles, topics=topics))
        feedbot.configure()
        cost_of(feedbot.build_command, feedbot.folder, FIRST_LIMIT)
        return feedbot

    def keep(self, measured: Measured) -> None:
        """Note an answer, and tell of it."""
        self.results.add(measured)
        figures = {"s": measured.seconds, "s CPU": measured.cpu, "MB": measured.memory}
        told = [f"{Spread(values)} {unit}" for unit, values in figures.items() if values]
        told += [f"{name} {value:g}" for name, value in measured.facts.items()]
        where = f"{measured.part} {measured.what}".strip()
        say(f"{where}, {measured.articles:,} articles: {measured.program} {', '.join(told)}")
