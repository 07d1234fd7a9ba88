"""The only place that knows other services: one module for each type of target.

A target turns a `Delivery` into requests (the hub, the URLs of documents) and what is answered into an
`Outcome`. It knows neither the store nor the schedule: when to send, and what follows from an outcome, is
decided above.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from feedbot.attempt import Check, Delivery, Outcome, Preview

if TYPE_CHECKING:
    from feedbot.config import Hub, Target
    from feedbot.model import Site


class Transport(Protocol):
    """The way to one target. Used by one thread at a time; `abort` and `close` may come from another."""

    name: str
    budget: float  # seconds that one attempt takes at most
    knows_doubles: bool  # a delivery that comes twice, under one id, is one to whoever gets it

    @abstractmethod
    def check(self) -> list[Check]:
        """Try credentials, scopes and limits online, without anything that readers would see."""

    @abstractmethod
    def test(self, now: datetime) -> Outcome:
        """Send a message that says it is a test, where the target has a way to do so unseen by the public."""

    @abstractmethod
    def abort(self) -> None:
        """End the request that is under way, if there is one, so that the attempt ends soon."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connections."""


class Sender(Transport, Protocol):
    """Tells one target of articles."""

    @abstractmethod
    def send(self, delivery: Delivery, now: datetime) -> Outcome:
        """Make one attempt. Whatever servers do becomes an outcome; exceptions are bugs."""

    @abstractmethod
    def preview(self, delivery: Delivery) -> Preview:
        """Exactly what `send` would post for `delivery`, without changing anything anywhere."""


class Pinger(Transport, Protocol):
    """Tells the hub of feeds."""

    def ping(self, topics: Sequence[str]) -> Outcome:
        """Make one attempt for a feed with these documents. Whatever the hub does becomes an outcome."""

    def preview(self, topics: Sequence[str]) -> Preview:
        """Exactly what `ping` would post for a feed with these documents."""


# The sender of each type of target, in the module of that name, loaded when there is such a target.
TARGETS = {
    "webhook": "WebhookSender",
    "slack": "SlackSender",
    "discord": "DiscordSender",
    "teams": "TeamsSender",
    "mattermost": "MattermostSender",
    "mastodon": "MastodonSender",
}


def make_sender(target: Target, site: Site) -> Sender:
    """The sender of one configured target."""
    module = import_module(f"feedbot.targets.{target.type}")
    make: Callable[[Target, Site], Sender] = getattr(module, TARGETS[target.type])
    return make(target, site)


def make_pinger(hub: Hub, topics: Sequence[str]) -> Pinger:
    """What tells the configured hub; `topics` are the URLs that a test speaks of."""
    from feedbot.targets import websub  # noqa: PLC0415 - loaded when there is a hub, as the others are

    return websub.WebSubPinger(hub, topics)
