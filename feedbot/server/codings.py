"""Content codings: which a client takes (RFC 9110, 12.5.3), and documents in each of them. Pure."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from functools import lru_cache

import brotli  # type: ignore[import-untyped] # it ships no types

IDENTITY = "identity"
GZIP = "gzip"
BROTLI = "br"
CODINGS = (BROTLI, GZIP, IDENTITY)  # the smallest first: where a client has no wish, the earlier one is taken

ALIASES = {"x-gzip": GZIP}  # RFC 9110, 8.4.1.3
COMPRESSIBLE = 16 * 1024 * 1024  # bytes; more than that would take seconds, for a feed that nobody reads
SMALL = 128 * 1024  # bytes, up to which the best of brotli costs a few hundredths of a second
SHORT = 200  # characters of a header that is worth remembering

_ITEM = re.compile(
    r"[ \t]*(?P<coding>[!#$%&'*+.^_`|~0-9A-Za-z-]+)"
    r"(?:[ \t]*;[ \t]*[qQ]=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)


def acceptable(accept: str | None) -> tuple[str, ...]:
    """Which of CODINGS the client takes, its best first; `accept` is Accept-Encoding, None if there is none.

    A client that does not speak of codings gets none. An item that is not in the grammar does not count.
    """
    if accept is None:
        return (IDENTITY,)
    return _remembered(accept) if len(accept) <= SHORT else _ranked(accept)


def _ranked(accept: str) -> tuple[str, ...]:
    weights = _weights(accept)
    others = weights.get("*")
    ranks: list[tuple[float, str]] = []
    for coding in CODINGS:
        weight = weights.get(coding, others)
        if weight is None and coding == IDENTITY:
            weight = 0.0005  # acceptable, as it was not ruled out, and less than anything that was named
        if weight:
            ranks.append((-weight, coding))
    return tuple(coding for _, coding in sorted(ranks, key=lambda rank: rank[0]))


_remembered = lru_cache(maxsize=256)(_ranked)


def _weights(accept: str) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for item in accept.split(","):
        if found := _ITEM.fullmatch(item):
            coding = found["coding"].lower()
            weights[ALIASES.get(coding, coding)] = float(found["weight"] or 1)
    return weights


def encoded(body: bytes) -> dict[str, bytes]:
    """`body` as it is, and in each coding that makes it smaller; the same bytes give the same bytes."""
    if len(body) > COMPRESSIBLE:
        return {IDENTITY: body}
    bodies = {
        BROTLI: brotli.compress(body, quality=10 if len(body) <= SMALL else 5),
        GZIP: gzip.compress(body, compresslevel=6, mtime=0),
    }
    return {IDENTITY: body, **{coding: small for coding, small in bodies.items() if len(small) < len(body)}}
