"""A newsroom whose feedbot is killed again and again while it announces to servers that fail in some way.

What is claimed: every article is told to every target; a webhook never gets two ids for one event; there is
exactly one post for an article on servers that honour the idempotency key, ignore it, or lose the reply.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import doomed
import pytest
from fediverse import Server, fediverse, lost, masked
from newsroom import Newsroom
from receiver import Receiver, Reply, Request, receiving
from sqlalchemy import create_engine, text

LIVES = multiprocessing.get_context("forkserver")  # a process that has loaded everything begets the others
PATIENCE = 60.0  # seconds for one run
STEP = 600.0  # seconds that the clock is ahead further with each life: leases have run out, retries are due
LEAP = 6 * 3600.0  # the same, when what is left is to be sent at last
FLAVOURS = {"honours": "mastodon", "ignores": "gotosocial", "loses": "mastodon"}


@dataclass
class Stage:
    """The newsroom, its targets' servers, and the clock that all of them share."""

    newsroom: Newsroom
    hook: Receiver
    instances: dict[str, Server]
    chance: random.Random
    ahead: float = 0.0
    deaths: int = 0
    written: list[str] = field(default_factory=list)
    victim: ForkServerProcess | None = None

    def clock(self) -> datetime:
        """Now, for everybody here."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def write(self) -> None:
        """Publish one more article."""
        name = f"story-{len(self.written)}"
        moment = datetime.now(UTC) - timedelta(hours=1)
        self.newsroom.write(f"{name}.md", publishedDateTime=moment.isoformat(timespec="seconds"))
        self.written.append(name)

    def start(self, *, die_at: str = "", works: bool = False, step: float = STEP) -> Any:
        """Start feedbot, a while after the last time; one that `works` sends a word after each pass."""
        self.ahead += step
        ours, theirs = LIVES.Pipe(duplex=False)
        folder = self.newsroom.folder
        arguments = (folder / "config.yaml", folder / "log", die_at, self.ahead, theirs if works else None)
        self.victim = LIVES.Process(target=doomed.live, args=arguments)
        self.victim.start()
        theirs.close()
        return ours

    def run(self, *, die_at: str = "", step: float = STEP) -> bool:
        """Run feedbot to its end; whether it was killed."""
        self.start(die_at=die_at, step=step).close()
        return self.bury() == -signal.SIGKILL

    def bury(self) -> int | None:
        """Wait for the end of the process; how it ended."""
        assert self.victim is not None
        self.victim.join(PATIENCE)
        code = self.victim.exitcode
        assert code in {0, -signal.SIGKILL}, (self.newsroom.folder / "log").read_text()[-5000:]
        self.deaths += code != 0
        self.victim.close()
        self.victim = None
        return code

    def kill(self) -> None:
        """End the process that runs, by its id, at once."""
        if self.victim is not None and self.victim.is_alive():
            self.victim.kill()

    def finish(self, runs: int = 40) -> None:
        """Let feedbot run in peace until nothing is left to send."""
        for _ in range(runs):
            assert not self.run(step=LEAP)
            if not self.left():
                return
        raise AssertionError(f"still not sent: {self.left()}")

    def left(self) -> list[Any]:
        """The deliveries that are not settled."""
        engine = create_engine(self.newsroom.config.store.url.get_secret_value())
        with engine.begin() as connection:
            query = "select target, event, state, attempts, reason from deliveries where settled_us is null"
            found = [tuple(row) for row in connection.execute(text(query))]
        engine.dispose()
        return found

    def verify(self) -> None:
        """What is claimed about all of this."""
        expected = set(self.written)
        ids: dict[str, set[str]] = defaultdict(set)
        for request in self.hook.requests:
            ids[story_of(request.json()["data"]["url"])].add(request.headers["webhook-id"])
        assert set(ids) == expected, "the webhook was not told of every article"
        assert {len(found) for found in ids.values()} == {1}, "two ids for one event"
        for name, server in self.instances.items():
            posts = Counter(story_of(link_in(post.text)) for post in server.posts)
            assert set(posts) == expected, f"{name}: {expected - set(posts)} lost"
            assert set(posts.values()) == {1}, f"{name}: posted more than once: {posts}"


def story_of(url: str) -> str:
    """The name of the article with this link."""
    return url.rpartition("/")[2]


def link_in(post: str) -> str:
    """The article's link in the text of a post."""
    return next(word for word in post.split() if word.startswith("https://publisher.example/"))


def beget() -> None:
    """Let the process from which all lives are forked load what they need; its path is not ours by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        LIVES.set_forkserver_preload(["doomed", "matrix.life"])
        forkserver.ensure_running()


@contextmanager
def stage(folder: Path, *, seed: int, store_url: str = "", posts: bool = True) -> Iterator[Stage]:
    """A newsroom after its first pass, with a webhook and, if `posts`, an account on three servers."""
    beget()
    chance = random.Random(seed)  # noqa: S311 - the same fates for the same seed
    with ExitStack() as stack:
        hook = stack.enter_context(receiving())
        room = Newsroom(folder, store_url=store_url)
        stack.callback(room.close)
        scene = Stage(newsroom=room, hook=hook, instances={}, chance=chance)
        for name, flavour in FLAVOURS.items() if posts else ():
            scene.instances[name] = stack.enter_context(fediverse(flavour, clock=scene.clock))
        room.configure(
            announce={"burst": 100_000, "settle": "0s"},
            schedule={"scan": "1s"},
            targets=list(targets_of(scene)),
        )
        stack.callback(scene.kill)
        scene.run()
        yield scene


def targets_of(scene: Stage) -> Iterator[dict[str, Any]]:
    """The targets as they stand in config.yaml."""
    yield {
        "name": "hook",
        "type": "webhook",
        "url": f"{scene.hook.url}/hook",
        "unsigned": True,
        "timeout": "5s",
    }
    for name, server in scene.instances.items():
        yield {
            "name": name,
            "type": "mastodon",
            "base_url": server.url + "/",
            "token": server.token,
            "timeout": "5s",
            "image": False,
        }


def lose_replies(server: Server, chance: random.Random, number: int) -> None:
    """Let every other of the next posts be made without anybody being told."""
    kinds = [lost(), masked(500, "<html>oops</html>"), masked(502, ""), None]
    server.fail("create", *(chance.choice(kinds) for _ in range(number)))


def dawdle(chance: random.Random, longest: float = 0.03) -> Any:
    """An answer that takes its time, so that a kill finds requests under way."""
    pause = threading.Event()

    def answer(_: Request) -> Reply:
        pause.wait(chance.random() * longest)
        return Reply(204)

    return answer


def live_and_die(scene: Stage, articles: int, longest: float) -> None:
    """Run the worker, publish meanwhile, and kill it at some instant of its work."""
    ready = scene.start(works=True)
    assert ready.poll(PATIENCE), "the worker made no pass"
    for _ in range(articles):
        scene.write()
    time.sleep(scene.chance.random() * longest)  # the kill's own instant: it is what is tested
    scene.kill()
    scene.bury()
    ready.close()
