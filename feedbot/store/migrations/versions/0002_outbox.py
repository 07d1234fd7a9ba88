"""The outbox: targets, deliveries, attempts, posts; and which events were announced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """From 0001. What happened before there were announcements is not announced now."""
    _mark_events()
    _create_targets()
    _create_deliveries()
    _create_attempts()
    _create_posts()


def _mark_events() -> None:
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("announced_us", sa.BigInteger(), nullable=True))
        events.create_index("ix_events_announced_us", ["announced_us"])
    op.execute("update events set announced_us = at_us")


def _create_targets() -> None:
    op.create_table(
        "targets",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("first_event", sa.BigInteger(), nullable=False),
        sa.Column("setup", TEXT, nullable=False),
        sa.Column("condition", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since_us", sa.BigInteger(), nullable=True),
        sa.Column("until_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_targets"),
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("key", KEY, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("target", TEXT, nullable=False),
        sa.Column("article_key", KEY, nullable=False),
        sa.Column("event_number", KEY, nullable=False),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("may_have_arrived", sa.Boolean(), nullable=False),
        sa.Column("first_tried_us", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", TEXT, nullable=True),
        sa.Column("lease_until_us", sa.BigInteger(), nullable=True),
        sa.Column("settled_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["target"], ["targets.name"], name="fk_deliveries_target"),
        sa.ForeignKeyConstraint(["article_key"], ["articles.key"], name="fk_deliveries_article_key"),
        sa.ForeignKeyConstraint(["event_number"], ["events.number"], name="fk_deliveries_event_number"),
        sa.PrimaryKeyConstraint("key", name="pk_deliveries"),
        sa.UniqueConstraint("id", name="uq_deliveries_id"),
        sa.UniqueConstraint(
            "target", "article_key", "event_number", name="uq_deliveries_target_article_key_event_number"
        ),
    )
    op.create_index("ix_deliveries_article_key_target", "deliveries", ["article_key", "target"])
    op.create_index("ix_deliveries_event_number", "deliveries", ["event_number"])
    op.create_index("ix_deliveries_target_settled_us", "deliveries", ["target", "settled_us"])
    _create_partial("ix_deliveries_open", ["target", "key"], "state in ('pending', 'retry', 'unclear')")
    _create_partial("ix_deliveries_sending", ["target"], "state = 'sending'")
    _create_partial("uq_deliveries_published", ["target", "article_key"], "event = 'published'", unique=True)


def _create_partial(name: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, "deliveries", columns, unique=unique, sqlite_where=where, postgresql_where=where)


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("number", KEY, nullable=False),
        sa.Column("delivery_key", KEY, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("took_us", sa.BigInteger(), nullable=True),
        sa.Column("said", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["delivery_key"], ["deliveries.key"], name="fk_attempts_delivery_key"),
        sa.PrimaryKeyConstraint("number", name="pk_attempts"),
    )
    op.create_index("ix_attempts_delivery_key", "attempts", ["delivery_key"])


def _create_posts() -> None:
    op.create_table(
        "posts",
        sa.Column("target", TEXT, nullable=False),
        sa.Column("article_key", KEY, nullable=False),
        sa.Column("posted_us", sa.BigInteger(), nullable=True),
        sa.Column("receipt", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["target"], ["targets.name"], name="fk_posts_target"),
        sa.ForeignKeyConstraint(["article_key"], ["articles.key"], name="fk_posts_article_key"),
        sa.PrimaryKeyConstraint("target", "article_key", name="pk_posts"),
    )
