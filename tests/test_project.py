"""The files around the program keep their word: README, lock, changelog, Procfile, and the house rules."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import feedbot

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

START = "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/feedbot run --serve"
TEST = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest -q"

SUFFIXES = {".css", ".html", ".j2", ".json", ".lock", ".md", ".py", ".toml", ".txt", ".xml", ".yaml", ".yml"}
BARE_NAMES = {"LICENSE", "Procfile", "run"}
OUTPUT_FOLDERS = {"__pycache__", "build", "dist", "feeds"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def project_files() -> Iterator[Path]:
    """The text files that belong to the checkout, without what tools and feedbot leave there."""
    for folder, names, files in os.walk(ROOT):
        here = Path(folder)
        names[:] = [name for name in names if belongs(here / name)]
        yield from (here / name for name in files if Path(name).suffix in SUFFIXES or name in BARE_NAMES)


def belongs(folder: Path) -> bool:
    """Whether a folder holds the project's own files."""
    hidden = folder.name.startswith(".") and folder.name != ".ci"
    return not hidden and folder.name not in OUTPUT_FOLDERS and not (folder / "pyvenv.cfg").exists()


def normalised(name: str) -> str:
    """The one spelling of a distribution's name that indexes compare by."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_names(requirements: list[str]) -> set[str]:
    return {normalised(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in requirements}


def lock_entries() -> dict[str, str]:
    """Each locked distribution with the rest of its entry, lines joined."""
    joined = text_of("requirements.lock").replace("\\\n", " ")
    entries = (line.partition("==") for line in joined.splitlines() if line.strip())
    return {normalised(name): rest for name, _, rest in entries}


def code_blocks(markdown: str) -> list[str]:
    return [block.strip() for block in re.findall(r"^```\w*\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("command", [START, TEST])
def test_the_readme_gives_each_command_on_one_line_in_a_block_of_its_own(command: str) -> None:
    assert command in code_blocks(text_of("README.md"))


def test_every_link_of_the_readme_to_a_file_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text_of("README.md"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_changelog_speaks_of_the_version_of_the_package() -> None:
    headings = re.findall(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == PROJECT["version"] == feedbot.__version__


def test_the_procfile_starts_the_worker_and_the_web_server() -> None:
    assert text_of("Procfile").splitlines() == ["worker: feedbot run", "web: feedbot serve"]


def test_the_lock_names_no_host() -> None:
    lock = text_of("requirements.lock")
    assert "://" not in lock
    assert not re.search(r"^\s*--(?!hash=)", lock, re.MULTILINE), "only --hash options belong into the lock"
    assert not re.search(r"\b[a-z0-9-]+\.(org|com|net|io|dev)\b", lock)


def test_the_lock_holds_every_dependency_and_those_of_the_tests() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = requirement_names([*PROJECT["dependencies"], *extras["test"], *extras["postgres"]])
    windows_only = {"tzdata"} - lock_entries().keys()
    assert wanted - {"feedbot"} - windows_only - lock_entries().keys() == set()


def test_every_locked_distribution_has_an_exact_version_and_hashes() -> None:
    for name, rest in lock_entries().items():
        assert re.match(r"[0-9][\w.]*\s", rest), name
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", rest), name


def test_no_file_puts_work_off() -> None:
    marks = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
    assert [str(path) for path in project_files() if marks.search(path.read_text(encoding="utf-8"))] == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    places = re.compile(r"/(?:wo" + r"rk|tm" + r"p/venv|ro" + r"ot|ho" + r"me/\w+)/")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in project_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if places.search(line)
    ]
    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for folder in ("feedbot", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_message_leads_to_a_page_that_is_not_installed() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "feedbot").rglob("*.py")
        for node in texts_of(ast.parse(path.read_text(encoding="utf-8")))
        if "docs/" in node.value
    ]
    assert found == []


def texts_of(tree: ast.AST) -> Iterator[ast.Constant]:
    """The texts in a module, but for those that only its readers see."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def test_every_silenced_warning_has_its_code_and_its_reason() -> None:
    mark = re.compile(r"#\s*(?:no" + r"qa|type:\s*ig" + r"nore)(?P<rest>.*)$")
    complete = re.compile(r"^(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w, -]+\])\s+\S*\s*\w+")
    careless = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in project_files()
        if path.suffix == ".py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := mark.search(line)) and not complete.match(found["rest"])
    ]
    assert careless == []
