"""The second step of a pass: the feeds that changed become documents in the place of the output.

The store says which feeds changed; they are rendered, written where the bytes differ, and only then noted as
done. Documents come first, then the index that names them, removals last. What the hub is to be told is
noted with the documents that changed, so that it never hears of what it could not fetch yet. Archives come
before the feeds that lead to them.

Another process may do the same at the same time. What the state knows of documents is read while nothing has
changed since a feed was loaded, so that it is older than anything newer; and a document that somebody else
wrote after that is left alone (a bucket can tell), noted, and its feed rendered once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from feedbot.archive import Archives
from feedbot.audience import setup_of_hub
from feedbot.clock import Clock, utc_now
from feedbot.crew import Crew
from feedbot.membership import Catalogue
from feedbot.model import FILENAMES, Feed, Listing
from feedbot.output import Output, Owner, RefreshReport, doubtful_paths
from feedbot.place import NOWHERE, Look, Outcome, Published
from feedbot.render import render_index
from feedbot.render.addresses import Part, feed_path
from feedbot.render.press import Job, Press, Rendered
from feedbot.store import archives, articles, feeds, journal, pings
from feedbot.store.feeds import DocumentRow, FeedRow, Kind
from feedbot.store.statements import batches

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.config import Config

FEEDS_AT_ONCE = 16  # written side by side
PLENTY = 500  # feeds whose rendering is worth further processes
ROUNDS = 3  # in which feeds are rendered that another process keeps writing, before the next pass goes on


def distrust_output(connection: Connection, look: Look) -> None:
    """Let documents that somebody removed or changed be rendered again, by a look at where they lie."""
    touched: set[int] = set()
    touched_archives: set[int] = set()
    seen: dict[str, str] = {}
    for row in feeds.document_stamps(connection):
        if not look.is_as_recorded(row.path, row):
            if (e_tag := look.e_tag(row.path)) is not None:
                seen[row.path] = e_tag
            if row.archive_key is not None:
                touched_archives.add(row.archive_key)
            elif row.feed_key is not None:
                touched.add(row.feed_key)
            else:
                journal.put(connection, "index", "stale")
    feeds.distrust_documents(connection, seen, mtime_ns=NOWHERE)
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
        clock: Clock = utc_now,
    ) -> None:
        self._config = config
        self._clock = clock
        options = config.feeds
        self._press = Press(
            site=config.site_model(),
            formats=options.formats,
            max_item_size=options.max_item_size,
            pictures=options.pictures,
        )
        self._catalogue = catalogue
        self._place = output.place
        self._engine = engine
        self._output = output
        self._archives = Archives(catalogue, self._press, self._output, engine)

    def run(self, crew: Crew) -> RefreshReport:
        """Render and write what changed. Raises PublishError; the next run goes on from there."""
        report = RefreshReport()
        for _ in range(ROUNDS):
            report.overtaken.clear()
            self._run_once(crew, report)
            if not report.overtaken:
                break
        return report

    def _run_once(self, crew: Crew, report: RefreshReport) -> None:
        with self._engine.begin() as connection:
            stale = feeds.load(connection, stale=True)
            index = bool(stale) or journal.get(connection, "index") != "fresh"
        self._archives.close(stale)
        self._archives.adopt(stale)
        unwanted = self._archives.refresh(crew, report)
        rendered = (
            one for _, one in crew.map(self._press.render, self._jobs(stale), pays=len(stale) >= PLENTY)
        )
        for batch in batches(zip(stale, rendered, strict=True), FEEDS_AT_ONCE):
            unwanted += self._settle_all(batch, report)
        if index:
            unwanted += self._refresh_index(report)
        if unwanted:
            self._place.remove(unwanted)
            with self._engine.begin() as connection:
                feeds.forget_documents(connection, unwanted)
            report.removed += len(unwanted)

    def _settle_all(self, batch: Sequence[tuple[FeedRow, Rendered]], report: RefreshReport) -> list[str]:
        """Write some feeds; returns the paths of their documents that are not wanted any more."""
        with self._engine.begin() as connection:
            current = feeds.as_loaded(connection, [row for row, _ in batch])
            known = feeds.load_documents(connection, current)
        batch = [(row, one) for row, one in batch if row.key in current]
        results = self._place.publish([document for _, one in batch for document in one.documents], known)
        by_path = {result.path: result for result in results}
        with self._engine.begin() as connection:
            doubtful = doubtful_paths(known, feeds.load_documents(connection, current))
            sure = {path: result for path, result in by_path.items() if path not in doubtful}
            report.pings += self._record_pings(connection, [row for row, _ in batch], sure, known)
            unwanted = [document for path, document in known.items() if path not in by_path.keys() | doubtful]
            paths = self._output.discard(connection, unwanted)
            for row, one in batch:
                mine = [by_path[document.path] for document in one.documents]
                # A feed that could not be written whole stays to be done.
                if self._output.record(connection, Owner(feed_key=row.key), mine, report, doubtful=doubtful):
                    # An empty feed keeps the date it had.
                    feeds.settle(connection, row.key, changed=row.changed, updated=one.updated or row.updated)
                elif any(result.path in doubtful for result in mine):
                    feeds.touch(connection, [row.key])  # these may have replaced newer ones
        return paths

    def _record_pings(
        self,
        connection: Connection,
        rows: Iterable[FeedRow],
        written: Mapping[str, Published],
        before: Mapping[str, DocumentRow],
    ) -> int:
        """Note for the hub which of these feeds changed, or moved; `before` are the documents on record."""
        hub = self._config.hub
        if hub is None or not pings.is_met(connection, hub.name, setup_of_hub(hub)):
            return 0
        paths = {
            feed_path(Feed(slug=row.slug, title=""), format_): row.key
            for row in rows
            for format_ in self._press.formats
        }
        known = pings.digests(connection, paths)
        changed = {key for path, key in paths.items() if is_changed(known.get(path), written.get(path))}
        # Who is subscribed at a former address hears of what is new at the present one.
        names = {FILENAMES[format_] for format_ in self._press.formats}
        left = (document for path, document in before.items() if path not in paths)
        changed |= {
            document.feed_key
            for document in left
            if document.feed_key is not None and document.digest and PurePath(document.path).name in names
        }
        return pings.record(connection, hub.name, changed, self._clock(), hub.delay)

    def _jobs(self, rows: Iterable[FeedRow]) -> Iterator[Job]:
        """What is needed to render each feed, read from the store when its turn comes."""
        for row in rows:
            if not row.active:
                yield Job(feed=None)
                continue
            choice = self._catalogue.choice(row)
            with self._engine.begin() as connection:
                bodies = articles.newest(connection, row.key, choice.limit)
                keeps = self._catalogue.keeps_archives
                before = archives.newest_number(connection, row.key) if keeps else 0
            part = Part(before=before)
            yield Job(feed=choice.feed, part=part, full=choice.full, bodies=tuple(bodies))

    def _refresh_index(self, report: RefreshReport) -> list[str]:
        """Write what names all feeds; returns the paths of documents of this kind that are not wanted."""
        with self._engine.begin() as connection:
            known = feeds.load_documents(connection, [None])
            listings = self._listings(connection)
            moves = feeds.moves(connection)
        press = self._press
        documents = render_index(
            press.site, listings, formats=press.formats, pictures=press.pictures, moves=moves
        )
        results = self._place.publish(documents, known)
        wanted = {document.path for document in documents}
        with self._engine.begin() as connection:
            doubtful = doubtful_paths(known, feeds.load_documents(connection, [None]))
            unwanted = [document for path, document in known.items() if path not in wanted | doubtful]
            paths = self._output.discard(connection, unwanted)
            whole = self._output.record(connection, Owner(), results, report, doubtful=doubtful)
            journal.put(connection, "index", "fresh" if whole else "stale")
        return paths

    def _listings(self, connection: Connection) -> list[Listing]:
        """All feeds with their numbers: the feed of all articles, the named ones, then topics by name."""
        numbers = feeds.numbers(connection)
        order = {Kind.ALL: 0, Kind.NAMED: 1, Kind.TOPIC: 2}
        rows = [row for row in feeds.load(connection) if row.active]
        listings = []
        for row in sorted(rows, key=lambda row: (order[row.kind], row.name)):
            feed, found = self._catalogue.choice(row).feed, numbers.get(row.key)
            listings.append(
                Listing(feed=feed, articles=found.articles, newest=found.newest, weeks=found.weeks)
                if found
                else Listing(feed=feed, articles=0)
            )
        return listings


_NOT_WRITTEN = {Outcome.FOREIGN, Outcome.OVERTAKEN}


def is_changed(digest: str | None, result: Published | None) -> bool:
    """Whether readers who had a document (of this digest; None: they had none) get another now. Pure."""
    if digest is None or result is None or result.outcome in _NOT_WRITTEN:
        return False
    return digest != result.digest
