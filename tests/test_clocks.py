"""Machines whose clocks differ share a store: nothing arrives twice, too early or too late for that.

On PostgreSQL; who shares an SQLite is on one machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from newsroom import Newsroom
from receiver import Receiver, Reply, receiving
from sqlalchemy import create_engine, event, make_url, text
from test_worker import PATIENCE, Process

from feedbot.attempt import State
from feedbot.clock import Clock, utc_now
from feedbot.operator import standings
from feedbot.passes.build import Builder
from feedbot.sending.deliver import Deliverer, make_deliverer
from feedbot.store import inquiry, targets
from feedbot.store.clock import StoreClock
from feedbot.store.inquiry import AttemptRow, Selection, ShownDelivery

NEAR = [-10, 10]  # minutes: more than a claim lasts
AWAY = [*NEAR, -30 * 60, 30 * 60]  # ... and more than anything is put off for
SOON = timedelta(minutes=3)  # longer than a test takes, and less than clocks differ


def machine(minutes: float) -> Clock:
    """The clock of a machine that is ahead by so many minutes."""
    return lambda: utc_now() + timedelta(minutes=minutes)


@pytest.fixture
def room(tmp_path: Path, postgres_url: str) -> Iterator[Newsroom]:
    """A newsroom that several machines share."""
    room = Newsroom(tmp_path / "newsroom", store_url=postgres_url)
    yield room
    room.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        receiver.otherwise = Reply(204)
        yield receiver


def opened(room: Newsroom, receiver: Receiver, *, settle: str = "0s", **target: Any) -> None:
    """Announce to the receiver what comes from now on."""
    hook = {"name": "hook", "type": "webhook", "url": f"{receiver.url}/hook", "unsigned": True, **target}
    room.configure(announce={"settle": settle}, targets=[hook])
    make_pass(room)


def make_pass(room: Newsroom, *names: str, minutes: float = 0) -> None:
    """Publish articles from a machine whose clock is ahead by so many minutes."""
    for name in names:
        hour = (utc_now() - timedelta(days=2)).isoformat(timespec="seconds")
        room.write(f"{name}.md", title=name, publishedDateTime=hour)
    clock = machine(minutes)
    Builder(room.config, room.engine, clock=clock, senders_clock=StoreClock(clock)).run()


def sender(room: Newsroom, minutes: float) -> Deliverer:
    """What sends on a machine whose clock is ahead by so many minutes."""
    clock = StoreClock(machine(minutes))
    return make_deliverer(room.config, room.engine, redact=str, clock=clock)


@contextmanager
def at_it(deliverer: Deliverer) -> Iterator[None]:
    """Within the block it sends; at its end, that is awaited."""
    thread = threading.Thread(target=deliverer.run_due)
    thread.start()
    yield
    thread.join(PATIENCE)
    assert not thread.is_alive()


@contextmanager
def failing(room: Newsroom, words: str) -> Iterator[None]:
    """Within the block a pass fails at the first statement that begins with these words."""

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(words):
            raise ConnectionAbortedError(words)

    event.listen(room.engine, "before_cursor_execute", look)
    with pytest.raises(ConnectionAbortedError):
        yield
    event.remove(room.engine, "before_cursor_execute", look)


def rows(room: Newsroom) -> list[ShownDelivery]:
    """The deliveries on record, the oldest first."""
    found: list[ShownDelivery] = room.scalar(
        lambda connection: inquiry.select_for(connection, Selection(), newest=False)
    )
    return found


def outcomes(room: Newsroom) -> list[str]:
    """What came of each attempt of the only delivery."""
    (row,) = rows(room)
    tries: list[AttemptRow] = room.scalar(lambda connection: inquiry.attempts_of(connection, row.key))
    return [one.outcome for one in tries]


def due(room: Newsroom) -> timedelta:
    """How far away it is that the first delivery is sent."""
    row = rows(room)[0]
    return datetime.fromtimestamp(row.row.due_us / 1e6, UTC) - utc_now()


@pytest.mark.parametrize("minutes", AWAY)
@pytest.mark.parametrize("is_first", [True, False])
def test_nobody_sends_what_another_machine_is_sending(
    room: Newsroom, receiver: Receiver, minutes: float, is_first: bool
) -> None:
    """`is_first`: the clock of the one that began to send is wrong; else that of the other."""
    opened(room, receiver)
    make_pass(room, "one")
    hold = threading.Event()
    receiver.replies.append(Reply(204, hold=hold))
    first, other = (minutes, 0.0) if is_first else (0.0, minutes)
    with at_it(sender(room, first)):
        receiver.wait_for(1)
        for _ in range(2):  # the first may mend what the second takes for abandoned
            sender(room, other).run_due()
        hold.set()
    sender(room, other).run_due()
    assert outcomes(room) == ["sent"]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("minutes", NEAR)
def test_what_failed_is_tried_again_in_time_by_every_machine(
    room: Newsroom, receiver: Receiver, minutes: float
) -> None:
    opened(room, receiver)
    make_pass(room, "one")
    receiver.replies.append(Reply(500))
    sender(room, minutes).run_due()
    assert timedelta(0) < due(room) < SOON
    for other in (0, *AWAY):
        sender(room, other).run_due()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("minutes", NEAR)
def test_machines_keep_one_pace(room: Newsroom, receiver: Receiver, minutes: float) -> None:
    opened(room, receiver, max_per_hour=1)
    make_pass(room, "one", "two")
    for ahead in (minutes, 0, minutes):
        sender(room, ahead).run_due()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("minutes", NEAR)
def test_what_one_machine_publishes_another_sends_at_once(
    room: Newsroom, receiver: Receiver, minutes: float
) -> None:
    opened(room, receiver)
    make_pass(room, "one", minutes=minutes)
    sender(room, 0).run_due()
    assert [one.row.state for one in rows(room)] == [State.SENT]


@pytest.mark.parametrize("minutes", NEAR)
def test_what_one_machine_found_before_it_failed_another_announces_at_once(
    room: Newsroom, receiver: Receiver, minutes: float
) -> None:
    opened(room, receiver)
    with failing(room, "INSERT INTO deliveries"):
        make_pass(room, "one", minutes=minutes)
    make_pass(room)
    sender(room, 0).run_due()
    assert [one.row.state for one in rows(room)] == [State.SENT]


@pytest.mark.parametrize("minutes", NEAR)
def test_what_waits_for_a_target_is_sent_at_once_when_somebody_resumes_it(
    room: Newsroom, receiver: Receiver, minutes: float
) -> None:
    opened(room, receiver)
    make_pass(room, "one", minutes=minutes)
    receiver.replies.append(Reply(401))
    sender(room, 0).run_due()
    assert due(room) > SOON
    room.scalar(lambda connection: standings.resume(connection, "hook"))
    sender(room, 0).run_due()
    assert outcomes(room) == ["denied", "sent"]


@pytest.mark.parametrize("minutes", NEAR)
def test_messages_are_signed_for_the_moment_that_the_database_has(
    room: Newsroom, receiver: Receiver, minutes: float
) -> None:
    opened(room, receiver)
    make_pass(room, "one")
    sender(room, minutes).run_due()
    told = datetime.fromtimestamp(int(receiver.requests[0].headers["webhook-timestamp"]), UTC)
    assert abs(told - utc_now()) < SOON


# --- one machine, and a database whose clock differs from its own ---


@pytest.fixture(params=AWAY)
def beside(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Newsroom]:
    """A newsroom whose database has a clock that is ahead by so many minutes."""
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        wrong = f"select pg_catalog.clock_timestamp() + interval '{request.param} minutes'"
        connection.execute(
            text(f"create function clock_timestamp() returns timestamptz language sql as $$ {wrong} $$")
        )
    engine.dispose()
    # What PostgreSQL has itself would be found first.
    first_ours = {"options": "-csearch_path=public,pg_catalog"}
    url = make_url(postgres_url).update_query_dict(first_ours).render_as_string(hide_password=False)
    room = Newsroom(tmp_path / "newsroom", store_url=url)
    yield room
    room.close()


def run(room: Newsroom, *arguments: str) -> list[str]:
    """What a command says until it ends well."""
    process = Process(room, *arguments[1:], command=arguments[0])
    assert process.popen.wait(PATIENCE) == 0, process.lines
    process.stop()
    assert process.popen.stdout
    process.popen.stdout.close()
    return process.lines


def test_a_database_with_another_clock_holds_nothing_up(beside: Newsroom, receiver: Receiver) -> None:
    opened(beside, receiver, settle="1s")
    beside.write("one.md", title="one", publishedDateTime=(utc_now() - timedelta(days=2)).isoformat())
    said = run(beside, "run", "--once")
    assert len(receiver.requests) == 1
    assert sum("clock" in line for line in said) == 1, said
    run(beside, "deliveries", "retry", "--state", "sent")
    run(beside, "run", "--once")
    assert len(receiver.requests) == 2


def test_a_hub_is_told_in_time_by_a_database_with_another_clock(beside: Newsroom, receiver: Receiver) -> None:
    beside.configure(feeds={"hub": f"{receiver.url}/", "hub_delay": "1h"})
    make_pass(beside)
    make_pass(beside, "one")
    assert abs(due(beside) - difference(beside) - timedelta(hours=1)) < SOON


def test_a_pause_that_a_server_asks_for_lasts_as_long_as_it_says(
    beside: Newsroom, receiver: Receiver
) -> None:
    opened(beside, receiver)
    make_pass(beside, "one")
    receiver.replies.append(Reply(429, {"Retry-After": "100"}))
    make_deliverer(beside.config, beside.engine, redact=str).run_due()
    until = beside.scalar(lambda connection: targets.load(connection)["hook"].health.until)
    assert timedelta(seconds=60) < until - utc_now() - difference(beside) < SOON


def difference(room: Newsroom) -> timedelta:
    """How far the database's clock is ahead."""
    moment: datetime = room.scalar(
        lambda connection: connection.execute(text("select clock_timestamp()")).scalar_one()
    )
    return moment - utc_now()


def test_a_process_that_stood_still_sends_nothing_that_others_took_up_meanwhile(
    room: Newsroom, receiver: Receiver
) -> None:
    """Suspended, swapped out or stopped, just before it would have sent what it had claimed."""
    opened(room, receiver)
    make_pass(room, "one")
    stands, goes_on = threading.Event(), threading.Event()
    slept = timedelta(0)

    def clock() -> datetime:
        if threading.current_thread().name.startswith("delivery") and not stands.is_set():
            stands.set()
            goes_on.wait(PATIENCE)
        return utc_now() + slept

    with at_it(make_deliverer(room.config, room.engine, redact=str, clock=clock)):
        assert stands.wait(PATIENCE)
        slept = timedelta(hours=1)
        make_deliverer(room.config, room.engine, redact=str, clock=machine(60)).run_due()
        sender(room, 60).run_due()
        goes_on.set()
    make_deliverer(room.config, room.engine, redact=str, clock=machine(180)).run_due()
    assert len(receiver.requests) == 1
