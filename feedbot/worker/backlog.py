"""What the worker is to look at, now and later, and the wake-ups that ask for it.

Owns when a look is worth its cost: the end of a burst is waited for, and what events can have missed is
looked at again. Reads no content and makes no pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

TICK = 5.0  # seconds: bounds how late a jump of the wall clock is noticed, or a part that ended silently
AFTERMATH = 0.5  # seconds after which that is looked at again of which events can have been missed
CROWD = 2000  # paths in one wake-up: of so many events the system may have dropped some
FLOCK = 20  # changed files: of so many the end is waited for, so that their feeds are written once
LULL = 0.2  # seconds without a wake-up that are the end

Everything = Literal["everything"]
EVERYTHING: Everything = "everything"
Stop = Literal["stop"]
STOP: Stop = "stop"
Alarm = Literal["alarm"]
ALARM: Alarm = "alarm"  # a part of the worker has failed
WakeUp = frozenset[str] | Everything | Stop | Alarm  # absolute paths to look at; none at all: see what is due


@dataclass
class Backlog:
    """What is to be looked at, and what later (monotonic seconds). Pure."""

    everything: bool = False
    paths: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)  # to be looked at after `paths`, and a little later
    asked: bool = False
    later: dict[str, float] = field(default_factory=dict)  # path -> when
    everything_at: float | None = None

    def note(self, wake_up: WakeUp, *, again: Iterable[str] = ()) -> None:
        """Take up a wake-up; in the folders `again` things can have happened without one."""
        self.asked = True
        if wake_up == EVERYTHING:
            self.everything = True
        elif not isinstance(wake_up, str):
            self.paths |= wake_up
            self.again.update(again)

    def defer(self, paths: set[str], until: float) -> None:
        """Look at `paths` again at `until`; a path put off already keeps its time."""
        for path in paths:
            self.later.setdefault(path, until)

    def ripen(self, now: float) -> None:
        """Ask for what was put off until `now`."""
        ripe = {path for path, moment in self.later.items() if moment <= now}
        if ripe:
            self.asked = True
            self.paths |= ripe
        if self.everything_at is not None and self.everything_at <= now:
            self.everything_at = None
            self.note(EVERYTHING)

    def wait(self, now: float) -> float:
        """Seconds until something ripens, at most a tick."""
        moments = [*self.later.values(), *([self.everything_at] if self.everything_at is not None else [])]
        return max(0.0, min([TICK, *(moment - now for moment in moments)]))

    def lull(self) -> float:
        """Seconds to listen for what belongs to the same burst; 0 for a few files, which are not to wait."""
        return LULL if len(self.paths) >= FLOCK else 0.0

    def take(self, now: float) -> frozenset[str] | None:
        """What to look at now: everything (None), or some paths; forgets it, but for what is due again."""
        paths = None if self.everything else frozenset(self.paths)
        if paths is None:
            self.later = {}
        else:
            self.later = {path: moment for path, moment in self.later.items() if path not in paths}
            self.defer(self.again, now + AFTERMATH)
        self.everything, self.asked, self.paths, self.again = False, False, set(), set()
        return paths


def gaps_of(paths: Collection[str]) -> set[str]:
    """The folders in which something can have happened without an event: new ones, and those of a crowd.

    What is put into a folder before it is watched is not told. Around single files nothing is missed, and to
    scan their folder would cost more the more lies there.
    """
    if len(paths) >= CROWD:
        return {str(Path(path).parent) for path in paths}
    return {path for path in paths if Path(path).is_dir()}
