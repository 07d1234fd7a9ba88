"""Builders that run on and take turns over one bucket, and have not seen what was put there meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from first_build import forget_everything
from newsroom import SITE, Newsroom
from places import Fuse, InStore
from small_store import small_store

from feedbot.errors import StandbyError
from feedbot.passes.build import Builder

PATH = "s3://news/feeds"


@pytest.fixture
def bucket() -> Iterator[InStore]:
    with small_store() as store:
        yield InStore(store, "news/feeds/")


@pytest.fixture
def room(tmp_path: Path, bucket: InStore) -> Iterator[Newsroom]:
    """A newsroom whose feeds go to `bucket`."""
    room = Newsroom(tmp_path, settings={"feeds": {"path": PATH}}, environ=bucket.store.environ())
    yield room
    room.close()


def builder_of(room: Newsroom, **options: Any) -> Builder:
    return Builder(room.config, room.engine, clock=lambda: room.now, **options)


def cut_short(room: Newsroom, puts: int) -> None:
    """A pass that is over after so many puts, which it cannot note."""
    with pytest.raises(StandbyError):
        builder_of(room, make_output=Fuse(puts, StandbyError("another has taken over")).output_of).run()


@pytest.mark.parametrize("is_whole", [True, False])
def test_who_goes_on_after_another_configuration_finds_what_it_left_unnoted(
    room: Newsroom, bucket: InStore, is_whole: bool
) -> None:
    path = room.write("one.md")
    old = builder_of(room)
    old.run()
    before = bucket.tree()
    room.configure(feeds={"path": PATH, "named": [{"name": "Top"}]})
    cut_short(room, puts=3)
    assert "top/rss.xml" in bucket.tree()
    old.run(None if is_whole else [str(path)])
    assert bucket.tree() == before


def test_who_goes_on_after_another_configuration_replaces_what_it_put_unnoted(
    room: Newsroom, bucket: InStore
) -> None:
    room.write("one.md")
    old = builder_of(room)
    old.run()
    before = bucket.tree()
    room.configure(feeds={"path": PATH}, site={**SITE, "title": "Another Newsroom"})
    cut_short(room, puts=3)
    assert bucket.tree() != before
    old.run()
    assert bucket.tree() == before


def test_who_runs_on_after_the_state_was_lost_finds_what_it_put_before(
    room: Newsroom, bucket: InStore
) -> None:
    room.write("one.md")
    runs_on = builder_of(room)
    runs_on.run()
    before = bucket.tree()
    path = room.write("two.md", topics=["Law"])
    runs_on.run()
    assert "law/rss.xml" in bucket.tree()
    path.unlink()
    forget_everything(room.engine)
    runs_on.run()
    assert bucket.tree() == before
