"""Targets as a person reads them: how each stands, and what trying one came to."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from feedbot.attempt import State
from feedbot.moments import distance, number_of
from feedbot.observe import Redact, printable
from feedbot.report.queue import condition, print_commands
from feedbot.report.table import print_table, shown, tell
from feedbot.settlement import Condition, Health

if TYPE_CHECKING:
    from feedbot.standings import Standing
    from feedbot.trial import Trial

NAME = 20  # columns
COLOURS = {"paused": "yellow", "disabled": "red", "removed": "yellow"}


def print_targets(standings: Sequence[Standing], now: datetime, redact: Redact) -> None:
    """One line for each target; below it, why it is not sent anything."""
    if not standings:
        click.echo("config.yaml has no targets: docs/announcing.md shows how to add one.")
        return
    rows = [
        (
            shown(one.name, NAME),
            one.kind or "-",
            one.word,
            str(one.depth),
            str(one.counts.get(State.HELD, 0)),
            str(one.counts.get(State.DEAD, 0)),
            distance(one.oldest, now, short=True) if one.oldest else "-",
            distance(one.last_sent, now, short=True) if one.last_sent else "-",
        )
        for one in standings
    ]
    head = ("NAME", "TYPE", "STATE", "QUEUE", "HELD", "DEAD", "OLDEST", "LAST SENT")
    below = [_remark(one, redact) for one in standings]
    print_table(head, rows, [COLOURS.get(one.word) for one in standings], below)


def _remark(one: Standing, redact: Redact) -> str:
    if one.word == "removed":
        command = f"feedbot deliveries drop --target {printable(shlex.quote(one.name))}"
        return f"is no longer in config.yaml: `{command}` forgets what waits for it"
    state = condition(one.as_json(), redact) if one.health and one.health.reason else ""
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
        click.echo(f"{trial.target} was {told_health(before)}, and is sent to again.")
    if standing:
        _print_remark(standing)


def _print_result(is_fine: bool, what: str, said: str, redact: Redact) -> None:
    word = click.style("fine ", fg="green") if is_fine else click.style("wrong", fg="red")
    tell(f"{word}  {what}: {redact(printable(said))}", hang=7)


def _print_remark(standing: Standing) -> None:
    if standing.remark:
        tell(f"{printable(standing.name)} {standing.remark}", hang=2, fg="yellow")


def print_resumed(standing: Standing, before: Health | None) -> None:
    """That a target is sent to again, and what still waits for its next attempt."""
    if before is None:
        if standing.word != "new":
            click.echo(f"{standing.name} is ready: there is nothing to resume.")
    else:
        click.echo(f"{standing.name} was {told_health(before)}, and is sent to again.")
    # What was certainly not sent is due at once where there was something to resume.
    later = (State.UNCLEAR,) if before else (State.RETRY, State.UNCLEAR)
    if waiting := sum(standing.counts.get(state, 0) for state in later):
        told = number_of(waiting, "announcement for it keeps its", "announcements for it keep their")
        click.echo(f"{told} time of the next attempt:")
        print_commands((f"feedbot deliveries retry --target {shlex.quote(standing.name)}", "sends them now"))
    _print_remark(standing)


def told_health(health: Health) -> str:
    """Why a target was not sent anything, in a word."""
    return "waiting" if health.condition is Condition.READY else health.condition.value
