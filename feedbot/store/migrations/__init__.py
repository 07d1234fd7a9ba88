"""Bringing an older database up to date; imports alembic, so nobody imports this unless it is behind."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, event, text

from feedbot.errors import StoreError
from feedbot.store.schema import HEAD


def config() -> Config:
    """alembic's configuration for the scripts in this package."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return settings


def upgrade(url: URL, version: str | None) -> None:
    """Run every migration after `version` in one transaction.

    Raises StoreError when `version` is unknown, that is, from a newer feedbot.
    """
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(
            f"the database is from a newer feedbot (schema {version}): upgrade feedbot, or restore a backup"
        )
    engine = create_engine(url)
    if url.get_backend_name() == "sqlite":
        # Foreign keys stay off here: batch mode drops and recreates tables, and a drop would cascade.
        event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as connection:
        if url.get_backend_name() == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(7305814)"))
        settings = config()
        settings.attributes["connection"] = connection
        found = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(settings, "head")
        if found != HEAD:  # another process may have been faster, and be at work
            _end_turn(connection)
        if url.get_backend_name() == "sqlite":
            broken = connection.exec_driver_sql("pragma foreign_key_check").all()
            if broken:
                raise StoreError(f"the upgrade would break {len(broken)} references, so nothing was changed")
    engine.dispose()


def _end_turn(connection: Connection) -> None:
    """Whatever an older feedbot writes in the pass that it is making does not count any more."""
    connection.execute(text("update leases set owner = null, until_us = 0, pass_us = null"))
