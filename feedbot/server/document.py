"""Documents as they are sent, and the answer to one who asks for them. Pure.

A document has one body and one strong tag for each coding. Its headers are put together once, when it is
read, for there are many answers to a document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import NamedTuple

from feedbot.kinds import Label
from feedbot.server import notices
from feedbot.server.answer import Answer, HeaderFields
from feedbot.server.codings import IDENTITY, acceptable
from feedbot.server.conditions import UNSATISFIABLE, is_current, is_refused, is_same, wanted_part
from feedbot.server.headers import OPEN, Headers, Terms, describing, lasting, written


class Variant(NamedTuple):
    """A document in one coding."""

    body: bytes
    tag: str
    undated: Headers  # of a 200, as long as the date could not tell this content from a later one
    dated: Headers  # of a 200 after that
    unchanged: Headers  # of a 304


class Offer(NamedTuple):
    """What a document has for a client that takes some codings, the best first."""

    tags: tuple[str, ...]
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class ServedDocument:
    """What lies at a path now, ready to be sent."""

    digest: str
    modified: int  # seconds since 1970, rounded up: once they are over, no other content bears this date
    is_open: bool  # to scripts of other sites
    variants: Mapping[str, Variant]  # by coding; identity, the file as it is, in any case
    size: int = field(init=False)  # bytes of all bodies
    _offers: dict[tuple[str, ...], Offer] = field(init=False, default_factory=dict)  # that were made before

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", sum(len(variant.body) for variant in self.variants.values()))

    def bodies(self) -> dict[str, bytes]:
        """The body in each coding."""
        return {coding: variant.body for coding, variant in self.variants.items()}

    def offer(self, codings: tuple[str, ...]) -> Offer:
        """What there is in some of the codings; of these there are few, so that each offer is kept."""
        offer = self._offers.get(codings)
        if offer is None:
            variants = tuple(self.variants[coding] for coding in codings if coding in self.variants)
            offer = self._offers[codings] = Offer(tuple(variant.tag for variant in variants), variants)
        return offer


def digest_of(body: bytes) -> str:
    """What tells one content from another."""
    return hashlib.sha256(body).hexdigest()[:32]


def make_document(
    path: str, label: Label, digest: str, bodies: Mapping[str, bytes], modified: int, terms: Terms
) -> ServedDocument:
    """The document at `path`, of which `bodies` are the content in each coding and `digest` the digest."""
    kept, told = lasting(path, label.kind, terms), describing(label)
    date = {"Last-Modified": formatdate(modified, usegmt=True)}
    variants = {}
    for coding, body in bodies.items():
        tag = f'"{digest}"' if coding == IDENTITY else f'"{digest}-{coding}"'
        coded = {} if coding == IDENTITY else {"Content-Encoding": coding}
        unchanged = {"ETag": tag, **kept}
        whole = {**unchanged, **told, **coded, "Content-Length": str(len(body))}
        variants[coding] = Variant(body, tag, written(whole), written({**whole, **date}), written(unchanged))
    return ServedDocument(digest, modified, label.kind.is_open, variants)


def answer_to(document: ServedDocument, method: str, fields: HeaderFields, now: float) -> Answer:
    """The answer to GET or HEAD, in the order of RFC 9110, 13.2.2; `now` is in seconds since 1970."""
    codings = acceptable(_listed(fields, "accept-encoding"))
    tags, variants = document.offer(codings)
    if not tags:
        return notices.not_acceptable(_openly(document))
    modified = document.modified if document.modified <= now else None
    match, before = _listed(fields, "if-match"), fields.get("if-unmodified-since")
    if is_refused(tags, modified, match=match, unmodified_since=before):
        return notices.refused(_openly(document))
    none_match, since = _listed(fields, "if-none-match"), fields.get("if-modified-since")
    if tag := is_current(tags, modified, none_match=none_match, modified_since=since):
        return Answer(304, variants[tags.index(tag)].unchanged)
    if method == "GET" and IDENTITY in codings and (part := _part(document, modified, fields)):
        return part
    return _whole(variants[0], modified)


def _whole(variant: Variant, modified: int | None) -> Answer:
    return Answer(200, variant.undated if modified is None else variant.dated, variant.body)


def _part(document: ServedDocument, modified: int | None, fields: HeaderFields) -> Answer | None:
    """206 or 416, where Range asks for a part; parts are those of the document without a coding."""
    range_ = fields.get("range")
    if range_ is None:
        return None
    variant = document.variants[IDENTITY]
    if not is_same(variant.tag, modified, fields.get("if-range")):
        return None
    size = len(variant.body)
    span = wanted_part(range_, size)
    if span is None:
        return None
    if span == UNSATISFIABLE:
        return notices.no_such_part(size, _openly(document))
    part = variant.body[span.first : span.last + 1]
    headers = [header for header in _whole(variant, modified).headers if header[0] != "content-length"]
    place = f"bytes {span.first}-{span.last}/{size}"
    return Answer(206, headers + written({"Content-Range": place, "Content-Length": str(len(part))}), part)


def _openly(document: ServedDocument) -> Mapping[str, str]:
    return OPEN if document.is_open else {}


def _listed(fields: HeaderFields, name: str) -> str | None:
    values = fields.get_all(name)
    return ", ".join(values) if values else None
