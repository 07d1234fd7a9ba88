"""The couriers at work: claims are handed out to them, they send in a few threads, and what came of it is
collected.

Owns those threads, and their end. Makes no claims and settles none: it touches no database.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from queue import Empty, SimpleQueue

from feedbot.clock import Clock
from feedbot.sending.courier import Claims, Courier, HubRecipient, Recipient, Return
from feedbot.store.outbox import Claim
from feedbot.threads import start_threads

log = logging.getLogger(__name__)

GRACE = 7.0  # seconds that a delivery under way has when the worker stops; platforms kill after ten


class Dispatch:
    """A courier for each target, and the threads that they share.

    Everything here belongs to the thread that runs it, but for `wake` and `stop`.
    """

    def __init__(
        self,
        recipients: Mapping[str, Recipient | HubRecipient],
        *,
        max_age: timedelta,
        parallel: int,
        clock: Clock,
    ) -> None:
        self.parallel = max(1, min(parallel, len(recipients)))
        self.stopping = threading.Event()
        self.is_cut_off = False  # what was under way was ended by us
        self.couriers = {
            name: Courier(one, max_age=max_age, clock=clock, is_stopping=self.stopping.is_set)
            for name, one in recipients.items()
        }
        self._transports = [one.transport for one in recipients.values()]
        self._mail: SimpleQueue[Return | None] = SimpleQueue()  # None: look, there may be something new

    def wake(self) -> None:
        """Let who collects look at once."""
        self._mail.put(None)

    def stop(self) -> None:
        """Say that nothing more is to be sent; what is under way goes on."""
        self.stopping.set()
        self._mail.put(None)

    def start(self) -> None:
        """Start all threads, before anything is claimed. Raises FeedbotError where there are too few."""
        self._pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="delivery")
        start_threads(self._pool, self.parallel)

    def hand_out(self, claims: Claims) -> None:
        """Let these be sent. No target may have claims under way."""
        for name, given in claims.items():
            self._pool.submit(self._send, name, given)

    def collect(self, wait: float) -> tuple[list[Return], bool]:
        """What came back, after waiting so many seconds for the first of it; whether `wake` was called."""
        returns: list[Return] = []
        is_woken = False
        try:
            mail = self._mail.get(timeout=wait) if wait > 0 else self._mail.get_nowait()
            while True:
                if mail is None:
                    is_woken = True
                else:
                    returns.append(mail)
                mail = self._mail.get_nowait()
        except Empty:
            return returns, is_woken

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Within it collect what is under way: after GRACE it is ended, and comes back like anything else."""
        self.stopping.set()
        timer = threading.Timer(GRACE, self._cut_off)
        timer.daemon = True
        timer.start()
        yield
        timer.cancel()
        self._pool.shutdown(wait=True)
        for transport in self._transports:
            transport.close()

    def _send(self, name: str, claims: Sequence[Claim]) -> None:
        """Runs in a thread of the pool."""
        try:
            self._mail.put(self.couriers[name].send(claims))
        except BaseException:  # a bug of ours: the claims are void when their leases run out
            log.exception("the courier of %s failed", name)
            self._mail.put(Return(target=name, sent=(), left=()))

    def _cut_off(self) -> None:
        self.is_cut_off = True
        for transport in self._transports:
            transport.abort()
