"""Makes the tables and charts of docs/benchmarks.md of what run.py has measured.

    .venv/bin/python benchmarks/report.py [RESULTS] [--docs FOLDER]

A table takes the place between `<!-- measured: NAME -->` and `<!-- end -->`; the charts go to `pictures/`.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from charts import CHARTS
from results import Results
from tables import TABLES

HERE = Path(__file__).parent
PLACE = re.compile(r"(<!-- measured: ([\w -]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def page_with(page: str, results: Results) -> str:
    """The page with today's tables. Raises KeyError for a table that there is not."""
    return PLACE.sub(
        lambda place: place[1] + "\n".join(["", *TABLES[place[2]](results), "", ""]) + place[4], page
    )


def charts(results: Results) -> dict[str, str]:
    """Each chart by its file name, as far as there is something to draw."""
    return {name: svg for name, draw in CHARTS.items() if (svg := draw(results))}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make tables and charts of results.")
    parser.add_argument("results", type=Path, nargs="?", default=HERE / "results.json")
    parser.add_argument("--docs", type=Path, default=HERE.parent / "docs")
    given = parser.parse_args()
    results = Results(given.results)
    page = given.docs / "benchmarks.md"
    page.write_text(page_with(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    for name, svg in charts(results).items():
        (given.docs / "pictures" / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
