"""What becomes of the post when its article changes or is withdrawn, on Mastodon and its kin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from announcer import LINK, Announcer, Time, article
from fediverse import Fault, Server, fediverse, lost, masked, refused
from mastodon import Mastodon
from msgspec import structs

from feedbot.attempt import Busy, Denied, Refused, Sent, Skipped, State, Unclear

KINDS = ["mastodon", "gotosocial", "hollo"]
ID = "tag:news.example.com,2026:1"
CORRECTED = "Robots learn to fold towels"
SOON = "900ms"  # how long a request that hangs is waited for; the others take far less


@contextmanager
def announced(flavour: str = "mastodon", **changed: Any) -> Iterator[tuple[Server, Announcer]]:
    """A server with the post of an article, and the target that made it."""
    time = Time()
    with fediverse(flavour, clock=time) as server:
        policy = {"on_update": "edit", "on_withdraw": "delete"}
        announcer = Announcer(server.url, server.token, time, **{**policy, **changed})
        assert isinstance(announcer.publish(), Sent)
        yield server, announcer
        announcer.close()


# --- changes ---


@pytest.mark.parametrize("flavour", KINDS)
def test_a_correction_changes_the_post_and_announces_nothing(flavour: str) -> None:
    """edsu/feediverse #31: a typo mended must not post the article once more."""
    with announced(flavour, content_warning="News") as (server, announcer):
        (before,) = server.posts
        announcer.time.passes(hours=3)
        outcome = announcer.update(article(title=CORRECTED))
        assert isinstance(outcome, Sent)
        (post,) = server.posts
        assert post.id == before.id
        assert post.text == f"{CORRECTED}\n\n{LINK}\n\n#Robotics #MachineLearning"
        assert (post.warning, post.sensitive, post.language, post.visibility) == (
            "News", True, "en", "unlisted",
        )  # fmt: skip
        reader = Mastodon(access_token=server.token, api_base_url=server.url, version_check_mode="none")
        assert reader.status(post.id).edited_at is not None
        assert isinstance(announcer.update(article(title=CORRECTED)), Skipped)


@pytest.mark.parametrize("flavour", KINDS)
def test_a_title_is_no_markup_even_where_the_account_posts_markdown(flavour: str) -> None:
    with announced(flavour) as (server, announcer):
        assert [post.written_in for post in server.posts] == ["text/plain"]
        announcer.update(article(title="A [link](https://elsewhere.example/) and *more*"))
        assert [post.written_in for post in server.posts] == ["text/plain"]


def test_a_change_that_the_post_does_not_show_sends_nothing() -> None:
    with announced() as (server, announcer):
        outcome = announcer.update(article(summary="Shirts come second.", authors=()))
        assert isinstance(outcome, Skipped)
        assert server.sent("edit") == []
        assert server.sent("show") == []


def test_a_change_waits_for_a_server_that_cannot_say_what_it_takes() -> None:
    with announced() as (server, announcer):
        later = Announcer(server.url, server.token, announcer.time, on_update="edit")  # after a restart
        later.receipts, later.posted = announcer.receipts, announcer.posted
        server.fail("instance", refused(503))
        assert isinstance(later.update(article(title=CORRECTED)), Sent)
        assert [type(outcome) for outcome in later.outcomes] == [Busy, Sent]
        assert server.posts[0].text.startswith(CORRECTED)
        later.close()


def test_a_post_older_than_the_window_is_left_as_it_is() -> None:
    with announced(edit_window="2d") as (server, announcer):
        announcer.time.passes(days=1)
        assert isinstance(announcer.update(article(title=CORRECTED)), Sent)
        announcer.time.passes(days=2)
        outcome = announcer.update(article(title="Robots, again"))
        assert isinstance(outcome, Skipped)
        assert "edit_window" in outcome.reason
        assert server.posts[0].text.startswith(CORRECTED)


def test_an_article_that_was_never_posted_is_not_posted_because_it_changed() -> None:
    """Automattic/wordpress-activitypub #1216: editing an article of fifteen years ago published it."""
    with announced() as (server, announcer):
        outcome = announcer.update(article(link=f"{LINK}&old=1", title="Of long ago"), of="old")
        assert isinstance(outcome, Skipped)
        assert len(server.posts) == 1
        assert len(server.sent("create")) == 1


@pytest.mark.parametrize("flavour", KINDS)
def test_a_post_that_somebody_deleted_is_forgotten(flavour: str) -> None:
    with announced(flavour) as (server, announcer):
        server.delete(server.posts[0].id)
        server.statuses.clear()
        outcome = announcer.update(article(title=CORRECTED))
        assert isinstance(outcome, Sent)
        assert "deleted" in outcome.reason
        count = len(server.requests)
        for skipped in (announcer.update(article(title="Once more")), announcer.withdraw()):
            assert isinstance(skipped, Skipped)
            assert skipped.reason == "its post was deleted"
        assert len(server.requests) == count
        assert server.posts == []


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize("fault", [lost(), lost("hang"), masked(502), masked(503), refused(500)])
def test_a_change_without_an_answer_is_repeated_without_harm(flavour: str, fault: Fault) -> None:
    with announced(flavour, timeout=SOON if fault.ends == "hang" else "60s") as (server, announcer):
        server.fail("edit", fault)
        assert isinstance(announcer.update(article(title=CORRECTED)), Sent)
        assert [type(outcome) for outcome in announcer.outcomes] == [Unclear, Sent]
        (post,) = server.posts
        assert post.text.startswith(CORRECTED)
        assert len(post.history) == 1
        assert isinstance(announcer.update(article(title=CORRECTED)), Skipped)


def test_a_change_that_changes_nothing_is_fine_with_a_server_that_refuses_it() -> None:
    with announced("gotosocial") as (server, announcer):
        announcer.receipts[ID].pop("digest")  # as for a post that was found again
        outcome = announcer.update()
        assert isinstance(outcome, Sent)
        assert len(server.sent("edit")) == 1
        assert isinstance(announcer.update(), Skipped)


@pytest.mark.parametrize("flavour", KINDS)
def test_a_change_that_is_refused_costs_only_itself(flavour: str) -> None:
    with announced(flavour) as (server, announcer):
        server.fail("edit", refused(422, body='{"error": "Validation failed: not so"}'))
        outcome = announcer.update(article(title=CORRECTED))
        assert isinstance(outcome, Refused)
        assert "not so" in outcome.reason
        assert isinstance(announcer.update(article(title=CORRECTED)), Sent)


def test_a_server_that_cannot_change_posts_is_found_out() -> None:
    with announced("old-mastodon") as (server, announcer):
        outcome = announcer.update(article(title=CORRECTED))
        assert isinstance(outcome, Refused)
        assert "on_update" in outcome.reason
        assert announcer.receipts[ID]["status"] == server.posts[0].id  # it is not forgotten


def test_a_change_is_shortened_like_a_new_post() -> None:
    with announced() as (server, announcer):
        assert isinstance(announcer.update(article(title="word " * 300)), Sent)
        assert LINK in server.posts[0].text


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", ["edit", "show"])
def test_a_token_that_may_not_change_posts_pauses_the_target(kind: str, status: int) -> None:
    with announced() as (server, announcer):
        server.fail(kind, refused(status))
        assert isinstance(announcer.attempt(announcer.delivery("updated", article(title=CORRECTED))), Denied)


@pytest.mark.parametrize("killed", [{1}, {1, 2}])
def test_a_process_killed_while_it_changed_a_post_changes_it_once_more(killed: set[int]) -> None:
    with announced() as (server, announcer):
        assert isinstance(announcer.update(article(title=CORRECTED), killed=killed), Sent)
        assert server.posts[0].history == [f"Robots learn to fold\n\n{LINK}\n\n#Robotics #MachineLearning"]


def test_changed_while_nobody_knows_whether_it_was_posted_the_post_is_found_and_changed() -> None:
    with announced() as (server, announcer):
        announcer.receipts.clear()
        announcer.posted.clear()
        assert isinstance(announcer.update(article(title=CORRECTED)), Sent)
        (post,) = server.posts
        assert post.text.startswith(CORRECTED)
        assert announcer.receipts[ID]["status"] == post.id


@pytest.mark.parametrize("looks", [0, 2])
def test_an_article_that_changed_before_its_post_was_found_is_corrected(looks: int) -> None:
    """Found among the posts, or by its key: either way the post says what the article said at first."""
    with announced() as (server, announcer):
        announcer.time.passes(hours=3)  # a look is one page, for what comes after it is too old
        server.fail("create", lost(late=looks))
        told = article(link=f"{LINK}&2")
        changed = structs.replace(told, title=CORRECTED)
        assert isinstance(announcer.publish(told, of="2", edited={2: changed}), Sent)
        assert isinstance(announcer.update(changed, of="2"), Sent)
        assert [post.text.partition("\n")[0] for post in server.posts] == ["Robots learn to fold", CORRECTED]


# --- withdrawals ---


@pytest.mark.parametrize("flavour", [*KINDS, "pixelfed", "pleroma", "old-mastodon"])
def test_a_withdrawn_article_takes_its_post_along(flavour: str) -> None:
    with announced(flavour) as (server, announcer):
        by_hand = server.add("something else")
        assert isinstance(announcer.withdraw(), Sent)
        assert server.posts == [by_hand]
        assert "status" not in announcer.receipts[ID]


@pytest.mark.parametrize("flavour", KINDS)
def test_a_post_that_is_gone_already_is_as_good_as_deleted(flavour: str) -> None:
    with announced(flavour) as (server, announcer):
        server.delete(server.posts[0].id)
        outcome = announcer.withdraw()
        assert isinstance(outcome, Sent)
        assert "already" in outcome.reason
        assert "status" not in announcer.receipts[ID]


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize("fault", [lost(), lost("hang"), masked(504, ""), refused(502)])
def test_a_deletion_without_an_answer_is_repeated(flavour: str, fault: Fault) -> None:
    with announced(flavour, timeout=SOON if fault.ends == "hang" else "60s") as (server, announcer):
        server.fail("delete", fault)
        assert isinstance(announcer.withdraw(), Sent)
        assert server.posts == []
        assert "status" not in announcer.receipts[ID]


def test_a_deletion_that_is_not_allowed_pauses_the_target_and_keeps_the_receipt() -> None:
    with announced() as (server, announcer):
        server.fail("delete", refused(403), refused(429))
        assert isinstance(announcer.withdraw(), Sent)
        assert [type(outcome) for outcome in announcer.outcomes] == [Denied, Busy, Sent]
        assert server.posts == []


def test_an_article_that_comes_back_is_not_changed_into_a_post_again() -> None:
    with announced() as (server, announcer):
        announcer.withdraw()
        assert isinstance(announcer.update(), Skipped)
        assert isinstance(announcer.withdraw(), Skipped)
        assert server.posts == []


def test_announced_anew_after_a_withdrawal_it_is_posted_under_another_key() -> None:
    for flavour in KINDS:
        with announced(flavour) as (server, announcer):
            announcer.withdraw()
            assert isinstance(announcer.publish(generation=2), Sent)
            (post,) = server.posts
            assert announcer.receipts[ID]["status"] == post.id
            first, second = [seen.headers["Idempotency-Key"] for seen in server.sent("create")]
            assert first != second


def test_a_post_of_somebody_else_is_never_deleted() -> None:
    with announced() as (server, announcer):
        announcer.withdraw()
        by_hand = server.add(f"Still worth reading: {LINK}")
        announcer.withdraw()
        announcer.update(article(title=CORRECTED))
        assert server.posts == [by_hand]


def test_trouble_without_end_at_a_deletion_ends_after_ten_attempts() -> None:
    with announced() as (server, announcer):
        server.fail_always("delete", refused(500))
        announcer.withdraw()
        assert announcer.state is State.DEAD
        assert len(server.sent("delete")) == 10
