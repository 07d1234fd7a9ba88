"""Pages for people: an index of all feeds, and a page for each feed. Plain HTML without scripts.

The links among pages and documents are relative, so that a copy of the folder works from anywhere, a disk
included. Nothing is fetched from elsewhere but the pictures of articles.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from feedbot.model import FILENAMES, MEDIA_TYPES, Feed, Format, Listing, Site
from feedbot.render.addresses import INDEX, OPML, feed_path, href, page_path
from feedbot.render.items import Item, description_of, last_change
from feedbot.render.mark import GENERATOR

LABELS = {Format.RSS: "RSS", Format.ATOM: "Atom", Format.JSON: "JSON Feed"}


def render_index_page(site: Site, listings: Sequence[Listing], formats: Sequence[Format]) -> bytes:
    """All feeds with their addresses; the first of `listings` is the feed of all articles."""
    everything = listings[0].feed
    return _render(
        "index.html",
        site=site,
        title=site.title,
        description=description_of(site, everything),
        formats=formats,
        autodiscovery=_autodiscovery(site, everything, formats),
        listings=listings,
    )


def render_feed_page(site: Site, feed: Feed, items: Sequence[Item], formats: Sequence[Format]) -> bytes:
    """The articles of one feed, and the addresses to subscribe to."""
    return _render(
        "feed.html",
        site=site,
        title=feed.title,
        description=description_of(site, feed),
        formats=formats,
        autodiscovery=_autodiscovery(site, feed, formats),
        feed=feed,
        items=items,
        updated=last_change(feed, items) if items else None,
    )


def _autodiscovery(site: Site, feed: Feed, formats: Sequence[Format]) -> list[dict[str, str]]:
    """The documents of the page's own feed; each title is unique, because readers show nothing else."""
    name = feed.title if feed.title == site.title else f"{feed.title} – {site.title}"
    return [
        {"type": MEDIA_TYPES[format_], "href": FILENAMES[format_], "title": f"{name} ({LABELS[format_]})"}
        for format_ in formats
    ]


def _render(template: str, **values: Any) -> bytes:
    return _environment().get_template(template).render(values).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("feedbot.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.globals.update(generator=GENERATOR, index=INDEX, opml=OPML)
    environment.globals.update(labels=LABELS, filenames=FILENAMES, media_types=MEDIA_TYPES)
    environment.filters.update(
        date=_date,
        iso=datetime.isoformat,
        page=lambda feed: href(page_path(feed)),
        address=lambda feed, format_: href(feed_path(feed, format_)),
    )
    return environment


def _date(moment: datetime) -> str:
    """A date that reads the same in every country."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
