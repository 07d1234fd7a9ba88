"""RSS 2.0 and Atom 1.0 (RFC 4287) through feedgen, which nothing else of feedbot imports.

feedgen builds the documents, each without its entries; what it drops (link relations, the mark of archives)
is added by one extension, registered through its public interface. The entries are set in as `xmlentries.py`
wrote them, once for all feeds that show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from email.utils import format_datetime
from functools import cache
from typing import Any

from lxml import etree

from feedbot.model import MEDIA_TYPES, Author, Feed, Format, Site
from feedbot.render.addresses import NEWEST, Part, feed_id, feed_url, home_url
from feedbot.render.items import description_of, site_author
from feedbot.render.mark import GENERATOR

ATOM = "http://www.w3.org/2005/Atom"
DC = "http://purl.org/dc/elements/1.1/"
HISTORY = "http://purl.org/syndication/history/1.0"
MEDIA = "http://search.yahoo.com/mrss/"
NAMESPACES = {Format.RSS: {"dc": DC, "media": MEDIA}, Format.ATOM: {"media": MEDIA}}


def render_rss(site: Site, feed: Feed, items: Sequence[bytes], part: Part = NEWEST) -> bytes:
    """The feed as RSS 2.0; `items` as `rss_item` writes them."""
    channel = _start(site, feed, Format.RSS, part)
    channel.fb.links = _further_links(site, feed, Format.RSS, part)
    if site.logo or site.icon:
        channel.image(site.logo or site.icon)
    return _filled(channel.rss_str(pretty=True), items, b"  </channel>\n</rss>\n")


def render_atom(site: Site, feed: Feed, entries: Sequence[bytes], part: Part = NEWEST) -> bytes:
    """The feed as Atom 1.0; `entries` as `atom_entry` writes them."""
    root = _start(site, feed, Format.ATOM, part)
    root.author(_person(site_author(site)))
    if site.icon:
        root.icon(site.icon)
    if site.logo:
        root.logo(site.logo)
    return _filled(root.atom_str(pretty=True), entries, b"</feed>\n")


class FeedExtension:
    """What feedgen lacks at the level of the feed; it calls these three methods."""

    links: Sequence[dict[str, str]] = ()  # only for RSS, where feedgen drops every link but `self`
    is_archive = False
    namespaces: dict[str, str]

    def extend_ns(self) -> dict[str, str]:
        """The prefixes to be declared at the root."""
        return self.namespaces

    def extend_rss(self, root: etree._Element) -> None:
        """Add the links, and the mark of an archive."""
        for link in self.links:
            etree.SubElement(root[0], f"{{{ATOM}}}link", link)
        self._mark(root[0])

    def extend_atom(self, root: etree._Element) -> None:
        """Add the mark of an archive; in Atom feedgen writes all links of a feed."""
        self._mark(root)

    def _mark(self, head: etree._Element) -> None:
        if self.is_archive:
            etree.SubElement(head, f"{{{HISTORY}}}archive")


def _filled(frame: bytes, entries: Iterable[bytes], end: bytes) -> bytes:
    """`frame`, a document without entries that closes with `end`, with entries in it."""
    return b"".join([frame.removesuffix(end), *entries, end])


@cache
def load_feedgen() -> Any:
    """feedgen, which takes as long to load as to write a few feeds: only a pass with a change needs it."""
    from feedgen import feed  # noqa: PLC0415 - as said above

    # Its own formatter switches the locale of the whole process for each date, which other threads see and
    # may be left with. The standard library writes the same text without it.
    feed.formatRFC2822 = format_datetime
    return feed


def _start(site: Site, feed: Feed, format_: Format, part: Part) -> Any:
    """A generator with all that is said about the feed itself."""
    generator = load_feedgen().FeedGenerator()
    generator.register_extension("fb", FeedExtension)
    generator.fb.namespaces = NAMESPACES[format_] | ({"fh": HISTORY} if part.archive else {})
    generator.fb.is_archive = bool(part.archive)
    generator.id(feed_id(site, feed))
    generator.title(feed.title)
    generator.subtitle(description_of(site, feed))
    generator.updated(feed.updated)  # feedgen would take the clock
    generator.generator(GENERATOR)
    if site.language:
        generator.language(site.language)
    generator.link(_links(site, feed, format_, part))
    return generator


def _links(site: Site, feed: Feed, format_: Format, part: Part) -> list[dict[str, str]]:
    """The links of a document; the one for people last, because feedgen makes the last one RSS's own."""
    return [
        _link("self", feed_url(site, feed, format_, part.archive), MEDIA_TYPES[format_]),
        *_further_links(site, feed, format_, part),
        _link("alternate", home_url(site, feed), "text/html"),
    ]


def _further_links(site: Site, feed: Feed, format_: Format, part: Part) -> list[dict[str, str]]:
    """To the hub (WebSub, 4), and among the parts of the feed's history (RFC 5005, 4).

    There is no link to the next archive: it would have to be put into a document that is closed.
    """
    links = []
    if site.hub and not part.archive:
        links.append(_link("hub", site.hub))
    if part.before:
        address = feed_url(site, feed, format_, part.before)
        links.append(_link("prev-archive", address, MEDIA_TYPES[format_]))
    if part.archive:
        links.append(_link("current", feed_url(site, feed, format_), MEDIA_TYPES[format_]))
    return links


def _link(relation: str, address: str, type_: str = "") -> dict[str, str]:
    return {"rel": relation, "href": address} | ({"type": type_} if type_ else {})


def _person(author: Author) -> dict[str, str]:
    return {"name": author.name, "uri": author.url} if author.url else {"name": author.name}
