"""Requests that end in time, whatever the server does. Knows deadlines, not sockets.

The timeout of a socket counts anew with each byte, so that a server which drips holds its reader as long as
it likes. Here each request has a `Watch`, and one thread for all of them ends what takes too long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import NoReturn, Self, TypeVar

Result = TypeVar("Result")


class Cut(Enum):
    """Why a request was ended before its time."""

    LATE = "late"
    STOPPED = "stopped"


class CutShortError(TimeoutError):
    """The request was ended while it was between two things."""


class Watch:
    """One request under way: when it has to be over, how it is ended, and how far it came."""

    __slots__ = ("_at_end", "_stop", "at_proxy", "cut", "deadline", "sent", "trouble")

    def __init__(self, seconds: float) -> None:
        self.deadline = monotonic() + seconds
        self.cut: Cut | None = None
        self.sent = False  # whether a byte of the request may have reached the server
        self.trouble: Exception | None = None  # what went wrong first, before libraries wrap it
        self.at_proxy = False  # whether it was on the way to a proxy
        self._stop: Callable[[], object] | None = None
        self._at_end: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        _here.watch = self
        _watchdog.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _watchdog.remove(self)  # from here on nobody shuts a line that may serve the next request
        _here.watch = None
        for act in self._at_end:
            act()

    @property
    def left(self) -> float:
        """Seconds until the deadline; at least a moment, for a timeout of 0 means another thing."""
        return max(self.deadline - monotonic(), 0.001)

    @property
    def is_over(self) -> bool:
        """Whether the deadline has come, be it noticed yet or not."""
        return monotonic() >= self.deadline

    def guard(self, stop: Callable[[], object]) -> None:
        """From now on `stop` ends what the request is doing. Raises CutShortError if it was ended already."""
        with _lock:
            self._stop = stop
            if self.cut is not None:
                raise CutShortError

    def end(self, cut: Cut) -> None:
        """End the request, from any thread."""
        with _lock:
            if self.cut is None:
                self.cut = cut
                if self._stop is not None:
                    self._stop()

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep what goes wrong first, before libraries wrap it."""
        try:
            yield
        except Exception as error:
            self.trouble = self.trouble or error
            raise

    def at_end(self, act: Callable[[], object]) -> None:
        """Do `act` once the request is over, and not before."""
        self._at_end.append(act)


def waited(work: Callable[[], Result], watch: Watch) -> Result:
    """What `work` gives, which has no timeout of its own: it is done in a thread, at worst forgotten there.

    Raises what `work` raises, and CutShortError when the request is over before.
    """
    found: SimpleQueue[Callable[[], Result]] = SimpleQueue()

    def do() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            found.put(partial(_raised, error))
        else:
            found.put(lambda: result)

    watch.guard(lambda: found.put(partial(_raised, CutShortError())))
    threading.Thread(target=do, name="name look-up", daemon=True).start()
    try:
        return found.get(timeout=watch.left)()
    except Empty:
        raise CutShortError from None


def _raised(error: Exception) -> NoReturn:
    raise error


class _Watchdog:
    """One thread that ends every request of the process that takes too long.

    It wakes at the earliest deadline it knew of when it fell asleep, seldom more than once in a timeout.
    """

    def __init__(self) -> None:
        self._sooner = threading.Condition(_lock)
        self._watches: set[Watch] = set()
        self._wakes = float("inf")
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        with _lock:
            self._watches.add(watch)
            if watch.deadline < self._wakes:
                self._wakes = watch.deadline
                self._sooner.notify()
            if self._thread is None or not self._thread.is_alive():  # a forked process has none
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()

    def remove(self, watch: Watch) -> None:
        with _lock:
            self._watches.discard(watch)

    def _run(self) -> None:
        with _lock:
            while True:
                now = monotonic()
                for watch in [watch for watch in self._watches if watch.deadline <= now]:
                    self._watches.discard(watch)
                    watch.end(Cut.LATE)
                self._wakes = min((watch.deadline for watch in self._watches), default=float("inf"))
                self._sooner.wait(self._wakes - now if self._watches else None)


_lock = threading.RLock()
_watchdog = _Watchdog()
_here = threading.local()


def watch_here() -> Watch:
    """The watch of the request that this thread makes."""
    watch = watch_if_any()
    if watch is None:
        raise RuntimeError("a connection is used without a watch")
    return watch


def watch_if_any() -> Watch | None:
    """The watch of the request that this thread makes; None: it makes none."""
    watch: Watch | None = getattr(_here, "watch", None)
    return watch
