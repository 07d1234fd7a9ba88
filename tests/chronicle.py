"""A newsroom to which anything may happen, and what its readers have to see afterwards.

Owns which files say what (`tale.py`), and which of them passes have read. The feeds are made by the program;
what is expected in them comes from the stories alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from first_build import copy_of, forget_everything, put_back
from newsroom import NOW, Newsroom, age
from places import PLACES, InStore, OnDisk, Place, start_of
from small_store import SmallStore
from sqlalchemy import Connection, select
from tale import HOUR, Setting, Story

from feedbot.model import FILENAMES, Format, fold_name
from feedbot.passes.build import Builder, PassReport
from feedbot.store import documents, journal
from feedbot.store import feeds as stored
from feedbot.store.feeds import FeedKind, FeedName
from feedbot.store.files import Fate
from feedbot.store.schema import files

FOLDERS = ("content/sub", "content/bare", "more")  # which lie there all the while
MORE = "<p>More of it.</p>\n" * 80  # above the smallest `max_item_size` of a history

Scope = Collection[str] | None  # the files that a pass is over, by name; None: all


@dataclass
class Chronicle:
    """A newsroom, and what is known of it without asking the program."""

    room: Newsroom
    store: SmallStore
    setting: Setting = field(default_factory=Setting)
    stories: dict[str, Story] = field(default_factory=dict)  # on disk, by the file's path in the newsroom
    seen: dict[str, Story] = field(default_factory=dict)  # what counts of each by the last pass that read it
    folders: set[str] = field(default_factory=set)  # where articles lay at that pass
    topics: set[str] = field(default_factory=set)  # folded names of those that ever had a feed
    theirs: dict[str, dict[str, bytes]] = field(default_factory=dict)  # by place: what others put there
    titles: int = 0

    def __post_init__(self) -> None:
        for folder in FOLDERS:
            (self.room.folder / folder).mkdir(parents=True, exist_ok=True)
        self.room.environ = self.store.environ()
        self.configure(self.setting)

    @property
    def place(self) -> Place:
        """Where documents are now."""
        return self.place_at(self.setting.place)

    def place_at(self, path: str) -> Place:
        """What `feeds.path` means."""
        start = start_of(path)
        if start is None:
            return OnDisk(self.room.folder / path)
        return InStore(self.store, start, tuple(found for found in map(start_of, PLACES) if found))

    # --- what happens ---

    def write(self, name: str, story: Story, **more: Any) -> None:
        """Let the file `name` say this from now on, with `more` front matter."""
        self.stories[name] = story
        matter = {**story.front(), **more}
        path = self.room.write(str(self.path(name)), matter, MORE if story.is_long else "Text.\n")
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
        self.path(name).unlink()

    def rename(self, name: str, other: str) -> None:
        """Give a file another name, which no file has."""
        self.stories[other] = self.stories.pop(name)
        self.path(name).rename(self.path(other))

    def configure(self, setting: Setting) -> None:
        """Let another configuration be in force from the next pass on."""
        self.setting = setting
        self.room.configure(**setting.sections())

    def lose_state(self) -> None:
        """Let the database be as it was before the first pass."""
        forget_everything(self.room.engine)
        self.seen, self.topics = {}, set()

    def back_up(self) -> Callable[[], None]:
        """What lets the database be as it is now."""
        state = copy_of(self.room.engine)
        seen, folders, topics = dict(self.seen), self.folders, set(self.topics)

        def restore() -> None:
            put_back(self.room.engine, state)
            self.seen, self.folders, self.topics = dict(seen), folders, set(topics)
            self._give_way()

        return restore

    def _give_way(self) -> None:
        """Let others take away what lies where the state knows of documents: it takes that for its own."""
        theirs = self.theirs.get(self.setting.place, {})
        known = self.room.scalar(lambda connection: documents.find_paths(connection, list(theirs)))
        for path in theirs.keys() & set(known):
            self.place.remove(path)
            del theirs[path]

    def intrude(self, path: str, body: bytes) -> None:
        """Let somebody else put something where no document is, and none is to the knowledge of the state."""
        known = self.room.scalar(lambda connection: documents.find_paths(connection, [path]))
        if path not in self.place.tree() and not known:
            self.place.put(path, body)
            self.theirs.setdefault(self.setting.place, {})[path] = body

    def withdraw(self) -> None:
        """Let others take away what they put there."""
        for path in self.theirs.pop(self.setting.place, {}):
            self.place.remove(path)

    def clear(self) -> None:
        """Let somebody remove all that lies in the place of the output."""
        self.place.clear()
        self.theirs.pop(self.setting.place, None)

    def path(self, name: str) -> Path:
        """Where the file with this name is, or would be."""
        return self.room.folder / name

    # --- passes ---

    def builder(self, **options: Any) -> Builder:
        """Makes passes with the configuration of now."""
        return Builder(self.room.config, self.room.engine, clock=lambda: self.room.now, **options)

    def build(self, builder: Builder, scope: Scope, **options: Any) -> PassReport:
        """Make a pass."""
        paths = None if scope is None else [str(self.path(name)) for name in sorted(scope)]
        return builder.run(paths, **options)

    def reading(self) -> str | None:
        """What tells of the state that another configuration has all files read again."""
        found: str | None = self.room.scalar(lambda connection: journal.get(connection, "reading"))
        return found

    def note_pass(self, scope: Scope) -> None:
        """Note that a pass has read all files, or those of these names."""
        left_out = self.room.scalar(_duplicates)
        for name in {*self.stories, *self.seen} if scope is None else scope:
            story = self.stories.get(name)
            if scope is not None and self.setting.folder_of(name) is None:
                continue  # not looked at
            if story is None or self.setting.leaves_out(name) or name in left_out:
                self.seen.pop(name, None)
            elif story.state != "broken":
                self.seen[name] = story  # of one that is broken, what it said last stands
        self.folders = self.setting.folders
        for story in self.live((FeedKind.ALL, "")):
            self.topics |= {topic for topic in map(fold_name, story.topics) if self.setting.has_feed(topic)}

    # --- what readers are to see ---

    def feeds(self) -> set[FeedName]:
        """The feeds that there have to be: those of topics stay when they lose their last article."""
        topics = {(FeedKind.TOPIC, topic) for topic in self.topics if self.setting.has_feed(topic)}
        return {
            (FeedKind.ALL, ""),
            *topics,
            *((FeedKind.NAMED, fold_name(name)) for name in self.setting.named),
        }

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

    def shown(self, slug: str) -> Iterator[tuple[str, list[str], list[str] | None]]:
        """For each format of a feed: its document, the titles in it, and those in its archives.

        Without those in whose place lies something of others; None for archives of which that is so.
        """
        tree, theirs = self.tree(), self.theirs.get(self.setting.place, {})
        start = f"{slug}/" if slug else ""
        for format_ in map(Format, self.setting.feeds.get("formats", list(Format))):
            name = FILENAMES[format_]
            archive = re.compile(rf"{re.escape(start)}archive/\d+/{re.escape(name)}")
            archived = [title for path in tree if archive.fullmatch(path) for title in titles_in(tree[path])]
            if start + name not in theirs:
                hidden = any(map(archive.fullmatch, theirs))
                yield start + name, titles_in(tree[start + name]), None if hidden else archived

    def tree(self) -> dict[str, bytes]:
        """All that lies in the place of the output, but for what others put there and is there still."""
        theirs = self.theirs.get(self.setting.place, {})
        found = self.place.tree()
        return {path: body for path, body in found.items() if theirs.get(path) != body}


def titles_in(document: bytes) -> list[str]:
    """The titles of the stories in a document, in their order."""
    return list(dict.fromkeys(re.findall(r"Story \d+", document.decode())))


def _duplicates(connection: Connection) -> set[str]:
    """The files whose id another file has. Which of them it is comes from who was there first."""
    return set(connection.scalars(select(files.c.path).where(files.c.fate == Fate.DUPLICATE.value)))
