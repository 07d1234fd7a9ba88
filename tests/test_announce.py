"""What is announced to whom, and what is not: events become deliveries, each with the reason on record."""

from __future__ import annotations

import json
import threading

import pytest
from msgspec.structs import replace
from newsroom import Newsroom
from postbox import ALL, Desk, toots, webhook
from sqlalchemy.exc import IntegrityError

from feedbot.attempt import State
from feedbot.errors import PublishError
from feedbot.passes.build import Builder
from feedbot.store import deliveries


@pytest.fixture
def desk(any_newsroom: Newsroom) -> Desk:
    """A newsroom with one webhook that takes every event, after its first pass."""
    desk = Desk(any_newsroom)
    desk.configure(webhook(events=ALL))
    any_newsroom.write("old.md")
    any_newsroom.build()
    return desk


def test_a_new_article_is_announced_once(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "About one")]
    assert desk.states() == [("published", State.SENT)]


def test_two_processes_that_announce_at_once_record_each_delivery_once(desk: Desk) -> None:
    for number in range(6):
        desk.write(f"{number}.md")
    config, engine = desk.newsroom.config, desk.newsroom.engine
    builders = [Builder(config, engine, clock=lambda: desk.newsroom.now) for _ in range(3)]
    failures: list[Exception] = []

    def build(builder: Builder) -> None:
        try:
            builder.run()
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=build, args=(builder,)) for builder in builders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    desk.newsroom.build()
    desk.deliver()
    assert sorted(desk.box.told()) == sorted(("published", f"About {number}") for number in range(6))


def test_the_database_itself_refuses_a_second_announcement_of_an_article(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    (row,) = desk.rows()
    double = replace(row.row, id="msg_other", event_number=row.row.event_number)
    with pytest.raises(IntegrityError), desk.newsroom.engine.begin() as connection:
        deliveries.add(connection, [double])


def test_the_first_pass_floods_nobody_with_the_archive(desk: Desk) -> None:
    desk.deliver()
    assert desk.box.told() == []
    assert desk.states() == []


def test_a_new_target_starts_at_now_and_gets_what_comes_next(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    desk.configure(webhook(events=ALL), webhook("late"))
    desk.newsroom.build()
    desk.write("two.md")
    desk.newsroom.build()
    desk.deliver()
    assert desk.boxes["late"].told() == [("published", "About two")]
    assert len(desk.boxes["box"].got) == 2


def test_a_typo_fix_does_not_announce_the_article_again(desk: Desk) -> None:
    desk.configure(webhook())
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    desk.write("one.md", title="About one, corrected")
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "About one")]


def test_receivers_can_tell_what_is_newer_though_the_clock_was_set_back(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    desk.newsroom.later(hours=-2)
    for change in ({"title": "Corrected"}, {"published": False}):
        desk.write("one.md", **change)
        desk.newsroom.build()
        desk.deliver()
    published, updated, withdrawn = (one.at for one in desk.box.got)
    assert published < updated < withdrawn
    assert [one.posted is not None for one in desk.box.got] == [False, True, True]


def test_an_article_that_gains_a_topic_later_is_not_announced_again(desk: Desk) -> None:
    desk.configure(webhook(), webhook("law", where={"topics": ["Law"]}))
    desk.newsroom.build()
    desk.write("one.md", topics=["AI"])
    desk.newsroom.build()
    desk.deliver()
    desk.write("one.md", topics=["AI", "Law"])
    desk.newsroom.build()
    desk.deliver()
    assert desk.boxes["box"].told() == [("published", "About one")]
    assert desk.boxes["law"].told() == []


def test_what_a_filter_leaves_out_is_on_record_with_the_part_that_did_not_match(desk: Desk) -> None:
    desk.configure(webhook(where={"topics": ["AI"], "min_heat": 50}))
    desk.write("one.md", heat=3)
    desk.newsroom.build()
    (row,) = desk.rows()
    assert (row.row.state, row.row.reason) == (State.SKIPPED, "its where.min_heat does not match")


def test_an_old_article_that_is_written_now_is_not_announced(desk: Desk) -> None:
    desk.write("one.md", publishedDateTime="2026-05-01T08:00:00Z")
    desk.configure(webhook(), announce={"max_age": "14d"})
    desk.newsroom.build()
    (row,) = desk.rows()
    assert row.row.state is State.SKIPPED
    assert row.row.reason == "published 31 days ago, more than announce.max_age"


def test_editing_an_old_article_does_not_publish_it(desk: Desk) -> None:
    desk.configure(toots(on_update="edit"))
    desk.newsroom.build()
    desk.newsroom.write("old.md", title="About old, again")
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == []
    assert [one.row.reason for one in desk.rows()] == ["the article was never announced here"]


def test_a_consumer_that_keeps_copies_is_told_of_changes_of_older_articles_too(desk: Desk) -> None:
    desk.newsroom.write("old.md", title="About old, again")
    desk.newsroom.build()
    (desk.newsroom.content / "old.md").unlink()
    desk.newsroom.later(minutes=5)
    desk.deliver()
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("updated", "About old, again"), ("withdrawn", "About old, again")]


def test_a_burst_is_held_until_somebody_says_so(desk: Desk) -> None:
    desk.configure(webhook(), announce={"burst": 3})
    for number in range(4):
        desk.write(f"{number}.md")
    report = desk.newsroom.build()
    desk.deliver(days=1)
    assert desk.box.told() == []
    assert {state for _, state in desk.states()} == {State.HELD}
    assert report.announce.held_articles == 4


def test_articles_too_old_to_be_announced_make_a_burst_too(desk: Desk) -> None:
    desk.configure(webhook(), announce={"burst": 3, "max_age": "14d"})
    for number in range(3):
        desk.write(f"{number}.md", publishedDateTime="2026-05-01T08:00:00Z")
    desk.write("fresh.md")
    desk.newsroom.build()
    assert sorted(state for _, state in desk.states()) == [State.HELD, *[State.SKIPPED] * 3]


def test_a_burst_that_a_worker_sees_in_slices_is_held_as_a_whole(desk: Desk) -> None:
    desk.configure(webhook(), announce={"burst": 3, "settle": "2s"})
    paths = [desk.write(f"{number}.md") for number in range(4)]
    for path in paths:
        desk.newsroom.build([path])
        desk.newsroom.later(seconds=0.3)
    assert {state for _, state in desk.states()} == {State.HELD}


def test_articles_that_come_one_after_the_other_are_no_burst(desk: Desk) -> None:
    desk.configure(webhook(), announce={"burst": 3})
    for number in range(8):
        desk.newsroom.build([desk.write(f"{number}.md")])
        desk.deliver(minutes=2)
    assert len(desk.box.got) == 8


def test_a_future_article_is_announced_when_it_is_due_and_blocks_nobody(desk: Desk) -> None:
    desk.write("future.md", publishedDateTime="2026-06-01T13:00:00Z")
    desk.write("now.md")
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "About now")]
    desk.newsroom.later(hours=1)
    desk.newsroom.build([])
    desk.deliver()
    assert desk.box.told()[1:] == [("published", "About future")]


def test_nothing_is_announced_before_the_feeds_that_carry_it_are_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = desk.newsroom.feeds
    feeds.rename(feeds.with_name("away"))
    feeds.write_text("in the way")
    desk.write("one.md")
    with pytest.raises(PublishError):
        desk.newsroom.build()
    desk.deliver()
    assert desk.states() == []
    feeds.unlink()
    feeds.with_name("away").rename(feeds)
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "About one")]


def test_an_article_waits_while_a_foreign_file_keeps_one_of_its_feeds_from_being_written(desk: Desk) -> None:
    foreign = desk.newsroom.feeds / "law" / "rss.xml"
    foreign.parent.mkdir()
    foreign.write_text("not ours")
    desk.write("one.md", topics=["Law"])
    desk.write("two.md", topics=["AI"])
    report = desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "About two")]
    assert report.announce.waiting == 1
    foreign.unlink()
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told()[1:] == [("published", "About one")]


def test_an_update_before_the_first_delivery_changes_what_is_sent(desk: Desk) -> None:
    desk.write("one.md", title="Teh title")
    desk.newsroom.build()
    desk.write("one.md", title="The title")
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "The title")]
    assert desk.states() == [("published", State.SENT), ("updated", State.SUPERSEDED)]


def test_only_the_last_of_several_updates_is_sent(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver()
    for number in range(3):
        desk.write("one.md", title=f"Title {number}")
        desk.newsroom.build()
    desk.deliver()
    assert desk.box.told()[1:] == [("updated", "Title 2")]


def test_a_withdrawal_cancels_what_was_not_sent(desk: Desk) -> None:
    desk.write("one.md")
    desk.newsroom.build()
    desk.write("one.md", published=False)
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == []
    assert desk.states() == [("published", State.SUPERSEDED), ("withdrawn", State.SKIPPED)]


def test_an_article_that_comes_back_before_anybody_was_told_is_announced_after_all(desk: Desk) -> None:
    for published in (True, False, True):
        desk.write("one.md", published=published)
        desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == [("published", "About one")]


def test_an_article_that_was_announced_and_comes_back_is_not_new(desk: Desk) -> None:
    for published in (True, False, True):
        desk.write("one.md", published=published)
        desk.newsroom.build()
        desk.deliver()
    assert [event for event, _ in desk.box.told()] == ["published", "withdrawn", "updated"]


def test_a_file_must_be_still_for_a_while_before_its_article_is_announced(desk: Desk) -> None:
    desk.configure(webhook(), announce={"settle": "1m"})
    desk.write("one.md")
    desk.newsroom.build()
    desk.deliver(seconds=40)
    desk.write("one.md", title="Better")
    desk.newsroom.build()
    desk.deliver(seconds=40)
    assert desk.box.told() == []
    desk.deliver(seconds=30)
    assert desk.box.told() == [("published", "Better")]


def test_events_of_a_target_that_was_taken_out_are_not_made_up_for(desk: Desk) -> None:
    desk.configure()
    desk.write("one.md")
    desk.newsroom.build()
    desk.configure(webhook(events=ALL))
    desk.newsroom.build()
    desk.deliver()
    assert desk.rows() == []


def test_the_order_of_deliveries_is_that_of_events_for_every_target(desk: Desk) -> None:
    desk.configure(webhook("a"), webhook("b"))
    desk.newsroom.build()
    for number in range(5):
        desk.write(f"{number}.md")
        desk.newsroom.build()
        desk.newsroom.later(minutes=5)
    desk.deliver()
    expected = [("published", f"About {number}") for number in range(5)]
    assert desk.boxes["a"].told() == expected
    assert desk.boxes["b"].told() == expected


def test_reading_files_anew_after_an_upgrade_announces_no_updates(desk: Desk) -> None:
    desk.newsroom.configure(**{**desk.newsroom.settings, "content": {"timezone": "Europe/Vienna"}})
    desk.newsroom.write("old.md", publishedDateTime="2026-05-01 08:00")
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.told() == []


def test_what_happened_is_told_by_the_report_of_the_pass(desk: Desk) -> None:
    desk.write("one.md")
    report = desk.newsroom.build().as_json()
    assert report["announced"]["deliveries"] == 1
    assert json.dumps(report)
