"""Threads beside the main one, each watched: one that ends without leave is noticed, and so is why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from msgspec import Struct

from feedbot.errors import FeedbotError


class Part(Struct, frozen=True, kw_only=True):
    """A thread beside the main one. One that ends by itself, without leave, ends the worker."""

    name: str
    thread: threading.Thread
    may_end: bool = False
    failures: list[BaseException] = []

    def is_dead(self) -> bool:
        """Whether the part has failed."""
        return bool(self.failures) or (not self.thread.is_alive() and not self.may_end)


def start_part(
    name: str, work: Callable[[], None], *, may_end: bool = False, alarm: Callable[[], None] = lambda: None
) -> Part:
    """Run `work` in a thread of its own, which gives the `alarm` if it fails.

    Raises FeedbotError where the system gives no thread.
    """
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which ends the process
            failures.append(error)
            alarm()

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    part = Part(name=name, thread=thread, may_end=may_end, failures=failures)
    with starting_threads():
        thread.start()
    return part


def start_threads(pool: ThreadPoolExecutor, number: int) -> None:
    """Start all threads of `pool`, which has so many, so that it needs none later for what it is given.

    Raises FeedbotError where the system gives too few; then the pool is of no more use.
    """
    all_there = threading.Barrier(number + 1)
    try:
        with starting_threads():
            for _ in range(number):
                pool.submit(all_there.wait)
    except FeedbotError:
        all_there.abort()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    all_there.wait()


@contextmanager
def starting_threads() -> Iterator[None]:
    """For nothing but starting threads. Raises FeedbotError where the system gives none."""
    try:
        yield
    except RuntimeError as error:
        raise FeedbotError(
            f"the system gives feedbot no more threads ({error}). Let this user, or the container, have more"
            " of them (`ulimit -u`, `pids.max`), or more memory"
        ) from error
