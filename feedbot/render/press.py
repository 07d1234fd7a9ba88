"""Feeds from the texts that the store holds: what travels to the processes that render for another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from feedbot.model import Document, Entry, Feed, Format, Site, load_article
from feedbot.render import render_feed
from feedbot.render.addresses import NEWEST, Part


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
        entries = [Entry(id=id_, article=load_article(body)) for id_, body in job.bodies]
        documents = render_feed(
            self.site,
            job.feed,
            entries,
            part=job.part,
            formats=self.formats,
            full=job.full,
            max_item_size=self.max_item_size,
            pictures=self.pictures,
        )
        updated = max((entry.article.updated for entry in entries), default=None)
        return Rendered(documents=documents, updated=updated)
