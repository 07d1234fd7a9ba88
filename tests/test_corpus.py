"""The real newsroom: 193 files of an aggregator, read in place, counted and read back independently."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
import yaml
from checker import check_folder
from console import at_once
from loopback import serving
from newsroom import FEEDS_URL, SITE, Newsroom
from plain_reading import Story, read_stories, with_topic
from reader import make_reader
from terminal import feedbot

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "news"
LIMIT = 50  # articles in a feed where the configuration does not say
ID_BASE = SITE["id_base"]

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"corpus absent: no folder {CORPUS}")

Facts = tuple[str, str, str, datetime]  # id, title, link, published


@dataclass(frozen=True)
class Edition:
    """The corpus, built by the command in a process of its own that says all it can."""

    folder: Path
    stdout: str
    stderr: str

    @property
    def feeds(self) -> Path:
        return self.folder / "feeds"

    def items(self, slug: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads((self.feeds / slug / "feed.json").read_bytes())["items"]
        return items


def edition(folder: Path, **feeds: Any) -> Edition:
    config = {"site": SITE, "content": {"path": str(CORPUS)}, "feeds": feeds}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = feedbot("build", "-vv", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return Edition(folder, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """With the limit that is there by default."""
    return edition(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """With every article in every feed."""
    return edition(tmp_path_factory.mktemp("whole-corpus"), limit=1000)


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    """What the files say by the second opinion, newest first."""
    return read_stories(CORPUS)


@pytest.fixture(scope="module")
def selections(stories: list[Story]) -> dict[str, list[Story]]:
    """The folder of each feed there should be, "" for the root, with what belongs in it, newest first."""
    shown = [story for story in stories if story.is_shown]
    topics = {topic for story in shown for topic in story.topics}
    return {"": shown, **{topic.lower().replace(" ", "-"): with_topic(shown, topic) for topic in topics}}


def facts(stories: Iterable[Story]) -> list[Facts]:
    return [(story.id(ID_BASE), story.title, story.link, story.published) for story in stories]


def moment(parsed: Any) -> datetime:
    """A date of feedparser's."""
    return datetime(*parsed[:6], tzinfo=UTC)


# --- counts ---


def test_the_counts_are_those_of_the_files(built: Edition, stories: list[Story]) -> None:
    marks = Counter(
        mark
        for path in CORPUS.iterdir()
        for mark in re.findall(rb"^published: (\w+)\r?$", path.read_bytes(), re.MULTILINE)
    )
    assert marks.total() == len(stories) == len(list(CORPUS.iterdir()))
    status = json.loads(at_once("status", "--json", folder=built.folder).stdout)
    assert status["articles"] == {"live": marks[b"true"], "waiting": 0, "withdrawn": 0}
    assert status["files"]["total"] == marks.total()
    assert status["files"]["excluded"] == {"unpublished": marks[b"false"]}
    assert (status["files"]["broken"], status["findings"]["list"]) == (0, [])
    report = json.loads(built.stdout)
    assert (report["files"], report["events"], report["baseline"]) == (marks.total(), [], True)


def test_there_is_a_feed_for_each_topic_of_a_published_article_and_no_other(
    built: Edition, selections: dict[str, list[Story]]
) -> None:
    documents = {"rss.xml", "atom.xml", "feed.json", "index.html"}
    expected = {Path(slug) / name for slug in selections for name in documents}
    expected |= {Path(f"{name}.opml") for name in ("feeds", "rss", "atom", "json")}
    expected |= {Path("page.css"), Path("page.js")}
    found = {path.relative_to(built.feeds) for path in built.feeds.rglob("*") if path.is_file()}
    assert found == expected
    assert json.loads(built.stdout)["written"] == len(expected)


def test_each_feed_has_every_article_of_its_topic_and_no_other(
    unlimited: Edition, selections: dict[str, list[Story]]
) -> None:
    found = {slug: [item["id"] for item in unlimited.items(slug)] for slug in selections}
    expected = {slug: [story.id(ID_BASE) for story in chosen] for slug, chosen in selections.items()}
    assert found == expected


def test_the_index_counts_as_many_articles_as_the_files_do(
    unlimited: Edition, selections: dict[str, list[Story]]
) -> None:
    page = (unlimited.feeds / "index.html").read_text(encoding="utf-8")
    counts = [int(number) for number in re.findall(r"(\d+) articles?\b", page)]
    assert sorted(counts) == sorted(len(chosen) for chosen in selections.values())


# --- documents ---


@pytest.mark.parametrize("limit", [LIMIT, 1000])
def test_every_document_is_sound(built: Edition, unlimited: Edition, limit: int) -> None:
    chosen = built if limit == LIMIT else unlimited
    assert check_folder(chosen.feeds, FEEDS_URL, limit=limit) == []


@pytest.mark.parametrize(("name", "version"), [("rss.xml", "rss20"), ("atom.xml", "atom10")])
def test_feedparser_reads_what_the_files_say(
    built: Edition, selections: dict[str, list[Story]], name: str, version: str
) -> None:
    for slug, chosen in selections.items():
        parsed = feedparser.parse((built.feeds / slug / name).read_bytes())
        assert (parsed.bozo, parsed.version) == (False, version)
        read = [(e.id, e.title, e.link, moment(e.published_parsed)) for e in parsed.entries]
        assert read == facts(chosen[:LIMIT])
        tags = [tuple(tag.term for tag in entry.tags) for entry in parsed.entries]
        assert tags == [story.tags for story in chosen[:LIMIT]]


def test_the_json_feeds_say_what_the_files_say(built: Edition, selections: dict[str, list[Story]]) -> None:
    for slug, chosen in selections.items():
        items = built.items(slug)
        read = [
            (item["id"], item["title"], item["url"], datetime.fromisoformat(item["date_published"]))
            for item in items
        ]
        assert read == facts(chosen[:LIMIT])
        assert [tuple(item["tags"]) for item in items] == [story.tags for story in chosen[:LIMIT]]
        assert [item.get("summary") for item in items] == [summary(story) for story in chosen[:LIMIT]]


def summary(story: Story) -> str | None:
    """What an item says beside the title."""
    return story.excerpt if story.excerpt != story.title else None


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "feed.json"])
def test_the_reader_library_reads_what_the_files_say(
    built: Edition, selections: dict[str, list[Story]], name: str
) -> None:
    with serving(built.feeds) as root, make_reader(":memory:", plugins=[]) as reader:
        for slug, chosen in selections.items():
            url = f"{root}{slug}/{name}" if slug else f"{root}{name}"
            reader.add_feed(url)
            update = reader.update_feed(url)
            assert update is not None
            assert (update.new, update.modified) == (len(chosen[:LIMIT]), 0)
            read = {
                (entry.id, entry.title, entry.link, entry.published) for entry in reader.get_entries(feed=url)
            }
            assert read == set(facts(chosen[:LIMIT]))


# --- secrets ---


def pieces(stories: Iterable[Story]) -> Iterator[str]:
    """Each secured text, and 24 characters of its beginning and of its middle."""
    for story in stories:
        middle = len(story.secured) // 2
        yield from (story.secured, story.secured[:24], story.secured[middle : middle + 24])


def found_in(haystack: bytes, needles: Iterable[str]) -> list[str]:
    return [needle for needle in needles if needle.encode() in haystack]


def test_no_secured_text_is_in_a_file_that_feedbot_writes(built: Edition, stories: list[Story]) -> None:
    needles = set(pieces(stories))
    assert len(needles) == 3 * len(stories)
    written = [path for path in built.folder.rglob("*") if path.is_file()]
    assert [path for path in written if found_in(path.read_bytes(), needles)] == []


def test_no_secured_text_is_on_the_screen_or_in_a_log(built: Edition, stories: list[Story]) -> None:
    commands = (["build", "-vv"], ["check", "-vv"], ["status", "-vv"], ["run", "--once", "-vv"])
    done = [at_once(*command, folder=built.folder) for command in commands]
    assert [each.returncode for each in done] == [0] * len(commands)
    assert all(each.stdout for each in done)
    said = [built.stdout, built.stderr, *(each.stdout + each.stderr for each in done)]
    assert found_in("".join(said).encode(), pieces(stories)) == []


def test_no_secured_text_is_in_the_database(tmp_path: Path, stories: list[Story]) -> None:
    room = Newsroom(tmp_path / "newsroom", settings={"content": {"path": str(CORPUS)}})
    room.build()  # the store stays open, so that what it writes ahead is looked at too
    state = b"".join(path.read_bytes() for path in (room.folder / ".feedbot").iterdir())
    with closing(sqlite3.connect(room.folder / ".feedbot" / "feedbot.db")) as database:
        rows = "\n".join(database.iterdump()).encode()  # in pages, a long value may be in parts
    room.close()
    shown = [story.name for story in stories if story.is_shown]
    assert found_in(rows, shown) == found_in(state, shown) == shown  # or the search would prove nothing
    assert found_in(rows, pieces(stories)) == found_in(state, pieces(stories)) == []


# --- what must change nothing ---


def test_check_finds_nothing_to_mend(built: Edition) -> None:
    done = at_once("check", "--json", folder=built.folder)
    checked = json.loads(done.stdout)
    assert (done.returncode, checked["findings"]) == (0, [])
    assert checked["files"] == len(list(CORPUS.iterdir()))


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Newsroom]:
    """A newsroom with a copy of the corpus as its content, built."""
    room = Newsroom(tmp_path / "newsroom")
    shutil.copytree(CORPUS, room.content, dirs_exist_ok=True)
    room.build()
    yield room
    room.close()


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        (rb"^(heat|quality): \d+", rb"\1: 100000"),
        (rb'^secured: ".*"', b'secured: "bmV3"'),
        (rb"\A---(\r?\n)", rb"---\1isCached: true\1"),
    ],
    ids=["heat", "secured", "another field"],
)
def test_an_edit_of_every_file_that_no_reader_sees_writes_not_one_byte(
    copy: Newsroom, line: bytes, instead: bytes
) -> None:
    before = copy.snapshot()
    paths = list(copy.content.iterdir())
    for path in paths:
        old = path.read_bytes()
        new = re.sub(line, instead, old, flags=re.MULTILINE)
        assert new != old
        path.write_bytes(new)
    report = copy.build()
    assert (report.sync.read, report.written, report.sync.events) == (len(paths), 0, [])
    assert copy.snapshot() == before


@pytest.mark.parametrize("line_ends", ["as they are", "CRLF"])
def test_a_fresh_clone_writes_not_one_byte_and_announces_nothing(copy: Newsroom, line_ends: str) -> None:
    before = copy.snapshot()
    origin, clone = copy.folder / "origin", copy.folder / "clone"
    copy.content.rename(origin)
    git("init", "--quiet", folder=origin)
    git("add", "--all", folder=origin)
    git("commit", "--quiet", "--message=Articles", folder=origin)
    convert = [f"--config=core.autocrlf={'true' if line_ends == 'CRLF' else 'false'}"]
    git("clone", "--quiet", *convert, str(origin), str(clone), folder=copy.folder)
    clone.rename(copy.content)
    report = copy.build()
    assert report.sync.read == len(list(CORPUS.iterdir()))
    assert (report.written, report.removed, report.sync.events) == (0, 0, [])
    assert copy.snapshot() == before


def git(*arguments: str, folder: Path) -> None:
    """Run git as on a machine where nobody has configured it."""
    person = {"NAME": "Example Newsroom", "EMAIL": "news@example.com"}
    named = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **named, **alone}, check=True)
