"""What a server tells of itself and of our account: who we are, what it takes, what we posted. Only asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import Answer, Busy, Outcome
from feedbot.model import JsonObject
from feedbot.targets.http import LIMIT
from feedbot.targets.mastodon.answers import is_success, of_read
from feedbot.targets.mastodon.api import asked
from feedbot.targets.mastodon.instance import Limits, limits_in
from feedbot.targets.mastodon.readback import Sought, find, is_beyond, own_posts

if TYPE_CHECKING:
    from feedbot.targets.mastodon.api import Api

FRESH = 6 * 3600.0  # seconds that what a server said of its limits is relied on
PAGES = 30  # that are read at most to find a post
PAGE_SIZES = (10, 3, 1)  # posts on a page; the smaller ones where an answer was too long to be read
SCOPE_OF_ME = "read:accounts or profile"


class Me(Struct, frozen=True):
    """Our account."""

    id: str
    name: str  # as it is known on its server, without the @
    is_bot: bool


class Page(Struct, frozen=True):
    """Some of our posts, the newest first."""

    posts: list[JsonObject]
    answer: Answer


class Lost(Enum):
    """A post that may be there, but was not found."""

    AMONG_TOO_MANY = "among more posts than are read"


class Account:
    """One account on one server. `is_public`: its posts can be read by anybody."""

    def __init__(self, api: Api, *, is_public: bool) -> None:
        self._api = api
        self._is_public = is_public
        self._me: Me | None = None
        self._limits: Limits | None = None
        self._asked_at = 0.0
        self._page_size = 0  # which of PAGE_SIZES

    def limits(self) -> Limits | Outcome:
        """What the server takes; as on Mastodon where it does not tell. An outcome if nobody can tell now."""
        if self._limits is not None and monotonic() - self._asked_at < FRESH:
            return self._limits
        found = self._ask_limits()
        if isinstance(found, Outcome):
            return self._limits or found  # what it said last is better than nothing
        if found.told_by:
            self._limits, self._asked_at = found, monotonic()
        return found

    def _ask_limits(self) -> Limits | Outcome:
        for version in ("v2", "v1"):
            answer = asked(partial(self._api.instance, version))
            if isinstance(answer, Outcome):
                return answer
            if (limits := limits_in(answer, version)) is not None:
                return limits
            if answer.status == 429 or answer.status >= 500:
                return of_read(answer, "")
        return Limits()

    def me(self) -> Me | Outcome:
        """Who we are; asked once."""
        if self._me is not None:
            return self._me
        answer = asked(self._api.me)
        if isinstance(answer, Outcome):
            return answer
        said = answer.json() if is_success(answer) else None
        if not isinstance(said, dict) or not isinstance(said.get("id"), str):
            return of_read(answer, SCOPE_OF_ME)
        self._me = Me(said["id"], str(said.get("acct") or ""), said.get("bot") is True)
        return self._me

    def find(self, sought: Sought, clock: Callable[[], datetime]) -> JsonObject | Lost | Outcome | None:
        """Our post that says what is sought, by the time of `clock`; None if there is none."""
        me = self.me()
        if isinstance(me, Outcome):
            return me
        before = ""
        for _ in range(PAGES):
            page = self._page(me, before)
            if isinstance(page, Outcome):
                return page
            if not before:
                sought = replace(sought, since=sought.since + ahead(page.answer, clock()))
            if (found := find(page.posts, sought)) is not None:
                return found
            if not page.posts or is_beyond(page.posts, sought):
                return None
            before = page.posts[-1]["id"]
        return Lost.AMONG_TOO_MANY

    def newest(self) -> Page | Outcome:
        """Our newest posts, to see whether they may be read."""
        me = self.me()
        return me if isinstance(me, Outcome) else self._page(me, "")

    def _page(self, me: Me, before: str) -> Page | Outcome:
        while True:
            answer = self._statuses(me, before)
            if isinstance(answer, Outcome):
                return answer
            if is_success(answer) and (posts := own_posts(answer.json())) is not None:
                return Page(posts, answer)
            is_cut = is_success(answer) and len(answer.body) >= LIMIT
            if not is_cut or self._page_size + 1 == len(PAGE_SIZES):
                return of_read(answer, "read:statuses")
            self._page_size += 1

    def _statuses(self, me: Me, before: str) -> Answer | Outcome:
        """A page as ourselves; where the token may not, as anybody, if anybody may."""
        limit = PAGE_SIZES[self._page_size]
        answer = asked(lambda: self._api.statuses(me.id, limit=limit, before=before))
        if isinstance(answer, Outcome) or answer.status != 403 or not self._is_public:
            return answer
        open_answer = asked(lambda: self._api.statuses(me.id, limit=limit, before=before, signed=False))
        if isinstance(open_answer, Busy) or (isinstance(open_answer, Answer) and is_success(open_answer)):
            return open_answer
        return answer


def ahead(answer: Answer, now: datetime) -> timedelta:
    """How far the server's clock is ahead of ours, by the header Date; nothing where it does not tell."""
    try:
        there = parsedate_to_datetime(answer.headers.get("Date", ""))
        return there.astimezone(UTC) - now
    except (TypeError, ValueError, OverflowError):
        return timedelta(0)
