"""Which faults, stages and numbers of workers there are, and one run of one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from matrix import faults_signals
from matrix.claims import CLAIMS
from matrix.hands import Hand, wait_until
from matrix.scene import Scene, opened

WORKERS = (1, 2, 4)
# At which instant of a stage a worker is held when the fault strikes, by the number of workers.
POINTS: Mapping[str, Mapping[int, str]] = {
    "sync": dict.fromkeys(WORKERS, "sync"),
    "publish": dict.fromkeys(WORKERS, "publish"),
    "announce": dict.fromkeys(WORKERS, "announce"),
    "deliver": {1: "sent:hook", 2: "sent:mastodon", 4: "send:hook"},
}
STAGES = tuple(POINTS)


class Fault(Protocol):
    """What strikes a worker that is held at an instant of its work."""

    def strike(self, scene: Scene, hand: Hand) -> None:
        """Let it happen; the worker, if there still is one that can, goes on."""

    def witness(self, scene: Scene, hand: Hand) -> None:
        """Wait until it shows that it has happened, also to an operator. Raises AssertionError if not."""

    def mend(self, scene: Scene, hand: Hand) -> None:
        """Let it be over."""


FAULTS: Mapping[str, Callable[[], Fault]] = {
    "SIGKILL": faults_signals.Killed,
    "SIGTERM": faults_signals.Terminated,
    "SIGSTOP": faults_signals.Stopped,
}


@dataclass(frozen=True, order=True)
class Cell:
    """One of the matrix."""

    fault: str
    stage: str
    workers: int

    def __str__(self) -> str:
        return f"{self.fault} × {self.stage} × {self.workers}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it: the claims that hold, and how soon readers had everything once it was mended."""

    claims: tuple[str, ...]
    seconds: float


def is_on_postgresql(cell: Cell) -> bool:
    """On which database the newsroom is."""
    return cell.workers > 1


def run(cell: Cell, folder: Path, postgres_url: str) -> Outcome:
    """Let the fault strike once. Raises AssertionError if a claim does not hold in the end."""
    fault = FAULTS[cell.fault]()
    with opened(folder, postgres_url if is_on_postgresql(cell) else "") as there:
        there.begin(cell.workers)
        told = there.bustle()
        wait_until(lambda: there.is_told(told), there.logs)
        hand = there.catch(POINTS[cell.stage][cell.workers])
        fault.strike(there, hand)
        there.bustle()
        fault.witness(there, hand)
        fault.mend(there, hand)
        mended = time.monotonic()
        wait_until(there.shows_everything, lambda: f"{there.missing()}\n{there.logs()}")
        seconds = time.monotonic() - mended
        there.story.withdraw(told)
        there.bustle()
        there.settle()
        there.end()
        for claim in CLAIMS:
            claim(there)
    names = ("the state tells of it", *(claim.__name__.replace("_", " ") for claim in CLAIMS))
    return Outcome(claims=names, seconds=seconds)
