"""The documents that are served, held in memory and read again whenever they change.

It knows nothing of requests. `held` is quick and may be called at any time; `find` may read and compress, and
so belongs into a thread of its own. Both may be called from several threads at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple
from weakref import WeakValueDictionary

from feedbot.kinds import INDEX, Label, label_of
from feedbot.server.codings import encoded
from feedbot.server.document import ServedDocument, digest_of, make_document
from feedbot.server.headers import Terms
from feedbot.server.sources import Found, Source, Stamp

ROOM = 64 * 1024 * 1024  # bytes of documents held in memory, all codings together


class Slot(NamedTuple):
    """A document in memory, and by what it is known to be current."""

    stamp: Stamp
    document: ServedDocument


class Lane:
    """Lets one thread at a time read a document; goes when nobody is in it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class Shelf:
    """Documents by their path, read again whenever they changed; holds at most `room` bytes of them."""

    def __init__(self, source: Source, terms: Terms | None = None, room: int = ROOM) -> None:
        self._source = source
        self._terms = terms or Terms()
        self._room = room
        self._slots: OrderedDict[str, Slot] = OrderedDict()
        self._lock = threading.Lock()  # over the dictionaries, and `size`
        self._lanes: WeakValueDictionary[str, Lane] = WeakValueDictionary()  # by path
        self.size = 0  # bytes held

    def held(self, path: str) -> ServedDocument | None:
        """The document at `path`, if it is in memory and current."""
        slot = self._slots.get(path)
        if slot is None or not slot.stamp.is_current():
            return None
        with self._lock:
            if path in self._slots:
                self._slots.move_to_end(path)
        return slot.document

    def find(self, path: str) -> ServedDocument | None:
        """The document at `path`, or None: nothing that feedbot does not write, nothing hidden, no listing.

        Raises OSError when it is there and cannot be read.
        """
        label = label_of(path)
        if label is None:
            return None
        with self._lock:
            lane = self._lanes.setdefault(path, Lane())
        with lane.lock:  # those who wait for the same document find it held
            return self.held(path) or self._read(path, label)

    def is_folder(self, path: str) -> bool:
        """Whether `path` names a feed's folder. Raises OSError as `find` does."""
        return self.find(f"{path}/{INDEX}") is not None

    def _read(self, path: str, label: Label) -> ServedDocument | None:
        slot = self._slots.get(path)
        try:
            found = self._source.read(path, slot.stamp if slot else None)
        except OSError:
            self._drop(path)
            raise
        if isinstance(found, Found):
            document = self._document(path, label, slot.document if slot else None, found)
        elif found and slot:
            document = slot.document
        else:
            self._drop(path)
            return None
        self._hold(path, Slot(found.stamp, document))
        return document

    def _document(
        self, path: str, label: Label, before: ServedDocument | None, found: Found
    ) -> ServedDocument:
        """What was read as a document; where only the date is new, the codings are still good."""
        digest = digest_of(found.body)
        same = before is not None and before.digest == digest
        if before and same and before.modified == found.modified:
            return before
        bodies = before.bodies() if before and same else encoded(found.body)
        return make_document(path, label, digest, bodies, found.modified, self._terms)

    def _hold(self, path: str, slot: Slot) -> None:
        with self._lock:
            self._forget(path)
            self._slots[path] = slot
            self.size += slot.document.size
            while self.size > self._room:
                self._forget(next(iter(self._slots)))

    def _drop(self, path: str) -> None:
        with self._lock:
            self._forget(path)

    def _forget(self, path: str) -> None:
        if slot := self._slots.pop(path, None):
            self.size -= slot.document.size
