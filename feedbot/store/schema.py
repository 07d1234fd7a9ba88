"""The tables. Moments are integer microseconds since 1970 in UTC; text sorts by code point on every database.

A change here needs a migration in `migrations/versions/` and a new `HEAD`; a test proves that a migrated
database equals a fresh one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy import Text as PlainText

HEAD = "0008"  # the newest migration
PASSES = "passes"  # the name of the lease on making passes

# PostgreSQL sorts text by the database's language unless told otherwise; SQLite by code point.
Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")
# SQLite gives automatic keys only to INTEGER.
Key = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _index_part(name: str, where: str, *columns: Column[Any], unique: bool = False) -> None:
    """Index those rows of a table for which `where` holds."""
    condition = text(where)
    index = Index(name, *columns, unique=unique, sqlite_where=condition)

    @event.listens_for(columns[0].table, "before_create")
    def _tell_postgresql(_table: Table, connection: Connection, **_: object) -> None:
        # Not sooner: its options load the whole dialect, which most processes never need.
        if connection.dialect.name == "postgresql":
            index.dialect_options["postgresql"]["where"] = condition


# One row for each article that was ever visible or waits to be; never deleted, for an id seen is an id seen.
articles = Table(
    "articles",
    metadata,
    Column("key", Key, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("path", Text, nullable=False),  # where it was read last
    Column("url_digest", Text, nullable=False),  # of the front-matter URL, which tells a rename; "" if none
    Column("status", Text, nullable=False),  # model.Status
    Column("reason", Text, nullable=False),  # why withdrawn, else ""
    Column("published_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("visible_hash", Text, nullable=False),  # of what readers can see
    Column("body", Text, nullable=False),  # the article as JSON
    Column("seen_us", BigInteger),  # first visible; None: never yet
    Column("gone_us", BigInteger),  # its file was gone then; None: the file is there
    Index(None, "url_digest"),
    Index(None, "path"),
    Index(None, "status", "published_us"),
)
# Without those that have expired, which become more and more.
_index_part("ix_articles_expiring", "status != 'withdrawn' and expires_us is not null", articles.c.expires_us)

# One row for each content file there is, with the stat it had when it was read.
files = Table(
    "files",
    metadata,
    Column("path", Text, primary_key=True),
    Column("mtime_ns", BigInteger, nullable=False),  # -1: read it again
    Column("size", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("fate", Text, nullable=False),  # read, excluded, broken or duplicate
    Column("reason", Text, nullable=False),
    Column("article_key", Key, ForeignKey("articles.key")),
    Index(None, "article_key"),
)
_index_part("ix_files_unread", "fate != 'read'", files.c.fate, files.c.reason)

# One row for each feed there ever was. `changed` rises with each change of what it shows; `rendered` is the
# value of `changed` that its documents on disk show.
feeds = Table(
    "feeds",
    metadata,
    Column("key", Key, primary_key=True),
    Column("kind", Text, nullable=False),  # all, topic or named
    Column("name", Text, nullable=False),  # folded; identifies the feed within its kind
    Column("title", Text, nullable=False),  # the name as first seen
    Column("changed", BigInteger, nullable=False),
    Column("rendered", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),  # newest `updated` it showed; an empty feed keeps it
    Column("active", Boolean, nullable=False),  # False: the configuration dropped it
    Column("open_us", BigInteger),  # of its articles, none that is in no archive is older; None: not known
    Column("first_slug", Text),  # its own id is made of it; None: it has no slug
    UniqueConstraint("kind", "name"),
)

# Every slug ever given. A slug never goes to another feed; the one that is `current` names its folder.
slugs = Table(
    "slugs",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("feed_key", Key, ForeignKey("feeds.key"), nullable=False),
    Column("current", Boolean, nullable=False),
    Index(None, "feed_key"),
)

# Which live articles each feed can choose from.
members = Table(
    "members",
    metadata,
    Column("feed_key", Key, ForeignKey("feeds.key"), primary_key=True),
    Column("article_key", Key, ForeignKey("articles.key"), primary_key=True),
    Column("published_us", BigInteger, nullable=False),
    Index(None, "feed_key", "published_us"),
    Index(None, "article_key"),
)

# How many articles of each week a feed can choose from; counted along with `members`, for counting those anew
# takes longer the more there are.
activity = Table(
    "activity",
    metadata,
    Column("feed_key", Key, ForeignKey("feeds.key"), primary_key=True),
    Column("week", Integer, primary_key=True),  # activity.week_of their dates
    Column("articles", Integer, nullable=False),
)

# The closed documents of each feed (RFC 5005, section 4), if it has archives. `changed` and `rendered` mean
# what they mean for feeds; an archive is rendered again only when something in it is corrected or taken out.
archives = Table(
    "archives",
    metadata,
    Column("key", Key, primary_key=True),
    Column("feed_key", Key, ForeignKey("feeds.key"), nullable=False),
    Column("number", Integer, nullable=False),  # 1 is the oldest
    Column("changed", BigInteger, nullable=False),
    Column("rendered", BigInteger, nullable=False),
    UniqueConstraint("feed_key", "number"),
)

# Which archive of a feed an article is in, for ever: it comes back there after it was withdrawn.
archived = Table(
    "archived",
    metadata,
    Column("feed_key", Key, ForeignKey("feeds.key"), primary_key=True),
    Column("article_key", Key, ForeignKey("articles.key"), primary_key=True),
    Column("archive_key", Key, ForeignKey("archives.key"), nullable=False),
    Index(None, "archive_key"),
    Index(None, "article_key"),
)

# What feedbot wrote: nothing else in the place of output is ever overwritten or removed.
documents = Table(
    "documents",
    metadata,
    Column("path", Text, primary_key=True),
    Column("feed_key", Key, ForeignKey("feeds.key")),  # None: the index and OPML
    Column("mtime_ns", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("archive_key", Key, ForeignKey("archives.key")),  # None: not of an archive
    Column("digest", Text),  # SHA-256 of its bytes; None: written before digests were kept
    Column("e_tag", Text),  # what a bucket calls its content; "": it is gone; None: not in a bucket
    Index(None, "feed_key"),
    Index(None, "archive_key"),
)

findings = Table(
    "findings",
    metadata,
    Column("number", Key, primary_key=True),
    Column("source", Text, nullable=False),  # the file or document that it goes with
    Column("path", Text, nullable=False),
    Column("line", Integer),
    Column("column", Integer),
    Column("level", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Index(None, "source"),
)

# What happened to articles in the eyes of their readers; announcing begins here.
events = Table(
    "events",
    metadata,
    Column("number", Key, primary_key=True),
    Column("article_key", Key, ForeignKey("articles.key"), nullable=False),
    Column("kind", Text, nullable=False),  # published, updated or withdrawn
    Column("at_us", BigInteger, nullable=False),
    Column("announced_us", BigInteger),  # its deliveries were recorded then; None: not yet
    Index(None, "article_key", "number"),
    Index(None, "announced_us"),
)

# One row for each target that was ever configured, with how it fares.
targets = Table(
    "targets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("first_event", BigInteger, nullable=False),  # events up to this number are not for it
    Column("setup", Text, nullable=False),  # a digest of its options: what changed there may have mended it
    Column("condition", Text, nullable=False),  # settlement.Condition
    Column("reason", Text, nullable=False),
    Column("failures", Integer, nullable=False),  # in a row
    Column("since_us", BigInteger),  # not ready since then
    Column("until_us", BigInteger),  # nothing is sent before then
)

# The outbox: one event of one article, or one change of a feed, to be told to one target. `id` is what
# receivers know a double by.
deliveries = Table(
    "deliveries",
    metadata,
    Column("key", Key, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("target", Text, ForeignKey("targets.name"), nullable=False),
    Column("article_key", Key, ForeignKey("articles.key")),  # None: it is about a feed
    Column("event_number", Key, ForeignKey("events.number")),  # None: it is about a feed
    Column("event", Text, nullable=False),  # published, updated or withdrawn; changed, of a feed
    Column("at_us", BigInteger, nullable=False),  # of the event
    Column("state", Text, nullable=False),  # attempt.State
    Column("reason", Text, nullable=False),  # why it stands so, for a person
    Column("due_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),  # that count; risen when it is claimed
    Column("generation", Integer, nullable=False),  # risen when it is sent anew on purpose
    Column("by_hand", Boolean, nullable=False),  # a person said that it is to be sent
    Column("may_have_arrived", Boolean, nullable=False),
    Column("first_tried_us", BigInteger),
    Column("lease_owner", Text),
    Column("lease_until_us", BigInteger),  # after this a claim is void: its process was killed
    Column("settled_us", BigInteger),  # it got its last state then; None: it is not done
    Column("feed_key", Key, ForeignKey("feeds.key")),  # None: it is about an article
    UniqueConstraint("target", "article_key", "event_number"),
    Index(None, "article_key", "target"),
    Index(None, "event_number"),
    Index(None, "feed_key", "target", "state"),
    Index(None, "target", "settled_us"),
    Index(None, "target", "state"),
)
_target, _key, _article_key = deliveries.c.target, deliveries.c.key, deliveries.c.article_key
_index_part("ix_deliveries_open", "state in ('pending', 'retry', 'unclear')", _target, _key)
_index_part("ix_deliveries_sending", "state = 'sending'", _target)
# An article is new once.
_index_part("uq_deliveries_published", "event = 'published'", _target, _article_key, unique=True)

# What became of each try.
attempts = Table(
    "attempts",
    metadata,
    Column("number", Key, primary_key=True),
    Column("delivery_key", Key, ForeignKey("deliveries.key"), nullable=False),
    Column("at_us", BigInteger, nullable=False),  # when it ended
    Column("outcome", Text, nullable=False),  # sent, retry, ...
    Column("reason", Text, nullable=False),
    Column("status", Integer),  # of the answer that decided, if there was one
    Column("took_us", BigInteger),  # from the request to the end of that answer
    Column("said", Text, nullable=False),  # the beginning of that answer
    Index(None, "delivery_key"),
)

# What each target has of an article: enough to change it or take it back, for as long as the article lives.
posts = Table(
    "posts",
    metadata,
    Column("target", Text, ForeignKey("targets.name"), primary_key=True),
    Column("article_key", Key, ForeignKey("articles.key"), primary_key=True),
    Column("posted_us", BigInteger),  # when it was announced; None: it was not, or it was taken back
    Column("receipt", Text, nullable=False),  # JSON: what the target noted, such as the id of a post
)

passes = Table(
    "passes",
    metadata,
    Column("number", Key, primary_key=True),
    Column("started_us", BigInteger, nullable=False),
    Column("report", Text, nullable=False),  # JSON
)

state = Table(
    "state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# The processes that work on this state, for those who want to know and for those who take over from them.
workers = Table(
    "workers",
    metadata,
    Column("owner", Text, primary_key=True),  # random: who holds leases
    Column("name", Text, nullable=False),  # host:pid, for a person
    Column("role", Text, nullable=False),  # workers.Role
    Column("mark", Text, nullable=False),  # process.Process
    Column("session", Text, nullable=False),  # by which the database knows its connections
    Column("since_us", BigInteger, nullable=False),  # by the database's clock, as all moments here
    Column("seen_us", BigInteger, nullable=False),  # it gave a sign of life then
    Column("is_gone", Boolean, nullable=False),  # it gives none any more, and was seen to
    Column("setup", Text),  # a digest of its configuration and version; None: not known
)

# What only one process does at a time. The term rises with each new holder and never falls.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text),  # None: nobody's
    Column("term", BigInteger, nullable=False),
    Column("since_us", BigInteger),  # its holder's since then
    Column("until_us", BigInteger, nullable=False),  # after this anybody may take it
    Column("pass_us", BigInteger),  # a pass is under way since then; None: none is
)
