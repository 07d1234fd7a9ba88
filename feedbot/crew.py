"""Further processes for work that is pure and plenty: reading many files, rendering many feeds.

Started only when they pay, and only for one pass. Without them, as where the system gives none, the same work
is done in this process.
"""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.context import ForkContext, ForkProcess, SpawnContext, SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

log = logging.getLogger(__name__)

LOADING = 5  # times as much has to be there for processes that load the program first

Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew:
    """As many processes as there are cores, or `size` of them, until the end of a `with` block.

    `load` is called before there is work: it loads what work needs, so that it need not be loaded meanwhile.
    """

    def __init__(self, size: int | None = None, *, load: Sequence[Callable[[], object]] = ()) -> None:
        self._size = size or _cores()
        self._load = load
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Return once nobody works any more; what was not begun is not done."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def pays(self, things: int, plenty: int) -> bool:
        """Whether so many things to do are worth further processes; `plenty` are, where these are forks."""
        return things >= plenty * (1 if self._pool or _has_one_thread() else LOADING)

    def get_ready(self) -> None:
        """Start the processes, and let them load what they need: there will be plenty of work in a moment.

        Forks have nothing to load, and start as quickly then.
        """
        if self._size < 2 or self._pool or _has_one_thread():
            return
        self._started()
        self.let_load()  # to be given work is to be started

    def let_load(self, *load: Callable[[], object]) -> None:
        """Let those who work already load something before there is work that needs it, in a moment."""
        if self._pool:
            for _ in range(self._size):
                _submitted(self._pool, _call, load)

    def map(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, pays: bool
    ) -> Iterator[tuple[Item, Result]]:
        """Each item with the result of `work`, in order; items are asked for as they are needed.

        `pays` says that there is enough work to start processes for; those that run already get it in any
        case, and begin at once. Then `work`, items and results travel between processes, and `work` must be
        safe to repeat.
        """
        if self._size < 2 or not (pays or self._pool) or (pool := self._started()) is None:
            return ((item, work(item)) for item in items)
        under_way = ((item, _submitted(pool, work, item)) for item in items)
        begun = deque(islice(under_way, 2 * self._size))  # no more in memory than keeps all of them busy
        return _in_turn(work, begun, under_way)

    def _started(self) -> ProcessPoolExecutor | None:
        """The processes; None if they cannot be had, which is not tried again."""
        if self._pool is None:
            if _has_one_thread():
                _call(self._load)  # once for all
                self._pool = _start(self._size, "fork", ())
            else:
                self._pool = _start(self._size, "spawn", tuple(self._load))
            if self._pool is None:
                self._size = 1
        return self._pool


def is_helper() -> bool:
    """Whether this process is one of a crew, and not the one whose pass it is."""
    return multiprocessing.parent_process() is not None


def _start(size: int, method: str, load: tuple[Callable[[], object], ...]) -> ProcessPoolExecutor | None:
    """Start processes; None where the system gives too few, and then none is left."""
    before = set(multiprocessing.active_children())
    try:
        context = _Forks() if method == "fork" else _Spawns()
        pool = ProcessPoolExecutor(size, context, initializer=_join_crew, initargs=(load,))
        with _unheard():
            pool.submit(_call, ())  # to be given work is to be started
    except (OSError, RuntimeError) as error:
        log.info("no further processes (%s): this one does all the work, which takes longer", error)
        for child in set(multiprocessing.active_children()) - before:  # at its end it would wait for them
            child.kill()
            child.join()
        return None
    return pool


class _Deaf:
    """A process that hears no SIGTERM (`_join_crew`). A pool that has lost another sends one, and waits.

    Before Python 3.11.5 it also waits until somebody has taken what it sent, and tells them when that is all.
    """

    kill: Callable[[], None]

    def terminate(self) -> None:
        if sys.version_info >= (3, 11, 5):
            self.kill()


class _Forked(_Deaf, ForkProcess):
    pass


class _Spawned(_Deaf, SpawnProcess):
    pass


class _Forks(ForkContext):
    Process = _Forked


class _Spawns(SpawnContext):
    Process = _Spawned


@contextmanager
def _unheard() -> Iterator[None]:
    """Processes that are started within hear no Ctrl-C, which everybody at a terminal gets.

    It would end them, with a trace, before they have come so far as to leave it to this one (`_join_crew`).
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _call(load: Iterable[Callable[[], object]]) -> None:
    for one in load:
        one()


def _submitted(pool: ProcessPoolExecutor, work: Callable[[Item], Result], item: Item) -> Future[Result]:
    try:
        with _unheard():
            return pool.submit(work, item)
    except (BrokenProcessPool, OSError) as error:  # one was killed, or one more could not be started
        broken: Future[Result] = Future()
        broken.set_exception(BrokenProcessPool(str(error)))
        return broken


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
    except BrokenProcessPool:  # the system killed a process, most likely for its memory, or started none
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


def _join_crew(load: Iterable[Callable[[], object]]) -> None:
    """Leave signals to the process that started this one, end when it ends, however it does, and `load`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.disable()  # what is made here goes away with its last reference, or with the process after the pass
    atexit.register(gc.freeze)  # ... whose end would look through all of it
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    _call(load)
