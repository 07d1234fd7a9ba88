"""The exact bytes of every document of a small site, as whole articles and as excerpts.

After a wanted change of the output write them anew, and read the difference before you commit it:

    python tests/test_render_golden.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from checker import check_folder
from render_samples import SITE, whole_site

from feedbot.kinds import SCRIPT, STYLE
from feedbot.model import Document

GOLDEN = Path(__file__).parent / "data" / "render"
FOLDERS = {"full": True, "excerpt": False}

HASHES = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from render_samples import whole_site
for full in (True, False):
    for document in whole_site(full=full):
        print(document.path.encode(), hashlib.sha256(document.body).hexdigest())
"""


def write(folder: Path, documents: Sequence[Document]) -> None:
    """Write `documents` below `folder`."""
    for document in documents:
        path = folder / document.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document.body)


def golden(*, full: bool) -> list[Document]:
    """The documents to be kept: those that are made, and not what is copied as it is."""
    return [document for document in whole_site(full=full) if document.path not in {STYLE, SCRIPT}]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_document_is_what_it_was(name: str) -> None:
    documents = golden(full=FOLDERS[name])
    assert {document.path for document in documents} == files(GOLDEN / name)
    for document in documents:
        assert document.body.decode() == (GOLDEN / name / document.path).read_bytes().decode(), document.path


@pytest.mark.parametrize("name", FOLDERS)
def test_every_document_keeps_the_rules_of_its_format(name: str, tmp_path: Path) -> None:
    write(tmp_path, whole_site(full=FOLDERS[name]))
    assert check_folder(tmp_path, SITE.feeds_url, hub=SITE.hub) == []


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "4711", "TZ": "America/St_Johns", "LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8"},
        {"PYTHONHASHSEED": "random", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONOPTIMIZE": "2"},
    ],
)
def test_hash_seed_time_zone_and_locale_do_not_change_a_byte(surroundings: dict[str, str]) -> None:
    here = Path(__file__).parent
    outputs = {
        subprocess.run(
            [sys.executable, "-c", HASHES, str(here)],
            env={**os.environ, **variables},
            capture_output=True,
            check=True,
        ).stdout
        for variables in ({}, surroundings)
    }
    assert len(outputs) == 1


def test_rendering_leaves_the_locale_of_the_process_alone() -> None:
    calls: list[str] = []

    def note(frame: object, event: str, argument: object) -> None:
        if event == "c_call":
            calls.append(getattr(argument, "__name__", ""))

    sys.setprofile(note)
    try:
        whole_site()
    finally:
        sys.setprofile(None)
    assert "isoformat" in calls  # the dates were watched
    assert "setlocale" not in calls


if __name__ == "__main__":
    for name, full in FOLDERS.items():
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
        write(GOLDEN / name, golden(full=full))
