"""Several workers: which of them have the same configuration."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Of those who are there it is not known."""
    op.add_column("workers", sa.Column("setup", TEXT, nullable=True))
