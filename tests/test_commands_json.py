"""What programs may rely on: every key that `--json` prints, with its type, as docs/commands.md tells it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from bustle import bustling
from commands_page import PAGE, SCHEMA, Node, command_called, page
from console import Console, at_once
from jsonschema import Draft202012Validator
from newsroom import Newsroom
from postbox import webhook
from receiver import receiving
from terminal import on_terminal

from feedbot.cli import main

COMMANDS = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^<!-- example: ([\w ]+) -->\n```json\n(.*?)^```$", COMMANDS, re.MULTILINE | re.DOTALL)

# What a newsroom is asked, one after the other, and what describes the answer.
ASKED = (
    ("build", ("build",)),
    ("status", ("status",)),
    ("check", ("check",)),
    ("preview", ("preview", "wide.md")),
    ("preview", ("preview", "soon.md")),
    ("preview", ("preview", "broken/0.md")),
    ("deliveries list", ("deliveries", "list", "--limit", "500")),
    ("deliveries show", ("deliveries", "show", "{dead}")),
    ("deliveries show", ("deliveries", "show", "{sent}")),
    ("deliveries show", ("deliveries", "show", "{ping}")),
    ("deliveries change", ("deliveries", "retry", "--state", "dead", "--dry-run")),
    ("deliveries change", ("deliveries", "retry", "{dead}", "{pending}")),
    ("deliveries change", ("deliveries", "drop", "--target", "toots")),
    ("deliveries change", ("deliveries", "release", "--all")),
    ("targets list", ("targets", "list")),
    ("targets test", ("targets", "test", "box", "--no-message")),
    ("targets resume", ("targets", "resume", "toots")),
    ("store copy", ("store", "copy", ".feedbot/feedbot.db", "copy.db")),
)


def closed(node: Any) -> Any:
    """A schema that allows no key but those it names, so that a key without a word about it is found."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: closed(value) for key, value in node.items()}
    if parts := node.pop("allOf", []):
        whole = copy.deepcopy(SCHEMA["$defs"][parts[0]["$ref"].rpartition("/")[2]])
        node["properties"] = closed(whole["properties"]) | node["properties"]
        node["required"] = [*whole["required"], *node["required"]]
    if "properties" in node:
        node["additionalProperties"] = False
    return node


def validate(value: Any, name: str) -> None:
    """Fail if `value` is not exactly what the schema says of the command `name`."""
    defs: Node = closed(SCHEMA["$defs"])
    validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": defs})
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)] == []


def leaves(command: click.Command, words: str = "feedbot") -> Iterator[str]:
    """Every command that does something, by its words."""
    if not isinstance(command, click.Group):
        yield words
        return
    for name, inner in command.commands.items():
        yield from leaves(inner, f"{words} {name}")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newsroom where much is going on."""
    return bustling(tmp_path_factory.mktemp("bustle") / "newsroom").newsroom.folder


# --- the outputs ---


def test_every_command_prints_the_keys_that_are_documented_and_no_other(room: Path) -> None:
    listed = json.loads(at_once("deliveries", "list", "--limit", "500", "--json", folder=room).stdout)
    ids = {one["state"]: one["id"] for one in listed["deliveries"] if one["article"]}
    ids["ping"] = next(one["id"] for one in listed["deliveries"] if one["feed"])
    asked = [[*(word.format(**ids) for word in words), "--json"] for _, words in ASKED]
    for (name, words), shown in zip(ASKED, on_terminal(*asked, folder=room), strict=True):
        assert shown.code in {0, 1}, (words, shown.raw)
        validate(json.loads(shown.raw), name)


def test_what_trying_targets_prints_is_documented(newsroom: Newsroom) -> None:
    console = Console(newsroom)
    with receiving() as receiver:
        newsroom.configure(targets=[webhook(url=receiver.url)])
        newsroom.build()
        validate(console.json("targets", "test", "box"), "targets test")
        validate(json.loads(console.invoke("check", "--online", "--json").stdout), "check")


def test_a_wrong_configuration_is_told_with_the_same_keys(newsroom: Newsroom) -> None:
    newsroom.configure(feeds={"limits": 5})
    validate(Console(newsroom).json("check", code=2), "check")


def test_a_failure_is_told_on_stderr_and_leaves_nothing_to_parse(newsroom: Newsroom) -> None:
    console = Console(newsroom)
    for arguments in (("status",), ("deliveries", "list"), ("preview", "nowhere.md")):
        done = console.invoke(*arguments, "--json")
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("feedbot: ")


# --- the page ---


def test_the_page_tells_the_options_and_keys_that_there_are() -> None:
    assert page() == COMMANDS, "`python tests/commands_page.py` writes them"


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_examples_of_the_page_have_every_key(name: str, example: str) -> None:
    validate(json.loads(example), name)


def test_every_object_of_the_schema_has_its_place_on_the_page() -> None:
    keys = set(re.findall(r"<!-- keys: ([\w ]+) -->", COMMANDS))
    assert keys == SCHEMA["$defs"].keys() - {"build", "moment"}  # a pass, and told in words
    assert {name for name, _ in EXAMPLES} == {name for name, _ in ASKED}


def test_every_command_has_a_section_with_its_options() -> None:
    headings = re.findall(r"^## (feedbot .+)$", COMMANDS, re.MULTILINE)
    told = {
        f"{heading.partition(',')[0].rpartition(' ')[0]} {word.strip()}"
        for heading in headings
        for word in [heading.partition(",")[0].rpartition(" ")[2], *heading.split(",")[1:]]
    }
    assert told == set(leaves(main))
    with_options = set(re.findall(r"<!-- options: ([\w ]+) -->", COMMANDS))
    for words in leaves(main):
        name = words.removeprefix("feedbot ")
        own = [one for one in command_called(name).params if one.name not in _TOLD]
        is_shared = name in {"deliveries drop", "deliveries release"}  # their options are those of retry
        assert (name in with_options) == bool(own and not is_shared), name
    assert (
        _options_of("deliveries retry") == _options_of("deliveries drop") == _options_of("deliveries release")
    )


_TOLD = {"config_path", "verbose", "quiet", "as_json"}
_TOLD |= {"article", "folder", "id_", "ids", "name", "source", "target"}  # arguments


def _options_of(name: str) -> list[str | None]:
    return [one.name for one in command_called(name).params]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
