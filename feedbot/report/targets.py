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
from feedbot.report.table import print_table, shown
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
    if one.word == "new":
        return "is set up by the next pass, and gets what comes after that"
    if one.word == "removed":
        return "is no longer in config.yaml: `feedbot deliveries drop --target` forgets what waits for it"
    if one.health and one.health.reason:
        return condition(one.as_json(), redact)
    return ""


def print_trial(trial: Trial, redact: Redact, before: Health | None) -> None:
    """What trying a target came to; `before` is how it stood, if it was not ready and is now."""
    for tried in trial.checks:
        _print_result(tried.check.is_fine, tried.check.what, tried.check.said, redact)
    if outcome := trial.outcome:
        said = outcome.reason or ("it arrived" if trial.has_arrived else "it did not arrive")
        _print_result(trial.has_arrived, "test message", said, redact)
    if before:
        click.echo(f"{trial.target} was {told_health(before)}, and is sent to again.")


def _print_result(is_fine: bool, what: str, said: str, redact: Redact) -> None:
    word = click.style("fine ", fg="green") if is_fine else click.style("wrong", fg="red")
    click.echo(f"{word}  {what}: {redact(printable(said))}")


def print_resumed(standing: Standing, before: Health | None) -> None:
    """That a target is sent to again, and what still waits for its next attempt."""
    if before is None:
        click.echo(f"{standing.name} is ready: there is nothing to resume.")
    else:
        click.echo(f"{standing.name} was {told_health(before)}, and is sent to again.")
    # What was certainly not sent is due at once where there was something to resume.
    later = (State.UNCLEAR,) if before else (State.RETRY, State.UNCLEAR)
    if waiting := sum(standing.counts.get(state, 0) for state in later):
        click.echo(f"{number_of(waiting, 'announcement')} for it keep their time of the next attempt:")
        print_commands((f"feedbot deliveries retry --target {shlex.quote(standing.name)}", "sends them now"))


def told_health(health: Health) -> str:
    """Why a target was not sent anything, in a word."""
    return "waiting" if health.condition is Condition.READY else health.condition.value
