"""The worker as a process that can be held at an instant of its work, and whose clock can be wrong.

Everything in it is the real thing. The instants are those at which the database, the place of the documents
and the targets are called; from the other side `hands.Hand` says at which of them it is to wait.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from doomed import Mortal
from sqlalchemy import Engine, event

from feedbot.config import Config, load
from feedbot.observe import set_up_logging
from feedbot.passes.build import SLICES, Builder
from feedbot.passes.output import Output, output_of
from feedbot.places import Confirm
from feedbot.sending.deliver import make_deliverer
from feedbot.store.db import open_store
from feedbot.targets import make_sender, mastodon, webhook
from feedbot.terminal import leave
from feedbot.worker import Worker
from matrix.means import obey_permissions

PRELOADED = (mastodon, webhook, Output)  # so that a life begins at once
PATIENCE = 120.0  # seconds that somebody waits at a gate, should the test forget about it
DATABASE = 2.0  # seconds that a statement may take, instead of half a minute

# By what is done in the database it can be told how far a pass is.
STATEMENTS = {
    "look": re.compile(r"SELECT files\.path"),  # before any content file is read
    "sync": re.compile(r"INSERT INTO events"),  # articles are written, and not committed
    "announce": re.compile(r"INSERT INTO deliveries"),
}


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a worker is started with."""

    config: Path
    environ: Mapping[str, str]
    ahead: float  # seconds that its clock is ahead
    is_bound: bool  # by the permissions of files, even if it is root's
    store: timedelta  # that an object store may take for an answer


class Gate:
    """Where the process waits when it comes to the instant that it was told of."""

    def __init__(self, line: Connection, ahead: float) -> None:
        self.ahead = ahead
        self._line = line
        self._point = ""
        self._passing = 0  # calls at that instant that go on before one has to wait
        self._open = threading.Event()
        self._lock = threading.Lock()  # held by who waits, so that nobody passes by
        threading.Thread(target=self._listen, daemon=True).start()

    def clock(self) -> datetime:
        """Now, as this process has it."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def at(self, point: str) -> None:
        """This instant is reached."""
        if point != self._point:
            return
        with self._lock:
            if point != self._point:
                return
            if self._passing > 0:
                self._passing -= 1
                return
            self._line.send(point)
            self._open.wait(PATIENCE)
            self._point = ""

    def _listen(self) -> None:
        try:
            while True:
                self._obey(*self._line.recv())
        except (EOFError, OSError):
            os._exit(3)  # the test is no more

    def _obey(self, word: str, *given: Any) -> None:
        match word:
            case "hold":
                self._open.clear()
                self._point, self._passing = given
            case "go":
                self._point = ""
                self._open.set()
            case "ahead":
                self.ahead = given[0]


@dataclass(frozen=True)
class Points:
    """The instants of one target's deliveries, as `doomed.Mortal` counts them down."""

    gate: Gate
    target: str

    def at(self, point: str) -> None:
        """One of them is reached."""
        self.gate.at(f"{point}:{self.target}")


def watch_database(engine: Engine, gate: Gate) -> None:
    """Tell the gate what is done in the database."""

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        for point, pattern in STATEMENTS.items():
            if pattern.match(statement):
                gate.at(point)

    event.listen(engine, "after_cursor_execute", look)


def gated_output(gate: Gate, patience: timedelta) -> Callable[[Config, Confirm], Output]:
    """What opens the place of the documents, with a gate just before each is put into its place."""

    def make(config: Config, confirm: Confirm) -> Output:
        def confirm_at_gate() -> float:
            gate.at("publish")
            return confirm()

        return output_of(config, confirm_at_gate, patience=patience)

    return make


def live(terms: Terms, line: Connection, log: Connection) -> None:
    """Work as `feedbot run` does, until told to stop."""
    if terms.is_bound:
        obey_permissions()
    os.environ.update(terms.environ)
    gate = Gate(line, terms.ahead)
    set_up_logging(os.fdopen(os.dup(log.fileno()), "w", encoding="utf-8", buffering=1), verbosity=0)
    config = load(terms.config, os.environ)
    engine = open_store(config.store.url.get_secret_value(), patience=DATABASE)
    watch_database(engine, gate)
    output = gated_output(gate, terms.store)
    builder = Builder(config, engine, clock=gate.clock, window=SLICES, make_output=output)

    def make(target: Any, site: Any) -> Any:
        return Mortal(make_sender(target, site), Points(gate, target.name))

    worker = Worker(
        builder,
        deliverer=make_deliverer(config, engine, redact=str, clock=gate.clock, make=make),
        config=config,
        clock=gate.clock,
    )
    code = worker.run()
    engine.dispose()
    leave(code)
