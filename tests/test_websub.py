"""The hub hears of each feed whose bytes changed, when they can be fetched, and of nothing else."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from console import Console
from hub import Hub, Subscriber, fetch, opening, subscribing
from lxml import etree
from mortality import stage
from newsroom import FEEDS_URL, NOW, Newsroom
from postbox import webhook
from receiver import Receiver, Reply, Request, receiving
from served import Served, serving_newsroom
from sqlalchemy import func, select
from test_worker import wait_until

from feedbot.attempt import Answer, Busy, Denied, Gone, Outcome, Refused, Retry, Sent, State
from feedbot.config import InvalidConfig
from feedbot.operator.steering import Word, say
from feedbot.passes.build import Builder
from feedbot.sending.deliver import make_deliverer
from feedbot.settlement import Condition, Health
from feedbot.store import inquiry, outbox, pings, schema, settling, targets
from feedbot.store.db import to_us
from feedbot.store.deliveries import PingRow
from feedbot.store.inquiry import Selection, ShownPing
from feedbot.targets.websub import form, meaning

FORMATS = ("rss.xml", "atom.xml", "feed.json")


def topics(*slugs: str, base: str = FEEDS_URL) -> list[str]:
    """The documents of the feeds with these slugs."""
    return [f"{base}{f'{slug}/' if slug else ''}{name}" for slug in slugs for name in FORMATS]


# --- from a file to a subscriber, with everything real ---


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with opening() as hub:
        yield hub


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[Served]:
    """`feedbot run --serve` with a hub, after its first pass."""
    folder = tmp_path_factory.mktemp("websub")
    with serving_newsroom(folder, feeds={"hub": hub.url}) as served:
        served.newsroom.write("one.md", topics=["AI"])
        served.newsroom.write("law.md", topics=["Law"])
        served.start()
        yield served
        served.stop()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with subscribing() as subscriber:
        yield subscriber


def links_in(path: str, body: bytes) -> dict[str, str]:
    """The hub and the canonical address that a document names (Recommendation, 4)."""
    if path.endswith(".json"):
        told = json.loads(body)
        (hub,) = told["hubs"]
        assert hub["type"] == "WebSub"
        return {"hub": hub["url"], "self": told["feed_url"]}
    found = etree.fromstring(body).iter("{http://www.w3.org/2005/Atom}link")
    return {link.get("rel"): link.get("href") for link in found if link.get("rel") in {"hub", "self"}}


@pytest.mark.parametrize("name", FORMATS)
def test_a_subscriber_is_handed_a_new_article_by_the_hub_it_found_in_the_feed(
    served: Served, hub: Hub, subscriber: Subscriber, name: str
) -> None:
    links = links_in(name, served.get(name))
    assert links == {"hub": hub.url, "self": served.url + name}
    subscriber.subscribe(links["hub"], links["self"])
    title = f"News for subscribers of {name}"
    served.newsroom.write(f"{name}.md", title=title)
    (content,) = subscriber.wait_for(1)
    assert title.encode() in content.body  # what the hub fetched was there when it was told
    assert content.body == served.get(name)
    assert content.links == links
    assert content.headers["Content-Type"].startswith(fetch(links["self"]).headers["Content-Type"])


def told_so_far(served: Served, hub: Hub) -> int:
    """How many topics the hub was told, when all that is on record is told."""
    is_open = schema.deliveries.c.settled_us.is_(None)
    query = select(func.count()).select_from(schema.deliveries).where(is_open)
    wait_until(
        lambda: served.newsroom.scalar(lambda connection: connection.execute(query).scalar()) == 0,
        "the hub to be told of all that changed",
    )
    return len(hub.pinged)


def test_only_feeds_that_changed_are_named_to_the_hub(served: Served, hub: Hub) -> None:
    before = told_so_far(served, hub)
    with served.following(pings=2):
        served.newsroom.write("law.md", topics=["Law"], title="Edited")
    assert told_so_far(served, hub) == before + 6
    assert hub.missed == []  # each topic was there when the hub came to look
    assert Counter(hub.pinged[before:]) == Counter(topics("", "law", base=served.url))


def test_an_edit_that_nobody_can_see_is_not_told(served: Served, hub: Hub) -> None:
    before = told_so_far(served, hub)
    with served.following(read=1):
        served.newsroom.write("one.md", topics=["AI"], heat=99)
    assert told_so_far(served, hub) == before


@pytest.mark.parametrize("name", FORMATS)
def test_a_subscriber_finds_the_hub_in_the_headers_as_well(served: Served, hub: Hub, name: str) -> None:
    assert fetch(served.url + name).links == {"hub": hub.url, "self": served.url + name}


# --- what is told and what not, on each kind of database ---


@dataclass
class Scene:
    """A newsroom with a hub that answers as it is told to."""

    newsroom: Newsroom
    hub: Receiver

    def configure(self, **settings: Any) -> None:
        """Write the configuration, with the hub unless `feeds` says otherwise."""
        feeds = {"hub": f"{self.hub.url}/", **settings.pop("feeds", {})}
        self.newsroom.configure(**settings, feeds={name: value for name, value in feeds.items() if value})

    def change(self, name: str = "one.md", **front: Any) -> None:
        """Write an article and make a pass."""
        self.newsroom.later(seconds=1)
        self.newsroom.write(name, **{"title": f"At {self.newsroom.now}", **front})
        self.newsroom.build()

    def deliver(self, **delta: float) -> None:
        """Let time pass, then send what is due, as a process of its own would."""
        self.newsroom.later(**(delta or {"seconds": 1}))
        make_deliverer(
            self.newsroom.config, self.newsroom.engine, redact=str, clock=lambda: self.newsroom.now
        ).run_due()

    def told(self) -> list[str]:
        """The topics that the hub was told since the last look; it has to be told in the words of hubs."""
        forms = [parse_qs(request.body.decode(), strict_parsing=True) for request in self.hub.requests]
        self.hub.requests.clear()
        for one in forms:
            assert one == {
                "hub.mode": ["publish"],
                "hub.url": one["hub.topic"],
                "hub.topic": one["hub.url"],
            }
        return [topic for one in forms for topic in one["hub.topic"]]

    def rows(self) -> list[ShownPing]:
        """The pings on record, the oldest first."""
        found = self.newsroom.scalar(
            lambda connection: inquiry.select_for(connection, Selection(targets=("hub",)), newest=False)
        )
        return [one for one in found if isinstance(one, ShownPing)]

    def states(self) -> list[State]:
        """Where each of them stands."""
        return [one.row.state for one in self.rows()]

    def health(self) -> Health:
        """How the hub fares."""
        found: Health = self.newsroom.scalar(lambda connection: targets.load(connection)["hub"].health)
        return found


@pytest.fixture
def scene(any_newsroom: Newsroom) -> Iterator[Scene]:
    """After the first pass, over one article."""
    with receiving() as hub:
        scene = Scene(any_newsroom, hub)
        scene.configure()
        scene.change()
        yield scene


@pytest.fixture
def small(newsroom: Newsroom) -> Iterator[Scene]:
    """The same on SQLite, with a clock near that of the machine, which commands and answers have."""
    newsroom.now = datetime.now(UTC) - timedelta(minutes=10)
    with receiving() as hub:
        scene = Scene(newsroom, hub)
        scene.configure()
        scene.change()
        yield scene


def test_the_first_pass_and_the_first_documents_of_a_feed_are_not_told(scene: Scene) -> None:
    scene.deliver()
    assert scene.told() == []
    scene.change("two.md", topics=["Law"])
    scene.deliver()
    assert scene.told() == topics("")
    scene.change("two.md", topics=["Law"])
    scene.deliver()
    assert scene.told() == topics("", "law")


def test_what_changes_no_bytes_of_a_feed_is_not_told(small: Scene) -> None:
    for path in small.newsroom.content.iterdir():
        path.touch()
    (small.newsroom.feeds / "rss.xml").write_bytes(b"overwritten")
    (small.newsroom.feeds / "ai" / "index.html").unlink()
    assert small.newsroom.build().written == 2
    small.deliver()
    assert small.told() == []


def test_a_page_alone_that_changes_is_not_told(small: Scene) -> None:
    for statement in (
        "update documents set digest = 'another' where path = 'ai/index.html'",
        "update feeds set changed = changed + 1",
    ):
        small.newsroom.scalar(lambda connection, text=statement: connection.exec_driver_sql(text))
    small.newsroom.build()
    assert small.rows() == []


def test_a_lost_state_tells_nothing(small: Scene) -> None:
    small.newsroom.close()
    for path in (small.newsroom.folder / ".feedbot").iterdir():
        path.unlink()
    small.newsroom.write("two.md")
    assert small.newsroom.build().lost_state
    assert small.rows() == []


def test_a_withdrawn_article_is_told(small: Scene) -> None:
    (small.newsroom.content / "one.md").unlink()
    small.newsroom.build()
    small.deliver()
    assert small.told() == topics("", "ai")


def test_changes_that_come_before_the_hub_was_told_are_told_once(scene: Scene) -> None:
    for _ in range(3):
        scene.change()
    assert scene.states() == [State.PENDING] * 2
    scene.deliver()
    assert scene.told() == topics("", "ai")
    assert scene.states() == [State.SENT] * 2


def test_a_change_while_the_hub_is_being_told_is_told_afterwards(scene: Scene) -> None:
    def change(_: Request) -> Reply:
        scene.change()
        return Reply(202)

    scene.change()
    scene.hub.replies.append(change)
    scene.deliver()
    assert scene.told() == [*topics("", "ai"), *topics("")]
    # That of the other feed had not begun, so it told of both changes.
    assert scene.states() == [State.SENT] * 3


def test_a_ping_that_failed_gives_way_to_a_later_one(scene: Scene) -> None:
    scene.hub.replies += [Reply(500), Reply(500)]
    scene.change()
    scene.deliver()
    assert scene.states() == [State.RETRY] * 2
    scene.change()
    assert scene.states() == [State.SUPERSEDED] * 2 + [State.PENDING] * 2
    assert scene.rows()[0].row.reason == pings.REPLACED
    scene.told()
    scene.deliver()
    assert scene.told() == topics("", "ai")


def test_a_ping_that_fails_while_a_later_one_waits_gives_way_to_it(scene: Scene) -> None:
    def change(_: Request) -> Reply:
        scene.change(topics=None)
        return Reply(500)

    scene.change(topics=None)  # from here on it is in one feed only
    scene.deliver()
    scene.hub.replies.append(change)
    scene.change(topics=None)
    scene.deliver()
    assert scene.states()[2:] == [State.SUPERSEDED, State.SENT]


@pytest.mark.parametrize("how", ["it failed before", "it fails while the feed changes", "the hub is gone"])
def test_a_ping_that_was_sent_stays_sent_though_it_is_not_sent_anew(scene: Scene, how: str) -> None:
    scene.change(topics=None)  # from here on it is in one feed only
    scene.deliver()
    scene.change(topics=None)
    scene.deliver()
    first = scene.rows()[-1].row
    scene.newsroom.later(hours=1)
    meant = Selection(ids=(first.id,))
    scene.newsroom.scalar(lambda connection: say(connection, Word.RETRY, meant, scene.newsroom.now))

    def change(_: Request) -> Reply:
        scene.change(topics=None)
        return Reply(500)

    scene.hub.replies.append(change if how == "it fails while the feed changes" else Reply(500))
    scene.deliver()
    if how == "it failed before":
        scene.change(topics=None)
    elif how == "the hub is gone":
        scene.configure(feeds={"hub": ""})
        scene.newsroom.build()
    again = next(one.row for one in scene.rows() if one.row.id == first.id)
    assert (again.state, again.settled_us) == (State.SENT, first.first_tried_us)
    assert again.reason.startswith("sent before, and not anew")


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_ping_that_was_taken_up_and_not_sent_gives_way_to_a_later_one(
    scene: Scene, is_killed: bool
) -> None:
    """By a process that was killed then, or had to stop."""
    scene.change(topics=None)  # from here on it is in one feed only
    scene.deliver()
    scene.change(topics=None)
    scene.newsroom.later(seconds=1)
    lease = {"hub": timedelta(minutes=1)}
    (claims,) = scene.newsroom.scalar(
        lambda connection: outbox.claim_heads(connection, lease, scene.newsroom.now, owner="another")
    ).values()
    scene.change(topics=None)
    assert scene.states()[2:] == [State.SENDING, State.PENDING]
    if not is_killed:
        scene.newsroom.scalar(lambda connection: settling.release(connection, claims, scene.newsroom.now))
    scene.told()
    scene.deliver(minutes=2)
    assert scene.told() == topics("")
    assert scene.states()[2:] == [State.SUPERSEDED, State.SENT]


def test_a_hub_that_fails_is_told_again_and_again_and_given_up_after_ten_attempts(small: Scene) -> None:
    small.hub.otherwise = Reply(500, body=b"oh no")
    small.change()
    for _ in range(20):
        small.deliver(hours=30)
    assert small.states() == [State.DEAD] * 2
    assert {one.row.attempts for one in small.rows()} == {10}
    small.change()  # and what was given up is told with the next change
    assert small.states() == [State.SUPERSEDED] * 2 + [State.PENDING] * 2


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [
        (Sent, [200, 202, 204]),
        (Refused, [400, 404, 405, 409, 413, 422, 451]),
        (Busy, [429, 503]),
        (Denied, [401, 403, 407]),
        (Gone, [410]),
        (Retry, [301, 308, 408, 421, 423, 425, 500, 502, 504]),
    ],
)
def test_what_a_status_of_the_hub_means(outcome: type[Outcome], statuses: list[int]) -> None:
    answers = [Answer(status=status, headers={}, body=b"", at=NOW, seconds=0) for status in statuses]
    assert {type(meaning(answer)) for answer in answers} == {outcome}


@pytest.mark.parametrize("status", [400, 404])
def test_a_topic_that_the_hub_refuses_keeps_the_others_from_nothing(small: Scene, status: int) -> None:
    small.hub.replies += [Reply(202), Reply(status, body=b"I do not know this one")]
    small.change()
    small.deliver()
    assert small.told() == topics("", "ai")
    dead, sent = small.rows()
    assert (dead.row.state, sent.row.state) == (State.DEAD, State.SENT)
    assert f"refused for 1 of 3 documents, as for {FEEDS_URL}atom.xml: answered {status}" in dead.row.reason
    assert "I do not know this one" in dead.row.reason
    assert small.health().condition is Condition.READY


def test_a_redirect_is_not_followed(small: Scene) -> None:
    small.hub.replies.append(Reply(307, {"Location": f"{small.hub.url}/elsewhere"}))
    small.change()
    small.deliver()
    assert small.told() == [*topics("")[:1], *topics("ai")]
    assert "set the new address" in small.rows()[0].row.reason


def test_a_hub_that_asks_for_time_gets_it(small: Scene) -> None:
    small.hub.replies.append(Reply(429, {"Retry-After": "900"}))
    small.change()
    small.deliver()
    until = small.health().until
    assert until is not None
    assert abs(until - datetime.now(UTC) - timedelta(seconds=900)) < timedelta(minutes=1)
    small.newsroom.now = until - timedelta(seconds=10)
    small.deliver(seconds=5)
    assert len(small.told()) == 1
    small.deliver(seconds=10)
    assert small.told() == topics("", "ai")


def test_a_hub_that_is_gone_is_told_nothing_until_somebody_says_so(small: Scene) -> None:
    small.hub.replies.append(Reply(410))
    small.change()
    small.deliver()
    assert small.health().condition is Condition.DISABLED
    small.change()
    small.deliver(days=9)
    assert len(small.told()) == 1
    Console(small.newsroom).run("targets", "resume", "hub")
    small.deliver()
    assert sorted(small.told()) == sorted(topics("", "ai"))


def test_another_hub_starts_at_now(scene: Scene) -> None:
    scene.hub.replies.append(Reply(500))
    scene.change()
    scene.deliver()
    scene.change()
    scene.told()
    before = scene.states()
    assert before == [State.SUPERSEDED, State.SENT, State.PENDING, State.PENDING]
    with receiving() as other:
        scene.configure(feeds={"hub": f"{other.url}/"})
        scene.change()  # every document names another hub now
        assert scene.states() == [*before[:2], State.SKIPPED, State.SKIPPED]
        assert scene.rows()[-1].row.reason == pings.OTHER_HUB
        scene.deliver()
        assert scene.hub.requests == other.requests == []
        scene.hub = other
        scene.change()
        scene.deliver()
        assert scene.told() == topics("", "ai")


def test_without_a_hub_nothing_is_told_and_the_same_hub_starts_anew(scene: Scene) -> None:
    scene.change()
    scene.configure(feeds={"hub": ""})
    scene.change()
    assert {one.row.reason for one in scene.rows()} == {pings.NO_HUB}
    scene.configure()
    scene.change()
    assert scene.states() == [State.SKIPPED] * 2
    scene.change()
    scene.deliver()
    assert scene.told() == topics("", "ai")


def test_without_a_hub_a_target_that_is_disabled_stays_so(small: Scene) -> None:
    small.configure(targets=[webhook()])
    small.change()
    with small.newsroom.engine.begin() as connection:
        targets.put_health(connection, "box", Health(condition=Condition.DISABLED))
    small.configure(targets=[webhook()], feeds={"hub": ""})
    small.change()
    health = small.newsroom.scalar(lambda connection: targets.load(connection)["box"].health)
    assert health.condition is Condition.DISABLED


def test_whoever_subscribed_at_the_former_address_of_a_feed_is_told_as_well(scene: Scene) -> None:
    scene.configure(feeds={"topics": {"AI": {"slug": "machines"}}})
    scene.newsroom.build()
    scene.deliver()
    scene.told()
    scene.change()
    scene.deliver()
    assert scene.told() == topics("", "machines", "ai")


def test_a_feed_that_moves_and_changes_at_once_is_told(scene: Scene) -> None:
    scene.configure(feeds={"topics": {"AI": {"slug": "machines"}}})
    scene.change()
    scene.deliver()
    assert scene.told() == topics("", "machines", "ai")


def test_a_feed_that_is_dropped_before_the_hub_was_told_is_not_told(scene: Scene) -> None:
    scene.change()
    scene.configure(feeds={"topics": {"AI": {"feed": False}}})
    scene.newsroom.build()
    scene.deliver()
    assert scene.told() == topics("")
    assert [(one.row.state, one.row.reason) for one in scene.rows()][1] == (
        State.SKIPPED,
        "the feed is no more",
    )


def test_formats_that_are_not_written_are_not_told(small: Scene) -> None:
    small.configure(feeds={"formats": ["atom"]})
    small.change()
    small.deliver()
    small.told()
    small.change()
    small.deliver()
    assert small.told() == [f"{FEEDS_URL}atom.xml", f"{FEEDS_URL}ai/atom.xml"]


def test_two_processes_that_see_one_change_record_one_ping(scene: Scene) -> None:
    scene.newsroom.write("one.md", title="Edited")
    all_there, faults = threading.Barrier(2), []

    def build() -> None:
        builder = Builder(scene.newsroom.config, scene.newsroom.engine, clock=lambda: scene.newsroom.now)
        all_there.wait()
        try:
            builder.run()
        except Exception as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert scene.states() == [State.PENDING] * 2


@pytest.mark.parametrize("has_pass", [False, True])
def test_an_announcement_to_a_target_that_was_called_hub_is_not_for_the_hub(
    small: Scene, has_pass: bool
) -> None:
    """Before there were hubs, a target could have that name."""
    small.configure(targets=[webhook("box", url=small.hub.url)])
    small.newsroom.build()
    small.change("two.md", publishedDateTime=young(small))
    for statement in (
        "update deliveries set target = 'hub' where target = 'box'",
        "update targets set setup = 'what it was' where name = 'hub'",
    ):
        small.newsroom.scalar(lambda connection, text=statement: connection.exec_driver_sql(text))
    small.configure()
    if has_pass:
        small.newsroom.build()
    small.deliver(minutes=1)
    small.told()  # forms
    (one,) = small.newsroom.scalar(
        lambda connection: inquiry.select_for(connection, Selection(article="content/two.md"))
    )
    assert one.row.state is State.SKIPPED
    assert one.row.reason == (pings.OTHER_HUB if has_pass else "it was for another target of that name")


def young(scene: Scene) -> str:
    """A date that is young enough to be announced."""
    return (scene.newsroom.now - timedelta(hours=1)).isoformat()


# --- a delay, for caches ---


def test_the_hub_is_told_after_the_delay_and_each_change_gets_its_own_time(small: Scene) -> None:
    small.change(topics=None)  # from here on it is in one feed only
    small.deliver()
    small.told()
    small.configure(feeds={"hub_delay": "5m"})
    small.change(topics=None)
    small.deliver(minutes=4)
    small.change(topics=None)  # puts the ping off: a cache may have taken in the first change just now
    small.deliver(minutes=4)
    small.change(topics=None)  # cannot put it off any more: this one is told apart
    assert small.told() == []
    small.deliver(minutes=1)
    assert small.told() == topics("")
    small.deliver(minutes=3, seconds=55)
    assert small.told() == []
    small.deliver(seconds=10)
    assert small.told() == topics("")
    assert small.states()[2:] == [State.SENT] * 2


DELAY = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("due", "delay", "expected"),
    [
        (timedelta(0), timedelta(0), timedelta(0)),  # it goes out after this in any case
        (-timedelta(hours=1), timedelta(0), -timedelta(hours=1)),
        (timedelta(minutes=9), DELAY, timedelta(minutes=9)),  # late enough
        (timedelta(minutes=4), DELAY, timedelta(minutes=5)),  # put off
        (-timedelta(hours=1), DELAY, timedelta(minutes=5)),  # the hub takes nothing: it can wait
    ],
)
def test_a_ping_that_waits_tells_of_a_later_change_if_it_is_late_enough(
    due: timedelta, delay: timedelta, expected: timedelta
) -> None:
    assert pings.due_with(ping(NOW + due - delay, NOW + due), NOW, delay) == to_us(NOW + expected)


def test_a_feed_that_changes_all_the_time_does_not_put_its_ping_off_for_ever() -> None:
    first = NOW - DELAY - timedelta(seconds=1)
    assert pings.due_with(ping(first, NOW + timedelta(minutes=1)), NOW, DELAY) is None


def ping(at: datetime, due: datetime) -> PingRow:
    return PingRow(
        id="msg_0", target="hub", feed_key=1, at_us=to_us(at), due_us=to_us(due), state=State.PENDING
    )


# --- a hub that fails holds up nobody ---


@pytest.mark.parametrize("failure", ["refused", "error", "hang"])
def test_a_hub_that_fails_holds_up_neither_feeds_nor_targets(small: Scene, failure: str) -> None:
    is_told = threading.Event()
    small.hub.otherwise = Reply(500) if failure == "error" else Reply(hold=is_told)
    with receiving() as box:
        nobody = "http://127.0.0.1:1/"
        small.configure(
            targets=[webhook("box", url=box.url)],
            feeds={"hub": nobody} if failure == "refused" else {},
            announce={"parallel": 2, "settle": "0s"},
        )
        small.change()

        def told(_: Request) -> Reply:
            is_told.set()  # only now does the hub answer
            return Reply(204)

        box.otherwise = told
        for number in range(3):
            small.change(f"new-{number}.md", publishedDateTime=young(small))
            assert f"At {small.newsroom.now}" in small.newsroom.titles()
        small.deliver()
        assert len(box.requests) == 3


@pytest.mark.parametrize("number", range(4, 12))
def test_a_kill_at_any_commit_loses_no_ping(mortal: Mortal, number: int) -> None:
    """Between the writing of a document and the noting of it lies one of these."""
    mortal.change_and_die(f"commit:{number}")
    mortal.recover()
    assert mortal.title in mortal.fetched[-1]


@dataclass
class Mortal:
    """A newsroom whose feedbot can be killed, and a hub that fetches what it is told of from the disk."""

    newsroom: Newsroom
    run: Any
    fetched: list[str]
    title: str = ""

    def change_and_die(self, die_at: str) -> None:
        self.title = f"Changed before {die_at}"
        self.newsroom.write("one.md", title=self.title)
        self.run(die_at=die_at)

    def recover(self) -> None:
        self.run(step=6 * 3600)


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortal]:
    folder = tmp_path_factory.mktemp("mortal")
    fetched: list[str] = []

    def look(_: Request) -> Reply:
        fetched.append((folder / "feeds" / "rss.xml").read_text(encoding="utf-8"))
        return Reply(202)

    with receiving() as hub, stage(folder, seed=3, posts=False) as scene:
        hub.otherwise = look
        room = scene.newsroom
        room.configure(**{**room.settings, "targets": [], "feeds": {"hub": f"{hub.url}/"}})
        room.write("one.md")
        scene.run()
        yield Mortal(room, scene.run, fetched)


# --- what people see of it ---


def test_no_target_of_the_configuration_can_be_called_hub(newsroom: Newsroom) -> None:
    newsroom.configure(targets=[webhook("hub")])
    with pytest.raises(InvalidConfig) as caught:
        _ = newsroom.config
    (problem,) = caught.value.problems
    assert problem.path == "targets.0.name"
    assert "is the name of the hub" in problem.what


@pytest.fixture
def console(small: Scene) -> Console:
    """The commands, after the hub refused one ping and took another."""
    small.hub.replies.append(Reply(422, body=b"never heard of it"))
    small.change()
    small.deliver()
    return Console(small.newsroom)


def test_pings_are_listed_and_shown_like_other_deliveries(small: Scene, console: Console) -> None:
    listed = console.json("deliveries", "list", "--target", "hub")["deliveries"]
    assert [(one["event"], one["state"], one["article"], one["feed"]) for one in listed] == [
        ("changed", "sent", None, {"slug": "ai", "title": "AI"}),
        ("changed", "dead", None, {"slug": "", "title": "all articles"}),
    ]
    shown = console.run("deliveries", "show", listed[1]["id"])
    assert "all articles" in shown
    assert "never heard of it" in shown
    assert "feedbot deliveries retry" in shown
    text = console.run("deliveries", "list", "--event", "changed", "--state", "dead")
    assert "all articles" in text
    assert "AI" not in text
    assert console.json("deliveries", "list", "--event", "published")["deliveries"] == []
    assert console.json("deliveries", "show", listed[0]["id"])["receipt"] == {}


def test_a_ping_is_sent_again_and_dropped_at_a_word(small: Scene, console: Console) -> None:
    small.told()
    assert console.json("deliveries", "retry", "--target", "hub")["changed"] == 1
    small.deliver(minutes=11)
    assert small.told() == topics("")
    small.change()
    assert console.json("deliveries", "drop", "--target", "hub")["changed"] == 2
    small.deliver()
    assert small.told() == []


def test_the_hub_is_listed_and_tried_like_a_target(small: Scene, console: Console) -> None:
    (listed,) = console.json("targets", "list")["targets"]
    assert (listed["name"], listed["type"], listed["state"], listed["dead"]) == ("hub", "websub", "ready", 1)
    small.told()
    tried = console.json("targets", "test", "hub")
    assert tried["is_fine"]
    assert small.told() == topics("")
    assert console.json("status")["deliveries"]["targets"][0]["name"] == "hub"


def test_a_hub_that_cannot_reach_the_feeds_is_found_out(newsroom: Newsroom) -> None:
    newsroom.configure(
        site={
            **newsroom.config.site.model_dump(exclude_defaults=True),
            "feeds_url": "http://127.0.0.1:8000/",
        },
        feeds={"hub": "https://hub.example.com/"},
    )
    newsroom.write("one.md")
    newsroom.build()
    checked = Console(newsroom).json("check", "--online", code=1)
    (found,) = checked["targets"]
    assert (found["target"], found["is_fine"]) == ("hub", False)
    assert "site.feeds_url" in found["said"]
    assert checked["untried"] == ["hub"]


def test_a_preview_says_which_feeds_the_hub_is_told_of(small: Scene) -> None:
    console = Console(small.newsroom)
    (still,) = console.json("preview", "one.md")["targets"]
    assert (still["target"], still["goes_out"]) == ("hub", "no")
    small.newsroom.write("one.md", title="Edited")
    (edited,) = console.json("preview", "one.md")["targets"]
    assert (edited["event"], edited["goes_out"]) == ("changed", "now")
    lines = [parse_qs(line)["hub.topic"] for line in edited["text"].splitlines()]
    assert lines == [[topic] for topic in topics("", "ai")]
    small.newsroom.build()
    small.deliver()
    assert small.told() == topics("", "ai")
    assert console.json("preview", "one.md", "--target", "hub")["targets"][0]["goes_out"] == "no"


def test_settled_pings_are_forgotten_after_a_while(small: Scene) -> None:
    small.change()
    small.deliver()
    small.deliver(days=91)
    assert small.rows() == []


def test_pings_wait_apart_from_announcements_and_name_their_feed_in_the_log(
    small: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    small.change()
    small.deliver()
    facts = [record.__dict__["facts"] for record in caplog.records if record.getMessage() == "sent"]
    assert [(one["target"], one["event"], one["feed"]) for one in facts] == [
        ("hub", "changed", "all articles"),
        ("hub", "changed", "ai"),
    ]


def test_the_page_about_websub_shows_what_is_posted() -> None:
    page = (Path(__file__).parent.parent / "docs" / "websub.md").read_text(encoding="utf-8")
    assert urlencode(form(f"{FEEDS_URL}rss.xml")) in page
