"""One article as the page of a feed shows it, in HTML. Every text is escaped here.

A page holds fifty of them and more, and a template takes three times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from feedbot.model import Author, Image, Provider, Related, Site
from feedbot.render.escaping import escape_value
from feedbot.render.items import Item


def write_story(site: Site, item: Item, *, pictures: bool) -> bytes:
    """What a page shows of `item`; nothing is loaded for it but its picture, if `pictures` are wanted."""
    english = ours(item.language or site.language)
    language = f' lang="{_text(item.language)}"' if item.language else ""
    picture = _picture_of(item) if pictures else None
    lines = [
        f"<article{language}>",
        *([_img(picture)] if picture else []),
        '<div class="story" dir="auto">',
        *_story_lines(item, english),
        "</div>",
        "</article>\n",
    ]
    return "\n".join(lines).encode()


def ours(language: str) -> str:
    """The attribute that our own words need amid text in `language`, so that they are read out as English."""
    return "" if language.lower().partition("-")[0] in {"", "en"} else ' lang="en"'


def web(url: str) -> str:
    """`url` if it leads to the web, else "". Reading has checked it; this is the last place to be sure."""
    return url if url[:8].lower().startswith(("https://", "http://")) else ""


def _story_lines(item: Item, english: str) -> Iterator[str]:
    article = item.article
    yield f"<h2>{_linked(article.link, article.title)}</h2>"
    yield f'<p class="facts"{english}>{_facts(item)}</p>'
    if article.summary:
        yield f"<p>{_text(article.summary)}</p>"
    if article.topics:
        yield '<ul class="topics" aria-label="Topics">'
        yield from (f'<li dir="auto">{_text(topic)}</li>' for topic in article.topics)
        yield "</ul>"
    if article.related:
        yield "<details>"
        yield f"<summary><span{english}>Related coverage ({len(article.related)})</span></summary>"
        yield "<ul>"
        yield from map(_coverage, article.related)
        yield "</ul>"
        yield "</details>"
    if web(article.via):
        yield f'<p class="facts"{english}><a href="{_text(article.via)}">Where it first appeared</a></p>'


def _facts(item: Item) -> str:
    """Who published it, who wrote it, and when."""
    article, published = item.article, item.published
    when = f'<time datetime="{published}">{published[:10]} {published[11:16]} UTC</time>'
    if item.updated[:10] != published[:10]:
        when += f", updated {_day(item.updated)}"
    return " · ".join(part for part in (_source(article.provider), _byline(article.authors), when) if part)


def _source(provider: Provider) -> str:
    if not provider:
        return ""
    name = f'<bdi class="source">{_text(provider.name or provider.domain)}</bdi>'
    if provider.name and provider.domain and provider.name != provider.domain:
        return f'{name} <span class="domain">{_text(provider.domain)}</span>'
    return name


def _byline(authors: Iterable[Author]) -> str:
    names = [f"<bdi>{_linked(author.url, author.name)}</bdi>" for author in authors if author.name]
    return f"by {', '.join(names)}" if names else ""


def _coverage(story: Related) -> str:
    provider = f" · <bdi>{_text(story.provider)}</bdi>" if story.provider else ""
    published = f" · {_day(story.published.isoformat())}" if story.published else ""
    return f'<li dir="auto">{_linked(story.url, story.title)}{provider}{published}</li>'


def _picture_of(item: Item) -> Image | None:
    """The picture that stands for an article."""
    return next((image for image in item.images if web(image.url)), None)


def _img(picture: Image) -> str:
    has_size = picture.width and picture.height
    size = f' width="{picture.width}" height="{picture.height}"' if has_size else ""
    words = _text(picture.title)
    return f'<img src="{_text(picture.url)}" alt="{words}" loading="lazy" decoding="async"{size}>'


def _linked(url: str, name: str) -> str:
    return f'<a href="{_text(url)}">{_text(name)}</a>' if web(url) else _text(name)


def _day(moment: str) -> str:
    return f'<time datetime="{moment}">{moment[:10]}</time>'


def _text(text: str) -> str:
    """`text` as the content of an element or the value of an attribute."""
    return escape_value(text, double="&#34;", single="&#39;")
