"""The letter under which a name is found in an index, and the direction in which a language is written.

Pure, and by Unicode alone: no locale has a say, so that every machine sorts alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeVar

OTHER = "#"  # for names that begin with no letter
IDEOGRAPHS = "漢"  # all in one group, for hardly two names share their first one

# Languages and scripts (subtags of BCP 47) that are written from right to left.
RIGHT_TO_LEFT = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "ps", "sd", "syr", "ug", "ur", "yi"}
)
RIGHT_TO_LEFT_SCRIPTS = frozenset({"adlm", "arab", "aran", "hebr", "nkoo", "rohg", "syrc", "thaa"})

_NUMBER = re.compile("[0-9]+")
_DIGITS = 20  # numbers in names are shorter; longer ones are sorted like words

_Thing = TypeVar("_Thing")


def direction(language: str) -> str:
    """`rtl` or `ltr`, for a language tag such as `fa` or `uz-Arab`; `ltr` where there is none."""
    first, *others = language.lower().replace("_", "-").split("-")
    script = next((part for part in others if len(part) == 4 and part.isalpha()), "")
    rtl = script in RIGHT_TO_LEFT_SCRIPTS if script else first in RIGHT_TO_LEFT
    return "rtl" if rtl else "ltr"


def letter(name: str) -> str:
    """The letter, without accents, under which people look for `name`."""
    first = next((char for char in unicodedata.normalize("NFKD", name) if char.isalnum()), OTHER)
    if not first.isalpha():
        return OTHER
    if unicodedata.name(first, "").startswith("CJK"):
        return IDEOGRAPHS
    return first.upper()[0]


def by_letter(things: Iterable[_Thing], name: Callable[[_Thing], str]) -> list[tuple[str, Sequence[_Thing]]]:
    """Things under the letters of their names, all in order; what begins with no letter comes first."""
    ranked = sorted(((_rank(name(thing)), thing) for thing in things), key=itemgetter(0))
    groups = groupby(ranked, key=lambda pair: pair[0].letter)
    return [(first, [thing for _, thing in pairs]) for first, pairs in groups]


def in_order(name: str) -> str:
    """What a name is sorted by: without accents and case, and 9 before 10."""
    bare = _bare(name).casefold()
    if name.isalpha():
        return bare
    return _NUMBER.sub(lambda number: number[0].rjust(_DIGITS, "0"), bare)


class _Rank(NamedTuple):
    """By letter, so that each is one group; then as names are sorted; then as it is."""

    has_letter: bool
    letter: str
    folded: str
    name: str


def _rank(name: str) -> _Rank:
    first = letter(name)
    return _Rank(first != OTHER, first, in_order(name), name)


def _bare(name: str) -> str:
    if name.isascii():
        return name
    return "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
