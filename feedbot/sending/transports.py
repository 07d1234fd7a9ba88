"""The ways to the targets of a configuration, made by what it says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feedbot.config.targets import Hub
from feedbot.render import topics
from feedbot.targets import Pinger, Transport, make_pinger, make_sender

if TYPE_CHECKING:
    from feedbot.config import Config, Target


def transport_of(config: Config, target: Target | Hub) -> Transport:
    """The way to a target, or to the hub."""
    return pinger_of(config, target) if isinstance(target, Hub) else make_sender(target, config.site_model())


def pinger_of(config: Config, hub: Hub) -> Pinger:
    """What tells the hub; it is tried with the feed of all articles."""
    return make_pinger(hub, topics(config.site_model(), [""], config.feeds.formats))
