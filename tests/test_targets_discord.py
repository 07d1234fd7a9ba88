"""Discord's messages are kept up to date: edited, deleted, and forgotten when somebody else deleted them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from chat_samples import NOW, RICH, SECRET, changed, delivery, sender_of
from receiver import Receiver, Reply, Request, receiving
from strict_chat import Discord, error

from feedbot.attempt import Busy, Delivery, Denied, Gone, Outcome, Refused, Sent, Skipped, Unclear
from feedbot.model import Article, EventKind
from feedbot.targets.channel import ChannelSender

CORRECTED = changed(title="Portland bans face recognition")


@dataclass
class Channel:
    """A Discord channel, and what feedbot remembers of the article's message there."""

    receiver: Receiver
    service: Discord
    sender: ChannelSender
    receipt: dict[str, Any] | None = None

    def tell(self, event: EventKind, article: Article = RICH, days: float = 1) -> Outcome:
        """Tell an event `days` after the article was announced, and keep the receipt as the store would."""
        told = delivery(article, event, receipt=self.receipt or {}, posted=NOW if self.receipt else None)
        outcome = self.sender.send(told, NOW + timedelta(days=days))
        if outcome.receipt is not None:
            self.receipt = outcome.receipt
        return outcome

    def published(self) -> Delivery:
        """Announce the article; gives what an update of it would be."""
        assert type(self.tell(EventKind.PUBLISHED)) is Sent
        return delivery(CORRECTED, EventKind.UPDATED, receipt=self.receipt or {}, posted=NOW)

    @property
    def newest(self) -> Request:
        return self.receiver.requests[-1]

    @property
    def posts(self) -> list[dict[str, Any]]:
        """What readers find in the channel."""
        return list(self.service.posts.values())


@contextmanager
def channel(query: str = "", **options: Any) -> Iterator[Channel]:
    with receiving(strict=True) as receiver:
        service = Discord(path=f"/api/webhooks/42/{SECRET}")
        receiver.otherwise = service
        settings = {"on_update": "edit", "on_withdraw": "delete", **options}
        sender = sender_of("discord", receiver.url + service.path + query, **settings)
        try:
            yield Channel(receiver, service, sender)
        finally:
            sender.close()
    assert service.complaints == []


def test_the_receipt_of_a_message_is_its_id_and_a_digest() -> None:
    with channel() as chat:
        outcome = chat.tell(EventKind.PUBLISHED)
        assert outcome.receipt is not None
        assert outcome.receipt.keys() == {"message", "digest"}
        assert outcome.receipt["message"] in chat.service.posts
        assert len(outcome.receipt["digest"]) == 64


def test_a_message_is_waited_for_once_whatever_the_address_says() -> None:
    for query in ("", "?wait=false", "?wait=true"):
        with channel(query) as chat:
            chat.tell(EventKind.PUBLISHED)
            assert urlsplit(chat.newest.path).query == "wait=true"


def test_the_thread_in_the_address_is_kept_for_posts_edits_and_deletions() -> None:
    with channel("?thread_id=77&wait=true") as chat:
        chat.tell(EventKind.PUBLISHED)
        assert urlsplit(chat.newest.path).query == "thread_id=77&wait=true"
        assert type(chat.tell(EventKind.UPDATED, CORRECTED)) is Sent
        assert urlsplit(chat.newest.path).query == "thread_id=77"
        assert type(chat.tell(EventKind.WITHDRAWN, CORRECTED)) is Sent
        assert urlsplit(chat.newest.path).query == "thread_id=77"
        assert chat.posts == []


def test_an_answer_without_a_message_is_success_but_nothing_can_be_edited() -> None:
    with channel() as chat:
        chat.receiver.replies.append(Reply(204))
        outcome = chat.tell(EventKind.PUBLISHED)
        assert type(outcome) is Sent
        assert outcome.receipt == {}
        requests = len(chat.receiver.requests)
        assert type(chat.tell(EventKind.UPDATED, CORRECTED)) is Skipped
        assert type(chat.tell(EventKind.WITHDRAWN)) is Skipped
        assert len(chat.receiver.requests) == requests


def test_an_update_edits_the_message_itself() -> None:
    with channel() as chat:
        chat.published()
        before = chat.receipt
        assert type(chat.tell(EventKind.UPDATED, CORRECTED)) is Sent
        assert [post["embeds"][0]["title"] for post in chat.posts] == [CORRECTED.title]
        assert chat.newest.method == "PATCH"
        assert chat.newest.json()["allowed_mentions"] == {"parse": []}
        assert before is not None
        assert chat.receipt is not None
        assert chat.receipt["message"] == before["message"]
        assert chat.receipt["digest"] != before["digest"]


def test_an_edit_that_would_change_nothing_is_not_made() -> None:
    with channel() as chat:
        chat.published()
        outcome = chat.tell(EventKind.UPDATED, changed(content="<p>Only the body differs</p>"))
        assert type(outcome) is Skipped
        assert outcome.reason == "nothing in the message would change"
        assert len(chat.receiver.requests) == 1


def test_a_message_that_was_a_card_can_become_text_and_back() -> None:
    with channel() as chat:
        chat.published()
        plain = sender_of("discord", chat.sender.url, template="{{ title }} {{ url }}", on_update="edit")
        chat.sender, card = plain, chat.sender
        assert type(chat.tell(EventKind.UPDATED)) is Sent
        assert chat.posts[0]["content"].startswith(RICH.title)
        assert chat.posts[0]["embeds"] == []
        chat.sender = card
        assert type(chat.tell(EventKind.UPDATED)) is Sent
        assert chat.posts[0]["content"] == ""
        assert chat.posts[0]["embeds"]
        plain.close()


def test_an_old_message_is_left_as_it_is() -> None:
    with channel(edit_window="2d") as chat:
        chat.published()
        assert type(chat.tell(EventKind.UPDATED, CORRECTED, days=1.9)) is Sent
        outcome = chat.tell(EventKind.UPDATED, RICH, days=2.1)
        assert type(outcome) is Skipped
        assert "edit_window" in outcome.reason
        assert chat.posts[0]["embeds"][0]["title"] == CORRECTED.title


def test_an_old_message_is_deleted_all_the_same() -> None:
    with channel(edit_window="2d") as chat:
        chat.published()
        assert type(chat.tell(EventKind.WITHDRAWN, days=300)) is Sent
        assert chat.posts == []


def test_an_article_that_was_not_announced_is_not_announced_by_an_edit() -> None:
    with channel() as chat:
        assert type(chat.tell(EventKind.UPDATED)) is Skipped
        assert type(chat.tell(EventKind.WITHDRAWN)) is Skipped
        assert chat.receiver.requests == []


def test_a_withdrawal_deletes_the_message_and_forgets_it() -> None:
    with channel() as chat:
        chat.published()
        outcome = chat.tell(EventKind.WITHDRAWN)
        assert type(outcome) is Sent
        assert outcome.receipt == {}
        assert chat.posts == []
        assert (chat.newest.method, chat.newest.body) == ("DELETE", b"")
        assert chat.sender.preview(delivery(event=EventKind.WITHDRAWN)).notes == ("its message is deleted",)


@pytest.mark.parametrize("event", [EventKind.UPDATED, EventKind.WITHDRAWN])
def test_a_message_that_somebody_deleted_is_forgotten(event: EventKind) -> None:
    with channel() as chat:
        chat.published()
        chat.service.posts.clear()
        outcome = chat.tell(event, CORRECTED)
        assert type(outcome) is (Skipped if event is EventKind.UPDATED else Sent)
        assert outcome.receipt == {}
        assert "message" in outcome.reason


@pytest.mark.parametrize("event", list(EventKind))
def test_a_webhook_that_is_no_more_is_gone_for_edits_too(event: EventKind) -> None:
    with channel() as chat:
        chat.published()
        chat.service.is_known = False
        outcome = chat.tell(event, CORRECTED)
        assert type(outcome) is Gone
        assert outcome.receipt is None


@pytest.mark.parametrize("event", [EventKind.UPDATED, EventKind.WITHDRAWN])
@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (Reply(lost=True), Unclear),
        (error(403, 50001, "Missing Access"), Denied),
        (Reply(429, {"Retry-After": "3"}), Busy),
    ],
)
def test_an_edit_that_failed_keeps_the_receipt_for_the_next_attempt(
    event: EventKind, reply: Reply, wanted: type[Outcome]
) -> None:
    with channel() as chat:
        chat.published()
        receipt = chat.receipt
        chat.receiver.replies.append(reply)
        assert type(chat.tell(event, CORRECTED)) is wanted
        assert chat.receipt == receipt
        assert type(chat.tell(event, CORRECTED)) is Sent


def test_an_edit_whose_picture_is_not_taken_goes_without_it() -> None:
    with channel() as chat:
        update = chat.published()
        chat.receiver.replies.append(error(400, 50035, "Not a well formed URL."))
        assert type(chat.sender.send(update, NOW)) is Sent
        assert "image" not in chat.posts[0]["embeds"][0]
        assert chat.posts[0]["embeds"][0]["title"] == CORRECTED.title


@pytest.mark.parametrize("is_global", [False, True])
def test_a_rate_limit_is_obeyed_to_the_fraction(is_global: bool) -> None:
    told = {"message": "You are being rate limited.", "retry_after": 12.34, "global": is_global}
    headers = {"Retry-After": "12", "X-RateLimit-Reset-After": "12.3", "Content-Type": "application/json"}
    with channel() as chat:
        chat.receiver.replies.append(Reply(429, headers, json.dumps(told).encode()))
        outcome = chat.tell(EventKind.PUBLISHED)
        assert type(outcome) is Busy
        assert outcome.answer is not None
        assert outcome.after == outcome.answer.at + timedelta(seconds=12.34)


@pytest.mark.parametrize("wish", ["-1", "0", "NaN", "Infinity", '"soon"', "null", "true", "1e300", "[1]"])
def test_a_rate_limit_that_makes_no_sense_still_counts_as_one(wish: str) -> None:
    with channel() as chat:
        chat.receiver.replies.append(Reply(429, body=f'{{"retry_after": {wish}}}'.encode()))
        outcome = chat.tell(EventKind.PUBLISHED)
        assert type(outcome) is Busy
        assert outcome.answer is not None
        assert outcome.after is None or outcome.after <= outcome.answer.at + timedelta(hours=24)


def test_a_limit_that_is_used_up_by_a_message_holds_the_next_one_back() -> None:
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "2"}
    with channel() as chat:
        chat.receiver.replies.append(Reply(200, headers, b'{"id": "5"}'))
        outcome = chat.tell(EventKind.PUBLISHED)
        assert type(outcome) is Sent
        assert outcome.answer is not None
        assert outcome.after == outcome.answer.at + timedelta(seconds=2)


def test_a_forum_says_what_is_missing_in_the_address() -> None:
    with channel() as chat:
        chat.receiver.replies.append(
            error(400, 220001, "Webhooks posted to forum channels must have a thread")
        )
        outcome = chat.tell(EventKind.PUBLISHED)
        assert type(outcome) is Denied
        assert "thread_id" in outcome.reason
        assert len(chat.receiver.requests) == 1


def test_a_check_asks_for_the_webhook_without_posting() -> None:
    with channel("?thread_id=77") as chat:
        (check,) = chat.sender.check()
        assert check.is_fine
        assert check.said == f"posts as 'feedbot' to the channel {chat.service.channel}"
        assert SECRET not in check.said
        assert chat.newest.method == "GET"
        assert chat.posts == []
        chat.service.is_known = False
        (check,) = chat.sender.check()
        assert not check.is_fine
        assert "Unknown Webhook" in check.said


def test_a_check_of_a_server_that_is_down_says_so() -> None:
    with channel() as chat:
        chat.receiver.replies.append(Reply(lost=True))
        (check,) = chat.sender.check()
        assert not check.is_fine
        assert check.said


def test_a_message_that_discord_does_not_like_is_refused() -> None:
    with channel() as chat:
        chat.receiver.replies.extend([error(400, 50035, "Invalid Form Body")] * 2)
        assert type(chat.tell(EventKind.PUBLISHED)) is Refused
