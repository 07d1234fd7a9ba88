"""The outbox as a person sees it: which deliveries there are, all about one, and what happens to it next."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from feedbot.attempt import OPEN, State
from feedbot.audience import audience_of
from feedbot.errors import FeedbotError
from feedbot.model import EventKind, JsonObject, Status
from feedbot.moments import iso, iso_us
from feedbot.operator.standings import configured, disabled_targets
from feedbot.relevance import not_so
from feedbot.settlement import Condition, Health
from feedbot.store import deliveries, inquiry, targets, turns, workers
from feedbot.store.db import from_us
from feedbot.store.deliveries import DeliveryRow
from feedbot.store.inquiry import AttemptRow, Selection, ShownAnnouncement, ShownDelivery

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config

SHORT = 8  # characters of an id that people are shown: enough to be the only one in any list
PREFIX = "msg_"


class Listed(Struct, frozen=True, kw_only=True):
    """Deliveries, the newest first."""

    shown: list[ShownDelivery]
    has_more: bool  # than were asked for
    disabled: frozenset[str]  # targets that get nothing until somebody enables them

    def as_json(self) -> JsonObject:
        """For `--json`."""
        return {"deliveries": [delivery_as_json(one) for one in self.shown], "has_more": self.has_more}


def list_deliveries(connection: Connection, selection: Selection, limit: int) -> Listed:
    """The newest deliveries that were asked for."""
    found = inquiry.select_for(connection, selection, limit=limit + 1)
    return Listed(shown=found[:limit], has_more=len(found) > limit, disabled=disabled_targets(connection))


class DeliveryAccount(Struct, frozen=True, kw_only=True):
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


def account_of(connection: Connection, config: Config, id_: str, now: datetime) -> DeliveryAccount:
    """All about the one delivery whose id begins with `id_`. Raises FeedbotError if none does, or more."""
    found = inquiry.select_for(connection, Selection(ids=(id_,)), limit=100)
    if len(found) != 1:
        raise FeedbotError(no_such(id_, len(found)))
    one = found[0]
    posted: datetime | None = None
    receipt: JsonObject = {}
    reason = None
    if isinstance(one, ShownAnnouncement):
        reason = not_so(one.row.event, is_live=one.status == Status.LIVE)
        posted, receipt = deliveries.post_of(connection, one.row.target, one.row.article_key)
    health = None
    if one.row.target in configured(config):
        health = targets.load(connection)[one.row.target].health
    return DeliveryAccount(
        delivery=one,
        attempts=inquiry.attempts_of(connection, one.key),
        posted=posted,
        receipt=receipt,
        hint=hint_for(
            one.row,
            health,
            is_pointless=reason is not None,
            waits=_waits(connection, config, one, health, now) if one.row.state in OPEN else "",
        ),
    )


def _waits(
    connection: Connection, config: Config, one: ShownDelivery, health: Health | None, now: datetime
) -> str:
    """When a delivery that waits is sent, where that is not when it is due; "": it is."""
    if ahead := inquiry.ahead_of(connection, one):
        return f"after {ahead.removeprefix(PREFIX)[:SHORT]}, which is about the same article and comes first"
    present = [worker for worker in workers.load(connection) if worker.is_alive]
    if not any(worker.sends for worker in present):
        if any(worker.role is workers.Role.WORKER for worker in present):
            return "when a worker has the configuration that is in force: see `feedbot status`"
        return "when a worker runs, and none does now: `feedbot run`, or `feedbot run --once`"
    if health is not None and health.until is not None and health.until > now:
        return f"at {iso(health.until)}, when {one.row.target} takes announcements again: {health.reason}"
    pace = next(
        (audience_of(target).pace for target in config.targets if target.name == one.row.target), None
    )
    moment = pace and turns.pace_allows(connection, one.row.target, pace, now)
    if moment and moment > max(now, from_us(one.row.due_us)):
        return f"at {iso(moment)} at the earliest, as max_per_hour and min_interval have it"
    return ""


def hint_for(row: DeliveryRow, health: Health | None, *, is_pointless: bool = False, waits: str = "") -> str:
    """What happens next to a delivery by itself or by a person; `health` is None if its target is no more.

    `is_pointless`: what it tells of its article is not so any more, so it is not sent whoever says so.
    `waits` says when it is sent, where that is not when it is due.
    """
    if is_pointless and row.state in {State.SENT, State.SKIPPED, State.SUPERSEDED, State.DEAD}:
        return f"nothing, for {pointless_because(row)}"
    id_ = row.id.removeprefix(PREFIX)[:SHORT]
    if health is None:
        can_be_dropped = row.state in {State.HELD, *OPEN}
        drop = f": `feedbot deliveries drop {id_}` forgets it" if can_be_dropped else ""
        return f"nothing, for {row.target} is no longer in config.yaml{drop}"
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
    if health.condition is Condition.DISABLED:
        return f"nothing, for {row.target} is disabled: `feedbot targets resume {row.target}` enables it"
    if row.state is State.SENDING:
        return "what comes of it; if its process was killed, `feedbot run` takes it up when the lease is over"
    if health.condition is Condition.PAUSED:
        return (
            f"it is sent when {row.target} takes announcements again, which is tried by itself;"
            f" `feedbot targets test {row.target}` tries it now"
        )
    return f"it is sent {waits or 'when it is due'}; `feedbot deliveries drop {id_}` forgets it"


def pointless_because(row: DeliveryRow) -> str:
    """Why a delivery is not sent whose event is not so any more, to go on after `for` or `because`."""
    where = "in the feeds again" if row.event is EventKind.WITHDRAWN else "no longer in the feeds"
    return f"its article is {where}"


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


def no_such(id_: str, number: int) -> str:
    """What to say where an id is to name one delivery, and `number` have ids that begin so."""
    shown = id_.removeprefix(PREFIX) or id_
    if number:
        return f"{number} deliveries have ids that begin with {shown}: give more of it"
    return f"no delivery has an id that begins with {shown}: `feedbot deliveries list` shows them"
