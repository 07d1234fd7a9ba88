"""The parts of docs/commands.md that tell what the program knows: options, and the keys of JSON.

`python tests/commands_page.py` writes them into the page, between comments that say which: options from the
commands themselves, keys from the JSON Schema that describes what they print.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from feedbot.cli import main

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "commands.md"
SCHEMA = json.loads((ROOT / "feedbot" / "commands" / "output.schema.json").read_text(encoding="utf-8"))

PART = re.compile(r"(<!-- (options|keys): ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
EVERYWHERE = {"config_path", "verbose", "quiet", "as_json", "help"}  # told once for all commands
KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
SHARED = {
    "finding": "a finding", "pass": "a pass", "dated_pass": "a pass on record", "delivery": "a delivery",
    "attempt": "an attempt", "brief": "a delivery in short", "target": "a target", "trial": "a check",
    "article": "an article",
}  # fmt: skip

Node = dict[str, Any]


def page() -> str:
    """The page as it should be."""
    return PART.sub(
        lambda part: f"{part[1]}{_table(part[2], part[3])}{part[4]}", PAGE.read_text(encoding="utf-8")
    )


def _table(kind: str, name: str) -> str:
    if kind == "options":
        rows = [f"| {' | '.join(row)} |\n" for row in _options(command_called(name))]
        return f"\n| option | meaning |\n|---|---|\n{''.join(rows)}\n" if rows else "\n"
    rows = [f"| {' | '.join(row)} |\n" for row in _keys(SCHEMA["$defs"][name], "")]
    return f"\n| key | type | meaning |\n|---|---|---|\n{''.join(rows)}\n"


# --- options ---


def command_called(name: str) -> click.Command:
    """The command with these words; of those that share their options, the first."""
    command: click.Command = main
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


def _options(command: click.Command) -> Iterator[tuple[str, str]]:
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in EVERYWHERE:
            yield f"`{_spelled(option)}`", _meaning(option)


def _spelled(option: click.Option) -> str:
    if option.is_flag:
        return ", ".join(sorted(option.opts, key=len))
    is_choice = isinstance(option.type, click.Choice)
    value = option.opts[0].strip("-").upper() if is_choice or not option.metavar else option.metavar
    return f"{', '.join(option.opts)} {value}"


def _meaning(option: click.Option) -> str:
    told = [re.sub(r"  \[.*\]", "", option.help or "").rstrip(".")]
    if default := re.search(r"  \[default: (.*)\]", option.help or ""):
        told.append(f"Default: {default[1]}")
    elif option.show_default:
        told.append(f"Default: `{option.default}`")
    if isinstance(option.type, click.Choice):
        told.append(", ".join(f"`{choice}`" for choice in option.type.choices))
    if option.multiple:
        told.append("Can be given several times")
    if option.show_envvar:
        told.append(f"In the environment: `{option.envvar}`")
    return ". ".join(told) + "."


# --- keys ---


def _keys(node: Node, prefix: str) -> Iterator[tuple[str, str, str]]:
    """A row for each key of an object, and for those of the objects in it that have no section."""
    if "properties" not in node and "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    for name, value in node["properties"].items():
        yield f"`{prefix}{name}`", kind_of(value), value.get("description", "")
        inner, ending = _inner(value)
        if "properties" in inner:
            yield from _keys(inner, f"{prefix}{name}{ending}.")


def _inner(value: Node) -> tuple[Node, str]:
    """The object that a value is or holds, and how its place is written."""
    if value.get("type") == "array":
        return value["items"], "[]"
    return next((one for one in value.get("anyOf", ()) if "properties" in one), value), ""


def kind_of(value: Node) -> str:
    """A type in words."""
    if "anyOf" in value:
        return f"{kind_of(value['anyOf'][0])}, or null"
    if "enum" in value:
        return "one of " + ", ".join(f"`{word}`" for word in value["enum"])
    if "$ref" in value:
        return _linked(value["$ref"].rpartition("/")[2])
    if isinstance(value["type"], list):
        return f"{KINDS[value['type'][0]]}, or null"
    if value["type"] == "array":
        item = value["items"]
        plural = {"string": "list of texts", "object": "list of objects"}
        return plural.get(item.get("type"), f"list, each {kind_of(item)}")
    if value["type"] == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"object, each value a {kind_of(value['additionalProperties'])}"
    return KINDS.get(value["type"], "object")


def _linked(name: str) -> str:
    if name == "moment":
        return "moment"
    return f"[{SHARED[name]}](#{SHARED[name].replace(' ', '-')})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
