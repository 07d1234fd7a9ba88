"""A pass over a newsroom in which nothing has changed, beside a bare walk through the same folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import walking
import worker
from measure import Cost, cost_of
from processes import processor_seconds
from programs import Feedbot

from questions import Run
from questions.edit import measured

PART = "no-change pass"
SIZES = (1_000, 10_000, 100_000)
WALK, WORKER, BUILD = "bare walk", "worker", "feedbot build"
LOOKS = 3  # passes of one worker
EVERY = 1  # seconds between their beginnings, at least


def measure(run: Run) -> None:
    """The walk, the command and the running worker take turns."""
    for articles in run.sizes:
        feedbot = run.archive(articles)
        feedbot.configure(f"schedule: {{scan: {EVERY}s}}\n", "often.yaml")
        costs: dict[str, list[Cost]] = {name: [] for name in (WALK, WORKER, BUILD)}
        for _ in range(run.repeats):
            costs[WALK].append(walk(feedbot.folder / "content"))
            costs[BUILD].append(cost_of(feedbot.build_command, feedbot.folder, run.limit))
            costs[WORKER] += passes(feedbot)
        for name, taken in costs.items():
            run.keep(measured(PART, name, articles, taken))


def walk(folder: Path) -> Cost:
    """What a process of its own says of its walk."""
    command = [sys.executable, walking.__file__, str(folder)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall, cpu = map(float, told.split())
    return Cost(wall, cpu)


def passes(feedbot: Feedbot) -> list[Cost]:
    """Of a worker that has made its first pass: how long the next ones take by its own clock.

    Their processor time is that of the process in the meantime, which has hardly anything else to do.
    """
    with worker.running(feedbot, "--config", "often.yaml", "-v") as one:
        one.wait_for_looks(1)
        used = processor_seconds(one.pid)
        one.wait_for_looks(1 + LOOKS)
        used = (processor_seconds(one.pid) - used) / LOOKS
        told = one.passes(worker.EVERYTHING)[1 : 1 + LOOKS]
    if any(look.get("read") or look.get("written") for look in told):
        raise SystemExit(f"something has changed: {told}")
    return [Cost(look.get("seconds", 0.0), used) for look in told]
