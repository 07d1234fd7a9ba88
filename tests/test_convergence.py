"""Whatever has happened, the output is that of a first build.

feedbot changes documents only where something changed. So histories are made up, of content, configuration,
output and state at once: articles in one folder or several, documents in folders and buckets, passes by
workers that take turns, stores that fail, and others who put something of their own there. After each pass
over everything the output has to be, byte for byte, what a newsroom elsewhere that begins with the same files
and configuration writes into a folder, and the same pass once more does nothing.

Some things are meant to be remembered, and are told to the one that begins, so that all else is compared:

- the ids of articles: a renamed file keeps its own, and of two with one id the first has it
  (test_identity_histories.py has more of that);
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chronicle import Scope
from first_build import assert_same, findings_of, first_build, without_archives
from happenings import EVER, NAMES, Change, Happenings, configurations, names, stories
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from newsroom import Newsroom
from places import PLACES, Fuse, Illness, InStore, full_disk, hasty_output_of
from small_store import Ill, small_store, well
from sqlalchemy import Engine
from tale import Story

from feedbot.errors import ContentError, PublishError, StandbyError
from feedbot.passes.build import Builder
from feedbot.store.db import open_store

HISTORIES = int(os.environ.get("FEEDBOT_HISTORIES", "35"))
STEPS = 25  # of one history


class Histories(Happenings):
    """One history. Each rule is what somebody does, or a pass, or time."""

    elsewhere: Engine  # of the one that begins

    def __init__(self) -> None:
        super().__init__()
        self.other = Newsroom(Path(self.folder.name, "other"), _engine=self.elsewhere)

    @initialize(
        said=st.fixed_dictionaries(dict.fromkeys(NAMES, st.none() | stories)),
        changes=st.lists(configurations, max_size=3),
        archive=st.booleans(),
        place=st.sampled_from(PLACES),
    )
    def begin(self, said: dict[str, Story | None], changes: list[Change], archive: bool, place: str) -> None:
        self._set(feeds={"archive": archive, "path": place})
        self.configure(changes)
        for name in EVER:
            self.write(name, Story(published=0, is_long=True))
        for name, story in said.items():
            if story:
                self.write(name, story)
        self.look_at_everything()
        self.back_up()

    # --- passes ---

    @rule()
    def look_at_everything(self) -> None:
        self._build(self.told.builder(), None)
        self.is_tampered = self.is_strange = False
        self._check_shown()
        self._check_still(None)
        self._check_all()

    @rule()
    def lose_output(self) -> None:
        self.look_at_everything()
        before = self.told.tree()
        self.told.place.clear()
        for path, body in self.told.theirs.get(self.told.setting.place, {}).items():
            self.told.place.put(path, body)
        self.told.room.build()
        after = self.told.tree()
        if self.was_lost and "_redirects" not in after:
            before.pop("_redirects", None)
        assert_same(after, before)

    @rule(names=st.sets(names), patient=st.booleans())
    def look_at_some(self, names: set[str], patient: bool) -> None:
        """A pass over files that events name, or over any."""
        some = (self.touched & names) or self.touched or names
        self._build(self.told.builder(), some, patient=patient)
        if not self.is_tampered:
            self._check_shown()
            self._check_still(some, patient=patient)

    @rule(number=st.integers(0, 1), is_whole=st.booleans())
    def take_turn(self, number: int, is_whole: bool) -> None:
        """A pass by a worker that runs on, whatever others did meanwhile: it does not always look again."""
        if number not in self.workers:
            self.workers[number] = (self.told.setting, self.told.builder())
        setting, builder = self.workers[number]
        self._put_in_force(setting)
        self._build(builder, None if is_whole else self.touched)
        if not self.is_tampered:
            self._check_shown()

    @rule(number=st.integers(0, 12), is_whole=st.booleans(), is_full=st.booleans())
    def look_and_fail(self, number: int, is_whole: bool, is_full: bool) -> None:
        """A pass whose disk is full, or whose turn is over, after so many documents."""
        is_full = is_full and not self.told.setting.place.startswith("s3://")
        fuse = Fuse(number, full_disk() if is_full else StandbyError("another has taken over"))
        builder = self.told.builder(make_output=fuse.output_of)
        with self._suffering():
            self._build(builder, None if is_whole else set(self.touched))

    @rule(
        ill=st.sampled_from(Ill), seed=st.integers(0, 99), rate=st.sampled_from([1, 2, 8]), some=st.booleans()
    )
    def look_at_a_store_that_is_ill(self, ill: Ill, seed: int, rate: int, some: bool) -> None:
        """A pass of which some requests to a store fail, or all."""
        # What is asked before content is read is spared, for nothing at all comes of such a pass.
        spares = {"listings", "objects"} if self.is_first else set() if some else {"listings"}
        self.store.illness = illness = Illness(ill, seed, rate, frozenset(spares))
        builder = self.told.builder(make_output=hasty_output_of)
        try:
            with self._suffering():
                self._build(builder, set(self.touched) if some else None)
        finally:
            self.store.illness = well
        if illness.struck:
            self.is_tampered = self.is_strange = True

    @rule(folder=st.sampled_from(["content", "more"]))
    def unmount(self, folder: str) -> None:
        """A pass without one of the content folders."""
        path = self.told.path(folder)
        path.rename(path.with_name("away"))
        before = self.told.place.tree()
        try:
            self._build(self.told.builder(), None)
        except ContentError:
            assert_same(self.told.place.tree(), before)
        finally:
            path.with_name("away").rename(path)

    def _build(self, builder: Builder, scope: Scope, **options: Any) -> None:
        """Make a pass and note it, even if it fails where it writes."""
        before = self.told.reading()
        is_whole = self.is_first or self.told.folders != self.told.setting.folders
        failure: Exception | None = None
        try:
            self.told.build(builder, scope, **options)
        except (PublishError, StandbyError) as error:
            failure = error
        if is_whole or self.told.reading() != before:
            scope = None
        self.told.note_pass(scope)
        self.touched -= self.touched if scope is None else set(scope)
        self.is_first = False
        if failure:
            raise failure

    @contextmanager
    def _suffering(self) -> Iterator[None]:
        try:
            yield
        except (PublishError, StandbyError):
            self.is_tampered = self.is_strange = True

    # --- what has to hold ---

    def _check_shown(self) -> None:
        """The feeds are those that there have to be, and each story is where it belongs, and nowhere else."""
        found = self.told.slugs()
        assert set(found) == self.told.feeds()
        keeps_all = self.told.setting.feeds.get("archive")
        for feed, slug in found.items():
            live = self.told.live(feed)
            by_title = {story.title: story.published for story in live}
            if len(by_title) < len(live):
                continue  # a file that was renamed is seen at its new path alone, and titles tell of one
            newest = [story.published for story in live][: self.told.setting.limit(feed)]
            for path, shown, archived in self.told.shown(slug):
                assert [by_title[title] for title in shown] == newest, path
                assert archived is None or len(set(archived)) == len(archived), path
                assert not keeps_all or archived is None or {*shown, *archived} == set(by_title), path

    def _check_still(self, some: set[str] | None, **options: Any) -> None:
        """The same pass once more does nothing."""
        before = self.told.place.stamps()
        report = self.told.build(self.told.builder(), some, **options)
        assert (report.written, report.removed, report.sync.events) == (0, 0, [])
        assert self.told.place.stamps() == before

    def _check_all(self) -> None:
        """The output is that of a first build, with what others put there, and files are told of alike."""
        expected, told = first_build(self.other, self.told)
        theirs = self.told.theirs.get(self.told.setting.place, {})
        found = self.told.tree()
        if self.was_lost and "_redirects" not in expected:
            found.pop("_redirects", None)
        expected = {path: body for path, body in expected.items() if path not in theirs}
        assert_same(without_archives(found), without_archives(expected))
        assert theirs.items() <= self.told.place.tree().items()
        sound = {name for name, story in self.told.seen.items() if self.told.stories.get(name) == story}
        here = findings_of(self.told)
        assert {name: here.get(name) for name in sound} == {name: told.get(name) for name in sound}
        if isinstance(self.told.place, InStore):
            newest = [path for path in found if "archive/" not in path]
            seconds = self.told.setting.serve.get("max_age", "300s").removesuffix("s")
            caching = self.told.place.caching()
            assert {caching[path] for path in newest} == {f"public, max-age={seconds}"}


@pytest.mark.timeout(0 if HISTORIES > 100 else 600)
def test_whatever_has_happened_the_output_is_that_of_a_first_build(store: Engine, tmp_path: Path) -> None:
    elsewhere = open_store(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    number = HISTORIES if store.dialect.name == "sqlite" else max(1, HISTORIES // 10)
    with small_store() as documents:
        run_state_machine_as_test(
            type(
                "HistoriesHere", (Histories,), {"engine": store, "elsewhere": elsewhere, "store": documents}
            ),
            settings=settings(
                max_examples=number,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    elsewhere.dispose()
