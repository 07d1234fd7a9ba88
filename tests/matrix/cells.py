"""Which faults, stages and numbers of workers there are, and one run of one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from matrix import faults_clock, faults_limits, faults_lines, faults_signals
from matrix.claims import claims_of
from matrix.fault import Fault
from matrix.hands import wait_until
from matrix.opening import Services, opened

WORKERS = (1, 2, 4)
# At which instant of a stage a worker is held when the fault strikes, by the number of workers.
POINTS: Mapping[str, Mapping[int, str]] = {
    "sync": dict.fromkeys(WORKERS, "sync"),
    "publish": dict.fromkeys(WORKERS, "publish"),
    "announce": dict.fromkeys(WORKERS, "announce"),
    "deliver": {1: "sent:hook", 2: "sent:mastodon", 4: "send:hook"},
}
STAGES = tuple(POINTS)

FAULTS: Mapping[str, Callable[[], Fault]] = {
    "SIGKILL": faults_signals.Killed,
    "SIGTERM": faults_signals.Terminated,
    "SIGSTOP": faults_signals.Stopped,
    "network cut": faults_lines.NetworkCut,
    "PostgreSQL restart": faults_lines.DatabaseStopped,
    "disk full": faults_limits.DiskFull,
    "read-only output": faults_limits.ReadOnly,
    "EMFILE": faults_limits.NoMoreFiles,
    "clock forward": faults_clock.forward,
    "clock back": faults_clock.back,
    "store 500": faults_lines.StoreFails,
    "store silent": faults_lines.StoreIsSilent,
}


@dataclass(frozen=True, order=True)
class Cell:
    """One of the matrix."""

    fault: str
    stage: str
    workers: int

    def __str__(self) -> str:
        return f"{self.fault}-{self.stage}-{self.workers}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of it: the claims that hold, and how soon readers had everything once it was mended."""

    claims: tuple[str, ...]
    seconds: float


def run(cell: Cell, folder: Path, services: Services, *, waits: bool) -> Outcome:
    """Let the fault strike once. Raises AssertionError if a claim does not hold in the end.

    `waits` says that the newsroom publishes nothing more before the workers have recovered by themselves.
    """
    fault = FAULTS[cell.fault]()
    with opened(folder, fault.needs(cell.stage, cell.workers), services) as there:
        there.begin(cell.workers)
        told = there.bustle()
        wait_until(lambda: there.is_told(told), there.logs)
        hand = there.catch(fault.point(cell.stage, POINTS[cell.stage][cell.workers]))
        fault.strike(there, hand)
        there.bustle()
        fault.witness(there, hand)
        mended = time.monotonic()
        fault.mend(there, hand)
        if not waits:
            there.bustle()
        wait_until(there.shows_everything, lambda: f"{there.missing()}\n{there.logs()}")
        seconds = time.monotonic() - mended
        there.story.withdraw(told)
        there.bustle()
        there.settle()
        there.end()
        claims = claims_of(there)
        for claim in claims:
            claim(there)
    names = (fault.claim, *(claim.__name__.replace("_", " ") for claim in claims))
    return Outcome(claims=names, seconds=seconds)
