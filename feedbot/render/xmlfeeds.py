"""RSS 2.0 and Atom 1.0 (RFC 4287) through feedgen, which nothing else of feedbot imports.

feedgen builds the documents; what it drops or lacks (link relations, the mark of archives, dc:creator, Media
RSS, the language of an entry) is added by one extension, registered through its public interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import format_datetime
from html import escape
from typing import Any

import feedgen.entry
import feedgen.feed
from lxml import etree

from feedbot.model import MEDIA_TYPES, Article, Author, Feed, Format, Image, Site
from feedbot.render.addresses import NEWEST, Part, feed_id, feed_url, home_url
from feedbot.render.items import Item, description_of, last_change, site_author
from feedbot.render.mark import GENERATOR

ATOM = "http://www.w3.org/2005/Atom"
DC = "http://purl.org/dc/elements/1.1/"
HISTORY = "http://purl.org/syndication/history/1.0"
MEDIA = "http://search.yahoo.com/mrss/"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NAMESPACES = {Format.RSS: {"dc": DC, "media": MEDIA}, Format.ATOM: {"media": MEDIA}}

# feedgen's own formatter switches the locale of the whole process for each date, which other threads see and
# may be left with. The standard library writes the same text without it.
feedgen.feed.formatRFC2822 = feedgen.entry.formatRFC2822 = format_datetime


def render_rss(site: Site, feed: Feed, items: Sequence[Item], part: Part = NEWEST) -> bytes:
    """The feed as RSS 2.0, with content:encoded, dc:creator and Media RSS."""
    channel = _start(site, feed, items, Format.RSS, part)
    channel.fb.links = _further_links(site, feed, Format.RSS, part)
    if site.logo or site.icon:
        channel.image(site.logo or site.icon)
    for item in items:
        _rss_item(channel.add_entry(order="append"), item)
    written: bytes = channel.rss_str(pretty=True)
    return written


def render_atom(site: Site, feed: Feed, items: Sequence[Item], part: Part = NEWEST) -> bytes:
    """The feed as Atom 1.0."""
    root = _start(site, feed, items, Format.ATOM, part)
    root.author(_person(site_author(site)))
    if site.icon:
        root.icon(site.icon)
    if site.logo:
        root.logo(site.logo)
    for item in items:
        _atom_entry(root.add_entry(order="append"), item)
    written: bytes = root.atom_str(pretty=True)
    return written


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


class EntryExtension:
    """What feedgen lacks at the level of the entry; it runs last, on the finished element."""

    item: Item
    links: Sequence[dict[str, str]] = ()

    def extend_rss(self, element: etree._Element) -> None:
        """Add authors, who in RSS proper need an e-mail address, and pictures."""
        for author in self.item.authors:
            etree.SubElement(element, f"{{{DC}}}creator", nsmap={"dc": DC}).text = author.name
        _add_media(element, self.item.images)

    def extend_atom(self, element: etree._Element) -> None:
        """Give the links what feedgen forgets of them, and add language and pictures."""
        for written, link in zip(element.iterchildren("link"), self.links, strict=True):
            written.attrib.update(list(link.items()))
        if self.item.language:
            element.set(XML_LANG, self.item.language)
        _add_media(element, self.item.images)


def _start(site: Site, feed: Feed, items: Sequence[Item], format_: Format, part: Part) -> Any:
    """A generator with all that is said about the feed itself."""
    generator = feedgen.feed.FeedGenerator()
    generator.register_extension("fb", FeedExtension, EntryExtension)
    generator.fb.namespaces = NAMESPACES[format_] | ({"fh": HISTORY} if part.archive else {})
    generator.fb.is_archive = bool(part.archive)
    generator.id(feed_id(site, feed))
    generator.title(feed.title)
    generator.subtitle(description_of(site, feed))
    generator.updated(last_change(feed, items))  # feedgen would take the clock
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


def _rss_item(entry: Any, item: Item) -> None:
    article = item.article
    entry.fb.item = item
    entry.id(item.id)
    entry.title(article.title)
    entry.published(article.published)
    if article.link:
        entry.link(href=article.link)
    if article.summary or not item.html:
        entry.description(escape(item.text, quote=False))  # it is HTML: escaped here, and once more as XML
    if item.html:
        entry.content(item.html, type="CDATA")
    entry.category([{"term": tag} for tag in item.tags])


def _atom_entry(entry: Any, item: Item) -> None:
    article = item.article
    entry.fb.item = item
    entry.id(item.id)
    entry.title(article.title)
    entry.updated(article.updated)
    entry.published(article.published)
    entry.author([_person(author) for author in item.authors])
    if article.summary:
        entry.summary(article.summary, type="text")
    if item.html:
        entry.content(item.html, type="html")
    elif not article.link:  # an entry needs one of the two (RFC 4287, 4.1.2)
        entry.content(item.text, type="text")
    entry.link(_entry_links(article))
    entry.fb.links = _entry_links(article)
    entry.category([{"term": tag} for tag in item.tags])


def _entry_links(article: Article) -> list[dict[str, str]]:
    links = [{"href": article.link, "rel": "alternate"}, {"href": article.via, "rel": "via"}]
    return [link for link in links if link["href"]]


def _person(author: Author) -> dict[str, str]:
    return {"name": author.name, "uri": author.url} if author.url else {"name": author.name}


def _add_media(element: etree._Element, images: Sequence[Image]) -> None:
    """Pictures as direct children in both forms, because a reader knows the one or the other."""
    for image in images:
        etree.SubElement(element, f"{{{MEDIA}}}content", _size(image), nsmap={"media": MEDIA}, medium="image")
    for image in images[:1]:
        etree.SubElement(element, f"{{{MEDIA}}}thumbnail", _size(image), nsmap={"media": MEDIA})


def _size(image: Image) -> dict[str, str]:
    sizes = {"width": image.width, "height": image.height}
    return {"url": image.url} | {key: str(pixels) for key, pixels in sizes.items() if pixels}
