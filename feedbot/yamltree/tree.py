"""What a YAML text says, and where; and the error for a text that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from msgspec import Struct

MAX_DEPTH = 20  # levels of nesting
MAX_NODES = 20_000  # keys, values and containers

Path: TypeAlias = tuple[Hashable, ...]


class YamlError(ValueError):
    """The text cannot be read as YAML, or holds more than feedbot reads."""

    def __init__(self, what: str, hint: str = "", *, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{line}:{column}: {what}" + (f" ({hint})" if hint else ""))
        self.what = what
        self.hint = hint
        self.line = line  # counted from 1
        self.column = column  # counted from 1


class Marks(Struct, frozen=True):
    """Where the keys and list items of a text stand, and how its plain scalars are spelled, each by its path.

    A path is such as `("topics", 0)`. `lines`: (line, column), counted from 1. `spelled`: the characters of a
    plain scalar that did not become a string (`NO`, `3.10`, `2020-11-04`).
    """

    lines: dict[Path, tuple[int, int]] = {}
    spelled: dict[Path, str] = {}


@dataclass(kw_only=True)
class Tree:
    """What a text says, and where; the latter is looked up when it is asked for, by reading once more."""

    value: Any
    find_marks: Callable[[], Marks] = field(repr=False, compare=False)

    @cached_property
    def marks(self) -> Marks:
        """The places and spellings of everything in the text."""
        return self.find_marks()

    def place(self, path: Path) -> tuple[int, int] | None:
        """(line, column) of `path`, or of the nearest thing around it that is in the text."""
        for end in range(len(path), 0, -1):
            if (found := self.marks.lines.get(path[:end])) is not None:
                return found
        return None

    def spelled(self, path: Path) -> str | None:
        """The characters of a plain scalar that did not become a string; None for anything else."""
        return self.marks.spelled.get(path)
