"""A bucket as a place for documents: only if they differ, and nothing that is not ours, or newer.

Each document is one object with the bytes that a file would have, and the headers that feedbot's own server
gives such a document. A put names the object that the state knew of before the document was rendered; so a
process that was held up, and does not know that another has taken over, replaces nothing of the other's.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from itertools import takewhile
from math import inf
from typing import ParamSpec, TypeVar

from msgspec import Struct

from feedbot.errors import PublishError
from feedbot.kinds import TEXT, Kind, age_of, label_of
from feedbot.model import Document
from feedbot.places import NOWHERE, Confirm, DocumentFate, DocumentRow, Published, Stamp
from feedbot.places.bucket.objects import Object, Objects, Trouble

WRITERS = 16  # threads: waiting for the store is nearly all of the work
LOOK_EVERY = 600.0  # seconds between two looks at all objects, which take a request for each thousand of them

Given = ParamSpec("Given")
Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Bucket:
    """The documents below one prefix of a bucket.

    `is_ours` recognises feedbot's mark in bytes that the state knows nothing of; `max_age` is what caches are
    told of documents; `confirm` is called just before anything is put or removed, and raises if that must not
    be.
    """

    def __init__(
        self,
        objects: Objects,
        is_ours: Callable[[bytes], bool],
        max_age: timedelta,
        confirm: Confirm = lambda: inf,
    ) -> None:
        self._objects = objects
        self._is_ours = is_ours
        self._max_age = max_age
        self._confirm = confirm
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="writer")
        self._looked_at: float | None = None
        self._paths: list[str] | None = None  # of all objects there were at the last look, in order

    def prepare(self) -> None:
        """Nothing: an object is there as a whole or not at all."""

    def look(self, *, anew: bool = False) -> BucketLook:
        """List all objects, if that is due, or with `anew` in any case. Raises PublishError."""
        is_due = self._looked_at is None or time.monotonic() - self._looked_at >= LOOK_EVERY
        if not (anew or is_due):
            return BucketLook(None)
        with self._explained("read", ""):
            listing = self._wait_for(self._objects.list_all)
        if listing is None:
            log.warning(
                "%s holds objects whose names cannot be listed, such as a//b: give `feeds.path` a prefix of"
                " its own. Until then nobody notices when documents are removed or changed by others",
                self._objects.shown(""),
            )
        self._looked_at = time.monotonic()
        self._paths = None if listing is None else sorted(listing)
        return BucketLook(listing)

    def publish(self, documents: Sequence[Document], known: Mapping[str, DocumentRow]) -> list[Published]:
        """Put those that differ, pages last. Raises PublishError; what was put until then is whole."""
        results: dict[str, Published] = {}
        to_put: dict[bool, list[tuple[Document, str]]] = {False: [], True: []}
        for document in documents:
            digest = hashlib.sha256(document.body).hexdigest()
            if result := _unneeded(document, digest, known.get(document.path)):
                results[document.path] = result
            else:
                to_put[_is_page(document.path)].append((document, digest))
        for batch in to_put.values():
            results |= {result.path: result for result in self._put_all(batch, known)}
        return [results[document.path] for document in documents]

    def lend(self) -> None:
        """Nobody else has our connections to the store."""

    def remove(self, paths: Iterable[str]) -> None:
        """Remove documents that feedbot wrote. Raises PublishError."""
        self._confirm()
        with self._explained("remove documents from", ""):
            self._wait_for(self._objects.delete, list(paths))

    def names_in(self, path: str) -> list[str]:
        """What lies just below `path`, as of the last look if there was one. Raises PublishError."""
        if self._paths is None:
            with self._explained("read", path):
                return self._wait_for(self._objects.names_in, path)
        start = path.rstrip("/") + "/" if path else ""
        first = bisect_left(self._paths, start)
        below = takewhile(lambda one: one.startswith(start), self._paths[first:])
        return sorted({one[len(start) :].partition("/")[0] for one in below})

    def holds_ours(self, path: str) -> bool:
        """Whether a document with feedbot's mark lies at `path`. Raises PublishError."""
        body = self.read(path)
        return body is not None and self._is_ours(body)

    def read(self, path: str) -> bytes | None:
        """The bytes of the document at `path`, or None where there is none. Raises PublishError."""
        there = self._wait_for(self._get, path)
        return None if there is None else there.body

    def _wait_for(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """Let a thread wait for the store: this one has to hear signals meanwhile."""
        return self._writers.submit(work, *given, **named).result()

    def _put_all(
        self, batch: Sequence[tuple[Document, str]], known: Mapping[str, DocumentRow]
    ) -> Iterator[Published]:
        failed = threading.Event()  # a store that fails is not asked once more for each document

        def put(one: tuple[Document, str]) -> Published | None:
            if failed.is_set():
                return None
            try:
                return self._put(*one, known.get(one[0].path))
            except BaseException:
                failed.set()
                raise

        results = [self._writers.submit(put, one) for one in batch]
        wait(results)  # for all, also if one fails: nothing is to be put once this has returned
        for error in filter(None, (result.exception() for result in results)):
            raise error
        yield from (found for result in results if (found := result.result()))

    def _put(self, document: Document, digest: str, known: DocumentRow | None) -> Published:
        if not known and self._is_listed(document.path):
            return self._seen(document, digest, known)  # also where the store would not refuse the put
        expected = known.e_tag if known and known.e_tag else ""
        self._confirm()
        with self._explained("write", document.path):
            e_tag = self._objects.put(
                document.path, document.body, self._headers(document.path), expected=expected
            )
        if e_tag is None:
            return self._seen(document, digest, known)
        return _published(document, DocumentFate.WRITTEN, digest, e_tag)

    def _is_listed(self, path: str) -> bool:
        """Whether something was at `path` at the last look."""
        paths = self._paths or []
        at = bisect_left(paths, path)
        return paths[at : at + 1] == [path]

    def _seen(self, document: Document, digest: str, known: DocumentRow | None) -> Published:
        """What to make of something that was not expected in the place of a document."""
        there = self._get(document.path)
        if there is None:  # it was removed
            return Published(path=document.path, fate=DocumentFate.OVERTAKEN, mtime_ns=NOWHERE, e_tag="")
        if there.body == document.body and self._has_its_headers(document.path, there):
            return _published(document, DocumentFate.SAME, digest, there.e_tag)
        if not known and not self._is_ours(there.body):
            return Published(path=document.path, fate=DocumentFate.FOREIGN)
        return Published(
            path=document.path,
            fate=DocumentFate.OVERTAKEN,
            mtime_ns=NOWHERE,
            size=len(there.body),
            digest=hashlib.sha256(there.body).hexdigest(),
            e_tag=there.e_tag,
        )

    def _get(self, path: str) -> Object | None:
        with self._explained("read", path):
            there = self._objects.get(path)
        return there if isinstance(there, Object) else None

    def _headers(self, path: str) -> dict[str, str]:
        """What a document is told to be: what the server says of it, too."""
        label = label_of(path)
        kind, media_type = label or (Kind.STATIC, TEXT)
        age = age_of(kind, self._max_age)
        return {"Content-Type": media_type, "Cache-Control": f"public, max-age={age}"}

    def _has_its_headers(self, path: str, there: Object) -> bool:
        return all(there.headers.get(name) == value for name, value in self._headers(path).items())

    @contextmanager
    def _explained(self, verb: str, path: str) -> Iterator[None]:
        try:
            yield
        except Trouble as trouble:
            raise PublishError(
                f"cannot {verb} {self._objects.shown(path)}: {trouble.what}. The feeds that readers see are"
                f" whole; feedbot tries again at the next pass. What to do: {trouble.hint}"
            ) from trouble


class BucketLook(Struct, frozen=True):
    """What a listing found, by path; None where none was made."""

    listing: Mapping[str, str] | None

    def is_as_recorded(self, path: str, known: Stamp) -> bool:
        """Whether the object is the one that was put."""
        if known.mtime_ns == NOWHERE:
            return False
        return self.listing is None or self.listing.get(path, "") == known.e_tag

    def e_tag(self, path: str) -> str | None:
        """What the next put of this document has to expect."""
        return None if self.listing is None else self.listing.get(path, "")


def _unneeded(document: Document, digest: str, known: DocumentRow | None) -> Published | None:
    """The fate for a document that is in the bucket by all that is known."""
    if known and known.e_tag and known.mtime_ns != NOWHERE and known.digest == digest:
        return _published(document, DocumentFate.SAME, digest, known.e_tag)
    return None


def _published(document: Document, fate: DocumentFate, digest: str, e_tag: str) -> Published:
    size = len(document.body)
    return Published(path=document.path, fate=fate, size=size, digest=digest, e_tag=e_tag)


def _is_page(path: str) -> bool:
    label = label_of(path)
    return label is not None and label.kind is Kind.PAGE
