"""Whatever has happened, the output is that of a first build.

feedbot changes documents only where something changed. So histories are made up, of content, configuration,
output and state at once. After each pass over everything the output has to be, byte for byte, what a newsroom
elsewhere writes that begins with the same files and configuration, and the same pass once more does nothing.

Some things are meant to be remembered, and are told to the one that begins, so that all else is compared:

- the ids of articles: a renamed file keeps its own (test_identity_histories.py has more of that);
- what a broken file said before;
- feeds of topics that lost their last article, with the date of then, and how a topic was spelled at first;
- the slugs that feeds had, for they lead to the present ones and the first makes the feed's own id.

Two are left out. Which articles are closed in which archive depends on when they came; so archives are looked
at as their readers do, and where all output is lost, the same bytes have to come back. And after a lost state
`_redirects` stays as it is if none of its addresses lead to a feed: nobody else knows them.

`FEEDBOT_HISTORIES=3000 pytest tests/test_convergence.py` tries so many on SQLite, a tenth on PostgreSQL.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from chronicle import Chronicle, Fuse, Setting, Story, first_build, forget_everything, full_disk
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from newsroom import Newsroom
from sqlalchemy import Engine

from feedbot.errors import ConfigError, PublishError, StandbyError
from feedbot.model import fold_name
from feedbot.store.db import open_store

HISTORIES = int(os.environ.get("FEEDBOT_HISTORIES", "15"))
STEPS = 25  # of one history

NAMES = ("a.md", "b.md", "c.md", "d.md", "sub/e.md", "bare/f.md")
TOPICS = ("AI", "ai", "Robots", "C++", "Law", "law")
SLUGS = (None, "machines", "robots", "law", "top")

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


def options(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, Any]]:
    """One of these options, and its value."""
    return st.one_of(*[st.tuples(st.just(name), value) for name, value in values.items()])


site_options = options(
    title=st.sampled_from(["Example Newsroom", "Another Newsroom"]),
    description=st.sampled_from(["", "All of it"]),
    url=st.sampled_from(["https://news.example.com/", "https://new.example.com/"]),
    feeds_url=st.sampled_from(["https://feeds.example.com/", "https://example.com/feeds/"]),
    language=st.sampled_from(["", "en", "de"]),
    author=st.sampled_from([None, {"name": "The desk"}]),
    logo=st.sampled_from(["", "https://news.example.com/logo.png"]),
)
feeds_options = options(
    limit=st.sampled_from([1, 2, 3, 50]),
    formats=st.lists(st.sampled_from(["rss", "atom", "json"]), min_size=1, unique=True),
    pages=st.booleans(),
    archive=st.booleans(),
    pictures=st.booleans(),
    content=st.sampled_from(["full", "excerpt"]),
    max_item_size=st.sampled_from(["1KB", "64KB"]),
    hub=st.sampled_from(["", "https://hub.example.com/"]),
    path=st.sampled_from(["feeds", "elsewhere"]),
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

configurations = st.one_of(  # the section, the option and its value; None: not given
    st.tuples(st.just("site"), site_options),
    st.tuples(st.just("content"), options(exclude=st.sampled_from([None, ["bare/"]]))),
    st.tuples(st.just("feeds"), feeds_options),
    st.tuples(st.just("topics"), st.tuples(st.sampled_from(TOPICS), topic_options)),
    st.tuples(st.just("named"), st.tuples(st.sampled_from(["Top", "TOP", "Robots", "Rest"]), named_options)),
)


class Histories(RuleBasedStateMachine):
    """One history. Each rule is what somebody does, or a pass, or time."""

    engine: Engine  # of the newsroom
    elsewhere: Engine  # of the one that begins

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        forget_everything(self.engine)
        self.told = Chronicle(Newsroom(Path(self.folder.name, "newsroom"), _engine=self.engine))
        self.other = Newsroom(Path(self.folder.name, "other"), _engine=self.elsewhere)
        self.touched: set[str] = set()  # files that events would name
        self.is_tampered = False  # documents may not be as they should, and only a whole pass sees that
        self.is_strange = True  # the state does not know what lies in the place of the output
        self.is_first = True  # the next pass is the first one with the state, and so over everything
        self.was_lost = False

    # --- content ---

    @initialize(said=st.fixed_dictionaries(dict.fromkeys(NAMES, stories)), archive=st.booleans())
    def begin(self, said: dict[str, Story], archive: bool) -> None:
        self._set(feeds={"archive": archive})
        # Without any article no feed is removed.
        self.write("always.md", Story(published=0, is_long=True))
        for name, story in said.items():
            self.write(name, story)
        self.look_at_everything()

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

    @rule(change=configurations)
    def configure(self, change: tuple[str, tuple[str, Any]]) -> None:
        section, (name, value) = change
        if name == "path" and value != self.told.output.name:
            self._estrange()
        others = {key: one for key, one in getattr(self.told.setting, section).items() if key != name}
        self._set(**{section: others if value is None else {**others, name: value}})

    def _set(self, **changes: Any) -> None:
        before: Setting = self.told.setting
        self.told.configure(replace(before, **changes))
        try:
            _ = self.told.room.config
        except ConfigError:  # no command would take it
            self.told.configure(before)

    # --- output, state and time ---

    @rule(number=st.integers(0, 500), change=st.sampled_from([None, b"", b"\n"]))
    def tamper(self, number: int, change: bytes | None) -> None:
        """Somebody removes a document, empties it or changes it."""
        paths = sorted(self.told.tree())
        if not paths or (self.is_strange and change == b""):
            return
        path = self.told.output / paths[number % len(paths)]
        body = path.read_bytes()
        path.unlink()
        if change is not None:
            path.write_bytes(body + change if change else b"")
        self.is_tampered = True

    @rule()
    def lose_state(self) -> None:
        self._estrange()
        self.told.lose_state()
        self.is_first = self.was_lost = True

    def _estrange(self) -> None:
        """The state will not know what lies where: what bears no mark would be somebody else's."""
        self.is_tampered = self.is_strange = True
        for folder in (self.told.room.folder / "feeds", self.told.room.folder / "elsewhere"):
            for path in folder.rglob("*"):
                if path.is_file() and not path.stat().st_size:
                    path.unlink()

    @rule()
    def lose_output(self) -> None:
        self.look_at_everything()
        before = self.told.tree()
        shutil.rmtree(self.told.output)
        self.told.room.build()
        after = self.told.tree()
        if self.was_lost and "_redirects" not in after:
            before.pop("_redirects", None)
        assert_same(after, before)

    @rule(hours=st.sampled_from([0.01, 1, 5, 24]))
    def later(self, hours: float) -> None:
        self.told.room.later(hours=hours)

    # --- passes ---

    @rule()
    def look_at_everything(self) -> None:
        self.told.room.build()
        self._note_pass(None)
        self.is_tampered = self.is_strange = False
        self._check_shown()
        self._check_still(None)
        self._check_all()

    @rule(names=st.sets(names), patient=st.booleans())
    def look_at_some(self, names: set[str], patient: bool) -> None:
        """A pass over files that events name, or over any."""
        some = (self.touched & names) or self.touched or names
        self.told.room.build(self.told.paths(some), patient=patient)
        self._note_pass(some)
        if not self.is_tampered:
            self._check_shown()
            self._check_still(some, patient=patient)

    @rule(number=st.integers(0, 12), is_whole=st.booleans(), is_full=st.booleans())
    def look_and_fail(self, number: int, is_whole: bool, is_full: bool) -> None:
        """A pass whose disk is full, or whose turn is over, after so many documents."""
        fuse = Fuse(number, full_disk() if is_full else StandbyError("another has taken over"))
        some = None if is_whole else set(self.touched)
        try:
            self.told.build(fuse, some)
        except (PublishError, StandbyError):
            self.is_tampered = self.is_strange = True
        self._note_pass(some)

    def _note_pass(self, some: set[str] | None) -> None:
        self.told.note_pass(None if self.is_first else some)
        self.touched -= self.touched if some is None else some
        self.is_first = False

    # --- what has to hold ---

    def _check_shown(self) -> None:
        """The feeds are those that there have to be, and each story is where it belongs, and nowhere else."""
        found = self.told.slugs()
        assert set(found) == self.told.feeds()
        keeps_all = self.told.setting.feeds.get("archive")
        for feed, slug in found.items():
            live = self.told.live(feed)
            by_title = {story.title: story.published for story in live}
            newest = [story.published for story in live][: self.told.setting.limit(feed)]
            for path, shown, archived in self.told.shown(slug):
                assert [by_title[title] for title in shown] == newest, path
                assert len(set(archived)) == len(archived), path
                assert not keeps_all or {*shown, *archived} == set(by_title), path

    def _check_still(self, some: set[str] | None, **options: Any) -> None:
        """The same pass once more does nothing."""
        before = self.told.stamps()
        report = self.told.room.build(None if some is None else self.told.paths(some), **options)
        assert (report.written, report.removed, report.sync.events) == (0, 0, [])
        assert self.told.stamps() == before

    def _check_all(self) -> None:
        """The output is that of a first build."""
        expected, found = first_build(self.other, self.told), self.told.tree()
        if self.was_lost and "_redirects" not in expected:
            found.pop("_redirects", None)
        assert_same(without_archives(found), without_archives(expected))

    def teardown(self) -> None:
        self.folder.cleanup()


def without_archives(tree: dict[str, bytes]) -> dict[str, bytes]:
    """The documents without archives, and without the links to them."""
    links = re.compile(rb'\s*<[^<>]*rel="prev-archive"[^<>]*/>|"next_url": "[^"]*", ')
    return {path: links.sub(b"", body) for path, body in tree.items() if "archive/" not in path}


def assert_same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    assert sorted(found) == sorted(expected)
    for path, body in expected.items():
        assert found[path].decode() == body.decode(), path


@pytest.mark.timeout(0 if HISTORIES > 100 else 120)
def test_whatever_has_happened_the_output_is_that_of_a_first_build(store: Engine, tmp_path: Path) -> None:
    elsewhere = open_store(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    number = HISTORIES if store.dialect.name == "sqlite" else max(1, HISTORIES // 10)
    run_state_machine_as_test(
        type("HistoriesHere", (Histories,), {"engine": store, "elsewhere": elsewhere}),
        settings=settings(
            max_examples=number,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    elsewhere.dispose()
