"""The second step of a pass: the feeds that changed become documents in the output folder.

The store says which feeds changed; they are rendered, written where the bytes differ, and only then noted as
done. Documents come first, then the index that names them, removals last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from feedbot.crew import Crew
from feedbot.membership import Catalogue
from feedbot.model import Finding, Listing
from feedbot.publish import Folder, Outcome, Published
from feedbot.render import render_index
from feedbot.render.press import Job, Press, Rendered
from feedbot.store import articles, feeds, journal
from feedbot.store.feeds import DocumentRow, FeedRow, Kind
from feedbot.store.statements import batches

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.config import Config

FEEDS_AT_ONCE = 16  # written side by side
PLENTY = 500  # feeds whose rendering is worth further processes
NOWHERE = -1  # as a modification time: not what any file has, so the next full pass looks at it


@dataclass(kw_only=True)
class RefreshReport:
    """What became of documents."""

    written: int = 0  # the bytes changed
    removed: int = 0
    foreign: list[str] = field(default_factory=list)  # paths that something else occupies


def distrust_output(connection: Connection, folder: Folder) -> None:
    """Let documents that somebody removed or changed in the output folder be rendered again."""
    touched: set[int] = set()
    for row in feeds.load_documents(connection).values():
        if folder.stat(row.path) != (row.mtime_ns, row.size):
            if row.feed_key is None:
                journal.put(connection, "index", "stale")
            else:
                touched.add(row.feed_key)
    feeds.touch(connection, touched)


class Refresh:
    """Refreshes the documents of one configuration; safe to repeat after any interruption."""

    def __init__(self, config: Config, catalogue: Catalogue, folder: Folder, engine: Engine) -> None:
        self._config = config
        options = config.feeds
        self._press = Press(
            site=config.site_model(),
            formats=options.formats,
            max_item_size=options.max_item_size,
            pictures=options.pictures,
        )
        self._catalogue = catalogue
        self._folder = folder
        self._engine = engine

    def run(self, crew: Crew) -> RefreshReport:
        """Render and write what changed. Raises PublishError; the next run goes on from there."""
        report = RefreshReport()
        with self._engine.begin() as connection:
            stale = feeds.load(connection, stale=True)
            index = bool(stale) or journal.get(connection, "index") != "fresh"
        unwanted: list[str] = []
        rendered = (
            one for _, one in crew.map(self._press.render, self._jobs(stale), pays=len(stale) >= PLENTY)
        )
        for batch in batches(zip(stale, rendered, strict=True), FEEDS_AT_ONCE):
            unwanted += self._settle_all(batch, report)
        if index:
            unwanted += self._refresh_index(report)
        if unwanted:
            self._folder.remove(unwanted)
            with self._engine.begin() as connection:
                feeds.forget_documents(connection, unwanted)
            report.removed += len(unwanted)
        return report

    def _settle_all(self, batch: Sequence[tuple[FeedRow, Rendered]], report: RefreshReport) -> list[str]:
        """Write some feeds; returns the paths of their documents that are not wanted any more."""
        with self._engine.begin() as connection:
            known = feeds.load_documents(connection, [row.key for row, _ in batch])
        results = self._folder.publish([document for _, one in batch for document in one.documents], known)
        by_path = {result.path: result for result in results}
        unwanted = [document for path, document in known.items() if path not in by_path]
        with self._engine.begin() as connection:
            # If this process ends before they are removed, the next full pass finds them changed.
            feeds.put_documents(connection, [replace(document, mtime_ns=NOWHERE) for document in unwanted])
            for row, one in batch:
                mine = [by_path[document.path] for document in one.documents]
                # A feed that could not be written whole stays to be done.
                if self._record(connection, mine, row.key, report):
                    # An empty feed keeps the date it had.
                    feeds.settle(connection, row.key, changed=row.changed, updated=one.updated or row.updated)
        return [document.path for document in unwanted]

    def _jobs(self, rows: Iterable[FeedRow]) -> Iterator[Job]:
        """What is needed to render each feed, read from the store when its turn comes."""
        for row in rows:
            if not row.active:
                yield Job(feed=None)
                continue
            choice = self._catalogue.choice(row)
            with self._engine.begin() as connection:
                bodies = articles.newest(connection, row.key, choice.limit)
            yield Job(feed=choice.feed, full=choice.full, bodies=tuple(bodies))

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
        results = self._folder.publish(documents, known)
        unwanted = [
            document for path, document in known.items() if path not in {one.path for one in documents}
        ]
        with self._engine.begin() as connection:
            feeds.put_documents(connection, [replace(document, mtime_ns=NOWHERE) for document in unwanted])
            whole = self._record(connection, results, None, report)
            journal.put(connection, "index", "fresh" if whole else "stale")
        return [document.path for document in unwanted]

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

    def _record(
        self, connection: Connection, results: Sequence[Published], key: int | None, report: RefreshReport
    ) -> bool:
        """Note documents and findings; returns whether all documents are where they belong."""
        foreign = [result.path for result in results if result.outcome is Outcome.FOREIGN]
        ours = [
            DocumentRow(
                path=result.path,
                feed_key=key,
                mtime_ns=result.mtime_ns,
                size=result.size,
                digest=result.digest,
            )
            for result in results
            if result.outcome is not Outcome.FOREIGN
        ]
        feeds.put_documents(connection, ours)
        source = "output:index" if key is None else f"output:{key}"
        journal.put_findings(connection, {source: [self._foreign(path) for path in foreign]})
        report.written += sum(result.outcome is Outcome.WRITTEN for result in results)
        report.foreign += foreign
        return not foreign

    def _foreign(self, path: str) -> Finding:
        return Finding(
            path=self._config.shown(self._folder.path / path),
            what="this was not written by feedbot, so it was left alone and the document is missing",
            hint="move it away, or give `feeds.path` a folder of its own",
        )
