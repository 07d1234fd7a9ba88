"""Values from lines, for texts that keep to the part of YAML in which nearly all front matter is written.

That part: a `key: value` or `- value` on each line, values plain or in quotes, blocks told by indentation. It
gives what `events` gives, in a third of the time; whatever lies beyond it is left to `events`, errors too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, TypeAlias

from feedbot.yamltree.scalars import plain_value, plainest_value

_UNCOMMON: Final = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_COMMON_ASCII: Final = bytes([0x0A, *range(0x20, 0x7F)])
# What stands before the key, the key, and the rest: together always the whole line.
_LINE: Final = re.compile(r"([ -]*+)(?:([A-Za-z_][\w-]*+):(?: ++|(?=\n)))?+(.*+)\n")
# Begins with no indicator; a colon is followed, and a # preceded, by something else than a space.
_PLAIN = r"""[^\s\-?:,\[\]{}#&*!|>'"%@`][^\n:#]*(?:(?::(?=[^\s])|(?<=[^\s])\#)[^\n:#]*)*"""
_QUOTED = r"""\"[^"\\\n]*(?:\\["\\/][^"\\\n]*)*\"|'[^'\n]*'"""
_SCALAR: Final = re.compile(rf"({_QUOTED})|({_PLAIN})")
_ESCAPE: Final = re.compile(r'\\(["\\/])')
_SHORT = 64  # characters of a value that may well come again
_LONGEST_KEY = 100  # characters
_NOTHING = "\n"  # stands before no line

_Line: TypeAlias = tuple[str, str, str]


class _Beyond(Exception):  # noqa: N818 - no error: it only says that the other reader is to be asked
    """The text is not in the simple part of YAML."""


def read_lines(text: str, *, max_depth: int, skip: frozenset[str]) -> dict[str, Any] | None:
    """The mapping in a text of the simple part of YAML, without its keys in `skip`; None for any other."""
    if not text.endswith("\n") or not _is_common(text):
        return None
    lines: list[_Line] = _LINE.findall(text)
    keys = {*map(itemgetter(1), lines)}
    if not all(map(_is_text, keys)):
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


def _fill(blocks: _Blocks, lines: list[_Line]) -> None:
    """Put the values of all lines where they belong. Raises _Beyond."""
    container, here = blocks.container, ""
    waiting = ""  # a key that had no value on its line: what follows may be it
    for before, key, rest in lines:
        if not rest:
            if before and not key:
                raise _Beyond
            value = None
        elif rest[0] == '"' and rest.find('"', 1) == len(rest) - 1 and "\\" not in rest:
            value = rest[1:-1]
        else:
            value = _value_of(rest)
        if before != here or not key:
            if not (key or rest):
                continue
            container, here = blocks.reach(before, key, waiting)
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

    def reach(self, before: str, key: str, waiting: str) -> tuple[Any, str]:
        """The container for a line with a key or an item, and what stands before further keys of it.

        `waiting` is the key on the line above, if it has no value yet. Raises _Beyond.
        """
        column, is_item = _place_of(before)
        if waiting and (column > self._column or (is_item and self._takes_list_at(column))):
            inner: Any = [] if is_item else {}
            self.container[waiting] = inner
            self._open(inner, column)
        else:
            self._close_to(column, list if is_item else dict)
        if is_item and key:
            self.container.append({})
            self._open(self.container[-1], column + 2)
        elif bool(key) is is_item:
            raise _Beyond
        return self.container, " " * self._column if key else _NOTHING

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


@lru_cache(maxsize=1024)
def _is_text(key: str) -> bool:
    """Whether a key, if there is one, is a short text to YAML."""
    return not key or (len(key) <= _LONGEST_KEY and type(plain_value(key)) is str)


@lru_cache(maxsize=256)
def _place_of(before: str) -> tuple[int, bool]:
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
