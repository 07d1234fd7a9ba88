"""What would become of an article at one target, and what is in the way, stage by stage. Pure.

Adds no rule of its own: what is announced, to whom and when is decided by those who do it, and is only asked
for here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from feedbot.attempt import Delivery, State
from feedbot.audience import Audience
from feedbot.model import Article, EventKind, JsonObject, Status
from feedbot.moments import iso
from feedbot.relevance import pointless, too_old
from feedbot.sending.courier import delivery_of
from feedbot.settlement import Condition, Health
from feedbot.store.db import from_us, to_us
from feedbot.store.deliveries import AnnouncementRow
from feedbot.store.outbox import AnnouncementClaim

NO_RECORD = (
    "nothing is on record: the target was not configured then, or took other events, or it is long ago"
)
NO_ID = "msg_" + 32 * "0"  # of a delivery that is not recorded yet


class Stage(StrEnum):
    """Where something is in the way, in the order in which an article passes."""

    FILE = "file"  # it cannot be read, or is kept out of the feeds
    DATE = "date"  # it lies ahead
    ANNOUNCED = "announced"  # the article was announced there
    BASELINE = "baseline"  # it was known before the target was set up
    EVENT = "event"  # the target does not take it
    WHERE = "where"  # the target does not take the article
    AGE = "age"  # it is older than announce.max_age
    FEEDS = "feeds"  # they are not written yet
    DECIDED = "decided"  # its delivery was settled without being sent
    HELD = "held"  # it waits for a person
    DEAD = "dead"  # it was given up
    RETRY = "retry"  # it waits for its next attempt
    SETTLE = "settle"  # the file must be still for a while
    TARGET = "target"  # it is paused or disabled
    PACE = "pace"  # of max_per_hour and min_interval


class Obstacle(Struct, frozen=True, kw_only=True):
    """One thing that is in the way."""

    stage: Stage
    reason: str
    until: datetime | None = None  # it goes by itself then; None: it does not
    hint: str = ""  # what a person can do

    def as_json(self) -> JsonObject:
        """For `--json`."""
        return {
            "stage": self.stage.value,
            "reason": self.reason,
            "until": iso(self.until),
            "hint": self.hint,
        }


class Scene(Struct, frozen=True, kw_only=True):
    """What is known of an article, as it stands after the next pass over it; the same for all targets."""

    article_id: str
    article: Article | None  # as it would be told; None: the file is none
    now: datetime
    max_age: timedelta
    obstacle: Obstacle | None = None  # of the file itself
    appears: datetime | None = None  # its date lies ahead
    happens: EventKind | None = None  # what the pass makes of the file; None: it is as it was
    is_first_look: bool = False  # no pass was made yet: the first one announces nothing
    is_unwritten: bool = False  # one of its feeds cannot be written


class Record(Struct, frozen=True, kw_only=True):
    """What is on record of the article at one target, with what the next pass adds."""

    rows: tuple[AnnouncementRow, ...] = ()  # the oldest first
    is_news: bool = False  # it appeared after the target was set up
    is_new: bool = False  # the target is set up by the next pass
    posted: datetime | None = None
    receipt: JsonObject | None = None
    health: Health = field(default_factory=Health)
    pace_until: datetime | None = None

    @property
    def first(self) -> AnnouncementRow | None:
        """The announcement of the article."""
        return next((row for row in self.rows if row.event is EventKind.PUBLISHED), None)

    @property
    def waiting(self) -> AnnouncementRow | None:
        """What is to be sent next."""
        return next((row for row in self.rows if row.settled_us is None), None)


def obstacles(audience: Audience, scene: Scene, record: Record) -> list[Obstacle]:
    """Everything between the article and the target, in order; nothing: it goes out."""
    is_leaving = record.waiting is not None and record.waiting.event is EventKind.WITHDRAWN
    found = of_article(scene, is_told=is_leaving)
    if scene.article is None:
        return found
    if record.waiting is None:
        found += _settled(audience, scene, scene.article, record)
    else:
        found += _delays(scene, scene.article, record, record.waiting)
    return [*found, *of_feeds(scene), *_of_target(audience, scene, record)]


def of_article(scene: Scene, *, is_told: bool = False) -> list[Obstacle]:
    """What is in the way of the article wherever it is to go; `is_told`: its leaving the feeds is told."""
    found = [scene.obstacle] if scene.obstacle and not is_told else []
    if scene.article and scene.appears:
        found.append(Obstacle(stage=Stage.DATE, reason="waits for its date", until=scene.appears))
    return found


def of_feeds(scene: Scene) -> Iterator[Obstacle]:
    """What is in the way of the article in its feeds."""
    if scene.is_unwritten:
        reason = "one of its feeds cannot be written: `feedbot status` says why"
        yield Obstacle(stage=Stage.FEEDS, reason=reason)


def _settled(audience: Audience, scene: Scene, article: Article, record: Record) -> Iterator[Obstacle]:
    """Why nothing waits to be sent."""
    if scene.obstacle and not (record.rows or record.posted):
        return  # a file that is no article was never to be announced
    first = record.first
    if first:
        yield from _outcome(audience, scene, article, first)
    elif record.posted:
        yield Obstacle(stage=Stage.ANNOUNCED, reason=f"announced there at {iso(record.posted)}")
    elif not record.is_news:
        yield Obstacle(stage=Stage.BASELINE, reason=_baseline(scene, record))
    for row in record.rows:
        if row.event is not EventKind.PUBLISHED and row.id == NO_ID:
            yield Obstacle(stage=Stage.DECIDED, reason=f"{row.event}: {row.reason}")
    event = scene.happens or EventKind.PUBLISHED
    if event not in audience.takes:
        yield Obstacle(stage=Stage.EVENT, reason=f"it does not take the event {event}")
        if event is EventKind.PUBLISHED and first is None and not record.posted:
            yield from _not_new(audience, scene, article)
    elif first is None and not record.posted and record.is_news:
        yield Obstacle(stage=Stage.DECIDED, reason=NO_RECORD)


def _not_new(audience: Audience, scene: Scene, article: Article) -> Iterator[Obstacle]:
    """What else would keep the article from being announced, if the target took that."""
    if reason := audience.declines(article):
        yield Obstacle(stage=Stage.WHERE, reason=reason)
    if reason := too_old(article, scene.now, scene.max_age):
        yield Obstacle(stage=Stage.AGE, reason=reason)


def _baseline(scene: Scene, record: Record) -> str:
    if scene.is_first_look:
        return "the next pass is the first look at the content, which announces nothing"
    if record.is_new:
        return "the target is new: it is set up by the next pass, and gets what comes after that"
    return "it was there before the target was set up, or so long ago that nothing is on record"


def _outcome(
    audience: Audience, scene: Scene, article: Article, first: AnnouncementRow
) -> Iterator[Obstacle]:
    """What became of the announcement."""
    id_ = first.id.removeprefix("msg_")[:8]
    moment = from_us(first.settled_us) if first.settled_us is not None else scene.now
    if first.state is State.SENT:
        reason = f"announced there at {iso(moment)} (delivery {id_})"
        yield Obstacle(stage=Stage.ANNOUNCED, reason=reason)
        return
    if first.state is State.DEAD:
        hint = f"`feedbot deliveries retry {id_}` sends it anew"
        yield Obstacle(stage=Stage.DEAD, reason=first.reason, hint=hint)
        return
    hint = "" if first.id == NO_ID else f"`feedbot deliveries retry {id_}` sends it all the same"
    age = too_old(article, from_us(first.at_us), scene.max_age)
    if first.reason == audience.declines(article):
        yield Obstacle(stage=Stage.WHERE, reason=first.reason, hint=hint)
        if age:
            yield Obstacle(stage=Stage.AGE, reason=age, hint=hint)
    else:
        stage = Stage.AGE if first.reason == age else Stage.DECIDED
        yield Obstacle(stage=stage, reason=first.reason, hint=hint)


def _delays(scene: Scene, article: Article, record: Record, row: AnnouncementRow) -> Iterator[Obstacle]:
    """Why what waits is not sent at once."""
    if reason := pointless(_claim(scene, record, row), article, scene.now, scene.max_age):
        stage = Stage.AGE if row.event is EventKind.PUBLISHED else Stage.DECIDED
        if not scene.obstacle:  # which says it better
            yield Obstacle(stage=stage, reason=reason)
    if row.state is State.HELD:
        hint = f"`feedbot deliveries release {row.id.removeprefix('msg_')[:8]}` sends it"
        yield Obstacle(stage=Stage.HELD, reason=row.reason, hint="" if row.id == NO_ID else hint)
    due = from_us(row.due_us)
    if row.state is State.PENDING and due > scene.now and row.id != NO_ID:
        yield Obstacle(stage=Stage.SETTLE, reason="the file has to be still for a while", until=due)
    elif row.state in {State.RETRY, State.UNCLEAR} and due > scene.now:
        yield Obstacle(stage=Stage.RETRY, reason=row.reason, until=due)


def of_health(name: str, health: Health, now: datetime) -> Iterator[Obstacle]:
    """Why the target `name` is sent nothing at the moment."""
    if health.condition is Condition.DISABLED:
        hint = f"`feedbot targets resume {name}` enables it"
        yield Obstacle(stage=Stage.TARGET, reason=f"disabled: {health.reason}", hint=hint)
    elif not health.is_open(now):
        yield Obstacle(stage=Stage.TARGET, reason=f"paused: {health.reason}", until=health.until)


def _of_target(audience: Audience, scene: Scene, record: Record) -> Iterator[Obstacle]:
    yield from of_health(audience.name, record.health, scene.now)
    if record.pace_until and record.pace_until > scene.now:
        reason = "as many as max_per_hour and min_interval allow were sent"
        yield Obstacle(stage=Stage.PACE, reason=reason, until=record.pace_until)


def next_delivery(scene: Scene, article: Article, record: Record) -> Delivery:
    """What the target would be given: what waits, else the announcement of the article."""
    row = (
        record.waiting
        or record.first
        or AnnouncementRow(
            id=NO_ID,
            target="",
            article_key=0,
            event_number=0,
            event=EventKind.PUBLISHED,
            at_us=to_us(scene.now),
            state=State.PENDING,
            due_us=to_us(scene.now),
        )
    )
    return delivery_of(_claim(scene, record, row), article)


def _claim(scene: Scene, record: Record, row: AnnouncementRow) -> AnnouncementClaim:
    """The delivery as its sender would claim it."""
    first = record.first
    return AnnouncementClaim(
        key=0,
        row=replace(row, attempts=row.attempts + (row.state is not State.SENDING)),
        owner="",
        article_id=scene.article_id,
        status=Status.WITHDRAWN if scene.obstacle else Status.LIVE,
        body="",
        receipt=record.receipt or {},
        posted=record.posted,
        is_uncertain=any(one.may_have_arrived for one in record.rows),
        is_unheard=first is not None
        and first.settled_us is not None
        and not (record.posted or first.may_be_known),
        health=record.health,
        setup="",
        until=scene.now,
    )
