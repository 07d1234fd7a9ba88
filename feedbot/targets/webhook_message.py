"""What a webhook's message says of an article. Pure.

`webhook.schema.json` beside this file describes the messages for their readers, docs/webhooks.md explains
them. Must not show heat or quality, nor the bodies of articles: a message holds links, and stays small.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import Delivery
from feedbot.model import Article, Author, Entry, EventKind, Image, JsonObject, Provider, Related, Site
from feedbot.targets.http import json_body

LIMIT = 20_000  # bytes of a message, as the specification advises: small ones pass everywhere

# The longest lists of a message. In every newsroom seen, articles stay far below.
_MOST = {"topics": 50, "authors": 20, "images": 10, "related": 10}
# What goes first where a message is still too large: a list loses its last item, anything else goes whole.
_LESS = (
    "related",
    "images",
    "cdn_amp_url",
    "amp_url",
    "topics",
    "authors",
    "original_url",
    "provider",
    "summary",
)


class Message(Struct, frozen=True, kw_only=True):
    """What is told, before it is signed and dressed for the wire."""

    id: str  # the delivery's: receivers know a double by it
    type: str  # `article.published`
    at: datetime  # of the event
    source: str  # URL of the site that tells it
    subject: str = ""  # the article's id; "" where it is about none
    data: JsonObject
    notes: tuple[str, ...] = ()  # what was left out


def enveloped(message: Message) -> JsonObject:
    """A message as Standard Webhooks have it: type, time of the event, data."""
    return {"type": message.type, "timestamp": moment(message.at), "data": message.data}


def moment(at: datetime) -> str:
    """`at` in UTC as ISO 8601, with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def message_of(delivery: Delivery, site: Site) -> Message:
    """What is told of `delivery`, within LIMIT."""
    entry = delivery.entry
    whole = Message(
        id=delivery.id,
        type=f"article.{delivery.event}",
        at=delivery.at,
        source=site.url,
        subject=entry.id,
        data=withdrawn_data(entry) if delivery.event is EventKind.WITHDRAWN else data_of(entry, site),
    )
    return _within_limit(whole)


def withdrawn_data(entry: Entry) -> JsonObject:
    """What is said of an article that is gone: enough to find it."""
    article = entry.article
    return _filled(
        {
            "id": entry.id,
            "url": article.link,
            "title": article.title,
            "published": moment(article.published),
        }
    )


def data_of(entry: Entry, site: Site) -> JsonObject:
    """What is said of an article: all but its body, its heat and its quality. Empty fields are left out."""
    article = entry.article
    return _filled(
        {
            "id": entry.id,
            "url": article.link,
            "original_url": article.via,
            "amp_url": article.amp_link,
            "cdn_amp_url": article.cdn_amp_link,
            "title": article.title,
            "summary": article.summary,
            "published": moment(article.published),
            "updated": moment(article.updated),
            "category": article.category,
            "topics": list(article.topics),
            "type": article.type,
            "language": article.language or site.language,
            **_lists(article),
            "provider": _provider(article.provider),
        }
    )


def _lists(article: Article) -> dict[str, list[JsonObject]]:
    return {
        "authors": [_author(author) for author in article.authors],
        "images": [_image(image) for image in article.images],
        "related": [_related(related) for related in article.related],
    }


def _provider(provider: Provider) -> JsonObject:
    return _filled({"name": provider.name, "domain": provider.domain, "image": provider.image})


def _author(author: Author) -> JsonObject:
    return _filled({"name": author.name, "url": author.url, "avatar": author.avatar})


def _image(image: Image) -> JsonObject:
    return _filled({"url": image.url, "width": image.width, "height": image.height, "title": image.title})


def _related(related: Related) -> JsonObject:
    published = "" if related.published is None else moment(related.published)
    return _filled(
        {"title": related.title, "url": related.url, "provider": related.provider, "published": published}
    )


def _filled(fields: Mapping[str, Any]) -> JsonObject:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value}


# --- within the limit ---


def _lessen(data: JsonObject, name: str) -> None:
    value = data[name]
    if isinstance(value, list) and len(value) > 1:
        data[name] = value[:-1]
    else:
        del data[name]


def _within_limit(message: Message) -> Message:
    """`message` with as much of its data as LIMIT allows; its id, link and title stay in any case."""
    notes = []
    data = dict(message.data)
    for name, most in _MOST.items():
        if len(data.get(name, ())) > most:
            data[name] = data[name][:most]
            notes.append(f"only the first {most} {name}")
    for name in _LESS:
        while name in data and len(json_body(enveloped(replace(message, data=data)))) >= LIMIT:
            _lessen(data, name)
            notes.append(f"not all of {name}")
    return replace(message, data=data, notes=tuple(dict.fromkeys(notes)))
