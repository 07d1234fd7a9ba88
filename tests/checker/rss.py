"""RSS 2.0 (rssboard.org/rss-specification) with content:encoded, dc:creator and Media RSS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from lxml import etree

from checker.archives import history_rules
from checker.rules import (
    ATOM,
    CONTENT,
    DC,
    HISTORY,
    MEDIA,
    URI,
    Broken,
    absolute_url,
    clean_html,
    load_xml,
    media_rules,
    newest_first,
    plain_text,
    rfc822_date,
    self_and_hub,
    unique,
    xml_rules,
)

CHANNEL_ONCE = {"title", "link", "description", "generator", "docs", "image", "language", "lastBuildDate"}
CHANNEL_OTHER = {"ttl", "pubDate", "item", f"{ATOM}link", f"{HISTORY}archive"}
ITEM_ONCE = {"title", "link", "description", "guid", "pubDate", "author", f"{CONTENT}encoded"}
ITEM_MANY = {"category", "enclosure", f"{DC}creator", f"{MEDIA}content", f"{MEDIA}thumbnail", f"{MEDIA}group"}


def check_rss(body: bytes, url: str, *, hub: str = "", current: str = "") -> list[str]:
    """Problems of an RSS 2.0 document that is published at `url`; an archive's feed is at `current`."""
    try:
        root = load_xml(body, "rss")
    except Broken as broken:
        return [str(broken)]
    return [
        *xml_rules(body, root),
        *_rss_channel(root[0], url, hub),
        *history_rules(root[0], current),
        *_rss_items(root[0].findall("item")),
    ]


def _rss_channel(channel: etree._Element, url: str, hub: str) -> Iterator[str]:
    counts = Counter(child.tag for child in channel)
    yield from _counts("channel", counts, once=CHANNEL_ONCE, allowed=CHANNEL_ONCE | CHANNEL_OTHER)
    yield from (f"channel has no {tag}" for tag in ("title", "link", "description") if not counts[tag])
    yield from plain_text("channel title", channel.findtext("title", ""))
    yield from absolute_url("channel link", channel.findtext("link", ""))
    yield from self_and_hub(channel.findall(f"{ATOM}link"), url, hub)
    for image in channel.findall("image"):
        yield from absolute_url("channel image", image.findtext("url", ""))
        same = [image.findtext(tag) == channel.findtext(tag) for tag in ("title", "link")]
        yield from [] if all(same) else ["channel image: title and link are not those of the channel"]
    for date in channel.findall("lastBuildDate"):
        yield from rfc822_date("lastBuildDate", date.text or "")


def _rss_items(items: list[etree._Element]) -> Iterator[str]:
    for item in items:
        name = f"item {item.findtext('guid')}"
        counts = Counter(child.tag for child in item)
        yield from _counts(name, counts, once=ITEM_ONCE, allowed=ITEM_ONCE | ITEM_MANY)
        yield from (
            f"{name}: no {tag}" for tag in ("title", "description", "guid", "pubDate") if not counts[tag]
        )
        yield from plain_text(f"{name}: title", item.findtext("title", ""))
        yield from rfc822_date(f"{name}: pubDate", item.findtext("pubDate", ""))
        for link in item.findall("link"):
            yield from absolute_url(f"{name}: link", link.text or "")
        for html in (*item.findall("description"), *item.findall(f"{CONTENT}encoded")):
            yield from clean_html(name, html.text or "")
        for author in item.findall("author"):
            yield from [] if "@" in (author.text or "") else [f"{name}: author without an e-mail address"]
        yield from _guid(name, item.find("guid"))
        yield from _enclosures(name, item.findall("enclosure"))
        yield from media_rules(name, item)
    yield from unique("guid", [item.findtext("guid", "") for item in items])
    yield from newest_first([item.findtext("pubDate", "") for item in items], parsedate_to_datetime)


def _guid(name: str, guid: etree._Element | None) -> Iterator[str]:
    if guid is not None and guid.get("isPermaLink") != "false":
        yield f'{name}: guid without isPermaLink="false"'
    if guid is not None and not URI.fullmatch(guid.text or ""):
        yield f"{name}: guid is not an absolute URI"


def _enclosures(name: str, enclosures: list[etree._Element]) -> Iterator[str]:
    if len(enclosures) > 1:
        yield f"{name}: more than one enclosure"
    for enclosure in enclosures:
        if not all(enclosure.get(key) for key in ("url", "type", "length")):
            yield f"{name}: enclosure without url, type or length"


def _counts(name: str, counts: Counter[str], *, once: set[str], allowed: set[str]) -> Iterator[str]:
    yield from (f"{name}: more than one {tag}" for tag in sorted(once) if counts[tag] > 1)
    yield from (f"{name}: {tag} has no place here" for tag in sorted(counts.keys() - allowed))
