"""The second step of a pass: the feeds that changed become documents in the place of the output.

The store says which feeds changed; they are rendered, written where the bytes differ, and only then noted as
done. Documents come first, then the index that names them, removals last. What the hub is to be told is
noted with the documents that changed, so that it never hears of what it could not fetch yet. Archives come
before the feeds that lead to them.

Whoever has the lease does this alone. But the last put of one who lost it may still be on its way, or was
made and never noted: a document that is not the one on record is left alone (a bucket can tell), noted, and
its feed rendered once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from feedbot.audience import setup_of
from feedbot.batches import batches
from feedbot.clock import Clock
from feedbot.crew import Crew
from feedbot.model import FILENAMES, Feed
from feedbot.passes.archive import Archives
from feedbot.passes.index import Index, touch_index
from feedbot.passes.leftovers import adopt_leftovers, expect_leftovers
from feedbot.passes.membership import Catalogue
from feedbot.passes.output import Output, Owner, RefreshReport
from feedbot.passes.printing import Order, Work, known_of, print_all, publish_all
from feedbot.places import NOWHERE, DocumentFate, DocumentRow, PlaceLook, Published
from feedbot.render.addresses import Part, feed_path
from feedbot.render.renderer import Job, Renderer
from feedbot.store import archives, articles, documents, feeds, pings
from feedbot.store.clock import set_clock
from feedbot.store.feeds import FeedRow

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.config import Config

FEEDS_AT_ONCE = 16  # written side by side
PLENTY = 30  # feeds whose rendering is worth further processes
ROUNDS = 3  # of rendering what was overtaken, before the next pass goes on


def distrust_output(connection: Connection, look: PlaceLook) -> None:
    """Let documents that somebody removed or changed be rendered again, by a look at where they lie.

    A state that was put back finds what was written after it changed, too: there may be more that it has
    forgotten.
    """
    touched: set[int] = set()
    touched_archives: set[int] = set()
    seen: dict[str, str] = {}
    is_strange = False
    for row in documents.stamps(connection):
        if not look.is_as_recorded(row.path, row):
            if (e_tag := look.e_tag(row.path)) is not None:
                seen[row.path] = e_tag
            if row.archive_key is not None:
                touched_archives.add(row.archive_key)
            elif row.feed_key is not None:
                touched.add(row.feed_key)
            else:
                touch_index(connection)
            is_strange = True
    if is_strange:
        expect_leftovers(connection)
    documents.distrust(connection, seen, mtime_ns=NOWHERE)
    feeds.touch(connection, touched)
    archives.touch(connection, touched_archives)


class Refresh:
    """Refreshes the documents of one configuration; safe to repeat after any interruption."""

    def __init__(
        self,
        config: Config,
        catalogue: Catalogue,
        output: Output,
        engine: Engine,
        *,
        clock: Clock,
        senders_clock: Clock,
    ) -> None:
        self._config = config
        self._clock = clock
        self._senders_clock = senders_clock
        options = config.feeds
        self.renderer = Renderer(
            site=config.site_model(),
            formats=options.formats,
            max_item_size=options.max_item_size,
            pages=options.pages,
            pictures=options.pictures,
        )
        self._catalogue = catalogue
        self._place = output.place
        self._engine = engine
        self._output = output
        self._archives = Archives(catalogue, self.renderer, self._output, engine)
        self._index = Index(catalogue, self.renderer, self._output, engine)
        # Feeds in whose place are files of others, by key: how often each had changed when it was tried last.
        self._blocked: dict[int, int] = {}

    def run(self, crew: Crew, *, patient: bool) -> RefreshReport:
        """Render and write what changed.

        `patient` says that the index may wait for its moment, and a feed in whose place are files of others
        for its next change or the next pass that is not: those files will hardly have gone.
        Raises PublishError; the next run goes on from there.
        """
        report = RefreshReport()
        for _ in range(ROUNDS):
            report.overtaken.clear()
            self._run_once(crew, report, patient=patient)
            if not report.overtaken:
                break
        return report

    def _run_once(self, crew: Crew, report: RefreshReport, *, patient: bool) -> None:
        with self._engine.begin() as connection:
            stale = feeds.load(connection, stale=True)
            if patient:
                stale = [row for row in stale if self._blocked.get(row.key) != row.changed]
            self._index.note(connection, stale, self._clock())
        self._archives.close(stale)
        adopt_leftovers(
            self._place, self._engine, self.renderer, keeps_archives=self._catalogue.keeps_archives
        )
        unwanted = self._archives.refresh(crew, report)
        pays = crew.pays(len(stale), PLENTY)
        orders = self._orders(stale, lend=pays)
        printed = print_all(crew, self.renderer, orders, pays=pays)
        draft = partial(self._index.draft, self._clock(), patient=patient)
        index = draft() if pays else None  # while others print
        for batch in batches(zip(stale, printed, strict=True), FEEDS_AT_ONCE):
            unwanted += self._write_all(batch, report)
        if not pays:
            index = draft()
        if index:
            unwanted += self._index.write(index, report)
        if unwanted:
            self._place.remove(unwanted)
            with self._engine.begin() as connection:
                documents.forget(connection, unwanted)
            report.removed += len(unwanted)

    def _write_all(self, batch: Sequence[tuple[FeedRow, Work]], report: RefreshReport) -> list[str]:
        """Write what is left of some feeds; returns the paths of their documents that are to go."""
        works = [work for _, work in batch]
        results, known = publish_all(self._place, works), known_of(works)
        by_path = {result.path: result for some in results for result in some}
        owners = {  # an empty feed keeps the date it had
            Owner(feed_key=row.key): (row, printed.updated or row.updated) for row, (_, printed) in batch
        }
        with self._engine.begin() as connection:
            report.pings += self._record_pings(connection, [row for row, _ in batch], by_path, known)
            published = dict(zip(owners, results, strict=True))
            recorded = self._output.record(connection, published, known, report)
            # A feed that could not be written whole stays to be done.
            whole = (shown for owner, shown in owners.items() if owner in recorded.whole)
            feeds.note_rendered(connection, whole)
        for (row, _), found in zip(batch, results, strict=True):
            fates = {one.fate for one in found}
            if DocumentFate.FOREIGN in fates and DocumentFate.OVERTAKEN not in fates:
                self._blocked[row.key] = row.changed
            else:
                self._blocked.pop(row.key, None)
        return recorded.unwanted

    def _record_pings(
        self,
        connection: Connection,
        rows: Iterable[FeedRow],
        written: Mapping[str, Published],
        before: Mapping[str, DocumentRow],
    ) -> int:
        """Note for the hub which of these feeds changed, or moved; `before` are the documents on record."""
        hub = self._config.hub
        if hub is None or not pings.is_met(connection, hub.name, setup_of(hub)):
            return 0
        paths = {
            feed_path(Feed(slug=row.slug, title=""), format_): row.key
            for row in rows
            for format_ in self.renderer.formats
        }
        known = pings.digests(connection, paths)
        changed = {key for path, key in paths.items() if is_changed(known.get(path), written.get(path))}
        # Who is subscribed at a former address hears of what is new at the present one.
        names = {FILENAMES[format_] for format_ in self.renderer.formats}
        left = (document for path, document in before.items() if path not in paths)
        changed |= {
            document.feed_key
            for document in left
            if document.feed_key is not None and document.digest and PurePath(document.path).name in names
        }
        set_clock(self._senders_clock, connection)
        return pings.record(connection, hub.name, changed, self._senders_clock(), hub.delay)

    def _orders(self, rows: Iterable[FeedRow], *, lend: bool) -> Iterator[Order]:
        """What is needed to print each feed, read from the store when its turn is near."""
        for some in batches(rows, FEEDS_AT_ONCE):
            place = self._place.lend() if lend else None
            with self._engine.begin() as connection:
                known = documents.load(connection, [row.key for row in some])
                jobs = [self._job(connection, row) for row in some]
            for row, job in zip(some, jobs, strict=True):
                mine = {path: found for path, found in known.items() if found.feed_key == row.key}
                yield Order(job=job, known=mine, place=place)

    def _job(self, connection: Connection, row: FeedRow) -> Job:
        if not row.active:
            return Job(feed=None)
        choice = self._catalogue.choice(row)
        bodies = articles.newest(connection, row.key, choice.limit)
        before = archives.newest_number(connection, row.key) if self._catalogue.keeps_archives else 0
        part = Part(before=before)
        return Job(feed=choice.feed, part=part, full=choice.full, bodies=tuple(bodies))


def is_changed(digest: str | None, result: Published | None) -> bool:
    """Whether readers who had a document (of this digest; None: they had none) get another now. Pure."""
    if digest is None or result is None or not result.fate.is_in_place:
        return False
    return digest != result.digest
