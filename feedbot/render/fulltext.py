"""The full content of an article as HTML, and whether it is too long for a feed.

Article.content is sanitised already; everything that is added to it here is escaped here.
"""

from __future__ import annotations

from feedbot.model import Article, Image, Related
from feedbot.render.escaping import escape, escape_value


def full_text(article: Article) -> str:
    """The whole article as HTML: picture, body, related coverage; "" if it has neither body nor coverage."""
    if not (article.content or article.related):
        return ""
    body = article.content or _paragraph(article.summary)
    parts = [_picture(article, body), body, _coverage(article.related)]
    return "\n".join(part for part in parts if part)


def too_large(article: Article, max_item_size: int) -> bool:
    """Whether the full content exceeds `max_item_size` bytes of UTF-8, so that feeds show the excerpt."""
    return exceeds(full_text(article), max_item_size)


def exceeds(html: str, max_size: int) -> bool:
    """Whether `html` is longer than `max_size` bytes of UTF-8."""
    return 4 * len(html) > max_size and len(html.encode()) > max_size


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _picture(article: Article, body: str) -> str:
    """The first picture, for readers that show none but those in the text; "" if the body has its own."""
    if not article.images or "<img" in body:
        return ""
    return f"<p>{_img(article.images[0])}</p>"


def _img(image: Image) -> str:
    width = f' width="{image.width}"' if image.width else ""
    height = f' height="{image.height}"' if image.height else ""
    return f'<img src="{_value(image.url)}" alt="{_value(image.title)}"{width}{height}>'


def _coverage(related: tuple[Related, ...]) -> str:
    if not related:
        return ""
    lines = ["<h2>Related coverage</h2>", "<ul>", *map(_coverage_line, related), "</ul>"]
    return "\n".join(lines)


def _coverage_line(story: Related) -> str:
    link = f'<a href="{_value(story.url)}">{escape(story.title)}</a>'
    source = f" ({escape(story.provider)})" if story.provider else ""
    return f"<li>{link}{source}</li>"


def _value(text: str) -> str:
    return escape_value(text, single="&#x27;")
