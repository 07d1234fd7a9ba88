"""The picture of a post on Mastodon and its kin: described, waited for, no reason to lose the post."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from announcer import LINK, SITE, Announcer, Time, article, pictured
from fediverse import Fault, Server, fediverse, garbled, lost, refused
from fediverse_state import PROCESSING
from mastodon import Mastodon
from msgspec import structs
from PIL import Image
from receiver import Receiver, Reply, receiving

from feedbot.attempt import Busy, Denied, Outcome, Refused, Retry, Sent, Skipped, State, Unclear
from feedbot.model import Article
from feedbot.targets.mastodon import MastodonSender

TOO_EARLY = json.dumps({"error": PROCESSING})
ID = "tag:news.example.com,2026:1"


def drawn(kind: str = "PNG", colour: str = "navy") -> bytes:
    """A small picture."""
    file = io.BytesIO()
    Image.new("RGB", (24, 16), colour).save(file, kind)
    return file.getvalue()


@dataclass
class Scene:
    """A server, a site with a picture, and a target."""

    server: Server
    site: Receiver
    announcer: Announcer

    def told(self, path: str = "/picture.png", title: str = "A robot folds a towel", **more: Any) -> Article:
        """An article with the picture."""
        return pictured(f"{self.site.url}{path}", title, **more)

    def publish(self, **more: Any) -> Outcome:
        """Announce it."""
        return self.announcer.publish(self.told(**more))


@contextmanager
def scene(flavour: str = "mastodon", **changed: Any) -> Iterator[Scene]:
    """Everything there is."""
    time = Time()
    with fediverse(flavour, clock=time) as server, receiving() as site:
        site.otherwise = Reply(200, {"Content-Type": "image/png"}, drawn())
        announcer = Announcer(server.url, server.token, time, **changed)
        yield Scene(server, site, announcer)
        announcer.close()


def attached(server: Server) -> list[str]:
    """The descriptions of what hangs on the only post."""
    (post,) = server.posts
    return [server.media[id_].description for id_ in post.media]


@pytest.mark.parametrize("flavour", ["mastodon", "gotosocial", "hollo", "pixelfed", "pleroma"])
def test_the_picture_hangs_on_the_post_with_its_description(flavour: str) -> None:
    with scene(flavour) as all_:
        assert isinstance(all_.publish(), Sent)
        (post,) = all_.server.posts
        reader = Mastodon(
            access_token=all_.server.token, api_base_url=all_.server.url, version_check_mode="none"
        )
        (media,) = reader.status(post.id).media_attachments
        assert media.description == "A robot folds a towel"
        assert all_.server.media[media.id].type == "image/png"
        assert all_.announcer.receipts[ID]["picture"] == f"{all_.site.url}/picture.png"
        assert "media" not in all_.announcer.receipts[ID]


def test_a_picture_without_a_description_is_described_by_the_articles_title() -> None:
    with scene() as all_:
        all_.publish(title="")
        assert attached(all_.server) == ["Robots learn to fold"]


def test_a_description_too_long_for_the_server_is_cut_and_never_refused() -> None:
    with scene("gotosocial") as all_:
        all_.publish(title="word " * 900)
        (text,) = attached(all_.server)
        assert 1400 < len(text) <= 1500
        assert text.endswith("…")


@pytest.mark.parametrize("description", ["Grüße aus Łódź 🤖", 'with "quotes"; and\nlines', "&amp; <b>"])
def test_a_description_arrives_as_it_was_written(description: str) -> None:
    with scene() as all_:
        all_.publish(title=description)
        assert attached(all_.server) == [description]


def test_without_the_wish_for_pictures_none_is_fetched() -> None:
    with scene(image=False) as all_:
        assert isinstance(all_.publish(), Sent)
        assert attached(all_.server) == []
        assert all_.site.requests == []


@pytest.mark.parametrize("stages", [[206], [206] * 7, [200]])
def test_a_picture_that_the_server_works_on_is_waited_for(stages: list[int]) -> None:
    with scene() as all_:
        all_.server.stages.append(stages)
        assert isinstance(all_.publish(), Sent)
        assert len(all_.announcer.outcomes) == 1
        assert attached(all_.server) == ["A robot folds a towel"]
        assert len(all_.server.sent("media")) == len(stages) + (stages[-1] == 206)


IMPATIENT = 40  # seconds between two questions for an upload: an attempt has time for one


def test_the_next_attempt_takes_up_the_upload_that_was_not_ready() -> None:
    with scene(pause=IMPATIENT) as all_:
        all_.server.stages.append([206])
        assert isinstance(all_.publish(), Sent)
        first, _ = all_.announcer.outcomes
        assert isinstance(first, Retry)
        assert "working" in first.reason
        assert len(all_.server.sent("upload")) == 1
        assert attached(all_.server) == ["A robot folds a towel"]


def test_a_picture_that_is_never_ready_does_not_hold_the_post_up() -> None:
    with scene(pause=IMPATIENT) as all_:
        all_.server.stages.append([206] * 100)
        outcome = all_.publish()
        assert isinstance(outcome, Sent)
        assert "without its picture" in outcome.reason
        assert len(all_.announcer.outcomes) == 2
        assert attached(all_.server) == []


def test_a_required_picture_is_waited_for_until_the_attempts_end() -> None:
    with scene(pause=IMPATIENT, image="required") as all_:
        all_.server.stages.append([206] * 5)
        assert isinstance(all_.publish(), Sent)
        assert attached(all_.server) == ["A robot folds a towel"]
    with scene(pause=IMPATIENT, image="required") as all_:
        all_.server.stages.append([206] * 100)
        assert isinstance(all_.publish(), Retry)
        assert all_.announcer.state is State.DEAD
        assert all_.server.posts == []
        assert len(all_.server.sent("upload")) == 1


@pytest.mark.parametrize("stages", [[422], [206, 422]])
def test_a_picture_that_the_server_cannot_use_is_left_out(stages: list[int]) -> None:
    with scene() as all_:
        all_.server.stages.append(stages)
        outcome = all_.publish()
        assert isinstance(outcome, Sent)
        assert "without its picture" in outcome.reason
        assert attached(all_.server) == []
    with scene(image="required") as all_:
        all_.server.stages.append(stages)
        assert isinstance(all_.publish(), Refused)
        assert all_.server.posts == []


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_an_upload_that_is_refused_leaves_the_text(status: int) -> None:
    with scene() as all_:
        all_.server.fail("upload", refused(status, body='{"error": "no such files here"}'))
        outcome = all_.publish()
        assert isinstance(outcome, Sent)
        assert "no such files here" in outcome.reason
        assert len(all_.announcer.outcomes) == 1
        assert attached(all_.server) == []


@pytest.mark.parametrize(
    "fault", [refused(500), refused(502), lost(), Fault(ends="close"), garbled("<html>")]
)
def test_an_upload_without_an_answer_is_tried_once_more_and_then_left_out(fault: Fault) -> None:
    with scene() as all_:
        all_.server.fail("upload", fault)
        assert isinstance(all_.publish(), Sent)
        assert attached(all_.server) == ["A robot folds a towel"]
    with scene() as all_:
        all_.server.fail_always("upload", fault)
        assert isinstance(all_.publish(), Sent)
        assert attached(all_.server) == []
        assert len(all_.server.sent("upload")) == 2


def test_a_rate_limit_for_uploads_is_waited_for() -> None:
    with scene() as all_:
        all_.server.fail("upload", refused(429, {"Retry-After": "90"}))
        assert isinstance(all_.publish(), Sent)
        assert [type(outcome) for outcome in all_.announcer.outcomes] == [Busy, Sent]
        assert attached(all_.server) == ["A robot folds a towel"]


def test_a_token_that_may_not_upload_costs_the_picture_only() -> None:
    with scene() as all_:
        all_.server.scopes.discard("write:media")
        outcome = all_.publish()
        assert isinstance(outcome, Sent)
        assert "write:media" in outcome.reason
        assert attached(all_.server) == []
    with scene(image="required") as all_:
        all_.server.scopes.discard("write:media")
        outcome = all_.announcer.attempt(all_.announcer.delivery("published", all_.told()))
        assert isinstance(outcome, Denied)
        assert "write:media" in outcome.reason


def test_a_token_that_is_no_good_pauses_the_target_at_the_upload() -> None:
    with scene() as all_:
        all_.server.fail("upload", refused(401))
        outcome = all_.announcer.attempt(all_.announcer.delivery("published", all_.told()))
        assert isinstance(outcome, Denied)


def test_a_picture_that_is_not_there_yet_is_tried_once_more_and_then_left_out() -> None:
    with scene() as all_:
        all_.site.replies.append(Reply(404))
        assert isinstance(all_.publish(), Sent)
        assert attached(all_.server) == ["A robot folds a towel"]
    with scene() as all_:
        all_.site.otherwise = Reply(404)
        outcome = all_.publish()
        assert isinstance(outcome, Sent)
        assert "without its picture" in outcome.reason
        assert len(all_.site.requests) == 2


def test_a_broken_picture_is_never_uploaded() -> None:
    with scene("gotosocial") as all_:  # which takes half a file
        all_.site.otherwise = Reply(200, {"Content-Type": "image/png"}, drawn()[:60])
        assert isinstance(all_.publish(), Sent)
        assert all_.server.sent("upload") == []
        assert len(all_.announcer.outcomes) == 1
    with scene("gotosocial", image="required") as all_:
        all_.site.otherwise = Reply(200, {"Content-Type": "image/png"}, b"not a picture at all")
        assert isinstance(all_.publish(), Refused)
        assert all_.server.posts == []


def test_a_required_picture_that_the_article_does_not_have_keeps_the_post_back() -> None:
    with scene(image="required") as all_:
        outcome = all_.announcer.publish(article())
        assert isinstance(outcome, Refused)
        assert "picture" in outcome.reason
        assert all_.server.requests != []
        assert all_.server.posts == []


@pytest.mark.parametrize("flavour", ["mastodon", "gotosocial", "pixelfed"])
def test_a_post_made_too_early_for_its_picture_is_made_later(flavour: str) -> None:
    with scene(flavour) as all_:
        status = all_.server.flavour.invalid
        all_.server.fail("create", refused(status, body=TOO_EARLY))
        assert isinstance(all_.publish(), Sent)
        assert [type(outcome) for outcome in all_.announcer.outcomes] == [Retry, Sent]
        assert len(all_.server.sent("upload")) == 1
        assert attached(all_.server) == ["A robot folds a towel"]


def test_an_upload_that_has_expired_is_made_anew() -> None:
    with scene() as all_:
        all_.server.fail("create", refused(429))
        delivery = all_.announcer.delivery("published", all_.told())
        all_.announcer.receipts[ID] = all_.announcer.attempt(delivery).receipt or {}
        assert all_.announcer.receipts[ID]["media"]["url"] == f"{all_.site.url}/picture.png"
        all_.server.expire_media()
        assert isinstance(all_.publish(), Sent)
        assert attached(all_.server) == ["A robot folds a towel"]
        assert len(all_.server.sent("upload")) == 2


def test_an_upload_that_expires_just_before_the_post_is_made_anew() -> None:
    with scene() as all_:
        all_.server.fail("create", refused(422, body='{"error": "unknown media"}'))
        all_.server.fail("media", refused(404))
        assert isinstance(all_.publish(), Sent)
        assert attached(all_.server) == ["A robot folds a towel"]
        assert len(all_.server.sent("upload")) == 2


@pytest.mark.parametrize(("fault", "kind"), [(refused(429), Busy), (refused(503), Retry), (lost(), Retry)])
def test_a_post_refused_with_its_picture_waits_until_that_can_be_asked_about(
    fault: Fault, kind: type[Outcome]
) -> None:
    with scene() as all_:
        all_.server.fail("create", refused(422, body='{"error": "unknown media"}'))
        all_.server.fail("media", fault)
        assert isinstance(all_.publish(), Sent)
        assert [type(outcome) for outcome in all_.announcer.outcomes] == [kind, Sent]
        assert attached(all_.server) == ["A robot folds a towel"]


def test_an_upload_is_used_again_after_an_unclear_answer_that_made_no_post() -> None:
    with scene() as all_:
        all_.server.fail("create", refused(502))
        assert isinstance(all_.publish(), Sent)
        assert len(all_.server.sent("upload")) == 1
        assert attached(all_.server) == ["A robot folds a towel"]


@pytest.mark.parametrize("now", [("/other.png", "Another robot"), ("/picture.png", "Another description")])
def test_an_upload_is_not_used_for_what_the_article_shows_instead_by_now(now: tuple[str, str]) -> None:
    with scene() as all_:
        all_.server.fail("create", refused(502))
        assert isinstance(all_.announcer.publish(all_.told(), edited={2: all_.told(*now)}), Sent)
        assert attached(all_.server) == [now[1]]


def test_a_lost_reply_to_a_post_with_a_picture_makes_no_second_post() -> None:
    for flavour in ("mastodon", "gotosocial", "hollo", "pixelfed"):
        with scene(flavour) as all_:
            all_.server.fail("create", lost(late=1))
            assert isinstance(all_.publish(), Sent)
            assert attached(all_.server) == ["A robot folds a towel"]


def test_abort_ends_the_wait_for_a_picture() -> None:
    with scene(pause=20) as all_:  # as long as can be waited for at all
        all_.server.stages.append([206] * 100)
        outcomes = []
        delivery = all_.announcer.delivery("published", all_.told())
        thread = threading.Thread(target=lambda: outcomes.append(all_.announcer.attempt(delivery)))
        thread.start()
        while not all_.server.sent("media"):
            thread.join(0.01)  # a wait: who only asks and asks leaves the others no time
            assert thread.is_alive()
        all_.announcer.sender.abort()
        thread.join(15)
        assert not thread.is_alive()
        assert isinstance(outcomes[0], Retry | Busy)
        assert all_.server.posts == []


def test_abort_ends_the_fetching_of_a_picture() -> None:
    with scene(timeout="60s") as all_:
        hold = threading.Event()
        all_.site.otherwise = Reply(200, hold=hold)
        outcomes = []
        delivery = all_.announcer.delivery("published", all_.told())
        thread = threading.Thread(target=lambda: outcomes.append(all_.announcer.attempt(delivery)))
        thread.start()
        while not all_.site.connections:
            thread.join(0.01)  # a wait: who only asks and asks leaves the others no time
            assert thread.is_alive()
        all_.announcer.sender.abort()
        thread.join(30)
        hold.set()
        assert not thread.is_alive()
        assert all_.server.posts == []


# --- when the article changes ---


@pytest.mark.parametrize("flavour", ["mastodon", "gotosocial", "hollo"])
def test_an_edit_keeps_the_picture(flavour: str) -> None:
    with scene(flavour, on_update="edit", content_warning="News") as all_:
        all_.publish()
        (before,) = all_.server.posts
        assert isinstance(
            all_.announcer.update(all_.told(title="A robot folds a towel", summary="-")), Skipped
        )
        changed = structs.replace(all_.told(), title="Robots learn to iron")
        assert isinstance(all_.announcer.update(changed), Sent)
        (post,) = all_.server.posts
        assert post.media == before.media
        assert (post.warning, post.sensitive, post.language) == ("News", True, "en")
        assert post.text.startswith("Robots learn to iron")
        assert len(all_.server.sent("upload")) == 1


@pytest.mark.parametrize("flavour", ["mastodon", "gotosocial", "hollo"])
def test_another_picture_of_the_article_takes_the_place_of_the_first(flavour: str) -> None:
    with scene(flavour, on_update="edit") as all_:
        all_.publish()
        assert isinstance(all_.announcer.update(all_.told("/other.png", "Another robot")), Sent)
        assert attached(all_.server) == ["Another robot"]
        assert isinstance(all_.announcer.update(all_.told("/other.png", "Another robot")), Skipped)


@pytest.mark.parametrize("flavour", ["mastodon", "gotosocial", "hollo"])
def test_an_article_that_loses_its_picture_takes_it_from_the_post(flavour: str) -> None:
    with scene(flavour, on_update="edit") as all_:
        all_.publish()
        assert isinstance(all_.announcer.update(article()), Sent)
        assert attached(all_.server) == []


def test_another_description_changes_that_of_the_picture_alone() -> None:
    with scene(on_update="edit") as all_:
        all_.publish()
        assert isinstance(all_.announcer.update(all_.told(title="Two robots")), Sent)
        assert attached(all_.server) == ["Two robots"]
        assert len(all_.server.sent("upload")) == 1


def test_a_picture_that_could_not_be_had_at_first_comes_with_an_edit() -> None:
    with scene(on_update="edit") as all_:
        all_.site.replies.extend([Reply(404), Reply(404), Reply(404), Reply(404)])
        all_.publish()
        assert attached(all_.server) == []
        outcome = all_.announcer.update(all_.told())
        assert isinstance(outcome, Skipped)  # for it still cannot be had
        assert isinstance(all_.announcer.update(all_.told()), Sent)
        assert attached(all_.server) == ["A robot folds a towel"]


def test_an_edit_whose_new_picture_cannot_be_had_keeps_the_old_one() -> None:
    with scene(on_update="edit") as all_:
        all_.publish()
        all_.site.otherwise = Reply(410)
        changed = structs.replace(all_.told("/gone.png", "Gone"), title="Robots learn to iron")
        outcome = all_.announcer.update(changed)
        assert isinstance(outcome, Sent)
        assert "without its picture" in outcome.reason
        assert attached(all_.server) == ["A robot folds a towel"]
        assert all_.server.posts[0].text.startswith("Robots learn to iron")


def test_a_picture_that_somebody_hung_on_the_post_by_hand_stays_there() -> None:
    with scene(on_update="edit") as all_:
        all_.announcer.publish(article())
        by_hand = all_.server.upload(drawn(), "image/png", "by hand").body["id"]
        all_.server.posts[0].media = [by_hand]
        all_.server.media[by_hand].attached_to = all_.server.posts[0].id
        assert isinstance(all_.announcer.update(article(title="Robots learn to iron")), Sent)
        assert attached(all_.server) == ["by hand"]


def test_a_post_found_again_keeps_its_picture_when_it_is_changed() -> None:
    with scene(on_update="edit") as all_:
        all_.server.fail("create", lost())
        assert isinstance(all_.publish(), Sent)
        changed = structs.replace(all_.told(), title="Robots learn to iron")
        assert isinstance(all_.announcer.update(changed), Sent)
        assert attached(all_.server) == ["A robot folds a towel"]
        assert len(all_.server.sent("upload")) == 1


def test_an_edit_made_too_early_for_its_new_picture_is_made_later() -> None:
    with scene(on_update="edit") as all_:
        all_.publish()
        all_.server.fail("edit", refused(422, body=TOO_EARLY))
        assert isinstance(all_.announcer.update(all_.told("/other.png", "Another robot")), Sent)
        assert [type(outcome) for outcome in all_.announcer.outcomes] == [Retry, Sent]
        assert "still working on its picture" in all_.announcer.outcomes[0].reason
        assert attached(all_.server) == ["Another robot"]
        assert len(all_.server.sent("upload")) == 2


def test_the_preview_names_the_picture_and_its_description() -> None:
    with scene() as all_:
        preview = all_.announcer.sender.preview(all_.announcer.delivery("published", all_.told()))
        assert preview.picture == f"{all_.site.url}/picture.png"
        assert preview.picture_text == "A robot folds a towel"
        assert all_.site.requests == []
        assert LINK in preview.text


def test_a_picture_in_a_private_network_is_not_fetched() -> None:
    with scene() as all_:
        careful = MastodonSender(all_.announcer.options, SITE)  # as it is made for the worker
        outcome = careful.send(all_.announcer.delivery("published", all_.told()), all_.announcer.time.now)
        careful.close()
        assert isinstance(outcome, Sent)
        assert "private network" in outcome.reason
        assert all_.site.requests == []


def test_an_unclear_answer_is_not_made_a_clear_one_by_its_picture() -> None:
    with scene() as all_:
        all_.server.fail("create", refused(500))
        outcome = all_.announcer.attempt(all_.announcer.delivery("published", all_.told()))
        assert isinstance(outcome, Unclear)
