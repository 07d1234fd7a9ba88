"""Why did they not get it? For each way in which an article does not reach a target, every command that is
asked says why, and what comes next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from console import Console, Today
from newsroom import Newsroom
from postbox import ALL, webhook

from feedbot.attempt import OPEN, Busy, Denied, Gone, Refused, Retry, Skipped, Unclear
from feedbot.store import workers
from feedbot.store.workers import Role


class Told(NamedTuple):
    """What is to be said of an article that the target `box` did not get."""

    goes_out: str  # of `preview`
    stage: str  # what is in the way first
    why: str  # ... with this reason
    state: str = ""  # of its last delivery; "": there is none
    reason: str = ""  # of that
    hint: str = ""  # what comes next
    status: str = ""  # in the words of `feedbot status`


def set_up(desk: Today, *, others: tuple[dict[str, Any], ...] = (), **options: Any) -> None:
    desk.configure(webhook(events=ALL, **options), *others)
    desk.newsroom.build()


def age(desk: Today) -> None:
    set_up(desk)
    desk.publish("one.md", publishedDateTime=(desk.newsroom.now - timedelta(days=40)).isoformat())


def baseline(desk: Today) -> None:
    desk.write("one.md")
    set_up(desk)


def where(desk: Today) -> None:
    set_up(desk, where={"topics": ["Law"]})
    desk.publish("one.md")


def burst(desk: Today) -> None:
    desk.configure(webhook(), announce={"burst": 1})
    desk.newsroom.build()
    desk.write("two.md")
    desk.publish("one.md")


def dropped(desk: Today) -> None:
    set_up(desk)
    desk.publish("one.md")
    Console(desk.newsroom).run("deliveries", "drop", "--all")


def withdrawn(desk: Today) -> None:
    desk.configure(webhook())
    desk.newsroom.build()
    desk.publish("one.md")
    desk.publish("one.md", published=False)


def future(desk: Today) -> None:
    set_up(desk)
    desk.publish("one.md", publishedDateTime=(desk.newsroom.now + timedelta(days=2)).isoformat())


def kept_out(desk: Today) -> None:
    set_up(desk)
    desk.publish("one.md", feed=False)


def other_events(desk: Today) -> None:
    desk.configure(webhook(events=["updated"]))
    desk.newsroom.build()
    desk.publish("one.md")


def nobody_sends(desk: Today) -> None:
    set_up(desk)
    desk.publish("one.md")


def other_configuration(desk: Today) -> None:
    nobody_sends(desk)
    with desk.newsroom.engine.begin() as connection:
        assert workers.take(connection, "build", Role.COMMAND, "new", for_pass=True)
        workers.sign_of_life(connection, "worker", Role.WORKER, "old")


def pace(desk: Today) -> None:
    set_up(desk, max_per_hour=1)
    desk.publish("two.md")
    desk.deliver()
    desk.publish("one.md")
    with desk.newsroom.engine.begin() as connection:
        workers.sign_of_life(connection, "worker", Role.WORKER, "x")


def pace_that_is_kept(desk: Today) -> None:
    set_up(desk, min_interval="1s")
    desk.publish("two.md")
    desk.deliver()
    desk.publish("one.md")
    with desk.newsroom.engine.begin() as connection:
        workers.sign_of_life(connection, "worker", Role.WORKER, "x")


def answered(outcome: Any, *, minutes: int = 11) -> Callable[[Today], None]:
    def arrange(desk: Today) -> None:
        set_up(desk)
        desk.publish("one.md")
        desk.box.outcomes.append(outcome)
        desk.deliver(minutes=minutes)

    return arrange


def removed(desk: Today) -> None:
    nobody_sends(desk)
    desk.configure(webhook("other"))
    desk.newsroom.build()


def away_then(desk: Today) -> None:
    set_up(desk)
    desk.configure(webhook("other"))
    desk.newsroom.build()
    desk.publish("one.md")
    set_up(desk)


def other_events_then(desk: Today) -> None:
    other_events(desk)
    set_up(desk)


def given_up_and_removed(desk: Today) -> None:
    answered(Refused(reason="too large"))(desk)
    desk.configure(webhook("other"))
    desk.newsroom.build()


def earlier(desk: Today) -> None:
    set_up(desk)
    desk.publish("one.md")
    desk.box.outcomes.append(Unclear(reason="no answer"))
    desk.deliver(minutes=11)
    desk.publish("one.md", title="Corrected")


def never_told(desk: Today) -> None:
    where(desk)
    desk.publish("one.md", title="Corrected")


def not_shown(desk: Today) -> None:
    set_up(desk)
    desk.publish("one.md")
    desk.deliver()
    desk.box.outcomes.append(Skipped(reason="the message would not change"))
    desk.publish("one.md", title="Corrected")
    desk.deliver()


WAYS = {
    "too old": (age, Told("no", "age", "40 days ago", "skipped", "announce.max_age", "retry")),
    "there before the target": (baseline, Told("no", "baseline", "before the target was set up")),
    "its filter": (where, Told("no", "where", "where.topics", "skipped", "where.topics", "retry")),
    "a burst": (
        burst,
        Told("no", "held", "more than 1", "held", "more than 1", "release", "2 announcements held"),
    ),
    "dropped": (dropped, Told("no", "decided", "by hand", "skipped", "dropped by hand", "retry")),
    "withdrawn before it was sent": (
        withdrawn,
        Told("no", "file", "unpublished", "superseded", "was withdrawn", "no longer in the feeds"),
    ),
    "a date ahead": (future, Told("later", "date", "waits for its date")),
    "kept out": (kept_out, Told("no", "file", "kept out of the feeds")),
    "events that it does not take": (other_events, Told("no", "event", "does not take the event published")),
    "nobody sends": (nobody_sends, Told("now", "", "", "pending", "", "`feedbot run`", "1 pending")),
    "another configuration": (
        other_configuration,
        Told("now", "", "", "pending", "", "configuration that is in force", "sends nothing"),
    ),
    "nothing, its pace is slower": (
        pace_that_is_kept, Told("now", "", "", "pending", "", "it is sent when it is due"),
    ),
    "its pace": (pace, Told("later", "pace", "max_per_hour", "pending", "", "max_per_hour")),
    "a failure": (answered(Retry(reason="500")), Told("later", "retry", "500", "retry", "500", "it is sent")),
    "no clear answer": (
        answered(Unclear(reason="no answer")),
        Told("later", "retry", "no answer", "unclear", "no answer", "it is sent"),
    ),
    "refused": (
        answered(Refused(reason="too large")),
        Told("no", "dead", "too large", "dead", "too large", "retry", "1 announcement given up"),
    ),
    "busy": (
        answered(Busy(reason="429")),
        Told("later", "retry", "429", "retry", "429", "`feedbot targets test box`", "paused"),
    ),
    "denied": (
        answered(Denied(reason="401")),
        Told("later", "retry", "401", "retry", "401", "`feedbot targets test box`", "paused"),
    ),
    "gone": (
        answered(Gone(reason="410"), minutes=9),
        Told("no", "target", "410", "retry", "410", "`feedbot targets resume box`", "disabled"),
    ),
    "no longer configured": (
        removed,
        Told("no", "", "", "pending", "", "no longer in config.yaml", "no longer in config.yaml"),
    ),
    "not configured then": (away_then, Told("no", "decided", "not configured then")),
    "events that it did not take then": (other_events_then, Told("no", "decided", "took other events")),
    "given up, and no longer configured": (
        given_up_and_removed,
        Told("no", "", "", "dead", "too large", "nothing, for box is no longer in config.yaml"),
    ),
    "another comes first": (
        earlier, Told("later", "retry", "no answer", "pending", "", "which is about the same article"),
    ),
    "a change of what was never told": (
        never_told, Told("no", "where", "where.topics", "skipped", "never announced here", "retry"),
    ),
    "a change that nobody would see": (
        not_shown, Told("no", "announced", "announced there", "skipped", "would not change", "retry"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_whoever_asks_is_told_why_it_was_not_sent_and_what_comes_next(newsroom: Newsroom, way: str) -> None:
    desk = Today(newsroom)
    arrange, told = WAYS[way]
    arrange(desk)
    console = Console(newsroom)
    mine = [
        one
        for one in console.json("deliveries", "list", "--target", "box")["deliveries"]
        if one["article"]["path"] == "content/one.md"
    ]
    assert bool(mine) == bool(told.state)
    if mine:
        shown = console.json("deliveries", "show", mine[0]["id"])
        assert told.reason in shown["reason"] == mine[0]["reason"]
        assert shown["state"] == told.state
        assert (shown["due"] is not None) == (shown["state"] in OPEN)
        assert told.hint in shown["hint"]
    previewed = {one["target"]: one for one in console.json("preview", "content/one.md")["targets"]}
    if "box" in previewed:
        nothing = {"stage": "", "reason": ""}
        first = next(iter(previewed["box"]["obstacles"]), nothing)
        assert (previewed["box"]["goes_out"], first["stage"]) == (told.goes_out, told.stage)
        assert told.why in first["reason"]
    assert told.status in " ".join(console.run("status").split())
