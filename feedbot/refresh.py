"""The second step of a pass: the feeds that changed become documents in the output folder.

The store says which feeds changed; they are rendered, written where the bytes differ, and only then noted as
done. Documents come first, then the index that names them, removals last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from feedbot.membership import Catalogue, Choice
from feedbot.model import Document, Entry, Finding, Listing
from feedbot.publish import Folder, Outcome, Published
from feedbot.render import render_feed, render_index
from feedbot.store import articles, feeds, journal
from feedbot.store.feeds import DocumentRow, FeedRow, Kind
from feedbot.store.statements import batches

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.config import Config

FEEDS_AT_ONCE = 16  # rendered, then written side by side
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
        self._site = config.site_model()
        self._catalogue = catalogue
        self._folder = folder
        self._engine = engine

    def run(self) -> RefreshReport:
        """Render and write what changed. Raises PublishError; the next run goes on from there."""
        report = RefreshReport()
        with self._engine.begin() as connection:
            stale = feeds.load(connection, stale=True)
            index = bool(stale) or journal.get(connection, "index") != "fresh"
        unwanted: list[str] = []
        for batch in batches(stale, FEEDS_AT_ONCE):
            unwanted += self._refresh_feeds(batch, report)
        if index:
            self._refresh_index(report)
        if unwanted:
            self._folder.remove(unwanted)
            with self._engine.begin() as connection:
                feeds.forget_documents(connection, unwanted)
            report.removed += len(unwanted)
        return report

    def _refresh_feeds(self, rows: Sequence[FeedRow], report: RefreshReport) -> list[str]:
        """Refresh some feeds; returns the paths of their documents that are not wanted any more."""
        choices = {row.key: self._catalogue.choice(row) for row in rows if row.active}
        with self._engine.begin() as connection:
            known = feeds.load_documents(connection, [row.key for row in rows])
            entries = {key: articles.newest(connection, key, choice.limit) for key, choice in choices.items()}
        documents = {key: self._render(key, choices, entries[key]) for key in choices}
        results = self._folder.publish([one for some in documents.values() for one in some], known)
        by_path = {result.path: result for result in results}
        unwanted = [row for path, row in known.items() if path not in by_path]
        with self._engine.begin() as connection:
            # If this process ends before they are removed, the next full pass finds them changed.
            feeds.put_documents(connection, [replace(row, mtime_ns=NOWHERE) for row in unwanted])
            for row in rows:
                mine = [by_path[document.path] for document in documents.get(row.key, [])]
                self._settle(connection, row, mine, entries.get(row.key, []), report)
        return [row.path for row in unwanted]

    def _render(self, key: int, choices: dict[int, Choice], entries: Sequence[Entry]) -> list[Document]:
        options, choice = self._config.feeds, choices[key]
        return render_feed(
            self._site,
            choice.feed,
            entries,
            formats=options.formats,
            full=choice.full,
            max_item_size=options.max_item_size,
        )

    def _settle(
        self,
        connection: Connection,
        row: FeedRow,
        results: Sequence[Published],
        entries: Sequence[Entry],
        report: RefreshReport,
    ) -> None:
        """Note what became of a feed's documents. A feed that could not be written whole stays to be done."""
        if self._record(connection, results, row.key, report):
            updated = max((entry.article.updated for entry in entries), default=row.updated)
            feeds.settle(connection, row.key, changed=row.changed, updated=updated)

    def _refresh_index(self, report: RefreshReport) -> None:
        with self._engine.begin() as connection:
            known = feeds.load_documents(connection, [None])
            listings = self._listings(connection)
        documents = render_index(self._site, listings, formats=self._config.feeds.formats)
        results = self._folder.publish(documents, known)
        with self._engine.begin() as connection:
            whole = self._record(connection, results, None, report)
            journal.put(connection, "index", "fresh" if whole else "stale")

    def _listings(self, connection: Connection) -> list[Listing]:
        """All feeds with their counts: the feed of all articles, the named ones, then topics by name."""
        numbers = articles.newest_in_feeds(connection)
        order = {Kind.ALL: 0, Kind.NAMED: 1, Kind.TOPIC: 2}
        rows = [row for row in feeds.load(connection) if row.active]
        listings = []
        for row in sorted(rows, key=lambda row: (order[row.kind], row.name)):
            count, newest = numbers.get(row.key, (0, None))
            feed = self._catalogue.choice(row).feed
            listings.append(Listing(feed=feed, articles=count, newest=newest))
        return listings

    def _record(
        self, connection: Connection, results: Sequence[Published], key: int | None, report: RefreshReport
    ) -> bool:
        """Note documents and findings; returns whether all documents are where they belong."""
        foreign = [result.path for result in results if result.outcome is Outcome.FOREIGN]
        ours = [
            DocumentRow(path=result.path, feed_key=key, mtime_ns=result.mtime_ns, size=result.size)
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
