"""Articles as text, for the store, and the digest of what readers see of one. Pure.

Owns which fields no reader ever sees: what changes in these changes no document.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from feedbot.model import Article, Outline

HASH_VERSION: Final = "2:"  # the digests of feedbot 0.2 begin with none

_UNSEEN: Final[dict[str, Any]] = {
    "expires": None,
    "amp_link": "",
    "cdn_amp_link": "",
    "heat": None,
    "quality": None,
    "given_id": "",
}  # fields of an article, with what they hold where nothing is given


def dump_article(article: Article) -> str:
    """`article` as compact JSON without its empty fields; equal articles give equal text."""
    return _ENCODER.encode(article).decode()


def load_article(text: str) -> Article:
    """The article that `dump_article` made `text` of. A field that this version does not know is left out."""
    return _DECODER.decode(text)


def load_outline(text: str) -> Outline:
    """The outline of the article that `dump_article` made `text` of; it takes half the time of the whole."""
    return _OUTLINES.decode(text)


def visible_hash(article: Article) -> str:
    """A digest of what readers can see of `article`: it alone decides whether the article changed.

    Empty fields do not count, so a field that a later version adds changes no digest.
    """
    seen = _ENCODER.encode(replace(article, **_UNSEEN))
    return HASH_VERSION + hashlib.sha256(seen).hexdigest()


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final = msgspec.json.Decoder(Article)
_OUTLINES: Final = msgspec.json.Decoder(Outline)
