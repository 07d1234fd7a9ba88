"""Webhooks as their receivers see them: what a message says, who can verify it, what an answer leads to.

After a wanted change of the messages write the golden ones anew, and read what differs before you commit:

    python tests/test_targets_webhook.py
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from receiver import Receiver, Reply, Request, receiving
from render_samples import PLAIN, RICH, SITE, VIDEO, article

from feedbot.attempt import Busy, Delivery, Denied, Gone, Outcome, Refused, Retry, Sent, Unclear
from feedbot.config.targets import Webhook
from feedbot.model import Article, Author, Entry, EventKind, Image, Provider, Related
from feedbot.targets import make_sender
from feedbot.targets.http import json_body
from feedbot.targets.webhook import WebhookSender, ce_value
from feedbot.targets.webhook_message import LIMIT, enveloped, message_of

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "data" / "targets" / "webhook"
SCHEMA = json.loads(files("feedbot.targets").joinpath("webhook.schema.json").read_text(encoding="utf-8"))
VALID = Draft202012Validator(SCHEMA)
VALID_DATA = Draft202012Validator({"$ref": "#/$defs/article", "$defs": SCHEMA["$defs"]})

OLD_KEY = "whsec_" + base64.b64encode(b"o" * 24).decode()
NEW_KEY = "whsec_" + base64.b64encode(bytes(range(64))).decode()
OTHER_KEY = "whsec_" + base64.b64encode(b"x" * 32).decode()
EVENT_AT = datetime(2026, 11, 20, 9, 0, 0, 250_000, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 9, 0, 7, tzinfo=UTC)
TOKEN = "T0KEN-0123456789abcdef"  # noqa: S105 (planted, to be found nowhere)

STRANGE = Entry(id="tag:news.example.com,2026:ä 100%/“x”.md", article=PLAIN.article)


def delivery(
    entry: Entry = RICH,
    event: EventKind = EventKind.PUBLISHED,
    *,
    id_: str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
) -> Delivery:
    return Delivery(id=id_, event=event, at=EVENT_AT, entry=entry)


def target(url: str, **options: Any) -> Webhook:
    """A webhook that is signed with NEW_KEY unless `options` say something else."""
    keys = {} if options.get("unsigned") else {"secret": NEW_KEY}
    return Webhook(**{"name": "newsroom", "type": "webhook", "url": url, **keys, **options})


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with receiving(strict=True) as receiver:
        yield receiver


def posted(receiver: Receiver, one: Delivery, now: datetime = NOW, **options: Any) -> Request:
    """The request that a delivery becomes."""
    sender = make_sender(target(f"{receiver.url}/hook", **options), SITE)
    assert isinstance(sender.send(one, now), Sent)
    sender.close()
    return receiver.requests[-1]


def outcome_of(receiver: Receiver, reply: Reply, **options: Any) -> Outcome:
    """What comes of a delivery that is answered so."""
    receiver.replies.append(reply)
    sender = make_sender(target(receiver.url, **options), SITE)
    outcome = sender.send(delivery(), NOW)
    sender.close()
    return outcome


# --- what a message says ---

CASES: dict[str, tuple[Delivery, dict[str, Any]]] = {
    "published": (delivery(), {}),
    "updated": (delivery(VIDEO, EventKind.UPDATED), {"secret": [NEW_KEY, OLD_KEY]}),
    "withdrawn": (delivery(event=EventKind.WITHDRAWN), {}),
    "bare": (delivery(PLAIN), {"unsigned": True}),
    "cloudevents": (delivery(), {"format": "cloudevents"}),
    "cloudevents-strange": (delivery(STRANGE), {"format": "cloudevents", "unsigned": True}),
}


def golden(receiver: Receiver, name: str) -> str:
    """A message as it arrives, without what HTTP adds."""
    one, options = CASES[name]
    request = posted(receiver, one, **options)
    assert json_body(request.json()) == request.body  # so that the golden file stands for the very bytes
    headers = {
        key.lower(): value
        for key, value in request.headers.items()
        if key.lower().startswith(("webhook-", "ce-", "content-type"))
    }
    return json.dumps({"headers": headers, "body": request.json()}, ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_every_message_is_what_it_was(receiver: Receiver, name: str) -> None:
    assert golden(receiver, name) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


def test_no_golden_message_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_golden_message_follows_the_schema(name: str) -> None:
    told = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    (VALID_DATA if name.startswith("cloudevents") else VALID).validate(told["body"])


def test_the_schema_is_one_and_explains_every_field() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    unexplained = [
        path for path, node in properties(SCHEMA) if "description" not in node and "$ref" not in node
    ]
    assert [path for path in unexplained if not path.endswith("/data")] == []


def properties(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every field that a schema names, with the path to it."""
    if isinstance(node, dict):
        fields = node.get("properties")
        if isinstance(fields, dict):
            yield from ((f"{path}/{name}", part) for name, part in fields.items())
        for name, part in node.items():
            yield from properties(part, f"{path}/{name}")


def test_a_withdrawn_article_is_named_and_not_shown() -> None:
    message = message_of(delivery(event=EventKind.WITHDRAWN), SITE)
    assert message.data.keys() == {"id", "url", "title", "published"}


def test_the_language_of_the_site_stands_in_for_that_of_the_article() -> None:
    assert message_of(delivery(article(language="")), SITE).data["language"] == "en"
    assert (
        "language"
        not in message_of(delivery(article(language="")), msgspec.structs.replace(SITE, language="")).data
    )


def test_a_long_article_is_told_of_in_a_short_message() -> None:
    link = "https://news.example.com/" + "x" * 4000
    long = article(
        title="ä" * 300,
        summary="🤖" * 500,
        link=link,
        via=link,
        amp_link=link,
        topics=tuple(f"{number} {'🤖' * 98}" for number in range(50)),
        authors=tuple(Author(name=f"{number}", url=link, avatar=link) for number in range(50)),
        images=tuple(Image(url=f"{link}{number}") for number in range(50)),
        related=tuple(Related(title="ä" * 300, url=link) for number in range(50)),
    )
    message = message_of(delivery(long), SITE)
    assert len(json_body(enveloped(message))) < LIMIT
    assert (message.data["url"], message.data["title"]) == (link, "ä" * 300)
    assert "only the first 10 related" in message.notes
    assert "not all of related" in message.notes


TEXT = st.text(min_size=1, max_size=300)
MAYBE = st.just("") | TEXT
LINK = st.builds(
    lambda path, times: f"https://example.com/{path}"[: 25 + times],
    st.text("abc/%20?&=é", max_size=50),
    st.integers(0, 50),
)
LONG_LINK = LINK | st.integers(0, 4000).map(lambda size: "https://example.com/" + "y" * size)
MAYBE_LINK = st.just("") | LONG_LINK
DATES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (as it asks)
PIXELS = st.none() | st.integers(1, 100_000)
NUMBERS = st.none() | st.integers(0, 1000)


def many(kind: Callable[..., Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.builds(kind, **fields), max_size=50).map(tuple)


ARTICLES = st.builds(
    Article,
    title=TEXT,
    published=DATES,
    updated=DATES,
    summary=st.just("") | st.text(max_size=500),
    content=st.text(max_size=100),
    link=LONG_LINK,
    via=MAYBE_LINK,
    amp_link=MAYBE_LINK,
    cdn_amp_link=MAYBE_LINK,
    category=MAYBE,
    type=MAYBE,
    topics=st.lists(TEXT, max_size=60).map(tuple),
    provider=st.builds(Provider, name=MAYBE, domain=MAYBE, image=MAYBE_LINK),
    authors=many(Author, name=TEXT, url=MAYBE_LINK, avatar=MAYBE_LINK),
    images=many(Image, url=LONG_LINK, width=PIXELS, height=PIXELS, title=MAYBE),
    related=many(Related, title=TEXT, url=LONG_LINK, provider=MAYBE, published=st.none() | DATES),
    heat=NUMBERS,
    quality=NUMBERS,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(told=ARTICLES, event=st.sampled_from(EventKind))
def test_any_article_becomes_a_small_message_that_follows_the_schema(told: Article, event: EventKind) -> None:
    message = message_of(delivery(Entry(id="tag:a.example,2026:x", article=told), event), SITE)
    body = json_body(enveloped(message))
    assert len(body) < LIMIT
    read = json.loads(body)
    VALID.validate(read)
    assert read["data"].keys() <= SCHEMA["$defs"]["article"]["properties"].keys()
    assert not {"heat", "quality", "content", "secured"} & names(read)


def names(told: Any) -> set[str]:
    """Every field name in a JSON value."""
    if isinstance(told, list):
        return set().union(*map(names, told))
    return set(told).union(*map(names, told.values())) if isinstance(told, dict) else set()


# --- signatures, verified by others ---


def flat(request: Request) -> dict[str, str]:
    return dict(request.headers.items())


def verified_by_python(key: str, request: Request) -> bool:
    """Whether both Python libraries accept a message; they are never of two minds."""
    verdicts = set()
    for verifier, refusal in (
        (standardwebhooks.Webhook(key), standardwebhooks.WebhookVerificationError),
        (svix.webhooks.Webhook(key), svix.webhooks.WebhookVerificationError),
    ):
        try:
            verifier.verify(request.body, flat(request))
            verdicts.add(True)
        except refusal:
            verdicts.add(False)
    [verdict] = verdicts
    return verdict


def now() -> datetime:
    """The real time: verifiers look at their own clock."""
    return datetime.now(UTC)


def tampered(request: Request) -> Request:
    return replace(request, body=request.body.replace(b"Compilers", b"compilers"))


def delayed(request: Request) -> Request:
    """A copy that somebody sends again later, with a newer time."""
    later = str(int(request.headers["webhook-timestamp"]) + 1)
    request.headers.replace_header("webhook-timestamp", later)
    return request


@pytest.mark.parametrize("options", [{}, {"format": "cloudevents"}])
def test_a_message_can_be_verified_with_its_key_alone(receiver: Receiver, options: dict[str, str]) -> None:
    request = posted(receiver, delivery(), now(), **options)
    assert verified_by_python(NEW_KEY, request)
    assert not verified_by_python(OTHER_KEY, request)
    assert not verified_by_python(NEW_KEY, tampered(request))
    assert not verified_by_python(NEW_KEY, delayed(request))


def test_while_keys_change_the_old_and_the_new_one_both_verify(receiver: Receiver) -> None:
    request = posted(receiver, delivery(), now(), secret=[NEW_KEY, OLD_KEY])
    assert verified_by_python(NEW_KEY, request)
    assert verified_by_python(OLD_KEY, request)
    assert not verified_by_python(OTHER_KEY, request)
    after = posted(receiver, delivery(), now(), secret=[NEW_KEY])
    assert not verified_by_python(OLD_KEY, after)


def test_another_attempt_has_the_same_id_and_its_own_time(receiver: Receiver) -> None:
    moment = now()
    attempts = [posted(receiver, delivery(), moment + timedelta(seconds=wait)) for wait in (-100, 0)]
    assert len({request.headers["webhook-id"] for request in attempts}) == 1
    times = [int(request.headers["webhook-timestamp"]) for request in attempts]
    assert times[1] - times[0] == 100
    assert attempts[0].body == attempts[1].body
    assert all(verified_by_python(NEW_KEY, request) for request in attempts)


def node_modules() -> Path | None:
    """Where the JavaScript package lies, if node is there to run it."""
    folder = Path(os.environ.get("FEEDBOT_NODE_MODULES") or ROOT / ".node" / "node_modules")
    return folder if shutil.which("node") and (folder / "standardwebhooks").is_dir() else None


VERIFY_IN_JAVASCRIPT = """
const { Webhook } = require("standardwebhooks");
const messages = JSON.parse(require("fs").readFileSync(0, "utf8"));
const accepted = ({ key, body, headers }) => {
  try { new Webhook(key).verify(body, headers); return true; } catch { return false; }
};
console.log(JSON.stringify(messages.map(accepted)));
"""


def test_messages_can_be_verified_in_javascript(receiver: Receiver) -> None:
    modules = node_modules()
    if modules is None:
        pytest.skip("node package standardwebhooks absent")
    request = posted(receiver, delivery(), now(), secret=[NEW_KEY, OLD_KEY])
    strange = posted(receiver, delivery(STRANGE), now(), format="cloudevents")
    messages = [
        {"key": key, "body": one.body.decode(), "headers": flat(one)}
        for key, one in [(NEW_KEY, request), (OLD_KEY, request), (NEW_KEY, strange), (OTHER_KEY, request)]
    ]
    messages.append({**messages[0], "body": tampered(request).body.decode()})
    ran = subprocess.run(
        ["node", "-e", VERIFY_IN_JAVASCRIPT],
        input=json.dumps(messages),
        env={**os.environ, "NODE_PATH": str(modules)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout) == [True, True, True, False, False]


def test_an_unsigned_message_still_has_its_id(receiver: Receiver) -> None:
    request = posted(receiver, delivery(), unsigned=True)
    assert request.headers["webhook-id"] == delivery().id
    assert "webhook-signature" not in request.headers


# --- CloudEvents ---


def test_attributes_of_an_event_can_be_read_back(receiver: Receiver) -> None:
    request = posted(receiver, delivery(STRANGE), format="cloudevents")
    attributes = {name: unquote(value) for name, value in flat(request).items() if name.startswith("ce-")}
    assert attributes == {
        "ce-specversion": "1.0",
        "ce-id": delivery().id,
        "ce-source": SITE.url,
        "ce-type": "feedbot.article.published",
        "ce-subject": STRANGE.id,
        "ce-time": "2026-11-20T09:00:00.250000Z",
    }
    assert request.json() == message_of(delivery(STRANGE), SITE).data


@given(st.text())
def test_any_text_becomes_a_header_value_and_back(text: str) -> None:
    value = ce_value(text)
    assert all("!" <= c <= "~" and c not in '" ' for c in value)
    assert unquote(value) == text.encode("utf-8", "replace").decode()


# --- what comes of it ---


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (Sent, (200, 202, 204)),
        (Retry, (302, 404, 500, 502, 504)),
        (Busy, (429, 503)),
        (Refused, (400, 413, 422)),
        (Denied, (401, 403)),
        (Gone, (410,)),
    ],
)
def test_an_answer_leads_to(receiver: Receiver, kind: type[Outcome], statuses: tuple[int, ...]) -> None:
    outcomes = {type(outcome_of(receiver, Reply(status))) for status in statuses}
    assert outcomes == {kind}
    assert len(receiver.requests) == len(statuses)


def test_the_wish_of_an_answer_is_kept(receiver: Receiver) -> None:
    outcome = outcome_of(receiver, Reply(503, {"Retry-After": "30"}))
    assert outcome.after is not None
    assert outcome.answer is not None
    assert outcome.after - outcome.answer.at == timedelta(seconds=30)


def test_a_lost_answer_leaves_open_whether_it_arrived(receiver: Receiver) -> None:
    assert type(outcome_of(receiver, Reply(lost=True))) is Unclear


def test_nobody_there_means_that_the_target_pauses() -> None:
    sender = make_sender(target("http://127.0.0.1:1/"), SITE)
    assert type(sender.send(delivery(), NOW)) is Busy
    sender.close()


@pytest.mark.parametrize(("status", "kind"), [(200, Sent), (500, Retry), (410, Gone)])
def test_a_status_counts_even_if_the_rest_of_the_answer_never_comes(
    receiver: Receiver, status: int, kind: type[Outcome]
) -> None:
    assert type(outcome_of(receiver, Reply(status, body=b"x" * 1000, drip=0.02), timeout="900ms")) is kind


def test_a_request_under_way_can_be_ended(receiver: Receiver) -> None:
    receiver.replies.append(Reply(hold=threading.Event()))
    sender = make_sender(target(receiver.url, timeout="60s"), SITE)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(sender.send(delivery(), NOW)))
    thread.start()
    receiver.wait_for(1)
    sender.abort()
    thread.join(timeout=30)
    assert [type(outcome) for outcome in outcomes] == [Unclear]
    sender.close()


# --- for the operator ---


def test_headers_of_the_configuration_are_sent(receiver: Receiver) -> None:
    request = posted(receiver, delivery(), headers={"Authorization": f"Bearer {TOKEN}", "X-Team": "news"})
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["X-Team"] == "news"


def test_a_preview_is_what_is_sent(receiver: Receiver) -> None:
    sender = make_sender(target(f"{receiver.url}/{TOKEN}", headers={"X-Token": TOKEN}), SITE)
    preview = sender.preview(delivery())
    assert receiver.requests == []
    sender.send(delivery(), NOW)
    sender.close()
    assert json.loads(preview.text) == receiver.requests[0].json()
    assert "\n" in preview.text
    assert TOKEN not in repr(preview)
    assert NEW_KEY not in repr(preview)
    assert preview.notes == ("signed with 1 key",)


def test_a_preview_of_an_event_shows_its_attributes() -> None:
    sender = make_sender(target("https://receiver.example/", format="cloudevents", unsigned=True), SITE)
    notes = sender.preview(delivery()).notes
    sender.close()
    assert "ce-type: feedbot.article.published" in notes
    assert notes[-1].startswith("not signed")


@pytest.mark.parametrize("format_", ["standard", "cloudevents"])
def test_a_test_message_says_so_and_follows_the_schema(receiver: Receiver, format_: str) -> None:
    sender = make_sender(target(receiver.url, format=format_), SITE)
    assert [type(sender.test(now())) for _ in range(2)] == [Sent, Sent]
    sender.close()
    first, second = receiver.requests
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    assert verified_by_python(NEW_KEY, first)
    if format_ == "standard":
        VALID.validate(first.json())
        assert first.json()["type"] == "feedbot.test"
    else:
        assert first.headers["ce-type"] == "feedbot.test"
        assert "ce-subject" not in first.headers


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://receiver.example/", True),
        ("http://receiver.example/", False),
        ("http://127.0.0.1:9000/", True),
        ("http://[::1]:9000/", True),
        ("http://localhost/", True),
    ],
)
def test_the_check_names_an_address_that_others_can_listen_to(url: str, *, is_fine: bool) -> None:
    sender = make_sender(target(f"{url}{TOKEN}"), SITE)
    address, signature = sender.check()
    sender.close()
    assert (address.what, address.is_fine) == ("address", is_fine)
    assert (signature.what, signature.is_fine) == ("signature", True)
    assert TOKEN not in address.said + signature.said


def test_the_time_that_a_delivery_may_take_is_that_of_one_request() -> None:
    sender = make_sender(target("https://receiver.example/", timeout="15s"), SITE)
    assert isinstance(sender, WebhookSender)
    assert 15 <= sender.budget < 20
    assert sender.name == "newsroom"
    sender.close()


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for path in GOLDEN.iterdir():
        path.unlink()
    for case in CASES:
        with receiving(strict=True) as server:
            (GOLDEN / f"{case}.json").write_text(golden(server, case), encoding="utf-8")
