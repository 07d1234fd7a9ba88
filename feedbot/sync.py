"""The first step of a pass: what moved in the content folders becomes articles, memberships and events.

    stat all -> read what moved -> give each its identity -> compare what readers see -> one transaction

Everything is decided and written inside one transaction, so a killed pass leaves no trace, and two passes at
once cannot see half of each other. Writes nothing to the output folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from feedbot.content import Broken, Excluded, Read, Reader, Reading, Reason
from feedbot.content.scan import Fetched, Found, Root, Selection, Survey, Unreadable, fetch, survey
from feedbot.errors import ContentError
from feedbot.identity import Duplicate, Identities, url_digest
from feedbot.membership import Catalogue, FeedName
from feedbot.model import Article, Finding, Level, Status, dump_article, load_article, visible_hash
from feedbot.render import too_large
from feedbot.store import articles, feeds, files, journal
from feedbot.store.articles import ArticleRow, StoredArticle
from feedbot.store.db import to_us
from feedbot.store.files import Fate, FileRow, Stamp
from feedbot.store.journal import EventKind

if TYPE_CHECKING:
    from sqlalchemy import Connection

STILL = timedelta(seconds=1)  # a file that cannot be read and is younger may be half-written
BATCH = 500  # files held in memory at a time
MANY = 20  # so many files do not vanish all at once from a healthy folder

Progress = Callable[[int, int], None]  # files read so far, files to read


@dataclass(kw_only=True)
class SyncReport:
    """What a sync found and did."""

    files: int = 0  # looked at
    read: int = 0  # read, because their stat had changed
    new: int = 0
    changed: int = 0
    withdrawn: int = 0
    renamed: int = 0
    broken: int = 0
    baseline: bool = False
    events: list[tuple[EventKind, str]] = field(default_factory=list)  # kind and id
    unsettled: set[str] = field(default_factory=set)  # on disk; to be looked at again in a moment


@dataclass(frozen=True, kw_only=True)
class Newsroom:
    """What sync needs of the configuration."""

    roots: tuple[Root, ...]
    selection: Selection
    reader: Reader
    id_base: str
    catalogue: Catalogue
    max_item_size: int


def sync(
    connection: Connection,
    newsroom: Newsroom,
    now: datetime,
    *,
    paths: Collection[str] | None = None,
    allow_empty: bool = False,
    settled: bool = False,
    reread: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> SyncReport:
    """Bring the store up to date with the content folders, or with `paths` (absolute) and what is below them.

    Raises ContentError when a content folder cannot be read, or lost all its files at once and not
    `allow_empty`. With `settled` a file that cannot be read is broken, however young it is. `reread` says
    that files are read anew because feedbot or its configuration changed: what is different then is no
    update. The caller's transaction holds either all of the result or nothing.
    """
    found = survey(newsroom.roots, newsroom.selection, paths)
    known = _known(connection, found)
    gone = {name for name in known if name not in found.files and not found.conceals(name)}
    if not allow_empty:
        _refuse_vanished(newsroom.roots, found, gone)
    moved = sorted(name for name, file in found.files.items() if known.get(name) != file.stamp)
    newcomers = {name for name in found.files if name not in known}
    work = _Sync(connection, newsroom, now, gone, newcomers, settled=settled, reread=reread)
    work.report.files = len(found.files)
    done = 0
    for batch in _batches(moved, BATCH):
        work.take({name: found.files[name] for name in batch})
        done += len(batch)
        progress(done, len(moved))
    work.lose()
    work.come_due()
    if found.looked is None:
        journal.put_findings(connection, {"scan": found.findings.values()})
        work.finish_baseline()
    work.close()
    return work.report


def _known(connection: Connection, found: Survey) -> dict[str, Stamp]:
    if found.looked is None:
        return files.load_stamps(connection)
    known = files.load_stamps(connection, found.looked)
    for name in found.looked:
        known |= files.load_under(connection, name)
    return known


def _refuse_vanished(roots: Iterable[Root], found: Survey, gone: Collection[str]) -> None:
    """An empty mount point looks like a newsroom that deleted everything, but hardly ever is one."""
    if found.looked is not None or len(gone) <= MANY:
        return
    for root in roots:
        start = f"{root.name}/"
        lost = sum(name.startswith(start) for name in gone)
        if lost > MANY and not any(name.startswith(start) for name in found.files):
            raise ContentError(
                f"all {lost} articles of {root.folder} are gone at once, so nothing was withdrawn. Is the"
                " disk mounted? If they are meant to go, run `feedbot build --allow-empty` once"
            )


def _batches(names: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(names)
    while batch := list(islice(iterator, size)):
        yield batch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Put:
    """An article as it is to stand in the store, beside what stands there now."""

    stored: StoredArticle | None
    row: ArticleRow
    article: Article
    file: FileRow | None  # the file's row, once the article's key is known


class _Sync:
    """One sync: reads a batch, decides, writes; remembers only what the later batches need."""

    def __init__(
        self,
        connection: Connection,
        newsroom: Newsroom,
        now: datetime,
        gone: set[str],
        newcomers: set[str],
        *,
        settled: bool,
        reread: bool,
    ) -> None:
        self.report = SyncReport()
        self._connection = connection
        self._newsroom = newsroom
        self._now = now
        self._settled = settled
        self._reread = reread
        self._identities = Identities(connection, newsroom.id_base, now, gone, newcomers)
        self._baseline = journal.get(connection, "baseline") is None
        self._touched: set[int] = set()
        self._feed_keys: dict[FeedName, int] = {}
        self._findings: dict[str, tuple[Finding, ...]] = {}

    def take(self, batch: dict[str, Found]) -> None:
        """Read a batch of files that moved, and write what became of them."""
        readings: dict[str, Reading] = {}
        stamps: dict[str, Stamp] = {}
        for name, found in batch.items():
            fetched = fetch(found.path)
            if fetched is None or self._is_unsettled(fetched, reading := self._read(name, found, fetched)):
                self.report.unsettled.add(found.path)
                continue
            readings[name] = reading
            stamps[name] = _stamp(found, fetched)
        self.report.read += len(readings)
        self._identities.prepare(readings, {name: found.relative for name, found in batch.items()})
        self._write_files(readings, stamps)

    def _read(self, name: str, found: Found, fetched: Fetched | Unreadable) -> Reading:
        if isinstance(fetched, Unreadable):
            return Broken(findings=(Finding(path=name, what=fetched.why, hint=fetched.hint),))
        reading = self._newsroom.reader.read(fetched.data, name=name, relative=found.relative)
        if isinstance(reading, Read) and too_large(reading.article, self._newsroom.max_item_size):
            limit = self._newsroom.max_item_size
            finding = Finding(
                path=name,
                what=f"the full text has more than {limit:,} bytes, so feeds show the excerpt",
                hint="shorten it, or raise `feeds.max_item_size`",
                level=Level.WARNING,
            )
            return replace(reading, findings=(*reading.findings, finding))
        return reading

    def _is_unsettled(self, fetched: Fetched | Unreadable, reading: Reading) -> bool:
        """Whether the file may be half-written: then its last good version stays, without a word, for now."""
        if isinstance(fetched, Unreadable) or self._settled:
            return False
        incomplete = isinstance(reading, Broken) or (
            isinstance(reading, Excluded) and reading.reason in (Reason.EMPTY, Reason.NO_FRONT_MATTER)
        )
        age = self._now.timestamp() - fetched.stamp[0] / 1e9
        # A little below zero: written after the pass began. Far below: a wrong clock, so do not wait.
        return not fetched.still or (incomplete and -60 < age < STILL.total_seconds())

    def _write_files(self, readings: dict[str, Reading], stamps: dict[str, Stamp]) -> None:
        puts: list[_Put] = []
        rows: list[FileRow] = []
        for name, reading in readings.items():
            self._findings[name] = reading.findings
            if isinstance(reading, Read):
                self._put_read(name, reading, stamps[name], puts, rows)
                continue
            stored = self._identities.known(name)
            fate = Fate.BROKEN if isinstance(reading, Broken) else Fate.EXCLUDED
            reason = reading.reason.value if isinstance(reading, Excluded) else ""
            self.report.broken += fate is Fate.BROKEN
            rows.append(
                FileRow(path=name, stamp=stamps[name], fate=fate, reason=reason,
                        article_key=stored.key if stored else None)
            )  # fmt: skip
            if stored and isinstance(reading, Excluded):
                puts.append(_withdrawal(stored, reason, gone_us=None))
        rows += self._write_articles(puts)
        files.put(self._connection, rows)

    def _put_read(
        self, name: str, reading: Read, stamp: Stamp, puts: list[_Put], rows: list[FileRow]
    ) -> None:
        identity = self._identities.of(name, reading)
        if isinstance(identity, Duplicate):
            self._findings[name] = (*reading.findings, identity.finding)
            self.report.broken += 1
            # Read again at each pass: the other file may have gone.
            rows.append(FileRow(path=name, stamp=files.UNTRUSTED, fate=Fate.DUPLICATE))
            return
        stored, article = identity.stored, reading.article
        status, reason = _standing(article, self._now)
        self.report.renamed += bool(stored and stored.row.path != name)
        row = ArticleRow(
            id=identity.id,
            path=name,
            url_digest=url_digest(reading.url),
            status=status,
            reason=reason,
            published_us=to_us(article.published),
            expires_us=to_us(article.expires) if article.expires else None,
            visible_hash=visible_hash(article),
            body=dump_article(article),
            seen_us=stored.row.seen_us if stored else None,
            gone_us=None,
        )
        file = FileRow(path=name, stamp=stamp, fate=Fate.READ)
        puts.append(_Put(stored=stored, row=row, article=article, file=file))

    def _write_articles(self, puts: list[_Put]) -> list[FileRow]:
        """Write articles, their memberships and events; returns the rows of their files."""
        puts = [replace(put, row=_seen(put.row, self._now)) for put in puts]
        new = [put for put in puts if put.stored is None]
        old = [(put, put.stored) for put in puts if put.stored is not None]
        moved = [(put, stored) for put, stored in old if put.row != stored.row]
        keys = articles.add(self._connection, [put.row for put in new])
        articles.change(
            self._connection, [StoredArticle(key=stored.key, row=put.row) for put, stored in moved]
        )
        keyed = [*zip(keys, new, strict=True), *((stored.key, put) for put, stored in old)]
        self._write_memberships([*zip(keys, new, strict=True), *((stored.key, put) for put, stored in moved)])
        self._write_events(keyed)
        return [replace(put.file, article_key=key) for key, put in keyed if put.file]

    def _write_memberships(self, keyed: list[tuple[int, _Put]]) -> None:
        before = articles.memberships(self._connection, [key for key, put in keyed if put.stored])
        joining: list[tuple[int, int, int]] = []
        leaving: list[tuple[int, int]] = []
        for key, put in keyed:
            was = before.get(key, set())
            now = self._feeds_of(put.article) if put.row.status is Status.LIVE else set()
            same_date = put.stored is not None and put.stored.row.published_us == put.row.published_us
            joining += [(feed, key, put.row.published_us) for feed in (now - was if same_date else now)]
            leaving += [(feed, key) for feed in was - now]
            visible = put.stored is None or put.stored.row.visible_hash != put.row.visible_hash
            self._touched |= (was | now) if visible else (was ^ now)
        feeds.leave(self._connection, leaving)
        feeds.join(self._connection, joining)

    def _feeds_of(self, article: Article) -> set[int]:
        return {
            self._feed_keys.get(name) or self._register(name, title)
            for name, title in self._newsroom.catalogue.feeds_of(article).items()
        }

    def _register(self, name: FeedName, title: str) -> int:
        self._feed_keys[name] = register(self._connection, self._newsroom.catalogue, name, title)
        return self._feed_keys[name]

    def _write_events(self, keyed: list[tuple[int, _Put]]) -> None:
        happened = [
            (key, put, event)
            for key, put in keyed
            if (event := _event(put)) and not (self._reread and event is EventKind.UPDATED)
        ]
        self.report.new += sum(event is EventKind.PUBLISHED for _, _, event in happened)
        self.report.changed += sum(event is EventKind.UPDATED for _, _, event in happened)
        self.report.withdrawn += sum(event is EventKind.WITHDRAWN for _, _, event in happened)
        if self._baseline:
            return  # the first look at a folder announces nothing
        self.report.events += [(event, put.row.id) for _, put, event in happened]
        journal.add_events(self._connection, [(key, event) for key, _, event in happened], self._now)

    def lose(self) -> None:
        """Withdraw the articles whose files are gone and were not found under another name."""
        gone = self._identities.unclaimed()
        moment = to_us(self._now)
        self._write_articles([_withdrawal(stored, "the file is gone", gone_us=moment) for stored in gone])
        files.forget(self._connection, self._identities.gone)
        self._findings |= dict.fromkeys(self._identities.gone, ())

    def come_due(self) -> None:
        """Let articles appear or expire whose time came by itself."""
        puts = []
        for stored in articles.find_due(self._connection, self._now):
            article = load_article(stored.row.body)
            status, reason = _standing(article, self._now)
            row = replace(stored.row, status=status, reason=reason)
            puts.append(_Put(stored=stored, row=row, article=article, file=None))
        self._write_articles(puts)

    def finish_baseline(self) -> None:
        """After the first look at everything, what comes is new."""
        if self._baseline:
            self.report.baseline = True
            journal.put(self._connection, "baseline", self._now.isoformat())

    def close(self) -> None:
        """Write what was gathered over all batches."""
        journal.put_findings(self._connection, self._findings)
        feeds.touch(self._connection, self._touched)
        if self._touched:
            journal.put(self._connection, "index", "stale")


def register(connection: Connection, catalogue: Catalogue, name: FeedName, title: str) -> int:
    """The key of the feed `name`, registered and given a slug if it is new."""
    kind, folded = name
    key = feeds.find_keys(connection, kind, [folded]).get(folded)
    if key is None:
        key = feeds.add(connection, kind, folded, title)
        if kind is not feeds.Kind.ALL:
            feeds.give_slug(connection, key, catalogue.wanted_slug(name, title))
    return key


def _standing(article: Article, now: datetime) -> tuple[Status, str]:
    if article.expires is not None and article.expires <= now:
        return Status.WITHDRAWN, "expired"
    if article.published > now:
        return Status.WAITING, ""
    return Status.LIVE, ""


def _seen(row: ArticleRow, now: datetime) -> ArticleRow:
    """`row` with the moment of its first appearance, if this is it."""
    if row.status is Status.LIVE and row.seen_us is None:
        return replace(row, seen_us=to_us(now))
    return row


def _withdrawal(stored: StoredArticle, reason: str, *, gone_us: int | None) -> _Put:
    row = replace(stored.row, status=Status.WITHDRAWN, reason=reason, gone_us=gone_us)
    return _Put(stored=stored, row=row, article=load_article(row.body), file=None)


def _event(put: _Put) -> EventKind | None:
    """What readers see happen. An article that comes back is not new."""
    was_live = put.stored is not None and put.stored.row.status is Status.LIVE
    is_live = put.row.status is Status.LIVE
    if is_live and (put.stored is None or put.stored.row.seen_us is None):
        return EventKind.PUBLISHED
    if was_live and not is_live:
        return EventKind.WITHDRAWN
    if was_live and put.stored is not None and put.stored.row.visible_hash != put.row.visible_hash:
        return EventKind.UPDATED
    return None


def _stamp(found: Found, fetched: Fetched | Unreadable) -> Stamp:
    """The stamp to remember, or one that makes the next pass read the file again.

    A second write within the same tick of the file system's clock, with the same size, would leave the same
    stamp: a file read so soon after it was written is not trusted yet (as git treats "racy" index entries).
    """
    stamp = fetched.stamp if isinstance(fetched, Fetched) else found.stamp
    coarse = stamp[0] % 1_000_000 == 0
    age = time.time_ns() - stamp[0]
    return files.UNTRUSTED if 0 <= age < (2_000_000_000 if coarse else 20_000_000) else Stamp(*stamp)
