"""Tables: a line for each row where the terminal has room, else each row folded over a few lines.

Only running text is cut, in the last column; ids, names and moments never are. A name that is much longer
than the others has the rest of its row on the next line, below the same heads. In a pipe nothing is changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import click
from msgspec import Struct

from feedbot.report.fit import cut, width_of
from feedbot.report.lines import coloured, tell, terminal_width

GAP = "  "  # between columns
LEAST = 16  # columns of running text that are worth a column
INDENT = 2  # of what is folded
BELOW = 4  # columns before a remark
NOTHING = "-"  # a cell without a value


class Column(Struct, frozen=True, kw_only=True):
    """One column of a table."""

    head: str
    label: str = ""  # what stands before a cell where rows are folded, and no head says it
    is_number: bool = False
    is_state: bool = False  # words that have colours
    is_text: bool = False  # running text, which may be cut; only the last column can be so


class Row(Struct, frozen=True, kw_only=True):
    """One row: as many cells as there are columns, and a remark for below."""

    cells: Sequence[str]
    remark: str = ""


def print_table(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Print the rows below their heads."""
    room = terminal_width()
    cells = [[width_of(row.cells[index]) for row in rows] for index in range(len(columns))]
    widths = _widths([width_of(column.head) for column in columns], cells, columns[-1].is_text, room)
    if widths is not None:
        click.secho(_line([column.head for column in columns], columns, widths), bold=True)
    for row in rows:
        if widths is not None:
            click.echo(_line(row.cells, columns, widths, is_coloured=True))
        else:
            click.echo("\n".join(_folded(row, columns, room or 0)))
        if row.remark:
            tell(row.remark, margin=BELOW)


def _widths(
    heads: Sequence[int], cells: Sequence[Sequence[int]], ends_in_text: bool, room: int | None
) -> list[int] | None:
    """The columns' widths, by those of their heads and cells; None: the rows have to be folded."""
    widths = [max(head, *column) for head, column in zip(heads, cells, strict=True)]
    if room is None:
        return widths
    room -= len(GAP) * (len(heads) - 1)
    least = min(widths[-1], LEAST) if ends_in_text else widths[-1]
    others = range(len(heads) - 1)
    longest = max(others, key=widths.__getitem__)
    spare = room - sum(widths[index] for index in others if index != longest) - least
    if spare < widths[longest]:  # the longest name is left out of the count, or the longest few
        widths[longest] = max(heads[longest], *(cell for cell in cells[longest] if cell <= spare), 0)
    left = room - sum(widths[:-1])
    if left < least:
        return None
    return [*widths[:-1], min(widths[-1], left)]


def _line(
    cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], *, is_coloured: bool = False
) -> str:
    """A row below its heads; after a cell that is too long it goes on in the next line."""
    lines, line, place = [], "", 0  # `place` is where the next cell begins
    for cell, column, width in zip(cells, columns, widths, strict=True):
        text = cut(cell, width) if column.is_text else cell
        line += " " * (place - width_of(line))
        padding = " " * (width - width_of(text))
        shown = coloured(text) if column.is_state and is_coloured else text
        line += padding + shown if column.is_number else shown
        place += width + len(GAP)
        if width_of(text) > width:
            lines.append(line)
            line = ""
    return "\n".join(filter(None, [*lines, line.rstrip()]))


def _folded(row: Row, columns: Sequence[Column], room: int) -> list[str]:
    """A row in as few lines as hold its cells whole, all but the first indented; text has its own line."""
    lines = [row.cells[0]]
    for cell, column in zip(row.cells[1:], columns[1:], strict=True):
        if cell == NOTHING:
            continue
        part = f"{column.label} {cell}".lstrip()
        longer = f"{lines[-1]}{GAP}{coloured(part) if column.is_state else part}"
        if column.is_text:
            lines.append(" " * INDENT + cut(part, room - INDENT))
        elif width_of(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(f"{'':{INDENT}}{coloured(part) if column.is_state else part}")
    return lines
