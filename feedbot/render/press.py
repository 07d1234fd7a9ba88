"""Feeds from the texts that the store holds: what travels to the processes that render for another."""

from __future__ import annotations

import multiprocessing
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from feedbot.model import Document, Entry, Feed, Format, Site, load_article
from feedbot.render import make_plate, render_feed
from feedbot.render.addresses import NEWEST, Part
from feedbot.render.plates import Copy, Plate, Rack

KEPT = 16 * 2**20  # bytes of plates: those of the feeds of a newsroom, or of the busiest of a large one


class Job(Struct, frozen=True, kw_only=True):
    """A part of a feed to be rendered; None instead of a feed shows nothing at all."""

    feed: Feed | None
    part: Part = NEWEST
    full: bool = False
    bodies: tuple[tuple[str, str], ...] = ()  # id and article as text, sorted and limited


class Rendered(Struct, frozen=True, kw_only=True):
    """A feed's documents, and the newest `updated` they show, if they show any article."""

    documents: list[Document]
    updated: datetime | None


class Press(Struct, frozen=True, kw_only=True):
    """Renders feeds of one configuration."""

    site: Site
    formats: tuple[Format, ...]
    max_item_size: int
    pictures: bool = True  # on pages

    def render(self, job: Job) -> Rendered:
        """The documents of a feed."""
        if job.feed is None:
            return Rendered(documents=[], updated=None)
        rack, full, has_page = _rack(self), job.full, not job.part.archive
        plates = [rack.plate(Copy(id_, body, full, has_page)) for id_, body in job.bodies]
        documents = render_feed(
            self.site, job.feed, plates, part=job.part, formats=self.formats, pictures=self.pictures
        )
        return Rendered(documents=documents, updated=max((plate.updated for plate in plates), default=None))

    def make_plate(self, copy: Copy) -> Plate:
        """What the documents of a feed show of one article."""
        return make_plate(
            self.site,
            Entry(id=copy.id, article=load_article(copy.body)),
            formats=self.formats,
            full=copy.full,
            max_item_size=self.max_item_size,
            has_page=copy.has_page,
            pictures=self.pictures,
        )


@lru_cache(maxsize=1)
def _rack(press: Press) -> Rack:
    """The rack of this process: that of the last configuration it has seen.

    A small one in a process that helps with one pass: there few entries are met again.
    """
    helps = multiprocessing.parent_process() is not None
    return Rack(press.make_plate, KEPT // 8 if helps else KEPT)
