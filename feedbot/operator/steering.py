"""The outbox as a person steers it: what is to be sent, forgotten or let go.

Decides for each state what a person's word does to it; writes nothing but such words. What they do to a
delivery that is under way is nothing: it is left to those who send.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.attempt import OPEN, State
from feedbot.errors import FeedbotError
from feedbot.model import JsonObject
from feedbot.operator.ledger import PREFIX, no_such
from feedbot.operator.standings import Standing, disabled_targets
from feedbot.relevance import not_so
from feedbot.store import articles, deliveries, inquiry
from feedbot.store.db import to_us
from feedbot.store.deliveries import AnnouncementRow, DeliveryRow, StoredDelivery, left_out
from feedbot.store.inquiry import Selection, ShownDelivery

if TYPE_CHECKING:
    from sqlalchemy import Connection

SHOWN = 50  # deliveries in the list of a dry run
DROPPED = "dropped by hand"


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


def told(word: Word, row: DeliveryRow, now: datetime, *, is_pointless: bool = False) -> DeliveryRow | None:
    """The delivery after a person's word; None: the word does nothing to it as it stands.

    `is_pointless`: what it tells of its article is not so any more, so it is not sent whoever says so.
    """
    if row.state not in CONCERNS[word] or (is_pointless and word is Word.RETRY):
        return None
    if word is Word.DROP:
        state, reason, settled_us = left_out(row, State.SKIPPED, DROPPED, now)
        return replace(row, state=state, reason=reason, settled_us=settled_us)
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
    left: list[DeliveryRow]  # that were meant, and stay as they are ...
    pointless: frozenset[str]  # ... and the ids of those that tell what is not so any more
    dry: list[ShownDelivery] | None  # nothing was changed, and these are the first that would be
    disabled: frozenset[str]  # targets that get nothing until somebody enables them

    @property
    def drops(self) -> bool:
        """Whether the deliveries are to be forgotten; else they are to be sent."""
        return self.word is Word.DROP

    def concerns(self, standing: Standing) -> bool:
        """Whether something is to be sent to a target that is sent nothing at the moment."""
        is_meant = any(row.target == standing.name for row in self.changed)
        return is_meant and not self.drops and standing.word in {"paused", "disabled", "removed"}

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
    """Apply a word to the deliveries in `selection`, or only find them. FeedbotError for an id of none.

    A dry run holds nobody up, and waits for nobody.
    """
    selection = replace(selection, states=meant(word, selection))
    if not dry_run:
        deliveries.steer(connection)
    found = inquiry.chosen(connection, selection, to_change=not dry_run)
    _require_all(connection, selection.ids, [stored.row.id for stored in found])
    pointless = _pointless(connection, [stored.row for stored in found])
    after = [
        (stored, told(word, stored.row, now, is_pointless=stored.row.id in pointless)) for stored in found
    ]
    changes = [StoredDelivery(key=stored.key, row=row) for stored, row in after if row]
    if not dry_run:
        deliveries.change(connection, changes)
    return Said(
        word=word,
        changed=[stored.row if dry_run else row for stored, row in after if row],
        left=[stored.row for stored, row in after if row is None],
        pointless=pointless,
        dry=_first_of(connection, [one.row.id for one in changes]) if dry_run else None,
        disabled=disabled_targets(connection),
    )


def _pointless(connection: Connection, rows: Iterable[DeliveryRow]) -> frozenset[str]:
    """The ids of those of these deliveries that tell of their articles what is not so any more."""
    about = [row for row in rows if isinstance(row, AnnouncementRow)]
    live = articles.live_among(connection, {row.article_key for row in about})
    return frozenset(row.id for row in about if not_so(row.event, is_live=row.article_key in live))


def _first_of(connection: Connection, ids: Sequence[str]) -> list[ShownDelivery]:
    selection = Selection(ids=tuple(ids[:SHOWN]))
    return inquiry.select_for(connection, selection, newest=False) if ids else []


def _require_all(connection: Connection, wanted: Iterable[str], found: Sequence[str]) -> None:
    whole = set(found)
    for id_ in wanted:
        number = 1 if id_ in whole else sum(one.startswith(id_) for one in found)
        if number == 0 and inquiry.select_for(connection, Selection(ids=(id_,)), limit=1):
            shown = id_.removeprefix(PREFIX)
            raise FeedbotError(f"the filters leave out the delivery {shown}: give its id alone")
        if number != 1:
            raise FeedbotError(no_such(id_, number))
