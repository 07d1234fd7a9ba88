"""From a delivery to the post that a server is sent. Pure: decides what is to be seen, and sends nothing.

The text is plain, as servers want it; the link and the content warning are never shortened.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from feedbot.model import Article
from feedbot.targets.fitting import Words, fit, shorten, words_of
from feedbot.targets.hashtags import hashtags
from feedbot.targets.http import json_body
from feedbot.targets.templates import plain, render
from feedbot.template import compile_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feedbot.attempt import Delivery
    from feedbot.config.targets import Mastodon
    from feedbot.model import Site
    from feedbot.targets.mastodon.instance import Limits
    from feedbot.targets.mastodon.receipt import Receipt

# ISO 639-1. GoToSocial refuses a post in a language that it does not know, Mastodon takes it for another.
_LANGUAGES = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el
en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu
ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na
nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so
sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
LANGUAGES = frozenset(_LANGUAGES.split())


class Wanted(Struct, frozen=True):
    """A picture that the post is to have."""

    url: str
    text: str  # for those who do not see it; never empty


class Post(Struct, frozen=True, kw_only=True):
    """What is to be seen, but for the picture itself."""

    text: str
    warning: str
    language: str  # ISO 639-1, or "" for the server's guess
    visibility: str
    length: int
    limit: int
    picture: Wanted | None
    notes: tuple[str, ...] = ()
    fits: bool = True

    @property
    def sensitive(self) -> bool:
        """Whether pictures are hidden, too: with the text, or not at all."""
        return bool(self.warning)

    def created(self, media: Sequence[str]) -> dict[str, Any]:
        """The body that makes the post, with these uploads."""
        return {**self.edited(media), "visibility": self.visibility}

    def edited(self, media: Sequence[str]) -> dict[str, Any]:
        """The body that replaces a post: all of it, for servers take away or keep what is left out."""
        said: dict[str, Any] = {
            "status": self.text,
            # Else an account that posts Markdown by default (GoToSocial, glitch-soc) makes markup of it.
            "content_type": "text/plain",
            "spoiler_text": self.warning,
            "sensitive": self.sensitive,
            "media_ids": list(media),
        }
        return {**said, "language": self.language} if self.language else said

    def digest(self, picture: Wanted | None) -> str:
        """One text for all that is to be seen of it, with this picture: equal where nothing would change."""
        shown = [self.text, self.warning, self.sensitive, self.language]
        return hashlib.sha256(json_body([*shown, picture and [picture.url, picture.text]])).hexdigest()


def compose(delivery: Delivery, site: Site, options: Mastodon, limits: Limits) -> Post:
    """The post of `delivery`, shortened to what the server takes. Raises TemplateError."""
    article = delivery.entry.article
    template = compile_template(options.template)

    def text(words: Words) -> str:
        return render(template, delivery, site, words, escape=plain)

    def length(candidate: str) -> int:
        return limits.length(candidate, options.content_warning)

    words = words_of(delivery, hashtags(article.topics, options.hashtags.aliases))
    fitted = fit(text, words, limit=limits.characters, count=length)
    return Post(
        text=fitted.text,
        warning=options.content_warning,
        language=language_of(options.language or article.language or site.language),
        visibility=options.visibility,
        length=length(fitted.text),
        limit=limits.characters,
        picture=picture_of(article, limits) if options.image else None,
        notes=fitted.notes,
        fits=fitted.fits,
    )


def language_of(tag: str) -> str:
    """The language in a BCP 47 tag as two letters, "" where it has none: de-AT is de."""
    language = tag.strip().replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else ""


def picture_of(article: Article, limits: Limits) -> Wanted | None:
    """The article's first picture and what it shows: by its own title, or by the article's."""
    if not article.images or not limits.pictures:
        return None
    image = article.images[0]
    text = shorten(image.title.strip() or article.title.strip(), limits.description)
    return Wanted(image.url, text) if text else None


def key_of(target: str, delivery: Delivery, receipt: Receipt) -> str:
    """The Idempotency-Key: one for all attempts to announce an article, another when it is announced anew."""
    parts = [target, delivery.entry.id, delivery.generation, receipt.keys]
    return hashlib.sha256(json_body(parts)).hexdigest()
