"""What a server takes: how long a post may be and how that is counted, and which pictures. Pure.

A server tells it at /api/v2/instance; older ones at /api/v1/instance, Pleroma as `max_toot_chars`. What is
not told is as on Mastodon by default.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import Answer
from feedbot.targets.length import RESERVED_PER_URL, mastodon_length, safe_length

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")


class Limits(Struct, frozen=True, kw_only=True):
    """What one server takes."""

    characters: int = 500
    pictures: int = 4  # in one post
    per_url: int = RESERVED_PER_URL
    counts_as_mastodon: bool = False  # False: not known how, so the larger of two counts has to fit
    picture_types: tuple[str, ...] = PICTURES
    picture_bytes: int = 16 << 20
    picture_pixels: int = 33_177_600
    description: int = 1500  # characters of the text for those who do not see a picture
    told_by: str = ""  # "v2" or "v1"; "" where the server told nothing

    def length(self, text: str, warning: str = "") -> int:
        """How long the server finds a post; where that is not known, the longest that it can be."""
        count = mastodon_length if self.counts_as_mastodon else safe_length
        return count(text, warning, characters_reserved_per_url=self.per_url)

    @property
    def counting(self) -> str:
        """The rule of `length`, in words."""
        if self.counts_as_mastodon:
            return f"counted as Mastodon does, {self.per_url} for a link"
        return "counted in full, links too: the server does not say that it is Mastodon 4.3 or later"


def limits_in(answer: Answer, version: str) -> Limits | None:
    """The limits in an answer about the instance; None where there are none in it."""
    if not 200 <= answer.status < 300:
        return None
    told = _section(answer, "configuration")
    limits = Limits(told_by=version)
    short = _number(_section(answer, "max_toot_chars"), 0)
    if not isinstance(told, dict):
        return replace(limits, characters=short) if short else None
    statuses, media = _part(told, "statuses"), _part(told, "media_attachments")
    versions = _section(answer, "api_versions") if version == "v2" else None
    types = media.get("supported_mime_types")
    known = tuple(kind for kind in PICTURES if kind in types) if isinstance(types, list) else PICTURES
    return Limits(
        characters=_number(statuses.get("max_characters"), short or limits.characters),
        pictures=_number(statuses.get("max_media_attachments"), limits.pictures, least=0),
        per_url=_number(statuses.get("characters_reserved_per_url"), limits.per_url),
        counts_as_mastodon=isinstance(versions, dict) and "mastodon" in versions,
        picture_types=known,
        picture_bytes=_number(media.get("image_size_limit"), limits.picture_bytes),
        picture_pixels=_number(media.get("image_matrix_limit"), limits.picture_pixels),
        description=_number(media.get("description_limit"), limits.description),
        told_by=version,
    )


def _section(answer: Answer, name: str) -> Any:
    """One part of an answer in JSON; also where its end, with rules in thirty languages, was cut off."""
    whole = answer.json()
    if whole is not None:
        return whole.get(name) if isinstance(whole, dict) else None
    _, mark, rest = answer.text.partition(f'"{name}":')
    try:
        return json.JSONDecoder().raw_decode(rest.lstrip())[0] if mark else None
    except (ValueError, RecursionError):
        return None


def _part(told: dict[str, Any], name: str) -> dict[str, Any]:
    part = told.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: Any, otherwise: int, *, least: int = 1) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= least
    return value if is_number else otherwise
