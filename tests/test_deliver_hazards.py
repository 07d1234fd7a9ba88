"""What goes wrong seldom, and then badly: quiet weeks, wrong clocks, long locks, bursts, races."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from newsroom import Newsroom
from postbox import Desk, Postbox, opened, publish, titles, webhook
from sqlalchemy import Engine, event, text
from test_worker import wait_until

from feedbot.attempt import Busy, Delivery, Outcome, Retry, Sent, State
from feedbot.errors import FeedbotError, StoreError
from feedbot.operator.steering import Word, say
from feedbot.passes.build import SLICES, Builder
from feedbot.sending.deliver import Deliverer
from feedbot.settlement import Condition
from feedbot.store import outbox
from feedbot.store.inquiry import Selection


@pytest.fixture
def desk(any_newsroom: Newsroom) -> Desk:
    """A newsroom with one webhook that takes every event, after its first pass."""
    return opened(any_newsroom)


def publish_at_once(desk: Desk, number: int) -> None:
    """Announce so many articles in one pass."""
    for each in range(number):
        desk.write(f"w{each:02}.md")
    desk.newsroom.build()


def states(desk: Desk) -> Counter[State]:
    return Counter(state for _, state in desk.states())


def count_transactions(engine: Engine) -> list[int]:
    """The number of transactions that begin from now on, in a list of one."""
    number = [0]

    def add(_: object) -> None:
        number[0] += 1

    event.listen(engine, "begin", add)
    return number


def test_after_a_quiet_time_news_reaches_a_target_that_was_set_up_before_it(desk: Desk) -> None:
    desk.configure(webhook("old"), announce={"keep": "7d"})
    desk.newsroom.build()
    publish(desk, "a", "b", "c")
    desk.configure(webhook("old"), webhook("box"), announce={"keep": "7d"})
    desk.newsroom.build()
    desk.deliver()
    desk.deliver(days=8)
    today = desk.newsroom.now - timedelta(hours=1)
    desk.write("news.md", publishedDateTime=today.isoformat())
    desk.newsroom.build()
    desk.deliver()
    assert titles(desk) == ["news"]


def test_a_burst_that_was_held_and_comes_back_is_held_again(desk: Desk) -> None:
    desk.write("keep.md")
    desk.newsroom.build()
    texts = {path: path.read_text() for path in [desk.write(f"w{number:02}.md") for number in range(50)]}
    desk.newsroom.build()
    for path in texts:
        path.unlink()
    desk.newsroom.build(allow_empty=True)
    for path, told in texts.items():
        path.write_text(told)
    desk.newsroom.build()
    desk.deliver()
    assert titles(desk) == ["keep"]


def test_one_held_article_that_is_withdrawn_and_published_again_stays_held(desk: Desk) -> None:
    for number in range(25):
        desk.write(f"w{number:02}.md")
    desk.newsroom.build()
    for published in (False, True):
        desk.write("w03.md", published=published)
        desk.newsroom.build()
    desk.deliver()
    assert titles(desk) == []


def test_what_a_person_released_is_not_held_again(desk: Desk) -> None:
    desk.configure(webhook(max_per_hour=2))
    for number in range(25):
        desk.write(f"w{number:02}.md")
    desk.newsroom.build()
    desk.newsroom.later(seconds=20)
    with desk.newsroom.engine.begin() as connection:
        say(connection, Word.RELEASE, Selection(), desk.newsroom.now)
    desk.newsroom.build([desk.write("one.md")])
    assert states(desk)[State.HELD] <= 1


def test_an_article_of_a_burst_does_not_escape_by_being_edited(desk: Desk) -> None:
    desk.configure(webhook(), announce={"settle": "20s"})
    names = [f"w{number:02}.md" for number in range(15)]
    desk.newsroom.build([desk.write(name) for name in names])
    desk.newsroom.later(seconds=5)
    more = [desk.write(f"x{number:02}.md") for number in range(15)]
    desk.newsroom.build([*more, *(desk.write(name, title="Corrected") for name in names)])
    assert states(desk) == {State.HELD: 30}


def test_a_worker_whose_file_events_are_silent_sees_a_burst_over_several_scans(desk: Desk) -> None:
    desk.configure(webhook(), announce={"settle": "1m"})
    newsroom = desk.newsroom
    builder = Builder(newsroom.config, newsroom.engine, clock=lambda: newsroom.now, window=SLICES)
    for scan in range(3):
        for number in range(10):
            desk.write(f"w{scan}{number}.md")
        builder.run()
        newsroom.later(seconds=5)
    assert states(desk) == {State.HELD: 30}


def test_a_batch_ends_at_the_first_failure(desk: Desk) -> None:
    desk.box.knows_doubles = True
    desk.configure(webhook(), announce={"burst": 1000})
    publish_at_once(desk, 50)
    desk.newsroom.later(seconds=3)
    desk.box.outcomes += [Sent()] * 10 + [Retry(reason="500")] * 40
    desk.deliverer().run_due()
    health = desk.health()
    assert (health.condition, health.failures) == (Condition.PAUSED, 5)
    assert health.until == desk.newsroom.now + timedelta(seconds=5)


def test_of_a_target_that_knows_no_doubles_a_kill_leaves_one_delivery_unclear(desk: Desk) -> None:
    desk.configure(webhook(), announce={"burst": 1000})
    publish_at_once(desk, 6)
    under_way: list[int] = []

    def count(_: Delivery) -> Outcome:
        under_way.append([state for _, state in desk.states()].count(State.SENDING))
        return Sent()

    desk.box.outcomes += [count] * 6
    desk.deliver()
    assert under_way == [1] * 6


def test_a_batch_ends_where_the_target_wants_a_rest(desk: Desk) -> None:
    desk.box.knows_doubles = True
    desk.configure(webhook(), announce={"burst": 1000})
    publish_at_once(desk, 30)
    desk.newsroom.later(seconds=3)
    rest = Sent(after=desk.newsroom.now + timedelta(minutes=5))
    desk.box.outcomes += [*[Sent()] * 10, rest, *[Sent()] * 20]
    desk.deliverer().run_due()
    assert len(desk.box.got) == 11


@pytest.mark.parametrize("kind", ["pace", "lease", "pause"])
def test_a_clock_that_was_ahead_for_a_moment_blocks_no_target(desk: Desk, kind: str) -> None:
    pace = {"min_interval": "1s"} if kind == "pace" else {}
    desk.configure(webhook(**pace), announce={"max_age": "3000d"})
    publish(desk, "one")
    desk.newsroom.later(days=1000)
    if kind == "lease":
        with desk.newsroom.engine.begin() as connection:
            lease = {"box": timedelta(seconds=60)}
            assert outbox.claim_heads(connection, lease, desk.newsroom.now, owner="killed")
    else:
        desk.box.outcomes += [Busy(reason="no such host")] if kind == "pause" else []
        desk.deliver()
    desk.newsroom.later(days=-1000)
    publish(desk, "two")
    for _ in range(3):
        desk.deliver(days=2)
    assert "two" in titles(desk)


def test_what_was_announced_by_a_clock_that_was_ahead_does_not_wait_for_that_day(desk: Desk) -> None:
    desk.configure(webhook(), announce={"max_age": "3000d"})
    desk.newsroom.later(days=1000)
    publish(desk, "one")
    desk.deliver(days=-1000)
    assert titles(desk) == ["one"]


def test_a_worker_that_lives_through_a_wrong_clock_goes_on_when_it_is_right(desk: Desk) -> None:
    desk.configure(webhook(), announce={"max_age": "3000d"})
    desk.newsroom.later(days=1000)
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    desk.box.outcomes += [Busy(reason="no such host")]
    deliverer = desk.deliverer()
    worker = threading.Thread(target=deliverer.run, daemon=True)
    worker.start()
    wait_until(lambda: desk.health().condition is Condition.PAUSED, "the target pauses")
    desk.newsroom.later(days=-1000)
    deliverer.wake()
    wait_until(lambda: titles(desk) == ["one", "one"], "it is sent")
    deliverer.stop()
    worker.join()


@pytest.mark.parametrize("corrected", range(6))
def test_nothing_overtakes_what_a_pass_is_about_to_correct(
    tmp_path: Path, postgres_url: str, corrected: int
) -> None:
    """Others can send while a pass announces: on PostgreSQL, where it locks the deliveries of what it saw."""
    room = Newsroom(tmp_path / "newsroom", store_url=postgres_url)
    desk = opened(room)
    names = [f"w{number}" for number in range(6)]
    publish(desk, *names)
    room.later(seconds=3)
    desk.box.knows_doubles = True  # so it is given several at a time
    meanwhile: list[list[str]] = []

    def deliver(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO deliveries"):
            desk.deliverer().run_due()
            meanwhile.append(titles(desk))

    event.listen(room.engine, "after_cursor_execute", deliver)
    desk.write(f"{names[corrected]}.md", title=f"About {names[corrected]}, corrected")
    room.build()
    assert meanwhile == [names[:corrected]]
    desk.deliver(minutes=1)
    assert [title.removesuffix(", corrected") for title in titles(desk)] == names
    room.close()


def test_two_workers_keep_one_pace(desk: Desk) -> None:
    desk.configure(webhook("slow"), webhook("paced", max_per_hour=1))
    desk.newsroom.build()
    publish(desk, "one", "two")
    desk.newsroom.later(seconds=3)
    others = desk.deliverer(parallel=1)

    def meanwhile(_: Delivery) -> Outcome:
        others.run_due()  # tells `paced` its one of this hour
        return Sent()

    desk.boxes["slow"].outcomes += [meanwhile]
    desk.deliverer(parallel=1).run_due()
    assert len(titles(desk, "paced")) == 1


def test_a_late_answer_starts_nothing_at_a_target_that_another_worker_serves(desk: Desk) -> None:
    publish(desk, "one", "two", "three")
    desk.newsroom.later(seconds=3)
    late = desk.deliverer()
    first, other = desk.boxes["box"], Postbox("box")
    desk.boxes = {"box": other}
    second = desk.deliverer()
    begun, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=second.run_due)

    def too_late(_: Delivery) -> Outcome:
        desk.newsroom.later(minutes=5)  # the lease runs out, and the other worker goes on
        thread.start()
        assert begun.wait(60)
        return Sent()

    def under_way(_: Delivery) -> Outcome:
        begun.set()
        done.wait(60)
        return Sent()

    first.outcomes += [too_late]
    other.outcomes += [under_way]
    late.run_due()
    assert len(first.got) == 1
    done.set()
    thread.join(60)


def test_a_database_that_is_locked_for_long_makes_no_double(newsroom: Newsroom) -> None:
    """As by a pass over very many files: answers come in, and nothing can be noted."""
    desk = Desk(newsroom)
    desk.configure(webhook("a"), webhook("b"), announce={"settle": "0s"})
    newsroom.build()
    publish(desk, "one")
    newsroom.later(seconds=3)
    database = sqlite3.connect(newsroom.folder / ".feedbot/feedbot.db", isolation_level=None)
    both = threading.Barrier(3)

    def meet(_: Delivery) -> Outcome:
        both.wait(60)
        return Sent()

    for box in desk.boxes.values():
        box.budget = 0.1
        box.outcomes += [meet]
    deliverer = desk.deliverer()
    thread = threading.Thread(target=deliverer.run)
    thread.start()
    both.wait(60)
    try:
        database.execute("begin immediate")
    except sqlite3.OperationalError:
        database.execute("begin immediate")
    newsroom.later(minutes=5)  # the leases are over
    threading.Event().wait(0.3)  # both answers are in the mailbox by now
    database.execute("commit")
    database.close()
    deadline = threading.Event()
    for _ in range(200):
        if states(desk) == {State.SENT: 2}:
            break
        deadline.wait(0.05)
    deliverer.stop()
    thread.join(60)
    assert {name: len(box.got) for name, box in desk.boxes.items()} == {"a": 1, "b": 1}


def test_a_passing_failure_of_the_database_does_not_end_a_single_run_with_nothing_sent(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    engine = desk.newsroom.engine
    seen = count_transactions(engine)

    def fail_once(connection: object, *_: object) -> None:
        if seen[0] == 1:
            seen[0] += 1
            raise RuntimeError("deadlock detected")

    event.listen(engine, "before_cursor_execute", fail_once)
    desk.deliverer().run_due()
    event.remove(engine, "before_cursor_execute", fail_once)
    assert titles(desk) == ["one"]
    assert "deadlock detected" in caplog.text


def test_a_database_that_stays_broken_ends_a_single_run_with_an_error(desk: Desk) -> None:
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    with desk.newsroom.engine.begin() as connection:
        connection.execute(text("alter table posts rename to away"))
    with pytest.raises(StoreError, match="outbox cannot be used"):
        desk.deliverer().run_due()
    assert desk.box.got == []


def test_stopping_and_waiting_cost_no_processor(desk: Desk) -> None:
    """Once these were loops without a wait, of tens of thousands of transactions."""
    desk.configure(webhook("a"), webhook("b"))
    desk.newsroom.build()
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    deliverer = desk.deliverer()
    number = count_transactions(desk.newsroom.engine)
    pause = threading.Event()

    def slow(_: Delivery) -> Outcome:
        deliverer.stop()
        number[0] = 0
        pause.wait(0.5)
        return Sent()

    desk.boxes["a"].outcomes += [slow]
    desk.boxes["b"].outcomes += [Busy(reason="429", after=desk.newsroom.now + timedelta(hours=1))]
    deliverer.run()
    assert number[0] < 50
    idle = desk.deliverer()
    thread = threading.Thread(target=idle.run)
    thread.start()
    for _ in range(5):
        idle.wake()
        pause.wait(0.1)
    idle.stop()
    thread.join(60)
    assert number[0] < 150


def test_two_processes_that_start_together_with_a_new_target_both_make_their_pass(
    tmp_path: Path, postgres_url: str
) -> None:
    room = Newsroom(tmp_path / "room", store_url=postgres_url)
    desk = Desk(room)
    room.build()
    desk.configure(*(webhook(f"t{number}") for number in range(30)))
    failures: list[str] = []
    meeting = threading.Barrier(3)

    def build() -> None:
        builder = Builder(room.config, room.engine, clock=lambda: room.now)
        meeting.wait(60)
        try:
            builder.run()
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(repr(error))

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    room.close()
    assert failures == []


def test_a_worker_that_can_have_no_threads_claims_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    deliverer: Deliverer = desk.deliverer()
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("delivery"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(FeedbotError, match="new thread"):
        deliverer.run()
    assert desk.states() == [("published", State.PENDING)]
