"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "articles",
        sa.Column("key", KEY, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("url_digest", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("published_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.Column("visible_hash", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=True),
        sa.Column("gone_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_articles")),
        sa.UniqueConstraint("id", name=op.f("uq_articles_id")),
    )
    op.create_index(op.f("ix_articles_expires_us"), "articles", ["expires_us"], unique=False)
    op.create_index(op.f("ix_articles_path"), "articles", ["path"], unique=False)
    op.create_index(
        op.f("ix_articles_status_published_us"), "articles", ["status", "published_us"], unique=False
    )
    op.create_index(op.f("ix_articles_url_digest"), "articles", ["url_digest"], unique=False)
    op.create_table(
        "feeds",
        sa.Column("key", KEY, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("rendered", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_feeds")),
        sa.UniqueConstraint("kind", "name", name=op.f("uq_feeds_kind_name")),
    )
    op.create_table(
        "findings",
        sa.Column("number", KEY, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("path", TEXT, nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("column", sa.Integer(), nullable=True),
        sa.Column("level", TEXT, nullable=False),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("hint", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_findings")),
    )
    op.create_index(op.f("ix_findings_source"), "findings", ["source"], unique=False)
    op.create_table(
        "passes",
        sa.Column("number", KEY, nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("report", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_passes")),
    )
    op.create_table(
        "state",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_state")),
    )
    op.create_table(
        "documents",
        sa.Column("path", TEXT, nullable=False),
        sa.Column("feed_key", KEY, nullable=True),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["feed_key"], ["feeds.key"], name=op.f("fk_documents_feed_key")),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_documents")),
    )
    op.create_index(op.f("ix_documents_feed_key"), "documents", ["feed_key"], unique=False)
    op.create_table(
        "events",
        sa.Column("number", KEY, nullable=False),
        sa.Column("article_key", KEY, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["article_key"], ["articles.key"], name=op.f("fk_events_article_key")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_article_key"), "events", ["article_key"], unique=False)
    op.create_table(
        "files",
        sa.Column("path", TEXT, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("fate", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("article_key", KEY, nullable=True),
        sa.ForeignKeyConstraint(["article_key"], ["articles.key"], name=op.f("fk_files_article_key")),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_files")),
    )
    op.create_index(op.f("ix_files_article_key"), "files", ["article_key"], unique=False)
    op.create_table(
        "members",
        sa.Column("feed_key", KEY, nullable=False),
        sa.Column("article_key", KEY, nullable=False),
        sa.Column("published_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["article_key"], ["articles.key"], name=op.f("fk_members_article_key")),
        sa.ForeignKeyConstraint(["feed_key"], ["feeds.key"], name=op.f("fk_members_feed_key")),
        sa.PrimaryKeyConstraint("feed_key", "article_key", name=op.f("pk_members")),
    )
    op.create_index(op.f("ix_members_article_key"), "members", ["article_key"], unique=False)
    op.create_index(
        op.f("ix_members_feed_key_published_us"), "members", ["feed_key", "published_us"], unique=False
    )
    op.create_table(
        "slugs",
        sa.Column("slug", TEXT, nullable=False),
        sa.Column("feed_key", KEY, nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["feed_key"], ["feeds.key"], name=op.f("fk_slugs_feed_key")),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_slugs")),
    )
    op.create_index(op.f("ix_slugs_feed_key"), "slugs", ["feed_key"], unique=False)
