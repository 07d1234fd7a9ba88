"""Every fault strikes at every stage of the work, and nothing comes of it but delay: docs/failures.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from matrix.apart import Apart, apart
from matrix.cells import FAULTS, STAGES, WORKERS, Cell, run
from matrix.opening import Services

# Here each fault at each stage, with 1, 2 or 4 workers by turns; `fault_matrix.py` runs all of them.
CELLS = [
    Cell(fault, stage, WORKERS[(row + column) % len(WORKERS)])
    for row, fault in enumerate(FAULTS)
    for column, stage in enumerate(STAGES)
]


@pytest.fixture(scope="session")
def helper() -> Iterator[Apart]:
    """Who runs the cells that take what others may not do."""
    with apart() as helper:
        yield helper


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_costs_nothing_but_time(cell: Cell, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    needs = FAULTS[cell.fault]().needs(cell.stage, cell.workers)
    services = Services(
        postgres_url=request.getfixturevalue("postgres_url") if needs.database == "postgresql" else "",
        server=request.getfixturevalue("postgres") if needs.database == "postgresql" else None,
        moto_url=request.getfixturevalue("moto_url") if needs.place == "moto" else "",
    )
    if needs.is_apart:
        helper = request.getfixturevalue("helper")
        outcome = helper.run(cell, tmp_path, services.postgres_url, waits=False)
    else:
        outcome = run(cell, tmp_path, services, waits=False)
    assert len(outcome.claims) == 7
