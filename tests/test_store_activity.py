"""What the index says of feeds, counted along with each change: it must be what counting anew would give."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from databases import older_state
from hypothesis import given, settings
from hypothesis import strategies as st
from newsroom import Newsroom
from sqlalchemy import Connection, select, text

from feedbot.passes.build import Builder
from feedbot.store import activity, feeds, journal, schema
from feedbot.store.db import open_store

DAYS = ["0900-01-05", "1969-12-31", "1970-01-01", "2025-12-04", "2026-05-01", "2026-05-03", "2026-05-29"]
AN_EDIT = st.tuples(
    st.sampled_from(["one.md", "two.md", "three.md"]),
    st.sampled_from([None, *DAYS]),  # None: the file goes
    st.lists(st.sampled_from(["AI", "Robots", "Tea"]), unique=True),
)

ONE_FEED = """\
insert into feeds (key, kind, name, title, changed, rendered, updated_us, active)
values (7, 'all', '', '', 1, 1, 0, true)
"""
ONE_ARTICLE = """\
insert into articles (key, id, path, url_digest, status, reason, published_us, visible_hash, body)
values (:key, :key, 'a', '', 'live', '', :at, 'h', '{}')
"""


def counted_anew(connection: Connection) -> dict[tuple[int, int], int]:
    rows = connection.execute(select(schema.members.c.feed_key, schema.members.c.published_us))
    return Counter((row.feed_key, activity.week_of(row.published_us)) for row in rows)


def counted_along(connection: Connection) -> dict[tuple[int, int], int]:
    rows = connection.execute(select(schema.activity).where(schema.activity.c.articles != 0))
    return {(row.feed_key, row.week): row.articles for row in rows}


@settings(max_examples=15, deadline=None)
@given(st.lists(AN_EDIT, min_size=1, max_size=8))
def test_counting_along_gives_what_counting_anew_does(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, str | None, list[str]]]
) -> None:
    newsroom = Newsroom(tmp_path_factory.mktemp("newsroom"))
    for name, day, topics in edits:
        if day is None:
            (newsroom.content / name).unlink(missing_ok=True)
        else:
            newsroom.write(name, topics=topics, publishedDateTime=f"{day}T10:00:00Z")
        newsroom.build(allow_empty=True)
        assert newsroom.scalar(counted_along) == newsroom.scalar(counted_anew)
    newsroom.close()


def test_several_that_build_at_once_count_each_article_once(any_newsroom: Newsroom) -> None:
    any_newsroom.build()
    for number in range(60):
        any_newsroom.write(f"{number}.md", topics=["AI", "Tea"], publishedDateTime=DAYS[number % len(DAYS)])
    url = any_newsroom.config.store.url.get_secret_value()
    meeting = threading.Barrier(4)

    def build(_: int) -> None:
        engine = open_store(url)
        builder = Builder(any_newsroom.config, engine, clock=lambda: any_newsroom.now)
        meeting.wait(60)
        builder.run()
        engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(build, range(4)))
    assert any_newsroom.scalar(counted_along) == any_newsroom.scalar(counted_anew) != {}
    assert len(any_newsroom.scalar(journal.load_news)) == 0
    ids = [one.id for one in any_newsroom.scalar(lambda there: journal.load_events(there, 100))]
    assert len(ids) == len(set(ids)) > 40


def test_what_joins_and_what_leaves_adds_up_in_any_order(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    any_newsroom.build()
    with any_newsroom.engine.begin() as connection:
        [key, *_] = connection.scalars(select(schema.activity.c.feed_key))
        before = counted_along(connection)
        activity.count_members(connection, {(key, 1): 3, (key, 2): -2, (key, 3): 0})
        activity.count_members(connection, {(key, 1): -5, (key, 2): 2, (key, 3): 1})
        assert counted_along(connection) == before | {(key, 1): -2, (key, 3): 1}


def test_a_new_selection_is_counted_too(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["AI", "Tea"], heat=200)
    newsroom.write("two.md", topics=["Tea"])
    newsroom.build()
    newsroom.configure(
        feeds={"topics": {"Tea": {"feed": False}}, "named": [{"name": "top", "where": {"min_heat": 100}}]}
    )
    newsroom.build()
    assert newsroom.scalar(counted_along) == newsroom.scalar(counted_anew)


def test_weeks_end_with_the_newest_article_of_the_site(newsroom: Newsroom) -> None:
    newsroom.write("new.md", publishedDateTime="2026-05-28T10:00:00Z", topics=["AI"])
    newsroom.write("last-week.md", publishedDateTime="2026-05-21T10:00:00Z", topics=["AI", "Tea"])
    newsroom.write("old.md", publishedDateTime="2020-05-01T10:00:00Z", topics=["Tea"])
    newsroom.build()
    keys = {row.slug: row.key for row in newsroom.scalar(feeds.load)}
    numbers = newsroom.scalar(activity.numbers)
    newest = numbers[keys[""]].newest
    weeks = newsroom.scalar(lambda connection: activity.weeks(connection, keys.values(), newest))
    assert weeks[keys[""]] == (0,) * 24 + (1, 1)
    assert weeks[keys["ai"]] == (0,) * 24 + (1, 1)
    assert weeks[keys["tea"]] == (0,) * 24 + (1, 0)
    assert [numbers[keys[slug]].articles for slug in ("", "ai", "tea")] == [3, 2, 2]


def test_an_upgrade_counts_what_was_there(store_url: str) -> None:
    with older_state(store_url, "0002") as connection:
        connection.execute(text(ONE_FEED))
        moments = [-1, 0, 1_780_000_000_000_000, 1_780_000_000_000_001]
        connection.execute(
            text(ONE_ARTICLE), [{"key": key, "at": moment} for key, moment in enumerate(moments, 1)]
        )
        connection.execute(text("insert into members select 7, key, published_us from articles"))
    upgraded = open_store(store_url)
    with upgraded.begin() as connection:
        assert counted_along(connection) == counted_anew(connection) != {}
    upgraded.dispose()
