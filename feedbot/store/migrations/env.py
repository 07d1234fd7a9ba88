"""alembic's entry: runs over the connection that `upgrade` hands over, and configures no logging."""

from __future__ import annotations

from alembic import context

from feedbot.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,  # with BEGIN IMMEDIATE SQLite rolls DDL back, too
)
with context.begin_transaction():
    context.run_migrations()
