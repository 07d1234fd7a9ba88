"""Several workers on one state: one makes the passes, the others take over; whoever lost its turn is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from newsroom import Newsroom
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import IntegrityError
from test_worker import PATIENCE, Process, shows, wait_until

from feedbot.errors import StandbyError
from feedbot.passes.build import Builder
from feedbot.process import is_over, runs_here, this_process
from feedbot.report.health import Diagnosis, load_pulse
from feedbot.report.metrics import load_sample
from feedbot.store import journal, workers
from feedbot.store.db import open_store
from feedbot.store.lease import Lease
from feedbot.store.schema import leases
from feedbot.store.workers import WorkerRow

Start = Callable[..., Process]


@pytest.fixture
def launch(any_newsroom: Newsroom) -> Iterator[Start]:
    """Starts a process over a newsroom on each kind of database, which is ended with the test."""
    running: list[Process] = []

    def begin(*arguments: str, command: str = "run") -> Process:
        running.append(Process(any_newsroom, *arguments, command=command))
        return running[-1]

    yield begin
    for process in running:
        if process.popen.poll() is None:
            process.popen.send_signal(signal.SIGCONT)
            process.popen.kill()
        process.popen.wait()
        process._reader.join(PATIENCE)
        if process.popen.stdout:
            process.popen.stdout.close()


def found(newsroom: Newsroom) -> list[WorkerRow]:
    """The workers as the state knows them."""
    return newsroom.scalar(workers.load)  # type: ignore[no-any-return] # what the query answers


def builder(newsroom: Newsroom) -> int | None:
    """The process that makes the passes."""
    pids = [int(one.name.rpartition(":")[2]) for one in found(newsroom) if one.is_builder and one.is_alive]
    return pids[0] if pids else None


def pair(launch: Start, newsroom: Newsroom) -> tuple[Process, Process]:
    """Two workers: the one that makes the passes, and the one that stands by."""
    newsroom.configure(schedule={"scan": "1h"}, **newsroom.settings)
    first = launch()
    first.wait_for_line("looked at everything")
    second = launch()
    second.wait_for_line(
        f"standing by, for the worker {this_process().name.partition(':')[0]}:{first.popen.pid}"
    )
    return first, second


def diagnosis_of(connection: Connection) -> Diagnosis:
    return Diagnosis(now=datetime.now(UTC), pulse=load_pulse(connection), stale_after=None)


def run_command(newsroom: Newsroom, *arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "feedbot", *arguments]
    return subprocess.run(command, cwd=newsroom.folder, capture_output=True, text=True, check=True).stdout


def run_out(connection: Connection) -> None:
    """Let the lease be that of somebody who was stopped too long."""
    connection.execute(update(leases).values(until_us=0))


# --- processes ---


def test_a_worker_that_is_killed_is_followed_by_one_that_stands_by(
    launch: Start, any_newsroom: Newsroom
) -> None:
    any_newsroom.write("one.md")
    first, second = pair(launch, any_newsroom)
    first.popen.kill()
    any_newsroom.write("two.md")
    wait_until(shows(any_newsroom, "About two"), lambda: f"the other worker: {second.lines}")
    assert builder(any_newsroom) == second.popen.pid
    assert "gives no sign of life since 20" in run_command(any_newsroom, "status")
    assert run_command(any_newsroom, "status", "-q") == ""  # somebody makes the passes
    measured = any_newsroom.scalar(lambda there: load_sample(there, {}, diagnosis_of(there)).workers)
    assert measured == {"builder": 1, "standby": 0}
    second.wait_for_line("makes the passes from now on")
    assert second.stop() == 0


def test_a_quiet_status_tells_of_the_only_worker_when_it_was_killed(
    launch: Start, any_newsroom: Newsroom
) -> None:
    any_newsroom.write("one.md")
    process = launch()
    process.wait_for_line("looked at everything")
    assert run_command(any_newsroom, "status", "-q") == ""
    process.popen.kill()
    process.popen.wait()
    assert "gives no sign of life since 20" in run_command(any_newsroom, "status", "-q")


def test_a_worker_that_ends_hands_over_and_leaves_no_trace(launch: Start, any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    first, second = pair(launch, any_newsroom)
    assert [one.is_builder for one in found(any_newsroom)] == [True, False]
    told = run_command(any_newsroom, "status")
    names = [one.name for one in found(any_newsroom)]
    assert f"{names[0]} makes the passes, since 20" in told
    assert f"{names[1]} stands by and sends, since 20" in told
    as_json = json.loads(run_command(any_newsroom, "status", "--json"))["workers"]
    assert [(one["name"], one["makes_passes"], one["is_alive"]) for one in as_json] == [
        (names[0], True, True),
        (names[1], False, True),
    ]
    assert first.stop() == 0
    any_newsroom.write("two.md")
    wait_until(shows(any_newsroom, "About two"), "the other worker")
    assert second.stop() == 0
    assert found(any_newsroom) == []


def test_a_worker_that_was_stopped_past_its_lease_writes_nothing_and_stands_by(
    launch: Start, any_newsroom: Newsroom
) -> None:
    any_newsroom.write("one.md")
    first, second = pair(launch, any_newsroom)
    first.popen.send_signal(signal.SIGSTOP)
    any_newsroom.write("two.md")  # the one that is stopped will see this event first when it goes on
    any_newsroom.write("two.md", title="Written meanwhile")
    wait_until(lambda: builder(any_newsroom) == second.popen.pid, "the lease to run out")
    wait_until(shows(any_newsroom, "Written meanwhile"), "the other worker")
    wait_until(lambda: found(any_newsroom)[0].pass_since is None, "the end of its pass")
    before = any_newsroom.snapshot()
    first.popen.send_signal(signal.SIGCONT)
    first.wait_for_line("standing by, for the worker")
    assert any_newsroom.snapshot() == before
    any_newsroom.write("three.md")
    wait_until(shows(any_newsroom, "About three"), "the builder still builds")
    assert builder(any_newsroom) == second.popen.pid
    assert [process.stop() for process in (first, second)] == [0, 0]
    assert not [line for line in first.lines + second.lines if "failed" in line or "Traceback" in line]


def test_building_by_hand_beside_a_worker_takes_a_turn(launch: Start, any_newsroom: Newsroom) -> None:
    for number in range(30):
        any_newsroom.write(f"all/{number}.md")
    any_newsroom.configure(schedule={"scan": "1h"}, feeds={"limit": 100})
    worker = launch()
    worker.wait_for_line("looked at everything")
    (any_newsroom.content / "all").rename(any_newsroom.folder / "away")  # all at once, however busy we are
    worker.wait_for_line("are gone at once")  # which a worker does not take for true
    assert launch("--allow-empty", command="build").popen.wait(PATIENCE) == 0
    assert any_newsroom.titles() == []
    any_newsroom.write("new.md")
    wait_until(shows(any_newsroom, "About new"), lambda: f"the worker goes on: {worker.lines}")
    assert worker.stop() == 0


# --- the lease itself ---


@pytest.fixture
def other(any_newsroom: Newsroom) -> Iterator[Engine]:
    """The same state as another process would have it open."""
    engine = open_store(any_newsroom.config.store.url.get_secret_value())
    yield engine
    engine.dispose()


def test_a_command_that_does_not_get_its_turn_says_who_has_it(any_newsroom: Newsroom, other: Engine) -> None:
    waiting = Builder(any_newsroom.config, other, lease=Lease(other, patience=0.3))
    with Lease(any_newsroom.engine).turn(), pytest.raises(StandbyError) as refused:
        waiting.run()
    name = this_process().name
    assert str(refused.value).startswith(f"the command {name} makes the passes since 20")
    assert "feedbot status" in str(refused.value)
    waiting.run()


def test_terms_rise_with_each_holder_and_last_as_long_as_one_keeps_it(
    any_newsroom: Newsroom, other: Engine
) -> None:
    first, second = Lease(any_newsroom.engine), Lease(other)
    terms = []
    for lease in (first, second, first):
        with lease.turn():
            terms.append(lease.term)
    assert terms == [1, 2, 3]
    first.stay()
    for _ in range(2):
        with first.turn():
            terms.append(first.term)
    assert terms[3:] == [4, 4]
    with second.turn():  # a command between two passes of a worker
        assert second.term == 5
    with first.turn():
        assert first.term == 6
    first.leave()


def test_what_is_written_after_the_lease_was_lost_does_not_count(
    any_newsroom: Newsroom, other: Engine
) -> None:
    lease, next_one = Lease(any_newsroom.engine), Lease(other)
    lease.stay()  # and nothing renews it, as when a worker hangs

    def write_too_late() -> None:
        with lease.turn():
            with lease.engine.begin() as connection:
                journal.put(connection, "early", "yes")
            with other.begin() as connection:
                run_out(connection)
            with next_one.turn(), other.begin() as connection:
                journal.put(connection, "theirs", "yes")
            with lease.engine.begin() as connection:
                assert journal.get(connection, "theirs") == "yes"  # to look is no matter
            with lease.engine.begin() as connection:
                journal.put(connection, "late", "yes")

    with pytest.raises(StandbyError, match="cut short"):
        write_too_late()

    def noted(connection: Connection) -> list[str | None]:
        return [journal.get(connection, name) for name in ("early", "theirs", "late")]

    assert any_newsroom.scalar(noted) == ["yes", "yes", None]
    with lease.turn(), lease.engine.begin() as connection:
        journal.put(connection, "late", "in its turn")
    lease.leave()


def test_who_only_looks_writes_nothing(any_newsroom: Newsroom) -> None:
    lease = Lease(any_newsroom.engine)
    lease.stay()
    with lease.turn():
        with lease.engine.begin() as connection:
            journal.put(connection, "written", "yes")
        before = any_newsroom.scalar(lambda connection: connection.scalar(select(leases.c.until_us)))
        with lease.engine.begin() as connection:
            assert journal.get(connection, "written") == "yes"
        after = any_newsroom.scalar(lambda connection: connection.scalar(select(leases.c.until_us)))
    assert after == before
    lease.leave()


def test_a_lease_is_confirmed_by_the_store_after_a_while(any_newsroom: Newsroom, other: Engine) -> None:
    lease = Lease(any_newsroom.engine)
    lease.stay()

    def publish_too_late() -> None:
        with lease.turn():
            lease.confirm()
            with other.begin() as connection:
                run_out(connection)
            with Lease(other).turn():
                lease._confirmed = 0.0  # as after a while
                lease.confirm()

    with pytest.raises(StandbyError, match="cut short"):
        publish_too_late()
    lease.leave()


def test_a_clock_that_was_ahead_keeps_nobody_waiting(any_newsroom: Newsroom, other: Engine) -> None:
    stopped = Lease(any_newsroom.engine)
    stopped.stay()
    with stopped.turn(), other.begin() as connection:
        connection.execute(update(leases).values(until_us=leases.c.until_us + 3600 * 1_000_000))
    with Lease(other, patience=0.0).turn():
        pass
    stopped.leave()


def test_of_two_that_begin_at_once_one_waits_for_the_other(any_newsroom: Newsroom) -> None:
    any_newsroom.write("one.md")
    url = any_newsroom.config.store.url.get_secret_value()
    at_work: list[int] = []
    most: list[int] = []
    meeting = threading.Barrier(4)

    def work() -> None:
        engine = open_store(url)
        lease = Lease(engine)
        meeting.wait(PATIENCE)
        for _ in range(5):
            with lease.turn():
                at_work.append(1)
                most.append(len(at_work))
                at_work.pop()
        engine.dispose()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert most == [1] * 20


def test_a_process_is_known_to_run_and_to_have_ended(tmp_path: Any) -> None:
    mark = this_process().mark
    assert (runs_here(mark), is_over(mark)) == (True, False)
    child = subprocess.Popen(["true"])
    ended = f"{mark.split()[0]} {child.pid} 1"
    child.wait()
    assert (runs_here(ended), is_over(ended)) == (False, True)
    elsewhere = f"elsewhere {child.pid} 1"
    assert (runs_here(elsewhere), is_over(elsewhere)) == (False, False)
    reused = f"{mark.rpartition(' ')[0]} 1"  # our id, and another time of birth
    assert is_over(reused)


def test_a_lease_gives_its_word_when_it_comes_again_and_not_for_the_first_turn(
    any_newsroom: Newsroom, other: Engine
) -> None:
    lease, stopping = Lease(any_newsroom.engine), threading.Event()
    words: list[int] = []
    keeping = threading.Thread(target=lambda: lease.keep(stopping, lambda: words.append(lease.term)))
    keeping.start()
    try:
        wait_until(lambda: lease.term == 1, "the lease")
        with lease.turn():
            assert words == []
        with Lease(other).turn():
            pass
        wait_until(lambda: words == [3], "the word")
    finally:
        stopping.set()
        keeping.join()
        lease.leave()


def test_the_log_of_the_database_stays_short(newsroom: Newsroom) -> None:
    log, longest = newsroom.folder / ".feedbot/feedbot.db-wal", []
    for number in range(8):
        for name in range(100):
            newsroom.write(f"{name}.md", title=f"Version {number}", body=f"{number} " * 10_000)
        newsroom.build()
        longest.append(log.stat().st_size)
    assert longest[-1] < 2 * longest[1]


def test_a_lease_that_could_not_be_renewed_for_good_is_not_relied_on(newsroom: Newsroom) -> None:
    lease = Lease(newsroom.engine)
    with lease.turn():
        with newsroom.engine.begin() as connection:  # commits that fail, as when the line is cut right then
            connection.exec_driver_sql(
                "create table vain (key integer references feeds (key) deferrable initially deferred)"
            )
            connection.exec_driver_sql(
                "create trigger fails after update on leases begin insert into vain values (-1); end"
            )
        with pytest.raises(IntegrityError):
            wait_until(lambda: lease.confirm() < 0, "the lease to be asked for")
        with pytest.raises(IntegrityError):
            lease.confirm()
        with newsroom.engine.begin() as connection:
            connection.exec_driver_sql("drop trigger fails")
        assert lease.confirm() > 0
