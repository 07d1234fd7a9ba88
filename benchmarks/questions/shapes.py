"""Newsrooms of odd shapes: whether a changed article costs more than in the usual one."""

from __future__ import annotations

from measure import Cost
from newsrooms import TOPICS
from programs import Feedbot
from watching import latencies

from questions import Run
from questions.burst import bursts
from questions.burst import measured as of_bursts
from questions.edit import measured, shares

PART = "shapes"
SIZES = (100_000,)
USUAL = f"{TOPICS} topics"


def shapes(articles: int) -> dict[str, int]:
    """Each shape with its number of topics; the usual one is the first."""
    many = max(1, articles // 5)
    return {USUAL: TOPICS, "one topic": 1, f"{many:,} topics": many}


def measure(run: Run) -> None:
    """Single edits in all shapes in turn, and then bursts."""
    for articles in run.sizes:
        archives = {shape: run.archive(articles, topics) for shape, topics in shapes(articles).items()}
        edits: dict[str, list[Cost]] = {shape: [] for shape in archives}
        for share in shares(run.edits):
            for shape, feedbot in archives.items():
                edits[shape] += latencies(feedbot, share, run.idle_after)
        for shape, feedbot in archives.items():
            run.keep(measured(PART, Feedbot.name, articles, edits[shape], f"edit, {shape}"))
            run.keep(of_bursts(PART, f"burst, {shape}", articles, bursts(run, feedbot)))
