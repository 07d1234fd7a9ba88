"""With programs that are not ours: `mastodon_mock` takes the posts, `Mastodon.py` reads them.

Where the former is known to differ from every real server, `fediverse.py` is asked instead.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from announcer import LINK, Announcer, Time, article, pictured
from mastodon import Mastodon, MastodonNotFoundError
from mastodon_mock.config import AuthConfig, MastodonMockConfig, RateLimitConfig
from mastodon_mock.testing import DEFAULT_TEST_SEED, MockServer
from PIL import Image
from receiver import Reply, receiving

from feedbot.attempt import Busy, Denied, Refused, Sent, Unclear

TOKEN = "alice_token"  # noqa: S105 - of a server on loopback
ID = "tag:news.example.com,2026:1"
PATIENCE = 60.0  # seconds that a server may take to start


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockServer]:
    """One server for the module; it takes a second to start."""
    with MockServer(config=setup(tmp_path_factory.mktemp("mock")), startup_timeout=PATIENCE) as server:
        yield server


def setup(folder: Path, **more: Any) -> MastodonMockConfig:
    """A server with a few accounts that keeps its files in `folder`."""
    return MastodonMockConfig(seed=DEFAULT_TEST_SEED, media_storage_path=str(folder), **more)


@pytest.fixture
def mock(running: MockServer) -> MockServer:
    """The server as new."""
    requests.post(f"{running.base_url}/api/v1/_mock/reset", timeout=60).raise_for_status()
    return running


def fail(server: MockServer, *, path_regex: str, methods: list[str], count: int, **effect: Any) -> None:
    """Tell the server how it fails at the next `count` such requests."""
    match = {"path_regex": path_regex, "methods": methods}
    rule = {"match": match, "effect": effect, "count": count}
    requests.post(f"{server.base_url}/api/v1/_mock/faults", json=rule, timeout=60).raise_for_status()


CREATE: dict[str, Any] = {"path_regex": "/api/v1/statuses$", "methods": ["POST"]}


@contextmanager
def announcing(server: MockServer, **changed: Any) -> Iterator[tuple[Announcer, Mastodon]]:
    """A target that posts there, and a reader of the same account."""
    announcer = Announcer(server.base_url, TOKEN, Time(), **changed)
    yield announcer, server.client("alice")
    announcer.close()


def posts(reader: Mastodon) -> list[Any]:
    """All posts of the account."""
    return list(reader.account_statuses(reader.me().id))


def test_another_program_reads_what_was_posted(mock: MockServer) -> None:
    with announcing(mock, content_warning="News & more", visibility="private") as (announcer, reader):
        assert isinstance(announcer.publish(article(title="Q&A: are robots < people?")), Sent)
        (post,) = posts(reader)
        assert f'href="{LINK.replace("&", "&amp;")}"' in post.content
        assert "Q&amp;A: are robots &lt; people?" in post.content
        assert (post.spoiler_text, post.sensitive, post.visibility, post.language) == (
            "News & more", True, "private", "en",
        )  # fmt: skip
        assert {tag.name.lower() for tag in post.tags} == {"robotics", "machinelearning"}
        assert announcer.receipts[ID]["status"] == str(post.id)
        source = reader.status_source(post.id)
        assert source.text.splitlines()[-1] == "#Robotics #MachineLearning"


def test_another_program_sees_the_picture_and_its_description(mock: MockServer) -> None:
    file = io.BytesIO()
    Image.new("RGB", (24, 16), "navy").save(file, "JPEG")
    with receiving() as site, announcing(mock) as (announcer, reader):
        site.otherwise = Reply(200, {"Content-Type": "image/jpeg"}, file.getvalue())
        announcer.publish(pictured(f"{site.url}/picture.jpg", "Ein Roboter faltet Handtücher"))
        (post,) = posts(reader)
        (media,) = post.media_attachments
        assert media.description == "Ein Roboter faltet Handtücher"
        assert media.type == "image"


def test_another_program_sees_the_change_and_its_history(mock: MockServer) -> None:
    with announcing(mock, on_update="edit") as (announcer, reader):
        announcer.publish()
        (before,) = posts(reader)
        assert isinstance(announcer.update(article(title="Robots learn to iron")), Sent)
        (post,) = posts(reader)
        assert post.id == before.id
        assert post.edited_at is not None
        assert "Robots learn to iron" in post.content
        assert len(reader.status_history(post.id)) == 2


def test_another_program_finds_nothing_after_a_withdrawal(mock: MockServer) -> None:
    with announcing(mock, on_withdraw="delete") as (announcer, reader):
        announcer.publish()
        (post,) = posts(reader)
        assert isinstance(announcer.withdraw(), Sent)
        assert posts(reader) == []
        with pytest.raises(MastodonNotFoundError):
            reader.status(post.id)


def test_a_post_deleted_by_another_program_is_forgotten(mock: MockServer) -> None:
    with announcing(mock, on_update="edit") as (announcer, reader):
        announcer.publish()
        reader.status_delete(posts(reader)[0])
        assert isinstance(announcer.update(article(title="Robots learn to iron")), Sent)
        assert posts(reader) == []


def test_a_process_killed_after_the_post_was_made_finds_it_again(mock: MockServer) -> None:
    with announcing(mock) as (announcer, reader):
        reader.status_post("something else entirely")
        assert isinstance(announcer.publish(killed={1, 2}), Sent)
        (post,) = [post for post in posts(reader) if "robots" in post.content]
        assert announcer.receipts[ID]["status"] == str(post.id)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_errors_of_the_server_lose_nothing_and_double_nothing(mock: MockServer, status: int) -> None:
    with announcing(mock) as (announcer, reader):
        fail(mock, **CREATE, count=2, type="status", status=status)
        assert isinstance(announcer.publish(), Sent)
        assert len(posts(reader)) == 1


def test_an_answer_that_breaks_off_loses_nothing_and_doubles_nothing(mock: MockServer) -> None:
    with announcing(mock) as (announcer, reader):
        fail(mock, **CREATE, count=1, type="malformed")
        assert isinstance(announcer.publish(), Sent)
        assert isinstance(announcer.outcomes[0], Unclear)
        assert len(posts(reader)) == 1


def test_a_server_slower_than_our_patience_makes_one_post(mock: MockServer) -> None:
    with announcing(mock, timeout="300ms") as (announcer, reader):
        fail(mock, **CREATE, count=1, type="latency", delay_ms=700)
        assert isinstance(announcer.publish(), Sent)
        assert any(isinstance(outcome, Unclear) for outcome in announcer.outcomes)
        assert len(posts(reader)) == 1


def test_a_server_that_is_slow_to_look_things_up_makes_one_post(mock: MockServer) -> None:
    with announcing(mock) as (announcer, reader):
        fail(mock, path_regex="/accounts/", methods=["GET"], count=3, type="status", status=503)
        assert isinstance(announcer.publish(killed={1}), Sent)
        assert len(posts(reader)) == 1


def test_a_token_that_nobody_knows_pauses_the_target(mock: MockServer) -> None:
    wrong = Announcer(mock.base_url, "nobodys-token", Time())
    outcome = wrong.attempt(wrong.delivery())
    checked = wrong.sender.check()
    wrong.close()
    assert isinstance(outcome, Denied)
    assert not checked[0].is_fine
    assert "nobodys-token" not in outcome.reason + checked[0].said


def test_the_limit_of_the_server_is_asked_for_and_kept(mock: MockServer) -> None:
    with announcing(mock) as (announcer, reader):
        link = "https://x.example.com/1"  # as long as Mastodon counts any, for this server counts in full
        assert isinstance(announcer.publish(article(title="word " * 300, link=link)), Sent)
        (post,) = posts(reader)
        text = reader.status_source(post.id).text
        assert link in text
        assert 450 < Mastodon.get_status_length(text) <= 500


def test_a_check_reads_and_posts_nothing(mock: MockServer) -> None:
    with announcing(mock) as (announcer, reader):
        checked = announcer.sender.check()
        assert all(check.is_fine for check in checked)
        assert "@alice" in checked[0].said
        assert "500 characters" in checked[-1].said
        assert isinstance(announcer.sender.test(announcer.time.now), Sent)
        assert posts(reader) == []


def test_a_rate_limit_with_an_epoch_number_is_obeyed(tmp_path: Path) -> None:
    config = setup(tmp_path, ratelimit=RateLimitConfig(enabled=True, limit=4, window_seconds=120))
    with MockServer(config=config, startup_timeout=PATIENCE) as server, announcing(server) as (announcer, _):
        outcomes = [announcer.attempt(announcer.delivery(of=str(number))) for number in range(6)]
        assert [type(outcome) for outcome in outcomes] == [Sent, Sent, Sent, Busy, Busy, Busy]
        assert outcomes[2].after is not None  # the last that was allowed said so
        for outcome in outcomes[2:]:
            assert outcome.after is not None
            assert 0 < (outcome.after - outcome.answer.at).total_seconds() <= 125  # type: ignore[union-attr] # there is one


def test_a_token_that_may_only_read_pauses_the_target(tmp_path: Path) -> None:
    config = setup(tmp_path, auth=AuthConfig(enforce_scopes=True))
    with MockServer(config=config, startup_timeout=PATIENCE) as server:
        app = Mastodon.create_app("reader", scopes=["read"], api_base_url=server.base_url)
        reading = Mastodon(client_id=app[0], client_secret=app[1], api_base_url=server.base_url)
        token = reading.log_in(code="mockcode_alice", scopes=["read"], allow_http=True)
        announcer = Announcer(server.base_url, token, Time())
        outcome = announcer.attempt(announcer.delivery())
        announcer.close()
        assert isinstance(outcome, Denied)
        assert "write:statuses" in outcome.reason


def test_a_link_longer_than_the_server_counts_is_refused_there_and_costs_one_article(
    mock: MockServer,
) -> None:
    """It counts code points although it says that it is Mastodon: no count of ours can fit both."""
    with announcing(mock) as (announcer, reader):
        long = article(link=f"https://news.example.com/{'x' * 600}")
        assert isinstance(announcer.publish(long), Refused)
        assert isinstance(announcer.publish(of="2"), Sent)
        assert len(posts(reader)) == 1
