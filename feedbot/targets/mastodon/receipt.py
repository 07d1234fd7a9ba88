"""What is noted of an article's post between attempts, as values and as the JSON that is kept. Pure.

status, url, digest, picture   the post, and what it was made of
media                          a picture that was uploaded and belongs to no post yet
keys                           how often the server forgot the post that it remembered under our key
doubt                          since when the server was left in peace after it may have made a post
gone                           the post was deleted, by us or by somebody else
asked                          a person was asked to look for the post; what that person says then is done
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct, to_builtins

from feedbot.attempt import Delivery
from feedbot.model import JsonObject

# A server may still be making a post when we have stopped waiting for its answer. Only after it was left in
# peace for so long is a post that cannot be found one that was not made.
PATIENCE = timedelta(seconds=60)


class Upload(Struct, frozen=True, kw_only=True):
    """A picture on the server that belongs to no post yet."""

    id: str
    url: str  # where it came from
    text: str  # its description


class Doubt(Struct, frozen=True, kw_only=True):
    """A post may be being made: nothing was asked of the server since then, up to this attempt."""

    delivery: str
    attempt: int
    since: datetime

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.since + PATIENCE

    def is_over(self, now: datetime) -> bool:
        """Whether what cannot be found by now was not made."""
        return now >= self.end


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is noted."""

    status: str = ""
    url: str = ""
    digest: str = ""  # "" where it is not known what the post says
    picture: str = ""  # where its picture came from
    picture_text: str = ""
    keys: int = 0
    gone: bool = False
    asked: bool = False
    media: Upload | None = None
    doubt: Doubt | None = None

    def as_json(self) -> JsonObject:
        """For the store; what is empty is left out."""
        said: JsonObject = to_builtins(self, builtin_types=(datetime,))
        if self.doubt:
            said["doubt"]["since"] = self.doubt.since.isoformat()
        return said


def receipt_in(said: JsonObject) -> Receipt:
    """What `as_json` made; what is not understood counts as not noted."""
    texts = {name: _text(said, name) for name in ("status", "url", "digest", "picture", "picture_text")}
    keys = said.get("keys")
    return Receipt(
        **texts,
        media=_upload(said.get("media")),
        keys=keys if isinstance(keys, int) else 0,
        doubt=_doubt(said.get("doubt")),
        gone=said.get("gone") is True,
        asked=said.get("asked") is True,
    )


def doubt_of(delivery: Delivery, noted: Doubt | None, now: datetime) -> Doubt:
    """The doubt in this attempt, given what the last one noted.

    Where that was not noted by the attempt just before, as when its process was killed, it is not known what
    happened last: the time begins anew. So it does where the clock was set back.
    """
    follows = noted is not None and noted.delivery == delivery.id and noted.attempt == delivery.attempt - 1
    since = min(noted.since, now) if noted is not None and follows else now
    return Doubt(delivery=delivery.id, attempt=delivery.attempt, since=since)


def _text(said: JsonObject, name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _upload(said: Any) -> Upload | None:
    if not isinstance(said, dict) or not _text(said, "id"):
        return None
    return Upload(id=_text(said, "id"), url=_text(said, "url"), text=_text(said, "text"))


def _doubt(said: Any) -> Doubt | None:
    try:
        since = datetime.fromisoformat(said["since"]).astimezone(UTC)
        return Doubt(delivery=str(said["delivery"]), attempt=int(said["attempt"]), since=since)
    except (KeyError, TypeError, ValueError):
        return None
