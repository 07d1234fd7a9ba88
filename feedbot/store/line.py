"""The line to PostgreSQL, on which nobody waits for ever; imported only where psycopg is there.

The system notices by itself when a network is cut, but not when a proxy between keeps the line open and
passes nothing on. So each wait for an answer has an end here, and the line with it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

T = TypeVar("T")

STEP = 0.1  # seconds between two looks at the clock
FAREWELL = 1.0  # seconds that it may take to tell the server that nobody waits any more

# It warns of what it could not end on a line that is lost; the error that follows tells of the loss.
logging.getLogger("psycopg").setLevel(logging.ERROR)


class PostgresLine(psycopg.Connection[Any]):
    """A connection that is closed when an answer takes longer than its patience."""

    patience = 30.0  # seconds

    def wait(self, gen: PQGen[T], interval: float = STEP, timeout: float | None = None) -> T:
        """As psycopg has it. Raises OperationalError when there is no answer in time."""
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            if timeout is not None:
                raise
            self._give_up()
            raise psycopg.OperationalError(f"no answer within {self.patience:g} s") from error

    def _give_up(self) -> None:
        """Close it, and let the server end what it is at, if it hears us: it would go on for nobody."""
        if psycopg.capabilities.has_cancel_safe():  # without, to tell it could take for ever
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=min(FAREWELL, self.patience))
        self.close()


def connect(*arguments: Any, patience: float, **options: Any) -> PostgresLine:
    """A connection to PostgreSQL, with its patience in seconds. Raises psycopg's errors."""
    line = PostgresLine.connect(*arguments, **options)
    line.patience = patience
    return line
