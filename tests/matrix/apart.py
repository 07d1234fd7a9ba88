"""Cells in a process of their own, which may mount file systems, or has parted with rights.

It takes a line of JSON for each cell, and answers with another.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from matrix.cells import Cell, Outcome

PATIENCE = 280.0  # seconds for one cell


@dataclass(frozen=True)
class Apart:
    """Such a process."""

    means: str
    asking: IO[str]
    answering: IO[str]

    def run(self, cell: Cell, folder: Path, postgres_url: str, *, waits: bool) -> Outcome:
        """As `cells.run`."""
        from matrix.cells import Outcome  # noqa: PLC0415 - see `main`

        given = {"cell": asdict(cell), "folder": str(folder), "postgres_url": postgres_url, "waits": waits}
        self.asking.write(json.dumps(given) + "\n")
        self.asking.flush()
        assert select.select([self.answering], [], [], PATIENCE)[0], f"no answer for {cell}"
        told = json.loads(self.answering.readline() or '{"failed": "the process has ended"}')
        assert "failed" not in told, f"by {self.means}: {told['failed']}"
        return Outcome(claims=tuple(told["claims"]), seconds=told["seconds"])


@contextmanager
def apart() -> Iterator[Apart]:
    """A process for cells, by the means that there are here."""
    from matrix import means  # noqa: PLC0415 - see `main`

    name, command = means.means()
    popen = subprocess.Popen(
        [*command, sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, means.NAME: name},
    )
    assert popen.stdin
    assert popen.stdout
    try:
        yield Apart(name, popen.stdin, popen.stdout)
    finally:
        popen.stdin.close()
        popen.wait(PATIENCE)
        popen.stdout.close()


def main() -> None:
    """Answer until nobody asks. Workers load this file, too, but not what it needs here."""
    sys.path[0] = str(Path(__file__).parent.parent)
    from matrix.cells import Cell, run  # noqa: PLC0415 - see above
    from matrix.opening import Services  # noqa: PLC0415 - see above

    for line in sys.stdin:
        given = json.loads(line)
        services = Services(postgres_url=given["postgres_url"])
        try:
            outcome = run(Cell(**given["cell"]), Path(given["folder"]), services, waits=given["waits"])
            told = asdict(outcome)
        except Exception:  # noqa: BLE001 - told to who asked
            told = {"failed": traceback.format_exc()}
        print(json.dumps(told), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
