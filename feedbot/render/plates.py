"""Entries as they are printed: what each document shows of one, as bytes, made once for all that show it.

A rack keeps the plates that were used last: for the other feeds of an article, and for the next pass, in
which nearly all articles of a feed are what they were. It finds them by all that they are made of.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from feedbot.model import Format


class Plate(Struct, frozen=True, kw_only=True):
    """An entry as the documents of a feed show it."""

    updated: datetime
    items: Mapping[Format, bytes]
    story: bytes  # on the page for people; empty for an archive, which has none


class Copy(NamedTuple):
    """What a plate is made of, beside the configuration."""

    id: str
    body: str  # the article as text
    full: bool
    has_page: bool


class Rack:
    """The plates that were used last, about `size` bytes of them, and how to make others."""

    def __init__(self, make: Callable[[Copy], Plate], size: int) -> None:
        self._make = make
        self._size = size
        self._recent: dict[Copy, Plate] = {}
        self._earlier: dict[Copy, Plate] = {}  # gone with the next turn, unless they are used before
        self._recent_size = 0

    def plate(self, copy: Copy) -> Plate:
        """The plate of `copy`: kept, or made now."""
        plate = self._recent.get(copy)
        if plate is None:
            plate = self._earlier.get(copy) or self._make(copy)
            self._keep(copy, plate)
        return plate

    def _keep(self, copy: Copy, plate: Plate) -> None:
        size = _size(copy, plate)
        if self._recent_size + size > self._size / 2:
            self._recent, self._earlier, self._recent_size = {}, self._recent, 0
        self._recent[copy] = plate
        self._recent_size += size


def _size(copy: Copy, plate: Plate) -> int:
    """About how many bytes of memory a plate takes."""
    return sum(map(sys.getsizeof, [copy.body, *plate.items.values(), plate.story, copy, plate, plate.items]))
