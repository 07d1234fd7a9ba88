"""Values in batches, for whatever is done to many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """`values` in lists of at most `size`, made as they are asked for."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
