"""Feeds from the texts that the store holds: what travels to the processes that render for another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from feedbot.articletext import load_article
from feedbot.helpers import is_helper
from feedbot.model import Document, Entry, Feed, Format, Site
from feedbot.render import render_entries, render_feed, render_page
from feedbot.render.addresses import NEWEST, Part
from feedbot.render.entrycache import Body, EntryCache, RenderedEntry, Style
from feedbot.render.pages import load_templates
from feedbot.render.xmlfeeds import load_feedgen

KEPT = 16 * 2**20  # bytes of entries: those of the feeds of a newsroom, or of the busiest of a large one


class Job(Struct, frozen=True, kw_only=True):
    """A part of a feed to be rendered; None instead of a feed shows nothing at all."""

    feed: Feed | None
    part: Part = NEWEST
    full: bool = False
    bodies: tuple[Body, ...] = ()  # sorted and limited


class Rendered(Struct, frozen=True, kw_only=True):
    """A feed's documents, and the newest `updated` they show, if they show any article."""

    documents: list[Document]
    updated: datetime | None


class Renderer(Struct, frozen=True, kw_only=True):
    """Renders feeds of one configuration."""

    site: Site
    formats: tuple[Format, ...]
    max_item_size: int
    pages: bool = True  # for people, one for each feed
    pictures: bool = True  # on pages

    def load(self) -> None:
        """Get ready to render: load what is not needed before the first feed."""
        if self.pages:
            load_templates()
        load_feedgen()

    def render(self, job: Job) -> Rendered:
        """The documents of a feed."""
        if job.feed is None:
            return Rendered(documents=[], updated=None)
        has_page = self.pages and not job.part.archive
        entries = _cache(self).entries(job.bodies, Style(full=job.full, has_page=has_page))
        # A feed changed when the latest of those that it shows did, never when it is rendered.
        updated = max((entry.updated for entry in entries), default=None)
        feed = replace(job.feed, updated=updated or job.feed.updated)
        documents = render_feed(self.site, feed, entries, part=job.part, formats=self.formats)
        if has_page and feed.slug:  # the root's page is the index
            documents.append(render_page(self.site, feed, entries, self.formats, pictures=self.pictures))
        return Rendered(documents=documents, updated=updated)

    def render_entries(self, bodies: Sequence[Body], style: Style) -> list[RenderedEntry]:
        """What the documents of a feed show of each of these articles."""
        return render_entries(
            self.site,
            [Entry(id=id_, article=load_article(text)) for id_, text in bodies],
            style,
            formats=self.formats,
            max_item_size=self.max_item_size,
            pictures=self.pictures,
        )


@lru_cache(maxsize=1)
def _cache(renderer: Renderer) -> EntryCache:
    """The cache of this process: that of the last configuration it has seen.

    A small one in a process that helps with one pass: there few entries are met again.
    """
    return EntryCache(renderer.render_entries, KEPT // 8 if is_helper() else KEPT)
