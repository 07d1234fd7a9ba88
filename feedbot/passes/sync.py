"""The first step of a pass: what moved in the content folders becomes articles, memberships and events.

    stat all -> read what moved -> give each its identity -> compare what readers see -> one transaction

Everything is decided and written inside one transaction, so a killed pass leaves no trace, and two passes at
once cannot see half of each other. Writes nothing to the output folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from feedbot.content.intake import Ready, Taken
from feedbot.content.look import Look, Sources, look_at, sources_of
from feedbot.content.scan import Root, Survey, names_of
from feedbot.crew import Crew
from feedbot.errors import ContentError
from feedbot.model import EventKind, Finding, Level, Progress, Stamp
from feedbot.passes.changes import ChangeWriter, falling_due, withdrawal
from feedbot.passes.decision import Decision, decide_duplicate, decide_left_out, decide_read
from feedbot.passes.identity import Duplicate, Identities, Identity
from feedbot.passes.membership import Catalogue
from feedbot.store import articles, files, journal
from feedbot.store.articles import StoredArticle
from feedbot.store.files import UNTRUSTED, Fate, FileRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config

LEFT_OPEN = 1000  # files that wait for others; if more do, as when an archive moves, what was met decides
MANY = 20  # so many files do not vanish all at once from a healthy folder

# The identity of the article in a file, or None where that is left open.
Identify = Callable[[str, Ready], Identity | Duplicate | None]


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
    in_motion: set[str] = field(default_factory=set)  # on disk; to be looked at again in a moment
    problems: list[Finding] = field(default_factory=list)  # errors that did not stand before
    duplicates: list[Finding] = field(default_factory=list)  # the same of files whose id another has


class SyncOptions(Struct, frozen=True, kw_only=True):
    """What sync needs of the configuration."""

    sources: Sources
    id_base: str
    catalogue: Catalogue
    max_item_size: int | None  # bytes; None: no feed shows full texts


def sync_options(config: Config, catalogue: Catalogue) -> SyncOptions:
    """Those of a configuration."""
    feeds = config.feeds
    shows_full = "full" in {feeds.content, *(named.content for named in feeds.named)}
    return SyncOptions(
        sources=sources_of(config),
        id_base=config.site_model().id_base,
        catalogue=catalogue,
        max_item_size=feeds.max_item_size if shows_full else None,
    )


def sync(
    connection: Connection,
    options: SyncOptions,
    now: datetime,
    crew: Crew,
    *,
    paths: Collection[str] | None = None,
    allow_empty: bool = False,
    at_rest: bool = False,
    reread: bool = False,
    progress: Progress = lambda _done, _total: None,
    begun: Look | None = None,
) -> SyncReport:
    """Bring the store up to date with the content folders, or with `paths` (absolute) and what is below them.

    Raises ContentError when a content folder cannot be read, or lost all its files at once and not
    `allow_empty`. With `at_rest` a file that cannot be read is broken, however young it is; with either of
    them one look tells that many files are gone. `reread` says that files are read anew because feedbot or
    its configuration changed: what is different then is no update. `begun` is a look that knew of no file,
    which is gone on with if none is known. The caller's transaction holds either all of the result or
    nothing.
    """
    roots = options.sources.roots
    known = _known(connection, roots, paths)
    if known or begun is None:
        begun = look_at(options.sources, crew, now, paths=paths, known=known, at_rest=at_rest)
    found, taken = begun
    if not allow_empty:
        _refuse_vanished(connection, roots, found)
    work = _Sync(connection, options, now, found, reread=reread, is_sure=at_rest or allow_empty)
    done = 0
    for batch in taken:
        work.write(batch)
        done += len(batch)
        progress(done, len(found.files))
    return work.finish(is_whole=paths is None)


def _known(connection: Connection, roots: Iterable[Root], paths: Collection[str] | None) -> dict[str, Stamp]:
    """The stamps of all known files, or of those among `paths` and below them."""
    if paths is None:
        return files.load_stamps(connection)
    names = names_of(roots, paths)
    known = files.load_stamps(connection, names)
    for name in [name for name in names if name not in known]:  # below a file there is none
        known |= files.load_under(connection, name)
    return known


def _refuse_vanished(connection: Connection, roots: Iterable[Root], found: Survey) -> None:
    """An empty mount point looks like a newsroom that deleted everything, but hardly ever is one."""
    gone = found.gone
    if len(gone) <= MANY:
        return
    for root in roots:
        known = files.load_under(connection, root.name)
        there = any(name.startswith(f"{root.name}/") for name in found.files)
        if len(known) > MANY and not there and all(name in gone for name in known):
            raise ContentError(
                f"all {len(known)} files of {root.folder} are gone at once, so nothing was withdrawn. Is the"
                " disk mounted? If they are meant to go, run `feedbot build --allow-empty` once"
            )


class _Sync:
    """One sync: takes batches of files, has what they come to written, and gathers what is told of them."""

    def __init__(
        self,
        connection: Connection,
        options: SyncOptions,
        now: datetime,
        found: Survey,
        *,
        reread: bool,
        is_sure: bool,
    ) -> None:
        self._is_sure = is_sure
        self._connection = connection
        self._options = options
        self._now = now
        self._found = found
        self._report = SyncReport(baseline=journal.get(connection, "baseline") is None)
        self._identities = Identities(connection, options.id_base, options.sources.roots, now, found.gone)
        # The first look at a folder announces nothing, and a new way of reading is no news.
        muted = EventKind if self._report.baseline else {EventKind.UPDATED} if reread else ()
        self._writer = ChangeWriter(
            connection=connection, catalogue=options.catalogue, now=now, muted=frozenset(muted)
        )
        self._findings: dict[str, tuple[Finding, ...]] = {}
        self._left_out: dict[str, Fate] = {}  # files that are broken or duplicates
        self._left_open: dict[str, Taken] = {}  # files of which the rest of the pass decides what they are
        self._looked_at_again: set[str] = set()  # of these, those that no stat could stand for

    def write(self, batch: Mapping[str, Taken | None]) -> None:
        """Write what became of a batch of files."""
        taken = {name: one for name, one in batch.items() if one is not None}
        self._report.in_motion |= {self._found.files[name].path for name in batch if name not in taken}
        self._report.read += len(taken)
        self._identities.prepare({name: one.reading for name, one in taken.items()})
        self._write(taken, self._identities.at_once)
        if len(self._left_open) >= LEFT_OPEN:
            self._write_left_open()

    def _write_left_open(self) -> None:
        """Write what became of the files that waited for others."""
        taken, self._left_open = self._left_open, {}
        self._identities.prepare({name: one.reading for name, one in taken.items()})
        self._write(taken, self._identities.of)

    def _write(self, taken: Mapping[str, Taken], identify: Identify) -> None:
        """Write what became of files that are prepared; what `identify` leaves open waits."""
        decisions = [made for name, one in taken.items() if (made := self._decide(name, one, identify))]
        self._findings |= {made.row.path: made.findings for made in decisions}
        self._report.renamed += sum(made.is_rename for made in decisions)
        changes = {made.row.path: made.change for made in decisions if made.change}
        keys = dict(zip(changes, self._writer.write(list(changes.values())), strict=True))
        rows = [made.row for made in decisions]
        self._note_left_out(rows)
        files.put(
            self._connection,
            [structs.replace(row, article_key=keys.get(row.path, row.article_key)) for row in rows],
            self._found.newcomers,
        )

    def _note_left_out(self, rows: Iterable[FileRow]) -> None:
        for row in rows:
            if row.fate in {Fate.BROKEN, Fate.DUPLICATE}:
                self._left_out[row.path] = row.fate
                if self._identities.is_untrusted(row.path):
                    self._looked_at_again.add(row.path)

    def _decide(self, name: str, taken: Taken, identify: Identify) -> Decision | None:
        """What a file comes to; None if that is left open."""
        reading, stamp = taken.reading, taken.stamp or UNTRUSTED
        self._findings[name] = reading.findings  # findings are told in the order in which files were met
        if not isinstance(reading, Ready):
            return decide_left_out(name, reading, self._identities.known(name), stamp)
        identity = identify(name, reading)
        if identity is None:
            self._left_open[name] = taken
            return None
        if isinstance(identity, Duplicate):
            return decide_duplicate(name, reading, identity)
        limit = self._options.max_item_size
        return decide_read(name, reading, identity, stamp, self._now, max_item_size=limit)

    def finish(self, *, is_whole: bool) -> SyncReport:
        """Write what waited, withdraw what is gone, let appear what is due, note what was gathered."""
        self._write_left_open()
        lost = self._identities.unclaimed()
        expected = self._expected_back(lost)
        gone = self._identities.gone - expected
        lost = [stored for stored in lost if stored.row.path not in expected]
        self._writer.write([withdrawal(stored, "the file is gone", gone=self._now) for stored in lost])
        files.forget(self._connection, gone)
        due = articles.find_due(self._connection, self._now)
        if journal.is_before_last_pass(self._connection, self._now):  # which may have had a clock ahead
            due += articles.find_expired_early(self._connection, self._now)
        self._writer.write([falling_due(stored, self._now) for stored in due])
        self._writer.close()
        self._report_left_out()
        self._findings |= dict.fromkeys(gone, ())
        journal.put_findings(self._connection, self._findings)
        if is_whole:
            journal.put_findings(self._connection, {"scan": self._found.findings.values()})
            if self._report.baseline:
                journal.put(self._connection, "baseline", self._now.isoformat())
        return self._reported(self._found.unchanged + len(self._found.files))

    def _expected_back(self, lost: Sequence[StoredArticle]) -> set[str]:
        """The files of lost articles that may be there again at another look, in a moment.

        A folder that is emptied and filled again, as by a fresh checkout, misses others at each look. So many
        are gone when two looks in a row miss the same.
        """
        missing = {stored.row.path for stored in lost} & self._identities.gone
        if self._is_sure or len(missing) <= MANY:
            return set()
        digest = hashlib.sha256("\0".join(sorted(missing)).encode()).hexdigest()
        is_second = journal.get(self._connection, "missing") == digest
        journal.put(self._connection, "missing", "" if is_second else digest)
        if is_second:
            return set()
        self._report.in_motion |= {str(root.folder) for root in self._options.sources.roots}
        return missing

    def _report_left_out(self) -> None:
        """Report what is wrong, but for what the last pass found as well in files that each pass reads."""
        before = journal.load_findings_of(self._connection, self._looked_at_again)
        old = {name for name, found in before.items() if found == list(self._findings[name])}
        self._report.read -= len(old)
        self._report.broken = len(self._left_out.keys() - old)
        for name, found in self._findings.items():
            if name not in old:
                is_duplicate = self._left_out.get(name) is Fate.DUPLICATE
                told = self._report.duplicates if is_duplicate else self._report.problems
                told += [one for one in found if one.level is Level.ERROR]

    def _reported(self, looked_at: int) -> SyncReport:
        counts = self._writer.seen
        return replace(
            self._report,
            files=looked_at,
            events=self._writer.events,
            new=counts[EventKind.PUBLISHED],
            changed=counts[EventKind.UPDATED],
            withdrawn=counts[EventKind.WITHDRAWN],
        )
