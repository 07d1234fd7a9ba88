"""Deliveries as a person reads them: a list, one with its attempts, and what a person's word came to."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from feedbot.attempt import OPEN, State
from feedbot.ledger import Word, shorten_ids
from feedbot.moments import distance, iso, number_of
from feedbot.observe import Redact, printable
from feedbot.report.queue import condition, print_commands
from feedbot.report.table import print_table, shown, tell
from feedbot.store.db import from_us

if TYPE_CHECKING:
    from feedbot.ledger import Account, Listed, Said
    from feedbot.standings import Standing
    from feedbot.store.deliveries import AttemptRow, DeliveryRow, ShownDelivery

COLOURS = {State.DEAD: "red", State.HELD: "yellow", State.UNCLEAR: "yellow", State.RETRY: "yellow"}
LEFT = 10  # deliveries that are named one by one
TARGET = 14  # columns for a target's name
LABEL = 11  # columns
SAID = 2  # lines of what a server said, on a terminal
INNER = {"digest"}  # in receipts, for feedbot alone


# --- a list ---


def print_list(listed: Listed, now: datetime, redact: Redact, *, verbose: bool) -> None:
    """One line for each delivery; with `verbose` the reason below it."""
    if not listed.shown:
        click.echo("No delivery matches.")
        return
    print_deliveries(listed.shown, now, redact, verbose=verbose)
    if listed.has_more:
        click.echo(f"These are the newest {len(listed.shown)}: --limit shows more, filters show others.")


def print_deliveries(
    deliveries: Sequence[ShownDelivery], now: datetime, redact: Redact, *, verbose: bool
) -> None:
    """The table of a list."""
    short = shorten_ids(one.row.id for one in deliveries)
    rows = [
        (
            short(one.row.id),
            one.row.event.value,
            one.row.state.value,
            shown(one.row.target, TARGET),
            str(one.row.attempts),
            when(one.row, now),
            printable(title_of(one)),
        )
        for one in deliveries
    ]
    head = ("ID", "EVENT", "STATE", "TARGET", "ATT", "WHEN", "TITLE")
    below = [redact(printable(one.row.reason)) if verbose else "" for one in deliveries]
    print_table(head, rows, [COLOURS.get(one.row.state) for one in deliveries], below)


def title_of(one: ShownDelivery) -> str:
    """The title of the article as it is now, or where its file is if it has none."""
    return str(json.loads(one.body).get("title") or one.path)


def when(row: DeliveryRow, now: datetime) -> str:
    """When it is due, was settled, or happened."""
    if row.state in OPEN:
        due = from_us(row.due_us)
        return distance(due, now, short=True) if due > now else "due"
    if row.state is State.SENDING:
        return "under way"
    moment = row.at_us if row.settled_us is None else row.settled_us
    return distance(from_us(moment), now, short=True)


# --- one ---


def print_account(account: Account, now: datetime, redact: Redact, *, verbose: bool) -> None:
    """All about one delivery, ending with what can be done about it; whole with `verbose`."""
    one, row = account.delivery, account.delivery.row
    article = json.loads(one.body)
    lines = [
        ("Delivery", row.id),
        ("State", _state(row, now)),
        ("Why", redact(printable(row.reason))),
        ("Event", f"{row.event.value}, {_moment(from_us(row.at_us), now)}"),
        ("Target", printable(row.target)),
        ("Article", printable(title_of(one))),
        ("", printable(one.path)),
        ("", printable(one.article_id)),
        ("", printable(article.get("link", ""))),
        ("Announced", _moment(account.posted, now) if account.posted else ""),
        ("Noted", redact(printable(_noted(account, verbose=verbose)))),
        ("Marks", _marks(row)),
        ("Attempts", _count(account)),
    ]
    for label, text in lines:
        if text:
            tell(f"{label:<{LABEL}}{text}", hang=LABEL)
    for attempt in account.attempts:
        _print_attempt(attempt, redact, verbose=verbose)
    tell(f"{'Next':<{LABEL}}{account.hint}", hang=LABEL)


def _count(account: Account) -> str:
    """How many attempts; some do not count, such as those at a target that takes nothing."""
    count = account.delivery.row.attempts
    if count == len(account.attempts):
        return str(count)
    return number_of(count, "that counts", "that count")


def _state(row: DeliveryRow, now: datetime) -> str:
    if row.settled_us is not None:
        return f"{row.state.value} since {_moment(from_us(row.settled_us), now)}"
    if row.state in OPEN:
        return f"{row.state.value}, due {_moment(from_us(row.due_us), now)}"
    return row.state.value


def _moment(moment: datetime, now: datetime) -> str:
    return f"{iso(moment)} ({distance(moment, now)})"


def _noted(account: Account, *, verbose: bool) -> str:
    return ", ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in account.receipt.items()
        if verbose or name not in INNER
    )


def _marks(row: DeliveryRow) -> str:
    marks = []
    if row.by_hand:
        marks.append("sent by hand")
    if row.may_have_arrived:
        marks.append("may have arrived")
    if row.generation > 1:
        marks.append(f"sent anew, {number_of(row.generation - 1, 'time')}")
    return ", ".join(marks)


def _print_attempt(attempt: AttemptRow, redact: Redact, *, verbose: bool) -> None:
    status = f"  {attempt.status}" if attempt.status is not None else ""
    took = f"  {attempt.seconds:.2f} s" if attempt.seconds is not None else ""
    reason = f"  {redact(printable(attempt.reason))}" if attempt.reason else ""
    colour = None if attempt.outcome in {"sent", "skipped"} else "yellow"
    tell(f"{iso(attempt.at)}  {attempt.outcome}{status}{took}{reason}", margin=2, hang=2, fg=colour)
    if said := attempt.said.strip():
        tell(f"said: {redact(printable(said))}", margin=4, hang=2, most=None if verbose else SAID)


# --- a person's word ---


def print_said(
    said: Said, silent: Sequence[Standing], now: datetime, redact: Redact, *, verbose: bool, quiet: bool
) -> None:
    """What a word came to: how many it changed, what is left, and which targets are sent nothing."""
    if said.dry:
        print_deliveries(said.dry, now, redact, verbose=verbose)
    if not quiet:
        click.echo(_summary(said))
    _print_left(said)
    for one in silent:
        _print_silent(one, redact)


def _summary(said: Said) -> str:
    count = len(said.changed)
    if not count:
        return "No delivery matches: nothing was changed." if not said.left else "Nothing was changed."
    told = number_of(count, "delivery", "deliveries")
    if said.dry is not None:
        return f"{told} would be {'dropped' if said.word is Word.DROP else 'sent'}; nothing was changed."
    verb = "is" if count == 1 else "are"
    return f"{told} {verb} {'dropped' if said.word is Word.DROP else 'to be sent now'}."


def _print_left(said: Said) -> None:
    short = shorten_ids(row.id for row in said.left)
    for row in said.left[:LEFT]:
        tell(f"{short(row.id)} is left as it is: {_why_left(row, said.word)}", hang=2, fg="yellow")
    if len(said.left) > LEFT:
        click.secho(f"and so are {len(said.left) - LEFT} more", fg="yellow")


def _why_left(row: DeliveryRow, word: Word) -> str:
    if row.state is State.SENDING:
        return "it is being sent right now"
    if row.state is State.HELD:
        return "it is held, and `feedbot deliveries release` sends it"
    if row.state is State.PENDING:
        return "it is to be sent anyway"
    return f"it is {row.state.value}, so there is nothing to {word}"


def _print_silent(one: Standing, redact: Redact) -> None:
    name = printable(one.name)
    if one.word == "removed":
        tell(f"{name} is no longer in config.yaml, so nothing is sent to it.", hang=2, fg="yellow")
        return
    tell(f"{name} is not resumed by this: {condition(one.as_json(), redact)}", hang=2, fg="yellow")
    print_commands((f"feedbot targets resume {shlex.quote(name)}", "sends to it again"))
