"""Front-matter values to the values of an article, whatever YAML made of them.

Every function takes the matter of one file, gives what can be used, and leaves a finding there for what can
not. Must not decide what becomes of the article: that is `reading`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, tzinfo
from typing import Any

from feedbot.content import dates
from feedbot.content.fields import Matter
from feedbot.content.links import absolute, is_like_a_host
from feedbot.content.text import clean, cut
from feedbot.model import Level, fold_name
from feedbot.yamltree import Path

MAX_TITLE = 300  # characters, here and below
MAX_NAME = 100
MAX_TOPICS = 100


# --- text ---


def text(matter: Matter, field: str, limit: int | None = None) -> str:
    """The text of a field, clean and on one line; "" for none. Cut to `limit`, with a finding."""
    found = matter.get(field)
    if found is None:
        return ""
    path, value = found
    plain = as_text(matter, path, value)
    if limit is None or len(plain) <= limit:
        return plain
    matter.warn(path, f"`{path[0]}` is longer than {limit} characters and was cut", "shorten it")
    return cut(plain, limit)


def as_text(matter: Matter, path: Path, value: object) -> str:
    """`value` as clean text. What YAML took for something else is taken as it is spelled, with a finding."""
    if isinstance(value, str):
        return clean(value)
    if not isinstance(value, bool | int | float | date):
        matter.warn(
            path, f"{name_of(path)} is {_kind(value)} where a text belongs", "write one text, in quotes"
        )
        return ""
    spelled = matter.spelled(path)
    plain = clean(spelled if spelled is not None else spelling_of(value))
    said = f" and was taken as {plain!r}" if spelled is not None else ""
    matter.warn(path, f"{name_of(path)} is {_kind(value)} to YAML{said}", "put it in quotes")
    return plain


def spelling_of(value: bool | float | date) -> str:
    """The usual YAML spelling of a value of which the original is not known."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a yes-or-no value"
        case int() | float():
            return "a number"
        case date():
            return "a date"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case str():
            return "a text"
    return "nothing"


def name_of(path: Path) -> str:
    """What findings call a field, or an item of its list."""
    if len(path) > 1 and isinstance(path[1], int):
        return f"item {path[1] + 1} of `{path[0]}`"
    return f"`{path[0]}`"


# --- names ---


def names(matter: Matter, field: str, *, at_spaces: bool = False) -> tuple[str, ...]:
    """The names in a list, clean, without repetitions and empty ones.

    One text counts as a list whose items are parted by commas, or with `at_spaces`, by spaces where it has
    no comma.
    """
    found = matter.get(field)
    if found is None:
        return ()
    kept: dict[str, str] = {}
    for path, name in _spelled(matter, *found, at_spaces=at_spaces):
        kept.setdefault(fold_name(name), name)
        if len(kept) > MAX_TOPICS:
            kept.popitem()
            matter.warn(
                path[:1], f"`{path[0]}` names more than {MAX_TOPICS}, the rest was left out", "name fewer"
            )
            break
    return tuple(kept.values())


def distinct(many: Iterable[str]) -> tuple[str, ...]:
    """`many` names without repetitions; the first spelling of each stays."""
    kept: dict[str, str] = {}
    for name in many:
        kept.setdefault(fold_name(name), name)
    return tuple(kept.values())


def _spelled(matter: Matter, path: Path, value: object, *, at_spaces: bool) -> Iterator[tuple[Path, str]]:
    for place, item in _items(matter, path, value, at_spaces=at_spaces):
        name = as_text(matter, place, _named(item))
        if len(name) > MAX_NAME:
            matter.warn(
                place, f"{name_of(place)} is longer than {MAX_NAME} characters and was cut", "shorten it"
            )
            name = cut(name, MAX_NAME)
        if name:
            yield place, name


def _items(matter: Matter, path: Path, value: object, *, at_spaces: bool) -> Iterator[tuple[Path, Any]]:
    """The items of a list, or of a text that stands for one, each with its path."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            if item is None:
                matter.warn((*path, number), f"{name_of((*path, number))} is empty", "remove it")
            elif isinstance(item, list):  # `- [one, two]`, which Jekyll and Hexo take for both
                yield from _items(matter, (*path, number), item, at_spaces=False)
            else:
                yield (*path, number), item
    elif isinstance(value, str):
        parts = value.split() if at_spaces and "," not in value else value.split(",")
        yield from ((path, part) for part in parts)
    elif isinstance(value, dict):
        matter.warn(path, f"`{path[0]}` is a mapping where a list belongs", "write a list: [one, two]")
    else:
        yield path, value


def _named(item: object) -> object:
    """What a list item is called: some dialects write `name: AI` for `AI`."""
    if isinstance(item, dict):
        return next((item[key] for key in ("name", "title") if item.get(key) is not None), item)
    return item


# --- dates, numbers, flags ---


def moment(matter: Matter, field: str, zone: tzinfo, level: Level = Level.WARNING) -> datetime | None:
    """The date of a field in UTC, None for none; one that cannot be used leaves a finding of `level`."""
    found = matter.get(field)
    if found is None:
        return None
    path, value = found
    try:
        return dates.moment(value, zone)
    except dates.DateError as error:
        matter.warn(path, f"`{path[0]}` {error.what}", error.hint, level)
        return None


def number(matter: Matter, field: str) -> int | None:
    """The whole number of a field; fractions are cut off."""
    found = matter.get(field)
    if found is None:
        return None
    path, value = found
    whole = whole_of(value)
    if whole is None:
        matter.warn(path, f"`{path[0]}` is no number and was left out", "write a whole number")
    return whole


def whole_of(value: object) -> int | None:
    """The whole number in a value or a text; None for what is no number, and for yes and no."""
    if type(value) is not int:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
    return int(value) if abs(value) < 10**15 else None


_AS_DATE = "if it is the date, let config.yaml say `content: {fields: {published: published, shown: []}}`"
YES_OR_NO = {"true": True, "yes": True, "on": True, "y": True, "1": True}
YES_OR_NO |= {"false": False, "no": False, "off": False, "n": False, "0": False}


def says(matter: Matter, field: str, word: bool) -> Path | None:
    """The first key of a yes-or-no field that says `word`, which keeps an article back; None for none.

    What is neither yes nor no counts as it, with a finding.
    """
    for path, value in matter.each(field):
        said = value if value is True or value is False else YES_OR_NO.get(str(value).strip().lower())
        if said is None:
            what = f"`{path[0]}` is neither true nor false, so the article is kept back"
            is_dated = field == "shown" and isinstance(value, date)
            matter.warn(path, what, _AS_DATE if is_dated else "write true or false")
        if said is not (not word):
            return path
    return None


# --- URLs ---


def url_of(matter: Matter, field: str, base: str) -> str:
    """The preferred usable URL of a field, "" for none; a finding for each before it that is not."""
    for path, value in matter.each(field):
        url = absolute(value, base) if isinstance(value, str) else None
        if url is not None:
            if url != value and is_like_a_host(str(value)):
                what = f"`{path[0]}` has no `https://` and was taken as a path on the site: {url}"
                matter.warn(path, what, "begin it with https://, or with / if it is a path")
            return url
        matter.warn(path, f"`{path[0]}` is no web address and was left out", "begin it with https://")
    return ""
