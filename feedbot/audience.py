"""What each target of the configuration wants to be told, and how fast. Pure."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import BaseModel, SecretStr

from feedbot import __version__
from feedbot.config.targets import Hub
from feedbot.model import Article, EventKind, Where
from feedbot.store.turns import Pace

if TYPE_CHECKING:
    from feedbot.config import Config, Target

# Options in which workers of one state may differ.
OWN_AFFAIRS = {"paths", "place", "parallel", "keep"}


class Audience(Struct, frozen=True, kw_only=True):
    """One target as those see it who decide what it is told."""

    name: str
    setup: str  # a digest of its options, secrets included, that gives none away
    takes: frozenset[EventKind]
    where: Where
    mirrors: bool  # it keeps articles itself: later events matter to it even of articles it was not told of
    pace: Pace

    def declines(self, article: Article) -> str | None:
        """Why the target's `where` does not take `article`; None: it does."""
        part = self.where.mismatch(article)
        return None if part is None else f"its where.{part} does not match"


def audience_of(target: Target) -> Audience:
    """How a configured target is to be treated."""
    return Audience(
        name=target.name,
        setup=setup_of(target),
        takes=frozenset(map(EventKind, target.takes)),
        where=target.where.model(),
        mirrors=target.type == "webhook",
        pace=Pace(max_per_hour=target.max_per_hour, min_interval=target.min_interval),
    )


def setup_of(target: Target | Hub) -> str:
    """A short digest of how a target is spoken to: where that changed, what was wrong may be mended.

    Another address is another hub, and nothing else is. So short that no secret can be found by trying:
    millions of guesses fit each digest.
    """
    if isinstance(target, Hub):
        return _digest(target.url)
    return _digest(json.dumps(_plain(target), sort_keys=True, default=str))


def setup_of_all(config: Config) -> str:
    """The same for all that decides what readers and targets get, with the version of feedbot.

    Where a machine has its folders, and what is its own affair, is left out: workers share the rest.
    """
    sections = (config.site, config.content, config.feeds, config.announce, config.targets)
    plain = [_plain(section) for section in sections]
    for section in plain[1:4]:
        for name in OWN_AFFAIRS & section.keys():
            del section[name]
    place = config.feeds.place
    bucket = None if isinstance(place, Path) else str(place)  # which is called the same on every machine
    return _digest(json.dumps([__version__, plain, bucket], sort_keys=True, default=str))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value if not isinstance(value, timedelta) else value.total_seconds()
