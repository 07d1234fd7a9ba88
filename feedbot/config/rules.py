"""What several options have to agree on. Pure; looks at the file's content, whatever shape it has.

Works on the content and not on the settings made of it, so that these problems are told together with all
others, at the first run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from feedbot.config.paths import file_at
from feedbot.config.problems import Flaw, OptionPath, dotted, value_at
from feedbot.config.sections import STATE
from feedbot.config.targets import HUB
from feedbot.model import fold_name
from feedbot.slug import slugify

Named = tuple[OptionPath, str]

_FEEDS = ("feeds", "path")
_STORE = ("store", "url")


def broken_rules(data: Any, folder: Path) -> Iterator[Flaw]:
    """The flaws that lie between options; paths in `data` are relative to `folder`."""
    yield from _twice(_texts_below(data, "targets", "name"), str.strip, "is the name of two targets")
    yield from _reserved(data)
    what = "is the token of two targets on one server, whose posts could not be told apart"
    yield from _twice(_accounts(data), str, what)
    yield from _twice(_texts_below(data, "feeds", "named", "name"), fold_name, "is the name of two feeds")
    yield from _twice(_topics(data), fold_name, "is there twice: case and spaces do not count")
    yield from _twice(_slugs(data), str.casefold, "is the slug of two feeds")
    yield from _folders(data, folder)


def _twice(named: Iterator[Named], same: Callable[[str], str], what: str) -> Iterator[Flaw]:
    first: dict[str, OptionPath] = {}
    for path, text in named:
        earlier = first.setdefault(same(text), path)
        if earlier != path:
            yield Flaw(path, what, f"the other is {dotted(earlier)}")


def _reserved(data: Any) -> Iterator[Flaw]:
    for path, name in _texts_below(data, "targets", "name"):
        if name.strip() == HUB:
            what = "is the name of the hub of feeds.hub in the queue, and of nothing else"
            yield Flaw(path, what, "choose another, such as news-hub")


def _accounts(data: Any) -> Iterator[Named]:
    """The token of every account, with its server."""
    for (*path, _), address in _texts_below(data, "targets", "base_url"):
        token = value_at(data, (*path, "token"))
        if isinstance(token, str) and token and value_at(data, (*path, "type")) == "mastodon":
            server = address.strip().rstrip("/").casefold()
            yield (*path, "token"), f"{server} {token}"


def _topics(data: Any) -> Iterator[Named]:
    topics = value_at(data, ("feeds", "topics"))
    for name in topics if isinstance(topics, dict) else ():
        if isinstance(name, str):
            yield ("feeds", "topics", name), name


def _slugs(data: Any) -> Iterator[Named]:
    """The slugs that are given, and those of named feeds that follow from their names."""
    for (*path, name), _ in _topics(data):
        if isinstance(slug := value_at(data, (*path, name, "slug")), str):
            yield (*path, name, "slug"), slug
    yield from _texts_below(data, "feeds", "named", "slug")
    for (*path, last), name in _texts_below(data, "feeds", "named", "name"):
        if value_at(data, (*path, "slug")) is None:
            yield (*path, last), slugify(name)


def _folders(data: Any, root: Path) -> Iterator[Flaw]:
    """Feeds, articles and state keep out of each other's way."""
    contents = [(path, _real(root, text, None)) for path, text in _content_paths(data)]
    feeds = _real(root, value_at(data, _FEEDS), "feeds")
    if feeds is not None and _holds(feeds, _real(root, ".", ".")):
        yield Flaw(_FEEDS, "must not be the folder of config.yaml or one around it", "such as feeds")
        return
    if feeds is not None:
        yield from _beside_feeds(data, root, feeds, contents)
    for number, (path, content) in enumerate(contents):
        for other, earlier in contents[:number]:
            if _holds(content, earlier) or _holds(earlier, content):
                yield Flaw(
                    path, "lies in another folder of articles, or around it", f"which is {dotted(other)}"
                )


def _beside_feeds(
    data: Any, root: Path, feeds: str, contents: Iterable[tuple[OptionPath, str | None]]
) -> Iterator[Flaw]:
    for path, content in contents:
        if _holds(feeds, content) and value_at(data, ("content", "path")) is None:
            hint = "which is content: choose another, such as feeds"
            yield Flaw(_FEEDS, "must not hold the folder of articles", hint)
        elif _holds(feeds, content):
            yield Flaw(path, "must not lie in the folder of the feeds", "feeds are output only")
        elif _holds(content, feeds) and value_at(data, _FEEDS) is None:
            hint = "which is feeds: name the folder of the articles alone, or let feeds.path lie elsewhere"
            yield Flaw(path, "must not hold the folder of the feeds", hint)
        elif _holds(content, feeds):
            hint = f"which is {dotted(path)}: choose one beside it"
            yield Flaw(_FEEDS, "must not lie in a folder of articles", hint)
    if value_at(data, _STORE) is None and _holds(feeds, _real(root, STATE, None)):
        yield Flaw(_FEEDS, "must not hold the state, which is not for the public", "such as feeds")
    elif _holds(feeds, _real(root, _database_file(data), None)):
        yield Flaw(_STORE, "must not lie in the folder of the feeds", "which is public")


def _content_paths(data: Any) -> list[Named]:
    given = value_at(data, ("content", "path"))
    if isinstance(given, list):
        return [
            (("content", "path", index), text) for index, text in enumerate(given) if isinstance(text, str)
        ]
    return [(("content", "path"), given if isinstance(given, str) else "content")]


def _database_file(data: Any) -> str | None:
    url = value_at(data, _STORE)
    return file_at(url) if isinstance(url, str) else None


def _real(root: Path, text: object, default: str | None) -> str | None:
    """Where a path leads in the end; None for what is no path."""
    path = text if isinstance(text, str) else default
    return None if not path or "\0" in path or "://" in path else os.path.realpath(root / path)


def _holds(outer: str | None, inner: str | None) -> bool:
    """Whether `inner` is `outer` or lies in it."""
    return outer is not None and inner is not None and os.path.commonpath((outer, inner)) == outer


def _texts_below(data: Any, *path: str) -> Iterator[Named]:
    """The texts of one option in every item of a list."""
    *to_list, option = path
    items = value_at(data, tuple(to_list))
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(text := value_at(item, (option,)), str):
            yield (*to_list, index, option), text
