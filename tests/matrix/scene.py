"""A newsroom with several workers, a webhook and a Mastodon, and somebody who reads its documents."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from faults import Proxy, proxy_to
from fediverse import Server, fediverse, lost, masked
from mortality import beget
from newsroom import Newsroom
from receiver import Reply, Request, receiving
from sqlalchemy import create_engine, text

from feedbot.cli import main
from matrix.hands import Hand, first_at, wait_until
from matrix.life import Terms
from matrix.reader import FolderShelf, Reader, Shelf, titles_in
from matrix.story import Piece, Story

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
FEEDS = ("rss.xml", "atom.xml", "feed.json")
STEP = 3600.0  # seconds that pass for everybody when something is to fall due
WAIT = 2.0  # seconds that workers have for what has fallen due, before more time passes
PASSING = {"publish": 2}  # documents that are in their place before the next is held


@dataclass
class Arrival:
    """A message that the webhook got."""

    id: str
    kind: str
    url: str
    title: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Desk:
    """What the webhook keeps, and whether two messages came there at a time."""

    arrivals: list[Arrival] = field(default_factory=list)
    overlaps: int = 0
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pause: threading.Event = field(default_factory=threading.Event)

    def take(self, request: Request) -> Reply:
        """Note a message, and take a moment for it."""
        told = request.json()
        with self._lock:
            self._under_way += 1
            self.overlaps += self._under_way > 1
            self.arrivals.append(
                Arrival(
                    id=request.headers["webhook-id"],
                    kind=told["type"],
                    url=told["data"].get("url", ""),
                    title=told["data"].get("title", ""),
                    headers={name.lower(): value for name, value in request.headers.items()},
                    body=request.body,
                )
            )
        self._pause.wait(0.005)
        with self._lock:
            self._under_way -= 1
        return Reply(204)


@dataclass
class Time:
    """The time that all share, which goes on as the test says."""

    ahead: float = 0.0  # seconds

    def now(self) -> datetime:
        """The moment, by everybody's clock."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)


@dataclass
class Scene:
    """All of it, while one fault strikes once."""

    newsroom: Newsroom
    store_url: str  # directly, whatever lies between the workers and it
    time: Time
    desk: Desk
    mastodon: Server
    to_hook: Proxy
    to_mastodon: Proxy
    shelf: Shelf
    story: Story
    reader: Reader
    environ: dict[str, str] = field(default_factory=dict)
    hands: list[Hand] = field(default_factory=list)
    codes: list[int | None] = field(default_factory=list)  # of workers that ended
    _started: int = 0

    # --- workers ---

    def start(self) -> Hand:
        """One more worker."""
        self._started += 1
        terms = Terms(
            config=self.newsroom.folder / "config.yaml",
            log=self.newsroom.folder / f"worker-{self._started}.log",
            environ=self.environ,
            ahead=self.time.ahead,
            patience=3.0,
        )
        self.hands.append(Hand(self._started, terms))
        return self.hands[-1]

    def catch(self, point: str) -> Hand:
        """Publish something, and hold the first worker that comes to `point`; the others go on."""
        for hand in self.hands:
            hand.hold_at(point, PASSING.get(point, 0))
        self.story.publish()
        caught, _ = first_at(self.hands)
        for hand in self.hands:
            if hand is not caught:
                hand.let_go()
            hand.mark()
        return caught

    def part_with(self, hand: Hand) -> int | None:
        """Wait for the end of a worker and let go of it; how it ended."""
        code = hand.end()
        self.hands.remove(hand)
        hand.bury()
        self.codes.append(code)
        return code

    def logs(self) -> str:
        """What all workers said in the end, for who looks for the reason."""
        paths = sorted(self.newsroom.folder.glob("worker-*.log"))
        return "\n".join(f"{path.name}:\n{path.read_text()[-4000:]}" for path in paths)

    # --- the newsroom's day ---

    def begin(self, workers: int) -> None:
        """Start workers over a newsroom that has been there for long, and let somebody read."""
        for _ in range(3):
            self.story.publish(is_old=True)
        self.start()
        wait_until(self.shows_everything, self.logs)
        self.reader.start()
        for _ in range(workers - 1):
            self.start()
        wait_until(lambda: len(self.workers()) == workers, self.logs)

    def workers(self) -> list[Mapping[str, Any]]:
        """Those who give signs of life, as the state knows them."""
        return [one for one in self.status()["workers"] if one["is_alive"]]

    def bustle(self) -> Piece:
        """Something that is corrected, and something new, which is given."""
        pieces = list(self.story.pieces.values())
        self.story.edit(next(piece for piece in pieces if piece.version == 1 and not piece.is_withdrawn))
        return self.story.publish()

    def is_told(self, piece: Piece) -> bool:
        """Whether both targets have been told of an article."""
        told = "select count(*) from posts join articles on key = article_key where path like '%/{}.md'"
        return self.query(told.format(piece.name)) == [(2,)]

    def shows_everything(self) -> bool:
        """Whether every feed document holds what it should."""
        return not self.missing()

    def missing(self) -> dict[str, set[str]]:
        """By document, the titles in which it differs from what it should hold."""
        wanted = self.story.titles()
        differences = {name: wanted ^ self.titles(name) for name in FEEDS}
        return {name: titles for name, titles in differences.items() if titles}

    def titles(self, path: str) -> set[str]:
        """What readers see of articles in a document."""
        body = self.shelf.get(path)
        return set(titles_in(path, body)) if body else set()

    def settle(self) -> None:
        """Let time pass until nothing is left to be written or sent."""
        wait_until(self.shows_everything, lambda: f"{self.missing()}\n{self.logs()}")
        for _ in range(12):
            self.pass_time(STEP)
            try:
                wait_until(self.is_settled, str, WAIT)
            except AssertionError:
                continue
            return
        raise AssertionError(f"still not sent: {self.left()}\n{self.logs()}")

    def pass_time(self, seconds: float) -> None:
        """Let everybody's clock go on, and everybody look at it."""
        self.time.ahead += seconds
        for hand in self.hands:
            hand.set_clock(self.time.ahead)
        self.nudge()

    def nudge(self) -> None:
        """Have the workers look at what is due, as they do every few seconds."""
        os.utime(next(self.newsroom.content.glob("*.md")))
        if self.store_url.startswith("postgresql"):
            self.query("notify feedbot_news")

    def is_settled(self) -> bool:
        """Whether nothing waits to be recorded or sent."""
        return self.shows_everything() and not self.left()

    def left(self) -> list[Any]:
        """Events that are not announced, and deliveries that are not settled: in the order that they go."""
        events = self.query("select number, kind from events where announced_us is null")
        open_ = "select target, event, state, attempts, reason from deliveries where settled_us is null"
        return events + self.query(open_)

    def query(self, statement: str) -> list[Any]:
        """What the database answers to somebody who is not feedbot."""
        engine = create_engine(self.store_url)
        try:
            with engine.begin() as connection:
                result = connection.execute(text(statement))
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    # --- the operator's eyes ---

    def command(self, *arguments: str) -> tuple[int, str]:
        """What a command of feedbot says, and its exit code."""
        config = str(self.newsroom.folder / "config.yaml")
        result = CliRunner().invoke(main, [*arguments, "--config", config], env=self.environ)
        return result.exit_code, result.output

    def status(self) -> dict[str, Any]:
        """`feedbot status --json`; fails where that does."""
        code, said = self.command("status", "--json")
        assert code == 0, said
        found: dict[str, Any] = json.loads(said)
        return found

    # --- the end ---

    def end(self) -> None:
        """Tell all workers to stop."""
        for hand in list(self.hands):
            hand.signal(signal.SIGTERM)
        for hand in list(self.hands):
            code = hand.end()
            assert code == 0, f"exit code {code}: {hand.tail()}"
            self.part_with(hand)
        self.reader.stop()

    def close(self) -> None:
        """End what is left, whatever became of the run."""
        for hand in self.hands:
            hand.bury()
        self.reader.stop()


@contextmanager
def opened(folder: Path, store_url: str) -> Iterator[Scene]:
    """A newsroom before its first pass."""
    beget()
    with ExitStack() as stack:
        hook = stack.enter_context(receiving())
        desk = Desk()
        hook.otherwise = desk.take
        time = Time()
        mastodon = stack.enter_context(fediverse(clock=time.now))
        to_hook = stack.enter_context(proxy_to(port_of(hook.url)))
        to_mastodon = stack.enter_context(proxy_to(port_of(mastodon.url)))
        room = Newsroom(folder / "room")
        store_url = store_url or f"sqlite:///{room.folder / 'state' / 'feedbot.db'}"
        story = Story(room)
        shelf = FolderShelf(room.feeds)
        reader = Reader(shelf, lambda: {one.name for one in story.pieces.values() if one.is_withdrawn})
        scene = Scene(
            newsroom=room,
            store_url=store_url,
            time=time,
            desk=desk,
            mastodon=mastodon,
            to_hook=to_hook,
            to_mastodon=to_mastodon,
            shelf=shelf,
            story=story,
            reader=reader,
        )
        configure(scene)
        mastodon.fail("create", None, lost(), None, masked(502, ""), None, lost())
        stack.callback(scene.close)
        yield scene


def configure(scene: Scene) -> None:
    """Write config.yaml."""
    scene.newsroom.configure(
        store={"url": scene.store_url},
        announce={"burst": 1000, "settle": "0s"},
        schedule={"scan": "1h"},
        targets=[
            {
                "name": "hook",
                "type": "webhook",
                "url": f"{scene.to_hook.url}/hook",
                "secret": SECRET,
                "events": ["published", "updated", "withdrawn"],
                "timeout": "2s",
            },
            {
                "name": "mastodon",
                "type": "mastodon",
                "base_url": f"{scene.to_mastodon.url}/",
                "token": scene.mastodon.token,
                "timeout": "2s",
                "image": False,
                "on_update": "edit",
                "on_withdraw": "delete",
            },
        ],
    )


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
