"""Counting without reading every row: deliveries by target and state, files that are in no feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """From 0003."""
    op.create_index("ix_deliveries_target_state", "deliveries", ["target", "state"])
    is_unread = sa.text("fate != 'read'")
    op.create_index(
        "ix_files_unread", "files", ["fate", "reason"], sqlite_where=is_unread, postgresql_where=is_unread
    )
