"""RSS 2.0 and Atom 1.0 (RFC 4287) through feedgen, which nothing else of feedbot imports.

feedgen builds the documents; what it drops or lacks (link relations, hub, dc:creator, Media RSS, the language
of an entry) is added by one extension, registered through its public interface.
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
from feedbot.render.addresses import feed_id, feed_url, home_url
from feedbot.render.items import Item, description_of, last_change, site_author
from feedbot.render.mark import GENERATOR

ATOM = "http://www.w3.org/2005/Atom"
DC = "http://purl.org/dc/elements/1.1/"
MEDIA = "http://search.yahoo.com/mrss/"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
NAMESPACES = {Format.RSS: {"dc": DC, "media": MEDIA}, Format.ATOM: {"media": MEDIA}}

# feedgen's own formatter switches the locale of the whole process for each date, which other threads see and
# may be left with. The standard library writes the same text without it.
feedgen.feed.formatRFC2822 = feedgen.entry.formatRFC2822 = format_datetime


def render_rss(site: Site, feed: Feed, items: Sequence[Item]) -> bytes:
    """The feed as RSS 2.0, with content:encoded, dc:creator and Media RSS."""
    channel = _start(site, feed, items, Format.RSS)
    channel.fb.hub = site.hub
    if site.logo or site.icon:
        channel.image(site.logo or site.icon)
    for item in items:
        _rss_item(channel.add_entry(order="append"), item)
    written: bytes = channel.rss_str(pretty=True)
    return written


def render_atom(site: Site, feed: Feed, items: Sequence[Item]) -> bytes:
    """The feed as Atom 1.0."""
    root = _start(site, feed, items, Format.ATOM)
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

    hub = ""  # only for RSS, where feedgen drops every link but `self`
    namespaces: dict[str, str]

    def extend_ns(self) -> dict[str, str]:
        """The prefixes to be declared at the root."""
        return self.namespaces

    def extend_rss(self, root: etree._Element) -> None:
        """Add the hub (WebSub, 4)."""
        if self.hub:
            etree.SubElement(root[0], f"{{{ATOM}}}link", rel="hub", href=self.hub)

    def extend_atom(self, root: etree._Element) -> None:
        """Nothing: in Atom feedgen writes all links of a feed."""


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


def _start(site: Site, feed: Feed, items: Sequence[Item], format_: Format) -> Any:
    """A generator with all that is said about the feed itself."""
    generator = feedgen.feed.FeedGenerator()
    generator.register_extension("fb", FeedExtension, EntryExtension)
    generator.fb.namespaces = NAMESPACES[format_]
    generator.id(feed_id(site, feed))
    generator.title(feed.title)
    generator.subtitle(description_of(site, feed))
    generator.updated(last_change(feed, items))  # feedgen would take the clock
    generator.generator(GENERATOR)
    if site.language:
        generator.language(site.language)
    generator.link(_links(site, feed, format_))
    return generator


def _links(site: Site, feed: Feed, format_: Format) -> list[dict[str, str]]:
    """The links of a feed; the one for people last, because feedgen makes the last one RSS's own."""
    links = [{"href": feed_url(site, feed, format_), "rel": "self", "type": MEDIA_TYPES[format_]}]
    if site.hub:
        links.append({"href": site.hub, "rel": "hub"})
    return [*links, {"href": home_url(site, feed), "rel": "alternate", "type": "text/html"}]


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
