"""A target for tests that keeps what it is given, and a newsroom that announces to such targets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from newsroom import Newsroom

from feedbot.attempt import Check, Delivery, Outcome, Preview, Sent, State
from feedbot.clock import Clock
from feedbot.observe import Redact
from feedbot.sending.deliver import Deliverer, Recipient
from feedbot.settlement import Health
from feedbot.store import inquiry, targets
from feedbot.store.inquiry import AttemptRow, Selection, ShownDelivery
from feedbot.store.turns import Pace

URL = "https://receiver.example/hook"
ALL = ["published", "updated", "withdrawn"]  # events


@dataclass
class Postbox:
    """A sender whose outcomes are given beforehand; when there are no more, everything arrives."""

    name: str = "box"
    budget: float = 30.0
    got: list[Delivery] = field(default_factory=list)
    outcomes: deque[Outcome | Callable[[Delivery], Outcome]] = field(default_factory=deque)
    aborted: bool = False
    knows_doubles: bool = False

    def send(self, delivery: Delivery, now: datetime) -> Outcome:
        self.got.append(delivery)
        outcome = self.outcomes.popleft() if self.outcomes else Sent()
        return outcome(delivery) if callable(outcome) else outcome

    def preview(self, delivery: Delivery) -> Preview:
        return Preview(text=delivery.entry.article.title)

    def check(self) -> list[Check]:
        return []

    def test(self, now: datetime) -> Outcome:
        return Sent()

    def abort(self) -> None:
        """Nothing is under way for long."""

    def close(self) -> None:
        """Nothing is open."""

    def told(self) -> list[tuple[str, str]]:
        """The events that it was given, each with the article's title."""
        return [(one.event.value, one.entry.article.title) for one in self.got]


def webhook(name: str = "box", **options: Any) -> dict[str, Any]:
    """A webhook as it stands in config.yaml."""
    return {"name": name, "type": "webhook", "url": URL, "unsigned": True, **options}


def toots(name: str = "box", **options: Any) -> dict[str, Any]:
    """A Mastodon account as it stands in config.yaml."""
    whole = {"base_url": "https://social.example/", "token": "not-a-token"}
    return {"name": name, "type": "mastodon", **whole, **options}


@dataclass
class Desk:
    """A newsroom with targets, of which each is a postbox; its clock is the newsroom's."""

    newsroom: Newsroom
    boxes: dict[str, Postbox] = field(default_factory=dict)

    def configure(self, *listed: dict[str, Any], **settings: Any) -> None:
        """Let these be the targets; what an earlier configuration said of them is forgotten."""
        self.newsroom.configure(**{**self.newsroom.settings, **settings, "targets": list(listed)})
        self.boxes = {one["name"]: self.boxes.get(one["name"], Postbox(one["name"])) for one in listed}

    def write(self, name: str, **front: Any) -> Path:
        """Write an article of today, young enough to be announced."""
        return self.newsroom.write(name, {"publishedDateTime": "2026-06-01T08:00:00Z", **front})

    @property
    def box(self) -> Postbox:
        """The only postbox."""
        (box,) = self.boxes.values()
        return box

    def deliverer(self, *, parallel: int = 2, redact: Redact = str, clock: Clock | None = None) -> Deliverer:
        """A deliverer as a process of its own would have it, without jitter."""
        config = self.newsroom.config
        recipients = {
            one.name: Recipient(
                transport=self.boxes[one.name],
                pace=Pace(max_per_hour=one.max_per_hour, min_interval=one.min_interval),
            )
            for one in config.targets
        }
        return Deliverer(
            self.newsroom.engine,
            recipients,
            max_age=config.announce.max_age,
            keep=config.announce.keep,
            parallel=parallel,
            clock=clock or (lambda: self.newsroom.now),
            jitter=lambda: 0.0,
            redact=redact,
        )

    def deliver(self, **delta: float) -> None:
        """Let time pass, then send what is due."""
        self.newsroom.later(**(delta or {"seconds": 3}))
        self.deliverer().run_due()

    def rows(self, **selection: Any) -> list[ShownDelivery]:
        """The deliveries on record, the oldest first."""
        return self.newsroom.scalar(  # type: ignore[no-any-return] # what the query answers
            lambda connection: inquiry.select_for(connection, Selection(**selection), newest=False)
        )

    def states(self, **selection: Any) -> list[tuple[str, State]]:
        """The events on record, each with where its delivery stands."""
        return [(one.row.event.value, one.row.state) for one in self.rows(**selection)]

    def attempts(self, number: int = 0) -> list[AttemptRow]:
        """Every try of one of the deliveries on record."""
        key = self.rows()[number].key
        return self.newsroom.scalar(  # type: ignore[no-any-return] # what the query answers
            lambda connection: inquiry.attempts_of(connection, key)
        )

    def health(self, name: str = "box") -> Health:
        """How a target fares."""
        return self.newsroom.scalar(  # type: ignore[no-any-return] # what the query answers
            lambda connection: targets.load(connection)[name].health
        )


def opened(room: Newsroom) -> Desk:
    """A newsroom with one webhook that takes every event, after its first pass."""
    desk = Desk(room)
    desk.configure(webhook(events=ALL))
    room.build()
    return desk


def publish(desk: Desk, *names: str, **front: Any) -> None:
    """Write articles, with a pass after each."""
    for name in names:
        desk.write(f"{name}.md", **front)
        desk.newsroom.build()


def titles(desk: Desk, name: str = "box") -> list[str]:
    """What a target was told of, without the words that all titles begin with."""
    return [title.removeprefix("About ") for _, title in desk.boxes[name].told()]
