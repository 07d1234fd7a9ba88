"""What a template makes of values: how they are shown and changed, none of them beyond bounds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from feedbot.template.trouble import fail

LONGEST_VALUE = 16_384  # characters of one value that a template makes of others
LONGEST_LIST = 1_000  # items that a loop goes through
NOTHING = "\ufdd0"  # stands where no text was made, so that a line of nothing else can go; is in no text


def _value(value: Any) -> Any:
    """`value`, if it is not too much to be kept under a name."""
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        fail(f"makes a text of more than {LONGEST_VALUE:,} characters")
    if isinstance(value, list | tuple) and any(isinstance(item, list | tuple) for item in _items(value)):
        fail("keeps lists in a list")
    return value


def _items(value: Any) -> list[Any]:
    """`value` as what a loop can go through."""
    if not isinstance(value, list | tuple):
        fail("goes through what is no list", "topics and authors are lists")
    if len(value) > LONGEST_LIST:
        fail(f"goes through more than {LONGEST_LIST:,} items")
    return list(value)


def _shown(value: Any) -> str:
    """How a value looks: lists with commas, dates as dates, nothing as nothing."""
    if value is None or isinstance(value, jinja2.Undefined):
        return "" if value is None else str(value)  # the latter raises, and says which
    if isinstance(value, list | tuple):
        return _join(value, ", ")
    if isinstance(value, datetime):
        return _date(value)
    if isinstance(value, str | int | float):
        return str(value)
    return fail(
        "shows something that is not text", "a method is no value; filters change a text: title|upper"
    )


def _join(value: Any, between: str = "") -> str:
    parts = [_shown(item) for item in _items(value)]
    if sum(map(len, parts)) + len(between) * len(parts) > LONGEST_VALUE:
        fail(f"makes a text of more than {LONGEST_VALUE:,} characters")
    return between.join(parts)


def _replace(value: Any, old: str, new: str) -> str:
    text = _shown(value)
    if len(text) + text.count(old) * len(new) > LONGEST_VALUE:
        fail(f"makes a text of more than {LONGEST_VALUE:,} characters")
    return text.replace(old, new)


def _date(value: Any, form: str = "%Y-%m-%d") -> str:
    if not isinstance(value, datetime):
        fail("writes as a date what is none", "published and updated are dates")
    if not re.fullmatch(r"(?:[^%]|%[aAbBdHIjmMpSyYZz%])*", form, re.DOTALL):
        fail(f"has an unknown form of date, {form[:40]!r}", "such as %Y-%m-%d, %d %B %Y or %H:%M")
    return value.strftime(form)


_OWN_FILTERS = {"join": _join, "replace": _replace, "date": _date}
_BOUNDS = {"_items": _items, "_value": _value, "_text": _shown}  # not to be used in templates
FILTERS = frozenset({*_OWN_FILTERS, "default", "first", "last", "length", "trim", "truncate"})
FILTERS |= {"upper", "lower", "title", "capitalize", "urlencode"}


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # messages are plain text
        finalize=lambda value: _shown(value) or NOTHING,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=0,
    )
    environment.globals.clear()
    environment.filters.update(_OWN_FILTERS | _BOUNDS)
    return environment


ENVIRONMENT = _environment()
