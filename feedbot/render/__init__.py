"""Articles to documents: the same values give the same bytes, in every process and on every machine.

This page is the face of the package. Nothing here or below asks for the time, the disk (but for its own
templates), the locale, the environment or the version of the program. Entries come sorted and limited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from feedbot import redirects
from feedbot.kinds import INDEX
from feedbot.model import Document, Entry, Feed, Format, Listing, Site
from feedbot.render.addresses import NEWEST, Part, feed_path, feed_url, page_path, page_url, topics
from feedbot.render.entrycache import RenderedEntry, Style
from feedbot.render.fulltext import too_large
from feedbot.render.items import Item, item_of
from feedbot.render.jsonfeed import json_item, render_json
from feedbot.render.mark import bears_mark
from feedbot.render.opml import render_opml
from feedbot.render.pages import render_feed_page, render_index_page, static_documents
from feedbot.render.stories import write_story
from feedbot.render.xmlentries import atom_entry, rss_item
from feedbot.render.xmlfeeds import render_atom, render_rss

__all__ = [
    "bears_mark",
    "feed_url",
    "page_url",
    "render_entries",
    "render_feed",
    "render_index",
    "render_page",
    "too_large",
    "topics",
]


class Writer(NamedTuple):
    """How a format is written: one item, and a feed of such items."""

    item: Callable[[Item], bytes]
    feed: Callable[[Site, Feed, Sequence[bytes], Part], bytes]


FORMATS = {
    Format.RSS: Writer(rss_item, render_rss),
    Format.ATOM: Writer(atom_entry, render_atom),
    Format.JSON: Writer(json_item, render_json),
}


def render_entries(
    site: Site,
    entries: Sequence[Entry],
    style: Style,
    *,
    formats: Sequence[Format],
    max_item_size: int,
    pictures: bool = True,
) -> list[RenderedEntry]:
    """What every document shows of each of these entries.

    Where the style asks for the whole article, one whose content exceeds `max_item_size` bytes is shown by
    its excerpt all the same. `pictures` are those on the page. One format of all entries comes after the
    other, for a processor that stays with one kind of work is quicker.
    """
    items = [item_of(site, entry, full=style.full, max_size=max_item_size) for entry in entries]
    stories = [write_story(site, item, pictures=pictures) if style.has_page else b"" for item in items]
    written = {format_: list(map(FORMATS[format_].item, items)) for format_ in formats}
    return [
        RenderedEntry(
            updated=item.article.updated,
            items={format_: written[format_][number] for format_ in formats},
            story=stories[number],
        )
        for number, item in enumerate(items)
    ]


def render_feed(
    site: Site,
    feed: Feed,
    entries: Sequence[RenderedEntry],
    *,
    part: Part = NEWEST,
    formats: Sequence[Format],
) -> list[Document]:
    """The documents of one feed; `entries` stand in the order in which they are to be read."""
    documents = []
    for format_ in formats:
        items = [entry.items[format_] for entry in entries]
        body = FORMATS[format_].feed(site, feed, items, part)
        documents.append(Document(path=feed_path(feed, format_, part.archive), body=body))
    return documents


def render_page(
    site: Site, feed: Feed, entries: Sequence[RenderedEntry], formats: Sequence[Format], *, pictures: bool
) -> Document:
    """The page for people of one feed with these entries; the feed of all articles has the index instead."""
    stories = [entry.story for entry in entries]
    body = render_feed_page(site, feed, stories, formats, pictures=pictures)
    return Document(path=page_path(feed), body=body)


def render_index(
    site: Site,
    listings: Sequence[Listing],
    *,
    formats: Sequence[Format],
    pages: bool = True,
    pictures: bool = True,
    moves: Mapping[str, str] = MappingProxyType({}),
) -> list[Document]:
    """What names all feeds: the page with what it loads, the OPML files, and former addresses, if any.

    The first of `listings` is the feed of all articles; `moves` leads from former slugs to current ones.
    `pages` says whether each feed has one.
    """
    index = render_index_page(site, listings, formats, pages=pages, pictures=pictures)
    documents = [
        *static_documents(),
        Document(path=INDEX, body=index),
        *render_opml(site, listings, formats),
    ]
    if moves:
        body = redirects.render_redirects(site.feeds_url, moves)
        documents.append(Document(path=redirects.PATH, body=body))
    return documents
