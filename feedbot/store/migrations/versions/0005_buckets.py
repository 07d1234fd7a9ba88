"""Documents in buckets: what the bucket calls the content of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Until now, documents were files: they have none."""
    op.add_column("documents", sa.Column("e_tag", TEXT, nullable=True))
