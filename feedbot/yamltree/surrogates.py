r"""Characters written as two escapes: `"\ud83d\ude00"` is how JSON writes an emoji, and libyaml refuses it.

Only text in double quotes has escapes; anywhere else a backslash is a backslash, and stays one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from feedbot.yamltree.tree import MAX_DEPTH, YamlError
from feedbot.yamltree.trouble import ESCAPE

_HALF: Final = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F][0-9a-fA-F]{2}")
_PAIR: Final = r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
# What begins with a backslash, from left to right, or the second half of `\\u` would be taken for an escape.
_ESCAPED: Final = re.compile(rf"{_PAIR}|\\.", re.DOTALL)
_LONE: Final = re.compile("[\ud800-\udfff]")


def join_pairs(text: str, parser: Any, *, first_line: int) -> str:
    """`text` with one character for each such pair in double quotes.

    `parser` is a PyYAML loader class, `first_line` the line of the file that `text` begins with; nothing is
    joined beyond MAX_DEPTH levels of nesting. Raises YamlError for half a pair that PyYAML lets through.
    """
    if not _HALF.search(text):
        return text
    start = len(text) - len(text.removeprefix("\ufeff"))  # libyaml does not count a mark of byte order
    joined, done = [text[:start]], start
    for event in _quoted(text[start:], parser):
        if _LONE.search(event.value):
            mark = event.start_mark
            raise YamlError(*ESCAPE, line=mark.line + first_line, column=mark.column + 1)
        begin, end = start + event.start_mark.index, start + event.end_mark.index
        joined += [text[done:begin], _ESCAPED.sub(_join, text[begin:end])]
        done = end
    return "".join([*joined, text[done:]])


def _quoted(text: str, parser: Any) -> Iterator[Any]:
    """The events of what stands in double quotes, up to the first mistake: that is for others to name."""
    # Of the same length, and nothing that a parser refuses, so that each event's place is that in `text`.
    disguised = _ESCAPED.sub(_disguise, text)
    source, depth = None, 0
    try:
        source = parser(disguised)
        while type(event := source.get_event()) is not yaml.StreamEndEvent and depth <= MAX_DEPTH:
            if type(event) is yaml.ScalarEvent and event.style == '"':
                yield event
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
    except (yaml.YAMLError, ValueError, OverflowError):  # as of the reading itself
        return
    finally:
        if source:
            source.dispose()


def _disguise(match: re.Match[str]) -> str:
    return r"\u0020\u0020" if match[1] else match[0]


def _join(match: re.Match[str]) -> str:
    if not match[1]:
        return match[0]
    high, low = (int(half, 16) for half in match.groups())
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
