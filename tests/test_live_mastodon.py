"""The whole way on a real server, with posts that only their author sees. Tests exist where there is one:

FEEDBOT_LIVE_MASTODON_URL    address of the server
FEEDBOT_LIVE_MASTODON_TOKEN  token with write:statuses write:media read:statuses read:accounts

Everything that is posted is deleted again. `FEEDBOT_LIVE_MASTODON_VISIBILITY` is `direct` if it is not given.
`test_fediverse.py` rehearses them.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from announcer import SITE, article, options
from msgspec import structs
from msgspec.structs import replace
from PIL import Image

from feedbot.attempt import Delivery, Outcome, Sent, Skipped
from feedbot.model import Article, Entry, EventKind, JsonObject
from feedbot.model import Image as Picture
from feedbot.targets.http import Client
from feedbot.targets.mastodon import MastodonSender
from feedbot.targets.mastodon.api import Api
from feedbot.targets.pictures import Picture as Fetched


@dataclass(frozen=True)
class Where:
    """An account on a server."""

    url: str
    token: str
    visibility: str = "direct"


class Live:
    """A target on the server, and what is kept of one article that nobody else has."""

    def __init__(self, where: Where, **changed: Any) -> None:
        said = {
            "visibility": where.visibility,
            "timeout": "30s",
            "on_update": "edit",
            "on_withdraw": "delete",
        }
        self.sender = MastodonSender(
            options(where.url, where.token, **{**said, **changed}), SITE, fetch=drawn
        )
        self._client = Client(timeout=30)
        self._api = Api(self._client, f"{where.url}/", where.token, 30)
        mark = secrets.token_hex(8)
        image = Picture(url=f"https://news.example.com/{mark}.png", title=f"A picture, {mark}")
        self.article = article(
            title=f"Test {mark} of feedbot, & not <b>news</b>",
            link=f"https://news.example.com/{mark}?a=1&b=2",
            images=(image,),
        )
        self.receipt: JsonObject = {}
        self.posted: datetime | None = None
        self._id = f"{SITE.id_base}{mark}"

    def send(self, event: str, told: Article | None = None, **more: Any) -> Outcome:
        """One attempt; what it notes is kept."""
        now = datetime.now(UTC)
        delivery = Delivery(
            id=f"msg_{secrets.token_hex(8)}",
            event=EventKind(event),
            at=now,
            entry=Entry(id=self._id, article=told or self.article),
            receipt=self.receipt,
            posted=self.posted,
        )
        outcome = self.sender.send(replace(delivery, **more), now)
        if outcome.receipt is not None:
            self.receipt = outcome.receipt
        if isinstance(outcome, Sent):
            self.posted = now
        return outcome

    def shown(self) -> Any:
        """The post as the server shows it."""
        self._api.allow(30)
        return self._api.show(self.receipt["status"]).json()

    def close(self) -> None:
        """Delete the post and let go of the connections."""
        try:
            if self.receipt.get("status"):
                assert isinstance(self.send("withdrawn"), Sent)
        finally:
            self.sender.close()
            self._client.close()


def drawn(url: str, **_: Any) -> Fetched:
    """A picture, of a colour of its own for each address."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), f"#{secrets.token_hex(3)}").save(file, "PNG")
    return Fetched(file.getvalue(), "image/png", 64, 48)


def check_the_account(where: Where) -> None:
    """Credentials, scopes and limits are as they should be."""
    with closing(Live(where)) as target:
        checked = target.sender.check()
        assert [check.said for check in checked if not check.is_fine] == []
        assert isinstance(target.sender.test(datetime.now(UTC)), Sent)


def check_post_change_and_delete(where: Where) -> None:
    """A post with picture and warning, changed, changed without effect, deleted."""
    with closing(Live(where, content_warning="A test")) as target:
        outcome = target.send("published")
        assert isinstance(outcome, Sent), outcome.reason
        assert outcome.reason == ""
        before = target.shown()
        assert before["spoiler_text"] == "A test"
        assert before["visibility"] == where.visibility
        assert target.article.link.replace("&", "&amp;") in before["content"]
        (picture,) = before["media_attachments"]
        assert picture["description"] == target.article.images[0].title
        changed = structs.replace(target.article, title=f"{target.article.title}, changed")
        assert isinstance(target.send("updated", changed), Sent)
        after = target.shown()
        assert after["id"] == before["id"]
        assert "changed" in after["content"]
        assert [media["id"] for media in after["media_attachments"]] == [picture["id"]]
        assert after["spoiler_text"] == "A test"
        assert isinstance(target.send("updated", changed), Skipped)
        target.receipt = {**target.receipt, "digest": ""}
        assert isinstance(target.send("updated", changed), Sent)  # without effect, and without harm
        assert isinstance(target.send("withdrawn"), Sent)
        assert isinstance(target.send("withdrawn"), Skipped)


def check_a_post_that_nobody_heard_of_is_found(where: Where) -> None:
    """As after a process that was killed: the post is looked for, and not made again."""
    with closing(Live(where, image=False)) as target:
        assert isinstance(target.send("published"), Sent)
        known, target.receipt = target.receipt, {}
        try:
            began = target.posted
            outcome = target.send("published", attempt=2, may_have_arrived=True, first_tried=began)
            assert isinstance(outcome, Sent), outcome.reason
            assert outcome.receipt is not None
            assert outcome.receipt["status"] == known["status"]
        finally:
            target.receipt = known


CHECKS: list[Callable[[Where], None]] = [
    check_the_account,
    check_post_change_and_delete,
    check_a_post_that_nobody_heard_of_is_found,
]
REAL = Where(
    url=os.environ.get("FEEDBOT_LIVE_MASTODON_URL", "").rstrip("/"),
    token=os.environ.get("FEEDBOT_LIVE_MASTODON_TOKEN", ""),
    visibility=os.environ.get("FEEDBOT_LIVE_MASTODON_VISIBILITY", "direct"),
)

if REAL.url and REAL.token:

    @pytest.mark.parametrize("check", CHECKS)
    def test_on_a_real_server(check: Callable[[Where], None]) -> None:
        check(REAL)
