"""Archived feeds (RFC 5005, section 4): what a document says of its place, and the chain of a feed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from lxml import etree

from checker.rules import ATOM, HISTORY, Broken, load_json, load_xml, unique

NUMBERED = re.compile(r"(?:(?P<feed>.+)/)?archive/(?P<number>[1-9]\d*)")


def place_of(folder: Path, documents: Path) -> tuple[Path, int] | None:
    """The folder of the feed and the number of the archive in `documents`; None if it is no archive."""
    match = NUMBERED.fullmatch(documents.relative_to(folder).as_posix())
    return (folder / (match["feed"] or ""), int(match["number"])) if match else None


def history_rules(head: etree._Element, current: str) -> Iterator[str]:
    """What an XML document says of its place; `current` is where the feed is, "" if this is it."""
    links = [link.get("href") for link in head.findall(f"{ATOM}link") if link.get("rel") == "current"]
    if links != ([current] if current else []):
        yield f"current link is {links}"
    if len(head.findall(f"{HISTORY}archive")) != bool(current):
        yield "the mark of an archive is missing, or out of place"
    if head.find(f"{HISTORY}complete") is not None:
        yield "fh:complete, though there may be archives"


def check_chain(folder: Path, feed: Path, feeds_url: str, name: str) -> Iterator[str]:
    """From the document `name` of a feed back to its first archive: each once, and no article in two."""
    places = {each: place_of(folder, each) for each in (feed / "archive").glob("*")}
    numbers = [place[1] for each, place in places.items() if place and (each / name).is_file()]
    wanted = sorted(numbers, reverse=True)
    if wanted != list(range(len(wanted), 0, -1)):
        yield f"archives are numbered {wanted}"
        return
    urls = {number: feeds_url + quote(f"{_folder(folder, feed)}archive/{number}/{name}") for number in wanted}
    documents = {0: feed / name} | {number: feed / f"archive/{number}/{name}" for number in wanted}
    ids: list[str] = []
    for number, before in zip([0, *wanted], [*wanted, 0], strict=True):
        link, found = _read(documents[number])
        ids += found if number else []
        if link != _url(urls, before):
            yield f"archive {number} is followed by {link!r}, not by archive {before}"
    yield from unique("id in the archives", ids)


def _url(urls: Mapping[int, str], number: int) -> str:
    return urls[number] if number else ""


def _folder(folder: Path, feed: Path) -> str:
    return "" if feed == folder else f"{feed.relative_to(folder).as_posix()}/"


def _read(path: Path) -> tuple[str, list[str]]:
    """Where the archive before this document is, and the ids in it."""
    try:
        if path.suffix == ".json":
            feed = load_json(path.read_bytes())
            return feed.get("next_url", ""), [item["id"] for item in feed["items"]]
        is_rss = path.name == "rss.xml"
        root = load_xml(path.read_bytes(), "rss" if is_rss else f"{ATOM}feed")
    except (Broken, KeyError):
        return "", []  # reported already
    head, item, id_ = (root[0], "item", "guid") if is_rss else (root, f"{ATOM}entry", f"{ATOM}id")
    links = [
        link.get("href", "") for link in head.findall(f"{ATOM}link") if link.get("rel") == "prev-archive"
    ]
    return " ".join(links), [each.findtext(id_, "") for each in head.findall(item)]
