"""What the operator's page tells: gathered from the store in one look, and what of it needs somebody.

The state itself is what `feedbot status` gathers; here is added what a page has room for. Writes nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from feedbot.attempt import State
from feedbot.model import JsonObject, Level
from feedbot.moments import number_of, span
from feedbot.operator.ledger import Listed, list_deliveries
from feedbot.operator.standings import Standing, standings
from feedbot.report.chart import Chart, Span, draw
from feedbot.report.health import Diagnosis, Verdict
from feedbot.report.queue import IF_DEAD, IF_HELD
from feedbot.report.status import load_passes, status_of, strangers, worst
from feedbot.store import figures
from feedbot.store.inquiry import Selection

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.operator.standings import Configured
    from feedbot.store.figures import LatestFeed

PASSES = 8
DELIVERIES = 15
NOT_HELD = tuple(state for state in State if state is not State.HELD)  # a burst would fill the list
FEEDS = 15
FINDINGS = 20


class Overview(Struct, frozen=True, kw_only=True):
    """Everything on the page, as the store has it."""

    diagnosis: Diagnosis
    status: JsonObject  # as `feedbot status --json` has it
    targets: Sequence[Standing]
    chart: Chart
    recent: Listed
    feeds: Sequence[LatestFeed]  # those that changed last
    passes: Sequence[JsonObject]  # the newest, and those before it that did something

    @property
    def findings(self) -> list[JsonObject]:
        """The worst of them."""
        return worst(self.status["findings"]["list"], FINDINGS)


class Need(Struct, frozen=True, kw_only=True):
    """Something that needs a person."""

    what: str
    why: str = ""  # may hold words of others
    is_bad: bool = False  # rather than merely waiting for a decision
    commands: tuple[tuple[str, str], ...] = ()  # each with what it does
    link: str = ""  # where on the page there is more
    is_single: bool = False  # what is to be found there


def load_overview(
    connection: Connection, wanted: Mapping[str, Configured], diagnosis: Diagnosis, shown: Span
) -> Overview:
    """The page's content at one moment; `wanted` are the configured targets."""
    now, numbers = diagnosis.now, figures.count_states(connection)
    targets = standings(connection, wanted, numbers)
    return Overview(
        diagnosis=diagnosis,
        status=status_of(connection, numbers, targets),
        targets=targets,
        chart=draw(figures.count_slots(connection, shown.first(now), shown.width), shown, now),
        recent=list_deliveries(connection, Selection(states=NOT_HELD), DELIVERIES),
        feeds=figures.latest_feeds(connection, FEEDS),
        passes=_telling(load_passes(connection)),
    )


def _telling(passes: Sequence[JsonObject]) -> list[JsonObject]:
    return [one for number, one in enumerate(passes) if number == 0 or _did_something(one)][:PASSES]


def _did_something(one: JsonObject) -> bool:
    words = ("read", "withdrawn", "renamed", "written", "removed")
    return any(one[word] for word in words) or bool(one["announced"]["deliveries"])


def needs(overview: Overview) -> list[Need]:
    """What needs a person, the worst first. Pure."""
    found = [
        *_about_passes(overview),
        *_about_workers(overview.status["workers"]),
        *(need for one in overview.targets for need in _about_target(one)),
        *_about_queue(overview.status["deliveries"]["counts"]),
        *_about_findings(overview.status["findings"]["counts"]),
    ]
    return sorted(found, key=lambda need: not need.is_bad)


def _about_passes(overview: Overview) -> Iterator[Need]:
    diagnosis, failure = overview.diagnosis, overview.status["failure"]
    if diagnosis.verdict is Verdict.FAILING:
        why = failure["reason"] if failure else ""
        command = ("feedbot build", "makes one now, and says what is wrong")
        yield Need(what="The newest pass failed", why=why, is_bad=True, commands=(command,))
    elif diagnosis.verdict is Verdict.STALE and diagnosis.age:
        why = "A pass is overdue: see that the worker runs."
        command = ("feedbot run", "keeps the feeds fresh")
        yield Need(what=f"No pass for {span(diagnosis.age)}", why=why, is_bad=True, commands=(command,))
    elif diagnosis.verdict is Verdict.UNKNOWN:
        command = ("feedbot run", "makes the first, and keeps the feeds fresh")
        yield Need(what="There was no pass yet", is_bad=True, commands=(command,))


def _about_workers(workers: Sequence[JsonObject]) -> Iterator[Need]:
    for one in strangers(workers):
        why = "It sends nothing before it takes over. Unless one is about to be stopped, restart the older."
        yield Need(what=f"{one['name']} has another configuration or version", why=why)


def _about_target(one: Standing) -> Iterator[Need]:
    name, reason = shlex.quote(one.name), one.health.reason if one.health else ""
    if one.word == "disabled":
        command = (f"feedbot targets resume {name}", "sends to it again")
        yield Need(what=f"{one.name} is disabled", why=reason, is_bad=True, commands=(command,))
    elif one.word == "paused":
        command = (f"feedbot targets test {name}", "tries it now")
        why = f"{reason}. It is tried again by itself." if reason else "It is tried again by itself."
        yield Need(what=f"{one.name} is paused", why=why, commands=(command,))
    elif one.word == "removed":
        command = (f"feedbot deliveries drop --target {name}", "forgets what waits for it")
        yield Need(what=f"{one.name} is no longer in config.yaml", commands=(command,))
    if one.remark:
        yield Need(what=f"{one.name} {one.remark}")


def _about_queue(counts: Mapping[str, int]) -> Iterator[Need]:
    if held := counts[State.HELD]:
        what = f"{number_of(held, 'announcement')} {'is' if held == 1 else 'are'} held"
        yield Need(what=what, why="Too many articles came at once.", commands=IF_HELD)
    if dead := counts[State.DEAD]:
        what = f"{number_of(dead, 'announcement')} {'was' if dead == 1 else 'were'} given up"
        yield Need(what=what, commands=IF_DEAD)


def _about_findings(counts: Mapping[str, int]) -> Iterator[Need]:
    if errors := counts[Level.ERROR]:
        what = f"{number_of(errors, 'error')} in the content"
        yield Need(what=what, link="findings", is_single=errors == 1)
    if warnings := counts[Level.WARNING]:
        what = f"{number_of(warnings, 'warning')} about the content"
        yield Need(what=what, link="findings", is_single=warnings == 1)
