"""The outbox as a person sees and steers it: what is there, and what is to be sent, forgotten or let go.

Decides for each state what a person's word does to it; writes nothing but such words. What they do to a
delivery that is under way is nothing: it is left to those who send.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import OPEN, State
from feedbot.errors import FeedbotError
from feedbot.model import JsonObject
from feedbot.moments import iso, iso_us
from feedbot.settlement import Condition, Health
from feedbot.standings import Standing, configured
from feedbot.store import deliveries, inquiry, targets
from feedbot.store.db import to_us
from feedbot.store.deliveries import DeliveryRow, StoredDelivery
from feedbot.store.inquiry import AttemptRow, Selection, ShownAnnouncement, ShownDelivery

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config

SHOWN = 50  # deliveries in the list of a dry run
DROPPED = "dropped by hand"
SHORT = 8  # characters of an id that people are shown: enough to be the only one in any list
PREFIX = "msg_"


class Word(StrEnum):
    """What a person can say about a delivery."""

    RETRY = "retry"
    DROP = "drop"
    RELEASE = "release"


# The states that a word does something to ...
CONCERNS = {
    Word.RETRY: (
        State.DEAD,
        State.SKIPPED,
        State.UNCLEAR,
        State.RETRY,
        State.SUPERSEDED,
        State.SENT,
    ),
    Word.DROP: (State.HELD, *OPEN),
    Word.RELEASE: (State.HELD,),
}
FAILED = (State.DEAD, State.UNCLEAR, State.RETRY)


def meant(word: Word, selection: Selection) -> tuple[State, ...]:
    """... and those of them that are meant where no state is named.

    Sending again what did arrive, or was left out for a reason, takes more than `--all`: its id, its state,
    or for what was sent a range of time.
    """
    if selection.states or selection.ids:
        return selection.states
    if word is not Word.RETRY:
        return CONCERNS[word]
    return (*FAILED, State.SENT) if selection.since or selection.until else FAILED


def told(word: Word, row: DeliveryRow, now: datetime) -> DeliveryRow | None:
    """The delivery after a person's word; None: the word does nothing to it as it stands."""
    if row.state not in CONCERNS[word]:
        return None
    if word is Word.DROP:
        return replace(row, state=State.SKIPPED, reason=DROPPED, settled_us=to_us(now))
    again = replace(
        row, state=State.PENDING, reason=f"{word}d by hand", due_us=to_us(now), by_hand=True, settled_us=None
    )
    if word is Word.RELEASE:
        return again
    again = replace(again, reason="sent anew by hand", attempts=0)
    if row.state is State.SENT:
        # It did arrive: who can look will find it, and who cannot knows the double by its id.
        return replace(again, may_have_arrived=True, generation=row.generation + 1)
    return again


class Said(Struct, frozen=True, kw_only=True):
    """What a person's word came to."""

    word: Word
    changed: list[DeliveryRow]  # as they stand now
    left: list[DeliveryRow]  # that were meant, and stay as they are
    dry: list[ShownDelivery] | None  # nothing was changed, and these are the first that would be
    disabled: frozenset[str]  # targets that get nothing until somebody enables them

    def concerns(self, standing: Standing) -> bool:
        """Whether something is to be sent to a target that is sent nothing at the moment."""
        is_meant = any(row.target == standing.name for row in self.changed)
        return is_meant and self.word is not Word.DROP and standing.word in {"paused", "disabled", "removed"}

    def as_json(self, silent: Iterable[Standing]) -> JsonObject:
        """For `--json`; `silent` are the targets that are sent nothing at the moment."""
        return {
            "changed": len(self.changed),
            "is_dry_run": self.dry is not None,
            "deliveries": list(map(_brief, self.changed)),
            "left": list(map(_brief, self.left)),
            "not_ready": [standing.as_json() for standing in silent],
        }


def _brief(row: DeliveryRow) -> JsonObject:
    return {"id": row.id, "event": row.event.value, "target": row.target, "state": row.state.value}


def say(
    connection: Connection, word: Word, selection: Selection, now: datetime, *, dry_run: bool = False
) -> Said:
    """Apply a word to the deliveries in `selection`, or only find them. FeedbotError for an id of none."""
    selection = replace(selection, states=meant(word, selection))
    found = inquiry.for_change(connection, selection)
    _require_all(connection, selection.ids, [stored.row.id for stored in found])
    after = [(stored, told(word, stored.row, now)) for stored in found]
    changes = [StoredDelivery(key=stored.key, row=row) for stored, row in after if row]
    if not dry_run:
        deliveries.change(connection, changes)
    return Said(
        word=word,
        changed=[stored.row if dry_run else row for stored, row in after if row],
        left=[stored.row for stored, row in after if row is None],
        dry=_first_of(connection, word, selection) if dry_run else None,
        disabled=_disabled(connection),
    )


def _first_of(connection: Connection, word: Word, selection: Selection) -> list[ShownDelivery]:
    states = [state for state in CONCERNS[word] if not selection.states or state in selection.states]
    narrowed = replace(selection, states=tuple(states))
    return inquiry.select_for(connection, narrowed, limit=SHOWN, newest=False) if states else []


def _require_all(connection: Connection, wanted: Iterable[str], found: Sequence[str]) -> None:
    for id_ in wanted:
        number = sum(one.startswith(id_) for one in found)
        if number == 0 and inquiry.select_for(connection, Selection(ids=(id_,)), limit=1):
            shown = id_.removeprefix(PREFIX)
            raise FeedbotError(f"the filters leave out the delivery {shown}: give its id alone")
        if number != 1:
            raise FeedbotError(_no_such(id_, number))


def _no_such(id_: str, number: int) -> str:
    shown = id_.removeprefix(PREFIX) or id_
    if number:
        return f"{number} deliveries have ids that begin with {shown}: give more of it"
    return f"no delivery has an id that begins with {shown}: `feedbot deliveries list` shows them"


def whole_start(id_: str) -> str:
    """The beginning of an id as it is stored, with or without what all ids begin with."""
    return id_ if id_.startswith(PREFIX) or PREFIX.startswith(id_) else PREFIX + id_


def shorten_ids(ids: Iterable[str]) -> Callable[[str], str]:
    """What shows an id short, and no two of `ids` alike."""
    bare = {id_.removeprefix(PREFIX) for id_ in ids}
    length = SHORT
    while length < 32 and len({id_[:length] for id_ in bare}) < len(bare):
        length += 1
    return lambda id_: id_.removeprefix(PREFIX)[:length]


# --- what is there ---


class Listed(Struct, frozen=True, kw_only=True):
    """Deliveries, the newest first."""

    shown: list[ShownDelivery]
    has_more: bool  # than were asked for
    disabled: frozenset[str]  # as above

    def as_json(self) -> JsonObject:
        """For `--json`."""
        return {"deliveries": [delivery_as_json(one) for one in self.shown], "has_more": self.has_more}


def list_deliveries(connection: Connection, selection: Selection, limit: int) -> Listed:
    """The newest deliveries that were asked for."""
    found = inquiry.select_for(connection, selection, limit=limit + 1)
    return Listed(shown=found[:limit], has_more=len(found) > limit, disabled=_disabled(connection))


def _disabled(connection: Connection) -> frozenset[str]:
    known = targets.load(connection)
    return frozenset(name for name in known if known[name].health.condition is Condition.DISABLED)


class Account(Struct, frozen=True, kw_only=True):
    """One delivery with all that is known of it."""

    delivery: ShownDelivery
    attempts: list[AttemptRow]
    posted: datetime | None  # when its article was announced to its target
    receipt: JsonObject  # what the target noted of its article
    hint: str  # what can be done about it

    def as_json(self) -> JsonObject:
        """For `--json`."""
        return {
            **delivery_as_json(self.delivery),
            "posted": iso(self.posted),
            "receipt": self.receipt,
            "history": [attempt.as_json() for attempt in self.attempts],
            "hint": self.hint,
        }


def account_of(connection: Connection, config: Config, id_: str) -> Account:
    """All about the one delivery whose id begins with `id_`. Raises FeedbotError if none does, or more."""
    found = inquiry.select_for(connection, Selection(ids=(id_,)), limit=100)
    if len(found) != 1:
        raise FeedbotError(_no_such(id_, len(found)))
    one = found[0]
    posted: datetime | None = None
    receipt: JsonObject = {}
    if isinstance(one, ShownAnnouncement):
        posted, receipt = deliveries.post_of(connection, one.row.target, one.row.article_key)
    health = None
    if one.row.target in configured(config):
        health = targets.load(connection)[one.row.target].health
    return Account(
        delivery=one,
        attempts=inquiry.attempts_of(connection, one.key),
        posted=posted,
        receipt=receipt,
        hint=hint_for(one.row, health),
    )


def hint_for(row: DeliveryRow, health: Health | None) -> str:
    """What happens next to a delivery by itself or by a person; `health` is None if its target is no more."""
    id_ = row.id.removeprefix(PREFIX)[:SHORT]
    if row.state in {State.SENT, State.SKIPPED, State.SUPERSEDED}:
        done = {
            State.SENT: "it is done",
            State.SKIPPED: "it is not sent",
            State.SUPERSEDED: "it is pointless",
        }
        return f"nothing, {done[row.state]}; `feedbot deliveries retry {id_}` sends it all the same"
    if row.state is State.HELD:
        return (
            f"nothing until you say so: `feedbot deliveries release {id_}` sends it,"
            f" `feedbot deliveries drop {id_}` forgets it"
        )
    if row.state is State.DEAD:
        return f"nothing until you say so: `feedbot deliveries retry {id_}` sends it anew"
    if health is None:
        return (
            f"nothing, for {row.target} is no longer in config.yaml:"
            f" `feedbot deliveries drop {id_}` forgets it"
        )
    if health.condition is Condition.DISABLED:
        return f"nothing, for {row.target} is disabled: `feedbot targets resume {row.target}` enables it"
    if row.state is State.SENDING:
        return "what comes of it; if its process was killed, another one takes it up when its lease runs out"
    if health.condition is Condition.PAUSED:
        return (
            f"it is sent when {row.target} takes announcements again, which is tried by itself;"
            f" `feedbot targets test {row.target}` tries it now"
        )
    return f"it is sent when it is due; `feedbot deliveries drop {id_}` forgets it"


def delivery_as_json(one: ShownDelivery) -> JsonObject:
    """A delivery for `--json`; its keys are documented in docs/commands.md."""
    row = one.row
    return {
        "id": row.id,
        "event": row.event.value,
        "at": iso_us(row.at_us),
        "target": row.target,
        "state": row.state.value,
        "reason": row.reason,
        "attempts": row.attempts,
        "first_tried": iso_us(row.first_tried_us),
        "due": iso_us(row.due_us) if row.state in OPEN else None,
        "settled": iso_us(row.settled_us),
        "by_hand": row.by_hand,
        "may_have_arrived": row.may_have_arrived,
        "generation": row.generation,
        **_subject(one),
    }


def _subject(one: ShownDelivery) -> JsonObject:
    """What a delivery is about: an article or a feed, and null for the other."""
    if not isinstance(one, ShownAnnouncement):
        return {"article": None, "feed": {"slug": one.slug, "title": one.title}}
    article = json.loads(one.body)
    about = {
        "id": one.article_id,
        "path": one.path,
        "title": article.get("title", ""),
        "link": article.get("link", ""),
    }
    return {"article": about, "feed": None}
