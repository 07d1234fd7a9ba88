"""The tables of docs/configuration.md: all options, made from the JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator

from feedbot.config.schema import Node, json_schema, resolved

_KINDS = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "mapping",
    "array": "list",
}
_HEAD = "| option | kind | default | |\n|---|---|---|---|\n"
_TARGETS = (
    "Where new articles are announced: a list of items with a `type` and the options of that type. These are"
    " common to all types"
)


def reference() -> str:
    """The tables, one for each section and type of target."""
    schema = json_schema()
    sections = {name: node for name, node in schema["properties"].items() if name != "targets"}
    blocks = [_block(f"## {name}", node, prefix=f"{name}.") for name, node in sections.items()]
    blocks.append(_block("## where", schema["$defs"]["WhereSettings"], prefix="where."))
    return "\n".join([*blocks, *_targets(schema)])


def _targets(schema: Node) -> Iterator[str]:
    """A table of what all targets can be told, and one for each type."""
    kinds = {
        name: resolved({"$ref": ref}, {})
        for name, ref in resolved(schema["properties"]["targets"], [])["items"]["discriminator"][
            "mapping"
        ].items()
    }
    shared = set.intersection(*(set(node["properties"]) for node in kinds.values())) - {"type"}
    yield _block("## targets", schema["$defs"]["Webhook"] | {"description": _TARGETS}, only=shared)
    for name, node in sorted(kinds.items()):
        yield _block(f"### {name}", node, only=set(node["properties"]) - shared - {"type"})


def _block(heading: str, node: Node, *, prefix: str = "", only: Container[str] | None = None) -> str:
    rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows(prefix, node, only))
    said = (node.get("description") or resolved(node, {})["description"]).rstrip(".")
    return f"{heading}\n\n{said}.\n\n{_HEAD}{rows}"


def _rows(prefix: str, node: Node, only: Container[str] | None = None) -> Iterator[tuple[str, str, str, str]]:
    """A row for each option at and below `node`."""
    here = resolved(node, {})
    for name, option in here["properties"].items():
        if only is not None and name not in only:
            continue
        path = f"{prefix}{name}"
        required = name in here.get("required", ())
        yield f"`{path}`", _kind(option), _default(option, required), option.get("description", "")
        if not option.get("$ref", "").endswith("/WhereSettings"):
            yield from _rows_below(path, resolved(option, {}))


def _rows_below(path: str, node: Node) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the mappings that an option holds, if it holds any."""
    values = node.get("additionalProperties")
    for inner, prefix in (
        (node, f"{path}."),
        (node.get("items", {}), f"{path}[]."),
        (values if isinstance(values, dict) else {}, f"{path}.NAME."),
    ):
        if "properties" in resolved(inner, {}):
            yield from _rows(prefix, inner)


def _kind(option: Node) -> str:
    if option.get("$ref", "").endswith("/WhereSettings"):
        return "[`where`](#where)"
    node = resolved(option, {})
    if "properties" in node:
        return "mapping"
    if "title" in node and "$ref" not in option:
        return str(node["title"])
    if "enum" in node:
        return ", ".join(f"`{choice}`" for choice in node["enum"])
    if "enum" in (items := resolved(node.get("items", {}), "")):
        return "list of " + ", ".join(f"`{choice}`" for choice in items["enum"])
    return _KINDS[node["type"]] + _bounds(node)


def _bounds(node: Node) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    return "" if low is None else f", {low} or more" if high is None else f", {low} to {high}"


def _default(option: Node, required: bool) -> str:
    if required:
        return "required"
    default = option.get("default")
    if isinstance(default, list) and len(default) == 1:
        default = default[0]
    if default is None or default in ("", []) or isinstance(default, dict):
        return ""
    said = json.dumps(default)
    return f"`{said[1:-1] if isinstance(default, str) else said}`"
