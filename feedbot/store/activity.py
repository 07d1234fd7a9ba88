"""How many articles each feed has, by week: counted along with each change, for to count anew takes long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, func, select

from feedbot.store.db import from_us, to_us
from feedbot.store.schema import activity, feeds, members
from feedbot.store.statements import add_to_rows, among

WEEKS = 26  # of activity that the index page shows
WEEK_US = 7 * 24 * 3600 * 1_000_000


class Numbers(Struct, frozen=True, kw_only=True):
    """What the index page says of a feed's articles."""

    articles: int
    newest: datetime


def week_of(published_us: int) -> int:
    """The week of a moment, counted from 1970."""
    return published_us // WEEK_US


def count_members(connection: Connection, moved: Mapping[tuple[int, int], int]) -> None:
    """Count the articles that joined, less those that left, by feed and week."""
    rows = [(*place, number) for place, number in sorted(moved.items()) if number]
    add_to_rows(connection, activity, ("feed_key", "week", "articles"), rows)


def sizes(connection: Connection, keys: Iterable[int]) -> Counter[int]:
    """How many articles each of these feeds can choose from."""
    found = among(connection, _SIZES, activity.c.feed_key, keys)
    return Counter({feed_key: int(number) for feed_key, number in found})


_SIZES = select(activity.c.feed_key, func.sum(activity.c.articles)).group_by(activity.c.feed_key)


def numbers(connection: Connection) -> dict[int, Numbers]:
    """How many articles each feed that has any can choose from, and when the newest of them was published."""
    newest = select(func.max(members.c.published_us)).where(members.c.feed_key == feeds.c.key)
    rows = connection.execute(select(feeds.c.key, newest.scalar_subquery().label("newest_us"))).all()
    totals = {feed_key: int(number) for feed_key, number in connection.execute(_SIZES)}
    return {
        row.key: Numbers(articles=totals.get(row.key, 0), newest=from_us(row.newest_us))
        for row in rows
        if row.newest_us is not None
    }


def weeks(connection: Connection, keys: Iterable[int], newest: datetime) -> dict[int, tuple[int, ...]]:
    """How many articles each of these feeds has of each of WEEKS weeks, the last of them that of `newest`."""
    last = week_of(to_us(newest))
    counts = {key: [0] * WEEKS for key in keys}
    lately = select(activity).where(activity.c.week > last - WEEKS, activity.c.week <= last)
    for feed_key, week, number in among(connection, lately, activity.c.feed_key, counts):
        counts[feed_key][week - last - 1] = number
    return {key: tuple(found) for key, found in counts.items()}
