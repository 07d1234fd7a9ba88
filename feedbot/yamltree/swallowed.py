"""Lines that look as if they began a key that is read over, and are part of another key's value.

A quote that is closed too late, or a line that is indented by mistake, and what nobody should see is the end
of an excerpt. YAML is content with that, so it is looked for in the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from feedbot.yamltree.events import Scope
from feedbot.yamltree.tree import Marks, YamlError
from feedbot.yamltree.trouble import swallowed

_BEFORE: Final = r"[ \t]*+(?:- ++)*+(\?[ \t]++)?+(?:[&!]\S*+[ \t]++)*+"  # no key begins as these do


class KeyLine(NamedTuple):
    """A line that begins with a key."""

    line: int  # counted from 0, as the next
    column: int
    key: str


def _lines_with(keys: frozenset[str], text: str) -> Iterator[KeyLine]:
    """The lines of `text` that begin with one of `keys` in lower case, as lines of a mapping do.

    A sentence may well begin with the same word, in a capital letter, and a colon.
    """
    for key, begins in _patterns(keys):
        place = text.find(key)
        while place >= 0:
            start = text.rfind("\n", 0, place) + 1
            if found := begins.match(text, start):
                yield KeyLine(text.count("\n", 0, start), found.start(2) - start, key)
            end = text.find("\n", place)  # on the rest of the line it is a word among others
            place = text.find(key, end) if end >= 0 else -1


def refuse_swallowed(
    text: str, scope: Scope, passed: Iterable[range], find_marks: Callable[[], Marks]
) -> None:
    """Raise YamlError for the first such line of `text`, a text that was read.

    `passed` are the lines that were read over, counted from 0; `find_marks` tells where all keys stand.
    """
    suspect = [one for one in _lines_with(scope.skip, text) if not any(one.line in lines for lines in passed)]
    if not suspect:
        return
    keys = {line for path, (line, _) in find_marks().lines.items() if path[-1] in scope.skip}
    for one in sorted(suspect):
        line = one.line + scope.first_line
        if line not in keys:
            raise YamlError(*swallowed(one.key), line=line, column=one.column + 1)


@lru_cache(maxsize=8)
def _patterns(keys: frozenset[str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each of `keys` in lower case, and what begins with it: `key:`, `- key:`, `"key":`, `? key`."""
    return tuple(
        (key, re.compile(rf"{_BEFORE}[\"']?({re.escape(key)})[\"']?(?(1)|[ \t]*:)"))
        for key in sorted(set(map(str.lower, keys)))
    )
