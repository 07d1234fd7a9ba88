"""Entries as they stand in RSS 2.0 and Atom 1.0 (RFC 4287), to the letter as lxml would write them there.

The prefixes are declared at the root of the document. Every text is escaped here. That it holds no control
character is what reading promises, and is made sure of, for a single one would cost readers the whole feed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from email.utils import format_datetime

from feedbot.model import Image
from feedbot.render.escaping import escape, escape_value
from feedbot.render.items import Item

_CONTROLS = bytes({*range(0x20)} - {*b"\t\n"})


def rss_item(item: Item) -> bytes:
    """An item as it stands in RSS 2.0, with content:encoded, dc:creator and Media RSS.

    Raises ValueError for control characters.
    """
    return _element("    ", "<item>", _rss_children(item), "</item>")


def atom_entry(item: Item) -> bytes:
    """An entry as it stands in Atom 1.0. Raises ValueError for control characters."""
    language = f" xml:lang={_quoted(item.language)}" if item.language else ""
    return _element("  ", f"<entry{language}>", _atom_children(item), "</entry>")


def _rss_children(item: Item) -> Iterator[str]:
    article = item.article
    yield f"<title>{escape(article.title)}</title>"
    if article.link:
        yield f"<link>{escape(article.link)}</link>"
    if article.summary or not item.html:  # it is HTML: escaped here, and once more as XML
        yield f"<description>{escape(escape(item.text))}</description>"
    if item.html:
        tag = "content:encoded" if article.summary else "description"
        yield f"<{tag}>{_cdata(item.html)}</{tag}>"
    yield f'<guid isPermaLink="false">{escape(item.id)}</guid>'
    for tag in item.tags:
        yield f"<category>{escape(tag)}</category>"
    yield f"<pubDate>{format_datetime(article.published)}</pubDate>"
    for author in item.authors:  # in RSS proper they need an e-mail address
        yield f"<dc:creator>{escape(author.name)}</dc:creator>"
    yield from _media(item.images)


def _atom_children(item: Item) -> Iterator[str]:
    article = item.article
    yield f"<id>{escape(item.id)}</id>"
    yield f"<title>{escape(article.title)}</title>"
    yield f"<updated>{item.updated}</updated>"
    for author in item.authors:
        uri = f"\n      <uri>{escape(author.url)}</uri>" if author.url else ""
        yield f"<author>\n      <name>{escape(author.name)}</name>{uri}\n    </author>"
    if item.html:
        yield f'<content type="html">{escape(item.html)}</content>'
    elif not article.link:  # an entry needs one of the two (RFC 4287, 4.1.2)
        yield f'<content type="text">{escape(item.text)}</content>'
    if article.link:
        yield f'<link href={_quoted(article.link)} rel="alternate"/>'
    if article.via:
        yield f'<link href={_quoted(article.via)} rel="via"/>'
    if article.summary:
        yield f'<summary type="text">{escape(article.summary)}</summary>'
    for tag in item.tags:
        yield f"<category term={_quoted(tag)}/>"
    yield f"<published>{item.published}</published>"
    yield from _media(item.images)


def _media(images: Sequence[Image]) -> Iterator[str]:
    """Pictures as direct children in both forms, because a reader knows the one or the other."""
    sources = [_source(image) for image in images]
    for source in sources:
        yield f'<media:content medium="image" {source}/>'
    for source in sources[:1]:
        yield f"<media:thumbnail {source}/>"


def _source(image: Image) -> str:
    width = f' width="{image.width}"' if image.width else ""
    height = f' height="{image.height}"' if image.height else ""
    return f"url={_quoted(image.url)}{width}{height}"


def _element(indent: str, start: str, children: Iterable[str], end: str) -> bytes:
    """An element, indented, with each child on a line of its own."""
    lines = f"\n{indent}  ".join([indent + start, *children])
    text = f"{lines}\n{indent}{end}\n"
    written = text.encode()
    if len(written.translate(None, _CONTROLS)) < len(written) or "\ufffe" in text or "\uffff" in text:
        raise ValueError(f"control characters in {text!r}")
    return written


def _quoted(text: str) -> str:
    """`text` as the value of an attribute, with its quotes."""
    return f'"{escape_value(text)}"'


def _cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
