"""A tree from lines, for texts that keep to the part of YAML in which nearly all front matter is written.

That part: a `key: value` or `- value` on each line, values plain or in quotes, blocks told by indentation. It
gives what `events` gives, in a third of the time; whatever lies beyond it is left to `events`, errors too.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, TypeAlias

from feedbot.yamltree.scalars import plain_value, plainest_value
from feedbot.yamltree.tree import Path, Tree

_UNCOMMON: Final = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
# Begins with no indicator; a colon is followed, and a # preceded, by something else than a space.
_PLAIN = r"""[^\s\-?:,\[\]{}#&*!|>'"%@`][^\n:#]*(?:(?::(?=[^\s])|(?<=[^\s])\#)[^\n:#]*)*"""
_QUOTED = r"""\"[^"\\\n]*(?:\\["\\/][^"\\\n]*)*\"|'[^'\n]*'"""
_KEY = r"[A-Za-z_][\w-]{0,99}"
_LINE: Final = re.compile(
    rf"(\ *) (-\ )? (?: ({_KEY}): (?:\ +(?=[^\ ]) | \Z) | (?<=-\ ) ) (?: ({_QUOTED}) | ({_PLAIN}) )?",
    re.VERBOSE,
)
_BEFORE_VALUE: Final = re.compile(rf"(\ *)(-\ )?({_KEY})")
_ESCAPE: Final = re.compile(r'\\(["\\/])')
_SHORT = 64  # characters of a line that may well come again, unless it ends like a moment in UTC


class _Beyond(Exception):  # noqa: N818 - no error: it only says that the other reader is to be asked
    """The text is not in the simple part of YAML."""


# The column, whether it is an item of a list, the key or "", the value or None, a plain value's characters.
_Line: TypeAlias = tuple[int, bool, str, Any, str]


def read_lines(text: str, *, first_line: int, max_depth: int, skip: frozenset[str]) -> Tree | None:
    """The tree of a mapping in the simple part of YAML; None for any other text."""
    if not text.endswith("\n") or not _is_common(text):
        return None
    reader = _Reader(max_depth)
    try:
        reader.read(text, first_line, skip)
    except _Beyond:
        return None
    return reader.tree if reader.tree.value else None


class _Reader:
    """Fills one Tree line by line."""

    __slots__ = ("_container", "_indent", "_key", "_max_depth", "_outer", "_path", "tree")

    def __init__(self, max_depth: int) -> None:
        self.tree = Tree(value={})
        self._max_depth = max_depth
        self._container: Any = self.tree.value  # what is being filled
        self._indent = 0  # of its lines
        self._path: Path | None = ()  # of the container; None where no marks are kept
        self._key: str | None = None  # a key that had no value on its line: what follows may be it
        self._outer: list[tuple[Any, int, Path | None]] = []

    def read(self, text: str, first_line: int, skip: frozenset[str]) -> None:
        """Take all lines of `text`. Raises _Beyond."""
        container, indent = self._container, self._indent
        for number, line in enumerate(text.split("\n"), first_line):
            if not line:
                continue
            read = _of_any if len(line) > _SHORT or line[-1] == "Z" else _of_short
            column, is_item, key, value, plain = read(line)
            if is_item:
                self._reach_list(column)
                self._add_item(key, value, (number, column + 3), plain)
                container, indent = self._container, self._indent
                if not key:
                    continue
            elif column != indent or type(container) is list:
                self._reach_mapping(column)
                container, indent = self._container, self._indent
            if key in container:
                raise _Beyond
            if self._path is None:
                container[key] = value
            else:
                self._add_marked(key, value, (number, column + 1), plain, skip)
            self._key = key if value is None and not plain else None

    def _add_marked(
        self, key: str, value: Any, place: tuple[int, int], plain: str, skip: frozenset[str]
    ) -> None:
        """Put a value, None for one that may follow, at a key of the mapping whose marks are kept."""
        self.tree.lines[key,] = place
        if key in skip:
            if value is None:
                raise _Beyond
            return
        if type(value) is not str:
            self.tree.spelled[key,] = plain
        self._container[key] = value

    def _add_item(self, key: str, value: Any, place: tuple[int, int], plain: str) -> None:
        """Put a value, or a mapping that begins with `key`, at the end of the list."""
        items, path = self._container, self._path
        if path is not None:
            self.tree.lines[(*path, len(items))] = place
        if key:
            items.append({})
            self._open(items[-1], self._indent + 2, None)
        elif value is None and not plain:
            raise _Beyond
        else:
            if path is not None and type(value) is not str:
                self.tree.spelled[(*path, len(items))] = plain
            items.append(value)

    def _reach_mapping(self, column: int) -> None:
        """Go on with the mapping whose keys stand at `column`: a new one, or one around this."""
        if self._key is not None and column > self._indent:
            self._open_at_key({}, column)
            return
        while column < self._indent or type(self._container) is list:
            self._close()
        if column != self._indent:
            raise _Beyond

    def _reach_list(self, column: int) -> None:
        """Go on with the list whose dashes stand at `column`: a new one, this, or one around it."""
        if self._key is not None and column >= self._indent:
            self._open_at_key([], column)
            return
        while column < self._indent or (column == self._indent and type(self._container) is not list):
            self._close()
        if column != self._indent:
            raise _Beyond

    def _open_at_key(self, container: Any, column: int) -> None:
        """Fill a new container, the value of the key that had none on its line."""
        self._container[self._key] = container
        path: Path | None = None
        if self._path is not None:
            del self.tree.spelled[self._key,]
            path = (self._key,) if type(container) is list else None
        self._open(container, column, path)

    def _open(self, container: Any, indent: int, path: Path | None) -> None:
        self._outer.append((self._container, self._indent, self._path))
        if len(self._outer) >= self._max_depth:
            raise _Beyond
        self._container, self._indent, self._path = container, indent, path
        self._key = None

    def _close(self) -> None:
        if not self._outer:
            raise _Beyond
        self._container, self._indent, self._path = self._outer.pop()
        self._key = None


def _is_common(text: str) -> bool:
    """Whether every character is one that YAML takes as it is, and none but a line feed ends a line."""
    # What is printable is common, and far quicker to tell.
    return text.replace("\n", "").isprintable() or _UNCOMMON.search(text) is None


@lru_cache(maxsize=8192)
def _of_short(line: str) -> _Line:
    """What a line says that may well come again. Raises _Beyond."""
    return _of_any(line)


def _of_any(line: str) -> _Line:
    """What a line says. Raises _Beyond."""
    before, _, value = line.partition(": ")
    place = _place_of(before) if len(before) <= _SHORT else None
    if place is not None:
        column, is_item, key = place
        if value[:1] == '"':
            if value.find('"', 1) == len(value) - 1 and "\\" not in value:
                return column, is_item, key, value[1:-1], ""
        else:
            with suppress(ValueError):
                number = plainest_value(value)
                if number is not None:
                    return column, is_item, key, number, value
    return _taken_apart(line)


@lru_cache(maxsize=1024)
def _place_of(before: str) -> tuple[int, bool, str] | None:
    """Column, whether it is an item, and key, of what stands before a value."""
    found = _BEFORE_VALUE.fullmatch(before)
    if found is None or not _is_text(found[3]):
        return None
    return len(found[1]), bool(found[2]), found[3]


def _taken_apart(line: str) -> _Line:
    found = _LINE.fullmatch(line)
    if found is None:
        raise _Beyond
    spaces, dash, key, quoted, plain = found.groups(default="")
    if key and not _is_text(key):
        raise _Beyond
    plain = plain.rstrip(" ")
    value = _unquoted(quoted) if quoted else plain_value(plain) if plain else None
    return len(spaces), bool(dash), key, value, plain


def _is_text(key: str) -> bool:
    return type(plain_value(key)) is str


def _unquoted(quoted: str) -> str:
    text = quoted[1:-1]
    return _ESCAPE.sub(r"\1", text) if quoted[0] == '"' and "\\" in text else text
