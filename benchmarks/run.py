"""Measures feedbot, beside other programs where they do the same, and keeps every value (results.py).

    .venv/bin/python benchmarks/run.py --results FILE [--parts cold edit ...] [--sizes 1000 10000 ...]
    .venv/bin/python benchmarks/report.py FILE

The second command makes the tables and charts of docs/benchmarks.md of them. All programs make the same feeds
from the same invented newsroom (corpus.py); they take turns, so that a busy moment of the machine meets all.
Programs and newsrooms are kept in the working folder. A part that is measured again replaces its values.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from types import ModuleType

import install
from measure import describe_machine
from questions import Run, burst, cold, commands, edit, endurance, idle, shapes, start
from results import Results

PARTS: dict[str, ModuleType] = {
    "cold": cold,
    "idle": idle,
    "edit": edit,
    "burst": burst,
    "start": start,
    "endurance": endurance,
    "commands": commands,
    "shapes": shapes,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure feedbot, beside other programs.")
    parser.add_argument("--results", type=Path, required=True, help="the JSON file that takes the values")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument("--sizes", type=int, nargs="+", help="articles, instead of each part's own")
    parser.add_argument("--peers", nargs="*", choices=install.GET, default=list(install.GET))
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each thing")
    parser.add_argument("--edits", type=int, default=20, help="edits of one file while a program watches")
    parser.add_argument("--burst", type=int, default=1_000, help="files that change at once")
    parser.add_argument("--endurance", type=int, default=10_000, help="edits while the memory is looked at")
    parser.add_argument("--idle-after", type=float, default=1.0, help="seconds without work")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for one command")
    parser.add_argument("--feedbot", type=Path, help="the feedbot to measure, installed; else this checkout")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "feedbot-benchmarks")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    work = given.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    feedbot = given.feedbot.absolute() if given.feedbot else install.feedbot(work)
    peers = install.peers(work, given.peers)
    results = Results(given.results)
    versions = {name: peer.version if peer else None for name, peer in peers.items()}
    results.describe(describe_machine(), {"feedbot": install.version([str(feedbot)]), **versions})
    if (load := os.getloadavg()[0]) > 0.5:
        install.say(f"the machine is busy (load {load:.1f}): the figures will be, too")
    for name in given.parts:
        question = PARTS[name]
        run = Run(
            work=work,
            results=results,
            feedbot=feedbot,
            peers={name: peer for name, peer in peers.items() if peer},
            sizes=given.sizes or question.SIZES,
            repeats=given.repeats,
            edits=given.edits,
            burst=given.burst,
            endurance=given.endurance,
            idle_after=given.idle_after,
            limit=given.limit,
        )
        question.measure(run)


if __name__ == "__main__":
    main()
