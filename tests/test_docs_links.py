"""What the documentation says can be followed: links lead somewhere, commands parse, configurations load, and
options and messages exist.
"""

from __future__ import annotations

import ast
import errno
import itertools
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import pytest
import yaml
from newsroom import SITE

from feedbot.cli import main
from feedbot.config import load

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
SECTIONS = ("site", "content", "feeds", "serve", "schedule", "store", "announce", "targets")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

# What the system and the database say in messages of ours.
OF_OTHERS = {
    *map(os.strerror, (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EMFILE)),
    "file is not a database",
    "database disk image is malformed",
    "database or disk is full",
    "attempt to write a readonly database",
    "unable to open database file",
}


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks in these languages."""
    return [body for language, body in FENCE.findall(text_of(page)) if language in languages]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", text_of(page))


# --- links ---


@cache
def anchors(page: Path) -> frozenset[str]:
    """The fragments that lead to headings of a page, as forges make them."""
    names: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(f"{name}-{names[name]}" if names[name] else name)
        names[name] += 1
    return frozenset(found)


def dead_links(page: Path) -> Iterator[str]:
    text = re.sub("`[^`]*`", "", prose(page))  # what is code is no link
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text):
        path, _, fragment = link.partition("#")
        target = page.parent / unquote(path) if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    assert list(dead_links(page)) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            links = re.findall(r"\]\((?!https?:)([^)#\s]+)", prose(page))
            ahead += [(page.parent / link).resolve() for link in links]
    assert set(PAGES) - seen == set()


# --- commands ---


def command_lines(page: Path) -> Iterator[str]:
    """What a reader may type or copy: `feedbot ...`, in blocks and in lines of text."""
    for block in blocks(page, "sh", "cron", "text"):
        for line in block.splitlines():
            for part in re.split(r"&&|;| \| ", line.partition(" #")[0]):
                if found := re.match(r"\s*(?:\w+: |PORT=\$\w+ )?(?:[\w./]+/)?feedbot ((?![.{ ]).*)", part):
                    yield found[1].partition(" > ")[0]
    yield from re.findall(r"`feedbot ([^`]+)`", prose(page).replace("\n", " "))


def parse(arguments: list[str]) -> None:
    """Parse as the command line does, and run nothing. Raises click.UsageError."""
    group: click.Command = main
    context: click.Context | None = None
    name = "feedbot"
    while True:
        context = group.make_context(name, arguments, parent=context)
        if not isinstance(group, click.Group):
            return
        name, command, arguments = group.resolve_command(context, [*context._protected_args, *context.args])
        assert name
        assert command
        group = command


def mistakes_in_commands(page: Path) -> Iterator[str]:
    for line in sorted(set(command_lines(page))):
        words = [word.strip("[].") for word in shlex.split(line)]
        try:
            parse([word for word in words if word])
        except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
            pass  # it is only named: `feedbot preview`, `feedbot deliveries`
        except click.UsageError as error:
            yield f"feedbot {line}: {error.format_message()}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_the_docs_is_understood(page: Path) -> None:
    assert list(mistakes_in_commands(page)) == []


def test_commands_are_found_where_people_copy_them() -> None:
    found = set(command_lines(ROOT / "docs" / "deployment.md"))
    assert {"run", "run --serve", "run --once -q", "status", "check", "build"} <= found


# --- configuration ---


def value_for(name: str) -> str:
    """Something that a variable of the docs may hold."""
    if name.endswith("_SECRET"):
        return "whsec_" + 11 * "c2VjcmV0"
    return f"https://chat.example/hooks/{name.lower()}" if name.endswith("_URL") else f"a-token-for-{name}"


def configurations(page: Path) -> Iterator[str]:
    """The blocks that show sections of config.yaml."""
    for block in blocks(page, "yaml"):
        shown = yaml.safe_load(block)
        if isinstance(shown, dict) and shown.keys() and shown.keys() <= set(SECTIONS):
            yield block


def completed(block: str) -> dict[str, Any]:
    """What a block shows, with what every configuration has to have."""
    shown: dict[str, Any] = yaml.safe_load(block)
    targets = [
        {"url": "https://a.example/hook"} | target if target.get("type") == "slack" else target
        for target in shown.get("targets") or []
    ]
    toots = {"type": "mastodon", "base_url": "https://toots.example/", "token": "a-token-of-ours"}
    whole = [toots | target if target.get("type") == "mastodon" else target for target in targets]
    return {"site": SITE} | shown | ({"targets": whole} if whole else {})


def load_block(block: str, folder: Path) -> None:
    path = folder / "config.yaml"
    whole = "site" in yaml.safe_load(block)
    path.write_text(block if whole else yaml.safe_dump(completed(block)), encoding="utf-8")
    load(path, {name: value_for(name) for name in re.findall(r"\$\{(\w+)\}", block)})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_configuration_that_is_shown_loads(page: Path, tmp_path: Path) -> None:
    for block in configurations(page):
        load_block(block, tmp_path)


def test_configurations_are_found_where_they_are_shown() -> None:
    pages = {page.name for page in PAGES if any(configurations(page))}
    assert {"README.md", "configuration.md", "mastodon.md", "moving.md", "templates.md"} <= pages


def options() -> set[str]:
    """Every option there is, as the reference page names it, which is made from the program."""
    reference = text_of(ROOT / "docs" / "configuration.md")
    found = set(re.findall(r"^\| `([\w.\[\]]+)` \|", reference, re.MULTILINE))
    return found | set(re.findall(r"^## (\w+)$", reference, re.MULTILINE))


def unknown_options(page: Path) -> Iterator[str]:
    # The first column of a table names what the table is about: keys of JSON, files, options themselves.
    text = re.sub(r"^\|[^|]*\|", "", prose(page), flags=re.MULTILINE)
    known = {re.sub(r"\[\]|\bNAME\b", "", option) for option in options()}
    for name in re.findall(rf"`((?:{'|'.join(SECTIONS)})\.[a-zA-Z_.]+)`", text):
        if Path(name).suffix not in {".com", ".opml"} and name.replace("NAME", "") not in known:
            yield name


OF_OPTIONS = [page for page in PAGES if page.stem != "architecture"]  # that page names modules in this form


@pytest.mark.parametrize("page", OF_OPTIONS, ids=lambda page: page.name)
def test_every_option_that_is_named_exists(page: Path) -> None:
    assert list(unknown_options(page)) == []


# --- messages ---


@cache
def sayings() -> tuple[str, ...]:
    """Every text in the program, cut where a value is put in."""
    modules = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "feedbot").rglob("*.py"))
    nodes = itertools.chain.from_iterable(map(ast.walk, modules))
    return tuple(
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def is_said(piece: str) -> bool:
    return piece in OF_OTHERS or any(piece in saying for saying in sayings())


def messages(page: Path) -> Iterator[str]:
    """What feedbot is quoted with: lines of blocks, and quotes in tables."""
    for line in itertools.chain.from_iterable(block.splitlines() for block in blocks(page, "text")):
        yield re.sub(r"^\s*(error|info|warning): ", "", line).strip()
    for row in re.findall(r"^\| .*$", prose(page), re.MULTILINE):
        yield from re.findall(r'"([^"]{15,})"', row)


def test_every_message_in_troubleshooting_is_one_that_feedbot_says() -> None:
    quoted = list(messages(ROOT / "docs" / "troubleshooting.md"))
    assert len(quoted) > 20
    pieces = {piece.strip() for message in quoted for piece in message.split("...")}
    assert {piece for piece in pieces if piece and not is_said(piece)} == set()
