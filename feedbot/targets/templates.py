"""What the variables of a template hold for one delivery. Pure.

The template itself, its checking and filling in, is `feedbot.template`; the configuration uses that, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import regex

from feedbot.template import Template, fill

if TYPE_CHECKING:
    from feedbot.attempt import Delivery
    from feedbot.model import Site
    from feedbot.targets.fitting import Words

# Between a sign and a name it stops both from being one for every server, and breaks no line; nobody sees it.
CALMED = "\u2060"  # word joiner

_MENTION = r"(?<![=/\w])[@＠](?=\w)"  # not in an e-mail address, but for Mastodon also within a link
_CALLED = regex.compile(_MENTION)
_ACTIVE = regex.compile(rf"[a-z][a-z0-9+.-]*+://\S+|{_MENTION}|(?<![/)\w])[#＃](?=\w)", regex.IGNORECASE)


def plain(text: str) -> str:
    """`text` as running text of a post: an @name in it notifies nobody, a #word or #123 is no hashtag.

    A word joiner comes behind the sign: Mastodon wants a letter or digit there for a mention, and a letter,
    mark, digit or underscore for a hashtag. E-mail addresses stay as they are, and links lead where they led:
    a sign in them that would notify somebody is percent-encoded.
    """
    return str(_ACTIVE.sub(_calmed, text))


def _calmed(match: regex.Match[str]) -> str:
    found = str(match[0])
    return found + CALMED if len(found) == 1 else str(_CALLED.sub(lambda sign: quote(sign[0]), found))


def render(
    template: Template,
    delivery: Delivery,
    site: Site,
    words: Words,
    *,
    escape: Callable[[str], str] = str,
) -> str:
    """The text of `delivery`'s message, with the title, excerpt and hashtags that `words` has.

    `escape` is applied to each text but the hashtags before it is filled in: `plain` for posts, or what a
    chat's markup needs. Raises TemplateError if the template cannot be filled in for this article.
    """
    return fill(template, values_of(delivery, site, words, escape=escape))


def values_of(
    delivery: Delivery, site: Site, words: Words, *, escape: Callable[[str], str] = str
) -> dict[str, object]:
    """Every variable of NAMES with what it holds."""
    article = delivery.entry.article
    image = article.images[0] if article.images else None
    texts = {
        "title": words.title,
        "excerpt": words.excerpt,
        "url": article.link,
        "category": article.category,
        "type": article.type,
        "provider": article.provider.name or article.provider.domain,
        "provider_domain": article.provider.domain,
        "language": article.language or site.language,
        "event": delivery.event.value,
        "image": image.url if image else "",
        "image_text": image.title if image else "",
        "id": delivery.entry.id,
        "site": site.title,
    }
    return {
        **{name: escape(text) for name, text in texts.items()},
        "hashtags": " ".join(words.hashtags),
        "topics": [escape(topic) for topic in article.topics],
        "authors": [escape(author.name) for author in article.authors],
        "published": article.published,
        "updated": article.updated,
    }
