"""Archives of feeds: a walk finds every article once, and nothing new ever changes a closed document."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from checker import check_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import serving
from lxml import etree
from newsroom import FEEDS_URL, SITE, Newsroom
from sqlalchemy import event, text, update

from feedbot.errors import StandbyError
from feedbot.passes.archive import archive_size
from feedbot.passes.build import Builder
from feedbot.store import archives, feeds, journal
from feedbot.store.db import open_store
from feedbot.store.lease import Lease
from feedbot.store.schema import leases

LIMIT = 5  # articles in a feed; four of them make an archive
DOCUMENTS = ["rss.xml", "atom.xml", "feed.json"]
TOPICS = {"": "", "ai": "AI", "law": "Law"}  # by slug
ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"


@dataclass
class Desk:
    """Writes articles and knows what readers are to find of them."""

    newsroom: Newsroom
    articles: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, name: str, day: int, **fields: Any) -> None:
        """Write an article that is dated so many days after the first of January."""
        moment = datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(days=day)
        self.articles[name] = {"title": f"About {name}", "topics": ["AI"], **fields}
        self.articles[name]["publishedDateTime"] = moment.isoformat()
        self.change(name)

    def write_many(self, numbers: range) -> None:
        """Write articles one day apart."""
        for number in numbers:
            self.write(f"a{number:02}", number)

    def change(self, name: str, **fields: Any) -> None:
        """Write an article again, with other fields."""
        self.articles[name] |= fields
        self.newsroom.write(f"{name}.md", self.articles[name])

    def titles(self, topic: str = "") -> dict[str, str]:
        """The titles that the feed of a topic has to hold, by name."""
        return {
            name: fields["title"]
            for name, fields in self.articles.items()
            if fields.get("published", True) and (not topic or topic in fields["topics"])
        }


@pytest.fixture
def desk(newsroom: Newsroom) -> Desk:
    """A desk of a newsroom whose feeds have archives."""
    return archived_newsroom(newsroom)


@pytest.fixture
def any_desk(any_newsroom: Newsroom) -> Desk:
    """The same on each kind of database."""
    return archived_newsroom(any_newsroom)


def archived_newsroom(newsroom: Newsroom, **options: Any) -> Desk:
    """`newsroom` with archives and a low limit."""
    newsroom.configure(feeds={"archive": True, "limit": LIMIT, **options})
    return Desk(newsroom)


# --- a reader that goes back through the files ---


@dataclass(frozen=True)
class Page:
    """One document of a feed: where it is, the one before, and the titles in it by name."""

    path: str
    before: str
    titles: dict[str, str]


def read_page(root: Path, path: str) -> Page:
    """Read a document as a stranger would."""
    body = (root / path).read_bytes()
    if path.endswith(".json"):
        feed = json.loads(body)
        items = [(item["id"], item["title"]) for item in feed["items"]]
        before = [feed["next_url"]] if "next_url" in feed else []
    else:
        parsed = feedparser.parse(body)
        assert not parsed.bozo
        items = [(entry.id, entry.title) for entry in parsed.entries]
        before = [link.href for link in parsed.feed.links if link.rel == "prev-archive"]
    assert len(before) < 2
    assert all(url.startswith(FEEDS_URL) for url in before)
    found = {id_.partition(":")[2].partition(":")[2].removesuffix(".md"): title for id_, title in items}
    return Page(path, before[0].removeprefix(FEEDS_URL) if before else "", found)


def walk(root: Path, slug: str = "", document: str = "feed.json") -> list[Page]:
    """The document of a feed, then its archives from the newest to the oldest."""
    pages = [read_page(root, f"{slug}/{document}" if slug else document)]
    while pages[-1].before:
        assert pages[-1].before not in {page.path for page in pages}
        pages.append(read_page(root, pages[-1].before))
    return pages


def titles_of(pages: list[Page]) -> dict[str, str]:
    """What a reader has after a walk: of an article in two documents the one in the newer."""
    found: dict[str, str] = {}
    for page in pages:
        found = page.titles | found
    return found


def closed(root: Path, slug: str = "**") -> dict[str, tuple[bytes, int]]:
    """Bytes and inode of every document of an archive, by path."""
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_ino)
        for path in root.glob(f"{slug}/archive/*/*" if slug else "archive/*/*")
        if path.parent.name.isdecimal()
    }


def verify(desk: Desk, documents: list[str] = DOCUMENTS) -> None:
    """Each feed's walk finds what it has to, in every format, and no article is in two archives."""
    root = desk.newsroom.feeds
    for slug, topic in TOPICS.items():
        if not (root / slug).exists():
            assert not desk.titles(topic)
            continue
        for document in documents:
            pages = walk(root, slug, document)
            assert titles_of(pages) == desk.titles(topic), (slug, document)
            numbers = range(len(pages) - 1, 0, -1)
            folder = f"{slug}/" if slug else ""
            assert [page.path for page in pages[1:]] == [f"{folder}archive/{n}/{document}" for n in numbers]
            counts = Counter(name for page in pages[1:] for name in page.titles)
            assert set(counts.values()) <= {1}


# --- the chain ---


def test_a_walk_finds_every_article_once_in_every_feed_and_format(any_desk: Desk) -> None:
    for number in range(30):
        any_desk.write(f"a{number:02}", number, topics=["AI", "Law"] if number % 2 else ["AI"])
    any_desk.newsroom.build()
    verify(any_desk)
    assert check_folder(any_desk.newsroom.feeds, FEEDS_URL, limit=LIMIT) == []
    assert [len(page.titles) for page in walk(any_desk.newsroom.feeds)] == [LIMIT, *[4] * 7]
    assert list(walk(any_desk.newsroom.feeds)[-1].titles) == ["a03", "a02", "a01", "a00"]


def test_there_is_no_archive_before_an_article_would_be_lost_from_view(desk: Desk) -> None:
    desk.write_many(range(LIMIT))
    desk.newsroom.build()
    assert closed(desk.newsroom.feeds) == {}
    desk.write("one-more", 50)
    desk.newsroom.build()
    page, archive = walk(desk.newsroom.feeds)
    assert list(page.titles) == ["one-more", "a04", "a03", "a02", "a01"]
    assert list(archive.titles) == ["a03", "a02", "a01", "a00"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 50, 63, 1000])
def test_an_archive_is_no_longer_than_a_feed(limit: int) -> None:
    assert 1 <= archive_size(limit) <= min(limit, 50)


def test_whatever_comes_and_whenever_it_is_dated_closed_documents_stay_as_they_are(desk: Desk) -> None:
    days = [10, 11, 12, 13, 14, 15, 3, 16, 1, 17, 17, 17, 17, 2, 40, 39, 38, 0, 41, 4, 42, 43, 44, 5]
    before: dict[str, tuple[bytes, int]] = {}
    for number, day in enumerate(days):
        desk.write(f"a{number:02}", day, topics=["AI", "Law"] if number % 3 else ["Law"])
        desk.newsroom.build()
        after = closed(desk.newsroom.feeds)
        assert before.items() <= after.items()
        before = after
        verify(desk, ["feed.json"])
    verify(desk)


def test_articles_of_one_moment_are_archived_in_the_order_of_the_feed(desk: Desk) -> None:
    for number in range(23):
        desk.write(f"a{number:02}", 1)
    desk.newsroom.build()
    verify(desk)
    names = [list(page.titles) for page in walk(desk.newsroom.feeds)]
    assert names[0] == ["a00", "a01", "a02", "a03", "a04"]
    assert names[-1] == ["a19", "a20", "a21", "a22"]


def test_an_old_article_that_gets_a_topic_is_found_in_its_feed(desk: Desk) -> None:
    desk.write_many(range(12))
    for number in range(12):
        desk.write(f"law{number:02}", number + 20, topics=["Law"])
    desk.newsroom.build()
    before = closed(desk.newsroom.feeds, "law")
    desk.change("a01", topics=["AI", "Law"])
    desk.newsroom.build()
    verify(desk)
    assert before.items() <= closed(desk.newsroom.feeds, "law").items()


# --- what changes a closed document ---


def changed_paths(before: dict[str, tuple[bytes, int]], after: dict[str, tuple[bytes, int]]) -> set[str]:
    assert before.keys() == after.keys()
    return {path for path in before if before[path] != after[path]}


def shelf(*numbers: int, slugs: tuple[str, ...] = ("", "ai/")) -> set[str]:
    """The paths of some archives of the feed of everything and of that of AI."""
    return {f"{slug}archive/{number}/{name}" for slug in slugs for number in numbers for name in DOCUMENTS}


def test_a_correction_reaches_the_archives_that_hold_the_article_and_no_others(any_desk: Desk) -> None:
    any_desk.write_many(range(20))
    any_desk.newsroom.build()
    before = closed(any_desk.newsroom.feeds)
    any_desk.change("a05", title="Put right")
    any_desk.newsroom.build()
    assert changed_paths(before, closed(any_desk.newsroom.feeds)) == shelf(2)
    verify(any_desk)


def test_an_edit_that_no_reader_can_see_and_a_touched_file_change_nothing_closed(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.newsroom.build()
    before = desk.newsroom.snapshot()
    desk.change("a05", heat=99)
    desk.newsroom.write("a06.md", desk.articles["a06"])
    desk.newsroom.build()
    assert desk.newsroom.snapshot() == before


@pytest.mark.parametrize("way", [{"published": False}, {"removed": True}, {"topics": ["Law"]}], ids=str)
def test_what_is_withdrawn_leaves_its_archive_and_comes_back_to_it(desk: Desk, way: dict[str, Any]) -> None:
    desk.write_many(range(20))
    desk.newsroom.build()
    before = closed(desk.newsroom.feeds)
    desk.newsroom.write("a05.md", desk.articles["a05"] | way)
    desk.newsroom.build()
    gone = closed(desk.newsroom.feeds, "ai")
    assert set(gone) | shelf(2) == set(gone) | shelf(2, slugs=("",))
    assert b"About a05" not in b"".join(body for body, _ in gone.values())
    desk.newsroom.write("a05.md", desk.articles["a05"])
    desk.newsroom.build()
    after = closed(desk.newsroom.feeds)
    assert {path: body for path, (body, _) in after.items() if "law" not in path} == {
        path: body for path, (body, _) in before.items()
    }


def test_a_deleted_article_leaves_no_word_anywhere(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.change("a05", title="Libel", excerpt="Slander")
    desk.newsroom.build()
    assert any(b"Libel" in body for body, _ in closed(desk.newsroom.feeds).values())
    (desk.newsroom.content / "a05.md").unlink()
    desk.newsroom.build()
    whole = b"".join(seen[0] for seen in desk.newsroom.snapshot().values())
    assert b"Libel" not in whole
    assert b"Slander" not in whole


def test_an_archive_all_of_whose_articles_are_withdrawn_stays_a_link_of_the_chain(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.newsroom.build()
    for number in range(4, 8):
        desk.change(f"a{number:02}", published=False)
    desk.newsroom.build()
    verify(desk)
    empty = walk(desk.newsroom.feeds)[-2]
    assert (empty.path, empty.titles) == ("archive/2/feed.json", {})
    assert check_folder(desk.newsroom.feeds, FEEDS_URL) == []
    before = closed(desk.newsroom.feeds)
    desk.write("newer", 60)
    desk.newsroom.build()
    desk.newsroom.configure(feeds={**desk.newsroom.settings["feeds"], "hub": "https://hub.example.com/"})
    desk.newsroom.build()
    assert before.items() <= closed(desk.newsroom.feeds).items()


def test_an_article_that_expires_leaves_its_archive_by_itself(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.change("a05", expiryDate="2026-06-01T13:00:00Z")
    desk.newsroom.build()
    desk.newsroom.later(hours=2)
    desk.newsroom.build([])
    assert all("a05" not in page.titles for page in walk(desk.newsroom.feeds))
    desk.articles["a05"]["published"] = False
    verify(desk)


# --- any sequence of all that ---

NAMES = [f"s{number}" for number in range(14)]
steps = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.integers(0, 30), st.integers(0, 2)),
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.integers(0, 30), st.integers(0, 2)),
    st.tuples(st.just("edit"), st.sampled_from(NAMES), st.integers(0, 99), st.just(0)),
    st.tuples(st.just("withdraw"), st.sampled_from(NAMES), st.just(0), st.just(0)),
    st.tuples(st.just("topics"), st.sampled_from(NAMES), st.integers(0, 2), st.just(0)),
)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(passes=st.lists(st.lists(steps, min_size=1, max_size=4), min_size=4, max_size=9))
def test_after_any_life_a_walk_finds_what_is_live_and_nothing_else_is_anywhere(
    tmp_path_factory: pytest.TempPathFactory, passes: list[list[tuple[str, str, int, int]]]
) -> None:
    newsroom = Newsroom(tmp_path_factory.mktemp("life") / "newsroom")
    desk = archived_newsroom(newsroom, limit=3, formats=["json"])
    before: dict[str, tuple[bytes, int]] = {}
    for some in passes:
        named = {name for _, name, _, _ in some if name in desk.articles}
        for step in some:
            take(desk, *step)
        newsroom.build()
        verify(desk, ["feed.json"])
        after = closed(newsroom.feeds)
        kept = {path: seen for path, seen in before.items() if not named & set(json_names(seen[0]))}
        came_back = {path for path, seen in after.items() if named & set(json_names(seen[0]))}
        assert {path: kept[path] for path in kept.keys() - came_back}.items() <= after.items()
        assert before.keys() <= after.keys()
        before = after
        forbid_withdrawn(desk)
    newsroom.close()


def take(desk: Desk, what: str, name: str, number: int, choice: int) -> None:
    """One step in the life of an article."""
    topics = [["AI"], ["Law"], ["AI", "Law"]]
    if what == "write":
        desk.write(name, number, topics=topics[choice])
    elif name in desk.articles and what == "edit":
        desk.change(name, title=f"About {name}, {number}")
    elif name in desk.articles and what == "topics":
        desk.change(name, topics=topics[number])
    elif name in desk.articles:
        desk.change(name, published=not desk.articles[name].get("published", True))


def json_names(body: bytes) -> list[str]:
    """The names of the articles in a document."""
    return [item["id"].rpartition(":")[2].removesuffix(".md") for item in json.loads(body)["items"]]


def forbid_withdrawn(desk: Desk) -> None:
    """Nothing in the output names what is withdrawn."""
    there = {name for path in desk.newsroom.feeds.rglob("*.json") for name in json_names(path.read_bytes())}
    assert there == desk.titles().keys()


# --- interruptions, and two processes ---


class Killed(BaseException):
    """Nothing of ours handles it, as nothing handles a kill."""


@dataclass
class Interruption:
    """Something that happens before the n-th transaction begins: all that is done on disk is between two."""

    newsroom: Newsroom
    act: Callable[[], None]
    left: int = 0

    def __post_init__(self) -> None:
        engine = self.newsroom.engine
        event.listen(engine, "checkout", lambda *_: self._count())  # the database is not locked yet

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.act()


def die() -> None:
    raise Killed


def test_a_pass_that_is_killed_anywhere_is_made_up_for_to_the_last_byte(tmp_path: Path) -> None:
    rooms = [Newsroom(tmp_path / name) for name in ("killed", "at peace")]
    desks = [archived_newsroom(room, limit=3, formats=["json"]) for room in rooms]
    interruption = Interruption(rooms[0], die)
    number, moment = 0, 1
    while True:
        for desk in desks:
            desk.write(f"a{number:02}", number * 7 % 40)
            desk.write(f"b{number:02}", number, topics=["Law", "AI"])
            desk.change("b00", title=f"Edition {number}")
        number, interruption.left = number + 1, moment
        try:
            rooms[0].build()
        except Killed:
            check_links(rooms[0].feeds)
            rooms[0].build()
        rooms[1].build()
        assert bodies(rooms[0]) == bodies(rooms[1])
        if interruption.left > 0:  # there is no such moment in a pass
            break
        moment += 1
    assert moment > 10
    verify(desks[0], ["feed.json"])
    for room in rooms:
        room.close()


def check_links(root: Path) -> None:
    """No document that is there leads to one that is not."""
    for path in root.rglob("feed.json"):
        before = read_page(root, path.relative_to(root).as_posix()).before
        assert not before or (root / before).is_file(), path


def bodies(newsroom: Newsroom) -> dict[str, bytes]:
    return {path: seen[0] for path, seen in newsroom.snapshot().items()}


def test_what_another_process_does_between_two_steps_of_a_pass_comes_out_right(
    any_newsroom: Newsroom,
) -> None:
    """As when this one was stopped so long that the other took over."""
    desk = archived_newsroom(any_newsroom, limit=3, formats=["json"])
    desk.write_many(range(6))
    any_newsroom.build()
    other = open_store(any_newsroom.config.store.url.get_secret_value())
    number = 0

    def meanwhile() -> None:
        desk.write(f"other{number}", 3 * number % 50, topics=["AI", "Law"])
        desk.change("a01", published=number % 2 == 0, title=f"Theirs {number}")
        taken_over = False
        while not taken_over:  # whoever was stopped does not renew its lease; this one may, meanwhile
            with other.begin() as connection:
                connection.execute(update(leases).values(until_us=0))
            lease = Lease(other, patience=0)
            with suppress(StandbyError):
                Builder(any_newsroom.config, other, clock=lambda: any_newsroom.now, lease=lease).run()
                taken_over = True

    interruption = Interruption(any_newsroom, meanwhile)
    is_over = False
    while not is_over:
        number += 2 if any_newsroom.store_url.startswith("postgresql") else 1
        desk.write(f"ours{number}", 2 * number, topics=["AI"])
        desk.change("a00", title=f"Ours {number}")  # in one archive with what the other process changes
        interruption.left = number
        with suppress(StandbyError):
            any_newsroom.build()
        is_over = interruption.left > 0  # there is no such moment in a pass
        interruption.left = 0
        any_newsroom.build()
        verify(desk, ["feed.json"])
        forbid_withdrawn(desk)
    other.dispose()
    assert number > 10


def test_an_archive_that_changes_while_it_is_written_is_written_once_more(any_desk: Desk) -> None:
    any_desk.write_many(range(20))
    any_desk.newsroom.build()
    with any_desk.newsroom.engine.begin() as connection:
        archives.touch_all(connection)
        for archive in archives.load_stale(connection)[1:]:
            archives.note_rendered(connection, archive)
        (older,) = archives.load_stale(connection)
        archives.touch(connection, [older.key])
        (newer,) = archives.load_stale(connection)
        archives.note_rendered(connection, older)  # its documents may have replaced those that are newer
        archives.note_rendered(connection, newer)
        (again,) = archives.load_stale(connection)
        archives.note_rendered(connection, again)
        assert archives.load_stale(connection) == []


# --- configuration ---


def test_archives_that_are_switched_off_and_on_again_are_the_same(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.newsroom.build()
    options = desk.newsroom.settings["feeds"]
    before = bodies(desk.newsroom)
    desk.newsroom.configure(feeds={**options, "archive": False})
    desk.newsroom.build()
    assert not list(desk.newsroom.feeds.glob("**/archive"))
    assert len(walk(desk.newsroom.feeds)) == 1
    desk.newsroom.configure(feeds=options)
    desk.newsroom.build()
    assert bodies(desk.newsroom) == before


def test_what_happens_while_archives_are_off_is_there_when_they_are_on(any_desk: Desk) -> None:
    any_desk.write_many(range(20))
    any_desk.newsroom.build()
    options = any_desk.newsroom.settings["feeds"]
    any_desk.newsroom.configure(feeds={**options, "archive": False})
    any_desk.newsroom.build()
    any_desk.write("late", 2)
    any_desk.change("a05", title="Put right")
    any_desk.change("a06", published=False)
    any_desk.newsroom.build()
    any_desk.newsroom.configure(feeds=options)
    any_desk.newsroom.build()
    verify(any_desk)


def test_without_archives_the_store_knows_of_none(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"limit": LIMIT})
    Desk(newsroom).write_many(range(20))
    newsroom.build()
    counted = text("select (select count(*) from archives) + (select count(*) from archived)")
    assert newsroom.scalar(lambda connection: connection.execute(counted).scalar()) == 0


def test_a_smaller_limit_loses_nothing(desk: Desk) -> None:
    desk.write_many(range(LIMIT))
    desk.newsroom.build()
    desk.newsroom.configure(feeds={"archive": True, "limit": 2})
    desk.newsroom.build()
    verify(desk)


def test_a_named_feed_has_archives_of_its_own_length_and_content(desk: Desk) -> None:
    named = [{"name": "Brief", "where": {"topics": ["AI"]}, "limit": 10, "content": "excerpt"}]
    desk.newsroom.configure(feeds={**desk.newsroom.settings["feeds"], "named": named})
    for number in range(30):
        desk.newsroom.write(
            f"a{number:02}.md", publishedDateTime=f"2026-01-{number + 1:02}", body="The whole text."
        )
    desk.newsroom.build()
    pages = walk(desk.newsroom.feeds, "brief", "atom.xml")
    assert [len(page.titles) for page in pages] == [10, 8, 8, 8]
    words = [b"The whole text" in body for body, _ in closed(desk.newsroom.feeds, "brief").values()]
    assert not any(words)
    assert b"The whole text" in (desk.newsroom.feeds / "archive/1/rss.xml").read_bytes()


def test_a_feed_that_moves_takes_its_archives_along(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.newsroom.build()
    pinned = {"AI": {"slug": "machines"}}
    desk.newsroom.configure(feeds={**desk.newsroom.settings["feeds"], "topics": pinned})
    desk.newsroom.build()
    assert not (desk.newsroom.feeds / "ai").exists()
    for document in DOCUMENTS:
        pages = walk(desk.newsroom.feeds, "machines", document)
        assert titles_of(pages) == desk.titles("AI")
    assert "/ai/* /machines/:splat 301" in (desk.newsroom.feeds / "_redirects").read_text()


def test_a_feed_that_is_dropped_takes_its_archives_along_and_brings_them_back(desk: Desk) -> None:
    named = [{"name": "Watch", "where": {"topics": ["AI"]}}]
    options = desk.newsroom.settings["feeds"]
    desk.newsroom.configure(feeds={**options, "named": named})
    desk.write_many(range(20))
    desk.newsroom.build()
    before = bodies(desk.newsroom)
    assert "watch/archive/4/rss.xml" in before
    desk.newsroom.configure(feeds={**options, "topics": {"AI": {"feed": False}}})
    desk.newsroom.build()
    assert not [path for path in bodies(desk.newsroom) if path.startswith(("ai/", "watch/"))]
    desk.newsroom.configure(feeds={**options, "named": named})
    desk.newsroom.build()
    assert bodies(desk.newsroom) == before


def test_a_topic_called_archive_has_a_folder_that_holds_no_archives_of_others(desk: Desk) -> None:
    for number in range(20):
        desk.write(f"a{number:02}", number, topics=["Archive"])
    desk.newsroom.build()
    for document in DOCUMENTS:
        for slug in ("", "topic-archive"):
            assert titles_of(walk(desk.newsroom.feeds, slug, document)) == desk.titles()
    assert not (desk.newsroom.feeds / "archive/rss.xml").exists()


# --- the output folder ---


def test_closed_documents_that_somebody_removed_or_changed_are_restored(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.newsroom.build()
    before = bodies(desk.newsroom)
    shutil.rmtree(desk.newsroom.feeds / "archive/1")
    (desk.newsroom.feeds / "ai/archive/2/rss.xml").write_text("scribbled over")
    desk.newsroom.build()
    assert bodies(desk.newsroom) == before


def test_a_file_of_somebody_else_in_an_archives_place_is_told_and_healed_when_it_is_moved(desk: Desk) -> None:
    desk.write_many(range(20))
    (desk.newsroom.feeds / "archive/1").mkdir(parents=True)
    mine = desk.newsroom.feeds / "archive/1/feed.json"
    mine.write_text("{}")
    desk.newsroom.build()
    assert mine.read_text() == "{}"
    (finding,) = desk.newsroom.scalar(journal.load_findings)
    assert finding.path == "feeds/archive/1/feed.json"
    assert titles_of(walk(desk.newsroom.feeds, "", "rss.xml")) == desk.titles()
    mine.unlink()
    desk.newsroom.build()
    assert desk.newsroom.scalar(journal.load_findings) == []
    verify(desk)


def test_after_a_lost_state_nothing_is_left_of_archives_that_there_are_no_more(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.newsroom.build()
    for number in range(6):  # late ones, each closed into an archive of its own
        desk.write(f"late{number}", number)
        desk.newsroom.build()
    longer = len(walk(desk.newsroom.feeds))
    mine = desk.newsroom.feeds / "archive/99/rss.xml"
    mine.parent.mkdir()
    mine.write_text("<my-own/>")
    desk.newsroom.close()
    shutil.rmtree(desk.newsroom.folder / ".feedbot")
    assert desk.newsroom.build().lost_state
    verify(desk)
    pages = walk(desk.newsroom.feeds)
    assert len(pages) < longer
    assert {Path(path).parent.name for path in closed(desk.newsroom.feeds, "")} == {
        *(str(number) for number in range(1, len(pages))), "99",
    }  # fmt: skip
    assert mine.read_text() == "<my-own/>"


def test_a_pass_in_which_nothing_moved_writes_no_archive(desk: Desk) -> None:
    desk.write_many(range(20))
    desk.newsroom.build()
    before = desk.newsroom.snapshot()
    report = desk.newsroom.build()
    assert (report.written, report.removed) == (0, 0)
    assert desk.newsroom.snapshot() == before


def test_no_announcement_waits_for_an_archive(desk: Desk) -> None:
    desk.write_many(range(20))
    (desk.newsroom.feeds / "archive/1").mkdir(parents=True)
    (desk.newsroom.feeds / "archive/1/feed.json").write_text("{}")
    desk.newsroom.build()
    assert desk.newsroom.scalar(lambda connection: feeds.load(connection, stale=True)) == []
    assert desk.newsroom.scalar(lambda connection: journal.unwritten(connection, range(1, 21))) == set()


# --- what a document says of its place ---


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with a hub and three archives of all articles."""
    newsroom = Newsroom(tmp_path_factory.mktemp("shelves") / "newsroom")
    desk = archived_newsroom(newsroom, hub="https://hub.example.com/")
    desk.write_many(range(14))
    newsroom.build()
    newsroom.close()
    return newsroom.feeds


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml"])
def test_an_archive_says_what_it_is_and_where_the_feed_is_and_names_no_hub(shelves: Path, name: str) -> None:
    for number, before in ((3, 2), (2, 1), (1, None)):
        root = etree.parse(shelves / f"archive/{number}/{name}").getroot()
        head = root[0] if root.tag == "rss" else root
        links = {link.get("rel"): link.get("href") for link in head.findall(f"{ATOM}link")}
        links.pop("alternate", None)
        wanted = {"self": f"archive/{number}/{name}", "current": name}
        wanted |= {"prev-archive": f"archive/{before}/{name}"} if before else {}
        assert links == {relation: FEEDS_URL + path for relation, path in wanted.items()}
        assert head.find(f"{HISTORY}archive") is not None


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml"])
def test_the_feed_leads_to_its_newest_archive_and_is_none_itself(shelves: Path, name: str) -> None:
    root = etree.parse(shelves / name).getroot()
    head = root[0] if root.tag == "rss" else root
    links = {link.get("rel"): link.get("href") for link in head.findall(f"{ATOM}link")}
    assert links["prev-archive"] == f"{FEEDS_URL}archive/3/{name}"
    assert links["hub"] == "https://hub.example.com/"
    assert "current" not in links
    assert not list(root.iter(f"{HISTORY}*"))


def test_an_archive_has_the_identity_of_its_feed(shelves: Path) -> None:
    paths = ("atom.xml", "archive/1/atom.xml")
    feed, archive = (feedparser.parse((shelves / path).read_bytes()).feed for path in paths)
    assert (feed.id, feed.title) == (archive.id, archive.title)
    assert archive.updated == "2026-01-04T09:00:00+00:00"
    feeds_ = [json.loads((shelves / path).read_bytes()) for path in ("feed.json", "archive/1/feed.json")]
    assert feeds_[0]["feed_url"] == feeds_[1]["feed_url"] == f"{FEEDS_URL}feed.json"
    assert "hubs" in feeds_[0]
    assert "hubs" not in feeds_[1]
    assert "next_url" not in feeds_[1]


def test_the_example_in_the_documentation_finds_every_article(newsroom: Newsroom) -> None:
    newsroom.feeds.mkdir()
    with serving(newsroom.feeds) as root:
        newsroom.configure(site={**SITE, "feeds_url": root}, feeds={"archive": True, "limit": LIMIT})
        desk = Desk(newsroom)
        desk.write_many(range(20))
        newsroom.build()
        page = (Path(__file__).parent.parent / "docs" / "archives.md").read_text(encoding="utf-8")
        (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        found: dict[str, Any] = {}
        exec(code.replace(FEEDS_URL, root), found)  # noqa: S102 - it is there to be run
    assert len(found["articles"]) == len(desk.titles())


BROKEN = [
    ("archive/2/rss.xml", "<fh:archive/>", "", "the mark of an archive"),
    ("rss.xml", "<channel>", f'<channel><a xmlns="{HISTORY[1:-1]}"/>', "has no place here"),
    ("atom.xml", 'rel="prev-archive"', 'rel="next-archive"', "unknown relation next-archive"),
    ("atom.xml", "archive/3/atom.xml", "archive/2/atom.xml", "archive 0 is followed by"),
    ("archive/3/atom.xml", "archive/2/atom.xml", "archive/9/atom.xml", "archive 3 is followed by"),
    ("archive/1/atom.xml", 'rel="current"', 'rel="related"', "current link is []"),
    ("archive/2/feed.json", "com/feed.json", "com/archive/2/feed.json", "feed_url is"),
    ("archive/3/feed.json", ":a09.md", ":a00.md", "id in the archives stands twice"),
]


@pytest.mark.parametrize(("path", "old", "new", "problem"), BROKEN, ids=lambda value: str(value)[:30])
def test_the_checker_sees_what_is_wrong_with_an_archive(
    shelves: Path, tmp_path: Path, path: str, old: str, new: str, problem: str
) -> None:
    shutil.copytree(shelves, tmp_path / "feeds")
    body = (shelves / path).read_text()
    assert old in body
    (tmp_path / "feeds" / path).write_text(body.replace(old, new))
    problems = check_folder(tmp_path / "feeds", FEEDS_URL, hub="https://hub.example.com/")
    assert any(problem in found for found in problems), problems
    assert check_folder(shelves, FEEDS_URL, hub="https://hub.example.com/") == []
