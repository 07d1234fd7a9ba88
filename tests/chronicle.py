"""A newsroom to which anything may happen, and what its readers have to see afterwards.

Owns what a content file says (`Story`), what stands in the configuration (`Setting`), and which files passes
have read. The feeds are made by the program; what is expected in them comes from the stories alone.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from newsroom import NOW, SITE, Newsroom, age
from sqlalchemy import Connection, Engine, delete, insert, select

from feedbot.build import Builder
from feedbot.config import Config
from feedbot.model import FILENAMES, Format, fold_name
from feedbot.output import Output, output_of
from feedbot.place import Confirm
from feedbot.publish import Folder
from feedbot.render import bears_mark
from feedbot.store import feeds as stored
from feedbot.store.feeds import FeedName, Kind
from feedbot.store.schema import articles, feeds, files, leases, metadata, slugs

HOUR = timedelta(hours=1)
LIMIT = 3  # of a feed, where the history has not set another
MORE = "<p>More of it.</p>\n" * 80  # above the smallest `max_item_size` of a history


@dataclass(frozen=True)
class Story:
    """What a content file says; hours count from the beginning of the history."""

    title: str = ""
    topics: tuple[str, ...] = ()
    published: int = -100
    expires: int | None = None
    heat: int | None = None
    is_long: bool = False
    has_url: bool = True  # without one it leads to where the site shows the file
    state: str = "sound"  # or "draft", "unpublished", "undated", "broken"

    def is_live(self, hours: float) -> bool:
        """Whether readers see it so many hours after the beginning."""
        is_over = self.expires is not None and self.expires <= hours
        return self.state == "sound" and self.published <= hours and not is_over

    def front(self) -> dict[str, Any]:
        """Its front matter."""
        return {
            "title": self.title,
            "excerpt": f"In short: {self.title}.",
            "topics": list(self.topics),
            "publishedDateTime": None if self.state == "undated" else _moment(self.published),
            "expiresDateTime": _moment(self.expires),
            "webUrl": f"https://publisher.example/{self.title[6:]}" if self.has_url else None,
            "heat": self.heat,
            "images": [{"url": "https://pictures.example/p.jpg"}] if self.is_long else None,
            "draft": True if self.state == "draft" else None,
            "published": False if self.state == "unpublished" else None,
        }


def _moment(hours: int | None) -> str | None:
    return None if hours is None else (NOW + hours * HOUR).isoformat()


@dataclass(frozen=True)
class Setting:
    """What stands in config.yaml, but for what is the same all the while."""

    site: dict[str, Any] = field(default_factory=dict)
    feeds: dict[str, Any] = field(default_factory=dict)
    topics: dict[str, dict[str, Any]] = field(default_factory=dict)
    named: dict[str, dict[str, Any]] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)

    def sections(self) -> dict[str, Any]:
        """The sections of the file."""
        named = [{"name": name, **options} for name, options in self.named.items()]
        return {
            "site": {**SITE, **self.site},
            "content": self.content,
            "feeds": {"limit": LIMIT, **self.feeds, "topics": self.topics, "named": named},
        }

    def leaves_out(self, name: str) -> bool:
        """Whether the file `name` is none that is read."""
        return any(map(name.startswith, self.content.get("exclude", [])))

    def options_of(self, feed: FeedName) -> dict[str, Any] | None:
        """What is said of a feed; None: nothing, not even its name."""
        some = self.topics if feed[0] is Kind.TOPIC else self.named if feed[0] is Kind.NAMED else {}
        return next((options for name, options in some.items() if fold_name(name) == feed[1]), None)

    def has_feed(self, topic: str) -> bool:
        """Whether the topic of this folded name may have a feed."""
        return bool((self.options_of((Kind.TOPIC, topic)) or {}).get("feed", True))

    def limit(self, feed: FeedName) -> int:
        """How many articles a feed shows."""
        own = (self.options_of(feed) or {}).get("limit")
        return int(own or self.feeds.get("limit", LIMIT))

    def takes(self, feed: FeedName, story: Story) -> bool:
        """Whether a live story is in a feed."""
        kind, name = feed
        topics = set(map(fold_name, story.topics))
        if kind is Kind.TOPIC:
            return name in topics
        where = (self.options_of(feed) or {}).get("where", {})
        wanted = set(map(fold_name, where.get("topics", topics)))
        is_hot = "min_heat" not in where or (story.heat is not None and story.heat >= where["min_heat"])
        return is_hot and (wanted == topics or not wanted.isdisjoint(topics))


class Fuse:
    """Lets so many documents be written or removed, and then none for good."""

    def __init__(self, number: int, error: Exception) -> None:
        self._left, self._error, self._lock = number, error, Lock()

    def output_of(self, config: Config, confirm: Confirm) -> Output:
        """As `output.output_of`, for a folder."""

        def confirmed() -> float:
            with self._lock:
                self._left -= 1
                if self._left < 0:
                    raise self._error
            return confirm()

        output = output_of(config, confirm)
        assert isinstance(output.place, Folder)
        folder = Folder(path=output.place.path, is_ours=bears_mark, confirm=confirmed)
        return Output(place=folder, shown=output.shown)


def full_disk() -> OSError:
    """What a full disk says."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass
class Chronicle:
    """A newsroom, and what is known of it without asking the program."""

    room: Newsroom
    setting: Setting = field(default_factory=Setting)
    stories: dict[str, Story] = field(default_factory=dict)  # on disk, by the name of the file
    seen: dict[str, Story] = field(default_factory=dict)  # what counts of each by the last pass that read it
    topics: set[str] = field(default_factory=set)  # folded names of those that ever had a feed
    titles: int = 0

    def __post_init__(self) -> None:
        self.configure(self.setting)

    @property
    def output(self) -> Path:
        """Where documents are now."""
        return self.room.folder / str(self.setting.feeds.get("path", "feeds"))

    # --- what happens ---

    def write(self, name: str, story: Story, **more: Any) -> None:
        """Let the file `name` say this from now on, with `more` front matter."""
        self.stories[name] = story
        path = self.room.write(name, {**story.front(), **more}, MORE if story.is_long else "Text.\n")
        if story.state == "broken":
            path.write_text(path.read_text().replace("title: ", "title: ["))
        age(path, seconds=1000)

    def tell(self, name: str, story: Story) -> None:
        """Let the file `name` say this, under a title that there was never before."""
        self.titles += 1
        self.write(name, replace(story, title=f"Story {self.titles}"))

    def delete(self, name: str) -> None:
        """Remove a file."""
        del self.stories[name]
        (self.room.content / name).unlink()

    def rename(self, name: str, other: str) -> None:
        """Give a file another name, which no file has."""
        self.stories[other] = self.stories.pop(name)
        (self.room.content / other).parent.mkdir(exist_ok=True)
        (self.room.content / name).rename(self.room.content / other)

    def configure(self, setting: Setting) -> None:
        """Let another configuration be in force from the next pass on."""
        self.setting = setting
        self.room.configure(**setting.sections())

    def lose_state(self) -> None:
        """Let the database be as it was before the first pass."""
        forget_everything(self.room.engine)
        self.seen, self.topics = {}, set()

    def build(self, fuse: Fuse, names: Collection[str] | None) -> None:
        """Make a pass that ends early if there is more to write than `fuse` lets through."""
        room = self.room
        builder = Builder(room.config, room.engine, clock=lambda: room.now, make_output=fuse.output_of)
        builder.run(None if names is None else [str(path) for path in self.paths(names)])

    def paths(self, names: Collection[str]) -> list[Path]:
        """Where the files with these names are, or would be."""
        return [self.room.content / name for name in sorted(names)]

    # --- what readers are to see ---

    def note_pass(self, names: Collection[str] | None) -> None:
        """Note that a pass has read all files, or those of these names."""
        for name in {*self.stories, *self.seen} if names is None else names:
            story = self.stories.get(name)
            if story is None or self.setting.leaves_out(name):
                self.seen.pop(name, None)
            elif story.state != "broken":
                self.seen[name] = story  # of one that is broken, what it said last stands
        for story in self.live((Kind.ALL, "")):
            self.topics |= {topic for topic in map(fold_name, story.topics) if self.setting.has_feed(topic)}

    def feeds(self) -> set[FeedName]:
        """The feeds that there have to be: those of topics stay when they lose their last article."""
        topics = {(Kind.TOPIC, topic) for topic in self.topics if self.setting.has_feed(topic)}
        return {(Kind.ALL, ""), *topics, *((Kind.NAMED, fold_name(name)) for name in self.setting.named)}

    def live(self, feed: FeedName) -> list[Story]:
        """The stories that a feed has, the newest first."""
        hours = (self.room.now - NOW) / HOUR
        found = [one for one in self.seen.values() if one.is_live(hours) and self.setting.takes(feed, one)]
        return sorted(found, key=lambda story: -story.published)

    # --- what they see ---

    def slugs(self) -> dict[FeedName, str]:
        """The slug of each feed that there is."""
        rows = self.room.scalar(stored.load)
        return {(row.kind, row.name): row.slug for row in rows if row.active}

    def shown(self, slug: str) -> Iterator[tuple[str, list[str], list[str]]]:
        """For each format of a feed: its document, the titles in it, and those in its archives."""
        for format_ in map(Format, self.setting.feeds.get("formats", list(Format))):
            path = self.output / slug / FILENAMES[format_]
            archives = sorted(path.parent.glob(f"archive/*/{path.name}"))
            yield str(path), titles_in(path), [title for one in archives for title in titles_in(one)]

    def tree(self) -> dict[str, bytes]:
        """All files in the place of the output."""
        return {
            path.relative_to(self.output).as_posix(): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file()
        }

    def stamps(self) -> dict[str, tuple[int, int]]:
        """What tells of each of them that it was written."""
        found = {path: (self.output / path).stat() for path in self.tree()}
        return {path: (status.st_mtime_ns, status.st_ino) for path, status in found.items()}


def titles_in(path: Path) -> list[str]:
    """The titles of the stories in a document, in their order."""
    return list(dict.fromkeys(re.findall(r"Story \d+", path.read_text())))


def forget_everything(engine: Engine) -> None:
    """Empty a database."""
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table is not leases:  # its rows come with the tables
                connection.execute(delete(table))


def first_build(room: Newsroom, chronicle: Chronicle) -> dict[str, bytes]:
    """What `room` writes when it begins with the same files and configuration.

    All that it may know is what is to be remembered: the ids of articles, by their front matter, and what
    `_memory` says of feeds.
    """
    forget_everything(room.engine)
    for folder in (room.folder / "feeds", room.folder / "elsewhere", room.content):
        shutil.rmtree(folder, ignore_errors=True)
    room.content.mkdir()
    other = Chronicle(room, chronicle.setting)
    room.now = chronicle.room.now
    ids = chronicle.room.scalar(_ids)
    for name, story in chronicle.seen.items():
        other.write(name, story, id=ids.get(name))
    of_feeds, of_slugs = chronicle.room.scalar(_memory)
    with room.engine.begin() as connection:
        for row in of_feeds:
            if chronicle.setting.options_of((row["kind"], row["name"])) is not None:
                row["title"] = "as the configuration spells it"
            connection.execute(insert(feeds).values(**row, active=True, changed=1, rendered=0))
        for row in of_slugs:
            connection.execute(insert(slugs).values(**row))
    room.build()
    return other.tree()


def _ids(connection: Connection) -> dict[str, str]:
    """The id of the article in each file that is one, without what all begin with."""
    joined = select(files.c.path, articles.c.id).join(articles, articles.c.key == files.c.article_key)
    found = dict(connection.execute(joined).all())
    assert len(set(found.values())) == len(found)
    return {path.removeprefix("content/"): id_.removeprefix(SITE["id_base"]) for path, id_ in found.items()}


def _memory(connection: Connection) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Of feeds, the names as first seen and the last date of one that is empty; all slugs there ever were."""
    kept = [feeds.c[name] for name in ("key", "kind", "name", "title", "updated_us", "first_slug")]
    of_feeds = connection.execute(select(*kept)).mappings()
    return [dict(row) for row in of_feeds], [
        dict(row) for row in connection.execute(select(slugs)).mappings()
    ]
