"""The third step of a pass: events become deliveries, once the feeds that carry them are written.

    events not announced -> what each target makes of them -> deliveries, in one transaction with the mark

Decides what is to be told and what is not, and why; every event that a target takes leaves a row, so that
nothing is ever left out without a reason on record. Sends nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from feedbot.articletext import load_article
from feedbot.attempt import State
from feedbot.audience import Audience, setup_of
from feedbot.config.targets import HUB
from feedbot.model import Article, EventKind
from feedbot.relevance import CAME_BACK, NEVER_TOLD, WITHDRAWN_FIRST, too_old
from feedbot.store import deliveries, journal, pings, targets
from feedbot.store.db import to_us
from feedbot.store.deliveries import AnnouncementRow, StoredDelivery, left_out, new_id
from feedbot.store.journal import News

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config, Hub

PART_OF_FIRST = "the announcement that is still to be sent tells it as it is now"
WITHDRAWN_HELD = "the article was withdrawn while this was held"
REPLACED = "a later change replaces it"


class Policy(Struct, frozen=True, kw_only=True):
    """What the configuration says about announcing."""

    max_age: timedelta
    burst: int
    settle: timedelta


def policy_of(config: Config) -> Policy:
    """That of a configuration."""
    options = config.announce
    return Policy(max_age=options.max_age, burst=options.burst, settle=options.settle)


@dataclass(kw_only=True)
class AnnounceReport:
    """What was recorded."""

    deliveries: int = 0  # to be sent
    held: int = 0  # deliveries that wait for a person
    held_articles: int = 0
    came: int = 0  # articles that count as come at once, if these are too many ...
    burst: int = 0  # ... which is more than so many
    waiting: int = 0  # events whose feeds are not written yet
    new_targets: list[str] = field(default_factory=list)

    def told_held(self, when: str) -> str:
        """Why announcements are held, in words; `when` is how close the articles came together."""
        held = "1 announcement is" if self.held == 1 else f"{self.held} announcements are"
        return f"{held} held, for {self.came} articles came {when}, more than announce.burst ({self.burst})"


def announce(
    connection: Connection,
    audiences: Sequence[Audience],
    policy: Policy,
    now: datetime,
    *,
    ahead: timedelta = timedelta(0),
    hub: Hub | None = None,
    window: timedelta = timedelta(0),
) -> AnnounceReport:
    """Record the deliveries of all events whose feeds are written.

    `ahead` is how far the clock of those who send is ahead of the one that shows `now`, and
    `window` how long ago articles can have come and still count as the same burst: a worker that follows
    single files sees a burst in slices. The `hub`, told of feeds and not of events, begins as a target does:
    with what comes after this. Safe to repeat; the caller's transaction holds all of it or nothing.
    """
    report = AnnounceReport()
    deliveries.steer(connection)
    setups = {one.name: one.setup for one in audiences} | ({hub.name: setup_of(hub)} if hub else {})
    pings.part_with(connection, HUB, setups.get(HUB), now)
    report.new_targets = targets.meet(connection, setups)
    news = journal.load_news(connection)
    if not news:
        return report
    unwritten = journal.unwritten(
        connection, {one.article_key for one in news if one.kind is not EventKind.WITHDRAWN}
    )
    ready = [one for one in news if one.article_key not in unwritten]
    report.waiting = len(news) - len(ready)
    first_events = {name: row.first_event for name, row in targets.load(connection).items()}
    drafts = _Drafts(connection, ready, policy, now, ahead, window)
    for audience in audiences:
        for one in ready:
            if one.number > first_events[audience.name]:
                drafts.tell(audience, one)
    drafts.write(report)
    journal.mark_announced(connection, [one.number for one in ready], now)
    return report


class _Drafts:
    """The deliveries of the articles in the news while it is decided what becomes of them, and new ones."""

    def __init__(
        self,
        connection: Connection,
        news: Sequence[News],
        policy: Policy,
        now: datetime,
        ahead: timedelta,
        window: timedelta,
    ) -> None:
        self._connection = connection
        self._policy = policy
        self._now = now
        self._ahead = ahead
        self._articles = {one.article_key: load_article(one.body) for one in news}
        seen_before = {one.article_key for one in news if one.kind is not EventKind.PUBLISHED}
        self._posted = deliveries.posted(connection, seen_before)
        self._known: dict[tuple[str, int], list[AnnouncementRow]] = {}
        self._stored: list[tuple[StoredDelivery[AnnouncementRow], AnnouncementRow]] = []
        for stored in deliveries.of_articles(connection, seen_before):
            row = replace(stored.row)
            self._stored.append((stored, row))
            self._known.setdefault((row.target, row.article_key), []).append(row)
        self._new: list[AnnouncementRow] = []
        self._young: list[StoredDelivery[AnnouncementRow]] = []
        self._held_because = f"more than {policy.burst} came at once"
        self._came = 0  # articles at once, where these are too many
        self._find_burst(news, window)

    def _find_burst(self, news: Sequence[News], window: timedelta) -> None:
        # One that comes back before anybody was told is news as well.
        unheard = {key for (_, key), rows in self._known.items() if any(row.was_overtaken for row in rows)}
        fresh = {
            one.article_key
            for one in news
            if one.kind is EventKind.PUBLISHED
            or (one.kind is EventKind.UPDATED and one.article_key in unheard)
        }
        if not fresh:
            return
        since = self._now - window
        came = fresh | deliveries.came_since(self._connection, since) if window else fresh
        if len(came) <= self._policy.burst:
            return
        self._came = len(came)
        self._young = deliveries.unsent_since(self._connection, since) if window else []

    def tell(self, audience: Audience, one: News) -> None:
        """Take up one event for one target."""
        known = self._known.setdefault((audience.name, one.article_key), [])
        match one.kind:
            case EventKind.PUBLISHED:
                self._publish(audience, one, known)
            case EventKind.UPDATED:
                self._update(audience, one, known)
            case EventKind.WITHDRAWN:
                self._withdraw(audience, one, known)

    def _publish(self, audience: Audience, one: News, known: list[AnnouncementRow]) -> None:
        if EventKind.PUBLISHED not in audience.takes:
            return
        article = self._articles[one.article_key]
        if reason := self._not_new(audience, article):
            self._add(audience, one, known, State.SKIPPED, reason)
        elif self._came:
            self._add(audience, one, known, State.HELD, self._held_because)
        else:
            self._add(audience, one, known, State.PENDING)

    def _not_new(self, audience: Audience, article: Article) -> str | None:
        return audience.declines(article) or too_old(article, self._now, self._policy.max_age)

    def _update(self, audience: Audience, one: News, known: list[AnnouncementRow]) -> None:
        self._supersede(known, {EventKind.WITHDRAWN}, CAME_BACK)
        first = _first_of(known)
        if first and first.was_overtaken:
            self._revive(audience, one, first)
            return
        if first and first.is_unsent:
            # Correcting a fresh article puts off its announcement once more, but never a retry.
            if first.state is State.PENDING:
                first.due_us = max(first.due_us, self._due(one))
            self._note(audience, one, known, State.SUPERSEDED, PART_OF_FIRST)
            return
        self._supersede(known, {EventKind.UPDATED}, REPLACED)
        self._follow_up(audience, one, known)

    def _revive(self, audience: Audience, one: News, first: AnnouncementRow) -> None:
        """An article that was withdrawn before anybody was told, and is back: it is news after all."""
        if reason := self._not_new(audience, self._articles[one.article_key]):
            first.state, first.reason = State.SKIPPED, reason
            return
        was_held = first.reason == WITHDRAWN_HELD
        first.state, first.reason = State.PENDING, ""
        if self._came or was_held:
            first.state, first.reason = State.HELD, self._held_because
        first.settled_us, first.due_us = None, self._due(one)

    def _withdraw(self, audience: Audience, one: News, known: list[AnnouncementRow]) -> None:
        self._supersede(known, set(EventKind), WITHDRAWN_FIRST)
        self._follow_up(audience, one, known)

    def _follow_up(self, audience: Audience, one: News, known: list[AnnouncementRow]) -> None:
        """Tell of a later event of an article, if it concerns the target."""
        reason = self._not_concerned(audience, one, known)
        self._note(audience, one, known, State.SKIPPED if reason else State.PENDING, reason or "")

    def _not_concerned(self, audience: Audience, one: News, known: Iterable[AnnouncementRow]) -> str | None:
        """Why a target is not told of a later event of an article; None: it is."""
        first = _first_of(known)
        if (audience.name, one.article_key) in self._posted or (first and first.may_be_known):
            return None
        if first or not audience.mirrors:
            return NEVER_TOLD
        return audience.declines(self._articles[one.article_key])

    def _supersede(self, known: Iterable[AnnouncementRow], events: set[EventKind], reason: str) -> None:
        for row in known:
            waits = row.settled_us is None and row.state is not State.SENDING
            if waits and row.event in events:
                # Only first announcements are held, and only a withdrawal overtakes these.
                why = WITHDRAWN_HELD if row.state is State.HELD else reason
                row.state, row.reason, row.settled_us = left_out(row, State.SUPERSEDED, why, self._now)

    def _note(
        self, audience: Audience, one: News, known: list[AnnouncementRow], state: State, reason: str = ""
    ) -> None:
        if one.kind in audience.takes:
            self._add(audience, one, known, state, reason)

    def _add(
        self, audience: Audience, one: News, known: list[AnnouncementRow], state: State, reason: str = ""
    ) -> None:
        row = AnnouncementRow(
            id=new_id(),
            target=audience.name,
            article_key=one.article_key,
            event_number=one.number,
            event=one.kind,
            at_us=to_us(one.at),
            state=state,
            reason=reason,
            due_us=self._due(one),
            settled_us=to_us(self._now) if state in {State.SKIPPED, State.SUPERSEDED} else None,
        )
        known.append(row)
        self._new.append(row)

    def _due(self, one: News) -> int:
        """When the file has been still long enough, by the clock of those who send.

        An event from the future, as of a machine whose clock is ahead, counts as of now, and a file from the
        future as written at the event.
        """
        at = min(one.at, self._now)
        changed = at if one.modified is None else min(one.modified, at)
        return to_us(max(changed + self._policy.settle, at) + self._ahead)

    def write(self, report: AnnounceReport) -> None:
        """Write what came of it all."""
        young = {stored.key for stored in self._young}
        for stored, row in self._stored:
            if stored.key in young and row.state is State.PENDING:
                row.state, row.reason = State.HELD, self._held_because
        for stored in self._young:
            stored.row.state, stored.row.reason = State.HELD, self._held_because
        deliveries.change(self._connection, self._young)
        changed = [
            StoredDelivery(key=stored.key, row=row) for stored, row in self._stored if row != stored.row
        ]
        deliveries.change(self._connection, changed)
        # In the order of the events, whatever the order of the targets.
        self._new.sort(key=lambda row: row.event_number)
        deliveries.add(self._connection, self._new)
        states = Counter(row.state for row in self._new)
        held = [*(row for row in self._new if row.state is State.HELD), *(one.row for one in self._young)]
        report.deliveries = states[State.PENDING]
        report.held = len(held)
        report.held_articles = len({row.article_key for row in held})
        if held:
            report.came, report.burst = self._came, self._policy.burst


def _first_of(known: Iterable[AnnouncementRow]) -> AnnouncementRow | None:
    """The announcement that the article is there."""
    return next((row for row in known if row.event is EventKind.PUBLISHED), None)
