"""What came of the cells: kept in a file, and told as the table of docs/failures.md."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import feedbot
from matrix.cells import FAULTS, STAGES, WORKERS, Cell, Outcome

HERE = Path(__file__).parent
RESULTS = HERE.parent / "data" / "fault_matrix.json"
PAGE = HERE.parent.parent / "docs" / "failures.md"
PLACE = re.compile(r"(<!-- the fault matrix -->\n)(.*?)(<!-- end -->)", re.DOTALL)
CLAIMS = 7  # of each cell, if all can be made


def kept(found: Mapping[Cell, Outcome | str]) -> str:
    """What came of cells as it stands in the file: a line for each, of one that failed why."""
    lines = [
        json.dumps({**asdict(cell), **(asdict(one) if isinstance(one, Outcome) else {"failed": one})})
        for cell, one in found.items()
    ]
    about = {
        "feedbot": feedbot.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    head = json.dumps(about)[:-1]
    return head + ', "cells": [\n' + ",\n".join(lines) + "\n]}\n"


def page_with(page: str, results: str) -> str:
    """The page with the table of these results."""
    return PLACE.sub(lambda place: "".join([place[1], "\n", *table(results), "\n", place[3]]), page)


def table(results: str) -> list[str]:
    """A row for each fault, a column for each stage and number of workers."""
    cells = json.loads(results)["cells"]
    by_cell = {Cell(one["fault"], one["stage"], one["workers"]): one for one in cells}
    columns = [(stage, workers) for stage in STAGES for workers in WORKERS]
    head = [f"{stage}, {workers}" for stage, workers in columns]
    rows = [
        [fault, *(_told(by_cell.get(Cell(fault, stage, workers))) for stage, workers in columns)]
        for fault in FAULTS
    ]
    lines = [["", *head], ["---", *["---:"] * len(head)], *rows]
    return [f"| {' | '.join(line)} |\n" for line in lines]


def _told(one: Mapping[str, Any] | None) -> str:
    """After how many seconds readers had everything, and how many claims could be made if not all."""
    if one is None:
        return "not tried"
    if "failed" in one:
        return "**failed**"
    held = len(one["claims"])
    return f"{one['seconds']:.1f} s" + ("" if held == CLAIMS else f" ({held})")
