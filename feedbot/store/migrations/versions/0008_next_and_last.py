"""What expires next, the last event of an article, what the hub is to be told: found without all the rest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """From 0007."""
    op.drop_index("ix_events_article_key", "events")
    op.create_index("ix_events_article_key_number", "events", ["article_key", "number"])
    op.drop_index("ix_deliveries_feed_key_target", "deliveries")
    op.create_index("ix_deliveries_feed_key_target_state", "deliveries", ["feed_key", "target", "state"])
    op.drop_index("ix_articles_expires_us", "articles")
    expires = sa.text("status != 'withdrawn' and expires_us is not null")
    op.create_index(
        "ix_articles_expiring", "articles", ["expires_us"], sqlite_where=expires, postgresql_where=expires
    )
