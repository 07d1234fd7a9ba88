"""Whose turn it is by the last look at the outbox, and when the next look is worth its cost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from feedbot.store.turns import Turn

TICK = 5.0  # seconds: a wake-up that was missed costs no more
LOOK = 1.0  # seconds between two looks at what is due while more targets wait than there are threads
BREATH = 0.02  # seconds between two looks in any case
REST = 1.0  # seconds for which a target is not asked that gave nothing to claim


class Agenda:
    """Whose turn it is, by the last look at the outbox, and when the next look is worth its cost."""

    def __init__(self) -> None:
        self.waited: dict[str, int] = {}  # by target: deliveries at that look, due or not
        self._turns: deque[Turn] = deque()  # the next one first
        self._resting: dict[str, float] = {}  # by target, until when (monotonic)
        self._looked = 0.0  # monotonic, like all that follow
        self._cost = 0.0
        self._is_wanted = True

    def look_soon(self) -> None:
        """Something may have changed."""
        self._is_wanted = True

    def is_to_look(self, now: datetime) -> bool:
        """Whether it is time for a look: not too often, and seldom while there is enough to do."""
        since = time.monotonic() - self._looked
        if since >= self._longest():
            return True
        return self._is_wanted and since >= self._spacing(now)

    def _longest(self) -> float:
        """Seconds between two looks in any case: soon again where others had what was to be sent."""
        return REST if self._resting else TICK

    def _spacing(self, now: datetime) -> float:
        """Seconds between two looks."""
        there_is_work = self._turns and self._turns[0].due <= now
        return max(LOOK if there_is_work else BREATH, 4 * self._cost)

    def note(self, turns: Sequence[Turn], *, cost: float) -> None:
        """Take up the result of a look, which took `cost` seconds."""
        self._looked, self._cost, self._is_wanted = time.monotonic(), cost, False
        self._resting = {name: until for name, until in self._resting.items() if until > self._looked}
        self._turns = deque(turn for turn in turns if turn.target not in self._resting)
        self.waited |= {turn.target: turn.number for turn in turns}

    def take(self, now: datetime, number: int, away: set[str]) -> list[str]:
        """Take off the targets whose turn it is, `number` at most, without those that are `away`."""
        names: list[str] = []
        while self._turns and len(names) < number and self._turns[0].due <= now:
            name = self._turns.popleft().target
            if name not in away:
                names.append(name)
        return names

    def let_rest(self, name: str) -> None:
        """Do not ask this target for a while."""
        self._resting[name] = time.monotonic() + REST

    def has_until(self, horizon: datetime) -> bool:
        """Whether somebody's turn comes until then."""
        return self._is_wanted or bool(self._turns and self._turns[0].due <= horizon)

    def wait(self, now: datetime, free: int) -> float:
        """Seconds until there is something to claim, with so many threads `free`."""
        if not free:
            return TICK
        until_look = self._longest() - (time.monotonic() - self._looked)
        if self._is_wanted:
            until_look = self._spacing(now) - (time.monotonic() - self._looked)
        until_turn = (self._turns[0].due - now).total_seconds() if self._turns else TICK
        return max(0.0, min(until_look, until_turn))
