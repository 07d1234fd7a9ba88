"""One pass: sync, then publish. Each step is safe to repeat; the next pass finishes one that was killed.

The store notes in the transaction of the first step which feeds have changed; the second step renders these,
writes what differs, and only then notes that they are done.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from feedbot import __version__
from feedbot.content import Reader
from feedbot.content.scan import Root, Selection
from feedbot.membership import Catalogue, Choice
from feedbot.model import Document, Entry, Finding, JsonObject, Listing, load_article
from feedbot.publish import Folder, Outcome, Published
from feedbot.render import bears_mark, render_feed, render_index
from feedbot.store import articles, feeds, files, journal
from feedbot.store.feeds import DocumentRow, FeedRow, Kind
from feedbot.sync import STILL, Newsroom, Progress, SyncReport, register, sync

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from feedbot.config import Config

log = logging.getLogger(__name__)

FEEDS_AT_ONCE = 16  # rendered, then written side by side
LOOKS = 5  # at a file that somebody is writing, before the rest goes on without it

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock that feedbot runs by."""
    return datetime.now(UTC)


@dataclass(kw_only=True)
class PassReport:
    """What one pass found and did."""

    sync: SyncReport = field(default_factory=SyncReport)
    written: int = 0  # documents whose bytes changed
    removed: int = 0
    foreign: list[str] = field(default_factory=list)  # paths that something else occupies
    seconds: float = 0.0
    lost_state: bool = False  # there was output, but no state
    next_due: datetime | None = None

    def add(self, later: PassReport) -> None:
        """Take in what a further look at some files did."""
        for name in ("read", "new", "changed", "withdrawn", "renamed", "broken"):
            setattr(self.sync, name, getattr(self.sync, name) + getattr(later.sync, name))
        self.sync.events += later.sync.events
        self.sync.unsettled = later.sync.unsettled
        self.written += later.written
        self.removed += later.removed
        self.seconds += later.seconds
        self.next_due = later.next_due

    def as_json(self) -> JsonObject:
        """For the store and for `--json`."""
        work = asdict(self.sync)
        del work["unsettled"]
        return {
            **work,
            "events": [{"kind": kind, "id": id_} for kind, id_ in self.sync.events[:50]],
            "written": self.written,
            "removed": self.removed,
            "foreign": self.foreign,
            "seconds": round(self.seconds, 3),
            "lost_state": self.lost_state,
        }


class Builder:
    """Makes passes for one configuration; the command and the worker both use it."""

    def __init__(self, config: Config, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._config = config
        self._engine = engine
        self._clock = clock
        self._site = config.site_model()
        self._catalogue = Catalogue(config)
        self._folder = Folder(path=config.feeds.folder, is_ours=bears_mark)
        self.newsroom = newsroom_of(config, self._catalogue)

    def run(
        self,
        paths: Collection[str] | None = None,
        *,
        allow_empty: bool = False,
        progress: Progress = lambda _done, _total: None,
    ) -> PassReport:
        """Make one pass over everything, or over `paths` (absolute) and what lies below them.

        Raises ContentError or PublishError; then the store and the output are as they were, or whole and
        newer, and the next pass goes on from there.
        """
        started, now = time.perf_counter(), self._clock()
        report = PassReport()
        if paths is None:
            self._folder.prepare()
        with self._engine.begin() as connection:
            report.lost_state = journal.get(connection, "baseline") is None and self._folder.has_output()
            report.sync = sync(
                connection,
                self.newsroom,
                now,
                paths=paths,
                allow_empty=allow_empty,
                reread=self._prepare(connection),
                progress=progress,
            )
            if paths is None:
                self._distrust_output(connection)
        self._publish(report)
        with self._engine.begin() as connection:
            report.next_due = articles.next_due(connection)
            report.seconds = time.perf_counter() - started
            journal.add_pass(connection, now, report.as_json())
        return report

    def run_settled(
        self, *, allow_empty: bool = False, progress: Progress = lambda _done, _total: None
    ) -> PassReport:
        """Make a pass, and look again at files that may be half-written until they are still.

        Returns the report of the whole; what is still moving after a few looks is named in it.
        """
        report = self.run(allow_empty=allow_empty, progress=progress)
        for _ in range(LOOKS):
            if not report.sync.unsettled:
                break
            time.sleep(STILL.total_seconds())
            report.add(self.run(report.sync.unsettled))
        return report

    def _prepare(self, connection: Connection) -> bool:
        """Note what a new configuration changes; returns whether all files are to be read again."""
        reread = self._is_new(connection, "reading", self.newsroom.reader.fingerprint)
        if reread:
            files.distrust(connection)
        if self._is_new(connection, "selection", self._selection_fingerprint()):
            self._reselect(connection)
        if self._is_new(connection, "appearance", self._appearance_fingerprint()):
            feeds.touch_all(connection)
            journal.put(connection, "index", "stale")
        return reread

    def _is_new(self, connection: Connection, name: str, fingerprint: str) -> bool:
        if journal.get(connection, name) == fingerprint:
            return False
        journal.put(connection, name, fingerprint)
        return True

    def _selection_fingerprint(self) -> str:
        """Of what decides which feeds there are and which articles are in them."""
        return _fingerprint(
            {name: [topic.feed, topic.slug] for name, topic in self._config.feeds.topics.items()},
            [[feed.name, feed.slug, repr(sorted(asdict(feed.where.model()).items(), key=str))]
             for feed in self._config.feeds.named],
        )  # fmt: skip

    def _appearance_fingerprint(self) -> str:
        """Of what decides the bytes of a document, beside the articles in it."""
        options = self._config.feeds
        return _fingerprint(
            __version__,
            asdict(self._site),
            options.model_dump(mode="json", exclude={"folder"}),
            str(self._folder.path),
        )

    def _reselect(self, connection: Connection) -> None:
        """Bring feeds, slugs and memberships in line with a new configuration."""
        for name, title in self._catalogue.standing().items():
            register(connection, self._catalogue, name, title)
        for row in feeds.load(connection):
            name = (row.kind, row.name)
            feeds.set_active(connection, row.key, self._catalogue.wants(name))
            pinned = self._catalogue.pinned_slug(name)
            if pinned and pinned != row.slug:
                feeds.give_slug(connection, row.key, pinned)
                feeds.touch(connection, [row.key])
        touched: set[int] = set()
        live = articles.live(connection)
        while batch := list(islice(live, 1000)):
            touched |= self._reselect_articles(connection, batch)
        feeds.touch(connection, touched)

    def _reselect_articles(self, connection: Connection, batch: list[articles.StoredArticle]) -> set[int]:
        """Put live articles into the feeds that take them now; returns the feeds that gained or lost one."""
        before = articles.memberships(connection, [stored.key for stored in batch])
        joining: list[tuple[int, int, int]] = []
        leaving: list[tuple[int, int]] = []
        for stored in batch:
            names = self._catalogue.feeds_of(load_article(stored.row.body))
            now = {register(connection, self._catalogue, name, title) for name, title in names.items()}
            was = before.get(stored.key, set())
            joining += [(key, stored.key, stored.row.published_us) for key in now - was]
            leaving += [(key, stored.key) for key in was - now]
        feeds.leave(connection, leaving)
        feeds.join(connection, joining)
        return {row[0] for row in joining} | {pair[0] for pair in leaving}

    def _distrust_output(self, connection: Connection) -> None:
        """Render again what somebody removed or changed in the output folder."""
        touched: set[int] = set()
        for row in feeds.load_documents(connection).values():
            if self._folder.stat(row.path) != (row.mtime_ns, row.size):
                if row.feed_key is None:
                    journal.put(connection, "index", "stale")
                else:
                    touched.add(row.feed_key)
        feeds.touch(connection, touched)

    def _publish(self, report: PassReport) -> None:
        """Render and write the feeds that changed, then the index, then remove what is not wanted."""
        with self._engine.begin() as connection:
            stale = feeds.load(connection, stale=True)
            index = journal.get(connection, "index") != "fresh" or bool(stale)
        unwanted: list[str] = []
        for batch in _batches(stale, FEEDS_AT_ONCE):
            unwanted += self._publish_feeds(batch, report)
        if index:
            self._publish_index(report)
        if unwanted:
            self._folder.remove(unwanted)
            with self._engine.begin() as connection:
                feeds.forget_documents(connection, unwanted)
            report.removed += len(unwanted)

    def _publish_feeds(self, rows: Sequence[FeedRow], report: PassReport) -> list[str]:
        """Publish some feeds; returns the paths of documents that are not wanted any more."""
        choices = {row.key: self._catalogue.choice(row) for row in rows if row.active}
        with self._engine.begin() as connection:
            known = feeds.load_documents(connection, [row.key for row in rows])
            entries = {key: articles.newest(connection, key, choice.limit) for key, choice in choices.items()}
        documents = {key: self._render(choice, entries[key]) for key, choice in choices.items()}
        results = self._folder.publish([doc for docs in documents.values() for doc in docs], known)
        by_path = {result.path: result for result in results}
        with self._engine.begin() as connection:
            for row in rows:
                mine = [by_path[document.path] for document in documents.get(row.key, [])]
                self._record(connection, mine, row.key, report)
                if all(result.outcome is not Outcome.FOREIGN for result in mine):
                    updated = max(
                        (entry.article.updated for entry in entries.get(row.key, [])), default=row.updated
                    )
                    feeds.settle(connection, row.key, changed=row.changed, updated=updated)
        return [path for path in known if path not in by_path]

    def _render(self, choice: Choice, entries: Sequence[Entry]) -> list[Document]:
        options = self._config.feeds
        return render_feed(
            self._site,
            choice.feed,
            entries,
            formats=options.formats,
            full=choice.full,
            max_item_size=options.max_item_size,
        )

    def _publish_index(self, report: PassReport) -> None:
        with self._engine.begin() as connection:
            known = feeds.load_documents(connection, [None])
            listings = list(self._listings(connection))
        results = self._folder.publish(
            render_index(self._site, listings, formats=self._config.feeds.formats), known
        )
        with self._engine.begin() as connection:
            self._record(connection, results, None, report)
            foreign = any(result.outcome is Outcome.FOREIGN for result in results)
            journal.put(connection, "index", "stale" if foreign else "fresh")

    def _listings(self, connection: Connection) -> Iterator[Listing]:
        """All feeds with their counts: the feed of all articles, the named ones, then topics by name."""
        numbers = articles.newest_in_feeds(connection)
        order = {Kind.ALL: 0, Kind.NAMED: 1, Kind.TOPIC: 2}
        rows = [row for row in feeds.load(connection) if row.active]
        for row in sorted(rows, key=lambda row: (order[row.kind], row.name)):
            count, newest = numbers.get(row.key, (0, None))
            yield Listing(feed=self._catalogue.choice(row).feed, articles=count, newest=newest)

    def _record(
        self, connection: Connection, results: Sequence[Published], key: int | None, report: PassReport
    ) -> None:
        ours = [result for result in results if result.outcome is not Outcome.FOREIGN]
        feeds.put_documents(
            connection,
            [
                DocumentRow(path=result.path, feed_key=key, mtime_ns=result.mtime_ns, size=result.size)
                for result in ours
            ],
        )
        found = {f"output:{result.path}": list(self._foreign(result)) for result in results}
        journal.put_findings(connection, found)
        report.written += sum(result.outcome is Outcome.WRITTEN for result in results)
        report.foreign += [result.path for result in results if result.outcome is Outcome.FOREIGN]

    def _foreign(self, result: Published) -> Iterator[Finding]:
        if result.outcome is Outcome.FOREIGN:
            yield Finding(
                path=_shown(self._folder.path / result.path, self._config.folder),
                what="this was not written by feedbot, so it was left alone and the document is missing",
                hint="move it away, or give `feeds.path` a folder of its own",
            )


def newsroom_of(config: Config, catalogue: Catalogue) -> Newsroom:
    """What sync needs of a configuration."""
    site = config.site_model()
    return Newsroom(
        roots=tuple(Root(folder=path, name=_shown(path, config.folder)) for path in config.content.paths),
        selection=Selection(include=tuple(config.content.include), exclude=tuple(config.content.exclude)),
        reader=Reader(site=site, fields=config.content.fields, timezone=str(config.content.timezone)),
        id_base=site.id_base,
        catalogue=catalogue,
        max_item_size=config.feeds.max_item_size,
    )


def _shown(path: Path, folder: Path) -> str:
    """`path` as the operator knows it: relative to the folder of config.yaml where it lies below it."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _fingerprint(*values: object) -> str:
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _batches(rows: Iterable[FeedRow], size: int) -> Iterator[list[FeedRow]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
