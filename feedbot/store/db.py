"""Opening the database: engines that keep their promises, and a schema that is up to date.

Nothing waits for a database that does not answer longer than its engine's patience: not for a lock on SQLite,
not for PostgreSQL behind a network that is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from feedbot.errors import StoreError
from feedbot.process import Process, this_process
from feedbot.store.schema import HEAD, PASSES, leases, metadata
from feedbot.store.trouble import MEND, PERMIT, is_damaged, is_forbidden, is_locked, reason_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
TURN = 1  # second that `only_user` waits for others to be done


def open_store(url: str, *, read_only: bool = False, patience: float = PATIENCE) -> Engine:
    """Connect to the database at `url`, creating or upgrading the schema unless `read_only`.

    `patience` is how many seconds a statement may take, or wait for a lock.

    Raises StoreError when the database cannot be opened, is not feedbot's, or is from a newer feedbot.
    """
    parsed = make_url(url)
    with _explained(parsed):
        _make_folder(parsed, read_only=read_only)
        engine = _engine(parsed, read_only=read_only, patience=patience)
        try:
            _make_ready(engine, read_only=read_only)
        except BaseException:
            engine.dispose()
            raise
    return engine


@contextmanager
def _explained(url: URL) -> Iterator[None]:
    try:
        yield
    except (DatabaseError, OSError) as error:
        reason = reason_of(error)
        if is_locked(error) or "lock timeout" in reason:
            raise StoreError(_in_use(url)) from error
        raise StoreError(f"cannot use the database {_shown(url)}: {reason}. {_way_out(error)}") from error


def _way_out(error: Exception) -> str:
    if is_damaged(error):
        return MEND
    return PERMIT if is_forbidden(error) else "Check `store.url` in config.yaml, or DATABASE_URL"


def _make_ready(engine: Engine, *, read_only: bool) -> None:
    if not read_only:
        _bring_up_to_date(engine)
        return
    version = _version(engine)
    if version is None:
        raise StoreError(f"there is no state yet at {_shown(engine.url)}: run `feedbot build` once")
    if version < HEAD:
        raise StoreError(
            f"the state at {_shown(engine.url)} is from an older feedbot: run `feedbot build` once"
        )
    if version > HEAD:
        raise StoreError(f"the state at {_shown(engine.url)} is from a newer feedbot: upgrade feedbot")


def to_us(moment: datetime) -> int:
    """Microseconds since 1970 of an aware `moment`."""
    since = moment - EPOCH  # in whole numbers by its parts, many times faster than a division
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_us(microseconds: int) -> datetime:
    """The aware UTC moment, the inverse of `to_us`."""
    return EPOCH + timedelta(microseconds=microseconds)


def from_us_or_none(microseconds: int | None) -> datetime | None:
    """The same where there may be none."""
    return None if microseconds is None else from_us(microseconds)


def _make_folder(url: URL, *, read_only: bool) -> None:
    if url.get_backend_name() != "sqlite" or not url.database:
        return
    path = Path(url.database)
    if read_only and not path.exists():
        raise StoreError(f"there is no state yet at {path}: run `feedbot build` once")
    path.parent.mkdir(parents=True, exist_ok=True)


def beside(engine: Engine, patience: float) -> Engine:
    """Another engine on the same database, with one connection and a patience of its own in seconds.

    On SQLite what it commits takes along what others have committed: from the log to its place in the file.
    """
    if isinstance(engine.pool, StaticPool):
        return engine  # the one connection is the database
    return _engine(engine.url, patience=patience, connections=1, keeps_log_short=True)


def reading(engine: Engine) -> Engine:
    """`engine` for those who only read: on SQLite they neither wait for who writes, nor hold anybody up."""
    return engine.execution_options(reads_only=True)


def session_of(process: Process) -> str:
    """What PostgreSQL calls the connections of a process."""
    return f"{SESSIONS}{process.name} {process.mark.rpartition(' ')[2]}"


def _engine(
    url: URL,
    *,
    read_only: bool = False,
    patience: float = PATIENCE,
    connections: int = CONNECTIONS,
    keeps_log_short: bool = False,
) -> Engine:
    if url.get_backend_name() != "sqlite":
        return _postgresql(url, patience=patience, connections=connections)
    in_memory = not url.database or url.database == ":memory:"
    # An in-memory database lives in its one connection.
    arguments: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine(url, **arguments)
    _prepare_sqlite(engine, read_only=read_only, patience=patience, keeps_log_short=keeps_log_short)
    return engine


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
        raise StoreError(f"{needed} `pip install 'psycopg[binary,pool]'`") from error

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _record: object, arguments: Any, options: Any) -> Any:
        return line.connect(*arguments, patience=patience, **options)

    return engine


# Twice the usual: a pass over everything writes 50,000 pages to the disk less often. More hardly helps.
PAGES_KIB = 4096


def _prepare_sqlite(engine: Engine, *, read_only: bool, patience: float, keeps_log_short: bool) -> None:
    """Make transactions real. The driver's default opens one only at the first write, so that a read before
    it sees an older state and updates are lost without an error.
    """

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={int(1000 * patience)}", "synchronous=normal", "foreign_keys=on"):
            cursor.execute(f"pragma {pragma}")
        cursor.execute(f"pragma cache_size={-PAGES_KIB}")
        if not read_only:
            cursor.execute("pragma journal_mode=wal")
        if not keeps_log_short:
            cursor.execute("pragma wal_autocheckpoint=0")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = not (read_only or connection.get_execution_options().get("reads_only"))
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _bring_up_to_date(engine: Engine) -> None:
    version = _version(engine)
    if version == HEAD:
        return
    if version is None:
        _create(engine)
        return
    # alembic costs a third of a second to import; most starts need none of it.
    from feedbot.store.migrations import upgrade  # noqa: PLC0415 - loaded only when behind

    upgrade(engine.url, version)


def _create(engine: Engine) -> None:
    with engine.begin() as connection:
        _lock_schema(connection)
        if _version_of(connection) is not None:
            return  # another process was faster
        strangers = set(inspect(connection).get_table_names()) & set(metadata.tables)
        if strangers:
            raise StoreError(
                f"the database {_shown(engine.url)} has a table `{min(strangers)}` that is not feedbot's:"
                " give feedbot a database of its own in `store.url`"
            )
        metadata.create_all(connection)
        connection.execute(insert(leases).values(name=PASSES, term=0, until_us=0))
        connection.execute(
            text(
                "create table alembic_version (version_num varchar(32) not null,"
                " constraint alembic_version_pkc primary key (version_num))"
            )
        )
        connection.execute(text("insert into alembic_version values (:head)"), {"head": HEAD})


def _lock_schema(connection: Connection) -> None:
    """One process at a time changes the schema; on SQLite BEGIN IMMEDIATE has seen to that."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(7305814)"))


def _version(engine: Engine) -> str | None:
    with engine.begin() as connection:
        return _version_of(connection)


def _version_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("select version_num from alembic_version")).scalar()
    return str(version) if version is not None else None


def _shown(url: URL) -> str:
    return url.database or "in memory" if url.get_backend_name() == "sqlite" else url.render_as_string()


def has_state(url: str) -> bool:
    """Whether there is a state at `url`, of whatever version; makes nothing.

    Raises StoreError when the database cannot be read.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return False
    with _explained(parsed):
        engine = _engine(parsed, read_only=True)
        try:
            return _version(engine) is not None
        finally:
            engine.dispose()


def shown(url: str) -> str:
    """`url` for a person: a file by its path, a server without the password."""
    return _shown(make_url(url))


@contextmanager
def only_user(url: str) -> Iterator[Connection]:
    """A transaction over the state at `url`, which nobody else uses, and nobody can change until it ends.

    Raises StoreError when somebody has it open, as workers do all the time.
    """
    parsed = make_url(url)
    engine = _exclusive(parsed) if parsed.get_backend_name() == "sqlite" else _engine(parsed, read_only=True)
    try:
        with _explained(parsed):
            connection = engine.connect()
        with connection:
            with _explained(parsed):
                transaction = connection.begin()
                if connection.dialect.name == "sqlite":
                    _version_of(connection)  # the lock is taken with the first look
                else:
                    _lock_out_others(connection)
            with transaction:
                yield connection
    finally:
        engine.dispose()


def _exclusive(url: URL) -> Engine:
    """One connection that no other can be open beside."""
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (f"busy_timeout={TURN * 1000}", "locking_mode=exclusive", "foreign_keys=on"):
            connection.execute(f"pragma {pragma}")

    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _lock_out_others(connection: Connection) -> None:
    """Let nobody write to the tables until the transaction ends. Raises StoreError if others are there."""
    connection.execute(text(f"set local lock_timeout = '{TURN}s'"))
    there = set(inspect(connection).get_table_names())
    names = ", ".join(f'"{name}"' for name in metadata.tables if name in there)
    connection.execute(text(f"lock table {names} in share mode"))
    others = (
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and application_name like :ours and pid <> pg_backend_pid()"
    )
    if connection.execute(text(others), {"ours": f"{SESSIONS}%"}).scalar_one():
        raise StoreError(_in_use(connection.engine.url))


def _in_use(url: URL) -> str:
    return f"another feedbot is at work on the database {_shown(url)}: wait until it is done, or stop it"
