"""A reader of whole histories: walks from a feed's address back through its archives, as RFC 5005 says.

Written from the specification (section 4, and appendix B for RSS; JSON Feed 1.1 for `next_url`), knowing
nothing of how the documents are made. What a careful reader would stumble over is a `WalkError`, with the
address and the reason.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from urllib.parse import urljoin, urlsplit

from lxml import etree

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
MEDIA_TYPES = {  # by the name of the root element, or of the version of JSON Feed
    "rss": "application/rss+xml",
    "feed": "application/atom+xml",
    "json": "application/feed+json",
}
PATIENCE = 60.0  # seconds for one document


class WalkError(AssertionError):
    """A document that a walk cannot go on from, or that breaks the rules."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry as one document has it."""

    id: str
    title: str
    updated: datetime | None  # None in RSS, which has no such date
    page: str  # the address of the document


@dataclass(frozen=True, kw_only=True)
class Page:
    """One document of a feed."""

    url: str
    body: bytes
    entries: tuple[Entry, ...]
    previous: str  # the archive before this document; "" if it is the oldest
    current: str  # the subscription document; "" where it is not said, as in JSON
    is_archive: bool | None  # None where the format cannot say


@dataclass(frozen=True, kw_only=True)
class Walk:
    """What a walk came to."""

    pages: tuple[Page, ...]  # the subscription document first, then the archives, the newest first
    fetched: tuple[str, ...]  # the addresses that were asked for

    @property
    def archives(self) -> tuple[Page, ...]:
        """All but the subscription document."""
        return self.pages[1:]

    @property
    def entries(self) -> dict[str, Entry]:
        """Each entry by its id: the version updated last, of several such the one in the newest document."""
        found: dict[str, Entry] = {}
        for page in self.pages:
            for entry in page.entries:
                other = found.get(entry.id)
                if other is None or _is_newer(entry, other):
                    found[entry.id] = entry
        return found


def _is_newer(entry: Entry, other: Entry) -> bool:
    return entry.updated is not None and other.updated is not None and entry.updated > other.updated


def walk(url: str, known: Mapping[str, Page] | None = None) -> Walk:
    """Go from the subscription document at `url` to the oldest archive.

    `known` are the archives of an earlier walk by their addresses: closed documents, which a reader does not
    fetch again. Raises WalkError.
    """
    pages, fetched, seen = [], [], set()
    address = url
    while address:
        if address in seen:
            raise WalkError(f"{address}: the walk comes here for the second time, from {pages[-1].url}")
        seen.add(address)
        page = (known or {}).get(address) if pages else None
        if page is None:
            page = fetch(address)
            fetched.append(address)
        _check(page, start=url, is_start=not pages)
        pages.append(page)
        address = page.previous
    return Walk(pages=tuple(pages), fetched=tuple(fetched))


def _check(page: Page, *, start: str, is_start: bool) -> None:
    """What documents of an archived feed have to say about themselves."""
    if page.is_archive is not None and page.is_archive == is_start:
        raise WalkError(f"{page.url}: {'marked as an archive' if is_start else 'not marked as an archive'}")
    if not is_start and page.is_archive and page.current != start:
        raise WalkError(
            f"{page.url}: the current document is {page.current!r}, but the walk began at {start}"
        )
    double = [id_ for id_, number in Counter(entry.id for entry in page.entries).items() if number > 1]
    if double:
        raise WalkError(f"{page.url}: has {double} more than once")


def fetch(url: str) -> Page:
    """The document at `url`. Raises WalkError unless it is a feed, with its own media type."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path)  # as an address of a feed it has no query
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise WalkError(f"{url}: status {answer.status}")
        type_ = answer.headers.get_content_type()
    finally:
        connection.close()
    kind, page = read(url, body)
    if type_ != MEDIA_TYPES[kind]:
        raise WalkError(f"{url}: {kind} sent as {type_}")
    return page


def read(url: str, body: bytes) -> tuple[str, Page]:
    """The kind and the content of a document."""
    if body.lstrip().startswith(b"{"):
        return "json", _read_json(url, body)
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    if root.tag == "rss":
        return "rss", _read_rss(url, body, root)
    if root.tag == f"{ATOM}feed":
        return "feed", _read_atom(url, body, root)
    raise WalkError(f"{url}: {root.tag} is no feed")


def _read_json(url: str, body: bytes) -> Page:
    feed = json.loads(body)
    next_url = feed.get("next_url", "")
    if next_url and next_url == feed.get("feed_url"):
        raise WalkError(f"{url}: next_url is the feed_url")
    previous = urljoin(url, next_url) if next_url else ""
    entries = tuple(
        Entry(
            id=item["id"],
            title=item["title"],
            updated=datetime.fromisoformat(item.get("date_modified") or item["date_published"]),
            page=url,
        )
        for item in feed["items"]
    )
    return Page(url=url, body=body, entries=entries, previous=previous, current="", is_archive=None)


def _read_atom(url: str, body: bytes, root: etree._Element) -> Page:
    entries = tuple(
        Entry(
            id=entry.findtext(f"{ATOM}id", ""),
            title=entry.findtext(f"{ATOM}title", ""),
            updated=datetime.fromisoformat(entry.findtext(f"{ATOM}updated", "")),
            page=url,
        )
        for entry in root.findall(f"{ATOM}entry")
    )
    return _read_head(url, body, root, entries)


def _read_rss(url: str, body: bytes, root: etree._Element) -> Page:
    channel = root[0]
    entries = tuple(
        Entry(id=item.findtext("guid", ""), title=item.findtext("title", ""), updated=None, page=url)
        for item in channel.findall("item")
    )
    return _read_head(url, body, channel, entries)


def _read_head(url: str, body: bytes, head: etree._Element, entries: tuple[Entry, ...]) -> Page:
    """The marks and links that both XML formats share."""
    previous, current = _link(url, head, "prev-archive"), _link(url, head, "current")
    if previous and head.find(f"{HISTORY}complete") is not None:
        raise WalkError(f"{url}: complete, and yet has an archive")
    return Page(
        url=url,
        body=body,
        entries=entries,
        previous=previous,
        current=current,
        is_archive=head.find(f"{HISTORY}archive") is not None,
    )


def _link(url: str, head: etree._Element, relation: str) -> str:
    """Where the one link of a relation leads; "" if there is none."""
    found = [link.get("href", "") for link in head.findall(f"{ATOM}link") if link.get("rel") == relation]
    if len(found) > 1:
        raise WalkError(f"{url}: {len(found)} links to {relation}")
    return urljoin(url, found[0]) if found else ""
