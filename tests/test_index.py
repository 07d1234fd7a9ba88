"""What names all feeds: a new feed is in it at once, and numbers follow a worker's edits a moment later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from newsroom import Newsroom
from sqlalchemy import Engine, event

from feedbot.batches import batches
from feedbot.passes.index import LATEST, SOONEST
from feedbot.render.pages import PLENTY

Stamps = dict[str, int]


def number_of_articles(newsroom: Newsroom) -> int:
    """How many articles the index page says that there are."""
    page = (newsroom.feeds / "index.html").read_text(encoding="utf-8")
    found = re.search(r"(\d+) articles?\b", page)
    assert found
    return int(found[1])


def lists(newsroom: Newsroom) -> Stamps:
    """The lists of feeds, each with what changes when it is written."""
    return {path.name: path.stat().st_ino for path in newsroom.feeds.glob("*.opml")}


def edit(newsroom: Newsroom, name: str, **fields: object) -> Path:
    """Write an article, and make the pass that a worker makes after it."""
    path = newsroom.write(name, dict(fields))
    newsroom.build([path], patient=True)
    return path


def test_the_page_follows_at_its_moment_and_the_lists_stay(any_newsroom: Newsroom) -> None:
    newsroom = any_newsroom
    newsroom.write("one.md")
    newsroom.build()
    before = lists(newsroom)
    assert before
    due = newsroom.now + SOONEST
    report = newsroom.build([newsroom.write("two.md")], patient=True)
    assert newsroom.titles("ai") == ["About one", "About two"]
    assert number_of_articles(newsroom) == 1
    assert report.next_due == report.index_due == due
    newsroom.later(seconds=1)
    report = newsroom.build([newsroom.write("three.md")], patient=True)
    assert report.next_due == due  # further edits do not put it off
    newsroom.later(seconds=1)
    report = newsroom.build([], patient=True)
    assert (number_of_articles(newsroom), report.written, report.next_due) == (3, 1, None)
    assert lists(newsroom) == before


def test_the_page_waits_for_nothing_where_no_article_comes_or_goes(newsroom: Newsroom) -> None:
    newsroom.write("one.md", publishedDateTime="2026-05-01T09:00:00Z")
    newsroom.build()
    edited = newsroom.write("one.md", publishedDateTime="2026-05-01T09:00:00Z", title="About one, corrected")
    report = newsroom.build([edited], patient=True)
    assert newsroom.titles("ai") == ["About one, corrected"]
    assert report.next_due is None
    edited = newsroom.write("one.md", publishedDateTime="2026-05-02T09:00:00Z", title="About one, corrected")
    assert newsroom.build([edited], patient=True).next_due == newsroom.now + SOONEST
    newsroom.later(seconds=SOONEST.total_seconds())
    newsroom.build([], patient=True)
    assert "2026-05-02" in (newsroom.feeds / "index.html").read_text(encoding="utf-8")


def test_an_article_that_is_due_before_the_page_comes_first(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    soon = newsroom.write("soon.md", publishedDateTime=(newsroom.now + SOONEST / 2).isoformat())
    assert newsroom.build([newsroom.write("two.md"), soon], patient=True).next_due == (
        newsroom.now + SOONEST / 2
    )


def test_feeds_are_listed_by_what_they_are_called(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"topics": {"Robotics": {"title": "Machines"}}})
    newsroom.write(
        "one.md", topics=["zebra", "Éclair", "Robotics", "Topic 10", "Topic 9", "echo", "Law Courts", "Law"]
    )
    newsroom.build()
    wanted = ["echo", "Éclair", "Law", "Law Courts", "Machines", "Topic 9", "Topic 10", "zebra"]
    for name, mark in (("index.html", 'aria-label="{}: RSS"'), ("feeds.opml", 'text="{} – ')):
        text = (newsroom.feeds / name).read_text(encoding="utf-8")
        places = [text.index(mark.format(title)) for title in wanted]
        assert places == sorted(places), name
    feed = json.loads((newsroom.feeds / "law" / "feed.json").read_bytes())
    assert feed["description"] == "Law: articles from Example Newsroom"


def test_a_new_feed_is_named_in_the_pass_that_writes_it(any_newsroom: Newsroom) -> None:
    newsroom = any_newsroom
    newsroom.write("one.md")
    newsroom.build()
    report = newsroom.build([newsroom.write("two.md", topics=["Law"])], patient=True)
    for name in ("index.html", "feeds.opml"):
        assert "law/" in (newsroom.feeds / name).read_text(encoding="utf-8")
    assert (number_of_articles(newsroom), report.next_due) == (2, None)


def test_a_pass_that_nobody_follows_leaves_nothing_for_later(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    report = newsroom.build([newsroom.write("two.md")])
    assert (number_of_articles(newsroom), report.next_due) == (2, None)


def test_a_look_at_everything_does_not_wait_for_the_moment(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    edit(newsroom, "two.md")
    assert number_of_articles(newsroom) == 1
    assert newsroom.build().next_due is None
    assert number_of_articles(newsroom) == 2


def test_the_moment_outlives_the_process(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    edit(newsroom, "two.md")
    newsroom.close()
    assert newsroom.build([], patient=True).next_due == newsroom.now + SOONEST
    newsroom.later(seconds=LATEST.total_seconds())
    newsroom.close()
    newsroom.build([], patient=True)
    assert number_of_articles(newsroom) == 2


def test_an_index_that_somebody_elses_file_kept_away_is_written_once_that_is_gone(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    foreign = newsroom.feeds / "index.html"
    foreign.parent.mkdir(parents=True, exist_ok=True)
    foreign.write_text("not ours", encoding="utf-8")
    assert newsroom.build().refresh.foreign == ["index.html"]
    assert foreign.read_text(encoding="utf-8") == "not ours"
    foreign.unlink()
    newsroom.build()
    assert number_of_articles(newsroom) == 1


class PowerCutError(Exception):
    """The process ends here."""


@contextmanager
def cut_at(engine: Engine, number: int) -> Iterator[None]:
    """Let the n-th transaction fail instead of being committed."""
    left = iter(range(number - 1))

    def commit(_: object) -> None:
        if next(left, None) is None:
            raise PowerCutError

    event.listen(engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(engine, "commit", commit)


@pytest.mark.parametrize("topic", ["AI", "Law"], ids=["known topic", "new topic"])
def test_whenever_a_pass_is_cut_short_the_index_comes_right_in_time(newsroom: Newsroom, topic: str) -> None:
    newsroom.write("one.md")
    newsroom.build()
    for number in range(1, 20):
        path = newsroom.write(
            f"{number}.md", topics=[topic, f"{topic} {number}" if topic == "Law" else topic]
        )
        try:
            with cut_at(newsroom.engine, number):
                newsroom.build([path], patient=True)
        except PowerCutError:
            newsroom.close()
        else:
            break
        newsroom.build([path], patient=True)
        if topic == "Law":
            assert f"law-{number}/" in (newsroom.feeds / "feeds.opml").read_text(encoding="utf-8")
        newsroom.later(seconds=LATEST.total_seconds())
        newsroom.build([], patient=True)
        assert number_of_articles(newsroom) == 1 + number
    else:
        pytest.fail("a pass has no end")
    assert number > 4


@pytest.mark.parametrize("topics", [2, PLENTY + 1])
def test_the_page_draws_the_activity_of_each_feed_unless_there_are_very_many(
    newsroom: Newsroom, topics: int
) -> None:
    newsroom.configure(feeds={"formats": ["rss"], "pages": False})
    names = [f"Topic {number}" for number in range(topics)]
    for number, some in enumerate(batches(names, 100)):
        newsroom.write(f"{number}.md", topics=list(some))
    newsroom.build()
    page = (newsroom.feeds / "index.html").read_text(encoding="utf-8")
    assert page.count("<title>Activity: ") == (1 if topics > PLENTY else 1 + topics)
