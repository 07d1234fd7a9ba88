"""One cell in a process of its own, which may mount file systems, or has parted with rights.

    python tests/matrix/apart.py FAULT STAGE WORKERS FOLDER [POSTGRES_URL]

The last line that it prints is the outcome as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matrix.cells import Cell, Outcome

PATIENCE = 110.0  # seconds for one cell


def run_apart(cell: Cell, folder: Path, postgres_url: str) -> Outcome:
    """As `cells.run`, by the means that there are for it."""
    from matrix import means  # noqa: PLC0415 - a script has no package around it before `main`
    from matrix.cells import Outcome  # noqa: PLC0415

    name, command = means.means()
    given = [cell.fault, cell.stage, str(cell.workers), str(folder), postgres_url]
    done = subprocess.run(
        [*command, sys.executable, __file__, *given],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, means.NAME: name},
    )
    assert done.returncode == 0, f"by {name}:\n{done.stdout}\n{done.stderr}"
    told = json.loads(done.stdout.splitlines()[-1])
    return Outcome(claims=tuple(told["claims"]), seconds=told["seconds"])


def main() -> None:
    # What loads the cells is not done by the workers, which load this file as well.
    sys.path[0] = str(Path(__file__).parent.parent)
    from matrix.cells import Cell, run  # noqa: PLC0415
    from matrix.opening import Services  # noqa: PLC0415

    fault, stage, workers, folder, postgres_url = sys.argv[1:]
    outcome = run(Cell(fault, stage, int(workers)), Path(folder), Services(postgres_url=postgres_url))
    print(json.dumps({"claims": outcome.claims, "seconds": outcome.seconds}))  # noqa: T201 - for who started this


if __name__ == "__main__":
    main()
