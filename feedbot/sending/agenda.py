"""Whose turn it is by the last look at the outbox, for how long, and when the next look is worth its cost.

Knows targets by their names only; what is sent to them, and how, is not known here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from feedbot.store.turns import Turn

TICK = 5.0  # seconds: a wake-up that was missed costs no more
LOOK = 1.0  # seconds between two looks at what is due while more targets wait than there are threads
BREATH = 0.02  # seconds between two looks in any case
REST = 1.0  # seconds for which a target is not asked that gave nothing to claim
IN_A_ROW = 100  # deliveries to one target before others have their turn
OUR_PART = 25  # the same, where this worker has more targets than its share ...
LEFT = 50  # ... and so many are left: a change of hands takes a second


class Agenda:
    """Which targets have their turn now and next, for a worker that can serve `parallel` at a time."""

    def __init__(self, parallel: int) -> None:
        self.under_way: dict[str, int] = {}  # by target: how many it was sent in a row before
        self._parallel = parallel
        self._share = parallel  # targets that are ours to have at a time, where several workers send
        self._waited: dict[str, int] = {}  # by target: deliveries at the last look, due or not
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

    def note(self, turns: Sequence[Turn], *, away: int, senders: int, cost: float) -> None:
        """Take up the result of a look, which took `cost` seconds.

        It left out as many targets as are `away`; so many workers send, with this one.
        """
        self._share = -(-(len(turns) + away) // senders) if senders > 1 else self._parallel
        self._looked, self._cost, self._is_wanted = time.monotonic(), cost, False
        self._resting = {name: until for name, until in self._resting.items() if until > self._looked}
        self._turns = deque(turn for turn in turns if turn.target not in self._resting)
        self._waited |= {turn.target: turn.number for turn in turns}

    def take(self, now: datetime, away: Collection[str]) -> list[str]:
        """Take off the targets whose turn it is, as many as can be served beside those that are `away`."""
        number = self._parallel - len(away)
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

    def wait(self, now: datetime) -> float:
        """Seconds until there is something to claim for a thread that is free."""
        if len(self.under_way) >= self._parallel:
            return TICK
        until_look = self._longest() - (time.monotonic() - self._looked)
        if self._is_wanted:
            until_look = self._spacing(now) - (time.monotonic() - self._looked)
        until_turn = (self._turns[0].due - now).total_seconds() if self._turns else TICK
        return max(0.0, min(until_look, until_turn))

    def surplus(self) -> int:
        """How many targets more than our share are under way; below 0: fewer."""
        return len(self.under_way) - self._share

    def is_worth_sharing(self, name: str, sent: int) -> bool:
        """Whether a target that came back, sent so many, has enough left for another worker to take."""
        in_a_row = self.under_way[name] + sent
        return in_a_row >= OUR_PART and self._waited.get(name, 0) - in_a_row >= LEFT

    def goes_on(self, name: str, sent: int, now: datetime) -> bool:
        """Whether a target that came back, sent so many, is sent more before others have their turn."""
        in_a_row = self.under_way[name] + sent
        if in_a_row >= self._waited.get(name, 0):
            return False
        return in_a_row < IN_A_ROW or not self.has_until(now)

    def pass_on(self, returned: Mapping[str, int], served: Collection[str]) -> None:
        """Take up which targets came back, sent so many, and which are served now: the same, or others."""
        for name, sent in returned.items():
            before = self.under_way.pop(name)
            if name in served:
                self.under_way[name] = before + sent
            else:
                self.look_soon()
        for name in served:
            self.under_way.setdefault(name, 0)
