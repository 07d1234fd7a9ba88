"""Entries as they are printed: what each document shows of one, as bytes, made once for all that show it.

A rack keeps the plates that were used last: for the other feeds of an article, and for the next pass, in
which nearly all articles of a feed are what they were. It finds them by all that they are made of.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from msgspec import Struct

from feedbot.model import Format


class Plate(Struct, frozen=True, kw_only=True):
    """An entry as the documents of a feed show it."""

    updated: datetime
    items: Mapping[Format, bytes]
    story: bytes  # on the page for people; empty for an archive, which has none


Body: TypeAlias = tuple[str, str]  # id and article as text


class Style(NamedTuple):
    """How the entries of a feed are shown, beside what the configuration says of all."""

    full: bool  # the whole article, or its excerpt
    has_page: bool  # an archive has none, and no feed where pages are not wanted


_Copy: TypeAlias = tuple[Body, Style]  # what a plate is made of, beside the configuration


class Rack:
    """The plates that were used last, about `size` bytes of them, and how to make others."""

    def __init__(self, make: Callable[[Sequence[Body], Style], Sequence[Plate]], size: int) -> None:
        self._make = make
        self._size = size
        self._recent: dict[_Copy, Plate] = {}
        self._earlier: dict[_Copy, Plate] = {}  # gone with the next turn, unless they are used before
        self._recent_size = 0

    def plates(self, bodies: Sequence[Body], style: Style) -> list[Plate]:
        """The plates of some articles, in the same order: kept, or made now."""
        copies = [(body, style) for body in bodies]
        plates = {copy: self._recent.get(copy) or self._earlier.get(copy) for copy in copies}
        missing = [copy for copy, plate in plates.items() if plate is None]
        made = dict(zip(missing, self._make([body for body, _ in missing], style), strict=True))
        found = [plates[copy] or made[copy] for copy in copies]
        for copy, plate in zip(copies, found, strict=True):
            if copy not in self._recent:
                self._keep(copy, plate)
        return found

    def _keep(self, copy: _Copy, plate: Plate) -> None:
        size = _size(copy, plate)
        if self._recent_size + size > self._size / 2:
            self._recent, self._earlier, self._recent_size = {}, self._recent, 0
        self._recent[copy] = plate
        self._recent_size += size


def _size(copy: _Copy, plate: Plate) -> int:
    """About how many bytes of memory a plate takes."""
    return sum(map(sys.getsizeof, [*copy[0], *plate.items.values(), plate.story, copy, plate, plate.items]))
