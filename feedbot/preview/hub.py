"""What the hub would be told when a pass takes in an article: which feeds change, and what is in the way."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from feedbot.audience import setup_of
from feedbot.passes.membership import Catalogue
from feedbot.preview.forecast import Obstacle, Scene, Stage, of_article, of_feeds, of_health
from feedbot.settlement import Health
from feedbot.store import feeds, targets
from feedbot.store.feeds import FeedName

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config, Hub
    from feedbot.model import Article


class HubRecord(Struct, frozen=True, kw_only=True):
    """What is on record of the hub, and of the feeds that an article is in."""

    is_met: bool  # it is configured as at the last pass
    health: Health
    slugs: tuple[str, ...]  # of the feeds that somebody can have subscribed to, former ones too


def record_of_hub(connection: Connection, config: Config, hub: Hub, article: Article | None) -> HubRecord:
    """What the store says of the hub and of the feeds that `article` is in."""
    row = targets.load(connection).get(hub.name)
    return HubRecord(
        is_met=row is not None and row.setup == setup_of(hub),
        health=row.health if row else Health(),
        slugs=tuple(_slugs(connection, Catalogue(config).feeds_of(article) if article else {})),
    )


def _slugs(connection: Connection, names: Container[FeedName]) -> Iterator[str]:
    moves = feeds.moves(connection)
    for row in feeds.load(connection):
        if (row.kind, row.name) in names and row.active:
            yield row.slug
            yield from (former for former, current in moves.items() if current == row.slug)


def hub_obstacles(hub: Hub, scene: Scene, record: HubRecord) -> list[Obstacle]:
    """Everything between an article and a ping about its feeds, in order; nothing: the hub is told. Pure."""
    found = of_article(scene, is_told=scene.happens is not None)
    if scene.article is None:
        return found
    if scene.is_first_look or not record.is_met:
        reason = "the hub is new: it is told of what changes after the next pass"
        found.append(Obstacle(stage=Stage.BASELINE, reason=reason))
    elif scene.happens is None and not found:
        reason = "nothing that readers can see has changed, so no feed does"
        found.append(Obstacle(stage=Stage.EVENT, reason=reason))
    return [*found, *of_feeds(scene), *of_health(hub.name, record.health, scene.now)]
