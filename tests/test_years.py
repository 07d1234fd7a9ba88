"""What years leave behind in the state: a pass takes no more work for it, and what can be forgotten is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from newsroom import Newsroom
from postbox import ALL, Desk, webhook
from sqlalchemy import event, func, select

from feedbot.attempt import Gone, State
from feedbot.build import SLICES, Builder
from feedbot.store import turns
from feedbot.store.schema import events
from feedbot.store.turns import Pace

PAST = 150  # articles of which nothing is to be seen any more
STEPS = 10  # of SQLite's machine, between two that are counted


@contextmanager
def counting(room: Newsroom) -> Iterator[list[int]]:
    """How much work SQLite does within the block."""
    room.close()
    steps: list[int] = []

    def count() -> int:
        steps.append(STEPS)
        return 0

    event.listen(room.engine, "checkout", lambda one, *_: one.set_progress_handler(count, STEPS))
    yield steps
    room.close()


def worker_pass(room: Newsroom, *paths: Path) -> None:
    """A pass as a worker makes it over files that it was told of."""
    builder = Builder(room.config, room.engine, clock=lambda: room.now, window=SLICES)
    builder.run([str(path) for path in paths], patient=True)


def day(desk: Desk) -> int:
    """How much work a new article and its correction are."""
    room = desk.newsroom
    with counting(room) as steps:
        for title in ("New", "Corrected"):
            worker_pass(room, desk.write("new.md", title=title))
            room.later(minutes=2)
    return sum(steps)


def bring_behind(desk: Desk, number: int, *, word: str) -> None:
    """Let so many articles be published, announced and expire, and as many be held for ever."""
    room = desk.newsroom
    expires = (room.now + timedelta(days=1)).isoformat()
    for burst, front in ((1000, {"expiresDateTime": expires}), (1, {})):
        desk.configure(webhook(events=ALL), announce={"settle": "0s", "burst": burst})
        desk.box.knows_doubles = True
        for one in range(number):
            published = (room.now - timedelta(minutes=one)).isoformat()
            desk.write(f"{word}-{burst}-{one}.md", topics=[], publishedDateTime=published, **front)
        room.build()
        desk.deliver(minutes=2)
    desk.configure(webhook(events=ALL), announce={"settle": "0s"})
    room.later(days=1)
    room.build()
    desk.deliver(minutes=2)


@pytest.fixture
def desk(newsroom: Newsroom) -> Desk:
    desk = Desk(newsroom)
    desk.configure(webhook(events=ALL), announce={"settle": "0s"})
    for one in range(60):  # as many as a feed shows
        newsroom.write(f"first{one}.md")
    newsroom.build()
    return desk


def test_a_pass_takes_no_more_work_for_what_lies_behind(desk: Desk) -> None:
    bring_behind(desk, 3, word="young")  # what is there at all
    young = day(desk)
    (desk.newsroom.content / "new.md").unlink()
    bring_behind(desk, PAST, word="old")
    assert len(desk.rows(states=(State.SENT,))) > PAST
    assert len(desk.rows(states=(State.HELD,))) > PAST
    old = day(desk)
    assert 0 < old < 1.2 * young


def test_a_look_at_the_outbox_takes_no_more_work_for_what_waits_for_a_disabled_target(desk: Desk) -> None:
    desk.configure(webhook(), webhook("gone"), announce={"settle": "0s", "burst": 1000})
    desk.newsroom.build()
    desk.boxes["gone"].outcomes.append(Gone())
    work = []
    for number in (3, PAST):
        for one in range(number):
            desk.write(f"{number}-{one}.md", topics=[])
        desk.newsroom.build()
        desk.deliver(minutes=2)
        with counting(desk.newsroom) as steps:
            desk.newsroom.scalar(
                lambda connection: turns.turns(connection, {"box": Pace(), "gone": Pace()}, desk.newsroom.now)
            )
        work.append(sum(steps))
    assert len(desk.rows(targets=("gone",), states=(State.PENDING,))) > PAST
    assert work[1] <= work[0] + STEPS


def test_events_are_forgotten_where_nobody_is_told(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    any_newsroom.build()
    for month in range(6):
        any_newsroom.write("one.md", title=f"In month {month}")
        any_newsroom.later(days=45)
        any_newsroom.build()
    number = any_newsroom.scalar(
        lambda connection: connection.execute(select(func.count()).select_from(events)).scalar_one()
    )
    assert number <= 4  # announce.keep is three months


def test_an_edit_takes_no_more_work_for_those_before_it(newsroom: Newsroom) -> None:
    newsroom.build()
    work = []
    for number in (3, PAST):
        for edit in range(number):
            worker_pass(newsroom, newsroom.write("one.md", title=f"Edit {edit} of {number}"))
            newsroom.later(minutes=2)
        with counting(newsroom) as steps:
            worker_pass(newsroom, newsroom.write("one.md", title=f"The last of {number}"))
        work.append(sum(steps))
    assert 0 < work[1] < 1.2 * work[0]
