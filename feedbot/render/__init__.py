"""Articles to documents: the same values give the same bytes, in every process and on every machine.

This page is the face of the package. Nothing here or below asks for the time, the disk (but for its own
templates), the locale, the environment or the version of the program. Entries come sorted and limited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from feedbot import redirects
from feedbot.model import Document, Entry, Feed, Format, Listing, Site
from feedbot.render.addresses import (
    INDEX,
    NEWEST,
    Part,
    feed_path,
    feed_url,
    page_path,
    page_url,
    topics,
)
from feedbot.render.fulltext import too_large
from feedbot.render.items import Item, item_of
from feedbot.render.jsonfeed import render_json
from feedbot.render.mark import bears_mark
from feedbot.render.opml import render_opml
from feedbot.render.pages import render_feed_page, render_index_page, static_documents
from feedbot.render.xmlfeeds import render_atom, render_rss

__all__ = ["bears_mark", "feed_url", "page_url", "render_feed", "render_index", "too_large", "topics"]

FORMATS: dict[Format, Callable[[Site, Feed, Sequence[Item], Part], bytes]] = {
    Format.RSS: render_rss,
    Format.ATOM: render_atom,
    Format.JSON: render_json,
}


def render_feed(
    site: Site,
    feed: Feed,
    entries: Sequence[Entry],
    *,
    part: Part = NEWEST,
    formats: Sequence[Format],
    full: bool,
    max_item_size: int,
    pictures: bool = True,
) -> list[Document]:
    """The documents of one feed, then its page for people; the root's page is the index, rendered apart.

    `entries` stand in the order in which they are to be read. An archive has no page. `full` asks for whole
    articles; one whose content exceeds `max_item_size` bytes is shown by its excerpt all the same.
    """
    items = [item_of(site, entry, full=full, max_size=max_item_size) for entry in entries]
    documents = [
        Document(path=feed_path(feed, format_, part.archive), body=FORMATS[format_](site, feed, items, part))
        for format_ in formats
    ]
    if feed.slug and not part.archive:
        page = render_feed_page(site, feed, items, formats, pictures=pictures)
        documents.append(Document(path=page_path(feed), body=page))
    return documents


def render_index(
    site: Site,
    listings: Sequence[Listing],
    *,
    formats: Sequence[Format],
    pictures: bool = True,
    moves: Mapping[str, str] = MappingProxyType({}),
) -> list[Document]:
    """What names all feeds: the page with what it loads, the OPML files, and former addresses, if any.

    The first of `listings` is the feed of all articles; `moves` leads from former slugs to current ones.
    """
    documents = [
        *static_documents(),
        Document(path=INDEX, body=render_index_page(site, listings, formats, pictures=pictures)),
        *render_opml(site, listings, formats),
    ]
    if moves:
        body = redirects.render_redirects(site.feeds_url, moves)
        documents.append(Document(path=redirects.PATH, body=body))
    return documents
