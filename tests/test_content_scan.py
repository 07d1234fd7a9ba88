"""Looking at content folders that cannot all be looked at: what is not seen is not taken for gone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from feedbot.content.fetch import fetch
from feedbot.content.scan import FileSelection, Root, Survey, survey

NOBODY = 65534


@contextmanager
def somebody_else() -> Iterator[None]:
    """Be a user whom permissions stop, if we are not."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody can enter, unlike those that pytest makes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)


def look(folder: Path, known: Survey) -> Survey:
    stamps = {name: file.stamp for name, file in known.files.items()}
    with somebody_else():
        return survey([Root(folder=folder, name="content")], FileSelection(), known=stamps)


def everything(folder: Path) -> Survey:
    return survey([Root(folder=folder, name="content")], FileSelection())


def test_a_folder_that_can_be_listed_and_not_entered_costs_only_itself(folder: Path) -> None:
    (folder / "closed").mkdir()
    for name in ("closed/a.md", "b.md"):
        (folder / name).write_text("x")
    before = everything(folder)
    (folder / "c.md").write_text("new")
    (folder / "closed").chmod(0o444)
    found = look(folder, before)
    assert (set(found.files), found.gone, found.unchanged) == ({"content/c.md"}, set(), 1)
    assert "cannot be looked at" in found.findings["content/closed/a.md"].what


def test_a_link_whose_end_cannot_be_looked_at_is_not_gone(folder: Path) -> None:
    (folder / "closed").mkdir()
    (folder / "closed/a.md").write_text("x")
    (folder / "link.md").symlink_to("closed/a.md")
    before = everything(folder)
    (folder / "closed").chmod(0)
    assert look(folder, before).gone == set()
    (folder / "closed").chmod(0o755)
    (folder / "closed/a.md").unlink()
    assert look(folder, before).gone == {"content/link.md", "content/closed/a.md"}


def test_a_file_that_became_a_link_after_it_was_looked_at_is_not_read(folder: Path) -> None:
    for name in ("a.md", "b/c.md", "elsewhere/a.md", "elsewhere/c.md"):
        (folder / "content" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "content" / name).write_text(name)
    (folder / "content/elsewhere").rename(folder / "elsewhere")
    seen = everything(folder / "content").files
    (folder / "content/a.md").unlink()
    (folder / "content/a.md").symlink_to(folder / "elsewhere/a.md")
    (folder / "content/b").rename(folder / "before")
    (folder / "content/b").symlink_to(folder / "elsewhere")
    assert [fetch(file.path, file.stamp) for file in seen.values()] == [None, None]


def test_what_lies_behind_a_folder_link_is_not_looked_at_when_it_is_named_either(folder: Path) -> None:
    for name in ("content", "elsewhere/deep"):
        (folder / name).mkdir(parents=True)
    (folder / "elsewhere/deep/a.md").write_text("x")
    (folder / "content/link").symlink_to(folder / "elsewhere")
    root = Root(folder=folder / "content", name="content")
    for path in ("link", "link/deep", "link/deep/a.md"):  # as events name what changed there
        found = survey([root], FileSelection(), [f"{root.folder}/{path}"])
        assert not found.files
