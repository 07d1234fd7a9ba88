"""Articles as they are to stand, beside as they stood: what that means to readers, and how it is written.

A `Change` decides; `write` puts a batch of them into the store with memberships and events. It neither reads
files nor decides which article a file is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from feedbot.articletext import HASH_VERSION, load_article, load_outline, visible_hash
from feedbot.model import EventKind, Outline, Status
from feedbot.passes.index import touch_numbers
from feedbot.passes.membership import Catalogue
from feedbot.store import activity, archives, articles, feeds, journal
from feedbot.store.articles import EXPIRED, ArticleRow, StoredArticle
from feedbot.store.db import to_us
from feedbot.store.feeds import FeedName, Membership

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An article as it is to stand in the store, beside what stands there now, if anything does."""

    stored: StoredArticle | None
    row: ArticleRow
    outline: Outline

    @property
    def is_visible(self) -> bool:
        """Whether readers could see a difference in the article itself."""
        if self.stored is None:
            return True
        before = self.stored.row.visible_hash
        if not before.startswith(HASH_VERSION):  # of an earlier version, which made it in another way
            before = visible_hash(load_article(self.stored.row.body))
        return before != self.row.visible_hash

    @property
    def event(self) -> EventKind | None:
        """What readers see happen. An article that comes back is no news, but a change."""
        was_live = self.stored is not None and self.stored.row.status is Status.LIVE
        is_live = self.row.status is Status.LIVE
        if is_live and (self.stored is None or self.stored.row.seen_us is None):
            return EventKind.PUBLISHED
        if is_live:
            return EventKind.UPDATED if self.is_visible or not was_live else None
        return EventKind.WITHDRAWN if was_live else None


def status_at(outline: Outline, now: datetime, stored: StoredArticle | None = None) -> tuple[Status, str]:
    """Where a published article stands at `now`, and why if it is withdrawn; `stored` is how it stood."""
    if outline.expires is not None and outline.expires <= now:
        return Status.WITHDRAWN, EXPIRED
    if outline.published > now and not (stored and _has_appeared(stored, outline)):
        return Status.WAITING, ""
    return Status.LIVE, ""


def _has_appeared(stored: StoredArticle, outline: Outline) -> bool:
    """Whether readers see it under this date: then a clock that denies it is behind."""
    return stored.row.status is Status.LIVE and stored.row.published_us == to_us(outline.published)


def withdrawal(stored: StoredArticle, reason: str, *, gone: datetime | None = None) -> Change:
    """The article leaves its feeds; `gone` says since when its file is not there."""
    gone_us = to_us(gone) if gone else None
    row = structs.replace(stored.row, status=Status.WITHDRAWN, reason=reason, gone_us=gone_us)
    return Change(stored=stored, row=row, outline=load_outline(row.body))


def falling_due(stored: StoredArticle, now: datetime) -> Change:
    """The article's time came by itself: to appear, or to expire; or it turns out not to have come yet."""
    outline = load_outline(stored.row.body)
    status, reason = status_at(outline, now)
    seen_us = first_seen(stored, status, now)
    row = structs.replace(stored.row, status=status, reason=reason, seen_us=seen_us)
    return Change(stored=stored, row=row, outline=outline)


def first_seen(stored: StoredArticle | None, status: Status, now: datetime) -> int | None:
    """When readers saw the article first, in microseconds: earlier, or now that it is live, or not yet."""
    before = stored.row.seen_us if stored else None
    return to_us(now) if before is None and status is Status.LIVE else before


@dataclass(kw_only=True)
class ChangeWriter:
    """Writes changes in one transaction, and gathers what they amount to."""

    connection: Connection
    catalogue: Catalogue
    now: datetime
    muted: frozenset[EventKind]  # events that are none this time
    seen: Counter[EventKind] = field(default_factory=Counter)  # what happened, muted or not
    events: list[tuple[EventKind, str]] = field(default_factory=list)  # kind and id
    touched: set[int] = field(default_factory=set)  # keys of feeds that show something else now
    _reshown: set[int] = field(default_factory=set)  # keys of known articles that feeds show otherwise now
    _oldest: dict[int, int] = field(default_factory=dict)  # of what joined each feed, in microseconds
    _feed_keys: dict[FeedName, int] = field(default_factory=dict)
    _moved: Counter[tuple[int, int]] = field(default_factory=Counter)  # articles by feed and week

    def write(self, changes: Sequence[Change]) -> list[int]:
        """Write articles, memberships and events; returns the articles' keys in the same order."""
        added = iter(articles.add(self.connection, [change.row for change in changes if not change.stored]))
        keyed = [(change.stored.key if change.stored else next(added), change) for change in changes]
        moved = [
            (key, change) for key, change in keyed if not change.stored or change.stored.row != change.row
        ]
        articles.change(
            self.connection,
            [StoredArticle(key=key, row=change.row) for key, change in moved if change.stored],
        )
        self._write_memberships(moved)
        self._write_events(moved)
        return [key for key, _ in keyed]

    def _write_memberships(self, keyed: Sequence[tuple[int, Change]]) -> None:
        before = articles.memberships(self.connection, [key for key, change in keyed if change.stored])
        joining: list[Membership] = []
        leaving: list[Membership] = []
        live = [change.outline for _, change in keyed if change.row.status is Status.LIVE]
        feeds_of = iter(self.feeds_of(live))
        for key, change in keyed:
            was = before.get(key, set())
            now = next(feeds_of) if change.row.status is Status.LIVE else set()
            moment = change.row.published_us
            moment_before = change.stored.row.published_us if change.stored else moment
            same_moment = moment == moment_before
            joining += [(feed, key, moment) for feed in (now - was if same_moment else now)]
            leaving += [(feed, key, moment_before) for feed in (was - now if same_moment else was)]
            touched = (was | now) if change.is_visible else (was ^ now)
            self.touched |= touched
            if touched and change.stored:
                self._reshown.add(key)
        self.move(leaving=leaving, joining=joining)
        if self.catalogue.keeps_archives:
            for feed, _, moment in joining:
                self._oldest[feed] = min(moment, self._oldest.get(feed, moment))

    def move(self, *, leaving: Sequence[Membership], joining: Sequence[Membership]) -> None:
        """Take articles out of feeds and put articles into feeds."""
        feeds.move(self.connection, leaving=leaving, joining=joining)
        self._moved.update((feed, activity.week_of(at)) for feed, _, at in joining)
        self._moved.subtract((feed, activity.week_of(at)) for feed, _, at in leaving)

    def feeds_of(self, live: Sequence[Outline]) -> list[set[int]]:
        """The keys of the feeds that each of these articles is in, registered if they are new."""
        names = [self.catalogue.feeds_of(outline) for outline in live]
        self.register({name: title for some in names for name, title in some.items()})
        return [{self._feed_keys[name] for name in some} for some in names]

    def register(self, titles: Mapping[FeedName, str]) -> None:
        """See to it that feeds are registered, each with a slug; `titles` are for those that are new."""
        unknown = {name: title for name, title in titles.items() if name not in self._feed_keys}
        if unknown:
            slug = self.catalogue.wanted_slug
            wanted = {name: (title, slug(name, title)) for name, title in unknown.items()}
            self._feed_keys |= feeds.register(self.connection, wanted)

    def _write_events(self, keyed: Sequence[tuple[int, Change]]) -> None:
        happened = [(key, change.row.id, event) for key, change in keyed if (event := change.event)]
        self.seen.update(event for _, _, event in happened)
        told = [(key, id_, event) for key, id_, event in happened if event not in self.muted]
        self.events += [(event, id_) for _, id_, event in told]
        journal.add_events(self.connection, [(key, event) for key, _, event in told], self.now)

    def close(self) -> None:
        """Count what moved, and let the feeds that were touched be rendered."""
        activity.count_members(self.connection, self._moved)
        if self._moved:  # where a sum is zero, one has another date
            touch_numbers(self.connection)
        feeds.touch(self.connection, self.touched)
        if self.catalogue.keeps_archives:
            # From here to the end of the transaction no other process closes an archive of these feeds.
            archives.lower_open(self.connection, self._oldest)
            archives.touch_with(self.connection, self._reshown, self.touched)
