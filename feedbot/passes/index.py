"""What names all feeds: the index page, the lists of feeds, their former addresses; and when it is written.

A new feed, and one that is called otherwise, is named in the pass that writes its documents, right after
them. The page also tells how many articles each feed has, and of when the newest is. That changes with each
article that comes or goes, and takes longer the more feeds there are: a worker that follows single files lets
it come a moment later, once for all that changes until then. The store keeps the moment. What an edit changes
within an article is not on the page.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from feedbot.kinds import INDEX
from feedbot.model import Document, Listing
from feedbot.passes.membership import Catalogue
from feedbot.passes.output import Output, Owner, RefreshReport
from feedbot.places import DocumentRow
from feedbot.render import render_index
from feedbot.render.alphabet import in_order
from feedbot.render.items import bare_title
from feedbot.render.pages import drawn_of, render_index_page
from feedbot.render.renderer import Renderer
from feedbot.store import activity, documents, feeds, journal
from feedbot.store.db import EPOCH, from_us, to_us
from feedbot.store.feeds import FeedKind, FeedRow

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

# From the first change until the page is written: long enough that few edits have to wait for it.
SOONEST, LATEST = timedelta(seconds=2), timedelta(seconds=20)
SHARE = 20  # times what it took the last time

# What the store notes: that all is up to date, or that its numbers are not, or when the page is due
# (microseconds); anything else says that all of it is to be written at once.
FRESH = "fresh"
MISCOUNTED = "miscounted"
STALE = "stale"


def touch_index(connection: Connection) -> None:
    """Let everything that names feeds be written again."""
    journal.put(connection, "index", STALE)


def touch_numbers(connection: Connection) -> None:
    """Let the page be written again, soon: articles came into feeds or left them."""
    if journal.get(connection, "index") == FRESH:  # else something is to be written in any case
        journal.put(connection, "index", MISCOUNTED)


class IndexDraft(Struct, frozen=True, kw_only=True):
    """What is to be written of the index."""

    documents: Sequence[Document]
    known: Mapping[str, DocumentRow]  # what it replaces, by path
    seconds: float  # that it took


class Index:
    """The index of one configuration's feeds; safe to repeat after any interruption."""

    def __init__(self, catalogue: Catalogue, renderer: Renderer, output: Output, engine: Engine) -> None:
        self._catalogue = catalogue
        self._renderer = renderer
        self._output = output
        self._engine = engine
        self._cost = timedelta(0)  # of the last time

    def note(self, connection: Connection, changing: Sequence[FeedRow], now: datetime) -> None:
        """Note when the index is to be written, before these feeds are."""
        if not all(row.rendered for row in changing):  # the index does not name it yet
            touch_index(connection)
        elif changing and journal.get(connection, "index") == MISCOUNTED:
            due = now + min(max(SOONEST, SHARE * self._cost), LATEST)
            journal.put(connection, "index", str(to_us(due)))

    def draft(self, now: datetime, *, patient: bool) -> IndexDraft | None:
        """Render what is not up to date, or with `patient` what is due of it; None: nothing is.

        It does not depend on the documents of feeds, and can be made while these are printed.
        """
        began = time.perf_counter()
        with self._engine.begin() as connection:
            value = journal.get(connection, "index")
            moment = _moment_of(value)
            if value == FRESH or (moment and patient and moment > now):
                return None
            known = documents.load(connection, [None])
            listings = self._listings(connection)
            moves = feeds.moves(connection)
        renderer = self._renderer
        if moment:
            page = render_index_page(
                renderer.site, listings, renderer.formats, pages=renderer.pages, pictures=renderer.pictures
            )
            rendered = [Document(path=INDEX, body=page)]
            known = {path: row for path, row in known.items() if path == INDEX}
        else:
            rendered = render_index(
                renderer.site,
                listings,
                formats=renderer.formats,
                pages=renderer.pages,
                pictures=renderer.pictures,
                moves=moves,
            )
        return IndexDraft(documents=rendered, known=known, seconds=time.perf_counter() - began)

    def write(self, draft: IndexDraft, report: RefreshReport) -> list[str]:
        """Write a draft. Returns the paths of documents of this kind that are not wanted any more.

        Raises PublishError; the next run goes on from there.
        """
        began = time.perf_counter()
        results = self._output.place.publish(draft.documents, draft.known)
        with self._engine.begin() as connection:
            recorded = self._output.record(connection, {Owner(): results}, draft.known, report)
            journal.put(connection, "index", FRESH if recorded.whole else STALE)
        self._cost = timedelta(seconds=draft.seconds + time.perf_counter() - began)
        return recorded.unwanted

    def _listings(self, connection: Connection) -> list[Listing]:
        """All feeds with their numbers: that of all articles, the named ones, then topics, each by title."""
        numbers = activity.numbers(connection)
        newest = max((found.newest for found in numbers.values()), default=EPOCH)
        order = {FeedKind.ALL: 0, FeedKind.NAMED: 1, FeedKind.TOPIC: 2}
        site = self._renderer.site
        shown = {row: self._catalogue.choice(row).feed for row in feeds.load(connection) if row.active}
        rows = sorted(
            shown, key=lambda row: (order[row.kind], in_order(bare_title(site, shown[row])), row.name)
        )
        weeks = activity.weeks(connection, [row.key for row in drawn_of(rows)], newest)
        listings = []
        for row in rows:
            feed, found = shown[row], numbers.get(row.key)
            listings.append(
                Listing(feed=feed, articles=found.articles, newest=found.newest, weeks=weeks.get(row.key, ()))
                if found
                else Listing(feed=feed, articles=0)
            )
        return listings


def due_of_index(connection: Connection) -> datetime | None:
    """When the page is to be written, if that waits."""
    return _moment_of(journal.get(connection, "index"))


def _moment_of(value: str | None) -> datetime | None:
    return from_us(int(value)) if value and value.isdecimal() else None
