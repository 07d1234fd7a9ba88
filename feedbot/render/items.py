"""What every format says about one entry, worked out once, so that the formats agree by construction."""

from __future__ import annotations

import re

from msgspec import Struct

from feedbot.model import Article, Author, Entry, Feed, Image, Provider, Site, fold_name
from feedbot.render.fulltext import exceeds, full_text

_HOST = re.compile(r"[\w-]+(\.[\w-]+)+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")  # the shape of BCP 47


class Item(Struct, frozen=True, kw_only=True):
    """An entry as a feed shows it."""

    id: str
    article: Article
    published: str  # of the article, as in RFC 3339
    updated: str
    html: str  # the full content, or "" where the feed shows the excerpt
    text: str  # the excerpt as plain text, or the title where there is none: never empty
    authors: tuple[Author, ...]  # never empty, each with a name
    tags: tuple[str, ...]
    images: tuple[Image, ...]
    language: str  # "" where it is the site's


def item_of(site: Site, entry: Entry, *, full: bool, max_size: int) -> Item:
    """Work out what a feed shows of `entry`: all of it if `full` and no longer than `max_size` bytes."""
    article = entry.article
    html = full_text(article) if full else ""
    return Item(
        id=entry.id,
        article=article,
        published=article.published.isoformat(),
        updated=article.updated.isoformat(),
        html="" if exceeds(html, max_size) else html,
        text=article.summary or article.title,
        authors=_authors(site, article),
        tags=_tags(article),
        images=_images(article),
        language=_language(site, article),
    )


def site_author(site: Site) -> Author:
    """Who answers for everything that nobody else has signed."""
    return site.author or Author(name=site.title)


def bare_title(site: Site, feed: Feed) -> str:
    """The title of a feed without the name of the site, which readers see behind it."""
    return feed.title.removesuffix(f" – {site.title}")


def description_of(site: Site, feed: Feed) -> str:
    """One sentence about the feed; RSS demands one."""
    if feed.slug:
        return feed.description or f"{bare_title(site, feed)}: articles from {site.title}"
    return feed.description or site.description or f"All articles from {site.title}"


def _authors(site: Site, article: Article) -> tuple[Author, ...]:
    named = tuple(author for author in article.authors if author.name)
    if named:
        return named
    return (_publication(article.provider),) if article.provider else (site_author(site),)


def _publication(provider: Provider) -> Author:
    """The publication as the author of what its writers did not sign."""
    url = f"https://{provider.domain}/" if _HOST.fullmatch(provider.domain) else ""
    return Author(name=provider.name or provider.domain, url=url, avatar=provider.image)


def _tags(article: Article) -> tuple[str, ...]:
    """Topics and category, each name once whatever its spelling."""
    names: dict[str, str] = {}
    for name in (*article.topics, article.category):
        names.setdefault(fold_name(name), name)
    names.pop("", None)
    return tuple(names.values())


def _images(article: Article) -> tuple[Image, ...]:
    """The pictures, each once."""
    found: dict[str, Image] = {}
    for image in article.images:
        found.setdefault(image.url, image)
    return tuple(found.values())


def _language(site: Site, article: Article) -> str:
    known = _LANGUAGE.fullmatch(article.language)
    return article.language if known and article.language.lower() != site.language.lower() else ""
