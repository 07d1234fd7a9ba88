"""Hostile files cost nobody but themselves: what is said of each, and that all others are published."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from checker import check_folder
from hostile import CASES, SECRET, Hostile, article
from newsroom import FEEDS_URL, SITE, Newsroom

from feedbot.content import Broken, Excluded, Read, Reader
from feedbot.model import Finding, Level, Site
from feedbot.store.journal import load_findings

READER = Reader(site=Site(**SITE))
FATES = {"read": Read, "excluded": Excluded, "broken": Broken}


def fact(article: object, path: str) -> Any:
    """The value at `path`, such as `images.0.url`, in an article."""
    value: Any = article
    for part in path.split("."):
        value = value[int(part)] if part.isdecimal() else attrgetter(part)(value)
    return value


def assert_said(case: Hostile, findings: list[Finding], folder: str = "") -> None:
    """Exactly the expected findings are there, each at its place, with its words."""
    wanted = [(f"{folder}{said.path or case.filename}", said.line, said.words) for said in case.says]
    found = [(finding.path, finding.line, finding.what) for finding in findings]
    for places in (wanted, found):
        places.sort(key=lambda place: (place[0], place[1] or 0))
    assert len(found) == len(wanted), found
    for (path, line, what), (wanted_path, wanted_line, words) in zip(found, wanted, strict=True):
        assert (path, line) == (wanted_path, wanted_line)
        assert words in what
    assert not any(SECRET in str(finding) for finding in findings)


def test_the_table_is_large_and_its_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("case", [case for case in CASES if case.level == "file"], ids=str)
def test_a_hostile_file_is_read_as_far_as_it_can_be(case: Hostile) -> None:
    assert isinstance(case.make, bytes)
    reading = READER.read(case.make, name=case.filename, relative=case.filename)
    assert_said(case, list(reading.findings))
    assert isinstance(reading, FATES[case.fate])
    if isinstance(reading, Broken):
        assert any(finding.level is Level.ERROR for finding in reading.findings)
        assert all(finding.hint for finding in reading.findings)
    if isinstance(reading, Read):
        assert {path: fact(reading.article, path) for path in case.facts} == dict(case.facts)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Newsroom]:
    """A newsroom with three good articles."""
    newsroom = Newsroom(tmp_path / "newsroom")
    for name in ("good-1", "good-2", "good-3"):
        newsroom.write(f"{name}.md", body=f"The *whole* text of {name}.\n")
    yield newsroom
    newsroom.close()


def assert_the_good_ones_stand(room: Newsroom) -> None:
    """All three documents carry all three good articles, and every document is sound."""
    assert check_folder(room.feeds, FEEDS_URL) == []
    for document in ("rss.xml", "atom.xml", "feed.json"):
        text = (room.feeds / document).read_text(encoding="utf-8")
        assert all(f"About good-{number}" in text for number in (1, 2, 3)), document
    state = [
        path.read_bytes()
        for path in room.folder.rglob("*")
        if path.is_file() and room.content not in path.parents
    ]
    assert not any(SECRET.encode() in data for data in state)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_file_costs_only_itself(case: Hostile, room: Newsroom) -> None:
    case.put(room.content)
    room.build()
    assert_said(case, room.scalar(load_findings), folder="content/")
    assert_the_good_ones_stand(room)


def test_all_hostile_files_together_cost_only_themselves(room: Newsroom) -> None:
    room.configure(feeds={"limit": 1000})
    for number, case in enumerate(CASES):
        if case.level == "file":
            folder = room.content / str(number)
            folder.mkdir()
            case.put(folder)
    room.build()
    found = {(finding.path, finding.line) for finding in room.scalar(load_findings)}
    assert found == {
        (f"content/{number}/{case.filename}", said.line)
        for number, case in enumerate(CASES)
        for said in case.says
        if case.level == "file"
    }
    assert_the_good_ones_stand(room)


def test_files_that_vanish_in_the_middle_of_a_pass_cost_only_themselves(room: Newsroom) -> None:
    fleeting = [room.content / f"fleeting-{number}.md" for number in range(600)]
    for path in fleeting:
        path.write_bytes(article())

    def remove(done: int, _total: int) -> None:
        if done < len(fleeting):
            for path in fleeting:
                path.unlink(missing_ok=True)

    report = room.build(progress=remove)
    assert 3 <= report.sync.read < len(fleeting)
    for _ in range(2):  # so many are gone when two looks miss them
        room.build()
    assert room.scalar(load_findings) == []
    assert sorted(room.titles()) == ["About good-1", "About good-2", "About good-3"]
    assert_the_good_ones_stand(room)
