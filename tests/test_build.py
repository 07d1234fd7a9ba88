"""Passes over a real folder: identity, change, newness, and one bad file that costs only itself."""

from __future__ import annotations

import json
import logging
import os
import shutil
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from checker import check_folder
from lxml import etree
from newsroom import FEEDS_URL, SITE, Newsroom, age
from places import Fuse, full_disk
from sqlalchemy import Connection, event, text

from feedbot.errors import ContentError, PublishError, StoreError
from feedbot.model import Level
from feedbot.passes.build import Builder
from feedbot.passes.sync import LEFT_OPEN
from feedbot.places import DocumentRow
from feedbot.report.passes import log_pass
from feedbot.store import documents, feeds, journal
from feedbot.store.feeds import FeedKind


def events(report: object) -> list[tuple[str, str]]:
    return [(kind.value, id_.removeprefix("tag:news.example.com,2026:")) for kind, id_ in report.sync.events]  # type: ignore[attr-defined] # a PassReport


def test_a_first_pass_writes_every_feed_and_announces_nothing(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md", topics=["AI", "C++"])
    any_newsroom.write("two.md", publishedDateTime="2026-05-02T08:00:00Z", topics=["AI", "C#"])
    report = any_newsroom.build()
    assert any_newsroom.titles() == any_newsroom.titles("ai") == ["About two", "About one"]
    assert any_newsroom.titles("c-plus-plus") == ["About one"]
    assert any_newsroom.titles("c-sharp") == ["About two"]
    assert report.sync.baseline
    assert events(report) == []
    assert check_folder(any_newsroom.feeds, FEEDS_URL) == []


def test_an_article_that_comes_later_is_new(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    any_newsroom.build()
    any_newsroom.write("sub/two.md", publishedDateTime="2021-01-01T00:00:00Z")
    assert events(any_newsroom.build()) == [("published", "sub/two.md")]
    assert events(any_newsroom.build()) == []


def test_a_pass_in_which_nothing_moved_writes_nothing(newsroom: Newsroom) -> None:
    for number in range(5):
        age(newsroom.write(f"{number}.md", topics=["AI", f"Topic {number}"]))
    newsroom.build()
    before = newsroom.snapshot()
    report = newsroom.build()
    assert (report.sync.read, report.written, report.removed) == (0, 0, 0)
    assert newsroom.snapshot() == before


def test_a_visible_edit_changes_the_feeds_that_hold_the_article_and_no_other(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["AI"])
    newsroom.write("two.md", topics=["Law"])
    newsroom.build()
    before = newsroom.snapshot()
    newsroom.write("one.md", topics=["AI"], title="A better title")
    report = newsroom.build()
    after = newsroom.snapshot()
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {
        "rss.xml", "atom.xml", "feed.json", "ai/rss.xml", "ai/atom.xml", "ai/feed.json", "ai/index.html",
    }  # fmt: skip
    assert events(report) == [("updated", "one.md")]
    assert newsroom.items()[0]["id"] == "tag:news.example.com,2026:one.md"


@pytest.mark.parametrize(
    "invisible",
    [
        {"heat": 99},
        {"quality": 3},
        {"secured": "c2VjcmV0"},
        {"isCached": True},
        {"ampWebUrl": "https://a.example/"},
    ],
    ids=str,
)
def test_an_edit_that_no_reader_can_see_writes_not_one_byte(
    newsroom: Newsroom, invisible: dict[str, object]
) -> None:
    newsroom.write("one.md", heat=1, quality=1)
    newsroom.build()
    before = newsroom.snapshot()
    newsroom.write("one.md", {"heat": 1, "quality": 1, **invisible})
    report = newsroom.build()
    assert report.sync.read == 1
    assert newsroom.snapshot() == before
    assert events(report) == []


def test_what_an_earlier_version_stored_is_compared_in_its_own_terms(any_newsroom: Newsroom) -> None:
    newsroom = any_newsroom
    newsroom.write("one.md")
    newsroom.write("two.md")
    newsroom.build()
    before = newsroom.snapshot()
    with newsroom.engine.begin() as connection:  # the digest of feedbot 0.2, and how it wrote dates
        statement = text("update articles set visible_hash = 'dd5c8bf5', body = replace(body, :now, :before)")
        connection.execute(statement, {"now": '00Z"', "before": '00+00:00"'})
        assert "T08:00:00+00:00" in connection.execute(text("select min(body) from articles")).scalar_one()
    newsroom.write("one.md", heat=7)
    newsroom.write("two.md", title="Two, retold")
    report = newsroom.build()
    assert events(report) == [("updated", "two.md")]
    assert newsroom.titles() == ["About one", "Two, retold"]
    newsroom.write("two.md")
    newsroom.build()
    assert {path: one[0] for path, one in newsroom.snapshot().items()} == {
        path: one[0] for path, one in before.items()
    }


def test_a_fresh_checkout_of_the_same_content_writes_nothing_and_announces_nothing(
    newsroom: Newsroom,
) -> None:
    for number in range(10):
        newsroom.write(f"{number}.md")
    newsroom.build()
    before = newsroom.snapshot()
    shutil.copytree(newsroom.content, newsroom.folder / "clone")
    shutil.rmtree(newsroom.content)
    (newsroom.folder / "clone").rename(newsroom.content)
    for path in newsroom.content.iterdir():
        os.utime(path, (1, 1))
    report = newsroom.build()
    assert report.sync.read == 10
    assert newsroom.snapshot() == before
    assert events(report) == []


def test_a_lost_state_changes_no_id_and_no_byte_and_is_told(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["C", "C++"])
    newsroom.write("two.md")
    newsroom.build()
    before = newsroom.snapshot()
    newsroom.close()
    shutil.rmtree(newsroom.folder / ".feedbot")
    report = newsroom.build()
    assert report.lost_state
    assert report.sync.baseline
    assert events(report) == []
    assert newsroom.snapshot() == before


def test_after_a_lost_state_no_feed_stays_that_nobody_asks_for(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"archive": True, "limit": 1})
    newsroom.write("one.md", topics=["Größe"])
    leaks = [newsroom.write(f"leak{number}.md", topics=["Leak"]) for number in range(3)]
    newsroom.build()
    assert (newsroom.feeds / "leak/archive/1/rss.xml").exists()
    for path in leaks:
        path.unlink()
    (newsroom.feeds / "leak/notes.html").write_text("not ours")
    (newsroom.feeds / "blog").mkdir()
    (newsroom.feeds / "blog/index.html").write_text("not ours")
    # Another feedbot's feeds may lie below ours.
    other = newsroom.feeds / "other"
    other.mkdir()
    for name in ("rss.xml", "feeds.opml"):
        shutil.copy(newsroom.feeds / name, other / name)
    newsroom.close()
    shutil.rmtree(newsroom.folder / ".feedbot")
    assert newsroom.build().removed > 0
    left = {path for path in newsroom.snapshot() if path.startswith(("leak", "blog", "other"))}
    assert left == {"leak/notes.html", "blog/index.html", "other/rss.xml", "other/feeds.opml"}
    assert newsroom.titles() == newsroom.titles("grösse") == ["About one"]
    newsroom.write("leak9.md", topics=["Leak"])
    newsroom.build()
    assert newsroom.titles("leak") == ["About leak9"]


def test_after_a_lost_state_nothing_stays_in_a_form_that_is_not_wanted_any_more(newsroom: Newsroom) -> None:
    newsroom.write("one.md", body="Never to be read.")
    newsroom.build()
    newsroom.close()
    shutil.rmtree(newsroom.folder / ".feedbot")
    newsroom.write("one.md", body="Corrected.")
    newsroom.configure(feeds={"formats": ["atom"], "pages": False})
    newsroom.build()
    expected = {"index.html", "page.css", "page.js", "feeds.opml", "atom.opml", "atom.xml", "ai/atom.xml"}
    assert set(newsroom.snapshot()) == expected


def test_after_a_lost_state_an_edit_costs_no_feed_and_no_former_address(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["AI"])
    two = newsroom.write("two.md", topics=["Law"])
    newsroom.build()
    newsroom.configure(feeds={"topics": {"AI": {"slug": "machines"}, "Law": {"slug": "courts"}}})
    newsroom.build()
    before = newsroom.snapshot()
    newsroom.close()
    shutil.rmtree(newsroom.folder / ".feedbot")
    newsroom.content.rename(newsroom.folder / "away")
    with pytest.raises(ContentError):
        newsroom.build()
    (newsroom.folder / "away").rename(newsroom.content)
    newsroom.build([two])
    assert newsroom.titles("machines") == ["About one"]
    assert newsroom.snapshot()["_redirects"] == before["_redirects"]


def test_feeds_that_come_back_to_a_place_leave_nothing_there_that_nobody_asks_for(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"archive": True, "limit": 1})
    newsroom.write("one.md", topics=["AI"])
    newsroom.write("two.md", topics=["AI"])
    spam = newsroom.write("spam.md", topics=["Spam"])
    newsroom.build()
    newsroom.configure(feeds={"path": "elsewhere", "topics": {"Spam": {"feed": False}}})
    newsroom.build()
    spam.unlink()
    newsroom.configure(feeds={"topics": {"Spam": {"feed": False}}, "formats": ["json"]})
    newsroom.build()
    (newsroom.feeds / "note.txt").write_text("not ours")
    assert newsroom.titles() == ["About one", "About two"]
    expected = {"index.html", "page.css", "page.js", "feeds.opml", "json.opml", "feed.json", "note.txt"}
    assert set(newsroom.snapshot()) == expected | {"ai/feed.json", "ai/index.html"}


def test_what_a_pass_that_was_cut_short_wrote_is_removed_if_nobody_asks_for_it_any_more(
    newsroom: Newsroom,
) -> None:
    newsroom.write("one.md")
    fuse = Fuse(2, full_disk())
    with pytest.raises(PublishError):
        Builder(newsroom.config, newsroom.engine, make_output=fuse.output_of).run()
    assert len(newsroom.snapshot()) == 2
    newsroom.configure(feeds={"formats": ["json"]})
    newsroom.build()
    expected = {"index.html", "page.css", "page.js", "feeds.opml", "json.opml", "feed.json"}
    assert set(newsroom.snapshot()) == expected | {"ai/feed.json", "ai/index.html"}


def test_where_feeds_go_nothing_of_somebody_else_is_overwritten(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    public = newsroom.folder / "public"
    (public / "ai").mkdir(parents=True)
    for name in ("index.html", "ai/index.html"):
        (public / name).write_text("My own page")
    newsroom.configure(feeds={"path": "public"})
    report = newsroom.build()
    assert sorted(report.refresh.foreign) == ["ai/index.html", "index.html"]
    assert (public / "index.html").read_text() == (public / "ai/index.html").read_text() == "My own page"
    assert (public / "ai/rss.xml").exists()


def test_a_first_pass_leaves_a_link_in_the_place_of_a_document_alone(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.feeds.mkdir()
    (newsroom.feeds / "rss.xml").symlink_to("rss.xml")
    assert newsroom.build().refresh.foreign == ["rss.xml"]
    assert newsroom.titles() == ["About one"]


def test_after_a_lost_state_a_content_folder_that_is_not_mounted_costs_no_feed(newsroom: Newsroom) -> None:
    path = newsroom.write("one.md", topics=["AI"])
    newsroom.build()
    newsroom.close()
    shutil.rmtree(newsroom.folder / ".feedbot")
    path.rename(newsroom.folder / "away.md")
    newsroom.build()
    assert newsroom.titles("ai") == ["About one"]


def test_a_renamed_file_keeps_its_id(any_newsroom: Newsroom) -> None:
    any_newsroom.write("old.md", webUrl="https://publisher.example/story")
    any_newsroom.write("other.md")
    any_newsroom.build()
    (any_newsroom.content / "old.md").rename(any_newsroom.content / "new.md")
    report = any_newsroom.build()
    assert report.sync.renamed == 1
    assert events(report) == []
    assert {item["id"].rpartition(":")[2] for item in any_newsroom.items()} == {"old.md", "other.md"}


@pytest.mark.parametrize(
    ("front", "told"),
    [({}, []), ({"id": "story", "webUrl": None}, [("updated", "story")])],  # its address goes along
    ids=["url", "id"],
)
def test_a_file_that_moves_keeps_its_id_though_a_pass_hears_of_its_new_place_only(
    any_newsroom: Newsroom, front: dict[str, str | None], told: list[tuple[str, str]]
) -> None:
    old = any_newsroom.write("old.md", front)
    any_newsroom.build()
    before = [item["id"] for item in any_newsroom.items()]
    (any_newsroom.content / "2026").mkdir()
    old.rename(any_newsroom.content / "2026/new.md")
    report = any_newsroom.build([any_newsroom.content / "2026"])
    assert (report.sync.renamed, events(report)) == (1, told)
    assert events(any_newsroom.build([old])) == []
    assert events(any_newsroom.build()) == []
    assert [item["id"] for item in any_newsroom.items()] == before


def test_a_file_that_is_deleted_at_one_pass_and_comes_under_a_new_name_at_the_next_keeps_its_id(
    newsroom: Newsroom,
) -> None:
    newsroom.write("old.md", webUrl="https://publisher.example/story")
    newsroom.build()
    (newsroom.content / "old.md").rename(newsroom.folder / "away.md")
    newsroom.build()
    newsroom.later(minutes=2)
    (newsroom.folder / "away.md").rename(newsroom.content / "new.md")
    assert events(newsroom.build()) == [("updated", "old.md")]
    assert [item["id"].rpartition(":")[2] for item in newsroom.items()] == ["old.md"]


@pytest.mark.parametrize("url", [None, "https://publisher.example/story"])
def test_a_file_that_got_an_id_later_keeps_the_one_of_its_path_when_it_is_renamed(
    any_newsroom: Newsroom, url: str | None
) -> None:
    any_newsroom.write("old.md", webUrl=url)
    any_newsroom.build()
    any_newsroom.write("old.md", webUrl=url, id="story-1")
    any_newsroom.build()
    (any_newsroom.content / "old.md").rename(any_newsroom.content / "new.md")
    report = any_newsroom.build()
    assert report.sync.renamed == 1
    assert set(events(report)) <= {("updated", "old.md")}  # without a URL its link is another
    assert [item["id"].rpartition(":")[2] for item in any_newsroom.items()] == ["old.md"]


def test_two_files_with_one_url_are_two_articles(newsroom: Newsroom) -> None:
    newsroom.write("a.md", webUrl="https://publisher.example/story")
    newsroom.write("b.md", webUrl="https://publisher.example/story")
    newsroom.build()
    (newsroom.content / "a.md").rename(newsroom.content / "c.md")
    (newsroom.content / "b.md").rename(newsroom.content / "d.md")
    newsroom.build()
    assert len(newsroom.items()) == 2


def crowd(newsroom: Newsroom) -> None:
    """More files than are taken at a time, between a.md and z.md."""
    for number in range(260):
        newsroom.write(f"m{number}.md", webUrl=None)


@pytest.mark.parametrize("twins", [("a.md", "b.md"), ("a.md", "z.md")])
def test_of_two_files_that_come_with_the_url_of_one_that_went_neither_is_the_old_article(
    any_newsroom: Newsroom, twins: tuple[str, str]
) -> None:
    any_newsroom.write("old.md", webUrl="https://publisher.example/story")
    any_newsroom.build()
    (any_newsroom.content / "old.md").unlink()
    crowd(any_newsroom)
    for name in twins:
        any_newsroom.write(name, webUrl="https://publisher.example/story")
    report = any_newsroom.build()
    assert report.sync.renamed == 0
    assert {("withdrawn", "old.md"), *(("published", name) for name in twins)} <= set(events(report))


def test_a_file_that_is_renamed_among_many_new_ones_keeps_its_id(newsroom: Newsroom) -> None:
    newsroom.write("old.md", webUrl="https://publisher.example/story")
    newsroom.build()
    (newsroom.content / "old.md").rename(newsroom.content / "a.md")
    crowd(newsroom)
    report = newsroom.build()
    assert (report.sync.renamed, report.sync.read) == (1, 261)
    assert {kind for kind, _ in events(report)} == {"published"}
    assert len(events(report)) == 260


def test_an_archive_that_moves_as_a_whole_stays_what_it_was(newsroom: Newsroom) -> None:
    for number in range(LEFT_OPEN + 300):
        newsroom.write(f"{number}.md")
    newsroom.build()
    (newsroom.content / "2026").mkdir()
    for path in list(newsroom.content.glob("*.md")):
        path.rename(newsroom.content / "2026" / path.name)
    report = newsroom.build()
    assert (report.sync.renamed, events(report)) == (LEFT_OPEN + 300, [])


def test_ids_go_along_when_files_change_places_far_apart(newsroom: Newsroom) -> None:
    newsroom.write("a.md", id="one", title="First")
    newsroom.write("z.md", id="two", title="Second")
    newsroom.build()
    (newsroom.content / "a.md").rename(newsroom.content / "c.md")
    (newsroom.content / "z.md").rename(newsroom.content / "a.md")
    (newsroom.content / "c.md").rename(newsroom.content / "z.md")
    crowd(newsroom)
    report = newsroom.build()
    assert {kind for kind, _ in events(report)} == {"published"}
    assert len(events(report)) == 260
    assert report.sync.duplicates == []


def test_an_id_that_one_file_gives_up_goes_to_the_one_that_asks_for_it(newsroom: Newsroom) -> None:
    newsroom.write("b.md", title="First")
    newsroom.write("z.md", title="Second")
    newsroom.build()
    newsroom.write("b.md", id="b-new", title="First")
    newsroom.write("a.md", id="z.md", title="Second", publishedDateTime="2026-05-02T08:00:00Z")
    newsroom.write("z.md", id="z-new", title="Third")
    crowd(newsroom)
    report = newsroom.build()
    assert report.sync.duplicates == []
    found = {item["title"]: item["id"].rpartition(":")[2] for item in newsroom.items()}
    assert found["Second"] == "z.md"


def test_a_new_file_at_the_old_place_of_a_renamed_one_is_an_article_of_its_own(newsroom: Newsroom) -> None:
    newsroom.write("old.md", webUrl="https://publisher.example/story")
    newsroom.build()
    (newsroom.content / "old.md").rename(newsroom.content / "new.md")
    newsroom.build()
    newsroom.write("old.md", title="Another story", webUrl="https://publisher.example/another")
    newsroom.build()
    found = {item["title"]: item["id"].rpartition(":")[2] for item in newsroom.items()}
    assert found == {"About old": "old.md", "Another story": "old.md~2"}
    newsroom.write("old.md", title="Another title", webUrl="https://publisher.example/another")
    newsroom.build()
    assert {item["id"].rpartition(":")[2] for item in newsroom.items()} == {"old.md", "old.md~2"}


def test_files_that_would_get_one_id_by_number_get_two(newsroom: Newsroom) -> None:
    newsroom.write("a.md", webUrl="https://publisher.example/story")
    newsroom.build()
    (newsroom.content / "a.md").rename(newsroom.content / "b.md")
    newsroom.build()
    newsroom.write("a.md", webUrl="https://publisher.example/another")
    newsroom.write("0.md", id="a.md~2")
    newsroom.build()
    assert {item["id"].rpartition(":")[2] for item in newsroom.items()} == {"a.md", "a.md~2", "a.md~3"}


def test_a_renamed_file_that_is_broken_at_first_keeps_its_id(newsroom: Newsroom) -> None:
    newsroom.write("old.md", webUrl="https://publisher.example/story")
    newsroom.build()
    text = (newsroom.content / "old.md").read_text()
    (newsroom.content / "old.md").unlink()
    newsroom.write_raw("new.md", text.replace("title: ", 'title: "'))
    newsroom.build()
    newsroom.later(minutes=2)
    newsroom.write_raw("new.md", text)
    assert events(newsroom.build()) == [("updated", "old.md")]
    assert [item["id"].rpartition(":")[2] for item in newsroom.items()] == ["old.md"]


def test_ids_in_the_front_matter_go_along_when_files_change_places(newsroom: Newsroom) -> None:
    newsroom.write("a.md", id="one", title="First", webUrl="https://publisher.example/first")
    newsroom.write("b.md", id="two", title="Second", webUrl="https://publisher.example/second")
    newsroom.build()
    (newsroom.content / "a.md").rename(newsroom.content / "c.md")
    (newsroom.content / "b.md").rename(newsroom.content / "a.md")
    (newsroom.content / "c.md").rename(newsroom.content / "b.md")
    assert events(newsroom.build()) == []
    found = {item["title"]: item["id"].rpartition(":")[2] for item in newsroom.items()}
    assert found == {"First": "one", "Second": "two"}


def test_an_article_with_an_id_leaves_its_place_to_a_new_one(newsroom: Newsroom) -> None:
    newsroom.write("today.md", id="monday", title="Monday", webUrl="https://publisher.example/monday")
    newsroom.build()
    (newsroom.content / "today.md").rename(newsroom.content / "monday.md")
    newsroom.write("today.md", id="tuesday", title="Tuesday", webUrl="https://publisher.example/tuesday")
    assert events(newsroom.build()) == [("published", "tuesday")]
    found = {item["title"]: item["id"].rpartition(":")[2] for item in newsroom.items()}
    assert found == {"Monday": "monday", "Tuesday": "tuesday"}


def test_an_id_in_the_front_matter_survives_any_move(newsroom: Newsroom) -> None:
    newsroom.write("one.md", id="story-1", webUrl=None)
    newsroom.build()
    (newsroom.content / "one.md").unlink()
    newsroom.build()
    newsroom.later(days=40)
    newsroom.write("deep/two.md", id="story-1", webUrl="https://publisher.example/moved")
    assert events(newsroom.build()) == [("updated", "story-1")]
    assert [item["id"].rpartition(":")[2] for item in newsroom.items()] == ["story-1"]


def test_an_id_is_percent_encoded_and_normalised(newsroom: Newsroom) -> None:
    newsroom.write(unicodedata.normalize("NFD", "größe und mehr.md"))
    newsroom.build()
    assert newsroom.items()[0]["id"] == "tag:news.example.com,2026:gr%C3%B6%C3%9Fe%20und%20mehr.md"


def test_changing_title_url_and_date_keeps_the_id(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    newsroom.write("one.md", title="New", webUrl="https://elsewhere.example/", publishedDateTime="2026-04-01")
    assert events(newsroom.build()) == [("updated", "one.md")]
    assert newsroom.items()[0]["id"].endswith(":one.md")


@pytest.mark.parametrize(
    "away",
    [{"published": False}, {"removed": True}, {"draft": True}, {"feed": False}, {"publishedDateTime": None}],
    ids=str,
)
def test_an_article_that_leaves_and_comes_back_is_withdrawn_and_not_new(
    any_newsroom: Newsroom, away: dict[str, object]
) -> None:
    any_newsroom.write("one.md")
    any_newsroom.build()
    item = any_newsroom.items()
    any_newsroom.write("one.md", away)
    assert events(any_newsroom.build()) == [("withdrawn", "one.md")]
    assert any_newsroom.items() == []
    any_newsroom.write("one.md")
    assert events(any_newsroom.build()) == [("updated", "one.md")]
    assert any_newsroom.items() == item


def test_a_deleted_file_that_comes_back_is_not_new(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    (newsroom.content / "one.md").unlink()
    assert events(newsroom.build()) == [("withdrawn", "one.md")]
    newsroom.later(days=3)
    newsroom.write("one.md")
    assert events(newsroom.build()) == [("updated", "one.md")]
    assert newsroom.titles() == ["About one"]


def test_a_file_without_an_id_where_one_with_an_id_was_deleted_is_a_new_article(
    any_newsroom: Newsroom,
) -> None:
    any_newsroom.write("today.md", id="monday", title="Monday", webUrl=None)
    any_newsroom.build()
    (any_newsroom.content / "today.md").unlink()
    assert events(any_newsroom.build()) == [("withdrawn", "monday")]
    any_newsroom.write("today.md", title="Tuesday", webUrl=None)
    assert events(any_newsroom.build()) == [("published", "today.md")]
    any_newsroom.write("elsewhere.md", id="monday", title="Monday", webUrl=None)
    assert events(any_newsroom.build()) == [("updated", "monday")]


def test_a_deleted_file_that_comes_back_is_not_new_though_it_was_renamed_before(newsroom: Newsroom) -> None:
    newsroom.write("old.md")
    newsroom.build()
    (newsroom.content / "old.md").rename(newsroom.content / "new.md")
    newsroom.build()
    text = (newsroom.content / "new.md").read_text()
    (newsroom.content / "new.md").unlink()
    newsroom.build()
    newsroom.later(days=3)
    newsroom.write("new.md", id="another", webUrl=None)
    newsroom.build()
    (newsroom.content / "new.md").unlink()
    newsroom.build()
    newsroom.later(days=3)
    newsroom.write_raw("new.md", text)
    assert events(newsroom.build()) == [("updated", "old.md")]


def test_a_deleted_file_that_comes_back_is_not_new_though_its_id_was_added_late(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    newsroom.write("one.md", id="added")
    newsroom.build()
    (newsroom.content / "one.md").unlink()
    newsroom.build()
    newsroom.later(days=3)
    newsroom.write("one.md", id="added")
    assert events(newsroom.build()) == [("updated", "one.md")]


def test_an_article_published_later_than_the_first_pass_saw_it_is_new_then(newsroom: Newsroom) -> None:
    newsroom.write("one.md", published=False)
    newsroom.build()
    newsroom.write("one.md")
    assert events(newsroom.build()) == [("published", "one.md")]


def test_a_database_without_space_is_told_in_words_and_costs_only_time(newsroom: Newsroom) -> None:
    newsroom.build()

    def allow_no_growth(connection: Connection) -> None:
        connection.exec_driver_sql("pragma max_page_count=1")  # no fewer than there are

    event.listen(newsroom.engine, "begin", allow_no_growth)
    for number in range(60):
        newsroom.write(f"{number}.md", body="Much to tell. " * 100)
    with pytest.raises(StoreError, match=r"database or disk is full\. Nothing is lost.*Check the space"):
        newsroom.build()
    newsroom.close()
    newsroom.build()
    assert len(newsroom.titles()) == 50  # feeds.limit


def test_an_edit_while_the_clock_is_behind_takes_nothing_back(any_newsroom: Newsroom) -> None:
    any_newsroom.build()
    moment = any_newsroom.now.isoformat()
    any_newsroom.write("one.md", publishedDateTime=moment)
    assert events(any_newsroom.build()) == [("published", "one.md")]
    any_newsroom.later(hours=-3)
    any_newsroom.write("one.md", publishedDateTime=moment, title="Corrected")
    assert events(any_newsroom.build()) == [("updated", "one.md")]
    assert any_newsroom.titles() == ["Corrected"]
    ahead = any_newsroom.now + timedelta(days=1)  # which is what its author wants
    any_newsroom.write("one.md", publishedDateTime=ahead.isoformat())
    assert events(any_newsroom.build()) == [("withdrawn", "one.md")]


def test_a_future_article_waits_and_appears_when_due(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    any_newsroom.write("soon.md", publishedDateTime="2026-06-01T13:00:00Z")
    report = any_newsroom.build()
    assert any_newsroom.titles() == ["About one"]
    assert report.next_due == datetime(2026, 6, 1, 13, tzinfo=UTC)
    any_newsroom.later(minutes=59)
    assert events(any_newsroom.build([])) == []
    any_newsroom.later(minutes=1)
    report = any_newsroom.build([])
    assert events(report) == [("published", "soon.md")]
    assert any_newsroom.titles() == ["About soon", "About one"]
    assert report.next_due is None


def test_an_article_expires_when_its_time_comes(newsroom: Newsroom) -> None:
    newsroom.write("one.md", expiryDate="2026-06-01T13:00:00Z")
    assert newsroom.build().next_due == datetime(2026, 6, 1, 13, tzinfo=UTC)
    newsroom.later(hours=1)
    assert events(newsroom.build([])) == [("withdrawn", "one.md")]
    assert newsroom.titles() == []


def test_what_expired_by_a_clock_that_was_ahead_is_there_again_when_it_is_right(
    any_newsroom: Newsroom,
) -> None:
    any_newsroom.write("one.md", expiryDate="2026-06-03T00:00:00Z")
    any_newsroom.write("over.md", expiryDate="2026-06-01T13:00:00Z")
    any_newsroom.write("draft.md", expiryDate="2026-06-03T00:00:00Z")
    any_newsroom.build()
    any_newsroom.later(days=2)
    assert len(events(any_newsroom.build([]))) == 3
    any_newsroom.write("draft.md", draft=True)
    any_newsroom.build()
    any_newsroom.later(days=-1)
    report = any_newsroom.build([])
    assert events(report) == [("updated", "one.md")]
    assert any_newsroom.titles() == ["About one"]
    assert report.next_due == datetime(2026, 6, 3, tzinfo=UTC)


def test_a_topic_whose_last_article_goes_keeps_a_valid_empty_feed(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["Law"])
    newsroom.build()
    newsroom.write("one.md", topics=["AI"])
    newsroom.build()
    assert newsroom.titles("law") == []
    assert newsroom.titles("ai") == ["About one"]
    assert check_folder(newsroom.feeds, FEEDS_URL) == []


def test_a_feed_that_the_configuration_drops_is_removed_and_comes_back_on_demand(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["AI", "Spam"])
    newsroom.build()
    assert (newsroom.feeds / "spam/rss.xml").exists()
    newsroom.configure(feeds={"topics": {"spam": {"feed": False}}, "formats": ["rss", "json"]})
    newsroom.build()
    assert not (newsroom.feeds / "spam").exists()
    assert not (newsroom.feeds / "ai/atom.xml").exists()
    assert newsroom.titles("ai") == ["About one"]
    newsroom.configure()
    newsroom.build()
    assert newsroom.titles("spam") == ["About one"]
    assert (newsroom.feeds / "ai/atom.xml").exists()


def test_a_feed_is_called_as_the_configuration_spells_it_now(newsroom: Newsroom) -> None:
    named = {"where": {"topics": ["AI"]}, "slug": "best"}
    newsroom.configure(feeds={"named": [{"name": "best of", **named}]})
    newsroom.write("one.md", topics=["ai"])
    newsroom.build()
    newsroom.configure(feeds={"topics": {"AI": {}}, "named": [{"name": "Best of", **named}]})
    newsroom.build()
    for slug, title in (("ai", "AI"), ("best", "Best of")):
        assert json.loads((newsroom.feeds / slug / "feed.json").read_bytes())["title"].startswith(title)


def test_a_named_feed_follows_heat_that_no_reader_sees(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"named": [{"name": "Top", "where": {"min_heat": 100}}]})
    newsroom.write("one.md", heat=99)
    newsroom.write("two.md", heat=100)
    newsroom.build()
    assert newsroom.titles("top") == ["About two"]
    before = newsroom.snapshot()
    newsroom.write("one.md", heat=150)
    assert events(newsroom.build()) == []
    assert sorted(newsroom.titles("top")) == ["About one", "About two"]
    changed = {path for path, seen in newsroom.snapshot().items() if before[path] != seen}
    assert {path.partition("/")[0] for path in changed} == {"top", "index.html"}


def test_a_new_named_feed_takes_the_articles_that_are_there(newsroom: Newsroom) -> None:
    newsroom.write("one.md", type="video")
    newsroom.write("two.md", type="article")
    newsroom.build()
    newsroom.configure(feeds={"named": [{"name": "Watch", "where": {"types": ["Video"]}}]})
    newsroom.build()
    assert newsroom.titles("watch") == ["About one"]
    newsroom.configure(feeds={"named": [{"name": "Watch", "where": {"types": ["article"]}}]})
    newsroom.build()
    assert newsroom.titles("watch") == ["About two"]


def test_a_limit_and_an_excerpt_are_the_newest_and_short(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"limit": 2, "content": "excerpt"})
    for day in range(1, 5):
        newsroom.write(f"{day}.md", {"publishedDateTime": f"2026-05-0{day}"}, body="The whole *text*.")
    newsroom.build()
    assert newsroom.titles() == ["About 4", "About 3"]
    assert "whole" not in (newsroom.feeds / "rss.xml").read_text()


def test_a_large_article_falls_back_to_its_excerpt_with_a_finding(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"max_item_size": "2KB"})
    newsroom.write("big.md", body="word " * 1000)
    newsroom.write("small.md", body="Some *words*.")
    newsroom.build()
    bodies = {item["title"]: item.get("content_html") for item in newsroom.items()}
    assert bodies["About big"] is None
    assert "<em>words</em>" in bodies["About small"]
    (finding,) = newsroom.scalar(journal.load_findings)
    assert (finding.path, finding.level) == ("content/big.md", Level.WARNING)
    assert "2,048 bytes" in finding.what


def test_pinning_a_slug_moves_the_feed(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["Computer Vision"])
    newsroom.build()
    newsroom.configure(feeds={"topics": {"Computer Vision": {"slug": "cv", "title": "Seeing"}}})
    newsroom.build()
    assert newsroom.titles("cv") == ["About one"]
    assert not (newsroom.feeds / "computer-vision").exists()
    newsroom.write("two.md", topics=["computer-vision"])
    newsroom.build()
    assert newsroom.titles("computer-vision-2") == ["About two"]


def test_a_lost_state_forgets_no_former_address(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["Cloud", "Tea", "Ö"])
    newsroom.build()
    newsroom.configure(feeds={"topics": {"Cloud": {"slug": "sky"}, "Ö": {"slug": "oe"}}})
    newsroom.build()
    path = newsroom.feeds / "_redirects"
    before = path.read_bytes()
    newsroom.close()
    shutil.rmtree(newsroom.folder / ".feedbot")
    others = ("/a/* /sky 301", "/best /sky/:splat 301", "/c/* /sky/:splat 302", "/* /sky/:splat 301")
    path.write_bytes(before + "\n".join(others).encode())  # somebody's own, not of the form of ours
    newsroom.build()
    assert path.read_bytes() == before
    newsroom.configure(
        feeds={"topics": {"Cloud": {"slug": "sky"}, "Ö": {"slug": "oe"}, "Tea": {"slug": "te"}}}
    )
    newsroom.build()
    assert b"/cloud/* /sky/:splat 301" in (newsroom.feeds / "_redirects").read_bytes()
    assert b"/tea/* /te/:splat 301" in (newsroom.feeds / "_redirects").read_bytes()


def test_a_feed_that_moves_keeps_its_own_id(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["Cloud"])
    newsroom.build()
    before = etree.parse(newsroom.feeds / "cloud/atom.xml").findtext("{*}id")
    newsroom.configure(feeds={"topics": {"Cloud": {"slug": "sky"}}})
    newsroom.build()
    assert before
    assert etree.parse(newsroom.feeds / "sky/atom.xml").findtext("{*}id") == before


def test_the_addresses_that_feeds_had_before_are_listed_for_ever(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["Cloud", "C++", "Tea"])
    newsroom.build()
    listed = newsroom.feeds / "_redirects"
    assert not listed.exists()
    for slug in ("clouds", "cloudy"):
        newsroom.configure(feeds={"topics": {"Cloud": {"slug": slug}, "Tea": {"slug": "te"}}})
        newsroom.build()
    assert listed.read_text().splitlines()[1:] == [
        "/cloud/* /cloudy/:splat 301",
        "/clouds/* /cloudy/:splat 301",
        "/tea/* /te/:splat 301",
    ]
    newsroom.configure(feeds={"topics": {"Tea": {"feed": False}}})
    newsroom.build()
    assert listed.read_text().splitlines()[1:] == [
        "/cloud/* /cloudy/:splat 301",
        "/clouds/* /cloudy/:splat 301",
    ]
    newsroom.configure(
        site={**SITE, "feeds_url": "https://news.example.com/feeds/"},
        feeds={"topics": {"Cloud": {"feed": False}, "Tea": {"slug": "tea"}}},
    )
    newsroom.build()
    assert listed.read_text().splitlines()[1:] == ["/feeds/te/* /feeds/tea/:splat 301"]
    newsroom.configure(feeds={"topics": {"Cloud": {"feed": False}, "Tea": {"feed": False}}})
    newsroom.build()
    assert not listed.exists()


def test_two_spellings_of_a_topic_share_a_feed(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["Machine Learning"])
    newsroom.write("two.md", topics=["machine  learning"])
    newsroom.build()
    assert sorted(newsroom.titles("machine-learning")) == ["About one", "About two"]


def test_a_broken_file_keeps_its_last_good_version_and_is_told(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    any_newsroom.write("two.md")
    any_newsroom.build()
    before = any_newsroom.snapshot()
    age(any_newsroom.write_raw("one.md", "---\ntitle: [never closed\n---\n"))
    any_newsroom.now = datetime.now(UTC)
    report = any_newsroom.build()
    assert report.sync.broken == 1
    assert any_newsroom.snapshot() == before
    (finding,) = any_newsroom.scalar(journal.load_findings)
    assert finding.path == "content/one.md"
    any_newsroom.write("one.md", title="Mended")
    any_newsroom.build()
    assert sorted(any_newsroom.titles()) == ["About two", "Mended"]
    assert any_newsroom.scalar(journal.load_findings) == []


def test_a_file_that_goes_while_it_is_broken_takes_its_article_along(newsroom: Newsroom) -> None:
    path = newsroom.write("one.md")
    newsroom.build()
    age(newsroom.write_raw("one.md", "---\ntitle: [never closed\n---\n"))
    assert newsroom.build().sync.broken == 1
    path.unlink()
    assert newsroom.build().sync.withdrawn == 1
    assert newsroom.titles() == []


def test_a_half_written_file_is_looked_at_again_before_it_counts_as_broken(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    path = newsroom.write_raw("one.md", "---\ntitle: half")
    newsroom.now = datetime.now(UTC)
    report = newsroom.build()
    assert report.sync.in_motion == {str(path)}
    assert newsroom.titles() == ["About one"]
    assert newsroom.scalar(journal.load_findings) == []
    newsroom.later(seconds=5)
    report = newsroom.build([path])
    assert (report.sync.in_motion, report.sync.broken) == (set(), 1)


def test_a_second_file_with_the_same_id_waits_until_the_first_goes(any_newsroom: Newsroom) -> None:
    any_newsroom.write("a.md", id="same")
    any_newsroom.write("b.md", id="same")
    any_newsroom.build()
    assert any_newsroom.titles() == ["About a"]
    (finding,) = any_newsroom.scalar(journal.load_findings)
    assert finding.path == "content/b.md"
    assert "content/a.md" in finding.what
    any_newsroom.build()
    assert any_newsroom.titles() == ["About a"]
    (any_newsroom.content / "a.md").unlink()
    any_newsroom.build()
    assert any_newsroom.titles() == ["About b"]
    assert any_newsroom.scalar(journal.load_findings) == []


def test_what_each_pass_reads_again_is_told_once(
    any_newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    age(any_newsroom.write("a.md", id="same"))
    age(any_newsroom.write("b.md", id="same"))

    def told() -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="feedbot"):
            log_pass(any_newsroom.build(), full=True, first=False)
        return [line.getMessage() for line in caplog.records if "published" not in line.getMessage()]

    looked, left_out = told()
    assert looked == "looked at everything"
    assert left_out.startswith("left out: the id 'same' already belongs to content/a.md")
    assert told() == []
    assert [found.path for found in any_newsroom.scalar(journal.load_findings)] == ["content/b.md"]
    age(any_newsroom.write("0.md", id="other"))
    age(any_newsroom.write("b.md", id="other"))
    assert told()[1].startswith("left out: the id 'other' already belongs to content/0.md")
    assert told() == []


def test_a_file_that_stays_broken_is_told_after_each_edit(newsroom: Newsroom) -> None:
    age(newsroom.write_raw("one.md", "---\ntitle: [never closed\n---\n"))
    assert [found.path for found in newsroom.build().sync.problems] == ["content/one.md"]
    assert newsroom.build().sync.problems == []
    age(newsroom.write_raw("one.md", "---\ntitle: [never closed!\n---\n"))
    report = newsroom.build().sync
    assert ([found.path for found in report.problems], report.read) == (["content/one.md"], 1)


def test_a_file_of_somebody_else_in_the_output_is_told_and_healed_when_it_is_moved(
    newsroom: Newsroom,
) -> None:
    newsroom.write("one.md")
    newsroom.feeds.mkdir()
    (newsroom.feeds / "index.html").write_text("My own page")
    (newsroom.feeds / "ai").mkdir()
    (newsroom.feeds / "ai/rss.xml").write_text("<my-own/>")
    newsroom.build()
    assert (newsroom.feeds / "index.html").read_text() == "My own page"
    assert (newsroom.feeds / "ai/rss.xml").read_text() == "<my-own/>"
    assert newsroom.titles("ai") == ["About one"]
    findings = newsroom.scalar(journal.load_findings)
    assert [finding.path for finding in findings] == ["feeds/ai/rss.xml", "feeds/index.html"]
    (newsroom.feeds / "index.html").unlink()
    (newsroom.feeds / "ai/rss.xml").unlink()
    newsroom.build()
    assert newsroom.scalar(journal.load_findings) == []
    assert check_folder(newsroom.feeds, FEEDS_URL) == []


def test_documents_that_somebody_removed_or_changed_are_restored(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    before = {path: seen[0] for path, seen in newsroom.snapshot().items()}
    (newsroom.feeds / "rss.xml").unlink()
    (newsroom.feeds / "index.html").write_text("gone")
    shutil.rmtree(newsroom.feeds / "ai")
    newsroom.build()
    assert {path: seen[0] for path, seen in newsroom.snapshot().items()} == before


def test_an_unmounted_content_folder_withdraws_nothing(newsroom: Newsroom) -> None:
    for number in range(30):
        newsroom.write(f"{number}.md")
    newsroom.build()
    newsroom.content.rename(newsroom.folder / "away")
    with pytest.raises(ContentError, match="disk is mounted"):
        newsroom.build()
    newsroom.content.mkdir()
    with pytest.raises(ContentError, match="--allow-empty"):
        newsroom.build()
    assert len(newsroom.items()) == 30
    newsroom.build(allow_empty=True)
    assert newsroom.items() == []


def test_a_folder_that_is_emptied_and_filled_again_withdraws_nothing(newsroom: Newsroom) -> None:
    written = [newsroom.write(f"{number}.md") for number in range(60)]
    newsroom.build()
    before = newsroom.snapshot()
    texts = {path: path.read_bytes() for path in written}
    shutil.rmtree(newsroom.content)
    for some in (written[:5], written[5:20], written[20:35], written[35:]):  # as a checkout writes them
        for path in some:
            newsroom.write_raw(path.name, texts[path])
        report = newsroom.build([newsroom.content])
        assert events(report) == []
    assert report.sync.in_motion == set()
    assert newsroom.snapshot() == before


def test_of_many_files_a_second_look_tells_that_they_are_gone(newsroom: Newsroom) -> None:
    written = [newsroom.write(f"{number}.md") for number in range(60)]
    newsroom.build()
    for path in written[:40]:
        path.unlink()
    report = newsroom.build([newsroom.content])
    assert (events(report), report.sync.in_motion) == ([], {str(newsroom.content)})
    assert newsroom.build([newsroom.content]).sync.withdrawn == 40
    assert len(newsroom.items()) == 20


def test_a_content_folder_that_is_a_link_can_be_switched(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.content.rename(newsroom.folder / "release 1")
    newsroom.content.symlink_to("release 1")
    newsroom.build()
    shutil.copytree(newsroom.folder / "release 1", newsroom.folder / "release 2")
    newsroom.content.unlink()
    newsroom.content.symlink_to("release 2")
    newsroom.write("two.md")
    report = newsroom.build([newsroom.content])  # as a worker that notices it
    assert (report.sync.new, report.sync.withdrawn) == (1, 0)
    assert newsroom.titles() == ["About one", "About two"]


def test_an_event_in_a_folder_that_was_just_unmounted_withdraws_nothing(newsroom: Newsroom) -> None:
    for number in range(30):
        newsroom.write(f"{number}.md")
        newsroom.write(f"sub/{number}.md")
    newsroom.build()
    shutil.rmtree(newsroom.content / "sub")
    for _ in range(2):  # so many are gone when two looks miss them
        newsroom.build([newsroom.content / "sub"])
    assert len(newsroom.items()) == 30
    newsroom.content.rename(newsroom.folder / "away")
    newsroom.content.mkdir()
    with pytest.raises(ContentError, match="--allow-empty"):
        newsroom.build([newsroom.content])
    assert len(newsroom.items()) == 30


def test_a_slug_that_belongs_to_another_feed_is_not_taken_over_and_told(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["Cloud"])
    newsroom.write("two.md", topics=["Fog"])
    newsroom.build()
    newsroom.configure(feeds={"topics": {"Fog": {"slug": "cloud"}}})
    newsroom.build()
    assert (newsroom.titles("cloud"), newsroom.titles("cloud-2")) == (["About one"], ["About two"])
    (finding,) = newsroom.scalar(journal.load_findings)
    assert "'cloud' belongs to another feed" in finding.what
    newsroom.configure()
    newsroom.build()
    assert newsroom.scalar(journal.load_findings) == []


def test_a_removal_that_was_cut_short_is_made_up_for(newsroom: Newsroom) -> None:
    newsroom.write("one.md", topics=["AI", "Spam"])
    newsroom.build()
    kept = {path: path.read_bytes() for path in (newsroom.feeds / "spam").iterdir()}
    newsroom.configure(feeds={"topics": {"Spam": {"feed": False}}})
    newsroom.build()
    (newsroom.feeds / "spam").mkdir()
    for path, body in kept.items():  # as if the process had ended just before it removed them
        path.write_bytes(body)

    def restore(connection: Connection) -> None:
        key = feeds.find_keys(connection, FeedKind.TOPIC, ["spam"])["spam"]
        rows = [
            DocumentRow(path=f"spam/{path.name}", feed_key=key, mtime_ns=-1, size=1, digest=None)
            for path in kept
        ]
        documents.put(connection, rows)

    newsroom.scalar(restore)
    newsroom.build()
    assert not (newsroom.feeds / "spam").exists()


def test_a_pass_that_cannot_write_is_finished_by_the_next(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    shutil.rmtree(newsroom.feeds / "ai")
    (newsroom.feeds / "ai").write_text("in the way")
    newsroom.write("one.md", title="Better")
    shutil.rmtree(newsroom.feeds)
    newsroom.feeds.write_text("no folder at all")
    with pytest.raises(PublishError):
        newsroom.build()
    newsroom.feeds.unlink()
    newsroom.build()
    assert newsroom.titles() == newsroom.titles("ai") == ["Better"]


def test_a_newsroom_without_articles_has_a_valid_empty_feed(newsroom: Newsroom) -> None:
    newsroom.build()
    assert newsroom.items() == []
    assert check_folder(newsroom.feeds, FEEDS_URL) == []


def test_a_look_at_some_paths_sees_them_and_nothing_else(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.write("sub/two.md")
    newsroom.build()
    newsroom.write("one.md", title="Unseen")
    newsroom.write("sub/two.md", title="Seen")
    newsroom.build([newsroom.content / "sub/two.md"])
    assert sorted(newsroom.titles()) == ["About one", "Seen"]
    shutil.rmtree(newsroom.content / "sub")
    newsroom.build([newsroom.content / "sub"])
    assert newsroom.titles() == ["About one"]
    newsroom.build()
    assert newsroom.titles() == ["Unseen"]


def test_content_in_two_folders_is_one_newsroom(newsroom: Newsroom, tmp_path: Path) -> None:
    newsroom.write("one.md")
    (tmp_path / "more").mkdir()
    shutil.copy(newsroom.content / "one.md", tmp_path / "more" / "two.md")
    newsroom.configure(content={"path": ["content", str(tmp_path / "more")]})
    newsroom.build()
    assert [item["id"].rpartition(":")[2] for item in newsroom.items()] == ["one.md", "two.md"]


def test_one_path_in_two_folders_is_a_duplicate_whenever_the_second_comes(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    newsroom.configure(content={"path": ["content", str(tmp_path / "more")]})
    newsroom.write("one.md")
    newsroom.build()
    shutil.copy(newsroom.content / "one.md", tmp_path / "more" / "one.md")
    newsroom.build()
    assert newsroom.titles() == ["About one"]
    (finding,) = newsroom.scalar(journal.load_findings)
    assert "already belongs to content/one.md" in finding.what


def test_addresses_are_counted_from_the_content_folder_of_now(newsroom: Newsroom) -> None:
    newsroom.write("sub/one.md", webUrl=None)
    newsroom.build()
    assert [item["url"] for item in newsroom.items()] == ["https://news.example.com/sub/one/"]
    newsroom.configure(content={"path": "content/sub"})
    report = newsroom.build()
    assert [item["url"] for item in newsroom.items()] == ["https://news.example.com/one/"]
    assert report.sync.events == []
    assert newsroom.items()[0]["id"].endswith(":sub/one.md")  # as readers know it


def test_patterns_choose_the_files(newsroom: Newsroom) -> None:
    for name in ("one.md", "drafts/two.md", "notes.txt", ".hidden/three.md", "page.html"):
        newsroom.write(name)
    newsroom.configure(content={"exclude": ["drafts/"]})
    newsroom.build()
    assert sorted(newsroom.titles()) == ["About one", "About page"]
    newsroom.configure(content={"include": ["*.txt"]})
    newsroom.build()
    assert newsroom.titles() == ["About notes"]


def test_a_new_site_address_reaches_every_document(newsroom: Newsroom) -> None:
    newsroom.write("one.md", webUrl=None)
    newsroom.build()
    site = {**newsroom.config.site.model_dump(include={"title", "id_base"}), "url": "https://new.example/",
            "feeds_url": "https://feeds.new.example/"}  # fmt: skip
    newsroom.configure(site=site)
    report = newsroom.build()
    assert newsroom.items()[0]["url"] == "https://new.example/one/"
    assert events(report) == []  # no author changed anything
    feed = json.loads((newsroom.feeds / "ai/feed.json").read_text())
    assert feed["feed_url"] == "https://feeds.new.example/ai/feed.json"


def test_another_id_base_changes_no_id_that_was_given_and_is_told(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    newsroom.write("one.md")
    newsroom.build()
    newsroom.configure(site={**SITE, "id_base": "tag:other.example,2026:"})
    newsroom.write("two.md")
    newsroom.build()
    newsroom.build()
    ids = {item["id"] for item in newsroom.items()}
    assert ids == {"tag:news.example.com,2026:one.md", "tag:other.example,2026:two.md"}
    [told] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "site.id_base is another than before (tag:news.example.com,2026:)" in told
    assert "stop feedbot and remove the state, which gives all of them new ids" in told


def test_without_pages_there_are_the_documents_and_the_list_of_all_feeds(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    any_newsroom.build()
    before = {path: body for path, (body, *_) in any_newsroom.snapshot().items()}
    any_newsroom.configure(feeds={"pages": False})
    any_newsroom.build()
    assert sorted(os.listdir(any_newsroom.feeds / "ai")) == ["atom.xml", "feed.json", "rss.xml"]
    assert any_newsroom.titles("ai") == ["About one"]
    assert json.loads((any_newsroom.feeds / "ai/feed.json").read_text())["home_page_url"] == SITE["url"]
    index = (any_newsroom.feeds / "index.html").read_text()
    assert 'href="ai/rss.xml"' in index
    assert "ai/index.html" not in index
    assert check_folder(any_newsroom.feeds, FEEDS_URL, pages=False) == []
    any_newsroom.configure()
    any_newsroom.build()
    assert {path: body for path, (body, *_) in any_newsroom.snapshot().items()} == before
