"""What a chat card tells of an article, and how its parts are made to fit. Pure; knows no service.

Plain text in, plain text out: a service says how its text is escaped and how it counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct, structs
from msgspec.structs import replace

from feedbot.model import EventKind, Image
from feedbot.targets.fitting import shorten

if TYPE_CHECKING:
    from datetime import datetime

    from feedbot.attempt import Delivery
    from feedbot.model import Site
    from feedbot.targets.fitting import Words

TITLE = 300  # characters of a card, here and below; services may take less
EXCERPT = 600
LONG_EXCERPT = 2_000  # for templates
SMALL_PRINT = 200

Escape = Callable[[str], str]
Prefixes = Mapping[EventKind, str]  # what the title begins with

_HTTP = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)
_SAFE = "%!#$&'()*+,/:;=?@[]~"  # in URLs


class UnfitError(Exception):
    """A delivery of which no message can be made; what it says is for people."""


class Story(Struct, frozen=True, kw_only=True):
    """What a card tells: plain text, one line each, nothing escaped yet."""

    title: str  # never empty; says so if the article was changed or withdrawn
    link: str  # "" for none; otherwise whole
    excerpt: str
    picture: Image | None  # its title is its description
    source: str
    topics: str
    published: datetime
    notes: tuple[str, ...] = ()  # what was cut


class Draft:
    """Makes the parts of one card fit, and keeps account of what became of them."""

    def __init__(self, story: Story, escape: Escape, count: Callable[[str], int]) -> None:
        self.story = story
        self.picture: Image | None = None
        self.notes = list(story.notes)
        self._escape = escape
        self._count = count

    def fit(self, what: str, text: str, limit: int, escape: Escape | None = None) -> str:
        """`text` escaped, and shortened so that it is no longer than `limit` then."""
        escape = escape or self._escape
        return escape(_cut(what, text, limit, self.notes, lambda part: self._count(escape(part))))

    def show(self) -> Image | None:
        """The picture, if there is one: it is part of the card."""
        self.picture = self.story.picture
        return self.picture


def story_of(delivery: Delivery, site: Site, prefixes: Prefixes, *, picture: bool = True) -> Story:
    """What a card tells of the article; of a withdrawn one neither excerpt nor picture."""
    article, notes = delivery.entry.article, list[str]()
    is_withdrawn = delivery.event is EventKind.WITHDRAWN
    title = one_line(article.title) or one_line(delivery.entry.id)
    summary = "" if is_withdrawn else one_line(article.summary)
    names = (article.provider.name, article.provider.domain, site.title)
    source = next(filter(None, map(one_line, names)), "")
    return Story(
        title=_cut("title", prefixes.get(delivery.event, "") + title, TITLE, notes),
        link=web_address(article.link),
        excerpt=_cut("excerpt", summary, EXCERPT, notes),
        picture=_first_picture(article.images, title) if picture and not is_withdrawn else None,
        source=_cut("source", source, SMALL_PRINT, notes),
        topics=_cut("topics", one_line(", ".join(article.topics)), SMALL_PRINT, notes),
        published=article.published,
        notes=tuple(notes),
    )


def words_for_template(words: Words, event: EventKind, prefixes: Prefixes, notes: list[str]) -> Words:
    """`words` as a template gets them: these, too, say that an article was changed or withdrawn.

    Cut to what any message could hold; what was cut is added to `notes`.
    """
    excerpt = "" if event is EventKind.WITHDRAWN else one_line(words.excerpt)
    title = prefixes.get(event, "") + one_line(words.title)
    return replace(
        words,
        title=_cut("title", title, TITLE, notes),
        excerpt=_cut("excerpt", excerpt, LONG_EXCERPT, notes),
    )


def web_address(url: str) -> str:
    """`url` whole, and in the characters that URLs are made of; "" if it is not one of http or https."""
    url = url.strip()
    return quote(url, safe=_SAFE, errors="replace") if _HTTP.match(url) else ""


def one_line(text: str) -> str:
    """`text` without line breaks, and without what is no character."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _first_picture(images: tuple[Image, ...], title: str) -> Image | None:
    """The first picture that can be shown, with a description: its own title, or that of the article."""
    for image in images:
        if url := web_address(image.url):
            return structs.replace(image, url=url, title=shorten(one_line(image.title) or title, TITLE))
    return None


def _cut(what: str, text: str, limit: int, notes: list[str], count: Callable[[str], int] = len) -> str:
    """`text` within `limit`; if that takes some of it away, `notes` has it."""
    short = shorten(text, limit, count)
    if short != text and (note := f"{what} shortened") not in notes:
        notes.append(note)
    return short
