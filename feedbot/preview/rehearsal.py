"""The next pass over one file, rehearsed: the real sync and the real announcing, over a copy in memory.

The copy holds what the store knows of the one article. Neither the store nor the output is touched, nothing
is sent, and whatever the pass would decide is decided by the code that decides it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from feedbot.articletext import load_article
from feedbot.audience import Audience, audience_of
from feedbot.content import Broken, Excluded, Read
from feedbot.content.fetch import Fetched, fetch
from feedbot.content.intake import Intake, Ready, Verdict
from feedbot.content.scan import Found, survey
from feedbot.crew import Crew
from feedbot.model import EventKind, Finding, Level, Status
from feedbot.operator.naming import Spot, keys_of, spots_of, unknown
from feedbot.passes.announce import announce, policy_of
from feedbot.passes.identity import Duplicate, Identities, make_id
from feedbot.passes.membership import Catalogue
from feedbot.passes.reconfigure import reconfigure
from feedbot.passes.sync import SyncOptions, sync, sync_options
from feedbot.preview.forecast import NO_ID, Obstacle, Record, Scene, Stage
from feedbot.store import articles, deliveries, inquiry, journal, targets
from feedbot.store.articles import StoredArticle
from feedbot.store.db import open_store
from feedbot.store.deliveries import AnnouncementRow
from feedbot.store.excerpt import PastEvent, copy_article, count_as_written, events_of
from feedbot.store.inquiry import Selection, ShownAnnouncement
from feedbot.store.turns import pace_allows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from feedbot.config import Config


class Rehearsal(Struct, frozen=True, kw_only=True):
    """What the next pass would make of one file."""

    name: str  # of the file, as findings have it
    findings: tuple[Finding, ...]
    scene: Scene
    records: dict[str, Record]  # by target


class _Sight(Struct, frozen=True, kw_only=True):
    """A file as it is now, and the article that it is or was."""

    spot: Spot
    reading: Verdict | None = None  # None: it is not there, or not to be read
    why: str = ""  # ... for this reason
    id: str = ""
    stored: StoredArticle | None = None
    duplicate: Finding | None = None


def rehearse(source: Connection, config: Config, spelling: str, now: datetime) -> Rehearsal:
    """What the next pass would make of the article that `spelling` names: a path, an id or a link.

    A date that lies ahead counts as reached. Raises FeedbotError if nothing is called that, and ContentError
    when a content folder cannot be read.
    """
    options = sync_options(config, Catalogue(config))
    sight = _see(source, config, options, spelling, now)
    appears = None
    if isinstance(sight.reading, Ready) and sight.reading.outline.published > now:
        appears = now = sight.reading.outline.published
    findings = sight.reading.findings if sight.reading else ()
    if sight.duplicate:
        obstacle = Obstacle(stage=Stage.FILE, reason=sight.duplicate.what, hint=sight.duplicate.hint)
        scene = Scene(
            article_id="", article=None, now=now, max_age=config.announce.max_age, obstacle=obstacle
        )
        return Rehearsal(name=sight.spot.name, findings=(*findings, sight.duplicate), scene=scene, records={})
    scene, records = _Play(
        source=source,
        config=config,
        options=options,
        audiences=[audience_of(target) for target in config.targets],
        sight=sight,
        now=now,
    ).run()
    scene = replace(scene, appears=appears)
    return Rehearsal(name=sight.spot.name, findings=findings, scene=scene, records=records)


# --- the file ---


def _see(source: Connection, config: Config, options: SyncOptions, spelling: str, now: datetime) -> _Sight:
    """The file that `spelling` names, read, with its identity."""
    spot = _find(source, config, options, spelling)
    seen = survey(options.sources.roots, options.sources.selection, [spot.path])
    found = seen.files.get(spot.name)
    intake = Intake(reader=options.sources.reader, now=now, at_rest=True)
    taken = intake.take({spot.name: found})[spot.name] if found else None
    keys = keys_of(source, config, spot.name)
    if taken is None:
        stored = next(iter(articles.find_by_key(source, keys[-1:])), None)
        why = _absence(spot, next(iter(seen.findings.values()), None))  # about it, or a folder above it
        return _Sight(spot=spot, why=why, stored=stored, id=stored.row.id if stored else "")
    identities = Identities(source, options.id_base, options.sources.roots, now, set())
    identities.prepare({spot.name: taken.reading})
    if not isinstance(taken.reading, Ready):
        stored = identities.known(spot.name)
        return _Sight(spot=spot, reading=taken.reading, stored=stored, id=stored.row.id if stored else "")
    identity = identities.of(spot.name, taken.reading)
    if isinstance(identity, Duplicate):
        return _Sight(spot=spot, reading=taken.reading, duplicate=identity.finding)
    return _Sight(spot=spot, reading=taken.reading, id=identity.id, stored=identity.stored)


def _absence(spot: Spot, finding: Finding | None) -> str:
    if finding:
        return f"{finding.what}: {finding.hint}"
    if Path(spot.path).is_file():
        return "content.include and content.exclude leave the file out"
    return "the file is gone"


def _find(source: Connection, config: Config, options: SyncOptions, spelling: str) -> Spot:
    """Where the file is, or was: by its path, by what the store knows, else by looking into every file."""
    spots = spots_of(config, spelling)
    for spot in spots:
        if Path(spot.path).is_file():
            return spot
    keys = keys_of(source, config, spelling)
    for stored in sorted(articles.find_by_key(source, keys), key=lambda one: -one.key):
        for spot in spots_of(config, stored.row.path):
            if spot.name == stored.row.path:
                return spot
    found = next(_search(options, spelling), None)
    if found is None:
        raise unknown(spelling)
    return found


def _search(options: SyncOptions, spelling: str) -> Iterator[Spot]:
    """The files whose front matter gives the id or the link `spelling`; only those that hold it are read."""
    ending = spelling.removeprefix(options.id_base)
    needles = {ending.encode(), unquote(ending).encode()}
    found = survey(options.sources.roots, options.sources.selection)
    for root in options.sources.roots:
        for name, file in found.files.items():
            if name == root.name_of(file.relative) and _is(options, file, name, spelling, needles):
                yield Spot(root, file.relative)


def _is(options: SyncOptions, file: Found, name: str, spelling: str, needles: set[bytes]) -> bool:
    fetched = fetch(file.path, file.stamp)
    if not isinstance(fetched, Fetched) or not any(needle in fetched.data for needle in needles):
        return False
    reading = options.sources.reader.read(fetched.data, name=name, relative=file.relative)
    if not isinstance(reading, Read):
        return False
    given = reading.article.given_id
    return spelling in {reading.article.link, reading.url} or (
        bool(given) and spelling == make_id(options.id_base, given)
    )


# --- the pass ---


class _Play(Struct, frozen=True, kw_only=True):
    """One pass over one file, in memory."""

    source: Connection
    config: Config
    options: SyncOptions
    audiences: Sequence[Audience]
    sight: _Sight
    now: datetime

    @property
    def key(self) -> int | None:
        """Of the article that the file is or was, in the store."""
        return self.sight.stored.key if self.sight.stored else None

    def run(self) -> tuple[Scene, dict[str, Record]]:
        """The article after the pass, and what is on record of it at each target."""
        store = open_store("sqlite://")
        with store.begin() as copy, Crew() as crew:
            is_first_look = self._sync(copy, crew)
            after = next(iter(articles.find_by_id(copy, [self.sight.id])), None)
            key = after.key if after else None
            events = events_of(copy, key)
            announce(copy, self.audiences, policy_of(self.config), self.now)
            scene = self._scene(after, events, is_first_look=is_first_look)
            records = self._records(copy, key, events)
        store.dispose()
        return scene, records

    def _sync(self, copy: Connection, crew: Crew) -> bool:
        """What `build` does before it announces, for this file alone; whether it is the first look."""
        copy_article(self.source, copy, self.key)
        reading = self.options.sources.reader.fingerprint
        noted = journal.load(copy)
        reread = reconfigure(copy, noted, self.config, self.options.catalogue, reading, self.now)
        paths = [self.sight.spot.path]
        report = sync(
            copy, self.options, self.now, crew, paths=paths, allow_empty=True, at_rest=True, reread=reread
        )
        count_as_written(copy)
        return report.baseline

    def _scene(
        self, after: StoredArticle | None, events: Sequence[PastEvent], *, is_first_look: bool
    ) -> Scene:
        waits = any(not event.is_announced for event in events_of(self.source, self.key))
        return Scene(
            article_id=self.sight.id,
            article=load_article(after.row.body) if after else None,
            now=self.now,
            max_age=self.config.announce.max_age,
            obstacle=self._obstacle(after),
            happens=next((event.kind for event in reversed(events) if not event.is_announced), None),
            is_first_look=is_first_look,
            is_unwritten=waits and bool(journal.unwritten(self.source, {self.key or 0})),
        )

    def _obstacle(self, after: StoredArticle | None) -> Obstacle | None:
        """Why the file is no article that readers see; None: it is one, or its last good version is."""
        if after and after.row.status is Status.LIVE:
            return None
        reading = self.sight.reading
        if isinstance(reading, Broken):
            error = next(finding for finding in reading.findings if finding.level is Level.ERROR)
            return Obstacle(stage=Stage.FILE, reason=f"cannot be read: {error.what}", hint=error.hint)
        if isinstance(reading, Excluded):
            return Obstacle(stage=Stage.FILE, reason=f"kept out of the feeds: {reading.reason}")
        return Obstacle(stage=Stage.FILE, reason=self.sight.why or (after.row.reason if after else ""))

    def _records(self, copy: Connection, key: int | None, events: Sequence[PastEvent]) -> dict[str, Record]:
        met = targets.load(self.source)
        recorded = {row.id for row in self._rows(self.source, self.key)}
        published = [event.number for event in events if event.kind is EventKind.PUBLISHED]
        # What the pass adds has no id yet.
        rows = [row if row.id in recorded else replace(row, id=NO_ID) for row in self._rows(copy, key)]
        after = targets.load(copy)
        records = {}
        for audience in self.audiences:
            posted, receipt = deliveries.post_of(copy, audience.name, key or 0)
            target = after[audience.name]
            records[audience.name] = Record(
                rows=tuple(row for row in rows if row.target == audience.name),
                is_news=any(number > target.first_event for number in published),
                is_new=audience.name not in met,
                posted=posted,
                receipt=receipt,
                health=target.health,
                pace_until=pace_allows(self.source, audience.name, audience.pace, self.now),
            )
        return records

    @staticmethod
    def _rows(connection: Connection, key: int | None) -> list[AnnouncementRow]:
        selection = Selection(article_keys=(key or 0,))
        found = inquiry.select_for(connection, selection, newest=False)
        return [one.row for one in found if isinstance(one, ShownAnnouncement)]
