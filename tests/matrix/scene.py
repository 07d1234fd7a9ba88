"""A newsroom with several workers, a webhook and a Mastodon, and somebody who reads its documents."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from click.testing import CliRunner
from databases import socket_of
from faults import Proxy, proxy_to
from fediverse import Server
from newsroom import Newsroom
from receiver import Reply, Request
from sqlalchemy import create_engine, text

from feedbot.cli import main
from feedbot.store.db import from_us
from matrix.hands import Hand, first_at, wait_until
from matrix.life import Terms
from matrix.reader import FEEDS, Reader, Shelf, titles_in
from matrix.story import Piece, Story

TOPICS = {"": None, "topic-0/": 0, "topic-1/": 1}  # of the feeds in each folder; None: they have all
STEP = 900.0  # seconds that pass for everybody when something is to fall due
WAIT = 0.4  # seconds that workers have for what has fallen due, before more time passes
SENDING = 5.0  # seconds that they have for what they are sending, however busy the machine is
CLAIM = 120.0  # seconds: longer than any claim of a delivery lasts
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
    wires: list[Proxy]  # to the object store: that of the workers, and that of the server
    shelf: Shelf
    story: Story
    reader: Reader
    environ: dict[str, str]  # of all processes
    has_lines: bool  # each worker has a line of its own to the database
    is_bound: bool  # by permissions
    store: timedelta  # that an object store may take for an answer
    server: Any  # PostgreSQL, to be turned off
    is_atomic: bool  # the place of the documents gives a whole one at any time
    is_timely: bool = True  # no clock was ever wrong
    hands: list[Hand] = field(default_factory=list)
    _past: list[Hand] = field(default_factory=list)  # workers that ended
    _stack: ExitStack = field(default_factory=ExitStack)  # what ends with the newsroom

    # --- workers ---

    def start(self) -> Hand:
        """One more worker."""
        environ = dict(self.environ)
        to_store = None
        if self.has_lines:
            to_store = self._stack.enter_context(proxy_to(socket_of(self.store_url)))
            environ["STORE_URL"] = f"postgresql://postgres@127.0.0.1:{to_store.port}/postgres"
        config = self.newsroom.folder / "config.yaml"
        terms = Terms(
            config=config,
            environ=environ,
            ahead=self.time.ahead,
            is_bound=self.is_bound,
            store=self.store,
        )
        number = len(self.hands) + len(self._past) + 1
        self.hands.append(Hand(number, terms, to_store))
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
        self._past.append(hand)
        hand.bury()
        return code

    def logs(self) -> str:
        """What all workers said in the end, for who looks for the reason."""
        return "\n".join(hand.tail() for hand in [*self._past, *self.hands])

    # --- the newsroom's day ---

    def begin(self, workers: int) -> None:
        """Start workers over a newsroom that has been there for long, and let somebody read."""
        for _ in range(3):
            self.story.publish(is_old=True)
        first = self.start()
        wait_until(self.shows_everything, self.logs)
        # Targets are told of what comes after a whole pass: one that a slow store cut short is none.
        wait_until(lambda: first.has_said("^looked at"), self.logs)
        self.reader.start()
        for _ in range(workers - 1):
            self.start()
        wait_until(lambda: self.query("select count(*) from workers") == [(workers,)], self.logs)

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
        differences = {
            f"{folder}{name}": self.story.titles(topic) ^ self.titles(f"{folder}{name}")
            for folder, topic in TOPICS.items()
            for name in FEEDS
        }
        return {path: titles for path, titles in differences.items() if titles}

    def titles(self, path: str) -> set[str]:
        """What readers see of articles in a document."""
        body = self.shelf.get(path)
        try:
            return set(titles_in(path, body)) if body else set()
        except (ValueError, ElementTree.ParseError):  # which the reader notes
            return set()

    def settle(self) -> None:
        """Let time pass until nothing is left to be written or sent."""
        wait_until(self.shows_everything, lambda: f"{self.missing()}\n{self.logs()}")
        for _ in range(100):
            with suppress(AssertionError):  # a claim of somebody who was killed ends when time passes
                wait_until(self.is_idle, str, SENDING)
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

    def is_idle(self) -> bool:
        """Whether nothing is on its way: it would have taken longer than its lease when time passes."""
        return not self.query("select 1 from deliveries where state = 'sending'")

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

    def moments(self) -> list[datetime]:
        """All moments at which something was noted, by the clocks of those who did."""
        columns = ("started_us from passes", "at_us from attempts", "at_us from events")
        rows = self.query(" union all ".join(f"select {column}" for column in columns))
        return [from_us(moment) for (moment,) in rows]

    # --- the operator's eyes ---

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code of a command, what it prints, and what it says of trouble."""
        config = str(self.newsroom.folder / "config.yaml")
        result = CliRunner().invoke(main, [*arguments, "--config", config], env=self.environ)
        return result.exit_code, result.stdout, result.stderr

    def status(self) -> dict[str, Any]:
        """`feedbot status --json`; fails where that does."""
        code, said, trouble = self.command("status", "--json")
        assert code == 0, trouble
        found: dict[str, Any] = json.loads(said)
        return found

    def waiting(self) -> int:
        """How many deliveries failed and are tried again, as it says."""
        counts = self.status()["deliveries"]["counts"]
        return int(counts["retry"] + counts["unclear"])

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
        self._stack.close()
