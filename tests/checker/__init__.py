"""A structural checker for the documents that feedbot writes: RSS 2.0, Atom 1.0, JSON Feed 1.1, OPML, pages.

It knows the formats and nothing of feedbot, so that it cannot share a mistake with it. Each check returns a
list of problems in words, empty when all is well. `check_folder` checks a whole output folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from lxml import etree

from checker.agreement import Record, atom_record, check_agreement, json_record, rss_record
from checker.archives import check_chain, place_of
from checker.atom import check_atom
from checker.jsonfeed import check_json
from checker.pages import alternates_of, check_opml, check_page, html_page
from checker.rss import check_rss
from checker.rules import ATOM, Broken, load_json, load_xml, unique

__all__ = [
    "check_agreement",
    "check_atom",
    "check_folder",
    "check_json",
    "check_opml",
    "check_page",
    "check_rss",
]


CHECKS = {"rss.xml": check_rss, "atom.xml": check_atom, "feed.json": check_json}


def check_folder(
    folder: Path, feeds_url: str, *, hub: str = "", limit: int | None = None, pages: bool = True
) -> list[str]:
    """Problems of all documents below `folder`, which is published at `feeds_url`, each with its path.

    Each feed is to have a page for people if there are `pages`.
    """
    problems: list[str] = []
    places = sorted({path.parent for path in folder.rglob("*") if path.name in CHECKS})
    for place in places:
        problems += _check_documents(folder, place, feeds_url, hub, limit)
    feeds = [place for place in places if place_of(folder, place) is None]
    for feed in feeds:
        problems += _check_feed(folder, feed, feeds_url, pages=pages)
    for path in sorted(folder.rglob("index.html")):
        problems += _check_page_in(folder, path)
    problems += _check_opml_in(folder, feeds, feeds_url)
    return [*problems, *_check_across(folder, places, feeds)]


def _check_documents(folder: Path, place: Path, feeds_url: str, hub: str, limit: int | None) -> Iterator[str]:
    """Those of a feed, or of one of its archives."""
    archive = place_of(folder, place)
    bodies = {name: (place / name).read_bytes() for name in CHECKS if (place / name).is_file()}
    for name, body in bodies.items():
        url = feeds_url + quote((place / name).relative_to(folder).as_posix())
        feed_url = feeds_url + quote((archive[0] / name).relative_to(folder).as_posix()) if archive else ""
        found = CHECKS[name](body, url, hub="" if archive else hub, current=feed_url)
        path = (place / name).relative_to(folder).as_posix()
        yield from (f"{path}: {what}" for what in found)
        if limit is not None and len(_records(place / name)) > limit:
            yield f"{path}: more than {limit} items"
    if len(bodies) == len(CHECKS):
        name = place.relative_to(folder).as_posix()
        yield from (f"{name}: {what}" for what in check_agreement(*(bodies[each] for each in CHECKS)))


def _check_feed(folder: Path, feed: Path, feeds_url: str, *, pages: bool) -> Iterator[str]:
    path = feed.relative_to(folder).as_posix()
    if (pages or feed == folder) and not (feed / "index.html").is_file():
        yield f"{path}: no page for people"
    for name in CHECKS:
        if (feed / name).is_file():
            yield from (f"{path}/{name}: {what}" for what in check_chain(folder, feed, feeds_url, name))


def _check_page_in(folder: Path, path: Path) -> Iterator[str]:
    name = path.relative_to(folder).as_posix()
    root = html_page(path.read_bytes())
    yield from (f"{name}: {what}" for what in check_page(path.read_bytes()))
    for element in (*root.iter("a"), *root.iter("link"), *root.iter("script")):
        url = element.get("href") or element.get("src") or ""
        if ":" not in url and not url.startswith("#") and not (path.parent / unquote(url)).is_file():
            yield f"{name}: leads to {url}, which does not exist"
    here = {each.name for each in path.parent.iterdir()} & CHECKS.keys()
    if {link.get("href") for link in alternates_of(root)} != here:
        yield f"{name}: autodiscovery does not name the documents beside it"


def _check_opml_in(folder: Path, feeds: list[Path], feeds_url: str) -> Iterator[str]:
    there = {feeds_url + quote(path.relative_to(folder).as_posix()) for path in folder.rglob("*")}
    for name in sorted({"feeds.opml", *(path.name for path in folder.glob("*.opml"))}):
        body = (folder / name).read_bytes() if (folder / name).is_file() else b""
        found = check_opml(body)
        yield from (f"{name}: {what}" for what in found)
        if not found:
            listed = [each.get("xmlUrl", "") for each in load_xml(body, "opml").findall("body/outline")]
            yield from (f"{name}: {url} does not exist" for url in listed if url not in there)
            if len(listed) != len(feeds):
                yield f"{name}: lists {len(listed)} of {len(feeds)} feeds"
            if len({url.rpartition("/")[2] for url in listed}) > 1:
                yield f"{name}: names feeds of more than one format"


def _check_across(folder: Path, places: list[Path], feeds: list[Path]) -> Iterator[str]:
    """An article is the same in every document that carries it; feeds have titles of their own."""
    for name in CHECKS:
        known: dict[str, Record] = {}
        for path in [place / name for place in places if (place / name).is_file()]:
            for record in _records(path):
                if known.setdefault(record["id"], record) != record:
                    yield f"{path.relative_to(folder).as_posix()}: {record['id']} differs from other feeds"
        paths = [feed / name for feed in feeds if (feed / name).is_file()]
        yield from unique(f"{name}: title", [_title(path) for path in paths])


def _records(path: Path) -> list[Record]:
    try:
        if path.name == "feed.json":
            return [json_record(item) for item in load_json(path.read_bytes())["items"]]
        if path.name == "atom.xml":
            return [
                atom_record(each) for each in load_xml(path.read_bytes(), f"{ATOM}feed").iter(f"{ATOM}entry")
            ]
        return [rss_record(item) for item in load_xml(path.read_bytes(), "rss").iter("item")]
    except (Broken, KeyError, ValueError):
        return []  # reported already


def _title(path: Path) -> str:
    try:
        if path.name == "feed.json":
            return str(load_json(path.read_bytes()).get("title"))
        return etree.parse(path).findtext(f".//{ATOM}title" if path.name == "atom.xml" else ".//title") or ""
    except (Broken, etree.XMLSyntaxError):
        return path.as_posix()  # reported already
