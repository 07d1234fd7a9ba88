"""The options as data, made from the settings' classes: the JSON Schema, and what may stand at a path."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from pydantic.json_schema import GenerateJsonSchema

from feedbot.config.problems import OptionPath, value_at
from feedbot.config.settings import Settings

Node = dict[str, Any]


@cache
def json_schema() -> Node:
    """The JSON Schema of config.yaml, for editors."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema = Settings.model_json_schema(by_alias=True, schema_generator=_Untitled)
    sections, topics = schema["properties"], schema["$defs"]["FeedsSettings"]["properties"]["topics"]
    for name in sections.keys() - set(schema["required"]):
        sections[name] = _or_nothing(sections[name])
    topics["additionalProperties"] = _or_nothing(topics["additionalProperties"])
    return {**head, **schema, "title": "feedbot configuration"}


def _or_nothing(node: Node) -> Node:
    """What may be left empty, as a section is while all in it is commented out."""
    said = {key: value for key, value in node.items() if key in {"description", "default"}}
    return {
        "anyOf": [{key: value for key, value in node.items() if key not in said}, {"type": "null"}],
        **said,
    }


class _Untitled(GenerateJsonSchema):
    """Gives no option a title that only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


class Spot(NamedTuple):
    """What may stand at one path of the configuration."""

    options: tuple[str, ...] = ()  # the keys of a mapping
    choices: tuple[str, ...] = ()  # the values, where they are few
    description: str = ""
    is_secret: bool = False
    shown: bool = False  # whether a value there may be repeated in a message


def spot(path: OptionPath, data: Any) -> Spot:
    """The spot at `path`; `data` is the configuration itself, which decides what each target is."""
    node = json_schema()
    secret = False
    for part in path:
        inside = _inside(resolved(node, data), part)
        if inside is None:
            return Spot()
        node, data = inside, value_at(data, (part,))
        secret = secret or "writeOnly" in node
    here = resolved(node, data)
    secret = secret or "writeOnly" in here
    single = resolved(here.get("items", {}), data)  # a list of one may be written without its brackets
    return Spot(
        options=tuple(here.get("properties", here.get("propertyNames", {}).get("enum", ()))),
        choices=tuple(here.get("enum") or single.get("enum") or ()),
        description=here.get("description", ""),
        is_secret=secret,
        shown=not secret and _is_plain(here),
    )


def _is_plain(node: Node) -> bool:
    """Whether a single value can stand at `node`."""
    return "type" in node and node["type"] not in ("object", "array")


def resolved(node: Node, data: Any) -> Node:
    """`node` without references and alternatives: the one that fits `data`."""
    while True:
        rest = {key: value for key, value in node.items() if key not in {"$ref", "anyOf", "oneOf"}}
        if "$ref" in node:
            node = {**json_schema()["$defs"][node["$ref"].rpartition("/")[2]], **rest}
        elif "anyOf" in node:
            node = {**node["anyOf"][0], **rest}  # the other is null
        elif "oneOf" in node:
            node = {**_alternative(node, data), **rest}
        else:
            return node


def _alternative(node: Node, data: Any) -> Node:
    if mapping := node.get("discriminator", {}).get("mapping"):
        kind = data.get("type") if isinstance(data, dict) else None
        return {"$ref": mapping[kind]} if isinstance(kind, str) and kind in mapping else {}
    is_mapping = isinstance(data, dict)
    fitting = [option for option in node["oneOf"] if (option.get("type") == "object") == is_mapping]
    return fitting[0] if fitting else {}


def _inside(node: Node, part: object) -> Node | None:
    """The node of one key or item of `node`."""
    if "items" in node and isinstance(part, int):
        found = node["items"]
    else:
        found = node.get("properties", {}).get(part, node.get("additionalProperties"))
    return found if isinstance(found, dict) else None
