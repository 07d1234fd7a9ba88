"""Atom 1.0 (RFC 4287)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lxml import etree

from checker.archives import history_rules
from checker.rules import (
    ATOM,
    URI,
    Broken,
    absolute_url,
    clean_html,
    load_xml,
    media_rules,
    moment,
    newest_first,
    plain_text,
    rfc3339_date,
    self_and_hub,
    unique,
    xml_rules,
)

KNOWN_RELATIONS = {"alternate", "current", "enclosure", "hub", "prev-archive", "related", "self", "via"}


def check_atom(body: bytes, url: str, *, hub: str = "", current: str = "") -> list[str]:
    """Problems of an Atom 1.0 document that is published at `url`; an archive's feed is at `current`."""
    try:
        root = load_xml(body, f"{ATOM}feed")
    except Broken as broken:
        return [str(broken)]
    return [
        *xml_rules(body, root),
        *_atom_feed(root, url, hub),
        *history_rules(root, current),
        *_atom_entries(root),
    ]


def _atom_feed(root: etree._Element, url: str, hub: str) -> Iterator[str]:
    yield from _atom_common("feed", root)
    yield from self_and_hub(root.findall(f"{ATOM}link"), url, hub)
    if not any(link.get("rel") == "alternate" for link in root.findall(f"{ATOM}link")):
        yield "feed has no alternate link"
    shown = [entry.findtext(f"{ATOM}updated", "") for entry in root.findall(f"{ATOM}entry")]
    if shown and root.findtext(f"{ATOM}updated") != max(shown, key=moment):
        yield "feed updated is not the latest of its entries"
    for tag in ("icon", "logo"):
        for picture in root.findall(f"{ATOM}{tag}"):
            yield from absolute_url(tag, picture.text or "")


def _atom_entries(root: etree._Element) -> Iterator[str]:
    entries = root.findall(f"{ATOM}entry")
    for entry in entries:
        name = f"entry {entry.findtext(f'{ATOM}id')}"
        yield from _atom_common(name, entry)
        yield from _atom_texts(name, entry)
        yield from media_rules(name, entry)
        if entry.find(f"{ATOM}author") is None and root.find(f"{ATOM}author") is None:
            yield f"{name}: no author"
        relations = [link.get("rel", "alternate") for link in entry.findall(f"{ATOM}link")]
        if "alternate" not in relations and entry.find(f"{ATOM}content") is None:
            yield f"{name}: neither content nor alternate link"
        published = entry.findtext(f"{ATOM}published", "")
        yield from rfc3339_date(f"{name}: published", published)
        if moment(entry.findtext(f"{ATOM}updated", "")) < moment(published):
            yield f"{name}: updated before it was published"
    yield from unique("id", [entry.findtext(f"{ATOM}id", "") for entry in entries])
    yield from newest_first([entry.findtext(f"{ATOM}published", "") for entry in entries], moment)


def _atom_common(name: str, element: etree._Element) -> Iterator[str]:
    """Rules for the feed and for its entries alike (RFC 4287, 4.1.1 and 4.1.2)."""
    for tag in ("id", "title", "updated"):
        if len(element.findall(f"{ATOM}{tag}")) != 1:
            yield f"{name}: not exactly one {tag}"
    if not URI.fullmatch(element.findtext(f"{ATOM}id", "")):
        yield f"{name}: id is not an absolute URI"
    yield from plain_text(f"{name}: title", element.findtext(f"{ATOM}title", ""))
    yield from rfc3339_date(f"{name}: updated", element.findtext(f"{ATOM}updated", ""))
    for person in element.findall(f"{ATOM}author"):
        if not person.findtext(f"{ATOM}name"):
            yield f"{name}: author without a name"
    alternates: Counter[tuple[str | None, ...]] = Counter()
    for link in element.findall(f"{ATOM}link"):
        yield from absolute_url(f"{name}: link", link.get("href", ""))
        if link.get("rel", "alternate") not in KNOWN_RELATIONS:
            yield f"{name}: unknown relation {link.get('rel')}"
        if link.get("rel", "alternate") == "alternate":
            alternates[link.get("type"), link.get("hreflang")] += 1
    if any(count > 1 for count in alternates.values()):
        yield f"{name}: two alternate links of one type and language"


def _atom_texts(name: str, entry: etree._Element) -> Iterator[str]:
    for tag in ("summary", "content"):
        for text in entry.findall(f"{ATOM}{tag}"):
            if text.get("type", "text") == "html":
                yield from clean_html(name, text.text or "")
            elif text.get("type", "text") == "text":
                yield from plain_text(f"{name}: {tag}", text.text or "")
            else:
                yield f"{name}: {tag} of type {text.get('type')}"
