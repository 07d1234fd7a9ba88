"""Archives of feeds (RFC 5005, section 4): which are closed, who is in them, and which are out of date.

An article of a feed that is in none of its archives is open. `feeds.open_us` spares looking for open articles
among all that the feed ever had.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, and_, bindparam, case, func, insert, or_, select, update

from feedbot.store.schema import archived, archives, articles, feeds, members
from feedbot.store.statements import among, chunks, lock_in_order

AT_ONCE = 5000  # open articles held in memory
FIRST, NONE_OPEN = -(2**63), 2**63 - 1  # as `open_us`: before and after the date of any article


class ArchiveRow(Struct, frozen=True, kw_only=True):
    """One row of the table."""

    key: int
    feed_key: int
    number: int
    changed: int
    rendered: int


class Member(Struct, frozen=True, kw_only=True):
    """An article of a feed, with what gives it its place in the order of the feed."""

    article_key: int
    published_us: int
    id: str

    def is_older_than(self, other: Member) -> bool:
        """Whether a feed shows it below `other`."""
        if self.published_us != other.published_us:
            return self.published_us < other.published_us
        return self.id > other.id


# --- what is open ---


def lock(connection: Connection, feed_key: int) -> int | None:
    """`open_us` of a feed; until this transaction ends, nobody else changes the feed or closes archives."""
    open_us: int | None = connection.execute(_LOCK, {"_feed": feed_key}).scalar_one()
    return open_us


_LOCK = select(feeds.c.open_us).where(feeds.c.key == bindparam("_feed")).with_for_update(key_share=True)


def last_shown(connection: Connection, feed_key: int, limit: int) -> Member | None:
    """The oldest article that a feed of `limit` articles shows; None if it has less than that."""
    row = connection.execute(_LAST_SHOWN, {"_feed": feed_key, "_skipped": limit - 1}).one_or_none()
    return Member(**row._mapping) if row else None


_MEMBERS = (
    select(members.c.article_key, members.c.published_us, articles.c.id)
    .join(articles, articles.c.key == members.c.article_key)
    .where(members.c.feed_key == bindparam("_feed"))
)
_LAST_SHOWN = (
    _MEMBERS.order_by(members.c.published_us.desc(), articles.c.id).limit(1).offset(bindparam("_skipped"))
)


def find_open(connection: Connection, feed_key: int, since_us: int | None) -> Iterator[Member]:
    """The open articles of a feed from `since_us` on (None: all), the oldest first, `AT_ONCE` read at a time.

    Whoever puts them into archives meanwhile misses none.
    """
    values: dict[str, Any] = {"_feed": feed_key, "_since": FIRST if since_us is None else since_us}
    page = _OPEN
    while rows := connection.execute(page, values).all():
        yield from (Member(**row._mapping) for row in rows)
        if len(rows) < AT_ONCE:
            return
        page, values = _OPEN_BEYOND, values | {"_since": rows[-1].published_us, "_id": rows[-1].id}


_OPEN = (
    _MEMBERS.outerjoin(
        archived,
        and_(archived.c.feed_key == members.c.feed_key, archived.c.article_key == members.c.article_key),
    )
    .where(members.c.published_us >= bindparam("_since"), archived.c.article_key.is_(None))
    .order_by(members.c.published_us, articles.c.id.desc())
    .limit(AT_ONCE)
)
_OPEN_BEYOND = _OPEN.where(
    or_(members.c.published_us > bindparam("_since"), articles.c.id < bindparam("_id"))
)


def put_open(connection: Connection, feed_key: int, open_us: int) -> None:
    """Note since when a feed may have open articles."""
    connection.execute(update(feeds).where(feeds.c.key == feed_key).values(open_us=open_us))


def lower_open(connection: Connection, moments: Mapping[int, int]) -> None:
    """Note that these feeds have open articles as old as that, in microseconds by key."""
    if moments:
        rows = [{"_feed": feed, "_moment": moment} for feed, moment in sorted(moments.items())]
        connection.execute(_LOWER, rows)


_LOWER = (
    update(feeds)
    .where(feeds.c.key == bindparam("_feed"), feeds.c.open_us > bindparam("_moment"))
    .values(open_us=bindparam("_moment"))
)


# --- what is closed ---


def newest_number(connection: Connection, feed_key: int) -> int:
    """The number of a feed's newest archive, 0 if it has none."""
    statement = select(func.max(archives.c.number)).where(archives.c.feed_key == feed_key)
    return connection.execute(statement).scalar() or 0


def close(connection: Connection, feed_key: int, number: int, article_keys: Iterable[int]) -> None:
    """Put articles into a new archive of a feed; its documents are to be rendered."""
    values = {"feed_key": feed_key, "number": number, "changed": 1, "rendered": 0}
    key = connection.execute(insert(archives).values(values).returning(archives.c.key)).scalar_one()
    rows = [
        {"feed_key": feed_key, "article_key": article_key, "archive_key": key} for article_key in article_keys
    ]
    connection.execute(insert(archived), rows)


def load_stale(connection: Connection) -> list[ArchiveRow]:
    """The archives whose documents do not show what they should, feed by feed, the oldest first."""
    statement = select(archives).where(archives.c.changed > archives.c.rendered)
    ordered = statement.order_by(archives.c.feed_key, archives.c.number)
    return [ArchiveRow(**row._mapping) for row in connection.execute(ordered)]


def bodies(connection: Connection, archive: ArchiveRow) -> list[tuple[str, str]]:
    """The articles of an archive that are in its feed now as (id, article as text), in the order of feeds."""
    statement = (
        select(articles.c.id, articles.c.body)
        .join(archived, archived.c.article_key == articles.c.key)
        .join(
            members,
            and_(members.c.feed_key == archived.c.feed_key, members.c.article_key == archived.c.article_key),
        )
        .where(archived.c.archive_key == archive.key)
        .order_by(members.c.published_us.desc(), articles.c.id)
    )
    return [(row.id, row.body) for row in connection.execute(statement)]


def touch(connection: Connection, keys: Collection[int]) -> None:
    """Say that what these archives show has changed."""
    for chunk in chunks(sorted(keys)):
        lock_in_order(connection, archives.c.key, chunk)
        statement = update(archives).where(archives.c.key.in_(chunk))
        connection.execute(statement.values(changed=archives.c.changed + 1))


def touch_with(connection: Connection, article_keys: Collection[int], feed_keys: Collection[int]) -> None:
    """Say that what the archives of these feeds show of these articles has changed."""
    statement = select(archived.c.feed_key, archived.c.archive_key)
    found = among(connection, statement, archived.c.article_key, sorted(article_keys))
    touch(connection, {archive_key for feed_key, archive_key in found if feed_key in feed_keys})


def touch_all(connection: Connection) -> None:
    """Say that every archive may have changed, as after a new configuration, and any article may be open."""
    lock_in_order(connection, feeds.c.key)
    connection.execute(update(feeds).values(open_us=None))
    lock_in_order(connection, archives.c.key)
    connection.execute(update(archives).values(changed=archives.c.changed + 1))


def note_rendered(connection: Connection, archive: ArchiveRow) -> None:
    """Record that the documents on disk show the archive as it was loaded; as `feeds.note_rendered`."""
    moved = archives.c.changed != archive.changed
    connection.execute(
        update(archives)
        .where(archives.c.key == archive.key)
        .values(
            rendered=archive.changed, changed=case((moved, archives.c.changed + 1), else_=archives.c.changed)
        )
    )
