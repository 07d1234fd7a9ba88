"""JSON Feed 1.1 (jsonfeed.org/version/1.1): fixed order of keys, one item a line, nothing null or empty."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import json

from feedbot.model import Author, Feed, Format, JsonObject, Related, Site
from feedbot.render.addresses import NEWEST, Part, feed_url, home_url
from feedbot.render.items import Item, description_of
from feedbot.render.mark import JSON_KEY, JSON_MARK


def json_item(item: Item) -> bytes:
    """An item as it stands in JSON Feed: one line, without its end."""
    return _dump(_item_object(item))


def render_json(site: Site, feed: Feed, items: Sequence[bytes], part: Part = NEWEST) -> bytes:
    """The feed as JSON Feed 1.1; `items` as `json_item` makes them."""
    head = _dump(_feed_object(site, feed, part)).removesuffix(b"}")
    lines = b",\n".join(items)
    return b"".join([head, b', "items": [', b"\n" if items else b"", lines, b"\n]}\n"])


def _dump(value: JsonObject) -> bytes:
    """One line of JSON, with a space after each comma and colon."""
    return json.format(json.encode(value), indent=0)


def _given(value: JsonObject) -> JsonObject:
    """Leave out what is not given: JSON Feed wants no nulls, and an empty text says nothing."""
    return value if all(value.values()) else {key: part for key, part in value.items() if part}


def _feed_object(site: Site, feed: Feed, part: Part) -> JsonObject:
    # No `authors` here: a reader joins them to the item's own, and each item has some. `feed_url` identifies
    # the feed, so an archive has that of the document to subscribe to.
    return _given(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "home_page_url": home_url(site, feed),
            "feed_url": feed_url(site, feed, Format.JSON),
            "next_url": feed_url(site, feed, Format.JSON, part.before) if part.before else "",
            "description": description_of(site, feed),
            "icon": site.icon,
            "favicon": site.icon,
            "language": site.language,
            "hubs": [{"type": "WebSub", "url": site.hub}] if site.hub and not part.archive else [],
            JSON_KEY: JSON_MARK,
        }
    )


def _item_object(item: Item) -> JsonObject:
    article = item.article
    return _given(
        {
            "id": item.id,
            "url": article.link,
            "external_url": article.via,
            "title": article.title,
            "content_html": item.html,
            # A reader drops an item with neither of the two.
            "content_text": "" if item.html else item.text,
            "summary": article.summary,
            "image": item.images[0].url if item.images else "",
            "date_published": item.published,
            "date_modified": item.updated,
            "authors": [_author_object(author) for author in item.authors],
            "tags": item.tags,
            "language": item.language,
            JSON_KEY: _given({"related": [_related_object(story) for story in article.related]}),
        }
    )


def _author_object(author: Author) -> JsonObject:
    return _given({"name": author.name, "url": author.url, "avatar": author.avatar})


def _related_object(story: Related) -> JsonObject:
    return _given(
        {
            "title": story.title,
            "url": story.url,
            "provider": story.provider,
            "date": story.published.isoformat() if story.published else "",
        }
    )
