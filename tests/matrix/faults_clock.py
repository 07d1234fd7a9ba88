"""The clock of a worker jumps, as when somebody sets it, and is right again later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from matrix.fault import Fault
from matrix.hands import Hand, wait_until
from matrix.scene import Scene

HOURS = 30.0  # further than anything is put off for


@dataclass
class ClockJumps(Fault):
    """The worker's clock is wrong by so many hours, until it is set right."""

    hours: float

    def strike(self, scene: Scene, hand: Hand) -> None:
        """While it is at work."""
        scene.is_timely = False
        self.before = scene.moments()
        hand.set_clock(scene.time.ahead + self.hours * 3600)
        hand.let_go()

    def witness(self, scene: Scene, hand: Hand) -> None:
        """Something is on record with a moment that cannot be."""
        wait_until(lambda: self._wrong(scene), lambda: f"{scene.moments()}\n{scene.logs()}")

    def _wrong(self, scene: Scene) -> list[datetime]:
        there = scene.time.now() + timedelta(hours=self.hours)
        new = set(scene.moments()) - set(self.before)
        return [moment for moment in new if abs(moment - there) < timedelta(hours=1)]

    def mend(self, scene: Scene, hand: Hand) -> None:
        """It is right again."""
        hand.set_clock(scene.time.ahead)
        scene.nudge()


def forward() -> ClockJumps:
    """A clock that is ahead."""
    return ClockJumps(HOURS)


def back() -> ClockJumps:
    """A clock that is behind."""
    return ClockJumps(-HOURS)
