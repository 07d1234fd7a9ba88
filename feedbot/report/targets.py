"""Targets as a person reads them: how each stands, and what trying one came to."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from feedbot.attempt import State
from feedbot.moments import number_of
from feedbot.observe import Redact
from feedbot.report.lines import NO_TARGETS, coloured, legible, print_commands, tell, when
from feedbot.report.queue import condition
from feedbot.report.table import Column, Row, print_table
from feedbot.settlement import Condition, Health

if TYPE_CHECKING:
    from feedbot.operator.standings import Standing
    from feedbot.operator.trial import Trial

COLUMNS = (
    Column(head="NAME"),
    Column(head="TYPE"),
    Column(head="STATE", is_state=True),
    Column(head="QUEUE", label="queue", is_number=True),
    Column(head="HELD", label="held", is_number=True),
    Column(head="DEAD", label="dead", is_number=True),
    Column(head="OLDEST", label="oldest"),
    Column(head="LAST SENT", label="last sent"),
)


def print_targets(standings: Sequence[Standing], now: datetime, redact: Redact) -> None:
    """One line for each target; below it, why it is not sent anything."""
    if not standings:
        tell(NO_TARGETS)
        return
    print_table(COLUMNS, [_row(one, now, redact) for one in standings])


def _row(one: Standing, now: datetime, redact: Redact) -> Row:
    cells = (
        legible(one.name),
        one.type or "-",
        one.word,
        f"{one.depth:,}",
        f"{one.counts.get(State.HELD, 0):,}",
        f"{one.counts.get(State.DEAD, 0):,}",
        when(one.oldest, now) if one.oldest else "-",
        when(one.last_sent, now) if one.last_sent else "-",
    )
    return Row(cells=cells, remark=_remark(one, now, redact))


def _remark(one: Standing, now: datetime, redact: Redact) -> str:
    if one.word == "removed":
        command = f"feedbot deliveries drop --target {legible(shlex.quote(one.name))}"
        return f"is no longer in config.yaml: `{command}` forgets what waits for it"
    state = condition(one.as_json(), now, redact) if one.health and one.health.reason else ""
    return "; ".join(filter(None, (state, one.remark)))


def print_trial(trial: Trial, redact: Redact, standing: Standing | None, before: Health | None) -> None:
    """What trying a target came to.

    `standing` is how it stands, where there is a state; `before` how it stood, if it was resumed by this.
    """
    for tried in trial.checks:
        _print_result(tried.check.is_fine, tried.check.what, tried.check.said, redact)
    told = {tried.check.said for tried in trial.checks if not tried.check.is_fine}
    if (outcome := trial.outcome) and outcome.reason not in told:
        said = outcome.reason or ("it arrived" if trial.has_arrived else "it did not arrive")
        _print_result(trial.has_arrived, "test message", said, redact)
    if before:
        tell(f"{legible(trial.target)} was {told_health(before)}, and is sent to again.")
    if standing:
        _print_remark(standing)


def _print_result(is_fine: bool, what: str, said: str, redact: Redact) -> None:
    word = f"{coloured('fine')} " if is_fine else coloured("wrong")
    tell(f"{what}: {redact(legible(said))}", lead=f"{word}  ", hang=7)


def _print_remark(standing: Standing) -> None:
    if standing.remark:
        tell(f"{legible(standing.name)} {standing.remark}", hang=2, state="warning")


def print_resumed(standing: Standing, before: Health | None) -> None:
    """That a target is sent to again, and what still waits for its next attempt."""
    name = legible(standing.name)
    if before is None:
        if standing.word != "new":
            tell(f"{name} is ready: there is nothing to resume.")
    else:
        tell(f"{name} was {told_health(before)}, and is sent to again.")
    # What was certainly not sent is due at once where there was something to resume.
    later = (State.UNCLEAR,) if before else (State.RETRY, State.UNCLEAR)
    if waiting := sum(standing.counts.get(state, 0) for state in later):
        told = number_of(waiting, "announcement for it keeps its", "announcements for it keep their")
        tell(f"{told} time of the next attempt:")
        command = f"feedbot deliveries retry --target {legible(shlex.quote(standing.name))}"
        print_commands((command, "sends them now"))
    _print_remark(standing)


def told_health(health: Health) -> str:
    """Why a target was not sent anything, in a word."""
    return "waiting" if health.condition is Condition.READY else health.condition.value
