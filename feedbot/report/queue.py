"""What waits to be sent, and which targets take nothing: the part of `feedbot status` about announcing."""

from __future__ import annotations

import shlex
from datetime import datetime

import click

from feedbot.attempt import State
from feedbot.model import JsonObject
from feedbot.moments import number_of, span
from feedbot.observe import Redact, printable
from feedbot.report.table import tell

WAITING = (State.PENDING, State.SENDING, State.RETRY, State.UNCLEAR, State.HELD, State.DEAD)
SEND_HELD = "feedbot deliveries release --all"
FORGET_HELD = "feedbot deliveries drop --state held"


def print_queue(section: JsonObject, now: datetime, redact: Redact, *, quiet: bool) -> None:
    """The section `deliveries` of a status, if there is anything; `quiet` leaves what needs somebody."""
    if not section["targets"] and not any(section["counts"].values()):
        return
    if not quiet:
        click.echo(f"Deliveries   {_summary(section, now)}")
    _print_held(section["counts"][State.HELD])
    if dead := section["counts"][State.DEAD]:
        click.secho(f"  {number_of(dead, 'announcement')} given up", fg="red")
        print_commands(
            ("feedbot deliveries list --state dead -v", "says why"),
            ("feedbot deliveries retry --state dead", "sends them anew"),
        )
    for target in section["targets"]:
        _print_target(target, redact, quiet=quiet)
    if (late := section["unannounced"]) and not quiet:
        click.echo(f"  {number_of(late, 'event')} to be announced when the feeds are written")


def _summary(section: JsonObject, now: datetime) -> str:
    counts = section["counts"]
    told = ", ".join(f"{counts[state]} {state}" for state in WAITING if counts[state]) or "none waiting"
    if section["oldest_waiting"]:
        age = now - datetime.fromisoformat(section["oldest_waiting"])
        told += f"; the oldest for {span(age)}"
    return told


def _print_held(held: int) -> None:
    if held:
        click.secho(
            f"  {number_of(held, 'announcement')} held, for too many articles came at once", fg="yellow"
        )
        print_commands((SEND_HELD, "sends them"), (FORGET_HELD, "forgets them"))


def _print_target(target: JsonObject, redact: Redact, *, quiet: bool) -> None:
    name = printable(target["name"])
    if target["state"] == "removed":
        waiting = number_of(target["depth"] + target["held"], "announcement")
        tell(f"{name} is no longer in config.yaml, with {waiting} to be sent", margin=2, hang=2, fg="yellow")
        print_commands((f"feedbot deliveries drop --target {shlex.quote(name)}", "forgets them"))
    elif target["state"] in {"paused", "disabled"}:
        tell(f"{name}: {condition(target, redact)}", margin=2, hang=2, fg="red")
        if target["state"] == "disabled":
            print_commands((f"feedbot targets resume {shlex.quote(name)}", "enables it"))
    elif target["until"] and not quiet:
        tell(f"{name}: {condition(target, redact)}", margin=2, hang=2)
    if (remark := target["remark"]) and not quiet:
        tell(f"{name}: {remark}", margin=2, hang=2, fg="yellow")


def condition(target: JsonObject, redact: Redact) -> str:
    """How a target stands, until when, and why."""
    until = f" until {target['until']}" if target["until"] and target["state"] != "disabled" else ""
    reason = f": {redact(printable(target['reason']))}" if target["reason"] else ""
    word = "waits" if until and target["state"] == "ready" else target["state"]
    return f"{word}{until}{reason}"


def print_commands(*commands: tuple[str, str]) -> None:
    """Commands to be copied, each with what it does."""
    width = max(len(command) for command, _ in commands)
    for command, does in commands:
        click.echo(f"    {command:<{width}}  {does}")
