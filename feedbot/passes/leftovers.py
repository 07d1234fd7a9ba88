"""Documents that the state knows nothing of, in its place of the output, and that nobody asks for.

A pass that was cut short wrote some before it could note them, and then the configuration changed; an earlier
state, now lost, left them behind; or feeds come back to a place where they lay before. Nobody else would keep
what is withdrawn out of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from feedbot import redirects
from feedbot.kinds import INDEX
from feedbot.model import FILENAMES, Feed, Format
from feedbot.passes.index import touch_index
from feedbot.places import NOWHERE, DocumentRow, Place
from feedbot.render.addresses import OPML, archives_folder, opml_path
from feedbot.render.renderer import Renderer
from feedbot.store import archives, articles, documents, feeds, journal

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

NAMES = {INDEX, *FILENAMES.values()}  # of the documents in a feed's folder
OPMLS = {opml_path(format_) for format_ in Format}


def expect_leftovers(connection: Connection) -> None:
    """Note that other documents may be asked for now than were written."""
    journal.put(connection, "leftovers", "expected")


def adopt_leftovers(place: Place, engine: Engine, renderer: Renderer, *, keeps_archives: bool) -> None:
    """Take over the documents of ours that nobody asks for, if they are expected.

    On record they belong to no feed: what names all feeds is written last, and removes what it does not want.
    Raises PublishError; the next run goes on from there.
    """
    with engine.begin() as connection:
        if journal.get(connection, "leftovers") != "expected":
            return
        if not articles.are_there(connection):
            return  # a content folder that is not mounted asks for no feed either
        rows = [row for row in feeds.load(connection) if row.active]
        wanted = {
            _folded(row.slug): archives.newest_number(connection, row.key) if keeps_archives else 0
            for row in rows
        }
        knows_moves = feeds.has_moves(connection)
    found = list(_Leftovers(place, renderer, wanted, knows_moves=knows_moves).paths())
    with engine.begin() as connection:
        known = documents.find_paths(connection, found)
    ours = [path for path in found if path not in known and place.holds_ours(path)]
    with engine.begin() as connection:
        documents.put(connection, [_row(path) for path in ours])
        journal.put(connection, "leftovers", "")
        if ours:
            touch_index(connection)


def _row(path: str) -> DocumentRow:
    return DocumentRow(path=path, feed_key=None, mtime_ns=NOWHERE, size=0, digest=None)


class _Leftovers:
    """Looks for what is called like a document and lies where none is wanted."""

    def __init__(
        self, place: Place, renderer: Renderer, wanted: Mapping[str, int], *, knows_moves: bool
    ) -> None:
        """`wanted` are the folded slugs of the feeds there are, each with the number of its archives."""
        self._place = place
        self._wanted = wanted
        self._formats = {FILENAMES[format_] for format_ in renderer.formats}
        self._documents = self._formats | ({INDEX} if renderer.pages else set())
        self._at_top = self._formats | {INDEX} | {opml_path(format_) for format_ in renderer.formats}
        self._knows_moves = knows_moves

    def paths(self) -> Iterator[str]:
        """Where it lies."""
        yield from self._below("", (NAMES | OPMLS) - self._at_top)
        if self._knows_moves:  # or else the file may be the only one that does
            yield from self._below("", {redirects.PATH})
        yield from self._beyond_archives("")
        for name in self._place.names_in(""):
            if _folded(name) in self._wanted:
                yield from self._below(f"{name}/", NAMES - self._documents)
                yield from self._beyond_archives(name)
            elif not self._is_output(name):
                yield from self._below(f"{name}/", NAMES)
                yield from self._beyond_archives(name)

    def _is_output(self, name: str) -> bool:
        """Whether a folder is the whole output of another feedbot."""
        return OPML in self._place.names_in(f"{name}/") and self._place.holds_ours(f"{name}/{OPML}")

    def _beyond_archives(self, slug: str) -> Iterator[str]:
        """Archives in the folder of a feed that it has not, or not in such a format."""
        start = archives_folder(Feed(slug=slug, title=""))
        for name in self._place.names_in(start):
            if name.isdecimal():
                is_wanted = 1 <= int(name) <= self._wanted.get(_folded(slug), 0)
                yield from self._below(f"{start}{name}/", NAMES - self._formats if is_wanted else NAMES)

    def _below(self, folder: str, names: Collection[str]) -> Iterator[str]:
        return (folder + name for name in self._place.names_in(folder) if name in names)


def _folded(name: str) -> str:
    """A name whatever its spelling: some disks give another than the one they were given."""
    return unicodedata.normalize("NFC", name).casefold()
