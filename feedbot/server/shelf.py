"""The documents of the output folder, held in memory and read again whenever they change.

It reads files and knows nothing of requests. `held` is quick and may be called at any time; `find` may read
and compress, and so belongs into a thread of its own. Both may be called from several threads at once.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from feedbot.server.codings import encoded
from feedbot.server.document import Document, digest_of, make_document
from feedbot.server.headers import Terms
from feedbot.server.kinds import INDEX, Label, label_of

ROOM = 64 * 1024 * 1024  # bytes of documents held in memory, all codings together
CLOCK_TICK = 20_000_000  # nanoseconds within which two changes of a file may bear the same time
LANES = 32  # documents that are read at the same time, at most; each is read by one thread

ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}

Stamp = tuple[int, ...]


class Slot(NamedTuple):
    """A document in memory, and what its file looked like when it was read."""

    file: str
    stamp: Stamp | None  # None: the file had changed a moment before, and may change again unnoticed
    document: Document


class Shelf:
    """Documents by their path, read again whenever their stat changes; holds at most `room` bytes of them."""

    def __init__(self, folder: Path, terms: Terms | None = None, room: int = ROOM) -> None:
        self._folder = folder
        self._terms = terms or Terms()
        self._room = room
        self._slots: OrderedDict[str, Slot] = OrderedDict()
        self._lock = threading.Lock()  # over `_slots` and `size`
        self._lanes = [threading.Lock() for _ in range(LANES)]
        self.size = 0  # bytes held

    def held(self, path: str) -> Document | None:
        """The document at `path`, if it is in memory and as it is on the disk."""
        slot = self._slots.get(path)
        if slot is None or slot.stamp is None:
            return None
        try:
            if stamp_of(slot.file) != slot.stamp:
                return None
        except OSError:
            return None
        with self._lock:
            if path in self._slots:
                self._slots.move_to_end(path)
        return slot.document

    def find(self, path: str) -> Document | None:
        """The document at `path`, or None: nothing outside the folder, nothing hidden, no listing.

        Raises OSError when it is there and cannot be read.
        """
        label = label_of(path)
        if label is None:
            return None
        try:
            with self._lanes[hash(path) % LANES]:  # those who wait for the same document find it held
                return self.held(path) or self._read(path, label)
        except UnicodeEncodeError:  # not a name that a file can have
            return None
        except OSError as error:
            self._drop(path)
            if error.errno in ABSENT:
                return None
            raise

    def is_folder(self, path: str) -> bool:
        """Whether `path` names a feed's folder. Raises OSError as `find` does."""
        return self.find(f"{path}/{INDEX}") is not None

    def _read(self, path: str, label: Label) -> Document | None:
        target = self._folder / path
        target.stat()
        resolved = target.resolve(strict=True)
        if not resolved.is_relative_to(self._folder.resolve()):
            self._drop(path)
            return None  # a symbolic link that leads out
        found = read_whole(resolved)
        if found is None:
            self._drop(path)
            return None
        body, stamp, modified = found
        document = self._document(path, label, body, modified)
        self._hold(path, Slot(str(target), stamp, document))
        return document

    def _document(self, path: str, label: Label, body: bytes, modified: int) -> Document:
        """What was read as a document; where only the date is new, the codings are still good."""
        digest, slot = digest_of(body), self._slots.get(path)
        same = slot is not None and slot.document.digest == digest
        if slot and same and slot.document.modified == modified:
            return slot.document
        bodies = slot.document.bodies() if slot and same else encoded(body)
        return make_document(path, label, digest, bodies, modified, self._terms)

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


def read_whole(file: Path) -> tuple[bytes, Stamp | None, int] | None:
    """The bytes of a file, its stamp, and its modification time in seconds; None if it is no regular file.

    The stamp is None if the file changed so shortly before that another change might leave it as it is.
    """
    began = time.time_ns()
    # Without waiting, should it be a pipe; and the stat of what is open, for the path may be replaced.
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None
        body = opened.read()
    is_settled = began - status.st_ctime_ns > CLOCK_TICK
    return body, _stamp(status) if is_settled else None, -(-status.st_mtime_ns // 10**9)


def stamp_of(file: str) -> Stamp:
    """What tells one state of a file from another. Raises OSError."""
    return _stamp(os.stat(file))  # noqa: PTH116 - done for each request, and Path takes twice as long


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)
