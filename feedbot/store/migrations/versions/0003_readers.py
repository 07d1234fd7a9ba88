"""What readers and people meet: archives, activity, digests of documents; and deliveries about feeds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """From 0002. The activity of the past is counted once."""
    _create_activity()
    _create_archives()
    _note_first_slugs()
    _extend_documents()
    _open_deliveries_to_feeds()


def _create_activity() -> None:
    op.create_table(
        "activity",
        sa.Column("feed_key", KEY, nullable=False),
        sa.Column("week", sa.Integer(), nullable=False),
        sa.Column("articles", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["feed_key"], ["feeds.key"], name="fk_activity_feed_key"),
        sa.PrimaryKeyConstraint("feed_key", "week", name="pk_activity"),
    )
    # Divided as positive numbers, for databases round the others towards zero.
    op.execute(
        "insert into activity (feed_key, week, articles)"
        " select feed_key, (published_us + 72576000000000000) / 604800000000 - 120000, count(*)"
        " from members group by 1, 2"
    )


def _create_archives() -> None:
    op.create_table(
        "archives",
        sa.Column("key", KEY, nullable=False),
        sa.Column("feed_key", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("rendered", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["feed_key"], ["feeds.key"], name="fk_archives_feed_key"),
        sa.PrimaryKeyConstraint("key", name="pk_archives"),
        sa.UniqueConstraint("feed_key", "number", name="uq_archives_feed_key_number"),
    )
    op.create_table(
        "archived",
        sa.Column("feed_key", KEY, nullable=False),
        sa.Column("article_key", KEY, nullable=False),
        sa.Column("archive_key", KEY, nullable=False),
        sa.ForeignKeyConstraint(["feed_key"], ["feeds.key"], name="fk_archived_feed_key"),
        sa.ForeignKeyConstraint(["article_key"], ["articles.key"], name="fk_archived_article_key"),
        sa.ForeignKeyConstraint(["archive_key"], ["archives.key"], name="fk_archived_archive_key"),
        sa.PrimaryKeyConstraint("feed_key", "article_key", name="pk_archived"),
    )
    op.create_index("ix_archived_archive_key", "archived", ["archive_key"])
    op.create_index("ix_archived_article_key", "archived", ["article_key"])
    op.add_column("feeds", sa.Column("open_us", sa.BigInteger(), nullable=True))


def _note_first_slugs() -> None:
    op.add_column("feeds", sa.Column("first_slug", TEXT, nullable=True))
    # The one that ids are made of until now; which was the first is not known.
    op.execute(
        "update feeds set first_slug ="
        " (select slug from slugs where slugs.feed_key = feeds.key and slugs.current)"
    )


def _extend_documents() -> None:
    with op.batch_alter_table("documents") as documents:
        documents.add_column(sa.Column("archive_key", KEY, nullable=True))
        documents.add_column(sa.Column("digest", TEXT, nullable=True))
        documents.create_foreign_key("fk_documents_archive_key", "archives", ["archive_key"], ["key"])
        documents.create_index("ix_documents_archive_key", ["archive_key"])


def _open_deliveries_to_feeds() -> None:
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.alter_column("article_key", existing_type=KEY, nullable=True)
        deliveries.alter_column("event_number", existing_type=KEY, nullable=True)
        deliveries.add_column(sa.Column("feed_key", KEY, nullable=True))
        deliveries.create_foreign_key("fk_deliveries_feed_key", "feeds", ["feed_key"], ["key"])
        deliveries.create_index("ix_deliveries_feed_key_target", ["feed_key", "target"])
