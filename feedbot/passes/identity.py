"""Which article a file is: decided at first sight and remembered.

In this order: the article that the file was before, unless its front-matter `id` now says another that there
is; the one with its `id`; the one that was read at its path and went, if it gave the same `id`, or none as
well; a renamed one, whose file just went and gave the same `id`, or where this one gives none, the same URL;
a new one, whose id is made of its path. What depends on files that come later in the same pass is decided
when all were met. Reads the store and writes nothing.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from feedbot.articletext import load_article
from feedbot.content.intake import Ready, Verdict
from feedbot.content.scan import Root, is_gone
from feedbot.model import Finding
from feedbot.slug import free_name
from feedbot.store import articles, files
from feedbot.store.articles import StoredArticle
from feedbot.store.files import UNTRUSTED, FileRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

RENAME_WINDOW = timedelta(hours=1)  # a tool may delete at one moment and create at the next


class Identity(Struct, frozen=True, kw_only=True):
    """An article's id, and its row if it was ever seen."""

    id: str
    stored: StoredArticle | None


class Duplicate(Struct, frozen=True, kw_only=True):
    """Another file has the id."""

    finding: Finding


@lru_cache(maxsize=2048)  # asked for a few times for each file of a batch
def make_id(id_base: str, name: str) -> str:
    """`id_base` and a path or a front-matter id, in the one spelling that ids are compared in (RFC 4151)."""
    return id_base + quote(unicodedata.normalize("NFC", name), safe="/")


@lru_cache(maxsize=2048)
def url_digest(url: str) -> str:
    """A short form of a front-matter URL that an index can hold; "" for no URL."""
    return hashlib.sha256(url.encode()).hexdigest()[:32] if url else ""


class Identities:
    """Tells articles apart during one sync; `gone` are the names of files that went.

    While many files move, some are met at their new place only, for the old one was looked at before they
    left it, or is to be looked at in the next pass: these are found to be gone as well.

    Files are met in batches, with `prepare` and `at_once`. What that leaves open is prepared once more when
    all were met, and told by `of`.
    """

    def __init__(
        self,
        connection: Connection,
        id_base: str,
        roots: Sequence[Root],
        now: datetime,
        gone: set[str],
    ) -> None:
        self.gone = gone
        self._roots = roots
        self._connection = connection
        self._id_base = id_base
        self._now = now
        self._is_first_look = not articles.are_there(connection)
        self._claimed: dict[str, str] = {}  # id -> name of the file that has it, in this sync
        self._rows: dict[str, FileRow] = {}
        self._by_key: dict[int, StoredArticle] = {}
        self._by_id: dict[str, StoredArticle] = {}
        self._by_path: dict[str, StoredArticle] = {}
        self._recent: dict[str, list[StoredArticle]] = {}  # by trace, those whose files went a while ago
        self._asked: set[str] = set()  # ids that front matter gives
        self._bearers: dict[str, str] = {}  # trace -> the file that came with it
        self._shared: set[str] = set()  # traces that several files came with
        self._left: dict[str, StoredArticle] = {}  # id -> article whose file says that it is another one

    def prepare(self, readings: Mapping[str, Verdict]) -> None:
        """Look up all that the files in `readings` may be."""
        if self._is_first_look:
            return  # each is new, or has the id of another of this sync
        reads = {name: reading for name, reading in readings.items() if isinstance(reading, Ready)}
        self._rows = files.find(self._connection, readings)
        keys = [row.article_key for row in self._rows.values() if row.article_key is not None]
        self._by_key = {found.key: found for found in articles.find_by_key(self._connection, keys)}
        given = {name: make_id(self._id_base, read.id) for name, read in reads.items() if read.id}
        self._asked.update(given.values())
        strangers = [name for name in reads if name not in self._rows or self._rows[name].article_key is None]
        ids = {self._wanted(name, reads[name]) for name in strangers} | set(given.values())
        self._by_id = {found.row.id: found for found in articles.find_by_id(self._connection, ids)}
        strangers += self._leave(given)
        coming = {name: reads[name] for name in strangers}
        self._by_path = _last_gone(articles.find_by_path(self._connection, coming), coming)
        self._prepare_renames(coming)

    def _leave(self, given: Mapping[str, str]) -> list[str]:
        """The known files that name another article's id, or whose own id another file names now.

        An id that is new to everybody and leaves nobody's behind is an edit: the article stays what it was.
        """
        leaving = []
        for name, id_ in given.items():
            stored = self._stored(name)
            if stored and stored.row.id != id_ and (id_ in self._by_id or stored.row.id in self._asked):
                self._left[stored.row.id] = stored
                del self._by_key[stored.key]
                leaving.append(name)
        return leaving

    def _prepare_renames(self, reads: Mapping[str, Ready]) -> None:
        traces = {name: trace for name, read in reads.items() if (trace := _trace(read))}
        self._shared |= {one for name, one in traces.items() if self._bearers.setdefault(one, name) != name}
        # What several came with tells nothing, and as many may have gone with it.
        telling = (read for name, read in reads.items() if traces.get(name) not in self._shared)
        digests = {url_digest(read.url) for read in telling if read.url}
        self._note_moved(
            {stored.row.path for stored in self._by_id.values() if stored.row.gone_us is None}
            | articles.paths_by_url(self._connection, digests)
        )
        since = self._now - RENAME_WINDOW
        self._recent = _by_trace(articles.find_gone(self._connection, digests, since=since))

    def _note_moved(self, names: Iterable[str]) -> None:
        """Count those of these files as gone that are not there any more."""
        moved = {name for name in names if name not in self.gone and is_gone(self._roots, name)}
        if moved:
            going, by_trace = self._going, self._going_by_trace  # of what was known to be gone
            found = self._articles_in(moved)
            going += found
            for trace, some in _by_trace(found).items():
                by_trace.setdefault(trace, []).extend(some)
            self.gone |= moved

    @cached_property
    def _going_by_trace(self) -> dict[str, list[StoredArticle]]:
        return _by_trace(self._going)

    @cached_property
    def _going(self) -> list[StoredArticle]:
        """The articles whose files are gone in this sync, as they stood before it."""
        return self._articles_in(self.gone)

    def _articles_in(self, names: Iterable[str]) -> list[StoredArticle]:
        """The articles that these files were."""
        rows = files.find(self._connection, names)
        keys = [row.article_key for row in rows.values() if row.article_key is not None]
        return articles.find_by_key(self._connection, keys)

    def known(self, name: str) -> StoredArticle | None:
        """The article that the file was before, if it was one, and which nobody else is then."""
        stored = self._stored(name)
        if stored:
            self._claimed[stored.row.id] = name
        return stored

    def _stored(self, name: str) -> StoredArticle | None:
        row = self._rows.get(name)
        return self._by_key.get(row.article_key) if row and row.article_key is not None else None

    def is_untrusted(self, name: str) -> bool:
        """Whether the file was known, and is read whatever its stat says."""
        row = self._rows.get(name)
        return row is not None and row.stamp == UNTRUSTED

    def at_once(self, name: str, read: Ready) -> Identity | Duplicate | None:
        """As `of`, but None if that depends on files that were not met yet."""
        if self._has_new_id(name, read):
            return None
        if stored := self.known(name) or self._return(name, read):
            return self._claim(name, stored)
        if self._rename(read) or self._holder(name, self._wanted(name, read)):
            return None
        return self._by_own_id(name, read)

    def of(self, name: str, read: Ready) -> Identity | Duplicate:
        """The identity of the article in the file `name`."""
        if stored := self.known(name) or self._return(name, read) or self._rename(read):
            return self._claim(name, stored)
        return self._by_own_id(name, read)

    def _claim(self, name: str, stored: StoredArticle) -> Identity:
        self._claimed[stored.row.id] = name
        return Identity(id=stored.row.id, stored=stored)

    def _has_new_id(self, name: str, read: Ready) -> bool:
        """Whether a known file gives an `id` that is new to all: another may ask for the one it had."""
        stored = self._stored(name) if read.id else None
        return bool(stored and stored.row.id != self._wanted(name, read) and _given_id(stored) != read.id)

    def unclaimed(self) -> list[StoredArticle]:
        """The articles whose files are gone, and that no other file turned out to be."""
        lost = {stored.row.id: stored for stored in (*self._going, *self._left.values())}
        return [stored for id_, stored in lost.items() if id_ not in self._claimed]

    def _wanted(self, name: str, read: Ready) -> str:
        return make_id(self._id_base, read.id) if read.id else self._own_id(name)

    def _own_id(self, name: str) -> str:
        """The id that the path of the file makes: it does not name the content folder itself."""
        relative = next(
            (name.removeprefix(start) for root in self._roots if name.startswith(start := f"{root.name}/")),
            name,
        )
        return make_id(self._id_base, relative)

    def _is_known_by_id(self, read: Ready) -> bool:
        """Whether there is an article with the `id` that the file gives."""
        return bool(read.id) and make_id(self._id_base, read.id) in self._by_id

    def _return(self, name: str, read: Ready) -> StoredArticle | None:
        """The article last read at this path, though its id may be made of an older path.

        An article whose file gave an `id` comes back with it alone: without, another has taken its place.
        """
        if self._is_known_by_id(read):
            return None
        stored = self._by_path.get(name)
        return stored if stored and self._is_free(stored) else None

    def _rename(self, read: Ready) -> StoredArticle | None:
        """The one article whose file went that left the trace of this one, if no other came with it.

        A file that came before, and was broken or held back until now, counts as one that comes.
        """
        trace = _trace(read)
        if not trace or trace in self._shared or self._is_known_by_id(read):
            return None
        left = (*self._going_by_trace.get(trace, ()), *self._recent.get(trace, ()))
        candidates = {stored.key: stored for stored in left if self._is_free(stored)}
        return next(iter(candidates.values())) if len(candidates) == 1 else None

    def _by_own_id(self, name: str, read: Ready) -> Identity | Duplicate:
        wanted = self._wanted(name, read)
        stored = self._by_id.get(wanted)
        if holder := self._holder(name, wanted):
            if read.id or self._own_id(holder) == wanted or not stored:
                return Duplicate(finding=_duplicate(name, read.id or wanted, holder))
            return self._beside(name, wanted)
        self._claimed[wanted] = name
        return Identity(id=wanted, stored=stored)

    def _holder(self, name: str, wanted: str) -> str:
        """The other file that has the id `wanted`, "" for none."""
        stored = self._by_id.get(wanted)
        holder = self._claimed.get(wanted) or (
            stored.row.path if stored and not self._is_free(stored) else ""
        )
        return holder if holder != name else ""

    def _beside(self, name: str, wanted: str) -> Identity:
        """An id for a file at a path whose own id went along with a renamed article."""

        def is_taken(id_: str) -> bool:
            return id_ in self._claimed or bool(articles.find_by_id(self._connection, [id_]))

        id_ = free_name(wanted, is_taken, "~")
        self._claimed[id_] = name
        return Identity(id=id_, stored=None)

    def _is_free(self, stored: StoredArticle) -> bool:
        """Whether no file has this article: its last one went, before or in this sync."""
        if stored.row.id in self._claimed:
            return False
        return stored.row.gone_us is not None or stored.row.path in self.gone or stored.row.id in self._left


def _last_gone(found: Iterable[StoredArticle], reads: Mapping[str, Ready]) -> dict[str, StoredArticle]:
    """By path the article whose file went last, of those that gave the `id` of the one there now, or none."""
    by_path: dict[str, StoredArticle] = {}
    for stored in sorted(found, key=lambda one: one.row.gone_us or 0, reverse=True):
        if stored.row.gone_us is not None and _given_id(stored) == reads[stored.row.path].id:
            by_path.setdefault(stored.row.path, stored)
    return by_path


def _given_id(stored: StoredArticle) -> str:
    """The id that the front matter of an article gave when it was read last; "": none."""
    return load_article(stored.row.body).given_id


def _trace(read: Ready) -> str:
    """What tells a file again under another name: its `id`, or else its URL; "" for neither."""
    return _trace_of_id(read.id) or url_digest(read.url)


def _trace_of_id(id_: str) -> str:
    return f"id {id_}" if id_ else ""


def _by_trace(gone: Iterable[StoredArticle]) -> dict[str, list[StoredArticle]]:
    """Articles by each of the traces that they left."""
    found: dict[str, list[StoredArticle]] = {}
    for stored in gone:
        for trace in {_trace_of_id(_given_id(stored)), stored.row.url_digest} - {""}:
            found.setdefault(trace, []).append(stored)
    return found


def _duplicate(name: str, id_: str, holder: str) -> Finding:
    return Finding(
        path=name,
        what=f"the id {id_!r} already belongs to {holder}, so this file is left out",
        hint="give one of the two files another `id`",
    )
