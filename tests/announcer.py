"""A Mastodon target driven as the worker drives it, in time that passes as fast as a test likes.

Outcomes are settled by the real rules and fed back: the next attempt's number, what the last one left open,
the receipt. `Time` is the clock of the server, too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from fediverse import Server, fediverse
from msgspec.structs import replace

from feedbot.attempt import Delivery, Outcome, State, Unclear
from feedbot.config.targets import Mastodon as Options
from feedbot.model import Article, Entry, EventKind, Image, JsonObject, Site
from feedbot.settlement import Health, settle
from feedbot.targets.mastodon import MastodonSender
from feedbot.targets.pictures import fetch_picture

LINK = "https://news.example.com/2026/robots-learn-to-fold?from=feed&lang=en"
SITE = Site(
    title="Example Newsroom",
    url="https://news.example.com/",
    feeds_url="https://feeds.example.com/",
    id_base="tag:news.example.com,2026:",
)
UNTIL_SETTLED = 40  # attempts that a test looks on for


class Time:
    """A clock that moves when it is told to; calling it gives the moment."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **how_much: float) -> None:
        """Move on by `seconds`, `minutes`, `hours`, `days`."""
        self.now += timedelta(**how_much)


def article(**changed: Any) -> Article:
    """An article as the newsroom writes them."""
    whole: dict[str, Any] = {
        "title": "Robots learn to fold",
        "published": datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1),
        "summary": "Towels first.",
        "link": LINK,
        "language": "en",
        "topics": ("Robotics", "Machine Learning"),
        **changed,
    }
    return Article(**{"updated": whole["published"], **whole})


def pictured(url: str, title: str = "", **changed: Any) -> Article:
    """An article with a picture."""
    return article(images=(Image(url=url, title=title),), **changed)


def options(url: str, token: str, **changed: Any) -> Options:
    """A target as config.yaml has it."""
    told = {"name": "toots", "type": "mastodon", "base_url": f"{url}/", "token": token, "timeout": "60s"}
    return Options.model_validate({**told, **changed})


class Announcer:
    """One target with its outbox: what was sent, what came of it, what is kept of each article."""

    def __init__(self, url: str, token: str, time: Time, *, pause: float = 0.001, **changed: Any) -> None:
        self.time = time
        self.options = options(url, token, **changed)
        anywhere = partial(fetch_picture, allowed=lambda _: True)  # pictures of tests lie on loopback
        self.sender = MastodonSender(self.options, SITE, fetch=anywhere, pause=pause)
        self.receipts: dict[str, JsonObject] = {}
        self.posted: dict[str, datetime] = {}
        self.health = Health()
        self.outcomes: list[Outcome] = []  # of the last delivery
        self.state = State.PENDING
        self._deliveries = 0

    def delivery(
        self, event: str = "published", told: Article | None = None, *, of: str = "1", generation: int = 1
    ) -> Delivery:
        """An event of the article that has the id `of`."""
        self._deliveries += 1
        return Delivery(
            id=f"msg_{self._deliveries}",
            event=EventKind(event),
            at=self.time.now,
            entry=Entry(id=f"tag:news.example.com,2026:{of}", article=told or article()),
            generation=generation,
        )

    def publish(
        self,
        told: Article | None = None,
        *,
        killed: Collection[int] = (),
        edited: Mapping[int, Article] = MappingProxyType({}),
        **how: Any,
    ) -> Outcome:
        """Announce an article, with as many attempts as it takes.

        `killed`: attempts whose end nobody notes. `edited`: what the article has become by an attempt.
        """
        return self.settle(self.delivery("published", told, **how), killed=killed, edited=edited)

    def update(self, told: Article | None = None, *, killed: Collection[int] = (), **how: Any) -> Outcome:
        """Tell of a change."""
        return self.settle(self.delivery("updated", told, **how), killed=killed)

    def withdraw(self, told: Article | None = None, *, killed: Collection[int] = (), **how: Any) -> Outcome:
        """Tell that an article is gone."""
        return self.settle(self.delivery("withdrawn", told, **how), killed=killed)

    def attempt(self, delivery: Delivery) -> Outcome:
        """One attempt, with what is known of the article."""
        id_ = delivery.entry.id
        known = replace(delivery, receipt=self.receipts.get(id_, {}), posted=self.posted.get(id_))
        outcome = self.sender.send(known, self.time.now)
        self.outcomes.append(outcome)
        return outcome

    def settle(
        self,
        delivery: Delivery,
        *,
        killed: Collection[int] = (),
        edited: Mapping[int, Article] = MappingProxyType({}),
    ) -> Outcome:
        """Attempts until nothing more is to be done; gives the last outcome."""
        self.outcomes = []
        first, number, may_have_arrived = delivery.first_tried, 0, delivery.may_have_arrived
        for _ in range(UNTIL_SETTLED):
            number += 1
            if number in edited:
                delivery = replace(delivery, entry=replace(delivery.entry, article=edited[number]))
            tried = replace(delivery, attempt=number, first_tried=first, may_have_arrived=may_have_arrived)
            first = first or self.time.now
            outcome = self.attempt(tried)
            if number in killed:
                may_have_arrived = True
                self.time.passes(seconds=1)
                continue
            settlement = settle(outcome, attempt=number, health=self.health, now=self.time.now, jitter=0)
            self.state, self.health = settlement.state, settlement.health
            self._keep(delivery, outcome, settlement.state)
            done = settlement.state in {State.SENT, State.SKIPPED}
            may_have_arrived = isinstance(outcome, Unclear) or (may_have_arrived and not done)
            number -= not settlement.is_charged
            if settlement.due is None:
                return outcome
            moments = [settlement.due, self.health.until, self.time.now]
            self.time.now = max(moment for moment in moments if moment is not None)
        raise AssertionError(f"not settled: {self.outcomes[-1]}")

    def _keep(self, delivery: Delivery, outcome: Outcome, state: State) -> None:
        id_ = delivery.entry.id
        if outcome.receipt is not None:
            self.receipts[id_] = json.loads(json.dumps(outcome.receipt))
        if state is State.SENT and delivery.event is EventKind.WITHDRAWN:
            self.posted.pop(id_, None)
        elif state is State.SENT:
            self.posted.setdefault(id_, self.time.now)

    def close(self) -> None:
        """Let go of the connections."""
        self.sender.close()


@contextmanager
def announcing(flavour: str = "mastodon", **changed: Any) -> Iterator[tuple[Server, Announcer]]:
    """A server and a target that posts there, in the same time."""
    time = Time()
    with fediverse(flavour, clock=time) as server:
        announcer = Announcer(server.url, server.token, time, **changed)
        yield server, announcer
        announcer.close()
