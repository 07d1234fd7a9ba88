"""Articles under their ids, with what readers see of them and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, text, update

from feedbot.model import Status
from feedbot.store.db import from_us, to_us
from feedbot.store.schema import articles, members
from feedbot.store.statements import CHUNK, among, execute_rows


class ArticleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table, without its key."""

    id: str
    path: str
    url_digest: str
    status: Status
    reason: str
    published_us: int
    expires_us: int | None
    visible_hash: str
    body: str
    seen_us: int | None
    gone_us: int | None


class StoredArticle(msgspec.Struct, frozen=True, kw_only=True):
    """A row and its key."""

    key: int
    row: ArticleRow


EXPIRED = "expired"  # as the reason why an article is withdrawn

# The very words of the index's condition, or it would not be used.
CAN_EXPIRE = text("articles.status != 'withdrawn' and articles.expires_us is not null")
_ARTICLES = select(articles.c.key, *(articles.c[name] for name in ArticleRow.__struct_fields__))


def are_there(connection: Connection) -> bool:
    """Whether there is any article at all."""
    return bool(connection.execute(select(select(articles.c.key).exists())).scalar())


def find_by_key(connection: Connection, keys: Iterable[int]) -> list[StoredArticle]:
    """The articles with these keys, in no order."""
    return list(map(_stored, among(connection, _ARTICLES, articles.c.key, keys)))


def find_by_id(connection: Connection, ids: Iterable[str]) -> list[StoredArticle]:
    """The articles with these ids, in no order."""
    return list(map(_stored, among(connection, _ARTICLES, articles.c.id, ids)))


def find_by_path(connection: Connection, paths: Iterable[str]) -> list[StoredArticle]:
    """The articles last read at one of `paths`, in no order."""
    return list(map(_stored, among(connection, _ARTICLES, articles.c.path, paths)))


def find_gone(connection: Connection, url_digests: Iterable[str], *, since: datetime) -> list[StoredArticle]:
    """The articles with one of these URLs in the front matter whose files went, but not before `since`."""
    gone = _ARTICLES.where(articles.c.gone_us >= to_us(since))
    return list(map(_stored, among(connection, gone, articles.c.url_digest, url_digests)))


def paths_by_url(connection: Connection, url_digests: Iterable[str]) -> set[str]:
    """The paths of the articles whose files are there, and alone have one of these URLs.

    A URL that many share tells nothing, and would make each new article of them look for all others.
    """
    alone = select(func.min(articles.c.path)).where(articles.c.gone_us.is_(None))
    alone = alone.group_by(articles.c.url_digest).having(func.count() == 1)
    return {path for (path,) in among(connection, alone, articles.c.url_digest, url_digests)}


def find_due(connection: Connection, now: datetime) -> list[StoredArticle]:
    """The articles whose time came: to appear, or to expire."""
    moment = to_us(now)
    waiting = (articles.c.status == Status.WAITING, articles.c.published_us <= moment)
    expiring = (CAN_EXPIRE, articles.c.expires_us <= moment)
    # Two questions, for one with an "or" would use no index.
    found = {stored.key: stored for due in (waiting, expiring) for stored in _find(connection, *due)}
    return list(found.values())


def find_expired_early(connection: Connection, now: datetime) -> list[StoredArticle]:
    """The articles that count as expired, by a clock that was ahead, and are not."""
    early = (articles.c.reason == EXPIRED, articles.c.expires_us > to_us(now))
    return _find(connection, articles.c.status == Status.WITHDRAWN, *early)


def next_due(connection: Connection) -> datetime | None:
    """The next moment at which an article appears or expires by itself."""
    appears = select(func.min(articles.c.published_us)).where(articles.c.status == Status.WAITING)
    expires = select(func.min(articles.c.expires_us)).where(CAN_EXPIRE)
    moments = [connection.execute(statement).scalar() for statement in (appears, expires)]
    known = [moment for moment in moments if moment is not None]
    return from_us(min(known)) if known else None


def add(connection: Connection, rows: Sequence[ArticleRow]) -> list[int]:
    """Insert `rows`; returns their keys in the same order."""
    if not rows:
        return []
    # Keys of our own, for the database's are slow to come back; the transaction is the only one that writes.
    first = (connection.execute(select(func.max(articles.c.key))).scalar() or 0) + 1
    keys = list(range(first, first + len(rows)))
    values = [(key, *structs.astuple(row)) for key, row in zip(keys, rows, strict=True)]
    execute_rows(connection, _ADD, ("key", *ArticleRow.__struct_fields__), values)
    return keys


_ADD = insert(articles)


def change(connection: Connection, rows: Sequence[StoredArticle]) -> None:
    """Overwrite the rows that have these keys."""
    values = [(row.key, *structs.astuple(row.row)) for row in rows]
    execute_rows(connection, _CHANGE, ("_key", *ArticleRow.__struct_fields__), values)


_CHANGE = update(articles).where(articles.c.key == bindparam("_key"))


def live(connection: Connection) -> Iterator[StoredArticle]:
    """All articles that are in their feeds now, in order of their keys, read a chunk at a time."""
    after = 0
    ordered = _ARTICLES.where(articles.c.status == Status.LIVE).order_by(articles.c.key).limit(CHUNK)
    while chunk := list(map(_stored, connection.execute(ordered.where(articles.c.key > after)))):
        yield from chunk
        after = chunk[-1].key


def live_among(connection: Connection, keys: Iterable[int]) -> set[int]:
    """Those of these keys whose articles are in their feeds now."""
    statement = select(articles.c.key).where(articles.c.status == Status.LIVE)
    return {key for (key,) in among(connection, statement, articles.c.key, keys)}


def newest(connection: Connection, feed_key: int, limit: int) -> list[tuple[str, str]]:
    """The newest `limit` articles of a feed as (id, article as text), newest first, equal moments by id."""
    found = connection.execute(_NEWEST, {"_feed": feed_key, "_most": limit})
    return [(id_, body) for id_, body in found.all()]


_NEWEST = (
    select(articles.c.id, articles.c.body)
    .join(members, members.c.article_key == articles.c.key)
    .where(members.c.feed_key == bindparam("_feed"))
    .order_by(members.c.published_us.desc(), articles.c.id)
    .limit(bindparam("_most"))
)


def count_statuses(connection: Connection) -> dict[str, int]:
    """How many articles have each status."""
    statement = select(articles.c.status, func.count()).group_by(articles.c.status)
    return dict(connection.execute(statement).all())


def memberships(connection: Connection, keys: Iterable[int]) -> dict[int, set[int]]:
    """The keys of the feeds that each of these articles is in."""
    found: dict[int, set[int]] = {}
    statement = select(members.c.article_key, members.c.feed_key)
    for article_key, feed_key in among(connection, statement, members.c.article_key, keys):
        found.setdefault(article_key, set()).add(feed_key)
    return found


def _find(connection: Connection, *conditions: ColumnElement[bool]) -> list[StoredArticle]:
    return list(map(_stored, connection.execute(_ARTICLES.where(*conditions))))


def _stored(found: Sequence[Any]) -> StoredArticle:
    key, *values = found
    row = dict(zip(ArticleRow.__struct_fields__, values, strict=True))
    return StoredArticle(key=key, row=ArticleRow(**{**row, "status": Status(row["status"])}))
