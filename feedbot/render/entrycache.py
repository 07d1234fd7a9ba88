"""Rendered entries: what each document shows of one, as bytes, made once for all that show it.

The cache keeps those that were used last: for the other feeds of an article, and for the next pass, in
which nearly all articles of a feed are what they were. It finds them by all that they are made of.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from feedbot.model import Format


class RenderedEntry(Struct, frozen=True, kw_only=True):
    """An entry as the documents of a feed show it."""

    updated: datetime
    items: Mapping[Format, bytes]
    story: bytes  # on the page for people; empty for an archive, which has none


Body: TypeAlias = tuple[str, str]  # id and article as text


class Style(NamedTuple):
    """How the entries of a feed are shown, beside what the configuration says of all."""

    full: bool  # the whole article, or its excerpt
    has_page: bool  # an archive has none, and no feed where pages are not wanted


_Key: TypeAlias = tuple[Body, Style]  # what one is made of, beside the configuration


class EntryCache:
    """The entries that were used last, about `size` bytes of them, and how to render others."""

    def __init__(self, render: Callable[[Sequence[Body], Style], Sequence[RenderedEntry]], size: int) -> None:
        self._render = render
        self._size = size
        self._recent: dict[_Key, RenderedEntry] = {}
        self._earlier: dict[_Key, RenderedEntry] = {}  # forgotten next, unless they are used before
        self._recent_size = 0

    def entries(self, bodies: Sequence[Body], style: Style) -> list[RenderedEntry]:
        """The entries of some articles, in the same order: kept, or rendered now."""
        keys = [(body, style) for body in bodies]
        kept = {key: self._recent.get(key) or self._earlier.get(key) for key in keys}
        missing = [key for key, entry in kept.items() if entry is None]
        made = dict(zip(missing, self._render([body for body, _ in missing], style), strict=True))
        found = [kept[key] or made[key] for key in keys]
        for key, entry in zip(keys, found, strict=True):
            if key not in self._recent:
                self._keep(key, entry)
        return found

    def _keep(self, key: _Key, entry: RenderedEntry) -> None:
        size = _size(key, entry)
        if self._recent_size + size > self._size / 2:
            self._recent, self._earlier, self._recent_size = {}, self._recent, 0
        self._recent[key] = entry
        self._recent_size += size


def _size(key: _Key, entry: RenderedEntry) -> int:
    """About how many bytes of memory an entry takes."""
    return sum(map(sys.getsizeof, [*key[0], *entry.items.values(), entry.story, key, entry, entry.items]))
