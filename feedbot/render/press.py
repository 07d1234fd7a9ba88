"""Feeds from the texts that the store holds: what travels to the processes that render for another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from feedbot.model import Document, Entry, Feed, Format, Site, load_article
from feedbot.render import make_plate, render_feed
from feedbot.render.addresses import NEWEST, Part
from feedbot.render.plates import Plate


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A part of a feed to be rendered; None instead of a feed shows nothing at all."""

    feed: Feed | None
    part: Part = NEWEST
    full: bool = False
    bodies: tuple[tuple[str, str], ...] = ()  # id and article as text, sorted and limited


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A feed's documents, and the newest `updated` they show, if they show any article."""

    documents: list[Document]
    updated: datetime | None


@dataclass(frozen=True, kw_only=True)
class Press:
    """Renders feeds of one configuration."""

    site: Site
    formats: tuple[Format, ...]
    max_item_size: int
    pictures: bool = True  # on pages

    def render(self, job: Job) -> Rendered:
        """The documents of a feed."""
        if job.feed is None:
            return Rendered(documents=[], updated=None)
        plates = [self._make_plate(job, id_, body) for id_, body in job.bodies]
        documents = render_feed(
            self.site, job.feed, plates, part=job.part, formats=self.formats, pictures=self.pictures
        )
        return Rendered(documents=documents, updated=max((plate.updated for plate in plates), default=None))

    def _make_plate(self, job: Job, id_: str, body: str) -> Plate:
        return make_plate(
            self.site,
            Entry(id=id_, article=load_article(body)),
            formats=self.formats,
            full=job.full,
            max_item_size=self.max_item_size,
            has_page=not job.part.archive,
            pictures=self.pictures,
        )
