"""The real worker announces: a file that is dropped reaches its targets, and a stop loses nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from fediverse import fediverse
from newsroom import Newsroom
from receiver import Receiver, Reply, receiving
from test_worker import Process, start, wait_until

from feedbot.attempt import State
from feedbot.store import inquiry
from feedbot.store.inquiry import Selection

__all__ = ["start"]  # the fixture


def hook(receiver: Receiver, **options: object) -> dict[str, object]:
    return {"name": "hook", "type": "webhook", "url": f"{receiver.url}/hook", "unsigned": True, **options}


def fresh() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def states(newsroom: Newsroom) -> list[State]:
    rows = newsroom.scalar(lambda connection: inquiry.select_for(connection, Selection(), newest=False))
    return [one.row.state for one in rows]


def test_a_file_that_is_dropped_reaches_a_webhook_and_a_mastodon_account_once(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    with receiving() as receiver, fediverse("mastodon") as server:
        account = {"base_url": f"{server.url}/", "token": server.token, "image": False}
        newsroom.configure(
            announce={"settle": "100ms"},
            targets=[hook(receiver), {"name": "toots", "type": "mastodon", **account}],
        )
        newsroom.write("old.md")
        process = start()
        process.wait_for_line("looked at everything")
        newsroom.write("one.md", publishedDateTime=fresh())
        receiver.wait_for(1)
        wait_until(lambda: server.posts, "the post")
        wait_until(lambda: states(newsroom) == [State.SENT, State.SENT], "both are noted")
        assert process.stop() == 0
        (request,) = receiver.requests
        (post,) = server.posts
    assert request.json()["data"]["title"] == "About one"
    assert "https://publisher.example/one" in post.text
    # An announcement follows the feeds that carry it.
    assert newsroom.titles() == ["About one", "About old"]


def test_sigterm_finishes_the_delivery_that_is_under_way(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    with receiving() as receiver:
        answer = threading.Event()
        receiver.otherwise = Reply(204, hold=answer)
        newsroom.configure(announce={"settle": "0s"}, targets=[hook(receiver)])
        process = start()
        process.wait_for_line("looked at everything")
        newsroom.write("one.md", publishedDateTime=fresh())
        newsroom.write("two.md", publishedDateTime=fresh())
        waits = [State.PENDING, State.SENDING]
        wait_until(lambda: sorted(states(newsroom)) == waits, "one is under way, and one waits")
        process.popen.send_signal(signal.SIGTERM)
        process.wait_for_line("stopping")
        answer.set()
        assert process.popen.wait(60) == 0
    assert sorted(states(newsroom)) == [State.PENDING, State.SENT]


def test_a_server_that_hangs_does_not_keep_the_worker_from_stopping_in_time(
    start: Callable[..., Process], newsroom: Newsroom
) -> None:
    with receiving() as receiver:
        never = threading.Event()
        receiver.otherwise = Reply(204, hold=never)
        newsroom.configure(announce={"settle": "0s"}, targets=[hook(receiver, timeout="2m")])
        process = start()
        process.wait_for_line("looked at everything")
        newsroom.write("one.md", publishedDateTime=fresh())
        wait_until(lambda: State.SENDING in states(newsroom), "it is under way")
        assert process.stop() == 0
        assert states(newsroom) == [State.UNCLEAR]
        never.set()


def test_one_pass_from_cron_sends_what_is_new(start: Callable[..., Process], newsroom: Newsroom) -> None:
    with receiving() as receiver:
        newsroom.configure(targets=[hook(receiver)])
        assert start("--once").popen.wait(60) == 0
        newsroom.write("one.md", publishedDateTime=fresh())
        assert start("--once").popen.wait(60) == 0
        assert start("--once").popen.wait(60) == 0
        assert len(receiver.requests) == 1
