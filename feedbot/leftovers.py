"""Feeds that an earlier state, now lost, left behind, and that neither configuration nor articles ask for.

With that state they would be shown empty. Nobody else would keep what is withdrawn out of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from feedbot.model import FILENAMES, Feed
from feedbot.place import NOWHERE, DocumentRow, Place
from feedbot.render.addresses import INDEX, OPML, archives_folder, folder
from feedbot.store import articles, documents, feeds
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
    rows = [
        DocumentRow(path=path, feed_key=None, mtime_ns=NOWHERE, size=0, digest=None)
        for slug in slugs
        for path in _documents_of(place, slug)
    ]
    if rows:
        with engine.begin() as connection:
            documents.put(connection, rows)


def _folded(name: str) -> str:
    """A name whatever its spelling: some disks give another than the one they were given."""
    return unicodedata.normalize("NFC", name).casefold()


def _documents_of(place: Place, slug: str) -> Iterator[str]:
    """The paths of feedbot's documents in the folder of a feed, those of its archives too."""
    feed = Feed(slug=slug, title="")
    if place.holds_ours(folder(feed) + OPML):
        return  # the whole output of another feedbot
    archives = archives_folder(feed)
    numbers = [name for name in place.names_in(archives) if name.isdecimal()]
    for start in (folder(feed), *(f"{archives}{number}/" for number in numbers)):
        paths = [start + name for name in place.names_in(start) if name in NAMES]
        yield from filter(place.holds_ours, paths)
