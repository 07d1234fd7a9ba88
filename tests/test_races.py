"""Several processes on one outbox: none waits in a circle, and none undoes what another has just done.

Where a test is about locks it runs on PostgreSQL: on SQLite each transaction has the database for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from newsroom import Newsroom
from postbox import ALL, Desk, opened, webhook
from sqlalchemy import Connection, Engine, event, insert, select, text
from test_worker import PATIENCE, wait_until

from feedbot.attempt import Busy, Delivery, Denied, Outcome, Retry, Sent, State
from feedbot.operator import standings, steering
from feedbot.sending.outcomes import settled_of
from feedbot.settlement import Condition
from feedbot.store import deliveries, outbox, schema, settling, upkeep, workers
from feedbot.store.inquiry import Selection
from feedbot.store.statements import execute_many
from feedbot.store.workers import Role


@pytest.fixture
def desk(tmp_path: Path, postgres_url: str) -> Iterator[Desk]:
    """A newsroom on PostgreSQL with one webhook that takes every event, after its first pass."""
    room = Newsroom(tmp_path / "newsroom", store_url=postgres_url)
    yield opened(room)
    room.close()


@pytest.fixture
def any_desk(any_newsroom: Newsroom) -> Desk:
    """The same on each kind of database."""
    return opened(any_newsroom)


def publish(desk: Desk, *names: str) -> None:
    for name in names:
        desk.newsroom.build([desk.write(f"{name}.md")])


def say(desk: Desk, word: steering.Word, **selection: Any) -> Callable[[Connection], object]:
    return lambda connection: steering.say(connection, word, Selection(**selection), desk.newsroom.now)


def claim(desk: Desk) -> list[outbox.Claim]:
    """What another worker claims: of each target the first that is due."""
    leases = {name: timedelta(minutes=1) for name in desk.boxes}
    with desk.newsroom.engine.begin() as connection:
        found = outbox.claim_heads(connection, leases, desk.newsroom.now, owner="another")
    return [one for claims in found.values() for one in claims]


# --- what happens at the same time ---


class Other:
    """What another process does in a transaction meanwhile."""

    def __init__(self, engine: Engine, work: Callable[[Connection], object]) -> None:
        self._engine = engine
        self._work = work
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def begin(self) -> None:
        """Let it go on until it is done, or waits for somebody."""
        before = waiting(self._engine)
        self._thread.start()
        wait_until(
            lambda: not self._thread.is_alive() or waiting(self._engine) > before, "the other one's beginning"
        )

    def end(self) -> None:
        """Wait for its end; raises what it failed with."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            with self._engine.begin() as connection:
                self._work(connection)
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._failure = error


def waiting(engine: Engine) -> int:
    """How many wait for a lock."""
    with engine.begin() as connection:
        query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        return int(connection.execute(text(query)).scalar_one())


def once_after(engine: Engine, is_meant: Callable[[str], bool], act: Callable[[], None]) -> None:
    """Act right after this thread has run the first statement that is meant."""
    here = threading.get_ident()
    done: list[str] = []

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not done and threading.get_ident() == here and is_meant(statement):
            done.append(statement)
            act()

    event.listen(engine, "after_cursor_execute", look)


def waits_for_deliveries(statement: str) -> bool:
    """Whether a statement locks deliveries, whoever has them."""
    return "FROM deliveries" in statement and "FOR UPDATE" in statement and "SKIP" not in statement


# --- nobody waits in a circle ---


def test_a_burst_can_be_dropped_while_a_pass_holds_it(desk: Desk) -> None:
    desk.configure(webhook(events=ALL), announce={"burst": 3, "settle": "1m"})
    publish(desk, "a", "b")
    dropping = Other(desk.newsroom.engine, say(desk, steering.Word.DROP))
    once_after(desk.newsroom.engine, waits_for_deliveries, dropping.begin)
    corrected = desk.write("b.md", title="Corrected")
    desk.newsroom.build([corrected, *(desk.write(f"{name}.md") for name in "cde")])
    dropping.end()
    assert {row.row.state for row in desk.rows()} == {State.SKIPPED, State.SUPERSEDED}


def test_what_a_resumed_target_waits_for_can_be_dropped_meanwhile(desk: Desk) -> None:
    publish(desk, *"abc")
    desk.newsroom.later(seconds=3)
    desk.box.outcomes += [Retry(reason="500")] * 3
    desk.deliverer().run_due()
    first, second, third = (row.key for row in desk.rows())
    move_to_the_end(desk, second, third, first)
    engine = desk.newsroom.engine
    resuming = Other(engine, lambda connection: standings.resume(connection, "box"))
    dropping = Other(engine, say(desk, steering.Word.DROP))
    with engine.begin() as connection:
        connection.execute(text("select 1 from deliveries where key = :key for update"), {"key": third})
        resuming.begin()
        dropping.begin()
    resuming.end()
    dropping.end()
    assert {row.row.state for row in desk.rows()} == {State.SKIPPED}


def move_to_the_end(desk: Desk, *keys: int) -> None:
    """Let these rows come last in the table, as those do that were written last."""
    with desk.newsroom.engine.begin() as connection:
        for key in keys:
            for settled in (1, None):  # in an index, so that the row has to be made anew
                moved = text("update deliveries set settled_us = :settled where key = :key")
                connection.execute(moved, {"settled": settled, "key": key})
        connection.execute(text("analyze deliveries"))  # so that it is known to be small, and read as it lies
        found = connection.execute(text("select key from deliveries order by ctid")).scalars().all()
    assert tuple(found[-len(keys) :]) == keys


@pytest.mark.parametrize("word", list(steering.Word))
def test_who_only_looks_waits_for_nobody(desk: Desk, word: steering.Word) -> None:
    publish(desk, "a")
    engine = desk.newsroom.engine
    with engine.begin() as pass_, engine.begin() as connection:
        deliveries.steer(pass_)
        pass_.execute(text("select 1 from deliveries for update"))
        connection.execute(text("set local lock_timeout = '1s'"))
        steering.say(connection, word, Selection(targets=("box",)), desk.newsroom.now, dry_run=True)
        assert standings.resume(connection, "box") is None  # it is ready


def test_a_pass_over_very_many_articles_locks_their_deliveries_in_one_order(desk: Desk) -> None:
    publish(desk, "a", "b")
    first, last = (row.row.article_key for row in desk.rows())
    nobody = range(upkeep.MOST, 11_000)
    engine = desk.newsroom.engine
    dropping = Other(engine, say(desk, steering.Word.DROP))
    once_after(engine, lambda statement: "FROM deliveries" in statement, dropping.begin)
    with engine.begin() as connection:
        found = deliveries.of_articles(connection, [last, *nobody, first])
    dropping.end()
    assert [stored.row.article_key for stored in found] == [first, last]


@pytest.mark.parametrize("mending", ["purge", "mend_clock"])
def test_a_worker_that_tidies_up_and_a_pass_do_not_wait_for_each_other(desk: Desk, mending: str) -> None:
    """What it meets while it notes what came back may be what a pass is about to correct."""
    publish(desk, "a")
    desk.deliver()
    desk.newsroom.later(days=2)
    publish(desk, "b")
    desk.newsroom.later(seconds=3)
    engine, now = desk.newsroom.engine, desk.newsroom.now
    if mending == "mend_clock":
        ahead = "state = 'retry', settled_us = null, due_us = 2 * at_us"
        with engine.begin() as connection:
            connection.execute(text(f"update deliveries set {ahead} where event_number = 1"))  # noqa: S608 - ours
    claims = claim(desk)
    corrected = [desk.write(f"{name}.md", title="Corrected") for name in "ab"]
    passing = Other(engine, lambda _: desk.newsroom.build(corrected))
    with engine.begin() as connection:
        settling.lock(connection, claims)
        passing.begin()
        if mending == "purge":
            upkeep.purge(connection, now - timedelta(days=1))
        else:
            upkeep.mend_clock(connection, now)
        settling.release(connection, claims, now)
    passing.end()


def test_what_was_held_at_a_purge_is_purged_the_next_time(desk: Desk) -> None:
    publish(desk, "a")
    desk.deliver()
    desk.newsroom.later(days=2)
    before = desk.newsroom.now - timedelta(days=1)
    engine = desk.newsroom.engine
    with engine.begin() as holding, engine.begin() as connection:
        holding.execute(text("select 1 from deliveries for update"))
        assert upkeep.purge(connection, before) == 0
    with engine.begin() as connection:
        assert upkeep.purge(connection, before) == 1


def test_what_has_gathered_for_long_is_forgotten_bit_by_bit_with_one_look_at_each(any_desk: Desk) -> None:
    """Once PostgreSQL looked at all of it for each delivery, which took hours, and nothing was sent."""
    publish(any_desk, "a")
    any_desk.deliver()
    gathered = upkeep.MOST + 500
    engine, before = any_desk.newsroom.engine, any_desk.newsroom.now + timedelta(days=1)
    with engine.begin() as connection:
        row, attempt = (
            dict(connection.execute(select(table)).one()._mapping)
            for table in (schema.deliveries, schema.attempts)
        )
        del attempt["number"]
        new = {"article_key": None, "event_number": None}
        numbers = range(row["key"] + 1, row["key"] + 1 + gathered)
        copies = [{**row, **new, "key": key, "id": str(key)} for key in numbers]
        execute_many(connection, insert(schema.deliveries), copies)
        tries = [{**attempt, "delivery_key": key} for key in numbers]
        execute_many(connection, insert(schema.attempts), tries)
        connection.execute(text("analyze"))
    with engine.begin() as connection:
        assert upkeep.purge(connection, before) == upkeep.MOST
        if engine.dialect.name == "postgresql":
            read = "select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables where relname = :name"
            assert connection.execute(text(read), {"name": "deliveries"}).scalar_one() < 5 * gathered
    with engine.begin() as connection:
        assert upkeep.purge(connection, before) == 501
    assert any_desk.rows() == []


def test_a_target_that_is_set_up_anew_while_its_failure_is_noted(desk: Desk) -> None:
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    deliverer = desk.deliverer()

    def last(_: Delivery) -> Outcome:
        deliverer.stop()  # or it might find that the target, set up anew, is to get it at once
        return Retry(reason="500")

    desk.box.outcomes += [last]
    desk.configure(webhook(events=ALL, max_per_hour=9))
    corrected = desk.write("one.md", title="Corrected")
    passing = Other(desk.newsroom.engine, lambda _: desk.newsroom.build([corrected]))
    once_after(desk.newsroom.engine, waits_for_deliveries, passing.begin)
    deliverer.run_due()
    passing.end()
    # The pass makes it due: if it was done in time, it was sent once more.
    assert desk.states()[0] in [("published", State.RETRY), ("published", State.SENT)]


def test_several_targets_that_are_set_up_anew_while_their_failures_are_noted(desk: Desk) -> None:
    names = ["a", "b"]
    desk.configure(*map(webhook, names))
    desk.newsroom.build()
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    engine, now = desk.newsroom.engine, desk.newsroom.now
    claims = {one.row.target: one for one in claim(desk)}
    failures = [settled_of([(claims[name], Retry(reason="500"))], now, lambda: 0.0) for name in "ba"]
    desk.configure(*(webhook(name, max_per_hour=9) for name in names))
    passing = Other(engine, lambda _: desk.newsroom.build())
    once_after(engine, lambda statement: statement.startswith("UPDATE targets"), passing.begin)
    with engine.begin() as connection:
        settling.lock(connection, claims.values())
        settling.settle(connection, [one for some in failures for one in some], now, str)
    passing.end()


def test_workers_that_come_back_at_the_same_time_find_none_of_them_gone(desk: Desk) -> None:
    """As when the database was away: then none could give a sign of life."""
    engine = desk.newsroom.engine
    with engine.begin() as connection:
        for owner in ("one", "two"):
            workers.sign_of_life(connection, owner, Role.WORKER)
        connection.execute(text("update workers set seen_us = seen_us - 10000000"))
    gone: list[set[str]] = []

    def come_back(connection: Connection) -> None:
        workers.sign_of_life(connection, "two", Role.WORKER)
        gone.append(workers.find_gone(connection))

    second = Other(engine, come_back)
    with engine.begin() as connection:
        workers.sign_of_life(connection, "one", Role.WORKER)
        second.begin()
        gone.append(workers.find_gone(connection))
    second.end()
    assert gone == [set(), set()]


# --- nobody undoes what another has just done ---


def test_a_target_that_is_resumed_during_a_probe_stays_so_if_the_probe_fails(any_desk: Desk) -> None:
    desk = any_desk
    publish(desk, "one", "two")
    desk.box.outcomes += [Busy(reason="no answer")] * 8
    for _ in range(8):
        desk.deliver(hours=1)
    assert desk.health().condition is Condition.PAUSED

    def resumed(_: Delivery) -> Outcome:
        assert desk.newsroom.scalar(lambda connection: standings.resume(connection, "box"))
        return Busy(reason="no answer")

    desk.box.outcomes += [resumed]
    desk.deliver(hours=1)
    assert desk.health().condition is Condition.READY
    assert [state for _, state in desk.states()] == [State.SENT] * 2


def test_a_refusal_of_the_former_token_does_not_pause_a_target_that_has_another(any_desk: Desk) -> None:
    """As when a worker ends, and the next one has begun: the former has sent its last one."""
    desk = any_desk
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    deliverer = desk.deliverer()

    def set_up_anew(_: Delivery) -> Outcome:
        desk.configure(webhook(events=ALL, headers={"X-Token": "another"}))
        desk.newsroom.build()
        deliverer.stop()
        return Denied(reason="401")

    desk.box.outcomes += [set_up_anew]
    deliverer.run_due()
    assert desk.health().condition is Condition.READY
    desk.deliver(seconds=1)
    assert [state for _, state in desk.states()] == [State.SENT]


def test_what_came_back_after_it_was_claimed_is_announced_all_the_same(any_desk: Desk) -> None:
    desk = any_desk
    desk.configure(webhook(events=["published"]))
    publish(desk, "one")
    desk.newsroom.later(seconds=3)
    end_before_announcing(desk.newsroom.engine)
    (desk.newsroom.content / "one.md").unlink()
    with pytest.raises(RuntimeError, match="killed"):
        desk.newsroom.build()
    came: list[str] = []

    def clock() -> datetime:
        if threading.current_thread().name.startswith("delivery") and not came:
            came.append("back")
            publish(desk, "one")
        return desk.newsroom.now

    desk.deliverer(clock=clock).run_due()
    assert came
    desk.deliver()
    assert desk.box.told() == [("published", "About one")]


def end_before_announcing(engine: Engine) -> None:
    """Let the next pass end as if it was killed before it looks at what is to be announced."""

    def end(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM events" in statement:
            event.remove(engine, "before_cursor_execute", end)
            raise RuntimeError("killed")

    event.listen(engine, "before_cursor_execute", end)


def test_an_answer_that_comes_after_its_delivery_was_purged_holds_nothing_up(any_desk: Desk) -> None:
    """As to a machine that slept for days while another one worked."""
    desk = any_desk
    publish(desk, "one")
    desk.newsroom.later(seconds=3)

    def asleep(_: Delivery) -> Outcome:
        desk.newsroom.later(minutes=5)  # the lease is over
        for days in (0, 1, 100):
            desk.deliver(days=days)
        assert desk.rows() == []
        return Sent()

    desk.box.outcomes += [asleep]
    desk.deliverer().run_due()
    assert len(desk.box.got) == 2
