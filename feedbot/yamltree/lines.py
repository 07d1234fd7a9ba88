"""Values from lines, for texts that keep to the part of YAML in which nearly all front matter is written.

That part: a `key: value` or `- value` on each line, values plain or in quotes, blocks told by indentation. It
gives what `events` gives, in a third of the time; whatever lies beyond it is left to `events`, errors too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, TypeAlias

from feedbot.yamltree.scalars import plain_value, plainest_value
from feedbot.yamltree.tree import MAX_DEPTH, MAX_NODES

_UNCOMMON: Final = re.compile(
    "[^\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_COMMON_ASCII: Final = bytes([0x0A, *range(0x20, 0x7F)])
_KEY: Final = re.compile(r"[A-Za-z_][\w-]*+")
_LIKE_A_KEY: Final = re.compile(r"[\"']?[A-Za-z_][\w-]*+[\"']?[ \t]*:(?!//)")
# Begins with no indicator; a colon is followed, and a # preceded, by something else than a space.
_PLAIN = r"""[^\s\-?:,\[\]{}#&*!|>'"%@`][^\n:#]*(?:(?::(?=[^\s])|(?<=[^\s])\#)[^\n:#]*)*"""
_QUOTED = r"""\"[^"\\\n]*(?:\\["\\/][^"\\\n]*)*\"|'[^'\n]*'"""
_SCALAR: Final = re.compile(rf"({_QUOTED})|({_PLAIN})")
_ESCAPE: Final = re.compile(r'\\(["\\/])')
_SHORT = 32  # characters of a line that may well come again, in another file
_LONGEST_KEY = 100  # characters
_LONGEST_HEAD = 200  # ... with what stands before it
_NOWHERE = -1  # a column that no line has


class _Beyond(Exception):  # noqa: N818 - no error: it only says that the other reader is to be asked
    """The text is not in the simple part of YAML."""


# Column, whether it is an item of a list, key ("" for an item that has none), value; and the key once more
# where no value is on the line: what follows may be it.
_Line: TypeAlias = tuple[int, bool, str, Any, str]


def read_lines(text: str, skip: frozenset[str]) -> dict[str, Any] | None:
    """The mapping in a text of the simple part of YAML, without its keys in `skip`; None for any other."""
    if not text.endswith("\n") or not _is_common(text):
        return None
    lines = text.split("\n")
    if 3 * len(lines) > MAX_NODES:  # an item, its key and its value
        return None
    blocks = _Blocks()
    top: dict[str, Any] = blocks.container
    try:
        _fill(blocks, lines)
    except _Beyond:
        return None
    for key in skip.intersection(top):
        if top.pop(key) is None:
            return None
    return top or None


def _fill(blocks: _Blocks, lines: list[str]) -> None:
    """Put the values of all lines where they belong. Raises _Beyond."""
    container, here = blocks.container, 0
    waiting = ""
    for text in lines:
        if not text:
            continue
        line = _read_short(text) if len(text) <= _SHORT else _read(text)
        column, is_item, key, value, waiting_next = line
        if is_item or column != here:
            container, here = blocks.reach(line, waiting)
            if not key:
                container.append(value)
                waiting = ""
                continue
        if key in container:
            raise _Beyond
        container[key] = value
        waiting = waiting_next


class _Blocks:
    """The container that is being filled, and those around it."""

    __slots__ = ("_column", "_outer", "container")

    def __init__(self) -> None:
        self.container: Any = {}
        self._column = 0  # of its lines
        self._outer: list[tuple[Any, int]] = []

    def reach(self, line: _Line, waiting: str) -> tuple[Any, int]:
        """The container for what is on a line, and the column of further keys of it.

        `waiting` is the key on the line above, if it has no value yet. Raises _Beyond.
        """
        column, is_item, key = line[:3]
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
        if len(self._outer) >= MAX_DEPTH:
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


def _read(text: str) -> _Line:
    """A line that is not empty. Raises _Beyond."""
    head, gap, rest = text.partition(": ")
    place = _place_of(head) if gap and len(head) <= _LONGEST_HEAD else None
    if place is None:
        return _read_bare(text)
    column, is_item, key = place
    if not rest:
        return column, is_item, key, None, key
    if rest[0] == '"' and rest.find('"', 1) == len(rest) - 1 and "\\" not in rest:
        return column, is_item, key, rest[1:-1], ""
    return column, is_item, key, _value_of(rest), ""


_read_short = lru_cache(maxsize=8192)(_read)


def _read_bare(text: str) -> _Line:
    """A line that has not both a key and a value. Raises _Beyond."""
    if text[-1] == ":" and len(text) <= _LONGEST_HEAD and (place := _place_of(text[:-1])) is not None:
        return *place, None, place[2]
    rest = text.lstrip(" -")
    column, is_item = _column_of(text[: len(text) - len(rest)])
    if not is_item or not rest:
        raise _Beyond
    if ":" in rest and _LIKE_A_KEY.match(rest):  # `- key:value`, perhaps a key without its space
        raise _Beyond
    return column, is_item, "", _value_of(rest), ""


@lru_cache(maxsize=4096)
def _place_of(head: str) -> tuple[int, bool, str] | None:
    """Column, whether it is an item, and key of a line, by what stands before its colon.

    None where that is no plain key. Raises _Beyond.
    """
    key = head.lstrip(" -")
    if _KEY.fullmatch(key) is None:
        return None
    if len(key) > _LONGEST_KEY or type(plain_value(key)) is not str:
        raise _Beyond
    return (*_column_of(head[: -len(key)]), key)


def _column_of(before: str) -> tuple[int, bool]:
    """The column of a line, and whether it is an item of a list. Raises _Beyond."""
    dash = before.lstrip(" ")
    if dash not in {"", "- "}:
        raise _Beyond
    return len(before) - len(dash), bool(dash)


def _value_of(text: str) -> Any:
    """What a value means. Raises _Beyond."""
    if text[-1] == "Z":  # a moment, which hardly comes again
        try:
            if (moment := plainest_value(text)) is not None:
                return moment
        except ValueError:
            return text
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
