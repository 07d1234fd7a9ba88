"""Whether the three documents of a feed say the same, read apart and by feedparser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import feedparser
from lxml import etree

from checker.rules import ATOM, CONTENT, DC, Broken, load_json, load_xml, moment, text_of

Record = dict[str, Any]


def check_agreement(rss: bytes, atom: bytes, json_: bytes) -> list[str]:
    """Where the three documents of one feed say different things about it or its articles."""
    try:
        channel, feed, object_ = load_xml(rss, "rss")[0], load_xml(atom, f"{ATOM}feed"), load_json(json_)
    except Broken as broken:
        return [str(broken)]
    problems = []
    if len({channel.findtext("title"), feed.findtext(f"{ATOM}title"), object_["title"]}) > 1:
        problems.append("titles of the feed differ")
    if parsedate_to_datetime(channel.findtext("lastBuildDate", "")) != moment(
        feed.findtext(f"{ATOM}updated", "")
    ):
        problems.append("lastBuildDate and updated differ")
    records = [
        [rss_record(item) for item in channel.findall("item")],
        [atom_record(entry) for entry in feed.findall(f"{ATOM}entry")],
        [json_record(item) for item in object_["items"]],
    ]
    ids = [[record["id"] for record in each] for each in records]
    if not ids[0] == ids[1] == ids[2]:
        return [*problems, "ids or their order differ"]
    for same in zip(*records, strict=True):
        problems += _differences(same)
    return [
        *problems,
        *_second_opinion(rss, records[0], "rss20"),
        *_second_opinion(atom, records[1], "atom10"),
    ]


def rss_record(item: etree._Element) -> Record:
    """What an RSS item says, in words that the three formats share; `updated` it cannot say."""
    return {
        "id": item.findtext("guid"),
        "title": item.findtext("title"),
        "link": item.findtext("link", ""),
        "published": parsedate_to_datetime(item.findtext("pubDate", "")),
        "updated": None,
        "tags": [category.text for category in item.findall("category")],
        "authors": [creator.text for creator in item.findall(f"{DC}creator")],
        "summary": text_of(item.findtext("description", "")),
        "html": item.findtext(f"{CONTENT}encoded"),
    }


def atom_record(entry: etree._Element) -> Record:
    """What an Atom entry says."""
    links = {link.get("rel", "alternate"): link.get("href") for link in entry.findall(f"{ATOM}link")}
    html = [text.text for text in entry.findall(f"{ATOM}content") if text.get("type") == "html"]
    return {
        "id": entry.findtext(f"{ATOM}id"),
        "title": entry.findtext(f"{ATOM}title"),
        "link": links.get("alternate", ""),
        "published": moment(entry.findtext(f"{ATOM}published", "")),
        "updated": moment(entry.findtext(f"{ATOM}updated", "")),
        "tags": [category.get("term") for category in entry.findall(f"{ATOM}category")],
        "authors": [person.findtext(f"{ATOM}name") for person in entry.findall(f"{ATOM}author")],
        "summary": entry.findtext(f"{ATOM}summary"),
        "html": html[0] if html else "",
    }


def json_record(item: Record) -> Record:
    """What an item of a JSON Feed says."""
    return {
        "id": item["id"],
        "title": item.get("title"),
        "link": item.get("url", ""),
        "published": moment(item["date_published"]),
        "updated": moment(item["date_modified"]),
        "tags": item.get("tags", []),
        "authors": [author.get("name") for author in item.get("authors", [])],
        "summary": item.get("summary"),
        "html": item.get("content_html", ""),
    }


def _differences(records: Iterable[Record]) -> Iterator[str]:
    first, *others = records
    for key in first:
        said = [record[key] for record in (first, *others) if record[key] is not None]
        if any(value != said[0] for value in said):
            yield f"item {first['id']}: the formats differ in {key}"


def _second_opinion(body: bytes, records: list[Record], version: str) -> Iterator[str]:
    """The same document as feedparser reads it."""
    parsed = feedparser.parse(body, sanitize_html=False)
    if parsed.bozo or parsed.version != version:
        yield f"feedparser takes it for {parsed.version or 'no feed'}: {parsed.get('bozo_exception')}"
    for entry, record in zip(parsed.entries, records, strict=True):
        moment_read = datetime(*entry.published_parsed[:6], tzinfo=UTC)
        link = entry.link if record["link"] else ""  # without a link feedparser takes the id for one
        if (entry.id, link, moment_read) != (record["id"], record["link"], record["published"]):
            yield f"item {record['id']}: feedparser reads {entry.id}, {link}, {moment_read}"
