"""The four chat channels: what is posted, by whichever article, and what becomes of each answer.

After a wanted change of the messages write the golden ones anew, and read the difference before you commit:

    python tests/test_targets_chat.py
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chat_samples import (
    BARE,
    HOSTILE,
    KINDS,
    NOW,
    RICH,
    SECRET,
    SIGNATURE,
    TEMPLATE,
    changed,
    delivery,
    sender_of,
)
from receiver import Receiver, Reply, receiving
from strict_chat import GAP, SERVICES, Service

from feedbot.attempt import (
    Busy,
    Delivery,
    Denied,
    Gone,
    Outcome,
    Refused,
    Retry,
    Sent,
    Unclear,
)
from feedbot.model import EventKind, Image, Provider
from feedbot.targets.channel import ChannelSender

GOLDEN = Path(__file__).parent / "data" / "targets"
SAMPLES: dict[str, tuple[Delivery, dict[str, Any]]] = {
    "rich": (delivery(RICH), {}),
    "bare": (delivery(BARE), {}),
    "hostile": (delivery(HOSTILE), {}),
    "updated": (delivery(RICH, EventKind.UPDATED), {}),
    "withdrawn": (delivery(RICH, EventKind.WITHDRAWN), {}),
    "template": (delivery(RICH), {"template": TEMPLATE}),
    "hostile-template": (delivery(HOSTILE), {"template": TEMPLATE}),
}
POSTING = ("slack", "teams", "mattermost")  # each event is a message of its own

every_kind = pytest.mark.parametrize("kind", KINDS)


@dataclass(frozen=True)
class Chat:
    """A strict service that listens, and a sender that tells it."""

    receiver: Receiver
    service: Service
    sender: ChannelSender

    def send(self, told: Delivery) -> Outcome:
        return self.sender.send(told, NOW)

    @property
    def seen(self) -> str:
        """All texts of the newest message, as its readers see them."""
        return "\n".join(self.service.last.texts)


@contextmanager
def chatting(kind: str, **options: Any) -> Iterator[Chat]:
    """A chat with a strict service of that kind."""
    query = f"?api-version=1&sig={SIGNATURE}" if kind == "teams" else ""
    with receiving() as receiver:
        service = SERVICES[kind](path=f"/hooks/{SECRET}{query}")
        receiver.otherwise = service
        sender = sender_of(kind, receiver.url + service.path, **options)
        try:
            yield Chat(receiver, service, sender)
        finally:
            sender.close()


def answered(kind: str, *replies: Reply, **options: Any) -> Outcome:
    """What comes of a delivery that is answered so."""
    with chatting(kind, **options) as chat:
        chat.receiver.replies.extend(replies)
        return chat.send(delivery())


def payload_of(kind: str, sample: str) -> str:
    """The message of a sample, indented, with what is invisible made visible."""
    told, options = SAMPLES[sample]
    sender = sender_of(kind, "https://chat.example/hooks/x", **options)
    try:
        payload = sender.compose(told).payload
    finally:
        sender.close()
    return json.dumps(payload, ensure_ascii=False, indent=2).replace(GAP, "\\u200b") + "\n"


# --- what is posted ---


@every_kind
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_message_is_what_it_was(kind: str, sample: str) -> None:
    assert payload_of(kind, sample) == (GOLDEN / kind / f"{sample}.json").read_text(encoding="utf-8")


@every_kind
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_golden_message_is_taken(kind: str, sample: str) -> None:
    told, options = SAMPLES[sample]
    with chatting(kind, **options) as chat:
        chat.service.is_marked = "template" in sample
        chat.send(told) if told.event is EventKind.PUBLISHED or kind in POSTING else chat.send(delivery())
        assert chat.service.complaints == []
        assert len(chat.service.messages) == 1


@every_kind
def test_a_card_has_title_link_excerpt_picture_source_topics_and_date(kind: str) -> None:
    with chatting(kind) as chat:
        assert isinstance(chat.send(delivery()), Sent)
        shown = chat.service.last
        for told in (RICH.title, RICH.summary, "Example Labs", "AI, Computer Vision, C++"):
            assert told in chat.seen
        assert set(shown.links) == {RICH.link}
        assert shown.pictures == (RICH.images[0].url,)
        if kind in {"slack", "teams"}:
            assert shown.descriptions == ('The "vote" <count>',)
        assert "2026-03-01" in chat.receiver.requests[0].body.decode()


@every_kind
def test_the_site_stands_for_a_source_that_is_not_known(kind: str) -> None:
    with chatting(kind) as chat:
        chat.send(delivery(changed(provider=Provider())))
        assert "Example Newsroom" in chat.seen


@every_kind
def test_nothing_in_an_article_becomes_markup_a_mention_or_a_link(kind: str) -> None:
    with chatting(kind) as chat:
        assert isinstance(chat.send(delivery(HOSTILE)), Sent)
        assert chat.service.complaints == []
        assert set(chat.service.last.links) == {HOSTILE.link}
        assert "# <!channel> @everyone" in chat.seen  # readers see the very characters


@every_kind
def test_a_template_s_own_text_is_markup_and_what_it_shows_is_not(kind: str) -> None:
    marked = {"slack": "*News* <{{ url }}|{{ title }}>", "discord": "**News** [{{ title }}]({{ url }})"}
    with chatting(kind, template=marked.get(kind, "**News** [{{ title }}]({{ url }})")) as chat:
        chat.receiver.otherwise = Reply(200, body=b"ok")
        chat.send(delivery(changed(title="a *b* [c](d) <e> & f_g")))
        body = chat.receiver.requests[0].body.decode()
    assert ("*News*" if kind == "slack" else "**News**") in body
    assert "*b*" not in body
    assert kind == "slack" or "[c](" not in body
    assert "<e>" not in body


@every_kind
def test_an_article_s_text_stays_text_in_a_template(kind: str) -> None:
    with chatting(
        kind, template="{{ title }}: {{ excerpt }} {{ provider }} {{ authors|first }}\n{{ url }}"
    ) as chat:
        assert isinstance(chat.send(delivery(changed(HOSTILE, link="https://a.example/(b)?c=1&d=2"))), Sent)
        assert chat.service.complaints == []
        assert [link.replace("%28b%29", "(b)") for link in chat.service.last.links] == [
            "https://a.example/(b)?c=1&d=2"
        ]
        assert "# <!channel> @everyone" in chat.seen


@every_kind
def test_hashtags_in_a_template_stay_hashtags(kind: str) -> None:
    with chatting(kind, template="{{ title }} {{ hashtags }}") as chat:
        chat.service.is_marked = True
        chat.send(delivery())
        assert "#AI #ComputerVision #CPlusPlus" in chat.receiver.requests[0].body.decode()


@every_kind
def test_a_template_that_is_too_long_loses_excerpt_and_never_the_link(kind: str) -> None:
    with chatting(kind, template="{{ title }}\n{{ excerpt }}\n{{ url }}") as chat:
        long = delivery(changed(summary="Wort & " * 20_000))
        assert isinstance(chat.send(long), Sent)
        assert chat.service.last.links[-1] == RICH.link
        assert "excerpt shortened" in chat.sender.preview(long).notes


@every_kind
def test_a_template_that_cannot_be_filled_in_is_refused_in_words(kind: str) -> None:
    with chatting(kind, template="{{ excerpt }}") as chat:
        outcome = chat.send(delivery(BARE))
        assert isinstance(outcome, Refused)
        assert outcome.reason == "the template leaves no text for this article"
    with chatting(kind, template="{{ title }}" + "x" * 3_900 + "{{ url }}" * 5) as chat:
        outcome = chat.send(delivery(changed(link="https://news.example.com/" + "a" * 4_000)))
        assert isinstance(outcome, Refused)
        assert "shorten the template" in outcome.reason
        assert chat.receiver.requests == []


@every_kind
def test_without_image_no_picture_is_shown(kind: str) -> None:
    with chatting(kind, image=False) as chat:
        chat.send(delivery())
        assert chat.service.last.pictures == ()
        assert chat.sender.preview(delivery()).picture == ""


@every_kind
@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:image/png;base64,AA", "/a.png", "", "https://"])
def test_only_pictures_with_a_web_address_are_shown(kind: str, url: str) -> None:
    with chatting(kind) as chat:
        chat.send(delivery(changed(images=(Image(url=url),))))
        assert chat.service.complaints == []
        assert chat.service.last.pictures == ()


@every_kind
def test_a_picture_without_a_title_is_described_by_the_article_s(kind: str) -> None:
    preview = sender_of(kind, "https://chat.example/x").preview(
        delivery(changed(images=(Image(url="https://img.example/b"),)))
    )
    assert preview.picture == "https://img.example/b"
    assert preview.picture_text == (RICH.title if kind in {"slack", "teams"} else "")


@every_kind
def test_a_picture_whose_address_is_too_long_is_left_out(kind: str) -> None:
    with chatting(kind) as chat:
        long = delivery(changed(images=(Image(url="https://img.example/" + "a" * 5_000),)))
        assert isinstance(chat.send(long), Sent)
        assert chat.service.last.pictures == ()
        assert "picture left out: its address is too long" in chat.sender.preview(long).notes


@every_kind
@pytest.mark.parametrize("length", [2_000, 2_048, 2_049, 2_900, 3_000, 3_500, 4_090])
def test_a_link_is_never_shortened(kind: str, length: int) -> None:
    link = "https://news.example.com/?a=1&" + "x" * (length - 30)
    with chatting(kind) as chat:
        outcome = chat.send(delivery(changed(HOSTILE, link=link)))
        assert chat.service.complaints == []
        if isinstance(outcome, Refused):  # Slack alone cannot take the longest, even without a card
            assert kind == "slack"
            assert length > 3_900
            assert "link is longer" in outcome.reason
        else:
            assert set(chat.service.last.links) == {link}


@every_kind
def test_a_link_that_no_message_can_hold_is_refused_in_words(kind: str) -> None:
    with chatting(kind) as chat:
        outcome = chat.send(delivery(changed(link="https://news.example.com/" + "x" * 30_000)))
        assert isinstance(outcome, Refused)
        assert "link" in outcome.reason
        assert chat.receiver.requests == []
        assert chat.sender.preview(delivery(changed(link="https://a.example/" + "x" * 30_000))).notes == (
            outcome.reason,
        )


@every_kind
@pytest.mark.parametrize("link", ["", "javascript:alert(1)", "ftp://files.example/a"])
def test_an_article_without_a_web_address_goes_without_a_link(kind: str, link: str) -> None:
    with chatting(kind) as chat:
        assert isinstance(chat.send(delivery(changed(HOSTILE, link=link))), Sent)
        assert chat.service.complaints == []
        assert chat.service.last.links == ()


@pytest.mark.parametrize("kind", POSTING)
def test_updates_and_withdrawals_are_messages_that_say_so(kind: str) -> None:
    with chatting(kind) as chat:
        chat.send(delivery(event=EventKind.UPDATED))
        assert f"Updated: {RICH.title}" in chat.seen
        assert RICH.summary in chat.seen
        assert chat.service.last.pictures
        chat.send(delivery(event=EventKind.WITHDRAWN))
        assert f"Withdrawn: {RICH.title}" in chat.seen
        assert RICH.summary not in chat.seen
        assert not chat.service.last.pictures


@pytest.mark.parametrize("kind", POSTING)
def test_a_template_cannot_pass_a_withdrawal_off_as_news(kind: str) -> None:
    with chatting(kind, template="{{ title }} {{ excerpt }} {{ url }}") as chat:
        chat.send(delivery(event=EventKind.WITHDRAWN))
        assert f"Withdrawn: {RICH.title}" in chat.seen
        assert RICH.summary not in chat.seen


@every_kind
def test_what_was_cut_is_noted(kind: str) -> None:
    notes = sender_of(kind, "https://chat.example/x").preview(delivery(HOSTILE)).notes
    assert {"title shortened", "excerpt shortened", "topics shortened"} <= set(notes)
    assert sender_of(kind, "https://chat.example/x").preview(delivery()).notes == ()


@every_kind
def test_a_preview_is_what_is_sent(kind: str) -> None:
    with chatting(kind) as chat:
        preview = chat.sender.preview(delivery())
        assert chat.receiver.requests == []
        chat.send(delivery())
        assert json.loads(preview.text) == chat.receiver.requests[0].json()
        assert preview.length is not None
        assert preview.limit is not None
        assert 0 < preview.length <= preview.limit


# --- what answers mean ---

REFUSALS: list[tuple[str, Reply, type[Outcome]]] = [
    ("slack", Reply(200, body=b"something else"), Sent),
    ("slack", Reply(400, body=b"invalid_payload"), Refused),
    ("slack", Reply(403, body=b"action_prohibited"), Denied),
    ("slack", Reply(403, body=b"invalid_token"), Denied),
    ("slack", Reply(404, body=b"no_service"), Gone),
    ("slack", Reply(404, body=b"channel_not_found"), Gone),
    ("slack", Reply(410, body=b"channel_is_archived"), Gone),
    ("slack", Reply(413), Refused),
    ("slack", Reply(429, {"Retry-After": "30"}), Busy),
    ("slack", Reply(500, body=b"rollup_error"), Retry),
    ("slack", Reply(503), Busy),
    ("slack", Reply(302, {"Location": "https://elsewhere.example/"}), Retry),
    ("discord", Reply(204), Sent),
    ("discord", Reply(401, body=b'{"message": "Invalid Webhook Token", "code": 50027}'), Denied),
    ("discord", Reply(403, body=b'{"message": "Missing Access", "code": 50001}'), Denied),
    ("discord", Reply(404, body=b'{"message": "Unknown Webhook", "code": 10015}'), Gone),
    ("discord", Reply(400, body=b'{"message": "...", "code": 220001}'), Denied),
    ("discord", Reply(429, body=b'{"retry_after": 0.75, "global": true}'), Busy),
    ("discord", Reply(500), Retry),
    ("teams", Reply(200), Sent),
    ("teams", Reply(202), Sent),
    ("teams", Reply(400, body=b'{"error": {"code": "TriggerInputSchemaMismatch"}}'), Refused),
    ("teams", Reply(400, body=b'{"error": {"code": "WorkflowTriggerIsNotEnabled"}}'), Denied),
    ("teams", Reply(401), Denied),
    ("teams", Reply(404, body=b'{"error": {"code": "WorkflowNotFound"}}'), Gone),
    ("teams", Reply(413), Refused),
    ("teams", Reply(429), Busy),
    ("mattermost", Reply(200, body=b"ok"), Sent),
    ("mattermost", Reply(400, body=b"Couldn't find the channel"), Gone),
    (
        "mattermost",
        Reply(400, body=b'{"id":"web.incoming_webhook.invalid.app_error","status_code":400}'),
        Gone,
    ),
    ("mattermost", Reply(400, body=b"Unable to parse incoming data"), Refused),
    ("mattermost", Reply(403, body=b"Inappropriate channel permissions"), Denied),
    ("mattermost", Reply(404), Gone),
    ("mattermost", Reply(501, body=b'{"id":"web.incoming_webhook.disabled.app_error"}'), Denied),
]


@pytest.mark.parametrize(
    ("kind", "reply", "wanted"),
    REFUSALS,
    ids=[f"{kind}-{r.status}-{r.body[:40]!r}" for kind, r, _ in REFUSALS],
)
def test_each_answer_has_its_meaning(kind: str, reply: Reply, wanted: type[Outcome]) -> None:
    outcome = answered(kind, reply, image=False)
    assert type(outcome) is wanted
    assert outcome.answer is not None
    assert outcome.answer.status == reply.status


@every_kind
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_success(kind: str, status: int) -> None:
    assert type(answered(kind, Reply(status))) is Sent


@every_kind
@pytest.mark.parametrize(
    "reply", [Reply(lost=True), Reply(502), Reply(504, body=b"<html>Gateway timeout</html>")]
)
def test_what_nobody_answered_may_have_arrived(kind: str, reply: Reply) -> None:
    assert type(answered(kind, reply)) is Unclear


@every_kind
def test_a_target_that_cannot_be_reached_was_not_told(kind: str) -> None:
    with receiving() as receiver:
        url = receiver.url
    sender = sender_of(kind, f"{url}/hooks/{SECRET}")
    assert type(sender.send(delivery(), NOW)) is Busy
    assert type(sender.test(NOW)) is Busy


@every_kind
def test_a_rate_limit_says_when(kind: str) -> None:
    outcome = answered(kind, Reply(429, {"Retry-After": "30"}))
    assert type(outcome) is Busy
    assert outcome.answer is not None
    assert outcome.after == outcome.answer.at + timedelta(seconds=30)


@every_kind
def test_a_message_whose_picture_is_not_taken_goes_without_it(kind: str) -> None:
    with chatting(kind) as chat:
        chat.receiver.replies.append(Reply(400, body=b"invalid_blocks"))
        outcome = chat.send(delivery())
        assert type(outcome) is Sent
        assert "without its picture" in outcome.reason
        assert chat.service.last.pictures == ()
        assert len(chat.receiver.requests) == 2


@every_kind
def test_a_message_that_is_not_taken_without_its_picture_either_is_refused(kind: str) -> None:
    with chatting(kind) as chat:
        chat.receiver.otherwise = Reply(400, body=b"invalid_payload")
        assert type(chat.send(delivery())) is Refused
        assert len(chat.receiver.requests) == 2
        assert type(chat.send(delivery(BARE))) is Refused
        assert len(chat.receiver.requests) == 3


@every_kind
def test_a_test_says_that_it_is_one(kind: str) -> None:
    with chatting(kind) as chat:
        assert type(chat.sender.test(NOW)) is Sent
        assert chat.service.complaints == []
        assert chat.service.last.texts[-1] == "feedbot: this is a test of the target newsdesk"


@pytest.mark.parametrize("kind", POSTING)
def test_a_check_posts_nothing_and_says_what_does(kind: str) -> None:
    with chatting(kind) as chat:
        (check,) = chat.sender.check()
        assert check.is_fine
        assert "`feedbot targets test newsdesk`" in check.said
        assert chat.receiver.requests == []


@every_kind
def test_abort_ends_what_is_under_way(kind: str) -> None:
    with chatting(kind, timeout="60s") as chat:
        released = threading.Event()
        chat.receiver.otherwise = Reply(hold=released)
        outcomes: list[Outcome] = []
        thread = threading.Thread(target=lambda: outcomes.append(chat.send(delivery())))
        thread.start()
        try:
            chat.receiver.wait_for(1)
            chat.sender.abort()
            thread.join(30)
        finally:
            released.set()
            thread.join()
        assert type(outcomes[0]) is Unclear


# --- what stays secret ---


@every_kind
def test_the_address_is_never_said(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[object] = []
    with chatting(kind) as chat:
        replies = [Reply(status, body=f"no such {chat.service.path}".encode()) for status in REFUSED]
        for reply in [*replies, Reply(lost=True), Reply(raw=b"nonsense\r\n")]:
            chat.receiver.otherwise = reply
            said += [chat.send(delivery()), chat.sender.test(NOW), *chat.sender.check()]
        said += [chat.sender.preview(delivery()), chat.sender.preview(delivery(BARE))]
    said.append(sender_of(kind, f"http://127.0.0.1:1/hooks/{SECRET}?sig={SIGNATURE}").send(delivery(), NOW))
    for words in [*map(repr, said), caplog.text]:
        assert SECRET not in words
        assert SIGNATURE not in words


REFUSED = (301, 400, 401, 403, 404, 410, 413, 422, 429, 500, 502, 503)

if __name__ == "__main__":
    for kind in KINDS:
        (GOLDEN / kind).mkdir(parents=True, exist_ok=True)
        for sample in SAMPLES:
            (GOLDEN / kind / f"{sample}.json").write_text(payload_of(kind, sample), encoding="utf-8")
