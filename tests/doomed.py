"""feedbot as a process that dies at a chosen instant, or works until it is killed; its clock can be ahead.

Everything in it is the real thing; the instants are those at which the database and the targets call.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, event

from feedbot.attempt import Delivery, Outcome
from feedbot.config import load
from feedbot.observe import set_up_logging
from feedbot.passes.build import Builder
from feedbot.sending.deliver import make_deliverer
from feedbot.store.db import open_store
from feedbot.targets import Sender, make_sender, mastodon, webhook
from feedbot.worker import Worker

PRELOADED = (mastodon, webhook)  # so that a life begins at once

POINTS = ("begin", "commit", "committed", "send", "sent")


def die() -> None:
    """End as a power cut ends a process: nothing is closed, nothing is said."""
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Dies at the n-th call for one of the points."""

    def __init__(self, point: str, number: int) -> None:
        self._point = point
        self._counter = itertools.count(1)
        self._number = number

    def at(self, point: str) -> None:
        """This point is reached."""
        if point == self._point and next(self._counter) == self._number:
            die()


class Instants(Protocol):
    """Somebody who is told how far a process is."""

    def at(self, point: str) -> None:
        """This point is reached."""


class Mortal:
    """A sender between whose steps the process may die."""

    def __init__(self, sender: Sender, countdown: Instants) -> None:
        self._sender = sender
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sender, name)

    def send(self, delivery: Delivery, now: datetime) -> Outcome:
        """Send with a chance to die before and after."""
        self._countdown.at("send")
        outcome = self._sender.send(delivery, now)
        self._countdown.at("sent")
        return outcome


def watch_database(engine: Engine, countdown: Countdown) -> None:
    """Count the instants at which transactions begin, are about to be committed, and were."""
    event.listen(engine, "begin", lambda _: countdown.at("begin"))
    event.listen(engine, "commit", lambda _: countdown.at("commit"))
    event.listen(engine, "checkin", lambda *_: countdown.at("committed"))


def live(path: Path, log: Path, die_at: str, ahead: float, ready: Connection | None) -> None:
    """Make one pass and its deliveries; or, with somebody to tell when it is `ready`, work until killed."""
    point, _, number = die_at.partition(":")
    countdown = Countdown(point, int(number or 0))

    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=ahead)

    set_up_logging(log.open("a", encoding="utf-8", buffering=1), verbosity=1)
    config = load(path, os.environ)
    engine = open_store(config.store.url.get_secret_value())
    watch_database(engine, countdown)
    builder = Builder(config, engine, clock=clock)

    def make(target: Any, site: Any) -> Any:
        return Mortal(make_sender(target, site), countdown)

    deliverer = make_deliverer(config, engine, redact=str, clock=clock, make=make)
    if ready is None:
        builder.run()
        deliverer.run_due(within=config.announce.settle)
        return
    worker = Worker(
        builder,
        deliverer=deliverer,
        config=config,
        clock=clock,
        on_pass=lambda _: ready.send(True),
    )
    sys.exit(worker.run())
