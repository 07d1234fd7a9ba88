"""Words for what pydantic found: from its errors to flaws that a person can mend."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from feedbot.config.problems import Flaw, OptionPath, value_at
from feedbot.config.schema import spot
from feedbot.config.targets import TYPES

# pydantic's error types whose words need no more than what it says itself
_WORDS = {
    "string_type": ("must be text", "put it in quotes"),
    "string_too_short": ("must not be empty", ""),
    "string_unicode": ("must be text", ""),
    "too_short": ("must not be empty", ""),
    "int_type": ("must be a whole number", ""),
    "int_parsing": ("must be a whole number", ""),
    "int_from_float": ("must be a whole number", ""),
    "int_parsing_size": ("must be a smaller number", ""),
    "finite_number": ("must be a whole number", ""),
    "bool_type": ("must be true or false", ""),
    "bool_parsing": ("must be true or false", ""),
    "model_type": ("must be a mapping", "lines of `option: value`"),
    "model_attributes_type": ("must be a mapping", "lines of `option: value`"),
    "dict_type": ("must be a mapping", "lines of `name: value`"),
    "list_type": ("must be a list", "begin each item with -"),
    "tuple_type": ("must be a list", "begin each item with -"),
    "invalid_key": ("is not an option here", "the names of options are text"),
}


# What to do about an option that is missing, where its description does not tell
_MISSING: dict[OptionPath, str] = {
    ("site",): "what all feeds have in common; `feedbot init example` writes one to look at, in example/"
}

# What some types of target have in the place of an option that only others have
_INSTEAD: dict[Hashable, tuple[str, ...]] = {
    "events": ("on_update", "on_withdraw"),
    "on_update": ("events",),
    "on_withdraw": ("events",),
    "url": ("base_url",),
    "base_url": ("url",),
}


def flaw_of(error: Mapping[str, Any], data: Any) -> Flaw:
    """One of pydantic's errors in our words; `data` is what was validated."""
    kind, context = error["type"], error.get("ctx", {})
    path = option_path(error["loc"], data)
    if kind == "extra_forbidden" or (error["loc"][-1:] == ("[key]",) and spot(path[:-1], data).options):
        return _unknown(path, data)
    if kind == "feedbot":
        return Flaw(path, context["what"], context["hint"])
    if kind == "missing":
        return Flaw(path, "is missing", _MISSING.get(path) or spot(path, data).description)
    if kind == "union_tag_not_found":
        return Flaw((*path, "type"), "is missing", f"one of {_listed(TYPES)}")
    if kind == "union_tag_invalid":
        return _not_among((*path, "type"), TYPES, context["tag"])
    if kind in {"literal_error", "enum"}:
        return _not_among(path, spot(path, data).choices, error.get("input"))
    if kind == "greater_than_equal":
        return Flaw(path, f"must be at least {context['ge']}")
    if kind == "less_than_equal":
        return Flaw(path, f"must be at most {context['le']}")
    what, hint = _WORDS.get(kind, ("cannot be used", ""))
    return Flaw(path, what, hint)


def option_path(loc: tuple[int | str, ...], data: Any) -> OptionPath:
    """Where in the file an error lies: pydantic also names the alternatives it chose between."""
    parts = list(loc)
    if parts[:1] == ["targets"]:
        del parts[2:3]
    if parts[:2] == ["content", "fields"]:
        del parts[2:3]
    path: list[int | str] = []
    for part in parts:
        is_item = isinstance(part, int) or part == "[key]"  # the latter: the key itself is wrong
        if not isinstance(data, list) and not (isinstance(data, dict) and (part in data or not is_item)):
            break  # an item of what stands there as a single value
        path.append(part)
        data = value_at(data, (part,))
    return tuple(path)


def near(name: object, choices: Iterable[str]) -> str:
    """The choice that was probably meant, "" if none is near."""
    folded = {choice.casefold().replace("-", "_"): choice for choice in choices}
    wanted = str(name).casefold().replace("-", "_")
    found = difflib.get_close_matches(wanted, folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def _unknown(path: OptionPath, data: Any) -> Flaw:
    options = spot(path[:-1], data).options
    if path[:1] == ("targets",) and set(instead := _INSTEAD.get(path[-1], ())) & set(options):
        kind = value_at(data, (*path[:-1], "type"))
        return Flaw(path, f"is not an option of {kind}", f"{kind} has {_listed(instead)} instead")
    meant = near(path[-1], options)
    hint = f"did you mean {meant}?" if meant else f"the options are {_listed(options)}" if options else ""
    return Flaw(path, "is not an option", hint)


def _not_among(path: OptionPath, choices: Iterable[str], value: object) -> Flaw:
    meant = near(value, choices)
    return Flaw(path, f"must be {_listed(choices, 'or')}", f"did you mean {meant}?" if meant else "")


def _listed(names: Iterable[str], word: str = "and") -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
