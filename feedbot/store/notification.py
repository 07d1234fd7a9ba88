"""A word between processes, that there is something to send: PostgreSQL's LISTEN and NOTIFY.

A hint and no more. Whoever misses it, or has SQLite, finds the same a few seconds later by looking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from feedbot.store.engines import beside

CHANNEL = "feedbot_news"
STEP = 0.2  # seconds between two looks at whether to go on
PROBE = 150  # steps after which the line is tried: it may have gone dead
PATIENCE = 3.0  # seconds that such a try may take
PAUSE = 5.0  # seconds until a line that broke is made anew


def notify(connection: Connection) -> None:
    """Say, once this transaction is committed, that there is something to send."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))


def listen(engine: Engine, stopping: threading.Event, wake: Callable[[], None]) -> None:
    """Call `wake` whenever somebody says so, until `stopping`. Never raises for a database that is away."""
    if engine.dialect.name != "postgresql":
        stopping.wait()
        return
    own = beside(engine, PATIENCE).execution_options(isolation_level="AUTOCOMMIT")
    while not stopping.is_set():
        with suppress(DBAPIError), own.connect() as connection:
            connection.exec_driver_sql(f"listen {CHANNEL}")
            _listen(connection, stopping, wake)
        own.dispose()
        stopping.wait(PAUSE)


def _listen(connection: Connection, stopping: threading.Event, wake: Callable[[], None]) -> None:
    line: Any = connection.connection.driver_connection
    steps = 0
    while not stopping.is_set():
        with suppress(connection.dialect.loaded_dbapi.Error):  # the next statement tells of it
            for _ in line.notifies(timeout=STEP, stop_after=1):
                wake()
        steps += 1
        if line.broken or line.closed or steps % PROBE == 0:
            connection.exec_driver_sql("select 1")
