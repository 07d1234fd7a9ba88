"""What a post on Mastodon and its kin looks like, how long it is, how the target is tried and previewed."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from announcer import LINK, SITE, Announcer, Time, announcing, article, options
from fediverse import Fault, Server, fediverse, garbled, refused
from fediverse_flavours import FLAVOURS
from fediverse_state import Fediverse
from hypothesis import given
from hypothesis import strategies as st
from mastodon import Mastodon
from msgspec.structs import replace
from receiver import Reply, receiving

from feedbot.attempt import Busy, Denied, Outcome, Refused, Retry, Sent, Unclear
from feedbot.content.links import absolute
from feedbot.content.text import clean
from feedbot.targets import make_sender
from feedbot.targets.mastodon import MastodonSender
from feedbot.targets.mastodon.instance import Limits
from feedbot.targets.mastodon.readback import Sought, find, normal
from feedbot.targets.templates import plain

ALL = list(FLAVOURS)
SCOPES = ["write:statuses", "read:accounts", "read:statuses", "write:media"]


def reader(server: Server) -> Mastodon:
    """Somebody else's program, which reads what is there."""
    return Mastodon(access_token=server.token, api_base_url=server.url, version_check_mode="none")


# --- the post ---


@pytest.mark.parametrize("flavour", ALL)
def test_a_post_has_title_link_and_hashtags_in_plain_text(flavour: str) -> None:
    with announcing(flavour) as (server, announcer):
        outcome = announcer.publish()
        assert isinstance(outcome, Sent)
        assert outcome.reason == ""
        (post,) = server.posts
        assert post.text == f"Robots learn to fold\n\n{LINK}\n\n#Robotics #MachineLearning"
        there = reader(server).status(post.id)
        assert there.visibility == "unlisted"
        assert there.language == "en"
        assert there.sensitive is False
        receipt = announcer.receipts["tag:news.example.com,2026:1"]
        assert (receipt["status"], receipt["url"]) == (there.id, there.url)


def test_entities_and_markup_are_text_and_mentions_notify_nobody() -> None:
    told = article(title="Q&A: <b> with @eve, #1 at R&D", topics=())
    with announcing() as (server, announcer):
        announcer.publish(told)
        (post,) = server.posts
        assert "&amp;" not in post.text
        assert post.text.startswith("Q&A: <b> with @")
        content = reader(server).status(post.id).content
        assert "Q&amp;A: &lt;b&gt; with" in content
        assert 'class="mention' not in content


def test_hashtags_keep_their_accents_and_signs_and_stand_on_the_last_line() -> None:
    told = article(topics=("Économie", "C#", "Power BI", "人工知能", "economie"))
    with announcing(hashtags={"aliases": {"C#": "CSharp"}}) as (server, announcer):
        announcer.publish(told)
        assert server.posts[0].text.splitlines()[-1] == "#Économie #CSharp #PowerBI #人工知能 #economie"
        assert 'rel="tag">#<span>Économie</span>' in reader(server).status(server.posts[0].id).content


def test_options_say_who_sees_it_what_hides_it_and_in_which_language_it_is() -> None:
    wanted = {"visibility": "private", "content_warning": "Politics", "language": "de-AT"}
    with announcing(**wanted, template="{{ title }} — {{ url }}") as (server, announcer):
        announcer.publish()
        (post,) = server.posts
        assert (post.visibility, post.warning, post.sensitive, post.language) == (
            "private", "Politics", True, "de",
        )  # fmt: skip
        assert post.text == f"Robots learn to fold — {LINK}"


@pytest.mark.parametrize("tag", ["en-US", "EN", "en_GB"])
def test_a_language_is_sent_as_two_letters(tag: str) -> None:
    with announcing() as (server, announcer):
        announcer.publish(article(language=tag))
        assert server.sent("create")[0].json()["language"] == "en"


@pytest.mark.parametrize("tag", ["", "English", "xx", "tlh"])
def test_a_language_that_servers_do_not_know_is_left_out(tag: str) -> None:
    with announcing() as (server, announcer):
        announcer.publish(article(language=tag))
        assert "language" not in server.sent("create")[0].json()


def test_a_post_is_never_left_to_the_server_to_make_later_and_has_its_visibility_and_key() -> None:
    with announcing() as (server, announcer):
        announcer.publish()
        (seen,) = server.sent("create")
        assert "scheduled_at" not in seen.json()
        assert seen.json()["visibility"] == "unlisted"
        assert len(seen.headers["Idempotency-Key"]) == len(hashlib.sha256().hexdigest())
        assert seen.headers["User-Agent"].startswith("feedbot/")
        assert seen.headers["Content-Type"] == "application/json"


def test_a_redirect_is_not_followed_with_the_token() -> None:
    with announcing() as (server, announcer), fediverse() as elsewhere:
        server.fail_always("create", refused(307, {"Location": f"{elsewhere.url}/api/v1/statuses"}))
        outcome = announcer.attempt(announcer.delivery())
        assert isinstance(outcome, Denied)
        assert "base_url" in outcome.reason
        assert elsewhere.requests == []


def test_what_a_status_means_that_answers_a_post() -> None:
    meanings: dict[type[Outcome], tuple[int, ...]] = {
        Unclear: (404, 408, 409, 423, 425, 500, 502, 503, 504),
        Busy: (429,),
        Denied: (300, 301, 302, 308, 401, 403, 405, 406, 407, 410, 418, 421, 501),  # no fault of the post
        Refused: (400, 413, 422, 451),
    }
    with announcing() as (server, announcer):
        for kind, statuses in meanings.items():
            for status in statuses:
                server.fail("create", refused(status))
                outcome = announcer.attempt(announcer.delivery(of=str(status)))
                assert (status, type(outcome)) == (status, kind)
                assert outcome.answer is not None


@pytest.mark.parametrize("template", ["{{ excerpt }}", "  {{ category }} \n"])
def test_an_empty_text_is_not_sent(template: str) -> None:
    with announcing("gotosocial", template=template) as (server, announcer):
        outcome = announcer.publish(article(summary=""))
        assert isinstance(outcome, Refused)
        assert server.sent("create") == []


def test_a_template_that_fails_for_one_article_costs_only_that_one() -> None:
    with announcing(template="{{ topics[1] }} {{ url }}") as (server, announcer):
        assert isinstance(announcer.publish(article(topics=("One",))), Refused)
        assert isinstance(announcer.publish(of="2"), Sent)
        assert len(server.posts) == 1


# --- the length ---


def test_a_link_counts_23_on_mastodon_and_a_long_one_leaves_the_title_whole() -> None:
    told = article(link=f"https://news.example.com/{'x' * 400}", title="T" * 400, topics=())
    with announcing() as (server, announcer):
        assert isinstance(announcer.publish(told), Sent)
        assert server.posts[0].text == f"{told.title}\n\n{told.link}"


@pytest.mark.parametrize("flavour", ["mastodon", "pixelfed", "old-mastodon"])
@pytest.mark.parametrize(
    ("title", "link"),
    [
        ("word " * 200, LINK),
        ("x" * 2000, LINK),
        ("👨‍👩‍👧‍👦 " * 300, f"{LINK}#{'y' * 300}"),
        ("नमस्ते " * 200, LINK),
        ("see https://example.com/" + "z" * 200 + " and " * 200, "http://localhost:8080/" + "p" * 200),
    ],
)
def test_what_is_too_long_is_shortened_and_the_link_never(flavour: str, title: str, link: str) -> None:
    with announcing(flavour, content_warning="A warning") as (server, announcer):
        assert isinstance(announcer.publish(article(title=title.strip(), link=link)), Sent)
        (post,) = server.posts
        assert link in post.text.split()
        assert "…" in post.text
        assert post.warning == "A warning"


@pytest.mark.parametrize(
    ("flavour", "characters"),
    [("mastodon", 500), ("gotosocial", 5000), ("hollo", 10_000), ("pleroma", 5000), ("old-mastodon", 500)],
)
def test_the_limit_is_the_servers_own(flavour: str, characters: int) -> None:
    template = "{{ excerpt }} {{ url }}"
    with announcing(flavour, template=template) as (server, announcer):
        announcer.publish(article(summary="word " * 3000))
        (post,) = server.posts
        assert characters - 100 < len(post.text) <= characters + len(LINK) - 23
        assert FLAVOURS[flavour].count(post.text, "") <= characters
        assert announcer.sender.preview(announcer.delivery()).limit == characters


def test_a_server_that_does_not_say_that_it_is_mastodon_is_counted_in_full() -> None:
    told = article(link=f"https://news.example.com/{'x' * 400}", title="T " * 200, topics=())
    with announcing("old-mastodon") as (server, announcer):
        announcer.publish(told)
        assert len(server.posts[0].text) <= 500


def test_a_link_too_long_for_the_server_costs_only_its_article() -> None:
    with announcing("pixelfed") as (server, announcer):
        outcome = announcer.publish(article(link=f"https://news.example.com/{'x' * 600}"))
        assert isinstance(outcome, Refused)
        assert "of 500" in outcome.reason
        assert server.sent("create") == []
        assert isinstance(announcer.publish(of="2"), Sent)


def test_limits_are_asked_for_once_and_the_usual_ones_serve_where_none_are_told() -> None:
    with announcing() as (server, announcer):
        announcer.publish()
        announcer.publish(of="2")
        assert len(server.sent("instance")) == 1
    with announcing() as (server, announcer):
        server.fail_always("instance", refused(404))
        server.fail_always("instance_v1", garbled("<html>"))
        announcer.publish(article(title="word " * 200))
        assert 400 < len(server.posts[0].text) <= 500


@pytest.mark.parametrize("fault", [refused(502), refused(503), Fault(ends="close")])
def test_a_server_that_cannot_tell_its_limits_now_is_asked_again_later(fault: Fault) -> None:
    with announcing() as (server, announcer):
        server.fail("instance", fault)
        delivery = announcer.delivery()
        outcome = announcer.attempt(delivery)
        assert isinstance(outcome, Retry | Busy)
        assert server.sent("create") == []
        assert isinstance(announcer.publish(), Sent)


def test_an_answer_about_the_instance_that_is_cut_off_in_its_rules_still_tells_the_limits() -> None:
    with announcing() as (server, announcer):
        whole = server.instance("v2").body
        whole["configuration"]["statuses"]["max_characters"] = 1234
        whole["rules"] = [{"id": "1", "text": "be kind " * 200_000}]
        server.fail("instance", garbled(json.dumps(whole, separators=(",", ":"))))
        preview = announcer.sender.preview(announcer.delivery())
        assert preview.limit == 1234
        assert any("as Mastodon does" in note for note in preview.notes)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("plain", ""),
        (f"a link {LINK} here", "warning"),
        ("http://localhost/" + "x" * 50, ""),
        ("🏳️‍🌈 @name@example.com https://example.com/" + "y" * 300, "🏳️‍🌈"),
    ],
)
def test_lengths_are_counted_as_another_program_counts_them(text: str, warning: str) -> None:
    limits = Limits(counts_as_mastodon=True)
    assert limits.length(text, warning) == Mastodon.get_status_length(text, warning)
    safe = Limits().length(text, warning)
    assert safe == max(Mastodon.get_status_length(text, warning), len(text) + len(warning))


# --- what is wrong with the target ---


@pytest.mark.parametrize("kind", ["create", "instance", "verify"])
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_no_good_pauses_the_target(kind: str, status: int) -> None:
    with announcing() as (server, announcer):
        server.fail_always(kind, refused(status))
        tried = replace(announcer.delivery(), attempt=2, may_have_arrived=True)
        outcome = announcer.attempt(tried if kind == "verify" else announcer.delivery())
        if kind == "instance":  # the limits are not worth it
            assert isinstance(outcome, Sent)
            return
        assert isinstance(outcome, Denied)
        assert "token" in outcome.reason
        assert server.token not in outcome.reason


def test_what_is_missing_is_named() -> None:
    with announcing() as (server, announcer):
        server.scopes.discard("write:statuses")
        outcome = announcer.attempt(announcer.delivery())
        assert isinstance(outcome, Denied)
        assert "write:statuses" in outcome.reason


def test_access_withdrawn_in_mid_run_keeps_what_waits_until_it_is_mended() -> None:
    with announcing() as (server, announcer):
        announcer.publish()
        server.fail("create", refused(401), refused(403), refused(401))
        assert isinstance(announcer.publish(of="2"), Sent)
        assert [type(outcome) for outcome in announcer.outcomes] == [Denied, Denied, Denied, Sent]
        assert len(server.posts) == 2


@pytest.mark.parametrize("status", [406, 418])
def test_a_request_that_the_server_finds_wrong_is_reported_as_our_fault(status: int) -> None:
    with announcing() as (server, announcer):
        server.fail("create", refused(status))
        outcome = announcer.attempt(announcer.delivery())
        assert isinstance(outcome, Denied)
        assert "report" in outcome.reason


def test_a_wrong_address_is_said_to_be_one() -> None:
    with receiving() as elsewhere:
        elsewhere.otherwise = Reply(404)
        wrong = Announcer(elsewhere.url, "secret-token-of-ours", Time())
        outcomes = [wrong.attempt(wrong.delivery())]
        tried = replace(wrong.delivery(), attempt=2, may_have_arrived=True, first_tried=wrong.time.now)
        outcomes.append(wrong.attempt(tried))
        wrong.close()
        assert isinstance(outcomes[-1], Denied)
        assert "base_url" in outcomes[-1].reason


# --- rate limits ---


def headers_of_limits(now: datetime) -> dict[str, dict[str, str]]:
    """Every way to say when a limit ends, 90 seconds ahead where it says so."""
    ahead = now + timedelta(seconds=90)
    iso = ahead.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "iso reset": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": iso},
        "epoch reset": {"X-RateLimit-Reset": str(int(ahead.timestamp()))},
        "integer": {"Retry-After": "90"},
        "fraction": {"Retry-After": "90.5"},
        "date": {"Retry-After": format_datetime(ahead.astimezone(UTC), usegmt=True)},
        "past": {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "X-RateLimit-Reset": "2015-10-21T07:28:00Z"},
        "absurd": {"Retry-After": "99999999999999999999", "X-RateLimit-Reset": "soon"},
        "none": {"X-Nothing": "of the kind"},
    }


@pytest.mark.parametrize(
    ("form", "seconds"),
    [
        ("iso reset", 90), ("epoch reset", 90), ("integer", 90), ("fraction", 90), ("date", 90),
        ("past", 300), ("absurd", 86_400), ("none", 300),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["create", "instance", "verify", "statuses", "edit", "delete"])
def test_a_rate_limit_is_waited_for_however_its_end_is_told(kind: str, form: str, seconds: int) -> None:
    with announcing(on_update="edit", on_withdraw="delete") as (server, announcer):
        events = {"edit": "updated", "delete": "withdrawn"}
        delivery = announcer.delivery(events.get(kind, "published"), article(title="Robots learn to iron"))
        if kind in events:
            announcer.publish()
        elif kind != "create":
            delivery = replace(delivery, may_have_arrived=True, attempt=2)
        server.fail(kind, refused(429, headers_of_limits(server.clock())[form]))
        outcome = announcer.attempt(delivery)
        assert isinstance(outcome, Busy)
        assert outcome.after is not None
        assert abs((outcome.after - datetime.now(UTC)).total_seconds() - seconds) < 30


def test_a_rate_limit_costs_no_attempt_and_nothing_is_lost() -> None:
    with announcing("hollo") as (server, announcer):  # whose answers say nothing of limits
        server.fail("create", *[refused(429, {"X-Nothing": "of the kind"})] * 15)
        assert isinstance(announcer.publish(), Sent)
        assert len(server.posts) == 1


@pytest.mark.parametrize("flavour", ["mastodon", "pixelfed"])
def test_the_last_request_that_the_limit_allows_pauses_the_target_until_it_ends(flavour: str) -> None:
    with announcing(flavour) as (server, announcer):
        server.remaining = 0
        outcome = announcer.publish()
        assert isinstance(outcome, Sent)
        assert outcome.after is not None
        assert abs((outcome.after - datetime.now(UTC)).total_seconds() - 300) < 30
        assert len(server.posts) == 1


def test_a_server_under_load_says_when_to_look_again() -> None:
    with announcing("gotosocial") as (server, announcer):
        server.fail("create", refused(503, {"Retry-After": "30"}))
        outcome = announcer.attempt(announcer.delivery())
        assert isinstance(outcome, Unclear)
        assert outcome.after is not None
        assert 0 < (outcome.after - datetime.now(UTC)).total_seconds() <= 31


# --- trying it ---


@pytest.mark.parametrize("flavour", ALL)
def test_a_check_says_who_we_are_and_what_the_server_takes_and_posts_nothing(flavour: str) -> None:
    with announcing(flavour) as (server, announcer):
        found = announcer.sender.check()
        assert [check.what for check in found] == ["credentials", "scopes", "limits"]
        assert all(check.is_fine for check in found)
        assert "@newsbot" in found[0].said
        assert f"{server.flavour.max_characters:,} characters" in found[2].said
        assert server.posts == []
        outcome = announcer.sender.test(announcer.time.now)
        assert isinstance(outcome, Sent)
        assert "@newsbot" in outcome.reason
        assert server.posts == []
        assert {seen.method for seen in server.requests} == {"GET"}


def test_a_check_advises_to_mark_a_bot_as_one() -> None:
    with announcing() as (server, announcer):
        server.is_bot = False
        assert "automated" in announcer.sender.check()[0].said


@pytest.mark.parametrize("scope", SCOPES)
def test_a_check_names_the_scope_that_is_missing(scope: str) -> None:
    with announcing() as (server, announcer):
        server.scopes.discard(scope)
        wrong = [check for check in announcer.sender.check() if not check.is_fine]
        assert len(wrong) == 1
        assert scope in wrong[0].said


def test_a_check_of_a_server_that_is_not_there_says_so_once() -> None:
    away = MastodonSender(options("http://127.0.0.1:9", "secret-token-of-ours"), SITE)
    (found,) = away.check()
    outcome = away.test(datetime.now(UTC))
    away.close()
    assert not found.is_fine
    assert isinstance(outcome, Busy)
    for said in (found.said, outcome.reason):
        assert "127.0.0.1" not in said
        assert "secret" not in said


def test_a_check_of_something_else_than_a_server_of_the_kind_says_so() -> None:
    with announcing() as (server, announcer):
        server.fail_always("verify", garbled("<html>welcome</html>"))
        (found,) = announcer.sender.check()
        assert not found.is_fine
        assert "base_url" in found.said


@pytest.mark.parametrize("flavour", ALL)
def test_the_preview_is_exactly_what_is_posted(flavour: str) -> None:
    told = article(title="word " * 60, summary="more " * 400)
    template = "{{ title }}\n\n{{ excerpt }}\n\n{{ url }}\n\n{{ hashtags }}"
    with announcing(flavour, template=template, content_warning="Long") as (server, announcer):
        preview = announcer.sender.preview(announcer.delivery("published", told))
        assert server.posts == []
        announcer.publish(told)
        (post,) = server.posts
        assert post.text == preview.text
        assert preview.limit == server.flavour.max_characters
        assert preview.length is not None
        assert server.flavour.count(post.text, post.warning) <= preview.length <= preview.limit
        assert any("Long" in note for note in preview.notes)
        assert any("unlisted" in note for note in preview.notes)


def test_the_preview_works_without_the_server_and_says_so() -> None:
    away = Announcer("http://127.0.0.1:9", "secret-token-of-ours", Time(), timeout="250ms")
    preview = away.sender.preview(away.delivery())
    away.close()
    assert preview.text.startswith("Robots learn to fold")
    assert preview.limit == 500
    assert any("could not be asked" in note for note in preview.notes)


def test_the_preview_tells_what_would_not_be_posted() -> None:
    away = Announcer(
        "http://127.0.0.1:9",
        "secret-token-of-ours",
        Time(),
        timeout="250ms",
        template="{{ topics[0] }}{{ url }}",
    )
    too_long = away.sender.preview(away.delivery("published", article(link=f"https://x.example/{'y' * 900}")))
    failing = away.sender.preview(away.delivery("published", article(topics=())))
    gone = away.sender.preview(away.delivery("withdrawn"))
    away.close()
    assert any("would not be posted" in note for note in too_long.notes)
    assert failing.text == ""
    assert any("template" in note for note in failing.notes)
    assert gone.notes == ("the article's post is deleted",)


# --- ending it ---


@pytest.mark.parametrize("kind", ["instance", "create"])
def test_abort_ends_the_request_that_hangs(kind: str) -> None:
    with announcing(timeout="60s") as (server, announcer):
        server.fail(kind, Fault(acts=True, ends="hang"))
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(announcer.attempt(announcer.delivery())))
        thread.start()
        assert server.hanging.acquire(timeout=30)
        announcer.sender.abort()
        thread.join(30)
        (outcome,) = outcomes
        assert isinstance(outcome, Unclear if kind == "create" else Retry)
        assert "stops" in outcome.reason


def test_the_budget_covers_the_slowest_attempt() -> None:
    made = MastodonSender(options("https://social.example", "secret-token-of-ours", timeout="10s"), SITE)
    made.close()
    assert 40 <= made.budget <= 120


def test_the_target_is_found_by_its_type() -> None:
    made = make_sender(options("https://social.example", "secret-token-of-ours"), SITE)
    assert made.name == "toots"
    made.close()


@pytest.mark.parametrize("kind", ["create", "instance", "verify", "statuses", "upload"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
def test_no_reason_ever_holds_the_token_or_the_address(kind: str, status: int) -> None:
    with announcing() as (server, announcer):
        echo = json.dumps({"error": f"Bearer {server.token} at {server.url}/api/v1/statuses is wrong"})
        server.fail_always(kind, refused(status, body=echo))
        tried = replace(announcer.delivery(), may_have_arrived=kind in {"verify", "statuses"}, attempt=2)
        outcome = announcer.attempt(tried)
        said = [outcome.reason, str(outcome.receipt), *(check.said for check in announcer.sender.check())]
        assert not [text for text in said if server.token in text]


# --- finding a link again ---


@given(title=st.text(max_size=80), path=st.text(max_size=60), flavour=st.sampled_from(ALL))
def test_whatever_title_and_link_are_the_post_is_known_again(title: str, path: str, flavour: str) -> None:
    link = absolute(f"https://news.example.com/{path}", "https://news.example.com/") or LINK
    text = f"{plain(clean(title))}\n\n{link}\n\n#Robotics"
    there = Fediverse(flavour)
    there.add("https://news.example.com/another")
    status = there.add(text)
    sought = Sought(link=link, text=text, since=status.created - timedelta(hours=1))
    found = find([there.as_json(one) for one in reversed(there.posts)], sought)
    assert found is not None
    assert found["id"] == status.id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://NEWS.example.com/a", "https://news.example.com/a"),
        ("https://news.example.com:443/a", "https://news.example.com/a"),
        ("https://news.example.com", "https://news.example.com/"),
        ("https://news.example.com/%7ea%2fb", "https://news.example.com/~a%2Fb"),
        ("https://news.example.com/ä?q=é", "https://news.example.com/%C3%A4?q=%C3%A9"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_spellings_of_one_link_are_the_same(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://news.example.com/a", "https://news.example.com/b"),
        ("https://news.example.com/a", "https://news.example.com/a/"),
        ("https://news.example.com/?q=a%26b", "https://news.example.com/?q=a&b"),
        ("https://news.example.com/?id=1", "https://news.example.com/?id=10"),
        ("https://news.example.com/#a", "https://news.example.com/#b"),
        ("https://news.example.com:8443/", "https://news.example.com/"),
        ("https://[::1", "https://[::2"),
    ],
)
def test_different_links_are_different(one: str, other: str) -> None:
    assert normal(one) != normal(other)
