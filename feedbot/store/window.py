"""A window on the state for those who only look, such as the server: it opens again by itself.

The state may not be there yet, be another version's, or be out of reach for a while; each look finds out
anew. Nothing is kept open between two looks at SQLite: whoever puts back a backup must not find the old file
held, and the last process that writes can bring its log home. Statements stay prepared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from feedbot.errors import StoreError
from feedbot.store.db import open_store
from feedbot.store.schema import HEAD
from feedbot.store.trouble import reason_of

T = TypeVar("T")

PATIENCE = 12.0  # seconds until a line on which nothing comes back counts as dead
STATEMENT = 10_000  # milliseconds that PostgreSQL may think about one statement

_ONE_STATE = text("set transaction isolation level repeatable read, read only")
_VERSION = text("select version_num from alembic_version")
_IN_TIME = text(f"set local statement_timeout = {STATEMENT}")


class _OtherVersionError(Exception):
    """The state is not the one that was opened any more."""


class Window:
    """Looks at the state at a URL, from any thread."""

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        """Opens nothing yet, so that it cannot fail. `patience`: seconds that an answer may take."""
        self._url = url
        self._patience = patience
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def look(self, query: Callable[[Connection], T]) -> T:
        """What `query` answers over a connection, in one transaction that writes nothing.

        Raises StoreError, with the reason and what to do, whenever there is nothing to be seen.
        """
        try:
            return self._look(query)
        except (SQLAlchemyError, _OtherVersionError):
            self.shut()
        # The database was restarted, or the state was upgraded or put back: opening it anew tells.
        try:
            return self._look(query)
        except (SQLAlchemyError, _OtherVersionError) as error:
            self.shut()
            raise StoreError(
                f"the state cannot be read: {reason_of(error)}. See that the database runs"
            ) from error

    def shut(self) -> None:
        """Let go of the database; the next look opens it again."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine:
            engine.dispose()

    def _look(self, query: Callable[[Connection], T]) -> T:
        with self._open().connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.detach()  # it is closed for good at the end
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(_ONE_STATE)
                    connection.execute(_IN_TIME)
                if connection.execute(_VERSION).scalar() != HEAD:
                    raise _OtherVersionError("another feedbot has changed it")
                return query(connection)

    def _open(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = open_store(self._url, read_only=True, patience=self._patience)
            return self._engine
