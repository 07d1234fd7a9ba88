"""How reports speak: on a terminal in lines that fit, with colours and `3 min ago`; in a pipe plainly.

In a pipe nothing is cut, a line stays a line, and moments are exact. A colour only repeats what a word says.
What is to be copied (ids, paths, addresses, commands) is never shortened, and never broken.
"""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
from datetime import datetime

import click

from feedbot.moments import FAR, distance, iso, span
from feedbot.observe import printable
from feedbot.report.fit import ELLIPSIS, cut, width_of, wrap

LEAST = 10  # columns for text, however narrow the terminal is
READABLE = 100  # columns of text that does not fit into one line, however wide the terminal is
LABEL = 13  # columns
MARGIN = 4  # columns before a command
NO_TARGETS = "config.yaml has no targets: `feedbot targets --help` shows how to add one."

COLOURS = {
    **dict.fromkeys(("error", "wrong", "dead", "disabled"), "red"),
    **dict.fromkeys(("warning", "held", "unclear", "retry", "paused", "removed"), "yellow"),
    **dict.fromkeys(("fine", "sent", "ready"), "green"),
}

_JOINING = re.compile("[\u200c\u200d\U000e0020-\U000e007f]")  # makes one character of several, flags included
_UNSEEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff]")  # nothing to see, and nothing to fear


def is_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def terminal_width() -> int | None:
    """The columns of the terminal; None where stdout is none, and nothing is to be cut."""
    return shutil.get_terminal_size((80, 24)).columns if is_terminal() else None


def legible(text: str) -> str:
    """`text` from outside on one line, and what a terminal would obey spelled out.

    Unlike in logs, spaces of every kind stay, and so does what joins the parts of emoji and of Persian words.
    """
    if text.isprintable():
        return text
    return "".join(
        char if unicodedata.category(char) == "Zs" or _JOINING.match(char) else printable(char)
        for char in _UNSEEN.sub("", text)
    )


def coloured(word: str, state: str = "") -> str:
    """`word` in the colour of `state`, or of the state that it names itself."""
    colour = COLOURS.get(state or word)
    return click.style(word, fg=colour) if colour else word


def when(moment: datetime, now: datetime) -> str:
    """A moment: at a terminal by how far it is away, or by its date if that is far; elsewhere exactly."""
    if not is_terminal():
        return iso(moment) or ""
    return distance(moment, now, short=True) if abs(moment - now) < FAR else f"{moment:%Y-%m-%d}"


def since(moment: datetime, now: datetime) -> str:
    """Since when: at a terminal `for 3 min`, or from which date if that is far; elsewhere exactly."""
    is_near = is_terminal() and now - moment < FAR
    return f"for {span(now - moment, short=True)}" if is_near else f"since {when(moment, now)}"


def exactly(moment: datetime, now: datetime) -> str:
    """A moment to the second; at a terminal with how far it is away, too."""
    return f"{iso(moment)} ({distance(moment, now)})" if is_terminal() else iso(moment) or ""


def tell(
    text: str, *, lead: str = "", margin: int = 0, hang: int = 0, state: str = "", most: int | None = None
) -> None:
    """Print `lead` and `text`; further lines have `hang` more columns before them than the `margin` of all.

    `lead` is never broken: a label, or a place in a file. `state` gives the colour. `most`: on a terminal, so
    many lines of it.
    """
    width = terminal_width()
    lines = [f"{'':{margin}}{lead}{text}"]
    if width is not None and width_of(lines[0]) > width:
        lines = _wrapped(text, lead, max(LEAST, min(width, READABLE) - margin - hang), margin, hang, most)
    for line in lines:
        click.echo(coloured(line, state) if state else line)


def tell_whole(text: str, *, lead: str = "", margin: int = 0, hang: int = 0) -> None:
    """Print `text` that is copied, such as a path, after `lead` or where that leaves no room, below it."""
    width = terminal_width()
    line = f"{'':{margin}}{lead}{text}"
    is_parted = bool(lead.strip()) and width is not None and width_of(line) > width
    click.echo(f"{'':{margin}}{lead.rstrip()}\n{'':{margin + hang}}{text}" if is_parted else line)


def _wrapped(text: str, lead: str, room: int, margin: int, hang: int, most: int | None) -> list[str]:
    taken = width_of(lead)
    if taken > hang + room // 2:
        begin, lines = [lead.rstrip()], wrap(text, room)
    else:
        first, *lines = wrap(text, room, first=hang - taken)
        begin = [lead + first]
    lines = lines if most is None else _few(lines, most - 1, room)
    return [f"{'':{margin}}{begin[0]}", *(f"{'':{margin + hang}}{line}" for line in lines)]


def _few(lines: list[str], most: int, room: int) -> list[str]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], cut(lines[most - 1], room - 1).removesuffix(ELLIPSIS) + ELLIPSIS]


def label(word: str, text: str, width: int = LABEL, *, is_copied: bool = False) -> None:
    """Print a fact: what it is about, then the fact in a column of its own."""
    lead = (click.style(word, bold=True) if word else "") + " " * (width - len(word) if text else 0)
    if is_copied:
        tell_whole(text, lead=lead, hang=2)
    else:
        tell(text, lead=lead, hang=width)


def print_commands(*commands: tuple[str, str]) -> None:
    """Commands to be copied, each with what it does beside it, or below it where there is no room."""
    widest = max(width_of(command) for command, _ in commands)
    width = terminal_width()
    fits = width is None or all(MARGIN + widest + 2 + width_of(does) <= width for _, does in commands)
    for command, does in commands:
        if fits:
            click.echo(f"{'':{MARGIN}}{command}{'':{widest - width_of(command)}}  {does}")
        else:
            click.echo(f"{'':{MARGIN}}{command}")
            tell(does, margin=2 * MARGIN)
