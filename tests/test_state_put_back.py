"""A backup of the state that is put back: the output is newer than what the state knows of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from newsroom import Newsroom
from places import InStore, OnDisk, Place
from small_store import small_store


@pytest.fixture(params=["folder", "bucket"])
def room_and_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Newsroom, Place]]:
    """A newsroom, and where its feeds go."""
    with small_store() as store:
        room = Newsroom(tmp_path, environ=store.environ())
        place: Place = OnDisk(room.feeds)
        feeds = {"archive": True, "limit": 2}
        if request.param == "bucket":
            feeds["path"], place = "s3://news/feeds", InStore(store, "news/feeds/")
        room.configure(feeds=feeds)
        yield room, place
        room.close()


def back_up(room: Newsroom) -> Callable[[], None]:
    """Copy the state as docs/operating.md has it; returns what puts it back."""
    state = room.folder / ".feedbot" / "feedbot.db"
    room.close()
    shutil.copy(state, room.folder / "backup.db")

    def put_back() -> None:
        room.close()
        for path in state.parent.glob("feedbot.db-*"):
            path.unlink()
        shutil.copy(room.folder / "backup.db", state)

    return put_back


def test_what_was_withdrawn_since_the_backup_stays_nowhere(room_and_place: tuple[Newsroom, Place]) -> None:
    room, place = room_and_place
    room.write("old.md")
    room.build()
    before = place.tree()
    put_back = back_up(room)
    names = [f"new-{number}.md" for number in range(6)]
    for number, name in enumerate(names):
        room.write(name, publishedDateTime=f"2026-05-1{number}T08:00:00Z", topics=["AI", "Law"])
        room.build()
    assert {"law/rss.xml", "archive/1/rss.xml", "ai/archive/1/rss.xml"} <= place.tree().keys()
    for name in names:
        (room.content / name).unlink()
    put_back()
    room.build()
    assert place.tree() == before
