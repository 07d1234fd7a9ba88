"""Engines that keep their promises: how SQLite and PostgreSQL are spoken to.

Nothing waits for a database that does not answer longer than its engine's patience: not for a lock on SQLite,
not for PostgreSQL behind a network that is cut.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from feedbot.errors import StoreError
from feedbot.process import Process, this_process

PATIENCE = 30.0  # seconds that a statement may take, or wait for a lock
CONNECT = 5  # seconds to reach PostgreSQL

# How PostgreSQL is spoken to, unless the address says otherwise: as libpq's documentation has them. A network
# that is cut without a word is noticed within fifteen seconds. A database that was made where no language was
# set (SQL_ASCII) knows of no encoding, and keeps what it is given.
LINE = {
    "client_encoding": "utf8",
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
CONNECTIONS = 2  # kept open: one for the passes, one for what is sent; more are opened and closed as needed
SESSIONS = "feedbot "  # begins what PostgreSQL calls our connections
# Of pages that SQLite keeps: twice the usual, for a pass over everything writes 50,000 pages to the disk less
# often. More hardly helps.
PAGES_KIB = 4096
TURN = 1  # second that `exclusive_engine` waits for others to be done


def make_engine(
    url: URL,
    *,
    read_only: bool = False,
    patience: float = PATIENCE,
    connections: int = CONNECTIONS,
    keeps_log_short: bool = False,
) -> Engine:
    """An engine on the database at `url`, which nobody has asked anything yet.

    It keeps so many `connections` open. On SQLite it leaves the log to others, unless it `keeps_log_short`.
    """
    if url.get_backend_name() != "sqlite":
        return _postgresql(url, patience=patience, connections=connections)
    in_memory = not url.database or url.database == ":memory:"
    # An in-memory database lives in its one connection.
    arguments: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine(url, **arguments)
    _prepare_sqlite(engine, read_only=read_only, patience=patience, keeps_log_short=keeps_log_short)
    return engine


def exclusive_engine(url: URL) -> Engine:
    """One connection; to SQLite such that no other can be open beside it."""
    if url.get_backend_name() != "sqlite":
        return make_engine(url, read_only=True)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (f"busy_timeout={TURN * 1000}", "locking_mode=exclusive", "foreign_keys=on"):
            connection.execute(f"pragma {pragma}")

    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def beside(engine: Engine, patience: float) -> Engine:
    """Another engine on the same database, with one connection and a patience of its own in seconds.

    On SQLite what it commits takes along what others have committed: from the log to its place in the file.
    """
    if isinstance(engine.pool, StaticPool):
        return engine  # the one connection is the database
    return make_engine(engine.url, patience=patience, connections=1, keeps_log_short=True)


def reading(engine: Engine) -> Engine:
    """`engine` for those who only read: on SQLite they neither wait for who writes, nor hold anybody up."""
    return engine.execution_options(reads_only=True)


def session_of(process: Process) -> str:
    """What PostgreSQL calls the connections of a process."""
    return f"{SESSIONS}{process.name} {process.mark.rpartition(' ')[2]}"


def _postgresql(url: URL, *, patience: float, connections: int) -> Engine:
    try:
        from feedbot.store import line  # noqa: PLC0415 - psycopg is there only where PostgreSQL is used

        given = {
            **LINE,
            "connect_timeout": max(2, min(CONNECT, int(patience))),  # libpq takes no less than 2
            "application_name": session_of(this_process()),
        }
        options = {name: value for name, value in given.items() if name not in url.query}
        engine = create_engine(
            url,
            # Said with each BEGIN, for a server may have been told to begin stricter ones: these fail where
            # two processes write, instead of seeing what the other has just committed.
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            pool_size=connections,
            connect_args=options,
        )
    except ImportError as error:
        needed = "PostgreSQL needs the extra `postgres`: install feedbot with it, or"
        raise StoreError(f"{needed} `pip install 'psycopg[binary]'`") from error

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, arguments: Any, options: Any) -> Any:
        return line.connect(*arguments, patience=patience, **options)

    return engine


def _prepare_sqlite(engine: Engine, *, read_only: bool, patience: float, keeps_log_short: bool) -> None:
    """Make transactions real. The driver's default opens one only at the first write, so that a read before
    it sees an older state and updates are lost without an error.
    """

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        pragmas = [f"busy_timeout={int(1000 * patience)}", "synchronous=normal", "foreign_keys=on"]
        pragmas.append(f"cache_size={-PAGES_KIB}")
        if not read_only:
            pragmas.append("journal_mode=wal")
        if not keeps_log_short:
            pragmas.append("wal_autocheckpoint=0")
        for pragma in pragmas:
            connection.execute(f"pragma {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = not (read_only or connection.get_execution_options().get("reads_only"))
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
