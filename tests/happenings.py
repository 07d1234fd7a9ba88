"""What may happen in a newsroom between two passes, each step made up by hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chronicle import Chronicle
from first_build import forget_everything
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from newsroom import Newsroom
from places import PLACES
from small_store import SmallStore
from sqlalchemy import Engine
from tale import Setting, Story

from feedbot.errors import ConfigError
from feedbot.model import fold_name
from feedbot.passes.build import Builder

# Where the configuration lists several folders, some have the same ids by their paths.
NAMES = (
    *("content/a.md", "content/b.md", "content/c.md", "content/sub/d.md", "content/bare/e.md"),
    *("more/a.md", "more/d.md", "more/f.md"),
)
EVER = ("content/always.md", "more/ever.md")  # without any article no feed is removed
TOPICS = ("AI", "ai", "Robots", "C++", "Law", "law", "Größe", "Space")
SLUGS = (None, "machines", "robots", "law", "top")
FOLDERS = (None, ["content"], ["content", "more"], ["more", "content"], ["content/sub", "more"], ["more"])
STRANGE = (  # where others may put something
    *("rss.xml", "index.html", "feeds.opml", "page.css", "_redirects", "notes.txt", "archive/1/atom.xml"),
    *("ai/rss.xml", "law/index.html", "robots/feed.json", "machines/atom.xml", "top/rss.xml"),
    *("ai/notes.txt", "robots/archive/1/rss.xml"),
)

names = st.sampled_from(NAMES)
says: dict[str, st.SearchStrategy[Any]] = {
    "topics": st.lists(st.sampled_from(TOPICS), max_size=3, unique_by=fold_name).map(tuple),
    "published": st.integers(-60, 12),
    "expires": st.none() | st.integers(-2, 40),
    "heat": st.sampled_from([None, 10, 60]),
    "is_long": st.booleans(),
}
stories = st.builds(Story, has_url=st.sampled_from([True, True, False]), **says)
states = st.sampled_from(["sound", "sound", "draft", "unpublished", "undated", "broken"])
changes = st.one_of(*[st.tuples(st.just(key), value) for key, value in {**says, "state": states}.items()])


Change = tuple[str, tuple[str, Any]]  # of a configuration: the section, the option, its value or None


def changes_of(section: str, **values: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Change]]:
    """One for each of these options."""
    return [st.tuples(st.just(section), st.tuples(st.just(name), value)) for name, value in values.items()]


changes_of_site = changes_of(
    "site",
    title=st.sampled_from(["Example Newsroom", "Another Newsroom"]),
    description=st.sampled_from(["", "All of it"]),
    url=st.sampled_from(["https://news.example.com/", "https://new.example.com/"]),
    feeds_url=st.sampled_from(["https://feeds.example.com/", "https://example.com/feeds/"]),
    language=st.sampled_from(["", "en", "de"]),
    author=st.sampled_from([None, {"name": "The desk"}]),
    logo=st.sampled_from(["", "https://news.example.com/logo.png"]),
)
changes_of_feeds = changes_of(
    "feeds",
    limit=st.sampled_from([1, 2, 3, 50]),
    formats=st.lists(st.sampled_from(["rss", "atom", "json"]), min_size=1, unique=True),
    pages=st.booleans(),
    archive=st.booleans(),
    pictures=st.booleans(),
    content=st.sampled_from(["full", "excerpt"]),
    max_item_size=st.sampled_from(["1KB", "64KB"]),
    hub=st.sampled_from(["", "https://hub.example.com/"]),
    path=st.sampled_from(PLACES),
)
slugs, titles = st.sampled_from(SLUGS), st.sampled_from([None, "A title"])
topic_options = st.none() | st.fixed_dictionaries(
    {}, optional={"slug": slugs, "title": titles, "feed": st.booleans()}
)
wheres = st.sampled_from([{"min_heat": 50}, {"topics": ["AI", "Law"]}, {"topics": ["Robots"]}, {}])
limits, extents = st.sampled_from([None, 1, 4]), st.sampled_from([None, "excerpt"])
named_options = st.none() | st.fixed_dictionaries(
    {"where": wheres}, optional={"slug": slugs, "title": titles, "limit": limits, "content": extents}
)
topics = st.tuples(st.just("topics"), st.tuples(st.sampled_from(TOPICS), topic_options))
named = st.tuples(
    st.just("named"), st.tuples(st.sampled_from(["Top", "TOP", "Robots", "Rest"]), named_options)
)

configurations: st.SearchStrategy[Change] = st.one_of(
    *changes_of_site,
    *changes_of_feeds,
    *changes_of("content", exclude=st.sampled_from([None, ["bare/"]]), path=st.sampled_from(FOLDERS)),
    *changes_of("serve", max_age=st.sampled_from(["20s", "300s"])),
    *[topics] * 4,
    *[named] * 4,
)


class Happenings(RuleBasedStateMachine):
    """What people do, and time."""

    engine: Engine  # of the newsroom
    store: SmallStore

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        forget_everything(self.engine)
        self.store.objects.clear()
        self.told = Chronicle(Newsroom(Path(self.folder.name, "newsroom"), _engine=self.engine), self.store)
        self.workers: dict[int, tuple[Setting, Builder]] = {}  # those that run on
        self.touched: set[str] = set()  # files that events would name
        self.is_tampered = False  # documents may not be as they should, and only a look at them sees that
        self.is_strange = True  # the state does not know what lies in the place of the output
        self.is_first = True  # the next pass is the first one with the state, and so over everything
        self.was_lost = False  # the state, or what it knew since a backup
        self.backup: tuple[Callable[[], None], bool] | None = None  # of the state, and whether it had no pass

    # --- content ---

    @rule(name=names, story=stories)
    def write(self, name: str, story: Story) -> None:
        self.told.tell(name, story)
        self.touched.add(name)

    @rule(name=names, change=changes)
    def edit(self, name: str, change: tuple[str, Any]) -> None:
        story = self.told.stories.get(name)
        # The address of a broken file without a URL would be that of the site when it was whole.
        if story and (story.has_url or change != ("state", "broken")):
            self.told.write(name, replace(story, **dict([change])))
            self.touched.add(name)

    @rule(name=names)
    def delete(self, name: str) -> None:
        if name in self.told.stories:
            self.told.delete(name)
            self.touched.add(name)

    @rule(name=names, other=names)
    def rename(self, name: str, other: str) -> None:
        if name in self.told.stories and other not in self.told.stories:
            self.told.rename(name, other)
            self.touched |= {name, other}

    # --- configuration ---

    @rule(changes=st.lists(configurations, min_size=1, max_size=3))
    def configure(self, changes: list[Change]) -> None:
        for section, (name, value) in changes:
            others = {key: one for key, one in getattr(self.told.setting, section).items() if key != name}
            self._set(**{section: others if value is None else {**others, name: value}})

    def _set(self, **changes: Any) -> None:
        before = self.told.setting
        self._put_in_force(replace(before, **changes))
        try:
            _ = self.told.room.config
        except ConfigError:  # no command would take it
            self.told.configure(before)

    def _put_in_force(self, setting: Setting) -> None:
        if setting.place != self.told.setting.place:
            self._estrange()
        self.told.configure(setting)

    # --- output, state and time ---

    @rule(number=st.integers(0, 500), change=st.sampled_from([None, b"", b"\n"]))
    def tamper(self, number: int, change: bytes | None) -> None:
        """Somebody removes a document, empties it or changes it."""
        tree = self.told.tree()
        if not tree or (self.is_strange and change == b""):
            return
        path = sorted(tree)[number % len(tree)]
        if change is None:
            self.told.place.remove(path)
        else:
            self.told.place.put(path, tree[path] + change if change else b"")
        self.is_tampered = True

    @rule(path=st.sampled_from(STRANGE))
    def intrude(self, path: str) -> None:
        """Somebody else puts something there."""
        self.told.intrude(path, b"somebody else's")
        self.is_tampered = True

    @rule()
    def withdraw(self) -> None:
        self.told.withdraw()
        self.is_tampered = True

    @rule()
    def clear(self) -> None:
        """Somebody removes everything."""
        self.told.clear()
        self.is_tampered = True

    @rule()
    def lose_state(self) -> None:
        self._estrange()
        self.told.lose_state()
        self.is_first = self.was_lost = True

    @rule()
    def back_up(self) -> None:
        self.backup = (self.told.back_up(), self.is_first)

    @rule()
    def restore(self) -> None:
        if self.backup:
            self._estrange()
            self.end_workers()
            put_back, self.is_first = self.backup
            put_back()
            self.was_lost = True

    @rule()
    def end_workers(self) -> None:
        self.workers.clear()

    def _estrange(self) -> None:
        """The state will not know what lies where: what bears no mark would be somebody else's."""
        self.is_tampered = self.is_strange = True
        for place in map(self.told.place_at, PLACES):
            for path, body in place.tree().items():
                if not body:
                    place.remove(path)

    @rule(hours=st.sampled_from([0.01, 1, 5, 24]))
    def later(self, hours: float) -> None:
        self.told.room.later(hours=hours)

    def teardown(self) -> None:
        self.folder.cleanup()
