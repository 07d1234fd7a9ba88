"""What a YAML text says, and where; and the error for a text that cannot be read."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Path: TypeAlias = tuple[Hashable, ...]


class YamlError(ValueError):
    """The text cannot be read as YAML, or holds more than feedbot reads."""

    def __init__(self, what: str, hint: str = "", *, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{line}:{column}: {what}" + (f" ({hint})" if hint else ""))
        self.what = what
        self.hint = hint
        self.line = line  # counted from 1
        self.column = column  # counted from 1


@dataclass(slots=True)
class Tree:
    """What a text says, and where.

    `lines`: (line, column), counted from 1, of a key or list item by its path, such as `("topics", 0)`.
    `spelled`: the characters of a plain scalar that did not become a string (`NO`, `3.10`, `2020-11-04`).
    Both know top-level keys and the items of lists directly below them; with `all_marks`, everything.
    """

    value: Any = None
    lines: dict[Path, tuple[int, int]] = field(default_factory=dict)
    spelled: dict[Path, str] = field(default_factory=dict)

    def place(self, path: Path) -> tuple[int, int] | None:
        """(line, column) of `path`, or of the nearest thing around it whose place is known."""
        for end in range(len(path), 0, -1):
            if (found := self.lines.get(path[:end])) is not None:
                return found
        return None
