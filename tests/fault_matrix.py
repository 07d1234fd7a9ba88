"""The whole fault matrix: every fault at every stage with one, two and four workers. Takes ten minutes.

    FEEDBOT_MOTO=.../moto_server python tests/fault_matrix.py [--fault NAME] [--stage NAME] [--workers N]

Without options the results go to data/fault_matrix.json, and from there into the table of docs/failures.md.
With options only those cells are run, and nothing is kept. Ends with 1 if a claim does not hold in a cell.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matrix.apart import Apart
    from matrix.cells import Cell, Outcome
    from matrix.opening import Services


def outcome_of(cell: Cell, services: Services, helper: Apart) -> Outcome | str:
    """What came of a cell, or why a claim does not hold."""
    from databases import empty  # noqa: PLC0415 - workers load this file, too, but not what it needs here
    from matrix.cells import FAULTS, run  # noqa: PLC0415 - as above

    empty(services.postgres_url)
    with tempfile.TemporaryDirectory(prefix="feedbot-matrix-") as folder:
        try:
            if FAULTS[cell.fault]().needs(cell.stage, cell.workers).is_apart:
                return helper.run(cell, Path(folder), services.postgres_url, waits=True)
            return run(cell, Path(folder), services, waits=True)
        except Exception:  # noqa: BLE001 - told, and the other cells go on
            return traceback.format_exc()


def run_all(cells: list[Cell]) -> dict[Cell, Outcome | str]:
    """Run cells one after the other, telling each."""
    from databases import postgresql, url_of  # noqa: PLC0415 - as above
    from matrix.apart import apart  # noqa: PLC0415 - as above
    from matrix.opening import Services  # noqa: PLC0415 - as above
    from object_stores import moto  # noqa: PLC0415 - as above

    found: dict[Cell, Outcome | str] = {}
    with (
        tempfile.TemporaryDirectory(prefix="feedbot-matrix-") as folder,
        postgresql(Path(folder)) as server,
        moto() as moto_url,
        apart() as helper,
    ):
        services = Services(postgres_url=url_of(server), server=server, moto_url=moto_url)
        for cell in cells:
            one = found[cell] = outcome_of(cell, services, helper)
            said = one if isinstance(one, str) else f"{len(one.claims)} claims hold, {one.seconds:.1f} s"
            print(f"{cell}: {said}", flush=True)  # noqa: T201 - that is what it is for
    return found


def main() -> int:
    from matrix.cells import FAULTS, STAGES, WORKERS, Cell  # noqa: PLC0415 - as above
    from matrix.results import PAGE, RESULTS, kept, page_with, table  # noqa: PLC0415 - as above

    parser = argparse.ArgumentParser(description="Run the fault matrix.")
    parser.add_argument("--fault", choices=list(FAULTS))
    parser.add_argument("--stage", choices=STAGES)
    parser.add_argument("--workers", type=int, choices=WORKERS)
    given = parser.parse_args()
    cells = [
        Cell(fault, stage, workers)
        for fault in ([given.fault] if given.fault else FAULTS)
        for stage in ([given.stage] if given.stage else STAGES)
        for workers in ([given.workers] if given.workers else WORKERS)
    ]
    found = run_all(cells)
    if not (given.fault or given.stage or given.workers):
        RESULTS.write_text(kept(found), encoding="utf-8")
        PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), kept(found)), encoding="utf-8")
    print("".join(table(kept(found))))  # noqa: T201 - as above
    return int(any(isinstance(one, str) for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
