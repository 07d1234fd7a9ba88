"""What waits to be sent, and which targets take nothing: the part of `feedbot status` about announcing."""

from __future__ import annotations

import shlex
from collections import Counter
from datetime import datetime

from feedbot.attempt import State
from feedbot.model import JsonObject
from feedbot.moments import number_of, span
from feedbot.observe import Redact
from feedbot.report.lines import (
    coloured,
    is_terminal,
    label,
    legible,
    print_commands,
    tell,
    when,
)

# What is done has no place in a queue.
WAITING = (State.PENDING, State.SENDING, State.RETRY, State.UNCLEAR, State.HELD, State.DEAD)
WORDS = ("ready", "new", "paused", "disabled", "removed")  # how targets stand, the best first
# Commands, each with what it does.
IF_HELD = (
    ("feedbot deliveries list --state held", "shows them"),
    ("feedbot deliveries release --all", "sends them"),
    ("feedbot deliveries drop --state held", "forgets them"),
)
IF_DEAD = (
    ("feedbot deliveries list --state dead -v", "says why"),
    ("feedbot deliveries retry --state dead", "sends them anew"),
)


def print_queue(section: JsonObject, now: datetime, redact: Redact, *, quiet: bool) -> None:
    """The section `deliveries` of a status, if there is anything; `quiet` leaves what needs somebody."""
    if not section["targets"] and not any(section["counts"].values()):
        return
    if not quiet:
        label("Deliveries", _summary(section, now))
    _print_held(section["counts"][State.HELD])
    _print_dead(section["counts"][State.DEAD])
    if (late := section["unannounced"]) and not quiet:
        tell(f"{number_of(late, 'event')} to be announced when the feeds are written", margin=2, hang=2)
    if section["targets"] and not quiet:
        label("Targets", _standing(section["targets"]))
    for target in section["targets"]:
        _print_target(target, now, redact, quiet=quiet)


def _summary(section: JsonObject, now: datetime) -> str:
    counts = section["counts"]
    waiting = [f"{counts[state]:,} {coloured(state.value)}" for state in WAITING if counts[state]]
    told = ", ".join(waiting) or "none waiting"
    if section["oldest_waiting"]:
        age = now - datetime.fromisoformat(section["oldest_waiting"])
        told += f"; the oldest for {span(age)}"
    return told


def _standing(targets: list[JsonObject]) -> str:
    counts = Counter(target["state"] for target in targets)
    return ", ".join(f"{counts[word]} {coloured(word)}" for word in WORDS if counts[word])


def _print_held(held: int) -> None:
    if held:
        told = f"{number_of(held, 'announcement')} held, for too many articles came at once"
        tell(told, margin=2, hang=2, state="held")
        print_commands(*IF_HELD[1:])


def _print_dead(dead: int) -> None:
    if dead:
        tell(f"{number_of(dead, 'announcement')} given up", margin=2, hang=2, state="dead")
        print_commands(*IF_DEAD)


def _print_target(target: JsonObject, now: datetime, redact: Redact, *, quiet: bool) -> None:
    name, state = legible(target["name"]), target["state"]
    if state == "removed":
        quoted = legible(shlex.quote(target["name"]))
        waiting = number_of(target["depth"] + target["held"], "announcement")
        told = f"{name} is no longer in config.yaml, with {waiting} to be sent"
        tell(told, margin=2, hang=2, state=state)
        print_commands((f"feedbot deliveries drop --target {quoted}", "forgets them"))
    elif state in {"paused", "disabled"}:
        tell(f"{name}: {condition(target, now, redact)}", margin=2, hang=2, state=state)
        print_way_out(target["name"], state)
    elif target["until"] and not quiet:
        tell(f"{name}: {condition(target, now, redact)}", margin=2, hang=2)
    if (remark := target["remark"]) and not quiet:
        tell(f"{name}: {remark}", margin=2, hang=2, state="warning")


def print_way_out(name: str, state: str) -> None:
    """What somebody can do about the target `name`, if it is disabled or paused."""
    quoted = legible(shlex.quote(name))
    if state == "disabled":
        print_commands((f"feedbot targets resume {quoted}", "enables it"))
    elif state == "paused":
        print_commands((f"feedbot targets test {quoted}", "tries it now"))


def condition(target: JsonObject, now: datetime, redact: Redact) -> str:
    """How a target stands, until when, and why."""
    until = ""
    if target["until"] and target["state"] != "disabled":
        moment = when(datetime.fromisoformat(target["until"]), now)
        until = f", next try {moment}" if is_terminal() else f" until {moment}"
    reason = f": {redact(legible(target['reason']))}" if target["reason"] else ""
    word = "waits" if until and target["state"] == "ready" else target["state"]
    return f"{word}{until}{reason}"
