"""Front-matter values that have parts: pictures, authors, the publication, related articles.

Like `values`, of which these are made: takes the matter of one file, gives what can be used, leaves a finding
for what can not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from feedbot.content import dates
from feedbot.content.fields import Matter
from feedbot.content.links import absolute
from feedbot.content.text import clean, cut
from feedbot.content.values import MAX_NAME, MAX_TITLE, as_text, name_of, spelling_of, whole_of
from feedbot.model import NO_PROVIDER, Author, Image, Provider, Related

MAX_LISTED = 50  # pictures, authors, related articles
_MAX_PIXELS = 100_000

_T = TypeVar("_T")


class _Wanted(NamedTuple):
    """What an item of a list should be, in words, and how it is written."""

    what: str
    hint: str


_PICTURE = _Wanted("a picture with a web address", "write its address, or {url: /robot.jpg, title: A robot}")
_AUTHOR = _Wanted("an author with a name", "write a name, or {name: Ada, url: /ada/}")
_RELATED = _Wanted(
    "an article with a title and a web address", "write {title: Robots, webUrl: https://news.example.com/}"
)


def images(matter: Matter, field: str, base: str) -> tuple[Image, ...]:
    """The pictures of a field: addresses, or mappings with `url`, `width`, `height` and `title` or `alt`."""

    def made(item: object) -> Image | None:
        return _image(item, base)

    return _listed(matter, field, made, _PICTURE)


def _image(item: object, base: str) -> Image | None:
    url = _picture(item, base)
    if not url:
        return None
    if not isinstance(item, dict):
        return Image(url=url)
    return Image(
        url=url,
        width=_pixels(item.get("width")),
        height=_pixels(item.get("height")),
        title=cut(_part(item, "title", "alt", "caption"), MAX_TITLE),
    )


def _picture(item: object, base: str) -> str:
    """The URL of a picture, "" for none."""
    if isinstance(item, str):
        return absolute(item, base) or ""
    return _address(item, base, "url", "src", "path", "image")


def _pixels(value: object) -> int | None:
    if value is None:
        return None
    whole = whole_of(value.removesuffix("px") if isinstance(value, str) else value)
    return whole if whole and 0 < whole <= _MAX_PIXELS else None


def authors(matter: Matter, field: str, base: str) -> tuple[Author, ...]:
    """The authors of a field: names, or mappings with `name`, `url` and `avatar`."""

    def made(item: object) -> Author | None:
        if not isinstance(item, dict):
            item = {"name": item}
        # WordPress exports a `display_name`.
        name = cut(_part(item, "name", "display_name", "title"), MAX_NAME)
        url, avatar = (
            _address(item, base, "url", "uri", "website"),
            _address(item, base, "avatar", "image", "picture"),
        )
        return Author(name=name, url=url, avatar=avatar) if name else None

    distinct: dict[str, Author] = {}
    for author in _listed(matter, field, made, _AUTHOR):
        distinct.setdefault(author.name, author)
    return tuple(distinct.values())


def provider(matter: Matter, field: str, base: str) -> Provider:
    """The publication of a field: a name, or a mapping with `name`, `domain` and `images`."""
    found = matter.get(field)
    if found is None:
        return NO_PROVIDER
    path, value = found
    if not isinstance(value, dict):
        return Provider(name=cut(as_text(matter, path, value), MAX_NAME))
    name, domain = cut(_part(value, "name", "title"), MAX_NAME), cut(_part(value, "domain"), MAX_NAME)
    if not name and not domain:
        matter.warn(path, f"`{path[0]}` has neither a name nor a domain and was left out", "give it a name")
        return NO_PROVIDER
    logos = value.get("images", value.get("image", value.get("logo")))
    logo = _picture(logos[0] if isinstance(logos, list) and logos else logos, base)
    return Provider(name=name, domain=domain, image=logo)


def related(matter: Matter, field: str, base: str, zone: tzinfo) -> tuple[Related, ...]:
    """Other coverage: mappings with `title`, `webUrl` or `url`, `provider`, and a date."""

    def made(item: object) -> Related | None:
        if not isinstance(item, dict):
            return None
        title = cut(_part(item, "title", "name"), MAX_TITLE)
        url = _address(item, base, "webUrl", "originalUrl", "url", "link")
        if not title or not url:
            return None
        publication = item.get("provider")
        if not isinstance(publication, dict):
            publication = {"name": publication}
        return Related(
            title=title,
            url=url,
            provider=cut(_part(publication, "name", "domain"), MAX_NAME),
            published=_moment_or_none(item.get("publishedDateTime") or item.get("date"), zone),
        )

    return _listed(matter, field, made, _RELATED)


def _moment_or_none(value: object, zone: tzinfo) -> datetime | None:
    try:
        return None if value is None else dates.moment(value, zone)
    except dates.DateError:
        return None


def _listed(
    matter: Matter, field: str, made: Callable[[object], _T | None], wanted: _Wanted
) -> tuple[_T, ...]:
    """What `made` makes of the items of a list, or of one thing that stands for a list of one."""
    found = matter.get(field)
    if found is None:
        return ()
    path, value = found
    kept: list[_T] = []
    items = value if isinstance(value, list) else [value]
    for number, item in islice(enumerate(items), MAX_LISTED):
        thing = made(item)
        if thing is not None:
            kept.append(thing)
        elif not _is_empty_form(item):
            place = (*path, number) if isinstance(value, list) else path
            matter.warn(place, f"{name_of(place)} is not {wanted.what} and was left out", wanted.hint)
    return tuple(kept)


def _is_empty_form(item: object) -> bool:
    """Whether nobody filled it in: themes of Hugo put such mappings into each file."""
    return isinstance(item, dict) and not any(item.values())


def _part(item: dict[Any, Any], *keys: str) -> str:
    """The text of the first of `keys` that has one."""
    for key in keys:
        value = item.get(key)
        if value is None:
            continue
        if isinstance(value, str):
            if plain := clean(value):
                return plain
        elif isinstance(value, bool | int | float | date):
            return spelling_of(value)
    return ""


def _address(item: object, base: str, *keys: str) -> str:
    """The usable URL of the first of `keys` that has one."""
    if not isinstance(item, dict):
        return ""
    for key in keys:
        if isinstance(value := item.get(key), str) and (url := absolute(value, base)):
            return url
    return ""
