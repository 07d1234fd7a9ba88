"""Further processes for work that is pure and plenty: reading many files, rendering many feeds.

Started only when they pay, and only for one pass. Without them, as where the system gives none, the same work
is done in this process; so is what one of them fails at, or had when it was killed.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from multiprocessing.context import ForkProcess, SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from feedbot.helpers import AHEAD, Load, LostError, Team, call

log = logging.getLogger(__name__)

LOADING = 5  # times as much has to be there for processes that load the program first

Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew:
    """As many processes as there are cores, or `size` of them, until the end of a `with` block.

    `load` is called before there is work: it loads what work needs, so that it need not be loaded meanwhile.
    """

    def __init__(self, size: int | None = None, *, load: Load = ()) -> None:
        self._size = size or _cores()
        self._load = load
        self._team: Team | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Return once nobody works any more; what was not begun is not done."""
        if self._team:
            self._team.stop()
            self._team = None

    def pays(self, things: int, plenty: int) -> bool:
        """Whether so many things to do are worth further processes; `plenty` are, where these are forks."""
        return things >= plenty * (1 if self._team or _has_one_thread() else LOADING)

    def get_ready(self) -> None:
        """Start the processes, and let them load what they need: there will be plenty of work in a moment.

        Forks have nothing to load, and start as quickly then.
        """
        if self._size > 1 and not self._team and not _has_one_thread():
            self._started()

    def let_load(self, *load: Callable[[], object]) -> None:
        """Let those who work already load something before there is work that needs it, in a moment."""
        if self._team:
            self._team.let_load(load)

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, pays: bool
    ) -> Iterator[tuple[Item, Result]]:
        """Each item with the result of `work`, in order; items are asked for as they are needed.

        `pays` says that there is enough work to start processes for; those that run already get it in any
        case, and begin at once. Then `work`, items and results travel between processes, and `work` must be
        safe to repeat.
        """
        if self._size < 2 or not (pays or self._team) or (team := self._started()) is None:
            return ((item, work(item)) for item in items)
        under_way = ((item, team.begin(work, item)) for item in items)
        begun = deque(islice(under_way, AHEAD * self._size))  # no more in memory than keeps all of them busy
        return _in_turn(work, begun, under_way)

    def _started(self) -> Team | None:
        """The processes; None if they cannot be had, which is not tried again."""
        if self._team is None:
            try:
                if _has_one_thread():
                    call(self._load)  # once for all
                    self._team = Team(self._size, ForkProcess, ())
                else:
                    self._team = Team(self._size, SpawnProcess, self._load)
            except (OSError, RuntimeError) as error:
                log.info("no further processes (%s): this one does all the work, which takes longer", error)
                self._size = 1
        return self._team


def _in_turn(
    work: Callable[[Item], Result],
    begun: deque[tuple[Item, Future[Result]]],
    under_way: Iterator[tuple[Item, Future[Result]]],
) -> Iterator[tuple[Item, Result]]:
    """The results of what has begun, and of what is under way once it is asked for."""
    for one in under_way:
        begun.append(one)
        yield _finished(work, *begun.popleft())
    while begun:
        yield _finished(work, *begun.popleft())


def _finished(work: Callable[[Item], Result], item: Item, future: Future[Result]) -> tuple[Item, Result]:
    try:
        return item, future.result()
    except LostError:  # most likely the system killed the process, for its memory
        return item, work(item)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _has_one_thread() -> bool:
    """Whether this process surely has one thread only; Linux tells, others do not.

    Then it can be forked, and a fork has nothing to load. The fork of one with several threads would keep the
    locks they hold for ever. What else a fork has of this process, such as its connection to the database,
    it neither uses nor closes: it ends without tidying up.
    """
    tasks = Path("/proc/self/task")
    return tasks.is_dir() and len(os.listdir(tasks)) == 1
