"""Processes that help this one, each with a line of its own.

The library's pool has one queue for all, and whoever is killed with its lock, or in the midst of a word,
holds up the others for ever.
"""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess, SpawnProcess
from multiprocessing.reduction import ForkingPickler
from multiprocessing.resource_tracker import ensure_running
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeAlias, TypeVar

log = logging.getLogger(__name__)

AHEAD = 2  # pieces of work that a process has: one under way, and one to go on with

Item = TypeVar("Item")
Result = TypeVar("Result")

Load: TypeAlias = Sequence[Callable[[], object]]


def is_helper() -> bool:
    """Whether this process is one of a crew, and not the one whose pass it is."""
    return multiprocessing.parent_process() is not None


class LostError(Exception):
    """Nobody has the result of a piece of work: its process failed at it, or was killed."""


class _Task(NamedTuple):
    work: Callable[[Any], Any]
    item: Any
    outcome: Future[Any]


class Team:
    """Processes of some `kind` that have started.

    Raises OSError or RuntimeError where the system gives too few; then none is left.
    """

    def __init__(self, size: int, kind: type[ForkProcess | SpawnProcess], load: Load) -> None:
        self._helpers: list[_Helper] = []
        self._has_stopped = False
        atexit.register(self.stop)  # for who ends before there was the work that help was called for
        try:
            if kind is SpawnProcess:
                ensure_running()  # now, for it lets Ctrl-C be heard again
            with _unheard():
                for _ in range(size):
                    self._helpers.append(_Helper(kind, [one.line for one in self._helpers], load))
            for helper in self._helpers:  # not before all are forked
                helper.thread.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Return once all have ended; what they have begun is done before, and the rest is cancelled."""
        self._has_stopped = True
        for helper in self._helpers:
            helper.dismiss()
        for helper in self._helpers:
            helper.end()
        atexit.unregister(self.stop)

    def let_load(self, load: Load) -> None:
        """Let each load something, once it has done what it has."""
        for helper in self._helpers:
            helper.let_load(load)

    def begin(self, work: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Give a piece of work to who has the least. The outcome may be LostError."""
        outcome: Future[Result] = Future()
        if self._has_stopped:
            outcome.cancel()
            return outcome
        helper = min(self._helpers, key=lambda one: (one.is_lost, one.given - one.done))
        helper.given += 1
        helper.tasks.put(_Task(work, item, outcome))
        return outcome


class _Helper:
    """A process, the line to it, and a thread here that attends to it.

    `elder` are the lines to those that were started before.
    """

    def __init__(
        self, kind: type[ForkProcess | SpawnProcess], elder: Sequence[Connection[Any, Any]], load: Load
    ) -> None:
        self.tasks: SimpleQueue[_Task | None] = SimpleQueue()  # None: no more will come
        self.given = self.done = 0  # tasks; each counted by one thread alone
        self.is_lost = False
        self.thread = threading.Thread(target=self._attend, daemon=True)
        self.line, theirs = multiprocessing.Pipe()
        self._lock = threading.Lock()  # held by who says something on the line
        inherited = [*elder, self.line] if kind is ForkProcess else []
        self._process = kind(target=_help, args=(theirs, inherited, load), daemon=True)
        try:
            self._process.start()
        except BaseException:
            self.line.close()
            raise
        finally:
            theirs.close()

    def let_load(self, load: Load) -> None:
        """As Team.let_load."""
        with suppress(OSError):  # it is gone, which is seen where that matters
            self._say((call, load, False))

    def dismiss(self) -> None:
        """Let it end when it has done what it has begun."""
        with suppress(Empty):
            while task := self.tasks.get_nowait():
                task.outcome.cancel()  # so that nobody waits for it
        self.tasks.put(None)

    def end(self) -> None:
        """Return once it has ended, which it does when nobody is on the line."""
        if self.thread.ident is not None:
            self.thread.join()
        self.line.close()
        self._process.join()

    def _say(self, message: object) -> None:
        written = ForkingPickler.dumps(message)
        with self._lock:
            self.line.send_bytes(written)

    def _attend(self) -> None:
        """Hand on tasks and outcomes, until no more will come."""
        begun: deque[Future[Any]] = deque()
        try:
            while self._gave_work(begun):
                is_done, result = self.line.recv()
                self.done += 1
                if is_done:
                    begun.popleft().set_result(result)
                else:
                    begun.popleft().set_exception(LostError())
        except Exception as error:  # noqa: BLE001 - whatever it is, others do its work
            log.debug("a process that helps was lost: %r", error)
            self.is_lost = True
            with self._lock:  # else what is said meanwhile could get into a file that is opened now
                self.line.close()
            for outcome in begun:
                outcome.set_exception(LostError())
            while (task := self.tasks.get()) is not None:
                task.outcome.set_exception(LostError())

    def _gave_work(self, begun: deque[Future[Any]]) -> bool:
        """Let it have work, and wait for some if it has none; False if there is no more."""
        while len(begun) < AHEAD:
            try:
                task = self.tasks.get(block=not begun)
            except Empty:
                break
            if task is None:
                self.tasks.put(None)  # for when `begun` is done
                break
            begun.append(task.outcome)
            self._say((task.work, task.item, True))
        return bool(begun)


def call(load: Iterable[Callable[[], object]]) -> None:
    for one in load:
        one()


@contextmanager
def _unheard() -> Iterator[None]:
    """Processes that are started within hear no Ctrl-C, which everybody at a terminal gets.

    It would end them, with a trace, before they have come so far as to leave it to this one (`_help`).
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _help(line: Connection[Any, Any], inherited: Iterable[Connection[Any, Any]], load: Load) -> None:
    """The life of a process that helps: `load`, and do what comes over the `line` until nobody is there."""
    for one in inherited:  # by a fork: to others, whose end is to be seen from both sides
        one.close()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # left to the process that started this one
    gc.disable()  # what is made here goes away with its last reference, or with the process after the pass
    messages: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_hear, args=(line, messages), daemon=True).start()
    call(load)
    while True:
        reply = _reply_to(messages.get())
        if reply is not None:
            with suppress(OSError):  # `_hear` will see that, too
                line.send_bytes(reply)


def _hear(line: Connection[Any, Any], messages: SimpleQueue[bytes]) -> None:
    """Take in what is said at once, so that nobody has to wait; end the process when nobody is there."""
    with suppress(EOFError, OSError):
        while True:
            messages.put(line.recv_bytes())
    os._exit(0)


def _reply_to(message: bytes) -> bytes | None:
    """What a message asks for, None if it wants no reply. What cannot be done is done by who asked for it."""
    wants_reply = True
    try:
        work, item, wants_reply = ForkingPickler.loads(message)
        reply = ForkingPickler.dumps((True, work(item)))
    except Exception:  # noqa: BLE001 - it will happen there again, and be told
        reply = ForkingPickler.dumps((False, None))
    return bytes(reply) if wants_reply else None
