"""One post for each article, whatever becomes of the answers, with a key against doubles and without."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from announcer import LINK, Announcer, Time, announcing, article
from fediverse import PAGE, Fault, Server, fediverse, garbled, lost, masked, refused
from msgspec.structs import replace

from feedbot.attempt import Busy, Delivery, Denied, Refused, Sent, Skipped, State, Unclear

KINDS = ["mastodon", "gotosocial", "hollo", "pixelfed", "pleroma"]
SOON = "900ms"  # how long a request that hangs is waited for; the others take far less
LOST: dict[str, Callable[..., Fault]] = {
    "the connection closes": lost,
    "nothing comes": lambda **late: lost("hang", **late),
    "500": lambda **late: masked(500, **late),
    "502 with a page": lambda **late: masked(502, PAGE.format(502), **late),
    "503": lambda **late: masked(503, **late),
    "504 without a body": lambda **late: masked(504, "", **late),
}
UNREADABLE = ["", "<!DOCTYPE html><title>Welcome</title>", "[]", "null", '{"id": 7}', '{"id":"1"', "\x00"]


def is_posted_once(server: Server, announcer: Announcer) -> bool:
    """Whether there is one post with the link, and the receipt knows it."""
    (post,) = server.posts
    return LINK in post.text and announcer.receipts["tag:news.example.com,2026:1"]["status"] == post.id


def once_more(delivery: Delivery, attempt: int = 2) -> Delivery:
    """The delivery in an attempt after an unclear first one."""
    if attempt == 1:
        return delivery
    return replace(delivery, attempt=attempt, may_have_arrived=True, first_tried=delivery.at)


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize("how", LOST)
def test_a_reply_lost_after_the_post_was_made_makes_no_second_post(flavour: str, how: str) -> None:
    with announcing(flavour, timeout=SOON if how == "nothing comes" else "60s") as (server, announcer):
        server.fail("create", LOST[how]())
        assert isinstance(announcer.publish(), Sent)
        assert [type(outcome) for outcome in announcer.outcomes] == [Unclear, Sent]
        assert is_posted_once(server, announcer)
        assert len(server.sent("create")) == 1


@pytest.mark.parametrize("body", UNREADABLE)
def test_a_success_that_cannot_be_read_makes_no_second_post(body: str) -> None:
    with announcing("gotosocial") as (server, announcer):
        server.fail("create", garbled(body))
        assert isinstance(announcer.publish(), Sent)
        assert is_posted_once(server, announcer)


@pytest.mark.parametrize("flavour", KINDS)
def test_a_reply_lost_although_nothing_was_posted_loses_no_article(flavour: str) -> None:
    with announcing(flavour) as (server, announcer):
        server.fail("create", refused(502), Fault(ends="close"), refused(500))
        assert isinstance(announcer.publish(), Sent)
        assert is_posted_once(server, announcer)
        assert len(server.sent("create")) == 4


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize("how", ["the connection closes", "nothing comes", "504 without a body"])
def test_a_post_that_appears_only_after_the_first_empty_look_is_not_made_again(
    flavour: str, how: str
) -> None:
    with announcing(flavour, timeout=SOON if how == "nothing comes" else "60s") as (server, announcer):
        server.fail("create", LOST[how](late=1))
        assert isinstance(announcer.publish(), Sent)
        assert [type(outcome) for outcome in announcer.outcomes] == [Unclear, Unclear, Sent]
        assert "may still come" in announcer.outcomes[1].reason
        assert is_posted_once(server, announcer)
        assert len(server.sent("create")) == 1


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize("seconds", [10, 60, 240])
def test_a_server_may_take_minutes_to_make_the_post_that_nobody_waited_for(
    flavour: str, seconds: float
) -> None:
    with announcing(flavour) as (server, announcer):
        server.fail("create", lost(late_for=seconds))
        assert isinstance(announcer.publish(), Sent)
        assert is_posted_once(server, announcer)


@pytest.mark.parametrize("flavour", KINDS)
def test_no_reply_is_ever_heard_and_there_is_still_one_post(flavour: str) -> None:
    with announcing(flavour) as (server, announcer):
        server.fail_always("create", lost())
        assert isinstance(announcer.publish(), Sent)
        assert is_posted_once(server, announcer)


@pytest.mark.parametrize("flavour", KINDS)
@pytest.mark.parametrize("killed", [{1}, {1, 2}, {1, 3}, {1, 2, 3, 4}])
def test_a_process_killed_after_the_post_was_made_makes_no_second_post(
    flavour: str, killed: set[int]
) -> None:
    with announcing(flavour) as (server, announcer):
        assert isinstance(announcer.publish(killed=killed), Sent)
        assert is_posted_once(server, announcer)
        assert len(server.sent("create")) == 1


@pytest.mark.parametrize("flavour", KINDS)
def test_a_process_killed_while_the_server_is_still_at_it_makes_no_second_post(flavour: str) -> None:
    with announcing(flavour) as (server, announcer):
        server.fail("create", lost(late=1))
        assert isinstance(announcer.publish(killed={1}), Sent)
        assert is_posted_once(server, announcer)


@pytest.mark.parametrize("flavour", KINDS)
def test_a_process_killed_at_a_later_attempt_begins_its_waiting_anew(flavour: str) -> None:
    """What an earlier attempt noted must not vouch for what a killed one did since."""
    with announcing(flavour) as (server, announcer):
        server.fail("create", refused(500), lost(late=1))
        assert isinstance(announcer.publish(killed={3}), Sent)
        assert is_posted_once(server, announcer)
        assert len(server.sent("create")) == 2


@pytest.mark.parametrize("flavour", KINDS)
def test_a_process_killed_before_the_request_loses_no_article(flavour: str) -> None:
    with announcing(flavour) as (server, announcer):
        server.fail("create", refused(502))
        assert isinstance(announcer.publish(killed={1}), Sent)
        assert is_posted_once(server, announcer)


@pytest.mark.parametrize("patience", ["expired", "500"])
def test_a_key_that_is_forgotten_or_answered_with_an_error_makes_no_second_post(patience: str) -> None:
    with announcing() as (server, announcer):
        server.fail("create", lost(late=1))
        if patience == "500":
            server.repeats = 500
        else:
            server.fail("verify", *[refused(502)] * 4)  # meanwhile an hour passes
        assert isinstance(announcer.publish(), Sent)
        assert is_posted_once(server, announcer)
        if patience == "expired":
            assert announcer.time.now - server.posts[0].created > timedelta(hours=1)


@pytest.mark.parametrize("flavour", KINDS)
def test_looking_for_the_post_may_fail_as_often_as_it_likes(flavour: str) -> None:
    with announcing(flavour) as (server, announcer):
        server.fail("create", lost())
        server.fail("verify", refused(502), Fault(ends="close"), refused(503, {"Retry-After": "30"}))
        server.fail("statuses", refused(504), refused(429), garbled("<html>"))
        assert isinstance(announcer.publish(), Sent)
        assert is_posted_once(server, announcer)
        assert len(server.sent("create")) == 1


def test_a_rate_limit_on_the_look_does_not_begin_the_waiting_anew() -> None:
    with announcing("gotosocial") as (server, announcer):
        server.fail("create", refused(502))
        server.fail("statuses", None, refused(429))
        assert isinstance(announcer.publish(), Sent)
        assert [type(outcome) for outcome in announcer.outcomes] == [Unclear, Unclear, Busy, Sent]


def test_the_key_is_the_same_for_every_attempt_and_another_for_every_article() -> None:
    with announcing("gotosocial") as (server, announcer):
        server.fail("create", refused(500), refused(500), None)
        announcer.publish()
        announcer.publish(article(link=f"{LINK}&2"), of="2")
        first, second, third, other = [seen.headers["Idempotency-Key"] for seen in server.sent("create")]
        assert first == second == third != other


def test_two_targets_on_one_server_have_their_own_keys() -> None:
    with announcing() as (server, announcer):
        announcer.publish()
        other = Announcer(server.url, server.token, announcer.time, name="others")
        other.publish()
        other.close()
        mine, theirs = [seen.headers["Idempotency-Key"] for seen in server.sent("create")]
        assert mine != theirs
        assert len(server.posts) == 2


@pytest.mark.parametrize("flavour", KINDS)
def test_the_link_is_found_though_the_server_shortens_it_and_writes_entities(flavour: str) -> None:
    long_link = f"https://news.example.com/2026/{'very-' * 20}long,@eve?a=1&b=%E4%BD%A0&c='x'#part"
    with announcing(flavour) as (server, announcer):
        server.fail("create", lost())
        announcer.publish(article(link=long_link))
        (post,) = server.posts
        shown = server.as_html(post.text)
        assert "&amp;" in shown
        assert f">{long_link}<" not in shown


def test_the_post_is_found_behind_pages_of_newer_ones() -> None:
    with announcing("gotosocial") as (server, announcer):
        server.fail("create", lost())
        delivery = announcer.delivery()
        announcer.attempt(delivery)
        for number in range(90):
            server.add(f"by hand https://news.example.com/{number}", at=announcer.time.now)
        assert isinstance(announcer.attempt(once_more(delivery)), Sent)
        assert len(server.sent("create")) == 1
        assert len(server.sent("statuses")) == 10


def test_reading_back_stops_at_posts_from_before_the_first_attempt() -> None:
    with announcing() as (server, announcer):
        for number in range(45):
            server.add(f"https://news.example.com/{number}", at=announcer.time.now - timedelta(days=1))
        server.fail("create", refused(500))
        announcer.publish()
        assert len(server.sent("statuses")) == 2  # one look for each attempt, of one page


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_post_is_found_on_a_server_whose_clock_is_wrong(hours: int) -> None:
    time = Time()
    with fediverse("gotosocial", clock=lambda: time() + timedelta(hours=hours)) as server:
        announcer = Announcer(server.url, server.token, time)
        server.fail("create", lost())
        assert isinstance(announcer.publish(), Sent)
        assert is_posted_once(server, announcer)
        announcer.close()


def test_the_post_is_found_after_our_own_clock_was_put_right() -> None:
    ours, theirs = Time(), Time()
    with fediverse("gotosocial", clock=theirs) as server:
        announcer = Announcer(server.url, server.token, ours)
        ours.passes(days=1)  # too early by a day
        server.fail("create", lost())
        delivery = announcer.delivery()
        announcer.receipts["tag:news.example.com,2026:1"] = announcer.attempt(delivery).receipt or {}
        theirs.passes(hours=2)
        ours.now = theirs.now
        assert isinstance(announcer.attempt(once_more(delivery)), Sent)
        assert len(server.posts) == 1
        announcer.close()


def test_a_clock_that_was_set_back_does_not_hold_the_post_up_for_as_long() -> None:
    with announcing("gotosocial") as (server, announcer):
        server.fail("create", refused(502))
        delivery = announcer.delivery()
        announcer.receipts["tag:news.example.com,2026:1"] = announcer.attempt(delivery).receipt or {}
        announcer.time.passes(days=-7)
        outcome = announcer.attempt(once_more(delivery))
        assert isinstance(outcome, Unclear)
        assert outcome.after is not None
        assert outcome.after - announcer.time.now <= timedelta(minutes=2)


def test_an_old_post_of_somebody_with_the_same_link_is_not_taken_for_ours() -> None:
    with announcing() as (server, announcer):
        server.add(f"Have a look: {LINK}", at=announcer.time.now - timedelta(hours=3))
        server.fail("create", refused(500))
        announcer.publish()
        assert len(server.posts) == 2


def test_a_boost_of_the_link_is_not_taken_for_ours() -> None:
    with announcing("pixelfed") as (server, announcer):
        server.add(LINK, at=announcer.time.now).boost_of = "17"
        server.fail("create", refused(500))
        announcer.publish()
        assert len([post for post in server.posts if not post.boost_of]) == 1


def test_a_template_without_the_link_is_found_by_its_words() -> None:
    with announcing("gotosocial", template="{{ title }} & more\n\n{{ hashtags }}") as (server, announcer):
        server.fail("create", lost())
        assert isinstance(announcer.publish(), Sent)
        assert len(server.posts) == 1


def test_a_link_that_the_server_does_not_make_a_link_of_is_found_in_the_text() -> None:
    with announcing("gotosocial") as (server, announcer):
        server.as_html = lambda text: f"<p>{text.replace('&', '&amp;')}</p>"  # type: ignore[method-assign] # a server that knows no intranet
        server.fail("create", lost())
        assert isinstance(announcer.publish(article(link="http://intranet/news?a=1&b=2")), Sent)
        assert len(server.posts) == 1


def test_pages_too_long_to_be_read_are_asked_for_in_smaller_pieces() -> None:
    with announcing("gotosocial") as (server, announcer):
        server.fail("create", lost())
        delivery = announcer.delivery()
        announcer.attempt(delivery)
        for number in range(12):
            server.add(f"{number} " + "long words " * 800, at=announcer.time.now)
        assert isinstance(announcer.attempt(once_more(delivery)), Sent)
        assert len(server.sent("create")) == 1


def test_a_token_that_may_not_read_is_helped_out_by_what_everybody_may_read() -> None:
    with announcing() as (server, announcer):
        server.scopes.discard("read:statuses")
        server.fail("create", lost())
        assert isinstance(announcer.publish(), Sent)
        assert is_posted_once(server, announcer)


@pytest.mark.parametrize(("flavour", "visibility"), [("mastodon", "private"), ("gotosocial", "unlisted")])
def test_a_token_that_may_not_read_leads_to_no_blind_second_post(flavour: str, visibility: str) -> None:
    with announcing(flavour, visibility=visibility) as (server, announcer):
        server.scopes.discard("read:statuses")
        server.fail("create", lost())
        delivery = announcer.delivery()
        outcomes = []
        for attempt in (1, 2, 2, 2):
            tried = once_more(delivery, attempt)
            outcomes.append(announcer.attempt(tried))
            announcer.time.passes(hours=1)
        assert [type(outcome) for outcome in outcomes] == [Unclear, Denied, Denied, Denied]
        assert "read:statuses" in outcomes[-1].reason
        server.scopes.add("read:statuses")
        assert isinstance(announcer.attempt(once_more(delivery)), Sent)
        assert len(server.posts) == 1


def test_a_key_whose_post_was_deleted_is_followed_by_another_key() -> None:
    """Mastodon answers 404 to a key that it remembers for a post that is no more."""
    with announcing() as (server, announcer):
        server.fail("create", lost())
        delivery = announcer.delivery()
        announcer.attempt(delivery)
        server.delete(server.posts[0].id)
        assert isinstance(announcer.publish(), Sent)
        assert len(server.posts) == 1
        keys = [seen.headers["Idempotency-Key"] for seen in server.sent("create")]
        assert keys[0] == keys[1] != keys[2]


def test_a_key_that_pixelfed_has_seen_leads_to_the_post() -> None:
    """It answers 400 and not with the post; after a lost state we learn of the post only by this."""
    with announcing("pixelfed") as (server, announcer):
        announcer.publish()
        announcer.receipts.clear()
        outcome = announcer.publish()
        assert isinstance(outcome, Sent)
        assert is_posted_once(server, announcer)


def test_a_post_that_may_lie_behind_too_many_is_left_to_a_person() -> None:
    with announcing("gotosocial") as (server, announcer):
        server.fail("create", refused(502))
        delivery = announcer.delivery()
        announcer.attempt(delivery)
        for number in range(320):
            server.add(f"by hand https://news.example.com/{number}", at=announcer.time.now)
        announcer.time.passes(days=30)
        retried = replace(delivery, may_have_arrived=True, first_tried=delivery.at)
        outcome = announcer.settle(retried)
        assert isinstance(outcome, Refused)
        assert "look for it" in outcome.reason
        assert len(server.sent("create")) == 1
        assert isinstance(announcer.settle(retried), Sent)  # a person has looked, and retried it
        assert len(server.sent("create")) == 2


def test_sent_anew_by_hand_after_its_deletion_it_is_posted_at_once() -> None:
    for flavour in KINDS:
        with announcing(flavour) as (server, announcer):
            announcer.publish()
            server.delete(server.posts[0].id)
            server.statuses.clear()
            again = replace(announcer.delivery(generation=2), may_have_arrived=True)
            assert isinstance(announcer.settle(again), Sent)
            assert len(announcer.outcomes) == 1
            assert is_posted_once(server, announcer)


@pytest.mark.parametrize("killed", [{1}, {1, 2}])
def test_sent_anew_by_hand_and_killed_it_is_posted_once(killed: set[int]) -> None:
    for flavour in KINDS:
        with announcing(flavour) as (server, announcer):
            announcer.publish()
            server.delete(server.posts[0].id)
            server.statuses.clear()
            server.fail("create", lost(late=1))
            again = replace(announcer.delivery(generation=2), may_have_arrived=True)
            assert isinstance(announcer.settle(again, killed=killed), Sent)
            assert is_posted_once(server, announcer)


def test_announcing_anew_on_purpose_makes_another_post_when_the_first_was_deleted() -> None:
    for flavour in KINDS:
        with announcing(flavour) as (server, announcer):
            announcer.publish()
            server.delete(server.posts[0].id)
            server.statuses.clear()
            assert isinstance(announcer.publish(generation=2), Sent)
            assert is_posted_once(server, announcer)
            keys = {seen.headers["Idempotency-Key"] for seen in server.sent("create")}
            assert len(keys) == 2


def test_announcing_anew_makes_no_second_post_beside_the_first() -> None:
    with announcing() as (server, announcer):
        announcer.publish()
        server.fail("show", lost(), refused(503))  # what cannot be looked at now is looked at later
        outcome = announcer.publish(generation=2)
        assert "still there" in outcome.reason
        announcer.receipts.clear()
        assert isinstance(announcer.publish(generation=2), Sent)
        assert len(server.posts) == 1


def test_a_day_of_server_trouble_gives_no_doubles() -> None:
    """YoloSwagTeam/t2m #21: over a thousand of them."""
    with announcing("gotosocial") as (server, announcer):
        server.fail_always("create", masked(502, PAGE.format(502)))
        for number in range(12):
            told = article(link=f"https://news.example.com/{number}")
            assert isinstance(announcer.publish(told, of=str(number)), Sent)
        links = [post.text.split("\n\n")[1] for post in server.posts]
        assert links == [f"https://news.example.com/{number}" for number in range(12)]


def test_a_server_that_is_down_costs_no_attempt() -> None:
    with announcing() as (server, announcer):
        announcer.sender.close()
        away = Announcer("http://127.0.0.1:9", server.token, announcer.time, timeout="250ms")
        outcome = away.attempt(away.delivery())
        away.close()
        assert isinstance(outcome, Busy)
        assert server.requests == []


def test_errors_without_end_end_after_ten_attempts() -> None:
    with announcing() as (server, announcer):
        server.fail_always("create", refused(500))
        outcome = announcer.publish()
        assert announcer.state is State.DEAD
        assert isinstance(outcome, Unclear)
        assert server.posts == []


@pytest.mark.parametrize(("flavour", "status"), [("mastodon", 422), ("gotosocial", 400), ("hollo", 413)])
def test_a_post_that_was_refused_is_not_tried_again(flavour: str, status: int) -> None:
    with announcing(flavour) as (server, announcer):
        server.fail("create", refused(status, body='{"error": "Validation failed: nobody likes it"}'))
        outcome = announcer.publish()
        assert isinstance(outcome, Refused)
        assert "nobody likes it" in outcome.reason
        assert announcer.state is State.DEAD
        assert len(server.sent("create")) == 1
        announcer.publish(article(link=f"{LINK}&2"), of="2")  # a bad one never blocks its target
        assert len(server.posts) == 1


def test_withdrawn_while_nobody_knows_whether_it_was_posted_the_post_is_looked_for_and_deleted() -> None:
    for flavour in KINDS:
        for late in (0, 1):
            with announcing(flavour, on_withdraw="delete") as (server, announcer):
                server.fail("create", lost(late=late))
                announcer.attempt(announcer.delivery())
                announcer.time.passes(seconds=3)
                assert isinstance(announcer.withdraw(), Sent)
                assert server.posts == []


def test_withdrawn_although_it_was_never_posted_nothing_is_deleted() -> None:
    with announcing(on_withdraw="delete") as (server, announcer):
        server.add("https://news.example.com/another", at=announcer.time.now)
        outcome = announcer.withdraw()
        assert isinstance(outcome, Skipped)
        assert len(server.posts) == 1
        assert server.sent("delete") == []
