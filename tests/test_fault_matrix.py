"""Every fault strikes at every stage of the work, and nothing comes of it but delay: docs/failures.md."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from matrix.apart import Apart, apart
from matrix.cells import FAULTS, STAGES, WORKERS, Cell, run
from matrix.opening import Services
from matrix.results import PAGE, RESULTS, page_with

# Here each fault at each stage, with 1, 2 or 4 workers by turns; `fault_matrix.py` runs all of them.
CELLS = [
    Cell(fault, stage, WORKERS[(row + 2 * column) % len(WORKERS)])
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
    assert len(outcome.claims) == number_of_claims(cell)


def number_of_claims(cell: Cell) -> int:
    """All seven, but for the one that rclone's store cannot keep."""
    return 6 if FAULTS[cell.fault]().needs(cell.stage, cell.workers).place == "rclone" else 7


def test_the_page_tells_what_came_of_the_whole_matrix() -> None:
    results = RESULTS.read_text(encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    assert page_with(page, results) == page
    found = {Cell(one["fault"], one["stage"], one["workers"]): one for one in json.loads(results)["cells"]}
    everything = {Cell(*one) for one in itertools.product(FAULTS, STAGES, WORKERS)}
    assert set(found) == everything
    assert [cell for cell, one in found.items() if len(one.get("claims", ())) != number_of_claims(cell)] == []
