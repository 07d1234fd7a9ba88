"""What a server that speaks Mastodon's language keeps, and what it makes of each request. Knows no HTTP.

`Fediverse` is one server with one account. All of it may be called from several threads.
"""

from __future__ import annotations

import html
import io
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from fediverse_flavours import FLAVOURS, LINK, TAG, Flavour
from PIL import Image

TOKEN = "the-token-of-the-test"  # noqa: S105 (of a server on loopback)
SCOPES = ("read:accounts", "read:statuses", "write:statuses", "write:media")
KEY_LIFE = timedelta(hours=1)
TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp"]
VISIBILITIES = {"public", "unlisted", "private", "direct"}
PROCESSING = "Cannot attach files that have not finished processing. Try again in a moment!"


@dataclass
class Media:
    """An upload."""

    id: str
    type: str
    description: str
    data: bytes
    stages: deque[int]  # answers to the next questions for it, before it is ready
    attached_to: str = ""
    failed: bool = False

    def as_json(self, url: str) -> dict[str, Any]:
        address = None if self.stages else f"{url}/media/{self.id}"
        return {
            "id": self.id,
            "type": "image",
            "url": address,
            "preview_url": address,
            "remote_url": None,
            "meta": {},
            "description": self.description or None,
            "blurhash": None,
        }


@dataclass
class Status:
    """A post."""

    id: str
    text: str
    warning: str
    sensitive: bool
    language: str
    visibility: str
    media: list[str]
    created: datetime
    edited: datetime | None = None
    history: list[str] = field(default_factory=list)  # texts it had before
    hidden_for: int = 0  # looks at the account that do not see it yet
    hidden_until: datetime | None = None
    is_deleted: bool = False
    seen_for: int = 0  # looks that still see it, though deleted
    key: str = ""
    boost_of: str = ""
    written_in: str = "text/plain"


@dataclass(frozen=True)
class Result:
    """Status and JSON of an answer."""

    status: int
    body: Any = None


def refusal(status: int, said: str) -> Result:
    """An error as Mastodon words it."""
    return Result(status, {"error": said})


class Fediverse:
    """One server with one account, in memory."""

    def __init__(
        self, flavour: str | Flavour = "mastodon", *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.flavour = FLAVOURS[flavour] if isinstance(flavour, str) else flavour
        self.clock = clock or (lambda: datetime.now(UTC))
        self.url = ""  # without a slash at its end
        self.token = TOKEN
        self.scopes = set(SCOPES)
        self.is_bot = True
        self.statuses: list[Status] = []  # the oldest first
        self.media: dict[str, Media] = {}
        self.keys: dict[str, tuple[str, datetime]] = {}
        self.repeats: int | None = None  # status that a repeated key is answered with, if not the usual one
        self.stages: deque[list[int]] = deque()  # for each upload to come: the answers before it is ready
        self.violations: list[str] = []
        self.remaining = 300
        self.account_id = self._new_id()
        self.lock = threading.RLock()

    # --- what a test asks ---

    @property
    def posts(self) -> list[Status]:
        """What is there to be seen, the oldest first, whenever it comes to be seen."""
        with self.lock:
            return [status for status in self.statuses if not status.is_deleted]

    def find(self, id_: str) -> Status | None:
        """The status that is not deleted."""
        return next((status for status in self.posts if status.id == id_), None)

    def add(self, text: str, *, at: datetime | None = None, visibility: str = "public") -> Status:
        """Something that somebody wrote by hand."""
        with self.lock:
            status = Status(self._new_id(), text, "", False, "en", visibility, [], at or self.clock())
            self.statuses.append(status)
            return status

    # --- who asks, and for what ---

    def allows(self, token: str, scope: str) -> Result | None:
        """What is wrong with the token of a request; None: nothing."""
        if token != self.token:
            return refusal(401, "The access token is invalid")
        if scope and scope not in self.scopes:
            return refusal(403, "This action is outside the authorized scopes")
        return None

    def instance(self, version: str) -> Result:
        """`/api/v2/instance` or `/api/v1/instance`."""
        flavour, known = self.flavour, self.flavour.instance
        limits = {
            "statuses": {
                "max_characters": flavour.max_characters,
                "max_media_attachments": flavour.max_media,
                "characters_reserved_per_url": flavour.reserved_per_url,
            },
            "media_attachments": {
                "supported_mime_types": TYPES,
                "image_size_limit": 16 << 20,
                "image_matrix_limit": 33_177_600,
                "description_limit": flavour.description_limit,
            },
        }
        if version == "v1" and "v1-short" in known:
            return Result(200, {"uri": "here", "title": "Here", "max_toot_chars": flavour.max_characters})
        if version not in known:
            return refusal(404, "Not Found")
        said: dict[str, Any] = {"title": "Here", "version": "4.4.0", "configuration": limits}
        if version == "v2" and flavour.api_versions:
            said["api_versions"] = {"mastodon": 6}
        return Result(200, {**said, "rules": [], "languages": ["en"]})

    def account(self) -> dict[str, Any]:
        """The one account."""
        return {
            "id": self.account_id,
            "username": "newsbot",
            "acct": "newsbot",
            "display_name": "News",
            "bot": self.is_bot,
            "locked": False,
            "created_at": "2026-01-01T00:00:00.000Z",
            "note": "",
            "url": f"{self.url}/@newsbot",
            "avatar": "",
            "header": "",
            "followers_count": 0,
            "following_count": 0,
            "statuses_count": len(self.posts),
            "emojis": [],
            "fields": [],
        }

    # --- posts ---

    def create(self, body: dict[str, Any], key: str, *, late: int = 0, late_for: float = 0) -> Result:
        """A new status, seen after `late` looks or `late_for` seconds; what a repeated key gives depends."""
        with self.lock:
            if key and (known := self._repeated(key)) is not None:
                return known
            if wrong := self._refused(body, body.get("media_ids", [])):
                return wrong
            status = Status(
                id=self._new_id(),
                text=body.get("status", ""),
                warning=body.get("spoiler_text", ""),
                sensitive=body.get("sensitive", False),
                language=body.get("language", "en"),
                visibility=body.get("visibility", "public"),
                media=list(body.get("media_ids", [])),
                created=self.clock(),
                hidden_for=late,
                hidden_until=self.clock() + timedelta(seconds=late_for) if late_for else None,
                key=key,
                written_in=body.get("content_type", self.flavour.takes_for),
            )
            self.statuses.append(status)
            self._attach(status)
            self._appear()
            return Result(200, self.as_json(status))

    def _repeated(self, key: str) -> Result | None:
        self._appear()
        id_, moment = self.keys.get(key, ("", self.clock()))
        if not id_ or self.flavour.keys == "ignored" or self.clock() - moment > KEY_LIFE:
            return None
        if self.repeats is not None:
            return refusal(self.repeats, "An error occurred")
        if self.flavour.keys == "refused":
            return refusal(400, "Duplicate idempotency key.")
        status = self.find(id_)
        if status is None and self.flavour.name == "hollo":
            return None
        return Result(200, self.as_json(status)) if status else refusal(404, "Record not found")

    def edit(self, id_: str, body: dict[str, Any]) -> Result:
        """PUT: the whole post anew."""
        with self.lock:
            status = self.find(id_)
            if status is None or not self.flavour.edits:
                return refusal(404, "Record not found")
            media = body.get("media_ids", status.media if self.flavour.keeps_media else [])
            if wrong := self._refused(body, media, status):
                return wrong
            wanted = Status(
                **{
                    **vars(status),
                    "text": body.get("status", ""),
                    "warning": body.get("spoiler_text", status.warning if self.flavour.keeps_warning else ""),
                    "sensitive": body.get(
                        "sensitive", status.sensitive if self.flavour.keeps_warning else False
                    ),
                    "language": body.get("language", status.language),
                    "written_in": body.get("content_type", self.flavour.takes_for),
                    "media": list(media),
                }
            )
            described = self._describe(body.get("media_attributes", []))
            if wanted == status and not described:
                no_change = refusal(self.flavour.invalid, "status was not changed")
                return Result(422, no_change.body) if self.flavour.refuses_no_change else self._shown(status)
            wanted.edited, wanted.history = self.clock(), [*status.history, status.text]
            self.statuses[self.statuses.index(status)] = wanted
            self._attach(wanted)
            return self._shown(wanted)

    def _describe(self, attributes: Iterable[Mapping[str, str]]) -> bool:
        changed = False
        for one in attributes:
            media = self.media[one["id"]]
            changed |= media.description != one["description"]
            media.description = one["description"]
        return changed

    def delete(self, id_: str) -> Result:
        """DELETE: gone, on some servers a little later."""
        with self.lock:
            status = self.find(id_)
            if status is None:
                return refusal(404, "Record not found")
            status.is_deleted = True
            status.seen_for = 2 if self.flavour.deletes_late else 0
            return Result(200, {**self.as_json(status), "text": status.text})

    def show(self, id_: str) -> Result:
        """GET of one status."""
        with self.lock:
            self._appear()
            status = self.find(id_)
            return self._shown(status) if status and is_seen(status) else refusal(404, "Record not found")

    def source(self, id_: str) -> Result:
        """GET of what a status was made of."""
        status = self.find(id_)
        if status is None or not self.flavour.has_source:
            return refusal(404, "Record not found")
        return Result(200, {"id": status.id, "text": status.text, "spoiler_text": status.warning})

    def timeline(self, query: Mapping[str, str], *, is_owner: bool) -> Result:
        """The statuses of the account, the newest first."""
        with self.lock:
            self._appear()
            seen = [
                status
                for status in self.statuses
                if is_seen(status) and (is_owner or status.visibility in {"public", "unlisted"})
            ]
            self._looked_at()
            seen.reverse()
            if "max_id" in query:
                order = {status.id: place for place, status in enumerate(self.statuses)}
                seen = [one for one in seen if order[one.id] < order.get(query["max_id"], 0)]
            if query.get("exclude_reblogs") == "true" and self.flavour.leaves_out_boosts:
                seen = [status for status in seen if not status.boost_of]
            limit = min(int(query.get("limit", 20)), 40)
            return Result(200, [self.as_json(status) for status in seen[:limit]])

    def _looked_at(self) -> None:
        for status in self.statuses:
            status.hidden_for = max(0, status.hidden_for - 1)
            status.seen_for = max(0, status.seen_for - 1)
        self._appear()

    def _appear(self) -> None:
        """What was late is there now; its key is remembered from now on."""
        for status in self.statuses:
            if status.hidden_until is not None and status.hidden_until <= self.clock():
                status.hidden_until = None
            if status.key and status.hidden_for == 0 and status.hidden_until is None:
                self.keys[status.key] = status.id, self.clock()
                status.key = ""

    # --- media ---

    def upload(self, data: bytes, kind: str, description: str) -> Result:
        """A file: 200 if it is ready, 202 if it is still worked on."""
        with self.lock:
            if kind not in TYPES or (self.flavour.checks_pictures and not is_picture(data)):
                return refusal(self.flavour.invalid, "Validation failed: File content type is invalid")
            if len(description) > self.flavour.description_limit:
                if not self.flavour.cuts_description:
                    return refusal(self.flavour.invalid, "Validation failed: Description is too long")
                description = description[: self.flavour.description_limit]
            stages = self.stages.popleft() if self.stages and not self.flavour.answers_media_at_once else []
            media = Media(self._new_id(), kind, description, data, deque(stages))
            self.media[media.id] = media
            return Result(202 if stages else 200, media.as_json(self.url))

    def media_state(self, id_: str) -> Result:
        """GET of an upload: 206 worked on, 200 ready, 422 failed, 404 unknown or attached."""
        with self.lock:
            media = self.media.get(id_)
            if media is None or media.attached_to:
                return refusal(404, "Record not found")
            if media.failed:
                return refusal(422, "Error processing thumbnail for uploaded media")
            status = media.stages.popleft() if media.stages else 200
            if status == 422:
                media.failed = True
            if status in {404, 422, 500}:
                return refusal(status, "Error processing thumbnail for uploaded media")
            if status == 200:
                media.stages.clear()
            return Result(status, media.as_json(self.url))

    def expire_media(self) -> None:
        """Uploads that were never attached are gone."""
        with self.lock:
            self.media = {id_: media for id_, media in self.media.items() if media.attached_to}

    # --- inside ---

    def _new_id(self) -> str:
        self._ids = getattr(self, "_ids", 0) + 1
        return self.flavour.make_id(self.clock(), self._ids)

    def _refused(self, body: dict[str, Any], media: list[str], edited: Status | None = None) -> Result | None:
        """Why this content is not taken."""
        flavour, text, warning = self.flavour, body.get("status", ""), body.get("spoiler_text", "")
        own = edited.media if edited else []
        if not text.strip() and not media:
            return refusal(flavour.invalid, "Validation failed: Text can't be blank")
        if flavour.count(text, warning) > flavour.max_characters:
            limit = f"Validation failed: Text character limit of {flavour.max_characters} exceeded"
            self.violations.append("too long a status")
            return refusal(flavour.invalid, limit)
        visibility = body.get("visibility", "public")
        if visibility not in VISIBILITIES - flavour.refused_visibility:
            return refusal(422, "Validation failed: Visibility is not included in the list")
        if len(media) > flavour.max_media:
            return refusal(flavour.invalid, "Cannot attach more files than allowed")
        for id_ in media:
            one = self.media.get(id_)
            if one is None or (one.attached_to and id_ not in own):
                return refusal(flavour.invalid, "Validation failed: media is unknown or already attached")
            if one.stages or one.failed:
                return refusal(flavour.invalid, PROCESSING)
        return None

    def _attach(self, status: Status) -> None:
        for id_ in status.media:
            self.media[id_].attached_to = status.id

    def _shown(self, status: Status) -> Result:
        return Result(200, self.as_json(status))

    def as_json(self, status: Status) -> dict[str, Any]:
        """A Status entity."""
        return {
            "id": status.id,
            "created_at": iso(status.created),
            "edited_at": iso(status.edited) if status.edited else None,
            "in_reply_to_id": None,
            "sensitive": status.sensitive,
            "spoiler_text": status.warning,
            "visibility": status.visibility,
            "language": status.language,
            "uri": f"{self.url}/users/newsbot/statuses/{status.id}",
            "url": f"{self.url}/@newsbot/{status.id}",
            "content": self.as_html(status.text),
            "reblog": {"id": status.boost_of} if status.boost_of else None,
            "account": self.account(),
            "media_attachments": [self.media[id_].as_json(self.url) for id_ in status.media],
            "mentions": [],
            "tags": [],
            "emojis": [],
            "card": None,
            "poll": None,
            "reblogs_count": 0,
            "favourites_count": 0,
            "replies_count": 0,
        }

    def as_html(self, text: str) -> str:
        """The content as servers make it of plain text: escaped, with links and hashtags marked up."""
        pieces, end = [], 0
        for match in LINK.finditer(text):
            pieces += [self._words(text[end : match.start()]), self._link(match[0])]
            end = match.end()
        marked = "".join([*pieces, self._words(text[end:])])
        paragraphs = (part.replace("\n", "<br />") for part in re.split(r"\n{2,}", marked))
        return "".join(f"<p>{part}</p>" for part in paragraphs)

    def _words(self, text: str) -> str:
        tags = rf'<a href="{self.url}/tags/\1" class="mention hashtag" rel="tag">#<span>\1</span></a>'
        return TAG.sub(tags, html.escape(text, quote=False))

    def _link(self, url: str) -> str:
        href = html.escape(url)
        if self.flavour.links != "hidden":
            seen = href if self.flavour.links == "whole" else html.escape(f"{url.partition('://')[2][:25]}…")
            return f'<a href="{href}" rel="nofollow noreferrer noopener" target="_blank">{seen}</a>'
        begin = url.partition("://")[0] + "://"
        shown, rest = url[len(begin) :][:30], url[len(begin) :][30:]
        hidden = '<span class="invisible">{}</span>'.format
        kind = "ellipsis" if rest else ""
        return (
            f'<a href="{href}" target="_blank" rel="nofollow noopener" translate="no">'
            f'{hidden(begin)}<span class="{kind}">{html.escape(shown)}</span>{hidden(html.escape(rest))}</a>'
        )


def is_seen(status: Status) -> bool:
    """Whether a look at the account sees it."""
    if status.is_deleted:
        return status.seen_for > 0
    return status.hidden_for == 0 and status.hidden_until is None


def is_picture(data: bytes) -> bool:
    """Whether it can be decoded to its end."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except (OSError, ValueError):
        return False
    return True


def iso(moment: datetime) -> str:
    """As Mastodon writes moments."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def path_of(url: str) -> tuple[str, dict[str, str]]:
    """The path of a request and its query."""
    parts = urlsplit(url)
    pairs = (part.partition("=") for part in parts.query.split("&") if part)
    return parts.path, {name: value for name, _, value in pairs}
