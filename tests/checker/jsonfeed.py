"""JSON Feed 1.1 (jsonfeed.org/version/1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checker.rules import (
    URI,
    Broken,
    absolute_url,
    clean_html,
    json_rules,
    load_json,
    moment,
    newest_first,
    plain_text,
    rfc3339_date,
    unique,
)

FEED_KEYS = {"version", "title", "home_page_url", "feed_url", "description", "user_comment", "next_url"}
FEED_KEYS |= {"icon", "favicon", "authors", "language", "expired", "hubs", "items"}
ITEM_KEYS = {"id", "url", "external_url", "title", "content_html", "content_text", "summary", "image"}
ITEM_KEYS |= {"banner_image", "date_published", "date_modified", "authors", "tags", "language", "attachments"}
URL_KEYS = {
    "home_page_url",
    "feed_url",
    "next_url",
    "icon",
    "favicon",
    "url",
    "external_url",
    "image",
    "avatar",
}


def check_json(body: bytes, url: str, *, hub: str = "", current: str = "") -> list[str]:
    """Problems of a JSON Feed 1.1 document that is published at `url`; an archive's feed is at `current`."""
    try:
        feed = load_json(body)
    except Broken as broken:
        return [str(broken)]
    if feed.get("next_url") == url:
        return [f"next_url is the document itself: {url}"]
    return [*json_rules(body), *_json_feed(feed, current or url, hub), *_json_items(feed.get("items", []))]


def _json_feed(feed: dict[str, Any], url: str, hub: str) -> Iterator[str]:
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield "version is not that of JSON Feed 1.1"
    yield from _json_object("feed", feed, FEED_KEYS)
    yield from (f"feed has no {key}" for key in ("title", "items") if key not in feed)
    yield from plain_text("feed: title", str(feed.get("title", "")))
    if feed.get("feed_url") != url:
        yield f"feed_url is {feed.get('feed_url')}, published at {url}"
    if [one.get("url") for one in feed.get("hubs", [])] != ([hub] if hub else []):
        yield "hubs are not those of the configuration"
    if "authors" in feed and any("authors" in item for item in feed.get("items", [])):
        yield "feed has authors beside those of its items"


def _json_items(items: list[dict[str, Any]]) -> Iterator[str]:
    for item in items:
        name = f"item {item.get('id')}"
        yield from _json_object(name, item, ITEM_KEYS)
        if not isinstance(item.get("id"), str) or not URI.fullmatch(item["id"]):
            yield f"{name}: id is not a text that holds an absolute URI"
        if ("content_html" in item) == ("content_text" in item):
            yield f"{name}: not exactly one of content_html and content_text"
        yield from plain_text(f"{name}: title", str(item.get("title", "")))
        for key in {"summary", "content_text"} & item.keys():
            yield from plain_text(f"{name}: {key}", item[key])
        yield from clean_html(name, item["content_html"]) if "content_html" in item else []
        for key in ("date_published", "date_modified"):
            yield from rfc3339_date(f"{name}: {key}", str(item.get(key, "")))
        if any(not isinstance(tag, str) for tag in item.get("tags", [])):
            yield f"{name}: a tag is not a text"
    yield from unique("id", [str(item.get("id")) for item in items])
    yield from newest_first([str(item.get("date_published")) for item in items], moment)


def _json_object(name: str, value: dict[str, Any], known: set[str]) -> Iterator[str]:
    for key, part in value.items():
        if key not in known and not (key.startswith("_") and isinstance(part, dict)):
            yield f"{name}: unknown key {key}"
        if part is None or part in ("", {}) or (part == [] and key != "items"):
            yield f"{name}: {key} is empty"
        if key in URL_KEYS:
            yield from absolute_url(f"{name}: {key}", str(part))
    for author in value.get("authors", []):
        if not {"name", "url", "avatar"} & author.keys():
            yield f"{name}: an author without name, url and avatar"
        yield from _json_object(f"{name}: author", author, {"name", "url", "avatar"})
