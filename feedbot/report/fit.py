"""How much room text takes on a terminal, and making it fit. Pure: knows no terminal.

Terminals disagree about emoji that are made of several characters. Where they do, the wider opinion counts,
so that no line is longer than it should be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import click

ELLIPSIS = "…"
EMOJI_STYLE = "\ufe0f"  # asks for the wide picture of a character that has a narrow one, too
JOINER = "\u200d"

# A word; what stands in backticks is copied as it is, so it is one, too.
_WORD = re.compile(r" *(?:`[^`\n]{1,120}`|[^ `]|`)+")
_INNER_HANGUL = re.compile(r"[\u1160-\u11ff\ud7b0-\ud7ff]")  # vowels and finals, written into a syllable


def width_of(text: str) -> int:
    """The columns that a terminal takes for `text`, whose colours take none."""
    bare = click.unstyle(text) if "\x1b" in text else text
    return len(bare) if bare.isascii() else sum(map(_columns, bare))


def _columns(character: str) -> int:
    if character == EMOJI_STYLE:
        return 1  # more than the narrow picture takes
    if unicodedata.category(character) in {"Mn", "Me", "Cf"} or _INNER_HANGUL.match(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def characters(text: str) -> Iterator[str]:
    """What people take for single characters: with their accents, and joined pictures and flags whole."""
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or not _is_inside(text, start, place):
            yield text[start:place]
            start = place


def _is_inside(text: str, start: int, place: int) -> bool:
    """Whether `place` lies within the character that begins at `start`."""
    here = text[place]
    if here.isascii():
        return False
    if "\U0001f1e6" <= here <= "\U0001f1ff":  # letters of flags, two for each
        return place - start == 1 and "\U0001f1e6" <= text[start] <= "\U0001f1ff"
    is_skin_or_tag = "\U0001f3fb" <= here <= "\U0001f3ff" or "\U000e0020" <= here <= "\U000e007f"
    is_mark = unicodedata.category(here)[0] == "M" or _INNER_HANGUL.match(here) is not None
    return is_skin_or_tag or is_mark or here == JOINER or text[place - 1] == JOINER


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, with … where it was cut."""
    if width_of(text) <= width:
        return text
    room, kept = width - 1, []
    for character in characters(text):
        room -= width_of(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + ELLIPSIS


def wrap(text: str, room: int, *, first: int = 0) -> list[str]:
    """`text` in lines of at most `room` columns, and `first` more in the first.

    Words are never broken, for an address or a path would be no good; but for those of scripts that set no
    spaces between words, where they would not fit.
    """
    lines, line, left = [], "", room + first
    for word in _words(text, room):
        if line and width_of(line + word) > left:
            lines.append(line)
            line, left = word.lstrip(" "), room
        else:
            line += word
    return [*lines, line]


def _words(text: str, room: int) -> Iterator[str]:
    for word in _WORD.findall(text):
        if word.isascii() or "://" in word or width_of(word.lstrip(" ")) <= room:
            yield word
        else:
            yield from characters(word)
