"""Publishing into a folder: whole documents, only if different, and never over somebody else's files."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from feedbot.atomic import TEMPORARY
from feedbot.errors import PublishError, StandbyError
from feedbot.model import Document
from feedbot.places import DocumentFate
from feedbot.places.folder import Folder

MARK = b"<generator>feedbot</generator>"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(path=tmp_path / "feeds", is_ours=lambda body: MARK in body)
    folder.prepare()
    return folder


def doc(path: str, text: str) -> Document:
    return Document(path=path, body=MARK + text.encode())


def fates(folder: Folder, *documents: Document, known: tuple[str, ...] = ()) -> list[DocumentFate]:
    return [result.fate for result in folder.publish(documents, known)]


@contextmanager
def limited(what: int, most: int) -> Iterator[None]:
    """Let the system refuse this process more than `most` of something."""
    before = resource.getrlimit(what)
    resource.setrlimit(what, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


def texts(folder: Folder) -> dict[str, str]:
    """What every file below the folder holds, but for the mark."""
    files = (path for path in folder.path.rglob("*") if path.is_file())
    return {
        path.relative_to(folder.path).as_posix(): path.read_bytes().removeprefix(MARK).decode()
        for path in files
    }


def open_in(folder: Folder) -> set[Path]:
    """What is open in `folder`: of all else in this process, something may be closed at any moment."""
    found = {Path("/dev/fd", name).resolve() for name in os.listdir("/dev/fd")}
    return {path for path in found if path.is_relative_to(folder.path.resolve())}


def test_a_document_is_written_once_and_then_left_alone(folder: Folder) -> None:
    assert fates(folder, doc("ai/rss.xml", "one")) == [DocumentFate.WRITTEN]
    before = (folder.path / "ai/rss.xml").stat()
    assert fates(folder, doc("ai/rss.xml", "one")) == [DocumentFate.SAME]
    after = (folder.path / "ai/rss.xml").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_a_changed_document_replaces_the_old_one_and_leaves_nothing_else(folder: Folder) -> None:
    fates(folder, doc("ai/rss.xml", "one"), doc("ai/atom.xml", "one"))
    fates(folder, doc("ai/rss.xml", "two"), doc("ai/atom.xml", "one"))
    assert (folder.path / "ai/rss.xml").read_bytes() == MARK + b"two"
    assert sorted(path.name for path in (folder.path / "ai").iterdir()) == ["atom.xml", "rss.xml"]


@pytest.mark.parametrize("text", ["two", "three"], ids=["of the same size", "of another size"])
def test_a_document_of_ours_is_replaced_by_one(folder: Folder, text: str) -> None:
    fates(folder, doc("ai/rss.xml", "one"))
    [result] = folder.publish([doc("ai/rss.xml", text)], {"ai/rss.xml"})
    assert result.fate is DocumentFate.WRITTEN
    assert (folder.path / "ai/rss.xml").read_bytes() == MARK + text.encode()
    assert folder.is_as_recorded("ai/rss.xml", result)


def test_a_folder_of_somebody_else_costs_only_the_documents_in_it(folder: Folder, tmp_path: Path) -> None:
    (folder.path / "ai").symlink_to(tmp_path)
    (folder.path / "bi").write_text("a file")
    names = ("ai/rss.xml", "bi/rss.xml", "ci/rss.xml", "rss.xml")
    found = fates(folder, *(doc(name, "one") for name in names))
    assert found == [DocumentFate.FOREIGN, DocumentFate.FOREIGN, DocumentFate.WRITTEN, DocumentFate.WRITTEN]


def test_a_document_can_be_read_by_the_web_server(folder: Folder) -> None:
    umask = os.umask(0o022)
    try:
        fates(folder, doc("rss.xml", "one"))
    finally:
        os.umask(umask)
    assert stat.S_IMODE((folder.path / "rss.xml").stat().st_mode) == 0o644


def test_a_file_of_somebody_else_is_left_alone_and_told(folder: Folder) -> None:
    (folder.path / "index.html").write_text("my own page")
    assert fates(folder, doc("index.html", "ours")) == [DocumentFate.FOREIGN]
    assert (folder.path / "index.html").read_text() == "my own page"


def test_a_document_of_a_lost_state_is_recognised_by_its_mark(folder: Folder) -> None:
    fates(folder, doc("rss.xml", "one"))
    assert folder.holds_ours("rss.xml")
    assert fates(folder, doc("rss.xml", "two")) == [DocumentFate.WRITTEN]


def test_a_document_that_lost_its_mark_by_hand_is_restored_while_the_state_knows_it(folder: Folder) -> None:
    fates(folder, doc("rss.xml", "one"))
    (folder.path / "rss.xml").write_text("edited by hand")
    assert fates(folder, doc("rss.xml", "one"), known=("rss.xml",)) == [DocumentFate.WRITTEN]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_symbolic_link_is_never_written_through(folder: Folder, tmp_path: Path, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "rss.xml").write_bytes(MARK)
    if kind == "file":
        (folder.path / "ai").mkdir()
        (folder.path / "ai/rss.xml").symlink_to(elsewhere / "rss.xml")
    else:
        (folder.path / "ai").symlink_to(elsewhere)
    assert fates(folder, doc("ai/rss.xml", "two")) == [DocumentFate.FOREIGN]
    folder.remove(["ai/rss.xml"])
    assert (elsewhere / "rss.xml").read_bytes() == MARK


def test_removing_takes_the_folder_along_only_when_it_is_empty(folder: Folder) -> None:
    fates(folder, doc("ai/rss.xml", "one"), doc("bi/rss.xml", "one"))
    (folder.path / "bi/notes.txt").write_text("mine")
    folder.remove(["ai/rss.xml", "bi/rss.xml", "never/was.xml"])
    assert sorted(path.name for path in folder.path.rglob("*")) == ["bi", "notes.txt"]


def test_what_a_killed_process_left_unfinished_is_cleared_away(folder: Folder) -> None:
    (folder.path / "ai/archive/1").mkdir(parents=True)
    with ExitStack() as other_process:
        for place in (folder.path, folder.path / "ai", folder.path / "ai/archive/1"):
            (place / f"{TEMPORARY}0123").write_text("half")
            writing = other_process.enter_context((place / f"{TEMPORARY}4567").open("w"))
            fcntl.flock(writing, fcntl.LOCK_EX)
        (folder.path / ".htaccess").write_text("mine")
        folder.prepare()
        left = sorted(path.name for path in folder.path.rglob("*") if path.is_file())
    assert left == [*[f"{TEMPORARY}4567"] * 3, ".htaccess"]


def test_clearing_away_never_disturbs_somebody_who_writes(folder: Folder) -> None:
    done = threading.Event()

    def clear() -> None:
        while not done.is_set():
            folder.prepare()

    clearing = threading.Thread(target=clear)
    clearing.start()
    try:
        for number in range(300):
            [result] = folder.publish([doc("ai/rss.xml", f"{number}")], {"ai/rss.xml"})
            assert result.fate is DocumentFate.WRITTEN
    finally:
        done.set()
        clearing.join()
    assert [path.name for path in (folder.path / "ai").iterdir()] == ["rss.xml"]


def test_a_pipe_in_the_way_of_a_document_holds_nobody_up(folder: Folder) -> None:
    (folder.path / "ai").mkdir()
    os.mkfifo(folder.path / "ai/rss.xml")
    assert fates(folder, doc("ai/rss.xml", "one"), doc("ai/atom.xml", "one")) == [
        DocumentFate.FOREIGN,
        DocumentFate.WRITTEN,
    ]


def test_a_folder_that_cannot_be_made_says_which_and_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "feeds").write_text("a file in the way")
    with pytest.raises(PublishError, match=r"feeds.*a file is where a folder has to be"):
        Folder(path=tmp_path / "feeds", is_ours=lambda _: False).prepare()


def test_a_reader_sees_the_old_bytes_or_the_new_and_nothing_between(folder: Folder) -> None:
    texts = ["a" * 200_000, "b" * 300_000]
    whole = {MARK + text.encode() for text in texts}
    fates(folder, doc("rss.xml", texts[0]))
    done = threading.Event()
    seen: set[bytes] = set()

    def read() -> None:
        while not done.is_set():
            seen.add((folder.path / "rss.xml").read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        fates(folder, doc("rss.xml", texts[number % 2]), known=("rss.xml",))
    done.set()
    reader.join()
    assert seen <= whole


def test_a_document_that_cannot_be_written_costs_only_itself(folder: Folder) -> None:
    names = [f"{letter}/rss.xml" for letter in "abcde"]
    fates(folder, *(doc(name, "old") for name in names))
    changed = [doc(name, "new" if name != "c/rss.xml" else "n" * 100_000) for name in names]
    with limited(resource.RLIMIT_FSIZE, 50_000), pytest.raises(PublishError, match=r"c/rss\.xml: File too l"):
        folder.publish(changed, set(names))
    assert texts(folder) == dict.fromkeys(names, "new") | {"c/rss.xml": "old"}
    assert open_in(folder) == set()


def test_nothing_more_is_put_into_its_place_once_the_turn_is_over(folder: Folder) -> None:
    names = [f"{number}.xml" for number in range(5)]
    fates(folder, *(doc(name, "old") for name in names))
    turns = iter([0.0, 0.0])

    def confirm() -> float:
        for turn in turns:
            return turn
        raise StandbyError

    with pytest.raises(StandbyError):
        replace(folder, confirm=confirm).publish([doc(name, "new") for name in names], set(names))
    with pytest.raises(StandbyError):
        replace(folder, confirm=confirm).remove(names)
    assert sorted(texts(folder).values()) == ["new"] * 2 + ["old"] * 3
    assert open_in(folder) == set()


def test_a_folder_that_goes_while_a_document_is_written_is_told(folder: Folder) -> None:
    def replace_folder() -> float:
        shutil.rmtree(folder.path / "ai", ignore_errors=True)
        if not (folder.path / "ai").exists():
            (folder.path / "ai").write_text("a file")
        return 0.0

    with pytest.raises(PublishError, match=r"ai/rss\.xml: a file is where a folder has to be"):
        replace(folder, confirm=replace_folder).publish([doc("ai/rss.xml", "one")], ())


def test_few_files_that_can_be_opened_are_enough(folder: Folder) -> None:
    names = [f"{number}.xml" for number in range(100)]
    with limited(resource.RLIMIT_NOFILE, max(map(int, os.listdir("/dev/fd"))) + 20):
        assert fates(folder, *(doc(name, "new") for name in names)) == [DocumentFate.WRITTEN] * 100
    assert open_in(folder) == set()
