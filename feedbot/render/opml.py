"""OPML 2.0 (opml.org/spec2.opml): all feeds in one file, for readers that import subscriptions.

A file names feeds of one format only, for a reader subscribes to all that a file names. It bears no date: it
changes when the feeds do, and not with each article.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from feedbot.model import FILENAMES, Document, Feed, Format, Listing, Site
from feedbot.render.addresses import OPML, folder_url, home_url, opml_path
from feedbot.render.items import description_of
from feedbot.render.mark import COMMENT

SPECIFICATION = "http://opml.org/spec2.opml"


def render_opml(site: Site, listings: Sequence[Listing], formats: Sequence[Format]) -> list[Document]:
    """A list for each format, after the one for those who do not care: RSS, or else the first format."""
    feeds = [listing.feed for listing in listings]
    root = _tree(site, feeds)
    folders = [folder_url(site, feed) for feed in feeds]
    lists = {format_: _of_format(root, folders, format_) for format_ in formats}
    usual = Format.RSS if Format.RSS in formats else formats[0]
    return [
        Document(path=OPML, body=lists[usual]),
        *(Document(path=opml_path(format_), body=body) for format_, body in lists.items()),
    ]


def _tree(site: Site, feeds: Sequence[Feed]) -> etree._Element:
    """What the lists have in common; made once, for a large site names thousands of feeds."""
    root = etree.Element("opml", version="2.0")
    root.append(etree.Comment(COMMENT))
    head = etree.SubElement(root, "head")
    for name, text in _head(site).items():
        etree.SubElement(head, name).text = text
    body = etree.SubElement(root, "body")
    for feed in feeds:
        etree.SubElement(body, "outline", _outline(site, feed))
    return root


def _of_format(root: etree._Element, folders: Sequence[str], format_: Format) -> bytes:
    for outline, folder in zip(root[-1], folders, strict=True):
        outline.set("xmlUrl", folder + FILENAMES[format_])
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written


def _head(site: Site) -> dict[str, str]:
    """What the list is and whose, as far as it is known; `ownerId` is a page by which they can be reached."""
    author = site.author
    known = {
        "title": site.title,
        "ownerName": author.name if author else "",
        "ownerId": author.url if author else "",
        "docs": SPECIFICATION,
    }
    return {name: text for name, text in known.items() if text}


def _outline(site: Site, feed: Feed) -> dict[str, str]:
    return {
        "type": "rss",  # for every format: it is what readers look for
        "text": feed.title,
        "title": feed.title,
        "description": description_of(site, feed),
        "xmlUrl": "",  # set for each format
        "htmlUrl": home_url(site, feed),
    }
