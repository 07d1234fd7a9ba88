"""OPML 2.0 (opml.org/spec2.opml): all feeds in one file, for readers that import subscriptions."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from feedbot.model import Feed, Format, Listing, Site
from feedbot.render.addresses import feed_url, home_url
from feedbot.render.items import description_of
from feedbot.render.mark import COMMENT


def render_opml(site: Site, listings: Sequence[Listing], formats: Sequence[Format]) -> bytes:
    """One outline for each feed, all of one format: RSS, or the first format if RSS is not among them."""
    format_ = Format.RSS if Format.RSS in formats else formats[0]
    root = etree.Element("opml", version="2.0")
    root.append(etree.Comment(COMMENT))
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = site.title
    body = etree.SubElement(root, "body")
    for listing in listings:
        etree.SubElement(body, "outline", _outline(site, listing.feed, format_))
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written


def _outline(site: Site, feed: Feed, format_: Format) -> dict[str, str]:
    return {
        "type": "rss",  # for every format: it is what readers look for
        "text": feed.title,
        "title": feed.title,
        "description": description_of(site, feed),
        "xmlUrl": feed_url(site, feed, format_),
        "htmlUrl": home_url(site, feed),
    }
