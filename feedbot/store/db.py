"""Opening the database, with a schema that is up to date; and moments as it has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError

from feedbot.errors import StoreError
from feedbot.store.engines import PATIENCE, SESSIONS, TURN, exclusive_engine, make_engine
from feedbot.store.schema import HEAD, PASSES, leases, metadata
from feedbot.store.trouble import (
    MAKE_ROOM,
    MEND,
    PERMIT,
    is_damaged,
    is_forbidden,
    is_locked,
    is_refused,
    reason_of,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def open_store(url: str, *, read_only: bool = False, patience: float = PATIENCE) -> Engine:
    """Connect to the database at `url`, creating or upgrading the schema unless `read_only`.

    `patience` is how many seconds a statement may take, or wait for a lock.

    Raises StoreError when the database cannot be opened, is not feedbot's, or is from a newer feedbot.
    """
    parsed = make_url(url)
    with _explained(parsed):
        _make_folder(parsed, read_only=read_only)
        engine = make_engine(parsed, read_only=read_only, patience=patience)
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
    if is_forbidden(error):
        return PERMIT
    return MAKE_ROOM if is_refused(error) else "Check `store.url` in config.yaml, or DATABASE_URL"


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
    # Closed to everybody else on the machine: the state holds what is not published yet, and not any more.
    path.parent.mkdir(mode=0o770, parents=True, exist_ok=True)


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
        engine = make_engine(parsed, read_only=True)
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
    engine = exclusive_engine(parsed)
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
