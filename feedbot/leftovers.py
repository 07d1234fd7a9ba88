"""What an earlier state, now lost, left behind: feeds and archives that nothing asks for.

With that state they would be shown empty. Nobody else would keep what is withdrawn out of them. They are put
on record, and go with all that is not wanted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from feedbot.model import FILENAMES, Feed, Format
from feedbot.place import NOWHERE, DocumentRow, Place
from feedbot.render.addresses import INDEX, OPML, archives_folder, feed_path, folder
from feedbot.store import archives, articles, documents, feeds
from feedbot.store.feeds import FeedRow, Kind

if TYPE_CHECKING:
    from sqlalchemy import Engine

NAMES = {INDEX, *FILENAMES.values()}  # of the documents in a feed's folder


def adopt_feeds(place: Place, engine: Engine, changing: Iterable[FeedRow]) -> None:
    """Take over the documents of feeds that there are no more, before anything is rendered the first time.

    On record they belong to no feed: what names all feeds is written last, and removes what it does not want.
    Raises PublishError; the next run goes on from there.
    """
    if not any(row.kind is Kind.ALL and not row.rendered for row in changing):
        return
    with engine.begin() as connection:
        if not articles.are_there(connection):
            return  # a content folder that is not mounted asks for none of them either
        wanted = {_folded(row.slug) for row in feeds.load(connection) if row.active}
    slugs = [name for name in place.names_in("") if _folded(name) not in wanted]
    found = [path for slug in slugs for path in _documents_of(place, Feed(slug=slug, title=""))]
    _put_on_record(engine, found, None)


def adopt_archives(
    place: Place, engine: Engine, changing: Iterable[FeedRow], formats: Sequence[Format]
) -> None:
    """Take over the documents of archives that there are no more; `formats` are those of archives, if any.

    They belong to feeds that are about to be rendered for the first time, and go with what these do not want.
    Raises PublishError; the next run goes on from there.
    """
    for row in changing:
        if row.rendered or not row.active:
            continue
        feed = Feed(slug=row.slug, title="")
        paths = list(_in_archives(place, feed))
        if paths:
            with engine.begin() as connection:
                newest = archives.newest_number(connection, row.key)
            wanted = {
                feed_path(feed, format_, number) for number in range(1, newest + 1) for format_ in formats
            }
            left = (path for path in paths if path not in wanted)
            _put_on_record(engine, filter(place.holds_ours, left), row.key)


def _put_on_record(engine: Engine, paths: Iterable[str], feed_key: int | None) -> None:
    rows = [
        DocumentRow(path=path, feed_key=feed_key, mtime_ns=NOWHERE, size=0, digest=None) for path in paths
    ]
    if rows:
        with engine.begin() as connection:
            documents.put(connection, rows)


def _folded(name: str) -> str:
    """A name whatever its spelling: some disks give another than the one they were given."""
    return unicodedata.normalize("NFC", name).casefold()


def _documents_of(place: Place, feed: Feed) -> Iterator[str]:
    """The paths of feedbot's documents in the folder of a feed, those of its archives too."""
    if place.holds_ours(folder(feed) + OPML):
        return  # the whole output of another feedbot
    yield from filter(place.holds_ours, (*_in_folder(place, folder(feed)), *_in_archives(place, feed)))


def _in_archives(place: Place, feed: Feed) -> Iterator[str]:
    """What may be documents, by their paths, in the archives of a feed."""
    start = archives_folder(feed)
    for number in filter(str.isdecimal, place.names_in(start)):
        yield from _in_folder(place, f"{start}{number}/")


def _in_folder(place: Place, start: str) -> Iterator[str]:
    return (start + name for name in place.names_in(start) if name in NAMES)
