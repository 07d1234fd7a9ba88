"""A worker on an old configuration beside one on a new: one of them has the say, and the operator is told."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from databases import older_state
from newsroom import SITE, Newsroom
from postbox import toots
from receiver import Receiver, Reply, Request, receiving
from sqlalchemy import URL, Connection, make_url, text
from test_worker import PATIENCE, Process, shows, wait_until
from test_workers import builder, diagnosis_of, launch, run_command

from feedbot.audience import setup_of_all
from feedbot.config import Config, load
from feedbot.model import EventKind
from feedbot.report.chart import HOURS
from feedbot.report.overview import load_overview, needs
from feedbot.sending.deliver import make_deliverer
from feedbot.store.db import open_store
from feedbot.store.lease import Lease
from feedbot.store.migrations import upgrade

__all__ = ["launch"]  # the fixture

Start = Callable[..., Process]

OLD, NEW = "config.yaml", "new.yaml"
ROTATED = {"token": "another-token"}


@dataclass
class Rollout:
    """A newsroom with two configurations: both have a target `hook`, at another address."""

    room: Newsroom
    launch: Start
    receiver: Receiver

    def configure(self, file: str, *targets: dict[str, Any], **settings: Any) -> None:
        """Write one of the two."""
        announce = {"settle": "0s", "burst": 1000}
        usual = {"schedule": {"scan": "1h"}, "announce": announce, "targets": list(targets)}
        keeps = (self.room.folder / OLD).read_bytes()
        self.room.configure(**usual, **settings)
        if file != OLD:
            (self.room.folder / OLD).rename(self.room.folder / file)
            (self.room.folder / OLD).write_bytes(keeps)

    def hook(self, path: str, name: str = "hook") -> dict[str, Any]:
        """A webhook as it stands in a configuration."""
        return {"name": name, "type": "webhook", "url": f"{self.receiver.url}/{path}", "unsigned": True}

    def run(self, file: str) -> Process:
        """Start a worker, which has looked around."""
        process = self.launch("--config", file)
        wait_until(
            lambda: any("looked at everything" in line or "standing by" in line for line in process.lines),
            lambda: str(process.lines),
        )
        return process

    def publish(self, *names: str) -> list[str]:
        """Publish articles one after the other; the paths at which they arrived."""
        before = len(self.receiver.requests)
        for name in names:
            moment = datetime.now(UTC).isoformat(timespec="seconds")
            self.room.write(f"{name}.md", publishedDateTime=moment)
            came = len(self.receiver.requests)
            self.receiver.wait_for(came + 1)
        return [request.path for request in self.receiver.requests[before:]]


@pytest.fixture
def rollout(launch: Start, any_newsroom: Newsroom) -> Iterator[Rollout]:
    with receiving() as receiver:
        made = Rollout(any_newsroom, launch, receiver)
        made.configure(OLD, made.hook("old"))
        made.configure(NEW, made.hook("new"))
        yield made


FEW = [f"{number}" for number in range(12)]  # more than one worker sends by chance, if two may


def test_a_new_worker_beside_an_old_one_sends_from_the_moment_at_which_it_takes_over(
    rollout: Rollout,
) -> None:
    old = rollout.run(OLD)
    new = rollout.run(NEW)
    new.wait_for_line(f"{old.popen.pid} has another configuration or version: its own is in force")
    assert set(rollout.publish(*FEW)) == {"/old"}
    for more in ([], ["-q"]):  # a mistake, unless it ends soon
        told = run_command(rollout.room, "status", *more)
        assert "stands by with another configuration or version, and sends nothing, since 20" in told
    needed = rollout.room.scalar(needed_on_page)
    assert [need.partition(":")[2] for need in needed] == [
        f"{new.popen.pid} has another configuration or version"
    ]
    as_json = json.loads(run_command(rollout.room, "status", "--json"))["workers"]
    assert [(one["makes_passes"], one["sends"]) for one in as_json] == [(True, True), (False, False)]
    assert old.stop() == 0
    new.wait_for_line("makes the passes from now on")
    assert set(rollout.publish("after")) == {"/new"}
    assert [sum("and in force now" in line for line in one.lines) for one in (old, new)] == [0, 1]
    assert run_command(rollout.room, "status", "-q") == ""


def needed_on_page(connection: Connection) -> list[str]:
    """What the operator's page says that needs somebody."""
    return [need.what for need in needs(load_overview(connection, {}, diagnosis_of(connection), HOURS))]


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)  # where a lease runs out sooner
def test_an_old_worker_that_lost_its_turn_sends_nothing_its_way_until_the_new_one_is_rolled_back(
    rollout: Rollout,
) -> None:
    old = rollout.run(OLD)
    new = rollout.run(NEW)
    old.popen.send_signal(signal.SIGSTOP)
    wait_until(lambda: builder(rollout.room) == new.popen.pid, "the lease to run out")
    old.popen.send_signal(signal.SIGCONT)
    old.wait_for_line("has another configuration or version")
    new.wait_for_line("looked at everything")
    assert set(rollout.publish(*FEW)) == {"/new"}
    assert new.stop() == 0
    old.wait_for_line("makes the passes from now on")
    assert set(rollout.publish("after")) == {"/old"}


def test_what_waits_is_sent_by_the_new_configuration_though_its_passes_fail(rollout: Rollout) -> None:
    room = rollout.room
    room.now = datetime.now(UTC)
    room.build()
    moment = room.now.isoformat(timespec="seconds")
    room.write("waits.md", publishedDateTime=moment)
    room.build()
    for path in room.content.iterdir():
        path.unlink()
    room.content.rmdir()
    process = rollout.launch("--config", NEW)
    process.wait_for_line("the pass failed")
    assert [request.path for request in rollout.receiver.wait_for(1)] == ["/new"]


def test_workers_that_differ_in_what_is_their_own_affair_both_send(rollout: Rollout) -> None:
    rollout.configure(NEW, rollout.hook("old"), feeds={"path": str(rollout.room.feeds.absolute())})
    rollout.run(OLD)
    rollout.run(NEW)
    as_json = json.loads(run_command(rollout.room, "status", "--json"))["workers"]
    assert [one["sends"] for one in as_json] == [True, True]


@pytest.mark.parametrize(
    ("section", "options", "is_another"),
    [
        ("site", {**SITE, "url": "https://elsewhere.example/"}, True),
        ("feeds", {"formats": ["rss"]}, True),
        ("feeds", {"topics": {"AI": {"slug": "machines"}}}, True),
        ("announce", {"max_age": "1d"}, True),
        ("content", {"fields": "hugo"}, True),
        ("targets", [toots(**ROTATED)], True),
        ("targets", [toots(), toots("second", **ROTATED)], True),
        ("targets", [toots("renamed")], True),
        ("feeds", {"path": "s3://elsewhere"}, True),
        ("feeds", {"path": "elsewhere"}, False),
        ("content", {"path": "elsewhere"}, False),
        ("serve", {"local": True}, False),
        ("schedule", {"scan": "7s"}, False),
        ("announce", {"parallel": 3}, False),
    ],
)
def test_whatever_a_reader_or_a_target_would_notice_makes_another_configuration(
    newsroom: Newsroom, section: str, options: Any, is_another: bool
) -> None:
    newsroom.configure(targets=[toots()])
    before = setup_of_all(newsroom.config)
    newsroom.configure(**{"targets": [toots()], section: options})
    assert (setup_of_all(newsroom.config) != before) == is_another


def test_a_pass_by_hand_with_another_configuration_than_the_worker_says_that_it_does_not_last(
    rollout: Rollout,
) -> None:
    rollout.configure(NEW, rollout.hook("new"), feeds={"formats": ["rss"]})
    room = rollout.room
    room.write("one.md")
    old = rollout.run(OLD)
    process = rollout.launch("--config", NEW, command="build")
    assert process.popen.wait(PATIENCE) == 0
    process.wait_for_line(f"{old.popen.pid} has another configuration or version: it goes by its own again")
    wait_until(shows(room, "About one"), "the worker's own")
    assert set(rollout.publish(*FEW)) == {"/old"}
    again = rollout.launch("--config", OLD, command="build")
    assert again.popen.wait(PATIENCE) == 0
    assert not [line for line in again.lines if "another" in line]


def test_who_does_not_make_the_passes_stops_in_the_midst_of_a_queue_when_another_setup_comes_to(
    rollout: Rollout,
) -> None:
    room = rollout.room
    room.build()
    for name in FEW:
        room.write(f"{name}.md", publishedDateTime=room.now.isoformat())
    room.build()
    room.later(seconds=5)
    engine = open_store(room.config.store.url.get_secret_value())  # as another process has it
    new = load(room.folder / NEW, {})
    with ExitStack() as turn:

        def take_over(_: Request) -> Reply:
            turn.enter_context(Lease(engine, setup=setup_of_all(new)).turn())
            return Reply()

        rollout.receiver.replies.append(take_over)
        deliver(room, room.config)
        assert [request.path for request in rollout.receiver.requests] == ["/old"]
        deliver(room, room.config)  # nor does it begin again
        assert len(rollout.receiver.requests) == 1
        deliver(room, new)
    assert [request.path for request in rollout.receiver.requests] == ["/old", *["/new"] * (len(FEW) - 1)]
    engine.dispose()


def deliver(room: Newsroom, configured: Config) -> None:
    """Send all that is due, as a process on this configuration does."""
    make_deliverer(configured, room.engine, redact=str, clock=lambda: room.now).run_due()


def test_a_first_pass_over_a_single_file_after_a_takeover_does_not_make_updates_of_all_others(
    newsroom: Newsroom,
) -> None:
    newsroom.write("one.md", webUrl=None)  # its address is made of the site's
    path = newsroom.write("two.md", webUrl=None)
    newsroom.build()
    newsroom.configure(site={**SITE, "url": "https://elsewhere.example/"})
    newsroom.write("new.md")
    reports = [newsroom.build([path]), newsroom.build()]
    assert [event for report in reports for event in report.sync.events] == [
        (EventKind.PUBLISHED, "tag:news.example.com,2026:new.md")
    ]
    assert sum(item["url"].startswith("https://elsewhere.example/") for item in newsroom.items()) == 2


# --- another version of feedbot ---


def test_a_worker_under_which_the_state_was_upgraded_ends_and_says_why(rollout: Rollout) -> None:
    room = rollout.room
    old = rollout.run(OLD)
    with room.engine.begin() as connection:  # as a newer feedbot does when it starts
        connection.execute(text("update alembic_version set version_num = '9999'"))
        connection.execute(text("update leases set owner = null, until_us = 0, pass_us = null"))
    room.write("late.md", publishedDateTime=datetime.now(UTC).isoformat(timespec="seconds"))
    assert old.popen.wait(PATIENCE) == 1
    old.wait_for_line("the worker ends: the state belongs to another version of feedbot now (schema 9999)")
    assert not shows(room, "About late")()
    assert rollout.receiver.requests == []
    assert not [line for line in old.lines if "Traceback" in line]


def test_what_waits_is_left_to_the_newer_feedbot_that_upgraded_the_state(rollout: Rollout) -> None:
    room = rollout.room
    room.build()
    room.write("waits.md", publishedDateTime=room.now.isoformat())
    room.build()
    room.later(seconds=5)
    with room.engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    deliver(room, room.config)
    assert rollout.receiver.requests == []


def test_an_upgrade_cuts_the_pass_of_an_older_feedbot_short(any_newsroom: Newsroom) -> None:
    url = make_url(any_newsroom.config.store.url.get_secret_value())
    with older_state(url, "0006") as connection:
        connection.execute(text("update leases set owner = 'older', term = 4, until_us = 1, pass_us = 1"))
    assert [lease_after_upgrade(url), lease_after_upgrade(url)] == [(None, 4, None), ("newer", 4, 1)]


def lease_after_upgrade(url: URL) -> tuple[Any, ...]:
    """The lease after an upgrade, as by one of two that start at once; a newer worker has it from then on."""
    upgrade(url, "0006")
    engine = open_store(url.render_as_string(hide_password=False))
    with engine.begin() as connection:
        found = connection.execute(text("select owner, term, pass_us from leases")).one()
        connection.execute(text("update leases set owner = 'newer', pass_us = 1"))
    engine.dispose()
    return tuple(found)
