"""Text that fits the terminal: the last column of a table is cut, long lines are wrapped between words.

In a pipe nothing is cut, and a line stays a line.
"""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence

import click

from feedbot.observe import printable

GAP = 2  # spaces between columns
LEAST = 10  # of the last column, however narrow the terminal is


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    colours: Sequence[str | None],
    below: Sequence[str],
) -> None:
    """Print `rows` below `head`; each row in its colour, and with a line below it where there is one."""
    widths = [max(width_of(row[index]) for row in (head, *rows)) for index in range(len(head))]
    room = terminal_width()
    if room is not None:
        widths[-1] = min(widths[-1], max(LEAST, room - sum(widths[:-1]) - GAP * (len(head) - 1)))
    click.secho(_line(head, widths), bold=True)
    for row, colour, remark in zip(rows, colours, below, strict=True):
        click.secho(_line(row, widths), fg=colour)
        if remark:
            tell(remark, margin=4)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    parts = [cut(text, width) for text, width in zip(row, widths, strict=True)]
    padded = [part + " " * (width - width_of(part)) for part, width in zip(parts, widths, strict=True)]
    return (" " * GAP).join(padded).rstrip()


def tell(
    text: str, *, margin: int = 0, hang: int = 0, fg: str | None = None, most: int | None = None
) -> None:
    """Print a line of text, below the first line with `hang` more columns than the `margin` that all have.

    `most`: on a terminal, so many lines of it.
    """
    room = terminal_width()
    if room is None:
        _print(f"{'':{margin}}{text}", fg)
        return
    lines = wrap(text, max(LEAST, room - margin - hang), first=hang)
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], f"{cut(lines[most - 1], max(LEAST, room - margin - hang) - 1)}…"]
    for number, line in enumerate(lines):
        _print(f"{'':{margin + (hang if number else 0)}}{line}", fg)


def _print(line: str, fg: str | None) -> None:
    click.echo(click.style(line, fg=fg) if fg else line)


def wrap(text: str, room: int, *, first: int = 0) -> list[str]:
    """`text` in lines of at most `room` columns, and `first` more in the first; words are never broken."""
    lines, line, left = [], "", room + first
    for word in re.findall(r" *[^ ]+", text):
        if line and width_of(click.unstyle(line + word)) > left:
            lines.append(line)
            line, left = word.lstrip(" "), room
        else:
            line += word
    return [*lines, line]


def terminal_width() -> int | None:
    """The columns of the terminal; None where stdout is none, and nothing is to be cut."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None


def width_of(text: str) -> int:
    """The columns that a terminal takes for `text`."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """`text` in at most `width` columns, with … where it was cut."""
    if width_of(text) <= width:
        return text
    room, kept = width - 1, []
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def shown(text: str, width: int) -> str:
    """`text` from outside, on one line and at most that wide."""
    return cut(printable(text), width)
