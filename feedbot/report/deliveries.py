"""Deliveries as a person reads them: a list, one with its attempts, and what a person's word came to."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from feedbot.attempt import OPEN, State
from feedbot.moments import iso, number_of
from feedbot.observe import Redact
from feedbot.operator.ledger import pointless_because, shorten_ids
from feedbot.operator.steering import Word
from feedbot.report.lines import NO_TARGETS, coloured, exactly, label, legible, print_commands, tell, when
from feedbot.report.queue import condition
from feedbot.report.table import Column, Row, print_table
from feedbot.store.db import from_us
from feedbot.store.inquiry import ShownPing

if TYPE_CHECKING:
    from feedbot.operator.ledger import DeliveryAccount, Listed
    from feedbot.operator.standings import Standing
    from feedbot.operator.steering import Said
    from feedbot.store.deliveries import DeliveryRow
    from feedbot.store.inquiry import AttemptRow, ShownDelivery

LEFT = 10  # deliveries that are named one by one
LABEL = 11  # columns
SAID = 2  # lines of what a server said, on a terminal
NONE_MEANT = {
    Word.RETRY: "No delivery matches: nothing was changed."
    " Without --state, --since, --until or an ID, only what failed is meant.",
    Word.DROP: "No delivery that waits or is held matches: nothing was changed.",
    Word.RELEASE: "No held delivery matches: nothing was changed.",
}
INNER = {"digest"}  # in receipts, for feedbot alone

COLUMNS = (
    Column(head="ID"),
    Column(head="STATE", is_state=True),
    Column(head="EVENT"),
    Column(head="TARGET"),
    Column(head="WHEN"),
    Column(head="TITLE", is_text=True),
)


# --- a list ---


def print_list(listed: Listed, now: datetime, redact: Redact, *, verbose: bool, if_none: str) -> None:
    """One line for each delivery; with `verbose` the reason below it. `if_none` says that there are none."""
    if not listed.shown:
        tell(if_none)
        return
    print_deliveries(listed.shown, now, redact, listed.disabled, verbose=verbose)
    if listed.has_more:
        tell(f"These are the newest {len(listed.shown):,}: --limit shows more, filters show others.")


def none_listed(*, is_filtered: bool, has_targets: bool) -> str:
    """Why there is nothing to list, and what to do next."""
    if is_filtered:
        return "No delivery matches. Without filters, `feedbot deliveries list` shows the newest."
    if not has_targets:
        return f"Nothing is announced: {NO_TARGETS}"
    return "Nothing was announced yet. `feedbot preview ARTICLE` shows what each target would get of one."


def print_deliveries(
    deliveries: Sequence[ShownDelivery],
    now: datetime,
    redact: Redact,
    disabled: Collection[str],
    *,
    verbose: bool,
) -> None:
    """The table of a list; `disabled` are the targets that get nothing until somebody enables them."""
    short = shorten_ids(one.row.id for one in deliveries)
    rows = [
        Row(
            cells=(
                short(one.row.id),
                one.row.state.value,
                one.row.event.value,
                legible(one.row.target),
                _when(one.row, now, disabled),
                legible(one.title),
            ),
            remark=_remark(one.row, redact) if verbose else "",
        )
        for one in deliveries
    ]
    print_table(COLUMNS, rows)


def _remark(row: DeliveryRow, redact: Redact) -> str:
    attempts = number_of(row.attempts, "attempt") if row.attempts > 1 else ""
    return "; ".join(filter(None, (redact(legible(row.reason)), attempts)))


def _when(row: DeliveryRow, now: datetime, disabled: Collection[str]) -> str:
    """When it is due, was settled, or happened."""
    if row.state in OPEN:
        if row.target in disabled:
            return "target disabled"
        due = from_us(row.due_us)
        return when(due, now) if due > now else "due"
    if row.state is State.SENDING:
        return "under way"
    return when(from_us(row.at_us if row.settled_us is None else row.settled_us), now)


# --- one ---


def print_account(account: DeliveryAccount, now: datetime, redact: Redact, *, verbose: bool) -> None:
    """All about one delivery, ending with what can be done about it; whole with `verbose`."""
    for word, text in _facts(account, now, redact, verbose=verbose):
        if text:
            label(word, text, LABEL, is_copied=word in {"Delivery", ""})
    for attempt in account.attempts:
        _print_attempt(attempt, redact, verbose=verbose)
    label("Next", legible(account.hint), LABEL)


def _facts(
    account: DeliveryAccount, now: datetime, redact: Redact, *, verbose: bool
) -> Iterator[tuple[str, str]]:
    one, row = account.delivery, account.delivery.row
    yield "Delivery", row.id
    yield "State", _state(row, now)
    yield "Why", redact(legible(row.reason))
    yield "Event", f"{row.event.value}, {exactly(from_us(row.at_us), now)}"
    yield "Target", legible(row.target)
    yield from _subject(one)
    yield "Announced", exactly(account.posted, now) if account.posted else ""
    yield "Noted", redact(legible(_noted(account, verbose=verbose)))
    yield "Marks", _marks(row)
    yield "Attempts", _count(account)


def _subject(one: ShownDelivery) -> Iterator[tuple[str, str]]:
    """What it is about; without a label where that is found."""
    if isinstance(one, ShownPing):
        yield "Feed", legible(one.title)
        return
    yield "Article", legible(one.title)
    yield "", legible(one.path)
    yield "", legible(one.article_id)
    yield "", legible(json.loads(one.body).get("link", ""))


def _count(account: DeliveryAccount) -> str:
    """How many attempts; some do not count, such as those at a target that takes nothing."""
    count = account.delivery.row.attempts
    if count == len(account.attempts):
        return str(count)
    return number_of(count, "that counts", "that count")


def _state(row: DeliveryRow, now: datetime) -> str:
    word = coloured(row.state.value)
    if row.settled_us is not None:
        return f"{word} since {exactly(from_us(row.settled_us), now)}"
    if row.state in OPEN:
        return f"{word}, due {exactly(from_us(row.due_us), now)}"
    return word


def _noted(account: DeliveryAccount, *, verbose: bool) -> str:
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
    if row.is_anew:
        marks.append(f"asked for anew, {number_of(row.generation - 1, 'time')}")
    return ", ".join(marks)


def _print_attempt(attempt: AttemptRow, redact: Redact, *, verbose: bool) -> None:
    status = f"  {attempt.status}" if attempt.status is not None else ""
    took = f"  {attempt.seconds:.2f} s" if attempt.seconds is not None else ""
    reason = f"  {redact(legible(attempt.reason))}" if attempt.reason else ""
    outcome = coloured(attempt.outcome, _state_of(attempt.outcome))
    tell(f"{outcome}{status}{took}{reason}", lead=f"{iso(attempt.at)}  ", margin=2, hang=2)
    said = attempt.said.strip()
    if said and (verbose or _tells_more(said, attempt.reason)):
        tell(f"said: {redact(legible(said))}", margin=4, hang=2, most=None if verbose else SAID)


def _tells_more(said: str, reason: str) -> bool:
    """Whether what a server said holds more than the words of it that are in the reason."""
    try:
        whole = json.loads(said)
    except (ValueError, RecursionError):
        whole = said
    if isinstance(whole, dict) and len(whole) == 1:
        (whole,) = whole.values()
    return not isinstance(whole, str) or " ".join(whole.split()).casefold() not in reason.casefold()


def _state_of(outcome: str) -> str:
    """The state that an attempt's outcome leads to, for its colour."""
    return {"sent": "sent", "skipped": "skipped", "refused": "dead", "gone": "disabled"}.get(outcome, "retry")


# --- a person's word ---


def print_said(
    said: Said, silent: Sequence[Standing], now: datetime, redact: Redact, *, verbose: bool, quiet: bool
) -> None:
    """What a word came to: how many it changed, what is left, and which targets are sent nothing."""
    if said.dry:
        print_deliveries(said.dry, now, redact, said.disabled, verbose=verbose)
    if not quiet:
        tell(_summary(said))
    _print_left(said)
    for one in silent:
        _print_silent(one, now, redact)


def _summary(said: Said) -> str:
    count = len(said.changed)
    if not count:
        return "Nothing was changed." if said.left else NONE_MEANT[said.word]
    told = number_of(count, "delivery", "deliveries")
    if said.dry is not None:
        return f"{told} would be {'dropped' if said.drops else 'sent'}; nothing was changed."
    verb = "is" if count == 1 else "are"
    return f"{told} {verb} {'dropped' if said.drops else 'to be sent now'}."


def _print_left(said: Said) -> None:
    short = shorten_ids(row.id for row in said.left)
    for row in said.left[:LEFT]:
        tell(f"{short(row.id)} is left as it is: {_why_left(row, said)}", hang=2, state="warning")
    if len(said.left) > LEFT:
        tell(f"and so are {len(said.left) - LEFT:,} more", state="warning")


def _why_left(row: DeliveryRow, said: Said) -> str:
    if row.state is State.SENDING:
        return "it is being sent; or it was when its process was killed, and `feedbot run` takes it up"
    if row.state is State.HELD:
        return "it is held, and `feedbot deliveries release` sends it"
    if row.state is State.PENDING:
        return "it is to be sent anyway"
    if row.id in said.pointless and said.word is Word.RETRY:
        return pointless_because(row)
    return f"it is {row.state.value}, so there is nothing to {said.word}"


def _print_silent(one: Standing, now: datetime, redact: Redact) -> None:
    name = legible(one.name)
    if one.word == "removed":
        tell(f"{name} is no longer in config.yaml, so nothing is sent to it.", hang=2, state=one.word)
        return
    told = condition(one.as_json(), now, redact)
    tell(f"{name} is not resumed by this: {told}", hang=2, state=one.word)
    print_commands((f"feedbot targets resume {legible(shlex.quote(one.name))}", "sends to it again"))
