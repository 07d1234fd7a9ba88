"""Values from lines, for texts that keep to the part of YAML in which nearly all front matter is written.

That part: a `key: value` or `- value` on each line, values plain or in quotes, blocks told by indentation. It
gives what `events` gives, in a third of the time; whatever lies beyond it is left to `events`, errors too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from feedbot.yamltree.scalars import plain_value, plainest_value

_UNCOMMON: Final = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_COMMON_ASCII: Final = bytes([0x0A, *range(0x20, 0x7F)])
_KEY: Final = re.compile(r"[A-Za-z_][\w-]*+")
# Begins with no indicator; a colon is followed, and a # preceded, by something else than a space.
_PLAIN = r"""[^\s\-?:,\[\]{}#&*!|>'"%@`][^\n:#]*(?:(?::(?=[^\s])|(?<=[^\s])\#)[^\n:#]*)*"""
_QUOTED = r"""\"[^"\\\n]*(?:\\["\\/][^"\\\n]*)*\"|'[^'\n]*'"""
_SCALAR: Final = re.compile(rf"({_QUOTED})|({_PLAIN})")
_ESCAPE: Final = re.compile(r'\\(["\\/])')
_SHORT = 64  # characters of a value that may well come again
_LONGEST_KEY = 100  # characters
_LONGEST_HEAD = 200  # ... with what stands before it
_NOWHERE = -1  # a column that no line has


class _Beyond(Exception):  # noqa: N818 - no error: it only says that the other reader is to be asked
    """The text is not in the simple part of YAML."""


class _Place(NamedTuple):
    """Where a line begins, and the key that it gives a value to."""

    column: int
    is_item: bool
    key: str  # "" for an item of a list that has none


def read_lines(text: str, *, max_depth: int, max_nodes: int, skip: frozenset[str]) -> dict[str, Any] | None:
    """The mapping in a text of the simple part of YAML, without its keys in `skip`; None for any other."""
    if not text.endswith("\n") or not _is_common(text):
        return None
    lines = text.split("\n")
    if 3 * len(lines) > max_nodes:  # an item, its key and its value
        return None
    blocks = _Blocks(max_depth)
    top: dict[str, Any] = blocks.container
    try:
        _fill(blocks, lines)
    except _Beyond:
        return None
    for key in skip & top.keys():
        if top.pop(key) is None:
            return None
    return top or None


def _fill(blocks: _Blocks, lines: list[str]) -> None:
    """Put the values of all lines where they belong. Raises _Beyond."""
    container, here = blocks.container, 0
    waiting = ""  # a key that had no value on its line: what follows may be it
    for line in lines:
        head, gap, rest = line.partition(": ")
        place = _place_of(head) if gap and len(head) <= _LONGEST_HEAD else None
        if place is None:
            if not line:
                continue
            place, rest = _bare(line) if len(line) <= _SHORT else _bare.__wrapped__(line)
        column, is_item, key = place
        if not rest:
            value = None
        elif rest[0] == '"' and rest.find('"', 1) == len(rest) - 1 and "\\" not in rest:
            value = rest[1:-1]
        else:
            value = _value_of(rest)
        if is_item or column != here:
            container, here = blocks.reach(place, waiting)
            if not key:
                container.append(value)
                waiting = ""
                continue
        if key in container:
            raise _Beyond
        container[key] = value
        waiting = "" if rest else key


class _Blocks:
    """The container that is being filled, and those around it."""

    __slots__ = ("_column", "_max_depth", "_outer", "container")

    def __init__(self, max_depth: int) -> None:
        self.container: Any = {}
        self._column = 0  # of its lines
        self._max_depth = max_depth
        self._outer: list[tuple[Any, int]] = []

    def reach(self, place: _Place, waiting: str) -> tuple[Any, int]:
        """The container for a line with a key or an item, and the column of further keys of it.

        `waiting` is the key on the line above, if it has no value yet. Raises _Beyond.
        """
        column, is_item, key = place
        if waiting and (column > self._column or (is_item and self._takes_list_at(column))):
            inner: Any = [] if is_item else {}
            self.container[waiting] = inner
            self._open(inner, column)
        else:
            self._close_to(column, list if is_item else dict)
        if is_item and key:
            self.container.append({})
            self._open(self.container[-1], column + 2)
        return self.container, self._column if key else _NOWHERE

    def _takes_list_at(self, column: int) -> bool:
        """Whether a list at `column` may be the value of a key here: its dashes may stand below the key."""
        return column == self._column and type(self.container) is dict

    def _open(self, container: Any, column: int) -> None:
        self._outer.append((self.container, self._column))
        if len(self._outer) >= self._max_depth:
            raise _Beyond
        self.container, self._column = container, column

    def _close_to(self, column: int, kind: type) -> None:
        """Go on with the container of a kind whose lines begin at `column`: this one, or one around it."""
        while column < self._column or (column == self._column and type(self.container) is not kind):
            if not self._outer:
                raise _Beyond
            self.container, self._column = self._outer.pop()
        if column != self._column:
            raise _Beyond


def _is_common(text: str) -> bool:
    """Whether every character is one that YAML takes as it is, and none but a line feed ends a line."""
    left = text.encode("utf-8", "surrogatepass").translate(None, _COMMON_ASCII)
    return not left or _UNCOMMON.search(left.decode("utf-8", "surrogatepass")) is None


@lru_cache(maxsize=4096)
def _place_of(head: str) -> _Place | None:
    """The place of a line by what stands before its colon; None where that is no plain key.

    Raises _Beyond.
    """
    name = head.lstrip(" -")
    if _KEY.fullmatch(name) is None:
        return None
    if len(name) > _LONGEST_KEY or type(plain_value(name)) is not str:
        raise _Beyond
    return _Place(*_column_of(head[: -len(name)]), name)


@lru_cache(maxsize=4096)
def _bare(line: str) -> tuple[_Place, str]:
    """The place of a line without a key and a value, and the rest of it. Raises _Beyond."""
    if line[-1] == ":" and (place := _place_of(line[:-1])) is not None:
        return place, ""
    rest = line.lstrip(" -")
    column, is_item = _column_of(line[: len(line) - len(rest)])
    if not is_item or not rest:
        raise _Beyond
    return _Place(column, is_item, ""), rest


def _column_of(before: str) -> tuple[int, bool]:
    """The column of a line, and whether it is an item of a list. Raises _Beyond."""
    dash = before.lstrip(" ")
    if dash not in {"", "- "}:
        raise _Beyond
    return len(before) - len(dash), bool(dash)


def _value_of(text: str) -> Any:
    """What the rest of a line means. Raises _Beyond."""
    if text[-1] == "Z":  # a moment, which hardly comes again
        try:
            if (moment := plainest_value(text)) is not None:
                return moment
        except ValueError:
            return text
    return _short_value(text) if len(text) <= _SHORT else _scalar(text)


@lru_cache(maxsize=8192)
def _short_value(text: str) -> Any:
    return _scalar(text)


def _scalar(text: str) -> Any:
    found = _SCALAR.fullmatch(text)
    if found is None:
        raise _Beyond
    quoted, plain = found.groups()
    if plain:
        return plain_value(plain.rstrip(" "))
    inner = quoted[1:-1]
    return _ESCAPE.sub(r"\1", inner) if quoted[0] == '"' and "\\" in inner else inner
