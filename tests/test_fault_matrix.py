"""Every fault strikes at every stage of the work, and nothing comes of it but delay: docs/failures.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from matrix.cells import FAULTS, STAGES, WORKERS, Cell, is_on_postgresql, run

# Here each fault at each stage, with 1, 2 or 4 workers by turns; `fault_matrix.py` runs all of them.
CELLS = [
    Cell(fault, stage, WORKERS[(row + column) % len(WORKERS)])
    for row, fault in enumerate(FAULTS)
    for column, stage in enumerate(STAGES)
]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_costs_nothing_but_time(cell: Cell, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = str(request.getfixturevalue("postgres_url")) if is_on_postgresql(cell) else ""
    outcome = run(cell, tmp_path, url)
    assert len(outcome.claims) == 7
