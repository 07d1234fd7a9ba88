"""What users of other posting bots complain of, tried on the whole way from a file to a server.

The complaints are those of the posting handbook, table 1; each test names one. Most are tested where the
behaviour lives: what stands here goes through several parts, or is tested nowhere else under its name.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chat_samples import SECRET
from console import Console, Today
from fediverse import Server, fediverse, lost, refused
from newsroom import Newsroom
from postbox import ALL, Desk, Postbox, publish, toots, webhook
from receiver import Receiver, Reply, receiving
from strict_chat import Discord

from feedbot.attempt import Delivery, Outcome, State
from feedbot.targets import Sender, make_sender


@pytest.fixture
def desk(newsroom: Newsroom) -> Desk:
    """A newsroom whose clock is ours, before its first pass."""
    return Desk(newsroom)


class Wired(Postbox):
    """A postbox that passes on what it is given to a real target."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender.name)
        self.sender = sender

    def send(self, delivery: Delivery, now: datetime) -> Outcome:
        self.got.append(delivery)
        return self.sender.send(delivery, now)


@contextmanager
def wired(desk: Desk, *listed: dict[str, Any], **settings: Any) -> Iterator[None]:
    """Let these be the targets, real ones, after the first pass."""
    desk.configure(*listed, **settings)
    config = desk.newsroom.config
    senders = [make_sender(target, config.site_model()) for target in config.targets]
    desk.boxes = {sender.name: Wired(sender) for sender in senders}
    desk.newsroom.build()
    yield
    for sender in senders:
        sender.close()


@contextmanager
def posting(desk: Desk, flavour: str = "mastodon", **options: Any) -> Iterator[Server]:
    """An account on a server that shares the newsroom's clock."""
    with fediverse(flavour, clock=lambda: desk.newsroom.now) as server:
        account = {"base_url": f"{server.url}/", "token": server.token, **options}
        with wired(desk, toots(**account)):
            yield server


def hook(receiver: Receiver, **options: Any) -> dict[str, Any]:
    """A webhook that leads to the receiver."""
    return webhook(url=f"{receiver.url}/hook", **options)


# --- what is new ---


def test_what_was_hidden_at_the_first_pass_is_announced_when_it_appears(desk: Desk) -> None:
    """nhoizey/github-action-feed-to-mastodon #61: the mark of the first run blocked real sending later."""
    desk.configure(webhook(events=ALL))
    desk.write("old.md")
    desk.write("draft.md", draft=True)
    desk.write("future.md", publishedDateTime="2026-06-01T14:00:00Z")
    assert desk.newsroom.build().sync.baseline
    assert desk.rows() == []  # no "sent" that is none
    desk.write("draft.md", draft=False)
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "About draft")]
    desk.newsroom.later(hours=2)
    desk.newsroom.build([])
    desk.deliver()
    assert desk.box.told()[1:] == [("published", "About future")]


def test_what_was_hidden_when_a_target_came_is_announced_there_when_it_appears(desk: Desk) -> None:
    """nhoizey/github-action-feed-to-mastodon #61, for the baseline of a new target."""
    desk.configure(webhook())
    desk.write("draft.md", draft=True)
    desk.newsroom.build()
    desk.configure(webhook(), webhook("late"))
    desk.newsroom.build()
    publish(desk, "draft", draft=False)
    desk.deliver()
    assert desk.boxes["late"].told() == [("published", "About draft")]


def test_articles_are_told_apart_by_what_they_are_and_not_by_their_dates(desk: Desk) -> None:
    """simstudioai/sim PR #7792, n8n #8856, huginn PR #3703: a "last date" loses items, or repeats them."""
    desk.configure(webhook(), announce={"burst": 100})
    desk.newsroom.build()
    last = "2026-06-01T08:00:00.500Z"
    dates = [last, last, "2026-06-01T08:00:00.501Z", "2026-06-01T08:00:00Z", "2026-05-31T23:59:59.999Z"]
    for number, date in enumerate(dates):
        publish(desk, f"article-{number}", publishedDateTime=date)
        desk.deliver()
    for _ in range(3):
        desk.newsroom.build()
        desk.deliver(hours=1)
    assert [title for _, title in desk.box.told()] == [f"About article-{number}" for number in range(5)]


def test_a_site_that_is_rebuilt_with_other_dates_and_links_announces_nothing_anew(desk: Desk) -> None:
    """newrelic/docs-website #1271, Qolors/FeedCord #67, feedbin #205: all was new after each rebuild."""
    desk.configure(webhook(events=ALL), webhook("news"), announce={"burst": 100})
    desk.newsroom.build()
    names = [f"article-{number}" for number in range(4)]
    publish(desk, *names)
    desk.deliver()
    for name in names:
        desk.write(
            f"{name}.md",
            publishedDateTime="2026-06-01T11:59:00Z",
            updatedDateTime="2026-06-01T11:59:00Z",
            webUrl=f"https://publisher.example/{name}?build=2",
        )
    desk.newsroom.build()
    desk.deliver()
    told, news = desk.boxes["box"].got, desk.boxes["news"].got
    assert [one.event.value for one in told] == ["published"] * 4 + ["updated"] * 4
    assert [one.entry.id for one in told[:4]] == [one.entry.id for one in told[4:]]
    assert len(news) == 4


def test_an_article_that_is_edited_while_it_waits_for_its_date_is_announced_as_it_is_then(desk: Desk) -> None:
    """janboddez/share-on-mastodon #112: an edited scheduled article was never shared."""
    desk.configure(webhook())
    desk.newsroom.build()
    publish(desk, "one", publishedDateTime="2026-06-01T13:00:00Z")
    publish(desk, "one", publishedDateTime="2026-06-01T15:00:00Z", title="Later")
    desk.newsroom.later(hours=1.5)
    desk.newsroom.build([])
    desk.deliver()
    assert desk.box.told() == []
    publish(desk, "one", publishedDateTime="2026-06-01T14:00:00Z", title="Sooner")
    desk.newsroom.later(minutes=30)
    desk.newsroom.build([])
    desk.deliver()
    desk.deliver(hours=3)
    assert desk.box.told() == [("published", "Sooner")]


# --- states and restarts ---


def test_a_damaged_state_announces_nothing_and_is_left_as_it_is(newsroom: Newsroom) -> None:
    """yogthos/mastodon-bot #16: the state was lost, and everything was posted again."""
    desk = Today(newsroom)
    with receiving() as receiver:
        desk.configure(hook(receiver), announce={"settle": "0s"})
        newsroom.build()
        desk.publish("one.md")
        newsroom.close()
        state = state_of(newsroom)
        broken = b"not a database" * 1000
        state.write_bytes(broken)
        complaint = Console(newsroom).refused("run", "--once")
        assert receiver.requests == []
    assert state.name in complaint
    assert state.read_bytes() == broken


PAGE = 4096  # of SQLite


@pytest.mark.parametrize("command", ["status", "build", "run"])
@pytest.mark.parametrize(
    ("said", "pages"),
    [
        ("file is not a database", slice(None)),
        ("database disk image is malformed", slice(2, None)),  # noticed when the file is opened
    ],
)
def test_a_damaged_state_is_told_with_the_way_out(
    newsroom: Newsroom, command: str, said: str, pages: slice
) -> None:
    newsroom.write("one.md")
    newsroom.build()
    newsroom.close()
    damage(state_of(newsroom), pages)
    complaint = Console(newsroom).refused(command)
    assert said in complaint
    assert "put the backup of the database back" in complaint
    assert "move its file away with its -wal and -shm" in complaint
    assert "store.url" not in complaint


def test_damage_that_shows_only_when_the_state_is_read_is_told_with_the_way_out(newsroom: Newsroom) -> None:
    newsroom.write("one.md")
    newsroom.build()
    newsroom.close()
    state = state_of(newsroom)
    with closing(sqlite3.connect(state)) as connection:
        (page,) = connection.execute("select rootpage from sqlite_master where name = 'feeds'").fetchone()
    damage(state, slice(page - 1, page))
    complaint = Console(newsroom).refused("status")
    assert "database disk image is malformed" in complaint
    assert "put the backup of the database back" in complaint


def damage(state: Path, pages: slice) -> None:
    """Overwrite pages of a database."""
    whole = state.read_bytes()
    parts = [whole[at : at + PAGE] for at in range(0, len(whole), PAGE)]
    parts[pages] = [b"\xff" * PAGE for _ in parts[pages]]
    state.write_bytes(b"".join(parts))


def state_of(newsroom: Newsroom) -> Path:
    """The database, without what belongs to it while it is open."""
    state = newsroom.folder / ".feedbot" / "feedbot.db"
    for suffix in ("-wal", "-shm"):
        state.with_name(state.name + suffix).unlink(missing_ok=True)
    return state


def test_a_restart_loop_sends_no_copies(desk: Desk) -> None:
    """nbramia/LifeOS #57: a restart loop sent more than a hundred copies."""
    with posting(desk, "gotosocial") as server:
        server.fail("create", lost())
        publish(desk, "one")
        for _ in range(12):
            desk.newsroom.close()
            desk.newsroom.build()
            desk.deliver(seconds=20)
        assert len(server.posts) == 1
        assert desk.states() == [("published", State.SENT)]


# --- failures ---


def test_a_broken_picture_does_not_get_its_article_posted_again_and_again(desk: Desk) -> None:
    """Qolors/FeedCord #16: an article with a broken picture was posted every minute."""
    with receiving(strict=True) as receiver:
        service = Discord(path=f"/api/webhooks/42/{SECRET}")
        receiver.otherwise = service
        receiver.replies.append(Reply(400, body=b'{"message": "Invalid Form Body", "code": 50035}'))
        channel = {"name": "box", "type": "discord", "url": receiver.url + service.path}
        with wired(desk, channel):
            publish(desk, "one", images=[{"url": "https://img.example/broken.png", "title": "Broken"}])
            for _ in range(20):
                desk.newsroom.build()
                desk.deliver(minutes=1)
            assert len(service.posts) == 1
            assert len(receiver.requests) == 2


def test_a_post_over_a_limit_that_the_server_did_not_tell_costs_only_itself(desk: Desk) -> None:
    """edsu/feediverse #13: 422 "character limit of 500 exceeded" ended the whole run."""
    with posting(desk) as server:
        said = '{"error": "Validation failed: Text character limit of 500 exceeded"}'
        server.fail("create", None, refused(422, body=said))
        publish(desk, "one", "two", "three")
        desk.deliver()
        desk.deliver(days=5)
        assert [post.text.partition("\n")[0] for post in server.posts] == ["About one", "About three"]
        assert [state for _, state in desk.states()] == [State.SENT, State.DEAD, State.SENT]
        assert "character limit of 500 exceeded" in desk.rows()[1].row.reason


def test_a_timeout_ends_neither_the_run_nor_the_article(desk: Desk) -> None:
    """brockman-news/brockman #11, matrix-hookshot #773: one timeout killed the bot, what failed was lost."""
    with receiving(strict=True) as receiver:
        receiver.replies.append(Reply(hold=threading.Event()))
        with wired(desk, hook(receiver, timeout="900ms")):
            publish(desk, "one", "two")
            desk.deliver()
            assert [state for _, state in desk.states()] == [State.UNCLEAR, State.SENT]
            desk.deliver(seconds=6)
            assert {state for _, state in desk.states()} == {State.SENT}
        first, second, third = (request.headers["webhook-id"] for request in receiver.requests)
        assert first == third != second


def test_a_server_that_accepts_for_later_is_not_asked_again(desk: Desk) -> None:
    """bbot PR #1739, community.general #12374: Teams says 202, and everything was sent for ever."""
    with receiving(strict=True) as receiver:
        receiver.otherwise = Reply(202)
        with wired(desk, {"name": "box", "type": "teams", "url": f"{receiver.url}/flow?sig={SECRET}"}):
            publish(desk, "one")
            for _ in range(5):
                desk.deliver(hours=12)
            assert len(receiver.requests) == 1


# --- the post ---


def test_no_entity_of_a_file_shows_in_a_post(desk: Desk) -> None:
    """janboddez/share-on-mastodon #10, t2m PR #8, feedToMasto #2: `&amp;` and `&nbsp;` for all to see."""
    with posting(desk, template="{{ title }}\n\n{{ excerpt }}\n\n{{ url }}") as server:
        publish(
            desk,
            "one",
            title="Fish &amp; chips&nbsp;&#8211; caf&eacute;",
            excerpt="&quot;Salt &amp;amp; vinegar&quot; &lt;today&gt;",
        )
        desk.deliver()
        (post,) = server.posts
        lines = [" ".join(line.split()) for line in post.text.splitlines() if line]
        assert lines[:2] == ["Fish & chips – café", '"Salt & vinegar" <today>']


@pytest.mark.parametrize("way", ["unpublished", "removed", "deleted"])
def test_an_article_that_goes_takes_its_post_along(desk: Desk, way: str) -> None:
    """Automattic/wordpress-activitypub #2228, #2618: what was un-published stayed on Mastodon."""
    with posting(desk, on_withdraw="delete") as server:
        publish(desk, "one", "two")
        desk.deliver()
        assert len(server.posts) == 2
        if way == "deleted":
            (desk.newsroom.content / "one.md").unlink()
        else:
            desk.write("one.md", **({"published": False} if way == "unpublished" else {"removed": True}))
        desk.newsroom.later(minutes=5)
        desk.newsroom.build()
        desk.deliver()
        assert [post.text.partition("\n")[0] for post in server.posts] == ["About two"]


def test_only_recent_posts_follow_the_edits_of_their_articles(desk: Desk) -> None:
    """synzen/MonitoRSS #217, snarfed/bridgy #84: edits should be passed on, but not for what is long past."""
    with posting(desk, on_update="edit", edit_window="2d") as server:
        publish(desk, "one")
        desk.deliver()
        publish(desk, "one", title="Corrected")
        desk.deliver()
        desk.newsroom.later(days=3)
        publish(desk, "one", title="Corrected much later")
        desk.deliver()
        (post,) = server.posts
        assert post.text.startswith("Corrected\n")
        assert "edit_window" in desk.rows()[-1].row.reason


def test_no_post_is_left_to_the_server_to_make_at_its_date(desk: Desk) -> None:
    """mastodon/mastodon #30039: the idempotency key means nothing to posts that the server makes later."""
    with posting(desk, "hollo") as server:
        publish(desk, "one", publishedDateTime="2026-06-01T13:00:00Z")
        desk.deliver(minutes=59)
        assert server.sent("create") == []
        desk.newsroom.later(minutes=2)
        desk.newsroom.build([])
        desk.deliver()
        (seen,) = server.sent("create")
        assert "scheduled_at" not in seen.json()
        assert server.posts[0].created >= datetime(2026, 6, 1, 13, tzinfo=UTC)
