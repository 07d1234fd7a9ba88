"""Archives (RFC 5005, section 4): documents with what a feed shows no more, which nothing new ever changes.

An archive is closed when an article would otherwise be lost from view, so each article is in its feed's own
document or in an archive, or in both. Which articles are in it is decided in the store once and for all; its
documents are written before that of the feed, which leads to them, and again when one of its articles changes
or goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from feedbot.batches import batches
from feedbot.crew import Crew
from feedbot.passes.membership import Catalogue
from feedbot.passes.output import Output, Owner, RefreshReport
from feedbot.passes.printing import Order, Work, known_of, print_all, publish_all
from feedbot.render.addresses import Part
from feedbot.render.renderer import Job, Renderer
from feedbot.store import activity, archives, documents, feeds
from feedbot.store.archives import NONE_OPEN, ArchiveRow
from feedbot.store.db import EPOCH
from feedbot.store.feeds import FeedRow

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

ARTICLES = 50  # in an archive, at the most
AT_ONCE = 32  # archives written side by side
PLENTY = 100  # archives whose rendering is worth further processes


def archive_size(limit: int) -> int:
    """How many articles make an archive of a feed that shows `limit`.

    Fewer than it shows, if it shows more than a few: the newest stay open, for they are the ones that are
    corrected.
    """
    return min(ARTICLES, limit - limit // 5)


def close_due(connection: Connection, feed_key: int, limit: int) -> None:
    """Close archives until the feed shows all articles that are in none, the oldest first."""
    known_us = archives.lock(connection, feed_key)
    last = archives.last_shown(connection, feed_key, limit)
    number = archives.newest_number(connection, feed_key)
    open_us = NONE_OPEN
    for batch in batches(archives.find_open(connection, feed_key, known_us), archive_size(limit)):
        if last is None or not batch[0].is_older_than(last):
            open_us = batch[0].published_us
            break
        number += 1
        archives.close(connection, feed_key, number, [member.article_key for member in batch])
    if open_us != known_us:
        archives.put_open(connection, feed_key, open_us)


class Archives:
    """The archives of all feeds of one configuration; safe to repeat after any interruption."""

    def __init__(self, catalogue: Catalogue, renderer: Renderer, output: Output, engine: Engine) -> None:
        self._catalogue = catalogue
        self._renderer = renderer
        self._output = output
        self._engine = engine

    def close(self, rows: Sequence[FeedRow]) -> None:
        """Close what is due in these feeds, before they are rendered.

        What is due follows from the state of the feed. If another process changes it after this, the feed is
        not as it was loaded, and is rendered once more.
        """
        if not self._catalogue.keeps_archives:
            return
        with self._engine.begin() as connection:
            sizes = activity.sizes(connection, [row.key for row in rows])
        for row in rows:
            limit = self._catalogue.choice(row).limit if row.active else 0
            if 0 < limit < sizes[row.key]:  # others show all that they have, or nothing at all
                with self._engine.begin() as connection:
                    close_due(connection, row.key, limit)

    def refresh(self, crew: Crew, report: RefreshReport) -> list[str]:
        """Render and write the archives that changed; returns the paths of their documents that are to go.

        Raises PublishError; the next run goes on from there.
        """
        with self._engine.begin() as connection:
            stale = archives.load_stale(connection)
            rows = {row.key: row for row in feeds.load(connection)} if stale else {}
        pays = crew.pays(len(stale), PLENTY)
        orders = self._orders(stale, rows, lend=pays)
        printed = print_all(crew, self._renderer, orders, pays=pays)
        unwanted: list[str] = []
        for batch in batches(zip(stale, printed, strict=True), AT_ONCE):
            unwanted += self._write_all(batch, report)
        return unwanted

    def _orders(
        self, stale: Iterable[ArchiveRow], rows: Mapping[int, FeedRow], *, lend: bool
    ) -> Iterator[Order]:
        """What is needed to print each archive, read from the store when its turn comes."""
        for archive in stale:
            place = self._output.place.lend() if lend else None
            with self._engine.begin() as connection:
                known = documents.of_archives(connection, [archive.key])
                job = self._job(connection, archive, rows[archive.feed_key])
            yield Order(job=job, known=known, place=place)

    def _job(self, connection: Connection, archive: ArchiveRow, row: FeedRow) -> Job:
        if not (row.active and self._catalogue.keeps_archives):
            return Job(feed=None)
        choice = self._catalogue.choice(row)
        bodies = archives.bodies(connection, archive)
        # An empty archive must not show when the feed changed last: that is none of its business.
        feed = replace(choice.feed, updated=EPOCH)
        part = Part(archive=archive.number, before=archive.number - 1)
        return Job(feed=feed, part=part, full=choice.full, bodies=tuple(bodies))

    def _write_all(self, batch: Sequence[tuple[ArchiveRow, Work]], report: RefreshReport) -> list[str]:
        """Write what is left of some archives; returns the paths of their documents that are to go."""
        works = [work for _, work in batch]
        results, known = publish_all(self._output.place, works), known_of(works)
        owners = {Owner(feed_key=one.feed_key, archive_key=one.key): one for one, _ in batch}
        with self._engine.begin() as connection:
            published = dict(zip(owners, results, strict=True))
            recorded = self._output.record(connection, published, known, report)
            for owner in recorded.whole:  # the others stay to be done
                archives.note_rendered(connection, owners[owner])
        return recorded.unwanted
