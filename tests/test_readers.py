"""Programs that people read feeds with read the sample newsroom: newsboat, sfeed, and the reader library."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from loopback import serving
from newsroom import Newsroom, age
from plain_reading import Story, read_stories, with_topic
from reader import Reader, make_reader

ROOT = Path(__file__).parent.parent
ID_BASE = "tag:news.example.com,2026:"
DOCUMENTS = ["rss.xml", "atom.xml", "feed.json"]
XML_DOCUMENTS = ["rss.xml", "atom.xml"]
FEEDS = {"": "", "robotics": "Robotics", "c-plus-plus": "C++", "computer-vision": "Computer Vision"}
EDITED = "2026-10-06-compiler-that-apologises.md"

UNSEEN = {  # what stands in the edited article, and what an edit makes of it
    "heat: 87": "heat: 8700",
    "quality: 112": "quality: 1",
    "published: true": "published: true\nisCached: true\nsecured: c2VjcmV0",
}

AWKWARD = """---
category: letters & replies
title: "R&D: 5 < 6 & \\"7\\" > 4 — größer, 🎉 100%"
excerpt: "A title that is not markup."
publishedDateTime: 2026-10-10T10:10:10+02:00
originalUrl: "https://letters.example/?id=5&v=1"
published: true
topics:
  - Robotics
  - C++
---
"""

Facts = tuple[str, str, str, datetime]  # id, title, link, published


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Newsroom]:
    """The sample newsroom as it is shipped, and a letter with an awkward title, built in November 2026."""
    room = Newsroom(tmp_path / "newsroom", now=datetime(2026, 11, 1, 12, tzinfo=UTC))
    shutil.copy(ROOT / "config.yaml", room.folder)
    shutil.copytree(ROOT / "content", room.content, dirs_exist_ok=True)
    room.write_raw("letter & reply.md", AWKWARD)
    room.build()
    yield room
    room.close()


def shown(sample: Newsroom, slug: str) -> list[Story]:
    """What a feed should show, newest first, by the second opinion."""
    stories = read_stories(sample.content)
    chosen = with_topic(stories, FEEDS[slug]) if slug else stories
    return [story for story in chosen if story.is_shown and story.published <= sample.now]


def facts(stories: list[Story]) -> list[Facts]:
    return [(story.id(ID_BASE), story.title, story.link, story.published) for story in stories]


def installed(program: str) -> str:
    """The path of a program; where it is missing, CI fails and other machines skip the test."""
    found = shutil.which(program)
    if found:
        return found
    reason = f"the program {program} is missing: apt-get install {program}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def moment(seconds: str | int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


# --- programs that read from disk ---


def newsboat(document: Path, folder: Path) -> list[tuple[str, str, str, int, str, int]]:
    """What newsboat keeps of a document, newest first: guid, title, url, date, author, unread."""
    folder.mkdir(exist_ok=True)
    (folder / "config").touch()
    (folder / "urls").write_text(document.as_uri() + "\n")
    program = installed("newsboat")
    command = [program, "-u", "urls", "-c", "cache.db", "-C", "config", "-x", "reload"]
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    with closing(sqlite3.connect(folder / "cache.db")) as cache:
        query = "select guid, title, url, pubDate, author, unread from rss_item order by pubDate desc, guid"
        return cache.execute(query).fetchall()


@pytest.mark.parametrize("name", XML_DOCUMENTS)
def test_newsboat_sees_every_article_with_its_title_link_and_date(
    sample: Newsroom, tmp_path: Path, name: str
) -> None:
    for slug in FEEDS:
        rows = newsboat(sample.feeds / slug / name, tmp_path / f"home-{slug}")
        expected = facts(shown(sample, slug))
        assert len(expected) > 0
        assert [(guid, title, url, moment(date)) for guid, title, url, date, _, _ in rows] == expected
        assert all(author and unread for *_, author, unread in rows)


@pytest.mark.parametrize("name", XML_DOCUMENTS)
def test_an_edited_article_is_one_article_to_newsboat(sample: Newsroom, tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    before = newsboat(sample.feeds / name, home)
    replace_in(sample, EDITED, 'title: "A C++ compiler', 'title: "A polite C++ compiler')
    sample.build()
    after = newsboat(sample.feeds / name, home)
    assert [row[0] for row in after] == [row[0] for row in before]
    changed = [(new[1], old[1]) for new, old in zip(after, before, strict=True) if new != old]
    assert len(changed) == 1
    assert changed[0][0] == changed[0][1].replace("A C++", "A polite C++")


@pytest.mark.parametrize("name", XML_DOCUMENTS)
def test_sfeed_sees_every_article_with_its_title_link_date_and_tags(sample: Newsroom, name: str) -> None:
    for slug in FEEDS:
        document = (sample.feeds / slug / name).read_bytes()
        done = subprocess.run([installed("sfeed")], input=document, capture_output=True, check=True)
        rows = [line.split("\t") for line in done.stdout.decode("utf-8").splitlines()]
        # time, title, link, content, type of content, id, author, enclosure, categories
        stories = shown(sample, slug)
        assert [(row[5], row[1], row[2], moment(row[0])) for row in rows] == facts(stories)
        assert [row[8].split("|") for row in rows] == [list(story.tags) for story in stories]
        assert all(row[3] and row[6] for row in rows)


# --- a library that polls over HTTP ---


@pytest.fixture
def reader() -> Iterator[Reader]:
    with make_reader(":memory:", plugins=[]) as opened:
        yield opened


@pytest.fixture
def site(sample: Newsroom) -> Iterator[str]:
    with serving(sample.feeds) as root:
        yield root


def replace_in(sample: Newsroom, name: str, old: str, new: str) -> None:
    """Edit an article of the sample."""
    path = sample.content / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    age(path, 0.05)  # a file of this very moment is read twice


def poll(reader: Reader, url: str) -> tuple[int, int] | None:
    """New and modified entries; None when the feed has not changed at all."""
    update = reader.update_feed(url)
    return None if update is None else (update.new, update.modified)


def followed(reader: Reader, url: str) -> int:
    """Subscribe to `url` and read it once; returns how many articles were new."""
    reader.add_feed(url)
    first = poll(reader, url)
    assert first is not None
    assert first[1] == 0
    return first[0]


def ids_shown(sample: Newsroom) -> set[str]:
    return {item["id"] for item in sample.items()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_reader_sees_every_article_at_first_and_nothing_new_after(
    sample: Newsroom, reader: Reader, site: str, name: str
) -> None:
    urls = {slug: f"{site}{slug}/{name}" if slug else f"{site}{name}" for slug in FEEDS}
    for slug, url in urls.items():
        expected = facts(shown(sample, slug))
        assert followed(reader, url) == len(expected)
        entries = reader.get_entries(feed=url)
        assert {(entry.id, entry.title, entry.link, entry.published) for entry in entries} == set(expected)
    assert [poll(reader, url) for url in urls.values()] == [None] * len(urls)
    sample.build()
    assert [poll(reader, url) for url in urls.values()] == [None] * len(urls)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_edited_title_is_a_change_of_one_article_to_a_reader_and_nothing_new(
    sample: Newsroom, reader: Reader, site: str, name: str
) -> None:
    followed(reader, site + name)
    replace_in(sample, EDITED, 'title: "A C++ compiler', 'title: "A polite C++ compiler')
    sample.build()
    assert poll(reader, site + name) == (0, 1)
    titles = [entry.title or "" for entry in reader.get_entries()]
    assert [title for title in titles if title.startswith("A polite C++ compiler")]
    assert poll(reader, site + name) is None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_change_of_what_nobody_sees_is_no_change_to_a_reader(
    sample: Newsroom, reader: Reader, site: str, name: str
) -> None:
    followed(reader, site + name)
    for old, new in UNSEEN.items():
        replace_in(sample, EDITED, old, new)
        assert sample.build().sync.read == 1
        assert poll(reader, site + name) is None


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("mark", ["published: false", "published: true\nremoved: true", "draft: true"])
def test_a_withdrawn_article_leaves_its_feed_and_is_not_new_when_it_comes_back(
    sample: Newsroom, reader: Reader, site: str, name: str, mark: str
) -> None:
    followed(reader, site + name)
    before = {path: seen[0] for path, seen in sample.snapshot().items()}
    replace_in(sample, EDITED, "published: true", mark)
    sample.build()
    assert ID_BASE + EDITED not in ids_shown(sample)
    assert poll(reader, site + name) == (0, 0)
    with make_reader(":memory:", plugins=[]) as latecomer:
        followed(latecomer, site + name)
        assert {entry.id for entry in latecomer.get_entries()} == ids_shown(sample)
    replace_in(sample, EDITED, mark, "published: true")
    sample.build()
    assert poll(reader, site + name) in {None, (0, 0)}  # the bytes are those that it read at first
    assert {path: seen[0] for path, seen in sample.snapshot().items()} == before


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_new_article_is_one_new_article_to_a_reader_and_a_renamed_one_is_none(
    sample: Newsroom, reader: Reader, site: str, name: str
) -> None:
    followed(reader, site + name)
    sample.write("later.md", publishedDateTime="2026-10-20T08:00:00Z")
    sample.build()
    assert poll(reader, site + name) == (1, 0)
    (sample.content / "later.md").rename(sample.content / "much-later.md")
    sample.build()
    assert poll(reader, site + name) is None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_article_whose_hour_comes_is_new_to_a_reader(
    sample: Newsroom, reader: Reader, site: str, name: str
) -> None:
    seen = followed(reader, site + name)
    sample.now = datetime(2035, 6, 1, 9, tzinfo=UTC)
    sample.build()
    assert poll(reader, site + name) == (1, 0)
    assert len(ids_shown(sample)) == seen + 1
