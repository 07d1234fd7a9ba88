"""Deliveries are claimed, sent and settled: in order, once, and in spite of whatever targets do."""

from __future__ import annotations

import logging
import resource
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from newsroom import Newsroom
from postbox import ALL, Desk, publish, titles, toots, webhook
from sqlalchemy import event, text

from feedbot.attempt import (
    Answer,
    Busy,
    Delivery,
    Denied,
    Gone,
    Outcome,
    Refused,
    Retry,
    Sent,
    State,
    Unclear,
)
from feedbot.operator.steering import Word, say
from feedbot.relevance import NEVER_TOLD
from feedbot.retry import ATTEMPTS
from feedbot.sending.deliver import Deliverer
from feedbot.settlement import Condition
from feedbot.store import outbox, settling, upkeep
from feedbot.store.db import from_us
from feedbot.store.deliveries import DeliveryRow
from feedbot.store.inquiry import Selection


@pytest.fixture
def desk(any_newsroom: Newsroom) -> Desk:
    """A newsroom with one webhook that takes every event, after its first pass."""
    desk = Desk(any_newsroom)
    desk.configure(webhook(events=ALL), announce={"burst": 1000})
    any_newsroom.build()
    return desk


def test_the_oldest_goes_first(desk: Desk) -> None:
    publish(desk, "c", "a", "b")
    desk.deliver()
    assert titles(desk) == ["c", "a", "b"]


def test_the_id_stays_the_same_over_retries_and_attempts_count_up(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Retry(reason="500"), Unclear(reason="no answer")]
    for _ in range(3):
        desk.deliver(minutes=10)
    assert len({one.id for one in desk.box.got}) == 1
    assert [one.attempt for one in desk.box.got] == [1, 2, 3]
    assert [one.outcome for one in desk.attempts()] == ["retry", "unclear", "sent"]
    assert len({one.first_tried for one in desk.box.got[1:]}) == 1


def test_after_an_unclear_outcome_every_later_attempt_knows_that_it_may_have_arrived(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Unclear(reason="no answer"), Busy(reason="429"), Retry(reason="500")]
    for _ in range(4):
        desk.deliver(hours=1)
    assert [one.may_have_arrived for one in desk.box.got] == [False, True, True, True]


def test_a_failed_item_is_retried_and_the_others_go_on(desk: Desk) -> None:
    publish(desk, "one", "two", "three")
    desk.box.outcomes += [Retry(reason="500")]
    desk.deliver()
    assert titles(desk) == ["one", "two", "three"]
    desk.deliver(seconds=6)
    assert titles(desk) == ["one", "two", "three", "one"]


def test_an_item_that_is_refused_for_good_blocks_nobody_and_can_be_looked_up(desk: Desk) -> None:
    publish(desk, "one", "two")
    answer = Answer(status=422, headers={}, body=b'{"error": "too long"}', at=desk.newsroom.now, seconds=0.2)
    desk.box.outcomes += [Refused(reason="refused (422): too long", answer=answer)]
    desk.deliver()
    assert [state for _, state in desk.states()] == [State.DEAD, State.SENT]
    (attempt,) = desk.attempts()
    assert (attempt.status, attempt.said, attempt.seconds) == (422, '{"error": "too long"}', 0.2)
    desk.deliver(days=10)
    assert len(desk.box.got) == 2


def test_retries_end_after_about_three_days_and_nothing_is_lost(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Retry(reason="500")] * ATTEMPTS
    for _ in range(40):
        desk.deliver(hours=2.5)
    (row,) = desk.rows()
    assert (row.row.state, row.row.attempts) == (State.DEAD, ATTEMPTS)
    assert len(desk.box.got) == ATTEMPTS
    assert "given up after 10 attempts: 500" in row.row.reason


@pytest.mark.parametrize("outcome", [Busy(reason="cannot connect"), Denied(reason="401")])
def test_a_target_that_takes_nothing_pauses_as_a_whole_and_no_attempt_is_used_up(
    desk: Desk, outcome: Outcome
) -> None:
    publish(desk, "one", "two", "three")
    desk.box.outcomes += [outcome] * 30
    for _ in range(30):
        desk.deliver(hours=1.5)
    assert set(titles(desk)) == {"one"}
    assert len(desk.box.got) == 30
    assert desk.health().condition is Condition.PAUSED
    desk.deliver(hours=2)
    assert titles(desk)[30:] == ["one", "two", "three"]
    assert desk.health().condition is Condition.READY
    assert [one.row.attempts for one in desk.rows()] == [1, 1, 1]


def test_a_wish_to_wait_is_obeyed_by_the_target_as_a_whole(desk: Desk) -> None:
    publish(desk, "one", "two")
    desk.box.outcomes += [Busy(reason="429", after=desk.newsroom.now + timedelta(minutes=10))]
    desk.deliver()
    desk.deliver(minutes=9)
    assert titles(desk) == ["one"]
    desk.deliver(minutes=2)
    assert titles(desk) == ["one", "one", "two"]


def test_a_paused_target_is_probed_with_one_item(desk: Desk) -> None:
    publish(desk, *"abcdefgh")
    desk.box.outcomes += [Retry(reason="500")] * 6
    desk.deliver()
    assert titles(desk) == list("abcde")
    desk.deliver(seconds=6)
    assert titles(desk) == list("abcdea")
    desk.deliver(minutes=10)
    assert set(titles(desk)[6:]) == set("abcdefgh")


def test_a_target_that_is_gone_is_disabled_until_its_options_change(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Gone(reason="410")]
    desk.deliver()
    desk.deliver(days=2)
    assert len(desk.box.got) == 1
    assert desk.health().condition is Condition.DISABLED
    desk.configure(webhook(events=ALL, url="https://receiver.example/new"))
    desk.newsroom.build()
    desk.deliver()
    assert titles(desk) == ["one", "one"]


def test_a_bad_target_never_blocks_the_others(desk: Desk) -> None:
    desk.configure(webhook("bad"), webhook("good"))
    desk.newsroom.build()
    publish(desk, "one", "two")
    desk.boxes["bad"].outcomes += [Denied(reason="401")]
    desk.deliver()
    assert titles(desk, "good") == ["one", "two"]


def test_a_sender_with_a_bug_costs_one_attempt_and_not_the_worker(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Delivery) -> Outcome:
        raise ZeroDivisionError

    publish(desk, "one", "two")
    desk.box.outcomes += [fail]
    desk.deliver()
    assert [state for _, state in desk.states()] == [State.UNCLEAR, State.SENT]
    assert "ZeroDivisionError" in caplog.text


def test_a_target_has_one_delivery_under_way_and_targets_are_served_side_by_side(desk: Desk) -> None:
    names = ["a", "b", "c", "d"]
    desk.configure(*map(webhook, names))
    desk.newsroom.build()
    publish(desk, "one", "two")
    meeting = threading.Barrier(4)
    under_way: dict[str, int] = dict.fromkeys(names, 0)
    seen: list[int] = []

    def meet(name: str) -> Callable[[Delivery], Outcome]:
        def send(_: Delivery) -> Outcome:
            under_way[name] += 1
            seen.append(under_way[name])
            meeting.wait(60)  # all four are here at once, or this fails
            under_way[name] -= 1
            return Sent()

        return send

    for name in names:
        desk.boxes[name].outcomes += [meet(name)] * 2
    desk.newsroom.later(seconds=3)
    desk.deliverer(parallel=4).run_due()
    assert seen == [1] * 8


def test_two_workers_on_one_outbox_send_nothing_twice(desk: Desk) -> None:
    """A broken image that was posted again and again, two workers with one event: each row is claimed."""
    names = [f"t{number}" for number in range(6)]
    desk.configure(*map(webhook, names))
    desk.newsroom.build()
    publish(desk, *(f"a{number}" for number in range(12)))
    desk.newsroom.later(seconds=3)
    workers = [desk.deliverer(parallel=3) for _ in range(3)]
    threads = [threading.Thread(target=worker.run_due) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    desk.deliver()
    for name in names:
        assert titles(desk, name) == [f"a{number}" for number in range(12)]


def test_no_more_than_so_many_in_an_hour(desk: Desk) -> None:
    desk.configure(webhook(max_per_hour=2))
    publish(desk, *"abcde")
    desk.deliver()
    assert titles(desk) == list("ab")
    desk.deliver(minutes=50)
    assert titles(desk) == list("ab")
    desk.deliver(minutes=15)
    assert titles(desk) == list("abcd")


def test_a_minimum_interval_lies_between_two(desk: Desk) -> None:
    desk.configure(webhook(min_interval="30s"))
    publish(desk, *"abc")
    desk.deliver()
    assert titles(desk) == ["a"]
    desk.deliver(seconds=29)
    assert titles(desk) == ["a"]
    desk.deliver(seconds=2)
    assert titles(desk) == ["a", "b"]


def test_events_of_one_article_keep_their_order_though_the_first_is_retried(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Unclear(reason="no answer")]
    desk.deliver()
    desk.write("one.md", title="Corrected")
    publish(desk, "two")
    desk.deliver()
    assert desk.box.told()[1:] == [("published", "About two")]
    desk.deliver(minutes=1)
    assert desk.box.told()[2:] == [("published", "Corrected"), ("updated", "Corrected")]


def test_a_withdrawal_after_an_unclear_delivery_is_told_and_the_delivery_is_not_repeated(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Unclear(reason="no answer")]
    desk.deliver()
    desk.write("one.md", published=False)
    desk.newsroom.build()
    desk.deliver(minutes=1)
    assert [event for event, _ in desk.box.told()] == ["published", "withdrawn"]
    assert desk.box.got[1].may_have_arrived


@pytest.mark.parametrize("outcome", [Retry(reason="500"), Refused(reason="400")])
@pytest.mark.parametrize(
    "change", [{"title": "Corrected"}, {"published": False}], ids=["updated", "withdrawn"]
)
def test_nobody_is_told_of_a_change_of_what_did_not_arrive_while_the_change_was_announced(
    desk: Desk, outcome: Outcome, change: dict[str, Any]
) -> None:
    publish(desk, "one")

    def meanwhile(_: Delivery) -> Outcome:
        desk.write("one.md", **change)
        desk.newsroom.build()
        return outcome

    desk.box.outcomes += [meanwhile]
    desk.deliver()
    desk.deliver(days=1)
    told = [event for event, _ in desk.box.told()]
    if isinstance(outcome, Retry) and "title" in change:
        assert told == ["published", "published", "updated"]
    else:
        assert told == ["published"]
        assert (desk.rows()[-1].row.state, desk.rows()[-1].row.reason) == (State.SKIPPED, NEVER_TOLD)


def withdraw(desk: Desk, first: DeliveryRow) -> None:
    desk.write("one.md", published=False)
    desk.newsroom.build()


def withdraw_before_the_pass_announces_it(desk: Desk, first: DeliveryRow) -> None:
    with desk.newsroom.engine.begin() as connection:
        connection.execute(text("UPDATE articles SET status = 'withdrawn'"))


def drop(desk: Desk, first: DeliveryRow) -> None:
    with desk.newsroom.engine.begin() as connection:
        assert say(connection, Word.DROP, Selection(ids=(first.id,)), desk.newsroom.now).changed


@pytest.mark.parametrize(
    ("meanwhile", "counts"),
    [(withdraw, {"sent": 1}), (withdraw_before_the_pass_announces_it, {"skipped": 1}), (drop, {})],
)
def test_what_was_sent_is_told_as_sent_though_it_is_not_sent_anew(
    desk: Desk, meanwhile: Callable[[Desk, DeliveryRow], None], counts: dict[str, int]
) -> None:
    publish(desk, "one")
    desk.deliver()
    first = desk.rows()[0].row
    desk.newsroom.later(hours=2)
    engine, now = desk.newsroom.engine, desk.newsroom.now
    with engine.begin() as connection:
        assert say(connection, Word.RETRY, Selection(ids=(first.id,)), now).changed
    meanwhile(desk, first)
    desk.newsroom.later(minutes=1)
    assert desk.deliverer().run_due() == counts
    after = desk.rows()[0].row
    assert (after.state, after.settled_us) == (State.SENT, first.settled_us)
    assert after.reason.startswith("sent before, and not anew: ")
    assert [one.id for one in desk.box.got].count(first.id) == 1


def test_a_withdrawal_is_not_told_again_of_an_article_that_is_back(desk: Desk) -> None:
    publish(desk, "one")
    desk.deliver()
    for change in ({"published": False}, {}):
        desk.write("one.md", **change)
        desk.newsroom.build()
        desk.deliver()
    assert [event for event, _ in desk.box.told()] == ["published", "withdrawn", "updated"]
    withdrawal = desk.rows()[1].row
    with desk.newsroom.engine.begin() as connection:
        said = say(connection, Word.RETRY, Selection(ids=(withdrawal.id,)), desk.newsroom.now)
    assert (said.changed, [row.id for row in said.left]) == ([], [withdrawal.id])


def test_what_may_have_arrived_is_looked_for_since_its_first_attempt_though_a_claim_was_given_back(
    desk: Desk,
) -> None:
    publish(desk, "one")
    desk.deliver()
    first = desk.rows()[0].row
    desk.newsroom.later(days=2)
    engine, now = desk.newsroom.engine, desk.newsroom.now
    with engine.begin() as connection:
        say(connection, Word.RETRY, Selection(ids=(first.id,)), now)
        claims = outbox.claim_heads(connection, {"box": timedelta(seconds=60)}, now, owner="stopping")["box"]
        settling.release(connection, claims, now)
    desk.deliver()
    assert desk.box.got[1].first_tried == from_us(first.first_tried_us or 0)


def test_what_a_target_noted_about_a_post_comes_back_with_later_events(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Sent(receipt={"status": "109"})]
    desk.deliver()
    desk.write("one.md", title="Corrected")
    desk.newsroom.build()
    desk.deliver()
    update = desk.box.got[1]
    assert (update.receipt, update.posted is not None) == ({"status": "109"}, True)


def test_what_was_prepared_before_a_failure_is_not_prepared_again(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Retry(reason="media is still processed", receipt={"media": ["7"]})]
    desk.deliver()
    desk.deliver(minutes=1)
    assert desk.box.got[1].receipt == {"media": ["7"]}
    assert desk.box.got[1].posted is None


def test_an_article_that_grew_too_old_while_its_target_was_down_is_not_announced(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Denied(reason="401")]
    desk.deliver()
    publish(desk, "two")
    desk.deliver(days=20)
    assert titles(desk) == ["one"]
    assert [state for _, state in desk.states()] == [State.SKIPPED, State.SKIPPED]


def test_deliveries_of_a_target_that_was_taken_out_wait_for_it(desk: Desk) -> None:
    publish(desk, "one")
    box = desk.box
    desk.configure(webhook("other"))
    desk.newsroom.build()
    desk.deliver()
    assert desk.boxes["other"].got == []
    desk.boxes = {"box": box}
    desk.configure(webhook(events=ALL))
    desk.newsroom.build()
    desk.deliver()
    assert titles(desk) == ["one"]


def claim_and_die(desk: Desk) -> None:
    """Claim as a process does that is killed before it can say what became of it."""
    desk.newsroom.later(seconds=3)
    with desk.newsroom.engine.begin() as connection:
        lease = {"box": timedelta(seconds=60)}
        assert outbox.claim_heads(connection, lease, desk.newsroom.now, owner="killed")


def test_a_delivery_whose_process_was_killed_is_unclear_after_its_lease(desk: Desk) -> None:
    publish(desk, "one")
    claim_and_die(desk)
    desk.deliver(seconds=50)
    assert desk.box.got == []
    desk.deliver(seconds=20)
    desk.deliver(seconds=6)
    (delivery,) = desk.box.got
    assert (delivery.attempt, delivery.may_have_arrived) == (2, True)
    assert [one.outcome for one in desk.attempts()] == ["interrupted", "sent"]


def test_an_item_that_kills_the_process_each_time_runs_out_of_attempts(desk: Desk) -> None:
    publish(desk, "one")
    for _ in range(ATTEMPTS):
        claim_and_die(desk)
        desk.newsroom.later(minutes=2)
        with desk.newsroom.engine.begin() as connection:
            upkeep.recover(connection, desk.newsroom.now)
        desk.newsroom.later(hours=30)
    publish(desk, "two")
    desk.deliver()
    assert [state for _, state in desk.states()] == [State.DEAD, State.SENT]


def test_a_program_that_dies_at_every_start_does_not_use_up_what_it_never_sent(desk: Desk) -> None:
    publish(desk, "one")
    claim_and_die(desk)
    for _ in range(50):
        desk.newsroom.later(minutes=2)
        with desk.newsroom.engine.begin() as connection:
            upkeep.recover(connection, desk.newsroom.now)
            lease = {"box": timedelta(seconds=60)}
            outbox.claim_heads(connection, lease, desk.newsroom.now, owner="killed")
    desk.deliver(days=1)
    desk.deliver(days=1)
    assert desk.states() == [("published", State.SENT)]


def test_an_answer_after_the_lease_changes_nothing_any_more(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def take_too_long(_: Delivery) -> Outcome:
        desk.newsroom.later(minutes=5)
        with desk.newsroom.engine.begin() as connection:
            upkeep.recover(connection, desk.newsroom.now)
        return Refused(reason="422")

    publish(desk, "one")
    desk.box.outcomes += [take_too_long]
    desk.deliver()
    desk.deliver(seconds=6)
    assert desk.states() == [("published", State.SENT)]
    assert "longer than its lease" in caplog.text
    assert [one.outcome for one in desk.attempts()] == ["interrupted", "refused", "sent"]
    assert desk.attempts()[1].reason == "too late: 422"


def test_an_edit_by_a_clock_that_is_far_ahead_puts_off_no_announcement(desk: Desk) -> None:
    desk.newsroom.build([desk.write("one.md")])
    desk.newsroom.later(days=200)
    desk.newsroom.build([desk.write("one.md", title="Corrected")])
    desk.newsroom.later(days=-200)
    desk.deliver()
    desk.deliver()
    assert desk.box.told() == [("published", "Corrected")]


def test_a_clock_that_jumps_back_sends_nothing_twice_and_loses_nothing(desk: Desk) -> None:
    publish(desk, "one", "two")
    desk.box.outcomes += [Retry(reason="500")]
    desk.deliver(hours=5)
    desk.deliver(hours=-5)
    desk.deliver(hours=6)
    assert sorted(titles(desk)) == ["one", "one", "two"]


def test_what_was_sent_is_forgotten_after_a_while_but_never_what_is_needed_to_take_it_back(
    desk: Desk,
) -> None:
    desk.configure(toots(on_update="edit", on_withdraw="delete", edit_window="3650d"))
    desk.newsroom.build()
    publish(desk, "one")
    desk.box.outcomes += [Sent(receipt={"status": "109"})]
    desk.deliver()
    desk.deliver(days=91)
    assert desk.rows() == []
    desk.write("one.md", published=False)
    desk.newsroom.build()
    desk.deliver()
    assert desk.box.got[1].event == "withdrawn"
    assert desk.box.got[1].receipt == {"status": "109"}


def test_purging_keeps_what_is_not_done(desk: Desk) -> None:
    publish(desk, "one")
    desk.box.outcomes += [Gone(reason="410")]
    desk.deliver()
    desk.deliver(days=400)
    assert desk.states() == [("published", State.RETRY)]


def test_of_a_long_answer_the_beginning_is_kept(desk: Desk) -> None:
    publish(desk, "one")
    answer = Answer(status=500, headers={}, body=b"a\0b" * 2000, at=desk.newsroom.now, seconds=0.1)
    desk.box.outcomes += [Retry(reason="500", answer=answer)]
    desk.deliver()
    assert desk.attempts()[0].said == "ab" * 250


def test_secrets_that_a_server_echoes_are_not_kept(desk: Desk) -> None:
    publish(desk, "one")
    body = b"no such hook: https://receiver.example/hook?key=planted"
    answer = Answer(status=404, headers={}, body=body, at=desk.newsroom.now, seconds=0.1)
    desk.box.outcomes += [Retry(reason="404", answer=answer)]
    deliverer = desk.deliverer(redact=lambda said: said.replace("planted", "***"))
    desk.newsroom.later(seconds=3)
    deliverer.run_due()
    assert "planted" not in desk.attempts()[0].said


def test_stopping_lets_what_is_under_way_finish_and_claims_nothing_more(desk: Desk) -> None:
    publish(desk, "one", "two")
    desk.newsroom.later(seconds=3)
    deliverer = desk.deliverer()

    def stop(_: Delivery) -> Outcome:
        deliverer.stop()
        return Sent()

    desk.box.outcomes += [stop]
    deliverer.run()
    assert desk.states() == [("published", State.SENT), ("published", State.PENDING)]


def test_a_database_that_fails_for_a_moment_loses_no_outcome(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    publish(desk, "one")

    def rename(there: str, back: str) -> None:
        with desk.newsroom.engine.begin() as connection:
            connection.execute(text(f"alter table {there} rename to {back}"))

    def break_database(_: Delivery) -> Outcome:
        rename("attempts", "away")
        threading.Timer(0.3, rename, ["away", "attempts"]).start()
        return Sent()

    desk.box.outcomes += [break_database]
    desk.deliver()
    assert desk.states() == [("published", State.SENT)]
    assert len(desk.box.got) == 1


def test_a_disk_that_is_full_for_a_while_loses_no_outcome(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(newsroom)
    desk.configure(webhook())
    newsroom.build()
    publish(desk, "one")
    free = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_disk(_: Delivery) -> Outcome:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, free[1]))
        return Sent()

    def tidy_up(_: object = None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, free)

    event.listen(newsroom.engine, "handle_error", tidy_up)  # once it was noticed, however long that takes
    desk.box.outcomes += [fill_disk]
    try:
        desk.deliver()
    finally:
        tidy_up()
    assert "the outbox cannot be used" in caplog.text
    assert desk.states() == [("published", State.SENT)]
    assert len(desk.box.got) == 1


def test_the_claims_of_a_long_queue_use_the_index(desk: Desk) -> None:
    publish(desk, "one")
    if desk.newsroom.engine.dialect.name != "sqlite":
        return  # a planner with statistics chooses anew for every size
    compiled = outbox._NEXT.compile(dialect=desk.newsroom.engine.dialect)
    values = {**compiled.params, "_target": "box", "_now_us": 1, "_most": 1}
    arguments = tuple(values[name] for name in compiled.positiontup or ())
    with desk.newsroom.engine.begin() as connection:
        plan = str(connection.exec_driver_sql(f"explain query plan {compiled}", arguments).all())
    assert "ix_deliveries_open (target=?)" in plan
    assert "TEMP B-TREE" not in plan


def test_a_deliverer_without_targets_waits_to_be_stopped(desk: Desk) -> None:
    desk.configure()
    deliverer: Deliverer = desk.deliverer()
    thread = threading.Thread(target=deliverer.run)
    thread.start()
    deliverer.stop()
    thread.join(60)
    assert not thread.is_alive()
