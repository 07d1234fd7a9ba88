"""What years leave behind in the state: a pass takes no more work for it, and what can be forgotten is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from newsroom import SITE, Newsroom
from postbox import ALL, Desk, webhook
from sqlalchemy import event, func, select

from feedbot.attempt import Gone, State
from feedbot.model import Status
from feedbot.passes.build import SLICES, Builder
from feedbot.passes.identity import url_digest
from feedbot.store import articles, deliveries, feeds, inquiry, turns
from feedbot.store.db import to_us
from feedbot.store.inquiry import Selection
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


def remember(room: Newsroom, paths: Sequence[str], **values: Any) -> None:
    """Let the state know of articles like the one that there is, which are at `paths` no more."""
    if not paths:
        return
    one, *_ = room.scalar(lambda connection: list(articles.live(connection)))
    past = {"status": Status.WITHDRAWN, "reason": "the file is gone", "gone_us": to_us(room.now), **values}
    rows = [structs.replace(one.row, id=f"{SITE['id_base']}{path}", path=path, **past) for path in paths]
    room.scalar(lambda connection: articles.add(connection, rows))


def test_a_file_at_a_path_that_many_left_takes_no_more_work_for_them(newsroom: Newsroom) -> None:
    work = []
    for past in ((), range(2, 4), range(5, PAST)):
        remember(newsroom, [f"draft.md~{number}" for number in past])
        draft = newsroom.write("draft.md", webUrl=f"https://publisher.example/{len(past)}")
        with counting(newsroom) as steps:
            worker_pass(newsroom, draft)
        work.append(sum(steps))
        worker_pass(newsroom, draft, draft.rename(draft.with_name(f"done-{len(past)}.md")))
    assert 0 < work[2] < 1.5 * work[1]


def test_files_with_one_url_take_no_more_work_for_those_that_went_with_it(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    shared = "https://publisher.example/"
    work = []
    for number in (1, PAST):
        remember(newsroom, [f"{one}-of-{number}.md" for one in range(number)], url_digest=url_digest(shared))
        twins = [newsroom.write(f"{name}-{number}.md", webUrl=shared) for name in ("a", "b")]
        with counting(newsroom) as steps:
            worker_pass(newsroom, *twins)
        work.append(sum(steps))
    assert 0 < work[1] < 1.5 * work[0]


def test_former_addresses_take_no_more_work_each_the_more_there_are(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    work = []
    for number in (PAST, 4 * PAST):
        former = {f"former-{one}": "ai" for one in range(number)}
        newsroom.scalar(lambda connection, known=former: feeds.restore_moves(connection, known))
        with counting(newsroom) as steps:
            newsroom.scalar(feeds.moves)
        work.append(sum(steps))
        assert newsroom.scalar(feeds.moves) == former
    assert work[1] < 5 * work[0]


def test_a_change_of_a_feed_takes_no_more_work_for_those_that_the_hub_was_told_of(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"hub": "https://hub.example.com/"})
    newsroom.write("one.md")
    newsroom.build()
    worker_pass(newsroom, newsroom.write("one.md", title="Told"))
    work = []
    for number in (3, PAST):
        [ping, *_] = newsroom.scalar(
            lambda connection: inquiry.chosen(connection, Selection(), to_change=False)
        )
        told = {"state": State.SENT, "settled_us": to_us(newsroom.now)}
        rows = [structs.replace(ping.row, id=f"msg_{one}-of-{number}", **told) for one in range(number)]
        newsroom.scalar(lambda connection, rows=rows: deliveries.add(connection, rows))
        with counting(newsroom) as steps:
            worker_pass(newsroom, newsroom.write("one.md", title=f"After {number}"))
        work.append(sum(steps))
    assert 0 < work[1] < 1.2 * work[0]


def test_an_edit_takes_no_more_work_for_feeds_in_whose_place_others_have_files(newsroom: Newsroom) -> None:
    work = []
    for number in (1, 30):
        names = [f"t{number}-{one}" for one in range(number)]
        for name in names:
            (newsroom.feeds / name).mkdir(parents=True)
            (newsroom.feeds / name / "index.html").write_text("not ours")
        blocked = newsroom.write("blocked.md", topics=names)
        with counting(newsroom) as steps:
            builder = Builder(newsroom.config, newsroom.engine, clock=lambda: newsroom.now, window=SLICES)
            builder.run()
            before = len(steps)
            builder.run([str(newsroom.write("new.md", title=f"Edit {number}"))], patient=True)
            work.append(len(steps) - before)
            newsroom.write("blocked.md", title=f"What is not blocked, {number}", topics=names)
            builder.run([str(blocked)], patient=True)
        assert newsroom.titles(names[-1]) == [f"What is not blocked, {number}"]
    assert 0 < work[1] < 1.2 * work[0]
