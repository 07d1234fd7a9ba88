"""What PostgreSQL does to workers: it stops and starts, falls silent, keeps locks of one that was stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from databases import socket_of, turn_off, turn_on
from faults import Fault, Proxy, proxy_to
from newsroom import Newsroom
from postbox import opened
from sqlalchemy import Connection, Engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from test_worker import PATIENCE, Process, shows, wait_until
from test_workers import builder, launch
from visitor import free_port

from feedbot.attempt import State
from feedbot.errors import StoreError
from feedbot.store import archives, feeds, figures, journal, notification
from feedbot.store.db import open_store
from feedbot.store.engines import beside
from feedbot.store.feeds import FeedKind
from feedbot.store.schema import state
from feedbot.store.statements import upsert
from feedbot.store.window import Window

__all__ = ["launch"]  # the fixture

Start = Callable[..., Process]

SHORT = 1.0  # seconds: as long as a test waits for a line that went dead; one that is well answers far sooner


@pytest.fixture
def any_newsroom(tmp_path: Path, postgres_url: str) -> Iterator[Newsroom]:
    """A newsroom on PostgreSQL alone, under the name that `launch` asks for."""
    room = Newsroom(tmp_path / "newsroom", store_url=postgres_url)
    yield room
    room.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_server_costs_nothing_but_time(
    launch: Start, any_newsroom: Newsroom, postgres: Any, mode: str
) -> None:
    any_newsroom.configure(schedule={"scan": "1h"})
    any_newsroom.write("one.md")
    worker = launch()
    worker.wait_for_line("looked at everything")
    any_newsroom.close()
    turn_off(postgres, mode)
    try:
        worker.wait_for_line("the database cannot be used; trying again")
        any_newsroom.write("two.md")  # a pass that cannot be made now
    finally:
        turn_on(postgres)
    worker.wait_for_line("the database can be used again")
    wait_until(shows(any_newsroom, "About two"), lambda: f"what came meanwhile: {worker.lines}")
    any_newsroom.write("three.md")
    wait_until(shows(any_newsroom, "About three"), "what comes after")
    assert worker.stop() == 0
    told = [line for line in worker.lines if '"warning"' in line or '"error"' in line]
    assert len(told) == 1, told
    assert not [line for line in worker.lines if "Traceback" in line]


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_server_that_goes_while_a_worker_starts_is_waited_for(
    launch: Start, any_newsroom: Newsroom, postgres: Any, comes_back: bool
) -> None:
    any_newsroom.write("one.md")
    with any_newsroom.engine.connect() as connection:
        connection.execute(text("lock table leases in access exclusive mode"))
        worker = launch("--serve", "--port", str(free_port()))
        worker.wait_for_line("started")
        wait_until(lambda: waits_for_lock(any_newsroom.engine), "its first question")
        turn_off(postgres, "immediate")
        connection.invalidate()
    any_newsroom.close()
    try:
        worker.wait_for_line("the database cannot be used; trying again")
        if not comes_back:
            assert worker.stop() == 0
            assert worker.lines[-1].count("stopped") == 1
    finally:
        turn_on(postgres)
    if comes_back:
        wait_until(shows(any_newsroom, "About one"), lambda: f"the first pass: {worker.lines}")
        assert worker.stop() == 0
    told = [line for line in worker.lines if '"warning"' in line or '"error"' in line]
    assert len(told) == 1, told


def waits_for_lock(engine: Engine) -> bool:
    with engine.begin() as connection:
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        return bool(connection.execute(text(waiting)).scalar_one())


def is_writing(engine: Engine) -> bool:
    """Whether somebody is in the midst of writing articles."""
    with engine.begin() as connection:
        query = (
            "select count(*) from pg_locks where relation = 'articles'::regclass"
            " and mode = 'RowExclusiveLock' and pid <> pg_backend_pid()"
        )
        return bool(connection.execute(text(query)).scalar_one())


def test_a_pass_that_was_stopped_in_its_midst_holds_nobody_up_and_is_undone(
    launch: Start, any_newsroom: Newsroom
) -> None:
    any_newsroom.configure(schedule={"scan": "1h"}, feeds={"limit": 1000})
    for number in range(1000):
        any_newsroom.write(f"{number}.md", topics=["AI", f"Topic {number % 9}"])
    first = launch()
    wait_until(lambda: is_writing(any_newsroom.engine), "the first pass")
    first.popen.send_signal(signal.SIGSTOP)
    second = launch()
    second.wait_for_line("looked at everything")
    assert len(any_newsroom.items()) == 1000
    assert builder(any_newsroom) == second.popen.pid
    before = any_newsroom.snapshot()
    first.popen.send_signal(signal.SIGCONT)
    first.wait_for_line("standing by, for the worker")
    assert any_newsroom.snapshot() == before
    assert [process.stop() for process in (first, second)] == [0, 0]
    assert sum(len(any_newsroom.items(f"topic-{number}")) for number in range(9)) == 1000


def test_a_word_that_there_is_something_to_send_reaches_the_others_over_a_restart_too(
    postgres: Any, postgres_url: str
) -> None:
    engine = open_store(postgres_url)
    stopping, heard = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: notification.listen(engine, stopping, heard.set))
    thread.start()

    def is_heard() -> bool:
        with engine.begin() as connection:
            notification.notify(connection)
        return heard.wait(0.1)

    try:
        wait_until(is_heard, "the word")
        engine.dispose()
        turn_off(postgres, "fast")
        turn_on(postgres)
        heard.clear()
        wait_until(is_heard, "the word after a restart")
    finally:
        stopping.set()
        thread.join(PATIENCE)
    engine.dispose()


# --- silence ---


@pytest.fixture
def line(postgres: Any, postgres_url: str) -> Iterator[Proxy]:
    """A line to the server that can go dead."""
    open_store(postgres_url).dispose()
    with proxy_to(socket_of(postgres_url)) as proxy:
        yield proxy


def through(line: Proxy) -> str:
    return f"postgresql+psycopg://postgres@127.0.0.1:{line.port}/postgres"


def test_a_line_that_goes_dead_is_given_up_in_time_and_made_anew(line: Proxy) -> None:
    far = open_store(through(line))
    engine = beside(far, SHORT)
    with engine.begin() as connection:
        assert figures.count_passes(connection) == 0
    line.fail(Fault.SWALLOW)
    with pytest.raises(OperationalError, match=r"no answer|timeout"), engine.begin() as connection:
        figures.count_passes(connection)
    line.heal()
    with engine.begin() as connection:
        assert figures.count_passes(connection) == 0
    engine.dispose()
    far.dispose()


def test_of_a_line_that_is_cut_while_many_rows_are_written_nothing_but_the_error_tells(
    line: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    engine = open_store(through(line))

    def write() -> None:
        with engine.begin() as connection:
            journal.put(connection, "first", "row")
            line.fail(Fault.CUT, times=1)
            upsert(connection, state, [{"name": str(number), "value": "row"} for number in range(9)])

    with pytest.raises(OperationalError, match="closed the connection"):
        write()
    assert not caplog.records
    engine.dispose()


def test_a_statement_that_takes_its_time_within_the_patience_is_waited_for(postgres_url: str) -> None:
    engine = open_store(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("select pg_sleep(0.5)"))
    engine.dispose()


def test_a_statement_that_is_given_up_is_ended_by_the_server_too(postgres_url: str) -> None:
    """Or each try would leave one more there, with all that it has locked."""
    store = open_store(postgres_url)
    engine = beside(store, 0.3)
    with pytest.raises(OperationalError, match="no answer"), engine.begin() as connection:
        connection.execute(text("select pg_sleep(60)"))

    def is_over() -> bool:
        query = "select from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'"
        with store.begin() as connection:
            return connection.execute(text(query)).first() is None

    wait_until(is_over, "its end")
    engine.dispose()
    store.dispose()


def test_a_worker_whose_line_went_dead_goes_on_over_a_new_one(
    launch: Start, any_newsroom: Newsroom, line: Proxy
) -> None:
    any_newsroom.configure(
        schedule={"scan": "1h"}, store={"url": f"postgresql://postgres@127.0.0.1:{line.port}/postgres"}
    )
    any_newsroom.write("one.md")
    worker = launch()
    worker.wait_for_line("looked at everything")
    line.fail(Fault.SWALLOW)
    worker.wait_for_line("the database cannot be used; trying again")
    line.heal()
    any_newsroom.write("two.md")
    # A connection that a pass was using is waited for longest.
    wait_until(shows(any_newsroom, "About two"), lambda: f"the pass: {worker.lines}", 2 * PATIENCE)
    assert any_newsroom.titles() == ["About one", "About two"]
    worker.wait_for_line("the database can be used again")
    worker.stop()


def test_the_operators_pages_do_not_wait_for_a_line_that_went_dead(line: Proxy) -> None:
    window = Window(through(line), patience=SHORT)
    assert window.look(figures.count_passes) == 0
    line.fail(Fault.SWALLOW)
    with pytest.raises(StoreError, match="cannot"):
        window.look(figures.count_passes)
    line.heal()
    assert window.look(figures.count_passes) == 0
    window.shut()


@pytest.mark.parametrize("number", [1, 2], ids=["of a claim", "of what came of it"])
def test_a_commit_whose_answer_is_lost_while_sending_costs_a_moment_and_leaves_no_trace(
    tmp_path: Path, line: Proxy, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    desk = opened(Newsroom(tmp_path / "newsroom", store_url=through(line)))
    desk.newsroom.build([desk.write("one.md")])
    desk.newsroom.later(seconds=3)
    commits: list[object] = []

    def lose(connection: object) -> None:
        commits.append(connection)
        if len(commits) == number:
            line.fail(Fault.LOSE, times=1)

    event.listen(desk.newsroom.engine, "commit", lose)
    deliverer = desk.deliverer()
    deliverer.run_due()
    assert desk.box.told() == [("published", "About one")]
    assert deliverer.counts == {"sent": 1}
    assert [(one.row.state, one.row.attempts) for one in desk.rows()] == [(State.SENT, 1)]
    assert [one.outcome for one in desk.attempts()] == ["sent"]
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
    desk.newsroom.close()


# --- locks ---


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_server_that_begins_stricter_transactions_makes_nobody_fail_who_writes_beside_others(
    postgres_url: str, level: str
) -> None:
    strict = {"options": f"-c default_transaction_isolation={level.replace(' ', chr(92) + ' ')}"}
    engine = open_store(make_url(postgres_url).update_query_dict(strict).render_as_string())
    with engine.begin() as first:
        assert journal.get(first, "word") is None
        with engine.begin() as second:
            journal.put(second, "word", "theirs")
        assert journal.get(first, "word") == "theirs"
        journal.put(first, "word", "ours")
    with engine.begin() as connection:
        assert journal.get(connection, "word") == "ours"
    engine.dispose()


@pytest.mark.parametrize("change", [feeds.touch_all, archives.touch_all], ids=["feeds", "archives"])
def test_feeds_are_locked_in_one_order_whatever_their_order_on_disk(
    postgres_url: str, change: Callable[[Connection], None]
) -> None:
    """Two who change several feeds, one by one and all at once, never wait for each other in a circle."""
    engine = open_store(postgres_url)
    with engine.begin() as connection:
        wanted = {(FeedKind.TOPIC, str(number)): ("", str(number)) for number in range(3)}
        keys = list(feeds.register(connection, wanted).values())
        feeds.touch(connection, keys[:1])  # on disk, the first is the last now
    done = threading.Event()

    def change_all_at_once() -> None:
        with engine.begin() as connection:
            change(connection)
        done.set()

    thread = threading.Thread(target=change_all_at_once)
    with engine.begin() as connection:
        row = next(row for row in feeds.load(connection) if row.key == keys[0])
        feeds.note_rendered(connection, [(row, row.updated)])
        thread.start()
        wait_until(lambda: waits_for_lock(engine), "the other to wait for us")
        for row in feeds.load(connection)[1:]:  # which it must not have locked
            feeds.note_rendered(connection, [(row, row.updated)])
    thread.join(PATIENCE)
    assert done.is_set()
    engine.dispose()
