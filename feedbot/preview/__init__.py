"""`feedbot preview`: what each target would get of an article, and why not where not.

The file as it is now, through the rehearsal of the next pass; the texts from those who would send them.
Reads the store, if there is one, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import FeedEvent, Preview
from feedbot.audience import audience_of
from feedbot.config.targets import Hub
from feedbot.errors import StoreError
from feedbot.model import EventKind, JsonObject
from feedbot.moments import iso
from feedbot.preview.forecast import Obstacle, Record, Scene, next_delivery, obstacles
from feedbot.preview.hub import HubRecord, hub_obstacles, record_of_hub
from feedbot.preview.rehearsal import Rehearsal, rehearse
from feedbot.render import topics
from feedbot.sending.transports import pinger_of
from feedbot.store.db import open_store
from feedbot.targets import Sender, make_sender
from feedbot.targets.pictures_address import is_public, location_of
from feedbot.targets.pictures_image import PictureRefused

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config, Target
    from feedbot.model import Site

MakeSender = Callable[["Target", "Site"], Sender]


class Prospect(Struct, frozen=True, kw_only=True):
    """What one target would get."""

    target: str
    type: str
    event: EventKind | FeedEvent | None  # None: there is no article
    obstacles: list[Obstacle]
    preview: Preview | None

    @property
    def verdict(self) -> str:
        """`now`, `later` where all that is in the way goes by itself, else `no`."""
        if self.preview is None or any(one.until is None for one in self.obstacles):
            return "no"
        return "later" if self.obstacles else "now"

    def as_json(self) -> JsonObject:
        """For `--json`."""
        preview = self.preview or Preview(text="")
        return {
            "target": self.target,
            "type": self.type,
            "goes_out": self.verdict,
            "obstacles": [one.as_json() for one in self.obstacles],
            "event": self.event.value if self.event else None,
            "text": preview.text,
            "length": preview.length,
            "limit": preview.limit,
            "picture": preview.picture,
            "picture_text": preview.picture_text,
            "notes": list(preview.notes),
        }


class Previewed(Struct, frozen=True, kw_only=True):
    """An article as it would be announced."""

    rehearsal: Rehearsal
    prospects: list[Prospect]
    remark: str  # what is not known, and why

    def as_json(self) -> JsonObject:
        """For `--json`; its keys are documented in docs/commands.md."""
        scene, article = self.rehearsal.scene, self.rehearsal.scene.article
        return {
            "article": {
                "path": self.rehearsal.name,
                "id": scene.article_id,
                "title": article.title if article else "",
                "link": article.link if article else "",
            },
            "appears": iso(scene.appears),
            "findings": [finding.as_json() for finding in self.rehearsal.findings],
            "remark": self.remark,
            "targets": [prospect.as_json() for prospect in self.prospects],
        }


def preview_article(
    config: Config,
    spelling: str,
    now: datetime,
    *,
    only: str | None = None,
    make: MakeSender = make_sender,
) -> Previewed:
    """What the targets, or `only` one of them, would get of the article that `spelling` names.

    Raises ConfigError where there is no such target, FeedbotError where there is no such article.
    """
    chosen = config.all_targets if only is None else (config.target(only),)
    with _store(config) as (connection, remark):
        rehearsal = rehearse(connection, config, spelling, now)
        scene = rehearsal.scene
        hubs = {
            hub.name: record_of_hub(connection, config, hub, scene.article)
            for hub in chosen
            if isinstance(hub, Hub)
        }
    prospects = [
        _hub_prospect(config, target, scene, hubs[target.name])
        if isinstance(target, Hub)
        else _prospect(config, target, scene, rehearsal.records.get(target.name, Record()), make)
        for target in chosen
    ]
    return Previewed(rehearsal=rehearsal, prospects=prospects, remark=remark)


@contextmanager
def _store(config: Config) -> Iterator[tuple[Connection, str]]:
    """The store to read, or an empty one and why it is."""
    try:
        engine, remark = open_store(config.store.url.get_secret_value(), read_only=True), ""
    except StoreError as error:
        engine, remark = open_store("sqlite://"), f"what was announced is not known: {error}"
    try:
        with engine.begin() as connection:
            yield connection, remark
    finally:
        engine.dispose()


def _prospect(config: Config, target: Target, scene: Scene, record: Record, make: MakeSender) -> Prospect:
    found = obstacles(audience_of(target), scene, record)
    if scene.article is None:
        return Prospect(target=target.name, type=target.type, event=None, obstacles=found, preview=None)
    delivery = next_delivery(scene, scene.article, record)
    with closing(make(target, config.site_model())) as sender:
        preview = sender.preview(delivery)
    if target.type == "mastodon" and preview.picture:  # the only one whose pictures feedbot fetches
        preview = replace(preview, notes=(*preview.notes, _picture_note(preview.picture)))
    return Prospect(
        target=target.name, type=target.type, event=delivery.event, obstacles=found, preview=preview
    )


def _hub_prospect(config: Config, hub: Hub, scene: Scene, record: HubRecord) -> Prospect:
    found = hub_obstacles(hub, scene, record)
    if scene.article is None:
        return Prospect(target=hub.name, type=hub.type, event=None, obstacles=found, preview=None)
    with closing(pinger_of(config, hub)) as pinger:
        preview = pinger.preview(topics(config.site_model(), record.slugs, config.feeds.formats))
    return Prospect(target=hub.name, type=hub.type, event=FeedEvent.CHANGED, obstacles=found, preview=preview)


def _picture_note(url: str) -> str:
    """What can be said of a picture by its address alone."""
    try:
        host = location_of(url).host
    except PictureRefused as error:
        return f"the picture will not be fetched: {error}"
    try:
        is_closed = not is_public(ip_address(host))
    except ValueError:  # a name, which is looked up when it is fetched
        is_closed = host.removesuffix(".").rpartition(".")[2] == "localhost"
    if is_closed:
        return "the picture will not be fetched: its address lies in a private network, or on this machine"
    return "the picture is not fetched by a preview"
