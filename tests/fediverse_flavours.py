"""How servers that speak Mastodon's language differ, as data, for the server in `fediverse.py`.

After the posting handbook, 3.2 to 3.9. Lengths are counted by Mastodon.py and graphemeu, not by feedbot.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mastodon import Mastodon

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def mastodon_count(text: str, warning: str) -> int:
    """Grapheme clusters, 23 for a recognised URL."""
    return int(Mastodon.get_status_length(text, warning))


def raw_count(text: str, warning: str) -> int:
    """Code points, URLs in full."""
    return len(text) + len(warning)


def no_count(text: str, warning: str) -> int:
    """For servers that advertise a limit and enforce none."""
    return 0


def snowflake(moment: datetime, number: int) -> str:
    """A number of which the upper bits are milliseconds, beyond what a double holds exactly."""
    return str((int(moment.timestamp() * 1000) << 16) + number)


def ulid(moment: datetime, number: int) -> str:
    """26 letters and digits that sort by time."""
    value = (int(moment.timestamp() * 1000) << 80) + number
    return "".join(CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


def version_7(moment: datetime, number: int) -> str:
    """A UUID that begins with the time."""
    value = (int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | number
    return str(uuid.UUID(int=value))


@dataclass(frozen=True, kw_only=True)
class Flavour:
    """What a server does where others do otherwise."""

    name: str
    make_id: Callable[[datetime, int], str] = snowflake
    keys: str = "honoured"  # a repeated Idempotency-Key: honoured | ignored | refused (400)
    invalid: int = 422  # status for content that is refused
    bad_json: int = 400
    count: Callable[[str, str], int] = mastodon_count
    max_characters: int = 500
    max_media: int = 4
    reserved_per_url: int = 23
    description_limit: int = 1500
    cuts_description: bool = False  # too long a description is refused if not
    instance: tuple[str, ...] = ("v2", "v1")
    api_versions: bool = False
    keeps_media: bool = False  # PUT without media_ids
    keeps_warning: bool = True  # PUT without spoiler_text or sensitive
    refuses_no_change: bool = False  # PUT without effect: 422
    needs_user_agent: bool = False  # 418 without
    needs_body: bool = False  # POST without a body: 406
    refuses_null: bool = False  # 500 for a null in JSON
    deletes_late: bool = False  # for two reads a deleted status is still seen
    answers_media_at_once: bool = False  # never 202
    checks_pictures: bool = True
    reads_without_token: bool = True  # public statuses of an account
    refused_visibility: frozenset[str] = frozenset()
    rate_headers: str = "iso"  # iso | epoch | none
    has_source: bool = True
    leaves_out_boosts: bool = True  # when it is asked to
    links: str = "hidden"  # what is seen of a link: hidden in part (its text is whole) | cut | whole
    edits: bool = True
    takes_for: str = "text/plain"  # what a post is written in that does not say, as the account has set it


_ALL = (
    Flavour(name="mastodon", api_versions=True),
    Flavour(
        name="gotosocial",
        make_id=ulid,
        keys="ignored",
        invalid=400,
        count=raw_count,
        max_characters=5000,
        max_media=6,
        reserved_per_url=25,
        keeps_warning=False,
        refuses_no_change=True,
        needs_user_agent=True,
        needs_body=True,
        deletes_late=True,
        answers_media_at_once=True,
        checks_pictures=False,
        reads_without_token=False,
        links="whole",
        takes_for="text/markdown",
    ),
    Flavour(
        name="hollo",
        make_id=version_7,
        bad_json=500,
        count=no_count,
        max_characters=10_000,
        max_media=8,
        keeps_media=True,
        answers_media_at_once=True,
        rate_headers="none",
        has_source=False,
        links="whole",
    ),
    Flavour(
        name="pixelfed",
        keys="refused",
        count=raw_count,
        refused_visibility=frozenset({"direct"}),
        rate_headers="epoch",
        has_source=False,
        leaves_out_boosts=False,
        links="cut",
    ),
    Flavour(
        name="pleroma",  # as it was before it knew /api/v2/instance
        count=raw_count,
        invalid=422,
        max_characters=5000,
        instance=("v1-short",),
        refuses_null=True,
        rate_headers="none",
        links="cut",
    ),
    Flavour(name="old-mastodon", instance=("v1",), edits=False, has_source=False),
)
FLAVOURS = {flavour.name: flavour for flavour in _ALL}


def has_null(value: Any) -> bool:
    """Whether there is a null anywhere in a JSON value."""
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return any(map(has_null, value)) if isinstance(value, list) else value is None


LINK = re.compile(r"https?://[^\s<>\"]+")
TAG = re.compile(r"(?:(?<=\s)|^)#(\w*[^\W\d]\w*)")
