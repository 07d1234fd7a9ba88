"""The feeds there ever were, their slugs, and who is in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from feedbot.slug import free_name
from feedbot.store.db import from_us, to_us
from feedbot.store.schema import feeds, members, slugs
from feedbot.store.statements import (
    among,
    chunks,
    count_rows,
    execute_many,
    execute_rows,
    insert_new,
    insert_new_rows,
    lock_in_order,
    upsert,
)


class FeedKind(StrEnum):
    """What a feed selects by."""

    ALL = "all"  # every live article
    TOPIC = "topic"  # those with a topic
    NAMED = "named"  # those that a `where` in the configuration takes


FeedName = tuple[FeedKind, str]  # a kind and a folded name identify a feed


class FeedRow(Struct, frozen=True, kw_only=True):
    """One row of the table, with the slug that is current ("" for the feed of all articles)."""

    key: int
    kind: FeedKind
    name: str
    title: str
    changed: int
    rendered: int
    updated: datetime
    active: bool
    slug: str
    first_slug: str  # its own id is made of it


Membership = tuple[int, int, int]  # feed key, article key, the article's date in microseconds


def load(connection: Connection, *, stale: bool = False) -> list[FeedRow]:
    """All feeds, dropped ones too, or only those whose documents do not show what they should."""
    current = slugs.c.feed_key == feeds.c.key
    statement = select(feeds, slugs.c.slug).outerjoin(slugs, current & slugs.c.current)
    if stale:
        statement = statement.where(feeds.c.changed > feeds.c.rendered)
    return [
        FeedRow(
            key=row.key,
            kind=FeedKind(row.kind),
            name=row.name,
            title=row.title,
            changed=row.changed,
            rendered=row.rendered,
            updated=from_us(row.updated_us),
            active=row.active,
            slug=row.slug or "",
            first_slug=row.first_slug or "",
        )
        for row in connection.execute(statement.order_by(feeds.c.key))
    ]


def find_keys(connection: Connection, kind: FeedKind, names: Iterable[str]) -> dict[str, int]:
    """The keys of those feeds of a kind that are registered, by folded name."""
    statement = select(feeds.c.name, feeds.c.key).where(feeds.c.kind == kind)
    return dict(among(connection, statement, feeds.c.name, names))


def register(connection: Connection, wanted: Mapping[FeedName, tuple[str, str]]) -> dict[FeedName, int]:
    """The keys of feeds, those of new ones too; `wanted` has the title and the slug for each that is new.

    Where the slug is not free, it is the first free one after it. The feed of all articles has no slug: its
    folder is the root.
    """
    keys: dict[FeedName, int] = {}
    for kind in sorted({kind for kind, _ in wanted}):
        names = [name for its_kind, name in wanted if its_kind is kind]
        keys |= {(kind, name): key for name, key in find_keys(connection, kind, names).items()}
    new = {name: given for name, given in wanted.items() if name not in keys}
    return keys | _add(connection, new) if new else keys


def _add(connection: Connection, new: Mapping[FeedName, tuple[str, str]]) -> dict[FeedName, int]:
    first = (connection.execute(select(func.max(feeds.c.key))).scalar() or 0) + 1
    keys = dict(zip(new, range(first, first + len(new)), strict=True))
    taken = _Slugs(connection, {slug for _, slug in new.values()})
    rows, given = [], []
    for (kind, name), (title, wanted) in new.items():
        key, slug = keys[kind, name], None
        if kind is not FeedKind.ALL:
            slug = free_name(wanted, taken.is_taken)
            taken.add(slug)
            given.append({"slug": slug, "feed_key": key, "current": True})
        row = {"key": key, "kind": kind, "name": name, "title": title, "first_slug": slug}
        rows.append({**row, "updated_us": 0, "active": True, "changed": 1, "rendered": 0})
    execute_many(connection, insert(feeds), rows)
    execute_many(connection, insert(slugs), given)
    return keys


class _Slugs:
    """The slugs that feeds had, but for the feed `besides`; whether `likely` ones did is asked at once."""

    def __init__(self, connection: Connection, likely: set[str], *, besides: int | None = None) -> None:
        self._connection = connection
        self._asked = set(likely)
        self._besides = besides
        self._taken = set(self._among(likely))

    def _among(self, wanted: Iterable[str]) -> Iterator[str]:
        statement = select(slugs.c.slug)
        if self._besides is not None:
            statement = statement.where(slugs.c.feed_key != self._besides)
        return (slug for (slug,) in among(self._connection, statement, slugs.c.slug, wanted))

    def is_taken(self, slug: str) -> bool:
        """Whether a feed has `slug`, or had it."""
        if slug not in self._asked:
            self._asked.add(slug)
            self._taken.update(self._among([slug]))
        return slug in self._taken

    def add(self, slug: str) -> None:
        """Note that a feed has `slug` now."""
        self._taken.add(slug)


def give_slug(connection: Connection, feed_key: int, wanted: str) -> str:
    """Make `wanted` the feed's current slug, or the first free one after it; returns the slug given.

    A slug that another feed ever had is not free. A slug the feed had before is its own for ever.
    """
    slug = free_name(wanted, _Slugs(connection, {wanted}, besides=feed_key).is_taken)
    connection.execute(update(slugs).where(slugs.c.feed_key == feed_key).values(current=False))
    upsert(connection, slugs, [{"slug": slug, "feed_key": feed_key, "current": True}])
    return slug


def moves(connection: Connection) -> dict[str, str]:
    """The slugs that feeds had before, each with the one that its feed has now; dropped feeds have none."""
    statement = select(slugs.c.slug, slugs.c.feed_key, slugs.c.current).join(feeds).where(feeds.c.active)
    rows = connection.execute(statement).all()
    # Not by a join of the table with itself: that looks through all slugs of a feed for each that it had.
    now = {row.feed_key: row.slug for row in rows if row.current}
    return {row.slug: now[row.feed_key] for row in rows if not row.current and row.feed_key in now}


def has_moves(connection: Connection) -> bool:
    """Whether any feed, dropped ones too, had another slug before."""
    return bool(connection.execute(select(select(slugs.c.slug).where(~slugs.c.current).exists())).scalar())


def restore_moves(connection: Connection, known: Mapping[str, str]) -> None:
    """Note former slugs that the store has forgotten; `known` leads from each to the current one."""
    keys = dict(connection.execute(select(slugs.c.slug, slugs.c.feed_key).where(slugs.c.current)).all())
    rows = [
        {"slug": old, "feed_key": keys[new], "current": False} for old, new in known.items() if new in keys
    ]
    insert_new(connection, slugs, rows)


def set_active(connection: Connection, active: Mapping[int, bool]) -> None:
    """Say which feeds, by key, the configuration wants; a feed that comes back is rendered again."""
    rows = [{"_key": key, "_active": is_active} for key, is_active in active.items()]
    execute_many(connection, _SET_ACTIVE, rows)


_CHANGES = feeds.c.active != bindparam("_active")
_SET_ACTIVE = (
    update(feeds)
    .where(feeds.c.key == bindparam("_key"), _CHANGES)
    .values(active=bindparam("_active"), changed=feeds.c.changed + 1)
)


def touch(connection: Connection, keys: Collection[int]) -> None:
    """Say that what these feeds show has changed."""
    for chunk in chunks(sorted(keys)):
        lock_in_order(connection, feeds.c.key, chunk)
        statement = update(feeds).where(feeds.c.key.in_(chunk))
        connection.execute(statement.values(changed=feeds.c.changed + 1))


def touch_all(connection: Connection) -> None:
    """Say that every feed may have changed, as after a new configuration."""
    lock_in_order(connection, feeds.c.key)
    connection.execute(update(feeds).values(changed=feeds.c.changed + 1))


def note_rendered(connection: Connection, shown: Iterable[tuple[FeedRow, datetime]]) -> None:
    """Record that the documents on disk show these feeds as they were loaded, each with its newest `updated`.

    When a feed changed in between, another process may have written newer documents that these have just
    replaced: then it is rendered once more.
    """
    rows = [{"_key": row.key, "_changed": row.changed, "_us": to_us(updated)} for row, updated in shown]
    execute_many(connection, _NOTE_RENDERED, rows)


_NOTE_RENDERED = (
    update(feeds)
    .where(feeds.c.key == bindparam("_key"))
    .values(
        rendered=bindparam("_changed"),
        changed=case((feeds.c.changed != bindparam("_changed"), feeds.c.changed + 1), else_=feeds.c.changed),
        updated_us=bindparam("_us"),
    )
)


def move(connection: Connection, *, leaving: Sequence[Membership], joining: Sequence[Membership]) -> None:
    """Take articles out of feeds and put articles into feeds; one whose date changes does both.

    The caller sees to it that they are counted, too, with all else that moves in the transaction.
    """
    execute_rows(connection, _LEAVE, ("_feed", "_article"), [member[:2] for member in leaving])
    insert_new_rows(connection, members, ("feed_key", "article_key", "published_us"), joining)


_LEAVE = delete(members).where(
    members.c.feed_key == bindparam("_feed"), members.c.article_key == bindparam("_article")
)


def count(connection: Connection) -> int:
    """How many feeds the configuration and the articles ask for now."""
    return count_rows(connection, feeds, feeds.c.active)
