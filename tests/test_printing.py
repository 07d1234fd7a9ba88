"""Feeds printed by processes that help: the same documents, written by whoever rendered them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from checker import check_folder
from msgspec.structs import replace as replaced
from newsroom import FEEDS_URL, Newsroom
from render_samples import ALL_FORMATS, ENTRIES, NO_CAP, ROOT, SITE, TOPIC, UNICODE

from feedbot.articletext import dump_article
from feedbot.clock import uptime
from feedbot.crew import Crew
from feedbot.errors import PublishError, StandbyError
from feedbot.passes.build import Builder
from feedbot.passes.printing import Order, Work, print_all, publish_all
from feedbot.places import DocumentFate, Lent
from feedbot.places.folder import Folder
from feedbot.render import bears_mark
from feedbot.render.renderer import Job, Renderer
from feedbot.store.lease import Lease

RENDERER = Renderer(site=SITE, formats=ALL_FORMATS, max_item_size=NO_CAP)
BODIES = tuple((entry.id, dump_article(entry.article)) for entry in ENTRIES)
JOBS = [
    Job(feed=feed, bodies=BODIES)
    for feed in (ROOT, TOPIC, UNICODE, *(replaced(TOPIC, slug=f"more-{number}") for number in range(7)))
]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(path=tmp_path / "feeds", is_ours=bears_mark)


def printed(place: Folder, *, elsewhere: bool) -> list[Work]:
    orders = [Order(job=job, known={}, place=place) for job in JOBS]
    with Crew(2) as crew:
        return list(print_all(crew, RENDERER, orders, pays=elsewhere))


def on_disk(folder: Folder) -> dict[str, bytes]:
    return {
        path.relative_to(folder.path).as_posix(): path.read_bytes()
        for path in folder.path.rglob("*")
        if path.is_file()
    }


def rendered() -> dict[str, bytes]:
    return {document.path: document.body for job in JOBS for document in RENDERER.render(job).documents}


def refuse() -> float:
    raise StandbyError("somebody else's turn")


def test_who_helps_writes_what_it_rendered_and_hands_over_notes(folder: Folder) -> None:
    works = printed(folder.lend(), elsewhere=True)
    assert on_disk(folder) == rendered()
    assert not any(printed.left for _, printed in works)
    results = publish_all(folder, works)
    assert [[result.path for result in some] for some in results] == [
        [document.path for document in RENDERER.render(job).documents] for job in JOBS
    ]
    for result in (result for some in results for result in some):
        assert result.fate is DocumentFate.WRITTEN
        assert folder.is_as_recorded(result.path, result)
    assert {printed.updated for _, printed in works} == {max(entry.article.updated for entry in ENTRIES)}


def test_the_process_of_the_pass_writes_what_it_rendered_all_at_once(folder: Folder) -> None:
    works = printed(folder.lend(), elsewhere=False)
    assert on_disk(folder) == {}
    results = publish_all(folder, works)
    assert on_disk(folder) == rendered()
    assert {result.path for some in results for result in some} == set(rendered())


@pytest.mark.parametrize("is_late", [True, False], ids=["late", "orphaned"])
def test_who_helps_writes_nothing_once_its_time_is_over(folder: Folder, is_late: bool) -> None:
    lent = Lent(uptime() - 1, os.getpid()) if is_late else Lent(uptime() + 100, os.getppid())
    works = printed(replace(folder, confirm=lent), elsewhere=True)
    assert on_disk(folder) == {}
    publish_all(folder, works)
    assert on_disk(folder) == rendered()


def test_a_place_is_lent_for_as_long_as_it_is_certainly_ours(newsroom: Newsroom, folder: Folder) -> None:
    lease = Lease(newsroom.engine)
    with lease.turn():
        lent = replace(folder, confirm=lease.confirm).lend()
        assert lent.confirm == Lent(lease.confirm(), os.getpid())
        assert uptime() < lease.confirm() < uptime() + 10
    with pytest.raises(StandbyError):
        replace(folder, confirm=refuse).lend()


def test_what_goes_wrong_in_another_process_is_told_here(tmp_path: Path) -> None:
    (tmp_path / "feeds").write_text("no folder at all")
    folder = Folder(path=tmp_path / "feeds", is_ours=bears_mark)
    works = printed(folder.lend(), elsewhere=True)
    with pytest.raises(PublishError, match="a file is where a folder has to be"):
        publish_all(folder, works)


class WatchedLease(Lease):
    """Looks who helps at the end of each turn."""

    helpers: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        with super().turn():
            try:
                yield
            finally:
                self.helpers = len(multiprocessing.active_children())


@pytest.mark.parametrize("fails", [False, True])
def test_nobody_writes_for_a_pass_whose_turn_is_over(newsroom: Newsroom, fails: bool) -> None:
    lease = WatchedLease(newsroom.engine)
    lease.stay()
    builder = Builder(newsroom.config, newsroom.engine, clock=lambda: newsroom.now, lease=lease)
    builder.run()
    for number in range(40):
        newsroom.write(f"{number}.md", topics=[f"Topic {number}"])
    builder.expect(10_000)
    assert multiprocessing.active_children()
    if fails:
        for path in newsroom.feeds.iterdir():
            path.unlink()
        newsroom.feeds.rmdir()
        newsroom.feeds.write_text("no folder at all")
        with pytest.raises(PublishError):
            builder.run()
        assert lease.helpers == 0
        newsroom.feeds.unlink()
    builder.run()
    assert lease.helpers == 0
    assert check_folder(newsroom.feeds, FEEDS_URL) == []
    assert newsroom.titles("topic-7") == ["About 7"]
    lease.leave()
