"""Whoever walks back through the archives of a running feedbot finds every article, once.

The newsroom lives once for all tests. After each stage all its feeds are walked in every format, from
nothing, and when there is more also by somebody who kept the closed documents. The last part is about the
walker itself.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from archive_walk import Page, Walk, WalkError, walk
from loopback import serving
from newsroom import SITE, Newsroom
from served import Served, serving_newsroom

ID_BASE = "tag:news.example.com,2026:"
DOCUMENTS = ["rss.xml", "atom.xml", "feed.json"]
FEEDS = {"": "", "ai": "AI", "law": "Law"}  # slug -> topic
LIMIT = 5  # articles in a subscription document
MANY, MORE, LATE = 40, 12, 7  # articles at first, then newer ones, then such as come late
RESUMED = ["more", "late"]  # stages after which somebody goes on who kept the archives of the first

every_feed = pytest.mark.parametrize(
    ("slug", "document"), [(slug, document) for slug in FEEDS for document in DOCUMENTS]
)


class Desk:
    """Writes articles, and knows what each feed has to hold."""

    def __init__(self, newsroom: Newsroom) -> None:
        self._newsroom = newsroom
        self._articles: dict[str, dict[str, Any]] = {}

    def write(self, name: str, day: float, **fields: Any) -> None:
        """Write an article, dated so many days after the first."""
        moment = datetime(2024, 1, 1, 9, tzinfo=UTC) + timedelta(days=day)
        self._articles[name] = {"publishedDateTime": moment.isoformat(), "title": f"About {name}", **fields}
        self.change(name)

    def write_series(self, start: int, count: int, **fields: Any) -> None:
        """Write articles one day apart; every third is about law, too."""
        for number in range(start, start + count):
            self.write(f"a{number:02}", number, topics=["AI", "Law"] if number % 3 == 0 else ["AI"], **fields)

    def change(self, name: str, **fields: Any) -> None:
        """Write an article again, with other fields."""
        self._articles[name] |= fields
        self._newsroom.write(f"{name}.md", self._articles[name])

    def remove(self, name: str) -> dict[str, Any]:
        """Delete an article's file; gives what it held."""
        (self._newsroom.content / f"{name}.md").unlink()
        return self._articles.pop(name)

    def put_back(self, name: str, fields: dict[str, Any]) -> None:
        """Write a file that was removed."""
        self._articles[name] = fields
        self.change(name)

    def happen(self, chance: random.Random, new: str) -> str:
        """Let something happen to one article, or write the one called `new`; gives its name."""
        name, day = chance.choice(sorted(self._articles)), chance.uniform(-30, 60)
        topics = chance.choice([["AI"], ["Law"], ["AI", "Law"]])
        match chance.choice(["new", "new", "new", "date", "title", "topics", "published", "removed"]):
            case "new":
                self.write(new, day, topics=topics)
                return new
            case "date":
                self.write(name, day, topics=self._articles[name]["topics"])
            case "title":
                self.change(name, title=f"About {name}, told {day:.2f} times")
            case "topics":
                self.change(name, topics=topics)
            case "published":
                self.change(name, published=not self._articles[name].get("published", True))
            case "removed":
                self.remove(name)
        return name

    def titles(self, topic: str) -> dict[str, str]:
        """What the feed of a topic, or "" for all, has to hold: titles by id."""
        return {
            f"{ID_BASE}{name}.md": fields["title"]
            for name, fields in self._articles.items()
            if fields.get("published", True) and (not topic or topic in fields["topics"])
        }


@dataclass
class Life:
    """The walks by stage, slug and document, and what each had to find."""

    walks: dict[tuple[str, str, str], Walk] = field(default_factory=dict)
    resumed: dict[tuple[str, str, str], Walk] = field(default_factory=dict)  # with the archives of the first
    titles: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)  # by stage and slug
    stages: list[str] = field(default_factory=list)

    def record(self, stage: str, served: Served, desk: Desk) -> None:
        """Walk all feeds."""
        self.stages.append(stage)
        for slug, topic in FEEDS.items():
            self.titles[stage, slug] = desk.titles(topic)
            for document in DOCUMENTS:
                url = f"{served.url}{slug}/{document}" if slug else served.url + document
                self.walks[stage, slug, document] = walk(url)
                if stage in RESUMED:
                    first = self.walks["first", slug, document]
                    known = {page.url: page for page in first.archives}
                    self.resumed[stage, slug, document] = walk(url, known)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """The life of a newsroom with archives."""
    folder = tmp_path_factory.mktemp("archives") / "newsroom"
    with (
        pytest.MonkeyPatch.context(),
        serving_newsroom(folder, feeds={"archive": True, "limit": LIMIT}) as served,
    ):
        desk, lived = Desk(served.newsroom), Life()
        desk.write_series(0, MANY)
        served.start()
        live(lived, served, desk)
        yield lived


def live(life: Life, served: Served, desk: Desk) -> None:
    """All that happens, stage by stage."""
    life.record("first", served, desk)
    with served.following(new=MORE):
        desk.write_series(MANY, MORE)
    life.record("more", served, desk)
    with served.following(new=LATE):
        for number in range(LATE):
            desk.write(f"late{number}", 7 * number + 0.5, topics=["AI", "Law"])
    life.record("late", served, desk)
    with served.following(changed=1):
        desk.change("a09", title="About a09, corrected", updatedDateTime="2024-06-01T10:00:00Z")
    life.record("edited", served, desk)
    with served.following(withdrawn=2):
        desk.change("a12", published=False)
        removed = desk.remove("a15")
    life.record("withdrawn", served, desk)
    with served.following(changed=2):
        desk.change("a12", published=True)
        desk.put_back("a15", removed)
    life.record("returned", served, desk)
    with served.following(read=1):
        desk.change("a10", topics=["AI", "Law"])
    life.record("gained a topic", served, desk)
    served.stop()
    served.start()
    life.record("restarted", served, desk)
    served.stop()
    served.newsroom.close()
    shutil.rmtree(served.newsroom.folder / ".feedbot")
    served.start()
    life.record("lost state", served, desk)
    served.stop()


def bodies(walked: Walk) -> dict[str, bytes]:
    """The closed documents by their addresses."""
    return {page.url: page.body for page in walked.archives}


def changed(life: Life, before: str, after: str, slug: str, document: str) -> set[str]:
    """The addresses of closed documents of `before` that are not the same, or not there, `after`."""
    earlier, later = bodies(life.walks[before, slug, document]), bodies(life.walks[after, slug, document])
    return {url for url, body in earlier.items() if later.get(url) != body}


def holding(walked: Walk, name: str) -> set[str]:
    """The addresses of closed documents that hold an article."""
    id_ = f"{ID_BASE}{name}.md"
    return {page.url for page in walked.archives if id_ in {entry.id for entry in page.entries}}


@every_feed
def test_a_walk_finds_every_article_of_a_feed_with_its_title_of_now(
    life: Life, slug: str, document: str
) -> None:
    """At first, with newer and late ones, after an edit, withdrawals, returns, a restart and a lost state."""
    for stage in life.stages:
        found = life.walks[stage, slug, document].entries
        assert {id_: entry.title for id_, entry in found.items()} == life.titles[stage, slug], stage


@every_feed
def test_no_article_is_in_two_archives(life: Life, slug: str, document: str) -> None:
    for stage in life.stages:
        archives = life.walks[stage, slug, document].archives
        counted = Counter(entry.id for page in archives for entry in page.entries)
        assert [id_ for id_, number in counted.items() if number > 1] == [], stage


@every_feed
def test_a_subscription_document_stays_short_and_the_rest_is_in_several_archives(
    life: Life, slug: str, document: str
) -> None:
    for stage in life.stages:
        walked = life.walks[stage, slug, document]
        assert len(walked.pages[0].entries) == LIMIT
        assert len(walked.archives) >= 2


@every_feed
def test_archives_lie_in_the_folder_of_their_feed_and_are_numbered_from_the_oldest(
    life: Life, slug: str, document: str
) -> None:
    for stage in life.stages:
        walked = life.walks[stage, slug, document]
        root = walked.pages[0].url.removesuffix(document)
        numbers = range(len(walked.archives), 0, -1)
        assert [page.url for page in walked.archives] == [f"{root}archive/{n}/{document}" for n in numbers]


@every_feed
@pytest.mark.parametrize(
    ("before", "after"), [("first", "more"), ("more", "late"), ("gained a topic", "restarted")]
)
def test_new_and_late_articles_change_no_closed_document(
    life: Life, slug: str, document: str, before: str, after: str
) -> None:
    assert changed(life, before, after, slug, document) == set()


@every_feed
def test_who_keeps_closed_documents_finds_what_is_new_without_fetching_them_again(
    life: Life, slug: str, document: str
) -> None:
    kept = set(bodies(life.walks["first", slug, document]))
    for stage in RESUMED:
        walked = life.resumed[stage, slug, document]
        assert not kept & set(walked.fetched)
        assert {id_: entry.title for id_, entry in walked.entries.items()} == life.titles[stage, slug], stage


@every_feed
def test_an_edit_changes_the_one_closed_document_that_holds_the_article(
    life: Life, slug: str, document: str
) -> None:
    where = holding(life.walks["late", slug, document], "a09")
    assert len(where) == 1
    assert changed(life, "late", "edited", slug, document) == where


@every_feed
def test_a_withdrawn_article_goes_from_its_closed_document_and_comes_back_there(
    life: Life, slug: str, document: str
) -> None:
    """Nothing is left of it anywhere, and after its return all is as before, byte for byte."""
    edited = life.walks["edited", slug, document]
    where = holding(edited, "a12") | holding(edited, "a15")
    assert where
    assert changed(life, "edited", "withdrawn", slug, document) == where
    for page in life.walks["withdrawn", slug, document].pages:
        assert b"a12" not in page.body
        assert b"a15" not in page.body
    assert bodies(life.walks["returned", slug, document]) == bodies(edited)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_old_article_with_another_topic_is_found_in_that_topic_and_changes_nothing_closed(
    life: Life, document: str
) -> None:
    assert f"{ID_BASE}a10.md" not in life.walks["returned", "law", document].entries
    assert f"{ID_BASE}a10.md" in life.walks["gained a topic", "law", document].entries
    assert changed(life, "returned", "gained a topic", "law", document) == set()


# --- archives come and go with the configuration ---


@pytest.fixture
def site(newsroom: Newsroom) -> Iterator[str]:
    """The newsroom's output over HTTP, under the address that its feeds name."""
    newsroom.feeds.mkdir()
    with serving(newsroom.feeds) as root:
        configure(newsroom, root, archive=True)
        yield root


def configure(newsroom: Newsroom, root: str, **feeds: Any) -> None:
    newsroom.configure(site={**SITE, "feeds_url": root}, feeds={"limit": LIMIT, **feeds})


def titles_of(walked: Walk) -> dict[str, str]:
    return {id_: entry.title for id_, entry in walked.entries.items()}


def test_archives_that_are_switched_on_later_hold_what_was_there_before(
    newsroom: Newsroom, site: str
) -> None:
    configure(newsroom, site)
    desk = Desk(newsroom)
    desk.write_series(0, MANY)
    newsroom.build()
    assert [len(walk(site + document).pages) for document in DOCUMENTS] == [1, 1, 1]
    configure(newsroom, site, archive=True)
    newsroom.build()
    for document in DOCUMENTS:
        assert titles_of(walk(site + document)) == desk.titles("")


def test_archives_that_are_switched_off_leave_no_link_and_no_file(newsroom: Newsroom, site: str) -> None:
    Desk(newsroom).write_series(0, MANY)
    newsroom.build()
    assert list(newsroom.feeds.glob("**/archive/*/*"))
    configure(newsroom, site)
    newsroom.build()
    assert not list(newsroom.feeds.glob("**/archive*"))
    assert [len(walk(site + document).pages) for document in DOCUMENTS] == [1, 1, 1]


def test_a_feed_with_few_articles_has_no_archive(newsroom: Newsroom, site: str) -> None:
    desk = Desk(newsroom)
    desk.write_series(0, LIMIT)
    newsroom.build()
    for document in DOCUMENTS:
        walked = walk(site + document)
        assert walked.archives == ()
        assert titles_of(walked) == desk.titles("")


def test_one_article_after_another_each_is_found_at_every_moment(newsroom: Newsroom, site: str) -> None:
    """Newer than all and older than all: wherever an article falls, it is there, and what is closed stays."""
    desk = Desk(newsroom)
    closed: dict[str, bytes] = {}
    for number in range(3 * LIMIT):
        desk.write(f"up{number}", number, topics=["AI"])
        desk.write(f"down{number}", -number - 1, topics=["AI"])
        newsroom.build()
        now: dict[str, bytes] = {}
        for document in DOCUMENTS:
            walked = walk(site + document)
            assert titles_of(walked) == desk.titles("")
            now |= bodies(walked)
        assert closed.items() <= now.items()
        closed = now


def test_whatever_happens_to_an_article_every_walk_finds_it_and_closed_documents_without_it_stay(
    newsroom: Newsroom, site: str
) -> None:
    chance, desk = random.Random(1), Desk(newsroom)  # noqa: S311 - a series to repeat, no secret
    desk.write_series(0, 12)
    newsroom.build()
    for step in range(30):
        before = closed_files(newsroom)
        name = desk.happen(chance, f"b{step:02}")
        newsroom.build()
        for slug, topic in FEEDS.items():
            document = DOCUMENTS[(step + len(slug)) % len(DOCUMENTS)]
            walked = walk(f"{site}{slug}/{document}" if slug else site + document)
            assert titles_of(walked) == desk.titles(topic), (step, name)
        after = closed_files(newsroom)
        differ = {path for path, body in before.items() if after.get(path) != body}
        id_ = f"{ID_BASE}{name}.md".encode()
        assert [path for path in differ if id_ not in before[path] + after.get(path, b"")] == [], (step, name)


def closed_files(newsroom: Newsroom) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in newsroom.feeds.glob("**/archive/*/*")}


def test_another_limit_changes_no_closed_document(newsroom: Newsroom, site: str) -> None:
    desk = Desk(newsroom)
    desk.write_series(0, MANY)
    newsroom.build()
    before = {document: walk(site + document) for document in DOCUMENTS}
    for limit in (2 * LIMIT, 3):
        configure(newsroom, site, archive=True, limit=limit)
        newsroom.build()
        for document, earlier in before.items():
            walked = walk(site + document)
            assert len(walked.pages[0].entries) == limit
            assert titles_of(walked) == desk.titles("")
            assert bodies(earlier).items() <= bodies(walked).items()


def test_a_feed_whose_slug_changes_takes_its_history_along(newsroom: Newsroom, site: str) -> None:
    desk = Desk(newsroom)
    desk.write_series(0, MANY)
    newsroom.build()
    configure(newsroom, site, archive=True, topics={"Law": {"slug": "statutes"}})
    newsroom.build()
    for document in DOCUMENTS:
        assert titles_of(walk(f"{site}statutes/{document}")) == desk.titles("Law")
    assert not list(newsroom.feeds.glob("law/archive"))


# --- the walker itself ---


def atom(site: str, name: str, *ids: str, updated: str = "2024-01-01T00:00:00Z", **links: str) -> bytes:
    """A plain document; whatever is not the start is marked as an archive of it."""
    is_start = name == "atom.xml"
    given = {**({} if is_start else {"current": "atom.xml"}), **links}
    written = "".join(
        f'<link rel="{relation.replace("_", "-")}" href="{site}{href}"/>' for relation, href in given.items()
    )
    entries = "".join(
        f"<entry><id>{id_}</id><title>{id_} in {name}</title><updated>{updated}</updated></entry>"
        for id_ in ids
    )
    mark = "" if is_start else '<archive xmlns="http://purl.org/syndication/history/1.0"/>'
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{mark}{written}{entries}</feed>'.encode()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and its address."""
    (tmp_path / "site/1").mkdir(parents=True)
    (tmp_path / "site/2").mkdir()
    with serving(tmp_path / "site") as site:
        yield tmp_path / "site", site


def test_the_walker_takes_the_version_of_the_newest_document_unless_an_older_one_was_updated_later(
    place: tuple[Path, str],
) -> None:
    folder, site = place
    (folder / "atom.xml").write_bytes(atom(site, "atom.xml", "x", "y", prev_archive="1/atom.xml"))
    later = {"updated": "2024-02-01T00:00:00Z"}
    (folder / "1/atom.xml").write_bytes(atom(site, "1/atom.xml", "y", "z", prev_archive="2/atom.xml"))
    (folder / "2/atom.xml").write_bytes(atom(site, "2/atom.xml", "z", "x", **later))
    titles = {id_: entry.title for id_, entry in walk(f"{site}atom.xml").entries.items()}
    assert titles == {"x": "x in 2/atom.xml", "y": "y in atom.xml", "z": "z in 2/atom.xml"}


@pytest.mark.parametrize(
    ("start", "archive", "reason"),
    [
        ({"prev_archive": "1/atom.xml"}, {"prev_archive": "1/atom.xml"}, "second time"),
        ({"prev_archive": "1/atom.xml"}, {"prev_archive": "atom.xml"}, "second time"),
        ({"prev_archive": "1/atom.xml"}, {"current": "2/atom.xml"}, "current"),
        ({"prev_archive": "3/atom.xml"}, {}, "404"),
        ({"prev_archive": "atom.xml"}, {}, "second time"),
    ],
)
def test_the_walker_does_not_follow_links_that_lead_astray(
    place: tuple[Path, str], start: dict[str, str], archive: dict[str, str], reason: str
) -> None:
    folder, site = place
    (folder / "atom.xml").write_bytes(atom(site, "atom.xml", "x", **start))
    (folder / "1/atom.xml").write_bytes(atom(site, "1/atom.xml", "y", **archive))
    with pytest.raises(WalkError, match=reason):
        walk(f"{site}atom.xml")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html/>", "no feed"),
        (b'<feed xmlns="http://www.w3.org/2005/Atom"/>', "not marked"),
        (b"<rss><channel/></rss>", "not marked"),
    ],
)
def test_the_walker_tells_an_archive_from_another_document(
    place: tuple[Path, str], body: bytes, reason: str
) -> None:
    folder, site = place
    name = "rss.xml" if body.startswith(b"<rss") else "atom.xml"
    (folder / "atom.xml").write_bytes(atom(site, "atom.xml", "x", prev_archive=f"1/{name}"))
    (folder / f"1/{name}").write_bytes(body)
    with pytest.raises(WalkError, match=reason):
        walk(f"{site}atom.xml")


def test_the_walker_refuses_a_json_feed_that_goes_on_where_it_is(place: tuple[Path, str]) -> None:
    folder, site = place
    feed = {"feed_url": f"{site}feed.json", "next_url": f"{site}feed.json", "items": []}
    (folder / "feed.json").write_text(json.dumps(feed))
    with pytest.raises(WalkError, match="feed_url"):
        walk(f"{site}feed.json")


def test_the_walker_does_not_fetch_what_it_knows(place: tuple[Path, str]) -> None:
    folder, site = place
    (folder / "atom.xml").write_bytes(atom(site, "atom.xml", "x", prev_archive="1/atom.xml"))
    (folder / "1/atom.xml").write_bytes(atom(site, "1/atom.xml", "y"))
    first = walk(f"{site}atom.xml")
    known: dict[str, Page] = {page.url: page for page in first.archives}
    (folder / "1/atom.xml").unlink()
    again = walk(f"{site}atom.xml", known)
    assert again.fetched == (f"{site}atom.xml",)
    assert again.entries == first.entries
